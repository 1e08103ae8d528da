"""Plans that mend workloads: harden one, give it a pull secret, stop mounting its token, raise a namespace's level."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from k8srun import steps
from k8srun.errors import InputError, RefusedError
from k8srun.jsonpatch import Operation, difference, pointer
from k8srun.kinds import CRON_JOB, DAEMON_SET, JOB, NAMESPACE, POD
from k8srun.plan import Plan, Question
from k8srun.pods import CONTAINER_FIELDS, TEMPLATE_PATHS, PodTemplate, pod_template
from k8srun.snapshot import JsonObject, Snapshot, object_key
from k8srun.text import visible
from k8srun.workloads.diagnosis_starts import needed_capability
from k8srun.workloads.diagnosis_view import View
from k8srun.workloads.fixes_changes import CHANGES, LINUX_ALONE, Wish, is_windows
from k8srun.workloads.policy import LevelVersion
from k8srun.workloads.standards.baseline import RUNTIME_DEFAULTS, SECCOMP_ANNOTATION, SECCOMP_POD_ANNOTATION
from k8srun.workloads.standards.evaluate import Failure, evaluate
from k8srun.workloads.standards.subject import read_subject
from k8srun.workloads.symptoms import Symptom

_MOST_QUESTIONS = 12
_NEEDS_A_USER = frozenset({"image-runs-as-root", "image-user-not-numeric", "run-as-user-root"})
DEFAULT_USER = 10001
"""A user that no image of a distribution uses for itself."""


def find_workload(snapshot: Snapshot, text: str) -> PodTemplate:
    """The workload that a person names: `NAMESPACE/NAME`, or `NAMESPACE/KIND/NAME` where several are called so.

    Raises:
        InputError: there is none, or several; the message lists what there is.
    """
    namespace, _, rest = text.strip().partition("/")
    kind, slash, name = rest.rpartition("/")
    found = [
        (one, item)
        for one in TEMPLATE_PATHS
        for item in snapshot.of(one)
        if object_key(item) == (namespace, name) and (not slash or kind.lower() in {one.kind.lower(), str(one).lower()})
    ]
    if not slash and len(found) > 1:  # what a controller made is named like it only by chance: the top one is meant
        found = [entry for entry in found if entry[0] != POD] or found
    if len(found) == 1:
        template = pod_template(*found[0])
        if template is not None:
            return template
    where = visible(text, limit=200)
    if found:
        named = ", ".join(f"{namespace}/{str(one).lower()}/{name}" for one, _ in found)
        raise InputError(f"{len(found)} workloads are called so", where=where, do=f"Name one: {named}")
    known = sorted(
        {object_key(item)[1] for one in TEMPLATE_PATHS for item in snapshot.of(one) if object_key(item)[0] == namespace}
    )
    do = (
        f"In {namespace} there are: {', '.join(known[:20])}"
        if known
        else "Write NAMESPACE/NAME or NAMESPACE/KIND/NAME."
    )
    raise InputError("no such workload in what was read", where=where, do=visible(do, limit=1000))


def hardening_plan(snapshot: Snapshot, template: PodTemplate, policy: LevelVersion, *, user: int = 0) -> Plan:
    """Make a workload meet a Pod Security level with the fewest changes.

    Args:
        template: of the workload itself, not of a pod that it made.
        user: to run as where the image's own must not be; 0 = the image's, unless its pods show that it is root.

    Raises:
        InputError: its pod spec cannot be read, or it meets the level already.
        RefusedError: what it violates cannot be mended by changing its fields, or its kind does not let it change.
    """
    require_changeable(template)
    failures = evaluate(read_subject(template, as_pod=True), policy)
    if not failures:
        raise InputError(f"meets {policy} already: nothing to change", where=template.ref)
    wish = Wish(user or _needed_user(snapshot, template), policy.version.evaluated)
    spec, met = _hardened(template, policy, wish)
    operations = _operations(template, spec)
    reason = f"meet {policy}: {', '.join(met)}"
    return Plan(
        title=f"Harden {template.ref} to {policy}",
        cluster=cluster_of(snapshot),
        steps=(steps.patch(template.item, operations, reason),),
        impact=(restart_of(snapshot, template), *_missed(snapshot, template, met), *_risks(met, wish)),
        verify=tuple(fields_set(template.item, operations)),
        planned_by=planner_of(snapshot),
    )


def _hardened(template: PodTemplate, policy: LevelVersion, wish: Wish) -> tuple[dict[str, Any], list[str]]:
    """The pod spec that meets the policy, and the controls that were met; one change may uncover another."""
    spec: dict[str, Any] = deepcopy(dict(template.spec))
    met: dict[str, None] = {}
    failures = evaluate(read_subject(_with(template, spec), as_pod=True), policy)
    while failures:
        for failure in failures:
            if failure.id in met or not _is_mendable(template, failure):
                raise _not_mendable(template, policy, failures)
            CHANGES[failure.id].edit(spec, wish)
            met[failure.id] = None
        failures = evaluate(read_subject(_with(template, spec), as_pod=True), policy)
    return spec, list(met)


def _is_mendable(template: PodTemplate, failure: Failure) -> bool:
    """Whether a change of its fields meets the control, and is one that the API takes."""
    if failure.id in LINUX_ALONE and is_windows(template.spec):
        return False
    if failure.id.startswith("seccompProfile"):  # an annotation that says otherwise than the field is refused
        annotations = (template.metadata.get("annotations") or {}).items()
        old = {value for name, value in annotations if name.startswith((SECCOMP_ANNOTATION, SECCOMP_POD_ANNOTATION))}
        return old <= RUNTIME_DEFAULTS
    return failure.id in CHANGES


def _with(template: PodTemplate, spec: dict[str, Any]) -> PodTemplate:
    return PodTemplate(template.kind, template.item, template.metadata, spec, template.path)


def _not_mendable(template: PodTemplate, policy: LevelVersion, failures: tuple[Failure, ...]) -> RefusedError:
    left = [failure for failure in failures if not _is_mendable(template, failure)] or list(failures)
    return RefusedError(
        f"cannot meet {policy} by changing its fields: {'; '.join(map(str, left))}",
        where=template.ref,
        do="Rebuild it without these (a PersistentVolumeClaim in place of a hostPath, fields in place of annotations),"
        " or run it in a namespace of its own with a lower level.",
    )


def _symptoms(snapshot: Snapshot, template: PodTemplate) -> list[Symptom]:
    """What the pods of a workload show."""
    view = View(snapshot)
    return [one.symptom for one in view.troubles if view.workload_of(one.template) == template.ref]


def _needed_user(snapshot: Snapshot, template: PodTemplate) -> int:
    """A user of its own where the pods show that the image's is root or a name."""
    shown = {symptom.row.family for symptom in _symptoms(snapshot, template)}
    return DEFAULT_USER if shown & _NEEDS_A_USER else 0


