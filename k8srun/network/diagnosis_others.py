"""What else makes a connection fail: Services, pods, the network plugin, nodes; and what the text alone tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from shlex import quote

from k8srun.diagnosis import CauseStatus, Fix
from k8srun.findings import Evidence
from k8srun.network.cni import Enforcement
from k8srun.network.decision import Verdict
from k8srun.network.diagnosis_case import Case, Judged
from k8srun.network.diagnosis_fixes import (
    allow_fix,
    selector_step,
    step_fix,
    switch_on,
    target_port_step,
)
from k8srun.network.diagnosis_names import NO_ANSWER, OF_NAMES, enforced, judged_as, obstacle
from k8srun.network.obstacle import Obstacle
from k8srun.network.pods import Pod
from k8srun.network.question import flow
from k8srun.network.symptoms_catalogue import Failure
from k8srun.text import plural

_OF_SERVICE = ("service-selector-matches-nothing", "service-without-endpoints", "service-port-not-found",
               "target-port-not-found", "pods-not-ready")  # fmt: skip
_ANSWERED = frozenset({Failure.REFUSED, Failure.RESET, Failure.PROXY_REFUSED, Failure.LOOPBACK})


def judge_others(case: Case) -> Iterator[Judged]:
    """Every cause that is neither a name nor a rule of a policy, as far as it can be one for this failure."""
    if case.places.api_server:
        yield from _api_server(case)
        return
    yield from _service(case)
    yield from _host_network(case)
    yield from _plugin(case)
    yield from _layers(case)
    yield from _rest(case)


def _service(case: Case) -> Iterator[Judged]:
    service = case.end.service if case.end else None
    if service is None:
        return
    blocked = False
    for cause in _OF_SERVICE:
        found = obstacle(case, cause)
        if found is None or not found.blocks:
            continue
        blocked = True
        telling = case.failure not in {Failure.REACHED, Failure.LOOPBACK, *OF_NAMES}
        status = CauseStatus.CONFIRMED if telling else CauseStatus.OPEN
        yield judged_as(cause, status, Evidence(found.message, found.where), fix=_service_fix(case, cause, found))
    if not blocked:
        ready = sum(pod.ready is not False for pod in service.pods)
        facts = [Evidence(f"{plural(ready, 'ready pod')} behind it", service.resource)]
        partly = obstacle(case, "some-pods-not-ready")
        if partly:
            facts.append(Evidence(partly.message, partly.where))
        yield judged_as("service-without-endpoints", CauseStatus.RULED_OUT, *facts)


def _service_fix(case: Case, cause: str, found: Obstacle) -> Fix:
    if cause == "service-selector-matches-nothing":
        return step_fix(selector_step(case), f"{found.where}: {found.do}")
    if cause == "target-port-not-found":
        return step_fix(target_port_step(case), f"{found.where}: {found.do}")
    if cause == "pods-not-ready" and case.end and case.end.service:
        pod = case.end.service.pods[0]
        name = f"-n {quote(pod.namespace)} {quote(pod.name)}"
        look = (f"kubectl describe pod {name}", f"kubectl logs {name} --all-containers --tail=50")
        return Fix(found.do, look)
    return Fix(found.do)


def _host_network(case: Case) -> Iterator[Judged]:
    """A pod on its node's network that rules mean by its labels: they do not see it."""
    found = case.answer.flow if case.answer else None
    if found is None or not isinstance(found.source, Pod) or not found.source.host_network:
        return
    fact = Evidence("hostNetwork: true", f"Pod {found.source.namespace}/{found.source.name}")
    protocol, port = (case.answer.protocol, case.answer.port) if case.answer else ("TCP", 0)
    ordinary = replace(found.source, host_network=False)
    by_labels = flow(case.world.policies, ordinary, found.destination, protocol, port).ingress
    by_address = [
        flow(case.world.policies, address, found.destination, protocol, port).ingress.verdict
        for address in found.source.addresses
    ]
    if not found.ingress.isolated_by or not by_address or Verdict.ALLOWED in by_address:
        yield judged_as("host-network", CauseStatus.RULED_OUT, fact, Evidence("its node's address is let in"))
        return
    seen = ", ".join(map(str, found.source.addresses))
    facts = (
        fact,
        Evidence(f"it sends from its node's address {seen}, which no rule lets in", found.ingress.isolated_by[0]),
        *((Evidence("by its labels it would be let in", f"{by_labels.policy} {by_labels.rule}"),)
          if by_labels.verdict is Verdict.ALLOWED else ()),
    )  # fmt: skip
    confirmed = case.failure in NO_ANSWER and by_labels.verdict is Verdict.ALLOWED and enforced(case)
    fix = replace(allow_fix(case), where="as an ipBlock of the nodes' addresses; a new node needs its own")
    status = CauseStatus.CONFIRMED if confirmed else CauseStatus.OPEN
    yield judged_as("host-network", status, *facts, fix=fix)


