"""Plans around workloads: a pull secret for a workload or its ServiceAccount, another level for a namespace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from k8srun import steps
from k8srun.errors import InputError, RefusedError
from k8srun.jsonpatch import Operation, find, pointer
from k8srun.kinds import JOB, NAMESPACE, SECRET, SERVICE_ACCOUNT
from k8srun.plan import Plan, Question
from k8srun.pods import ENDED, TEMPLATE_PATHS, PodTemplate, containers, pods, unreadable, workloads
from k8srun.snapshot import JsonObject, Snapshot, object_key
from k8srun.text import plural
from k8srun.workloads.admission import relabel
from k8srun.workloads.fixes import cluster_of, named, planner_of, require_changeable, restart_of
from k8srun.workloads.images import parse_image
from k8srun.workloads.policy import PREFIX, LevelVersion, Mode
from k8srun.workloads.posture import unread_in
from k8srun.workloads.pull_secrets import PullSecrets, SecretState, pull_secrets
from k8srun.workloads.server import server_pod_security
from k8srun.workloads.standards.evaluate import evaluate
from k8srun.workloads.standards.subject import read_subject


def pull_secret_plan(snapshot: Snapshot, template: PodTemplate, secret: str, *, to_account: bool = False) -> Plan:
    """Let a workload pull with a Secret that is there.

    Args:
        secret: its name, in the workload's namespace.
        to_account: attach it to the ServiceAccount, for every pod that is made with it from now on.

    Raises:
        InputError: the Secret is not there, cannot be used, is for none of the workload's registries, or is attached
            already; or the pod spec cannot be read.
        RefusedError: the kind does not let its template change.
    """
    read_subject(template)  # what cannot be read as a pod spec is refused before anything is made of it
    _require_useful(snapshot, template, secret)
    if to_account:
        return _to_account(snapshot, template, secret)
    require_changeable(template)
    listed = list(template.spec.get("imagePullSecrets") or ())
    _require_new(listed, secret, template.ref)
    # A pod that lists any gets none of its ServiceAccount's: those that it had by that way must stay.
    found = PullSecrets() if listed else pull_secrets(snapshot, template)
    inherited = [{"name": one.name} for one in found.secrets]
    path = pointer(*TEMPLATE_PATHS[template.kind], "spec", "imagePullSecrets")
    value = [*listed, *inherited, {"name": secret}]
    impact = [restart_of(snapshot, template)]
    if inherited:
        names = ", ".join(entry["name"] for entry in inherited)
        impact.append(f"It lists the pull secrets of its ServiceAccount too ({names}), which it would otherwise lose.")
    elif found.gaps:
        impact.append(f"Loses the pull secrets of its ServiceAccount, if that has any: not known ({found.gaps[0]}).")
    return _plan(
        snapshot, f"Let {template.ref} pull with Secret {secret}", template.item, path, value=value, impact=impact
    )


def fitting_secret(snapshot: Snapshot, template: PodTemplate) -> str:
    """The one Secret of the workload's namespace that is for an image of it.

    Raises:
        InputError: there is none, or several; the message names them.
    """
    names = [object_key(item)[1] for item in snapshot.of(SECRET) if object_key(item)[0] == template.namespace]
    fitting = []
    for name in sorted(names):
        try:
            _require_useful(snapshot, template, name)
        except InputError:
            continue  # most Secrets are no pull secrets
        fitting.append(name)
    if len(fitting) == 1:
        return fitting[0]
    what = f"{len(fitting)} Secrets fit: {', '.join(fitting)}" if fitting else "no Secret that was read fits its images"
    do = "Name one." if fitting else "Make one, and allow Secrets to be read with --secrets (secrets=True)."
    raise InputError(what, where=template.ref, do=do)


def _to_account(snapshot: Snapshot, template: PodTemplate, secret: str) -> Plan:
    name = template.service_account
    account = snapshot.find(SERVICE_ACCOUNT, name, template.namespace)
    if account is None:
        raise InputError("the ServiceAccount is not in what was read", where=f"{template.namespace}/{name}")
    if template.spec.get("imagePullSecrets"):
        raise RefusedError(
            "the workload lists pull secrets of its own, so that those of its ServiceAccount do not count",
            where=template.ref,
            do="Attach the Secret to the workload.",
        )
    listed = account.get("imagePullSecrets") or ()
    _require_new(listed, secret, f"ServiceAccount {template.namespace}/{name}")
    value = [*listed, {"name": secret}]
    using = [
        one.ref for one in workloads(snapshot) if (one.namespace, one.service_account) == (template.namespace, name)
    ]
    account_name = f"{template.namespace}/{name}"
    shown = f"{plural(len(using), 'workload')} ({', '.join(using[:5])})"
    restart = f"kubectl -n {template.namespace} rollout restart {template.kind.kind.lower()}/{template.name}"
    impact = [
        f"Counts for every pod that is made as ServiceAccount {account_name} from now on: {shown}.",
        f"Restarts nothing: a pod that waits keeps what it was made with. Make it anew: {restart}",
    ]
    title = f"Let ServiceAccount {template.namespace}/{name} pull with Secret {secret}"
    return _plan(snapshot, title, account, "/imagePullSecrets", value=value, impact=impact)


def _require_new(listed: Iterable[Mapping[str, Any]], secret: str, where: str) -> None:
    if any(one.get("name") == secret for one in listed):
        raise InputError(f"lists the pull secret {secret} already", where=where)


def _require_useful(snapshot: Snapshot, template: PodTemplate, secret: str) -> None:
    where = f"Secret {template.namespace}/{secret}"
    trial = PodTemplate(
        template.kind,
        template.item,
        template.metadata,
        {**template.spec, "imagePullSecrets": [{"name": secret}]},
        template.path,
    )
    found = pull_secrets(snapshot, trial).secrets[0]
    if found.state is SecretState.UNREADABLE:
        raise InputError("Secrets were not read", where=where, do="Allow it with --secrets (secrets=True).")
    if found.state is not SecretState.READ:
        raise InputError(
            f"cannot be used to pull: {found.detail}",
            where=where,
            do=f"Make it: kubectl -n {template.namespace} create secret docker-registry {secret}"
            " --from-file=.dockerconfigjson=FILE",
        )
    images = [parse_image(str(one.get("image") or "")) for _, one in containers(template.spec)]
    if not any(key.usable for image in images for key in pull_secrets(snapshot, trial).matching(image)):
        registries = ", ".join(key.host for key in found.keys)
        raise InputError(
            f"is for {registries}, and the images are {', '.join(image.name for image in images)}",
            where=where,
            do="Name a Secret whose registry and path fit the image.",
        )


def relabel_plan(snapshot: Snapshot, namespace: str, policy: LevelVersion, *, mode: Mode = Mode.ENFORCE) -> Plan:
    """Let a namespace enforce (audit, warn) a Pod Security level, after proof that nothing that runs would be refused.

    Raises:
        InputError: there is no such namespace, or it has the labels already.
        RefusedError: a pod or a workload would be refused, or pods could not be read, so that nothing is proven.
    """
    item = snapshot.find(NAMESPACE, namespace)
    if item is None:
        raise InputError("no such namespace in what was read", where=namespace)
    labels: dict[str, str] = dict((item.get("metadata") or {}).get("labels") or {})
    wanted = {f"{PREFIX}{mode}": str(policy.level), f"{PREFIX}{mode}-version": str(policy.version)}
    if wanted.items() <= labels.items():
        raise InputError(f"has {mode} {policy} already", where=f"Namespace {namespace}")
    exempted = _exempted(snapshot, namespace)
    if mode is Mode.ENFORCE and not exempted:
        _prove(snapshot, item, {**labels, **wanted}, policy)
    operations: list[Operation] = [
        {
            "op": "replace" if name in labels else "add",
            "path": pointer("metadata", "labels", name),
            "value": value,
        }
        for name, value in wanted.items()
        if labels.get(name) != value
    ]
    if not labels:
        operations = [{"op": "add", "path": "/metadata/labels", "value": wanted}]
    effects = {
        Mode.ENFORCE: f"New pods that violate {policy} are refused; what runs goes on.",
        Mode.AUDIT: f"Pods that violate {policy} are noted in the audit log; nothing is refused.",
        Mode.WARN: f"Whoever creates what violates {policy} is warned; nothing is refused.",
    }
    effect = f"No effect while {exempted}: nothing is refused, noted or warned of." if exempted else effects[mode]
    proof = f" {plural(len(_pods_of(snapshot, namespace)), 'pod')} of the namespace were judged before."
    proven = mode is Mode.ENFORCE and not exempted
    return Plan(
        title=f"Let Namespace {namespace} {mode} {policy}",
        cluster=cluster_of(snapshot),
        steps=(steps.patch(item, operations, f"{mode} {policy} in {namespace}"),),
        impact=(effect, f"Restarts nothing.{proof if proven else ''}"),
        verify=tuple(
            Question(
                "field-equals", {"object": named(item), "path": pointer("metadata", "labels", name), "value": value}
            )
            for name, value in wanted.items()
        ),
        planned_by=planner_of(snapshot),
    )


def _prove(snapshot: Snapshot, item: JsonObject, labels: dict[str, str], policy: LevelVersion) -> None:
    name = str(item["metadata"]["name"])
    unread = [str(gap) for gap in unread_in(snapshot, name)]
    unread += [f"{error.where}: {error.what}" for template, error in unreadable(snapshot) if template.namespace == name]
    if unread:
        raise RefusedError(
            f"it is not proven that nothing would be refused: {unread[0]}",
            where=f"Namespace {name}",
            do="Read pods and workloads too: k8srun permissions shows the role for it.",
        )
    server = server_pod_security(snapshot).configuration
    running = relabel(item, labels, _pods_of(snapshot, name), server).violating
    refused = [(pod.ref, failures) for pod, failures in running]
    for template in workloads(snapshot):
        if template.namespace != name or template.is_pod or _has_ended(template):
            continue
        if template.spec.get("runtimeClassName") not in server.exemptions.runtime_classes:
            failures = evaluate(read_subject(template, as_pod=True), policy.on(server.minor))
            refused += [(template.ref, failures)] if failures else []
    if refused:
        shown = "; ".join(
            f"{ref}: {', '.join(failure.reason for failure in failures)}" for ref, failures in refused[:5]
        )
        raise RefusedError(
            f"{plural(len(refused), 'pod or workload', 'pods and workloads')} would be refused at {policy}: {shown}",
            where=f"Namespace {name}",
            do=f"Harden them first: k8srun run harden-workload -p workload={name}/NAME",
        )


def _has_ended(template: PodTemplate) -> bool:
    """Whether it is a Job that makes no pods any more."""
    if template.kind != JOB:
        return False
    conditions = (template.item.get("status") or {}).get("conditions") or ()
    return any(one.get("type") in {"Complete", "Failed"} and one.get("status") == "True" for one in conditions)


def _exempted(snapshot: Snapshot, namespace: str) -> str:
    """Why the server looks at none of a namespace's labels of Pod Security; empty where it does."""
    server = server_pod_security(snapshot)
    if server.disabled:
        return f"{server.where} turns Pod Security off"
    if namespace in server.configuration.exemptions.namespaces:
        return f"{server.where} exempts the namespace"
    return ""


def _pods_of(snapshot: Snapshot, namespace: str) -> list[PodTemplate]:
    return [
        pod
        for pod in pods(snapshot)
        if pod.namespace == namespace and (pod.item.get("status") or {}).get("phase") not in ENDED
    ]


def _plan(snapshot: Snapshot, title: str, item: JsonObject, path: str, *, value: Any, impact: list[str]) -> Plan:
    held = find(item, path) is not None
    operation: Operation = {"op": "replace" if held else "add", "path": path, "value": value}
    return Plan(
        title=title,
        cluster=cluster_of(snapshot),
        steps=(steps.patch(item, [operation], "its images are in a registry that wants a login"),),
        impact=tuple(impact),
        verify=(Question("field-equals", {"object": named(item), "path": path, "value": value}),),
        planned_by=planner_of(snapshot),
    )