def _missed(snapshot: Snapshot, template: PodTemplate, met: list[str]) -> Iterator[str]:
    """What its pods show already that they need and will not have."""
    if "capabilities_restricted" not in met and "capabilities_baseline" not in met and "runAsUser" not in met:
        return
    for symptom in _symptoms(snapshot, template):
        needed = needed_capability(symptom.get("what")) if symptom.row.family == "operation-not-permitted" else ""
        if needed:
            yield f"Will not mend: its log shows that it needs {needed} ({symptom.line}). Change its image first."


def _risks(met: list[str], wish: Wish) -> Iterator[str]:
    for control in met:
        change = CHANGES[control]
        yield f"May break ({control}): {change.breaks}. Find out: {change.find_out}"
    if wish.user:
        yield f"It runs as user {wish.user}: files in its volumes that belong to another user need fsGroup."


def require_changeable(template: PodTemplate) -> None:
    """Raises RefusedError: the kind does not let its pod template change."""
    if template.kind in {POD, JOB}:
        what = "a pod's" if template.kind == POD else "a Job's pod"
        raise RefusedError(
            f"{what} spec cannot be changed once it is there",
            where=template.ref,
            do="Change the workload that makes it, or delete it and make it anew from a changed manifest.",
        )


def restart_of(snapshot: Snapshot, template: PodTemplate) -> str:
    """What a change of the pod template restarts."""
    running = len(View(snapshot).pods_of(template.ref))
    if template.kind == CRON_JOB:
        return f"Restarts nothing: the next run of {template.ref} has it; what runs now ends as it is."
    if not running:
        return f"Restarts nothing: none of the pods of {template.ref} run."
    how = "node by node" if template.kind == DAEMON_SET else "one after the other"
    are = "its pod is" if running == 1 else f"its {running} pods are"
    return f"Restarts {template.ref}: {are} replaced, {how}, and it stops there if the first does not start."