def _plugin(case: Case) -> Iterator[Judged]:
    cni, answer = case.world.cni, case.answer
    where = "; ".join(map(str, cni.evidence))
    yield from _agent(case, where)
    isolated = answer is not None and bool(answer.egress.isolated_by or answer.ingress.isolated_by)
    if cni.enforcement is Enforcement.INERT and isolated:
        reached = case.failure in {Failure.REACHED, None}
        facts = Evidence(f"{cni.name} does not enforce policies: whatever they say, the traffic passes", where)
        status = CauseStatus.CONFIRMED if reached else CauseStatus.OPEN
        yield judged_as("cni-does-not-enforce", status, facts, fix=switch_on(cni.name))
    elif case.failure is Failure.REACHED and cni.enforcement is Enforcement.ENFORCED:
        yield judged_as("cni-does-not-enforce", CauseStatus.RULED_OUT, Evidence(f"{cni.name} enforces them", where))
    elif case.failure is Failure.REACHED:
        yield judged_as(
            "cni-does-not-enforce", CauseStatus.OPEN, Evidence("it is not known which network plugin there is")
        )
    if case.failure is Failure.REACHED and answer and answer.verdict is Verdict.ALLOWED:
        said = (
            Evidence(answer.egress.reason, answer.egress.policy),
            Evidence(answer.ingress.reason, answer.ingress.policy),
        )
        fix = Fix("Isolate the destination: a default deny for its namespace, with the list of what is needed",
                  (f"k8srun run default-deny -p namespace={quote(case.ends.destination.split('/')[-2])}",)
                  if "/" in case.ends.destination else ())  # fmt: skip
        yield judged_as("no-policy-forbids", CauseStatus.CONFIRMED, *said, fix=fix)


def _agent(case: Case, where: str) -> Iterator[Judged]:
    """Whether the network plugin's agent is ready on every node where a pod of the connection runs."""
    cni, pods = case.world.cni, [*case.pods()]
    lame = sorted({pod.node for pod in pods if pod.node in cni.not_ready})
    if lame:
        denied = case.answer is not None and case.answer.verdict is Verdict.DENIED
        confirmed = not denied and case.failure in {*NO_ANSWER, Failure.DNS_TIMEOUT, Failure.RESET}
        yield agent_not_ready(case, lame, CauseStatus.CONFIRMED if confirmed else CauseStatus.OPEN)
    elif cni.evidence:
        fact = Evidence(f"every {cni.name} agent that concerns this is ready", where)
        yield judged_as("cni-agent-not-ready", CauseStatus.RULED_OUT, fact)


