"""How each cause is mended: the plan's steps where a machine can do it, and always the exact commands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from shlex import quote

from k8srun import steps
from k8srun.diagnosis import Fix
from k8srun.errors import RefusedError
from k8srun.kinds import SERVICE
from k8srun.network.diagnosis_case import Case
from k8srun.network.fixes import Wanted, allow_steps
from k8srun.network.pods import Pod
from k8srun.network.policy import Direction
from k8srun.network.services import Service
from k8srun.network.way import resolvers
from k8srun.plan import Action, Step
from k8srun.text import visible

_INDEX = re.compile(r"/(\d+)(?=/|$)")
_SWITCH_ON = {
    "Flannel": ("helm upgrade flannel flannel/flannel -n kube-flannel --reuse-values --set netpol.enabled=true",),
    "AWS VPC CNI": (
        """aws eks update-addon --cluster-name NAME --addon-name vpc-cni \
  --configuration-values '{"enableNetworkPolicy": "true"}'""",
    ),
    "Cilium": ("cilium config set enable-policy default",),
    "k3s": ("# remove --disable-network-policy from every server's flags, and restart k3s",),
    "kube-router": ("# start kube-router with --run-firewall=true",),
    "Kube-OVN": ("# start kube-ovn-cni with --enable-np=true",),
}


def allow_fix(case: Case, direction: Direction | None = None) -> Fix:
    """Let the connection through. Raises RefusedError where no NetworkPolicy can."""
    found = allowing(case)
    summary = "; ".join(f"{_where(step)}: {step.reason}" for step in found) or "nothing is to be allowed"
    return Fix(visible(summary[:1].upper() + summary[1:], limit=900), tuple(commands(found)))


def allowing(case: Case) -> tuple[Step, ...]:
    """The steps that let the connection through, and DNS before it where a name is asked for."""
    start, end, answer = case.start, case.end, case.answer
    if start is None or end is None or answer is None:
        return ()
    wanted = Wanted(start.sides, end.sides, tuple(_ports(case)))
    return (*resolving(case), *allow_steps(case.world.snapshot, case.world.policies, wanted))


def resolving(case: Case) -> tuple[Step, ...]:
    """The steps that let the source ask DNS, where it must and may not."""
    start, end = case.start, case.end
    service = dns_service(case)
    if start is None or service is None or not (end is None or end.by_name):
        return ()
    pods = tuple(pod for pod in start.sides if isinstance(pod, Pod) and not pod.host_network)
    ports = {
        (port.protocol, number)
        for port in service.ports
        if port.protocol in {"UDP", "TCP"} and port.number == 53
        if (number := service.target(port, service.pods[0]))
    }
    wanted = Wanted(pods, service.pods, tuple(sorted(ports, reverse=True)) or (("UDP", 53), ("TCP", 53)))
    try:
        return allow_steps(case.world.snapshot, case.world.policies, wanted)
    except RefusedError:
        return ()


def dns_service(case: Case) -> Service | None:
    """The Service of the cluster's DNS, if it is there with pods behind it."""
    return next((service for service, _port in resolvers(case.world)), None)


def _ports(case: Case) -> Iterator[tuple[str, int]]:
    """The ports of the destination's pods: a Service's may mean different ones."""
    answer, end = case.answer, case.end
    if answer is None or end is None:
        return
    service = end.service
    port = service.port(end.port or case.ends.port.partition("/")[0], answer.protocol) if service else None
    numbers = {answer.port} if answer.port else set()
    if service and port:
        numbers |= {number for pod in service.pods if (number := service.target(port, pod))}
    yield from ((answer.protocol, number) for number in sorted(numbers))


def selector_step(case: Case) -> Step | None:
    """Let a Service select the pods that it is surely meant for: those of the one workload of its name."""
    service = case.end.service if case.end else None
    if service is None or service.pods:
        return None
    meant = _meant_by(case, service)
    item = case.world.snapshot.find(SERVICE, service.name, service.namespace)
    if item is None or not meant:
        return None
    wanted = {key: meant[0].labels.values[key] for key in _telling(meant)}
    if not wanted:
        return None
    operation = {"op": "replace", "path": "/spec/selector", "value": wanted}
    shown = ", ".join(f"{key}={value}" for key, value in wanted.items())
    return steps.patch(item, [operation], f"let its selector mean the pods of {meant[0].workload}: {shown}")


def _meant_by(case: Case, service: Service) -> list[Pod]:
    found = case.world.workloads.get((service.namespace, service.name), {})
    return next(iter(found.values()), []) if len(found) == 1 else []


def _telling(pods: list[Pod]) -> list[str]:
    for key in ("app", "app.kubernetes.io/name", "k8s-app", "name"):
        if key in pods[0].labels.values:
            return [key]
    return []


def target_port_step(case: Case) -> Step | None:
    """Let a Service's port mean the one port of that protocol that its pods declare."""
    service = case.end.service if case.end else None
    if service is None or not service.pods:
        return None
    item = case.world.snapshot.find(SERVICE, service.name, service.namespace)
    asked = (case.end.port if case.end else "") or case.ends.port.partition("/")[0]
    port = service.port(asked, case.answer.protocol if case.answer else "TCP")
    if item is None or port is None:
        return None
    declared = {one.name or one.number for one in service.pods[0].ports if one.protocol == port.protocol}
    if len(declared) != 1:
        return None
    index = service.ports.index(port)
    target = declared.pop()
    operation = {"op": "replace", "path": f"/spec/ports/{index}/targetPort", "value": target}
    return steps.patch(item, [operation], f"let targetPort of port {port.number} be {target}, which the pods declare")


def step_fix(step: Step | None, otherwise: str) -> Fix:
    """A step as a fix; without one, what a person has to find out."""
    if step is None:
        return Fix(otherwise)
    return Fix(visible(f"{_where(step)}: {step.reason}", limit=900), tuple(commands((step,))))


def switch_on(plugin: str) -> Fix:
    """Make a network plugin enforce policies."""
    do = _SWITCH_ON.get(plugin, ("# install a network plugin that enforces policies, such as Calico or Cilium",))
    return Fix(f"Let {plugin} enforce network policies, or add something that does", do)


def commands(found: Iterable[Step]) -> Iterator[str]:
    """The same with kubectl."""
    for step in found:
        target = step.target
        if target is None:
            continue
        if step.action is Action.CREATE:
            yield f"kubectl create -f - <<'EOF'\n{json.dumps(step.body, indent=1)}\nEOF"
            continue
        changes = json.dumps([dict(one) for one in step.patch if one["op"] != "test"])
        what = f"{target.kind.lower()} {quote(target.name)} -n {quote(target.namespace)}"
        yield f"kubectl patch {what} --type=json -p {quote(changes)}"


def _where(step: Step) -> str:
    target = step.target
    if target is None:
        return step.subject
    name = f"{target.kind} {target.namespace}/{target.name}"
    return f"create {name}" if step.action is Action.CREATE else f"in {name} change {_places(step)}"


def _places(step: Step) -> str:
    """`/spec/ingress/0/from/-` as people write it: `spec.ingress[0].from`."""
    paths = (str(one["path"]).removesuffix("/-").strip("/") for one in step.patch if one["op"] != "test")
    return ", ".join(dict.fromkeys(_INDEX.sub(r"[\1]", path).replace("/", ".") for path in paths))