def user_plan(snapshot: Snapshot, template: PodTemplate, user: int = DEFAULT_USER) -> Plan:
    """Let the pods of a workload run as a user that is not root, whatever their image says.

    Raises:
        InputError: its pod spec says so already.
        RefusedError: the kind does not let its template change.
    """
    require_changeable(template)
    spec: dict[str, Any] = deepcopy(dict(template.spec))
    context = spec.setdefault("securityContext", {})
    if context.get("runAsUser") == user:
        raise InputError(f"runs as user {user} already", where=template.ref)
    context["runAsUser"] = user
    operations = _operations(template, spec)
    breaks = "May break: files in the image and in volumes that belong to another user cannot be written any more."
    find_out = "Find out: watch its log for `permission denied`; volumes need fsGroup."
    return Plan(
        title=f"Run {template.ref} as user {user}",
        cluster=cluster_of(snapshot),
        steps=(
            steps.patch(template.item, operations, "its image runs as root, or as a user whose number is not known"),
        ),
        impact=(restart_of(snapshot, template), f"{breaks} {find_out}"),
        verify=tuple(fields_set(template.item, operations)),
        planned_by=planner_of(snapshot),
    )


def token_plan(snapshot: Snapshot, template: PodTemplate) -> Plan:
    """Stop mounting a ServiceAccount's token into the pods of a workload.

    Raises:
        InputError: it is off already.
        RefusedError: the kind does not let its template change.
    """
    require_changeable(template)
    if template.spec.get("automountServiceAccountToken") is False:
        raise InputError("its token is not mounted already", where=template.ref)
    spec = {**deepcopy(dict(template.spec)), "automountServiceAccountToken": False}
    operations = _operations(template, spec)
    breaks = (
        f"May break: whatever in it calls the API as ServiceAccount {template.namespace}/{template.service_account}."
    )
    find_out = "Find out: its log for `/var/run/secrets/kubernetes.io/serviceaccount`, the audit log for its user name."
    return Plan(
        title=f"Mount no token into {template.ref}",
        cluster=cluster_of(snapshot),
        steps=(steps.patch(template.item, operations, "nobody in it needs to call the API"),),
        impact=(restart_of(snapshot, template), f"{breaks} {find_out}"),
        verify=tuple(fields_set(template.item, operations)),
        planned_by=planner_of(snapshot),
    )


def _operations(template: PodTemplate, spec: dict[str, Any]) -> list[Operation]:
    """Container by container: a list that was replaced whole would put reduced values in place of secrets."""
    path = pointer(*TEMPLATE_PATHS[template.kind], "spec")
    lists = CONTAINER_FIELDS[:2]
    before, after = ({key: value[key] for key in value if key not in lists} for value in (template.spec, spec))
    operations = difference(before, after, path)
    for name in lists:
        for index, (old, new) in enumerate(zip(template.spec.get(name) or (), spec.get(name) or (), strict=True)):
            operations += difference(old, new, f"{path}/{name}/{index}")
    return operations


def fields_set(item: JsonObject, operations: list[Operation]) -> Iterator[Question]:
    """The questions whether the fields are what the operations made them."""
    for operation in operations[:_MOST_QUESTIONS]:
        yield Question(
            "field-equals",
            {"object": named(item), "path": operation["path"], "value": operation.get("value")},
        )


def named(item: JsonObject) -> dict[str, str]:
    """How a question names an object."""
    namespace, name = object_key(item)
    return {"apiVersion": item["apiVersion"], "kind": item["kind"], "namespace": namespace, "name": name}


def cluster_of(snapshot: Snapshot) -> str:
    """The uid of the cluster's kube-system namespace; empty if it was not read."""
    system = snapshot.find(NAMESPACE, "kube-system") or {}
    return (snapshot.server.uid if snapshot.server else "") or str((system.get("metadata") or {}).get("uid") or "")


def planner_of(snapshot: Snapshot) -> str:
    """The user name with which the snapshot was taken; empty if it is not known."""
    return snapshot.server.username if snapshot.server else ""