def agent_not_ready(case: Case, lame: Sequence[str], status: CauseStatus) -> Judged:
    """The cause for the nodes `lame`, whose agent is not ready."""
    cni, pods = case.world.cni, [*case.pods()]
    count = sum(pod.node in lame for pod in pods)
    ours = f"; {count} of the {len(pods)} pods of this run there" if pods else ""
    said = f"the {cni.name} agent of {', '.join(lame)} is not ready{ours}"
    own = next((fact.where for fact in cni.evidence if fact.fact == "DaemonSet"), "kube-system/AGENT")
    space, agent = map(quote, own.split("/", 1))
    node = quote(lame[0])
    look = (
        f"kubectl get pods -n {space} -o wide --field-selector spec.nodeName={node}",
        f"kubectl logs -n {space} daemonset/{agent} --tail=50  # of the pod on {lame[0]}",
        f"kubectl describe node {node}",
    )
    fix = Fix(f"Mend {agent} on {lame[0]} first: its pods have the routes and rules of when it was last ready", look)
    return judged_as("cni-agent-not-ready", status, Evidence(said, "; ".join(map(str, cni.evidence))), fix=fix)


def _layers(case: Case) -> Iterator[Judged]:
    for layer in case.world.network.layers:
        yield judged_as(
            "another-layer",
            CauseStatus.OPEN,
            Evidence(layer),
            look_at=("kubectl get networkpolicies,ciliumnetworkpolicies,authorizationpolicies -A",),
        )


def _api_server(case: Case) -> Iterator[Judged]:
    """A client outside of the cluster that does not reach the API server: no policy is on that way."""
    told = case.places
    address = f"{told.host or 'HOST'}:{told.port or 6443}"
    if address == "localhost:8080":
        fact = Evidence("localhost:8080 is where kubectl looks when no kubeconfig names a server", "the message")
        look = (
            "kubectl config view",
            "echo $KUBECONFIG; ls -l ~/.kube/config  # as who ran kubectl, not as root",
        )
        yield judged_as("no-kubeconfig", CauseStatus.OPEN, fact, look_at=look)
    ways = (
        f"k8srun diagnose --endpoint {quote(address)}  # does anything answer there, and with which certificate?",
        "crictl ps -a | grep -e kube-apiserver -e etcd  # on a control-plane node",
        "journalctl -u kubelet -n 50  # there, if neither runs",
    )
    yield judged_as("api-server-unreachable", CauseStatus.OPEN, look_at=ways)


def _rest(case: Case) -> Iterator[Judged]:
    """What no snapshot shows: open, with the way to close it; only for failures that look like it."""
    found = case.answer.flow if case.answer else None
    pod = found.destination if found and isinstance(found.destination, Pod) else None
    name = f"-n {quote(pod.namespace)} {quote(pod.name)}" if pod else "-n NAMESPACE POD"
    port = (case.answer.port if case.answer else 0) or case.places.port or "PORT"
    if case.failure in _ANSWERED:
        facts = []
        declared = obstacle(case, "port-not-declared")
        if declared:
            facts.append(Evidence(declared.message, declared.where))
        look = (
            f"kubectl debug {name} -it --image=busybox:1.37 -- netstat -tln  # who listens, on which address",
            f"kubectl port-forward {name} {port}  # past every policy and Service: does it answer?",
        )
        yield judged_as("nothing-listens", CauseStatus.OPEN, *facts, look_at=look)
    denied = case.answer is not None and case.answer.verdict is Verdict.DENIED
    if denied and enforced(case):
        return  # policies explain it, and what else there may be shows once they let it through
    if case.failure in NO_ANSWER:
        ways = (
            f"kubectl port-forward {name} {port}  # past every policy: if it answers, it is the network between",
            "kubectl get nodes -o wide; kubectl get pods -A -o wide --field-selector status.phase!=Running",
            "ping and a large packet between the two nodes: firewall rules of nodes and cloud, MTU of the overlay",
        )
        yield judged_as("network-or-firewall", CauseStatus.OPEN, look_at=ways)
    if case.failure in {*NO_ANSWER, Failure.TLS, Failure.HTTP_STATUS}:
        yield judged_as(
            "overloaded", CauseStatus.OPEN, look_at=(f"kubectl top pod {name}; kubectl logs {name} --tail=50",)
        )
