"""From a message, a snapshot or both to the causes why a pod is refused or does not start."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from k8srun.diagnosis import Cause, CauseStatus, Diagnosis, Fix
from k8srun.findings import Evidence
from k8srun.kinds import (
    EVENT,
    LIMIT_RANGE,
    NAMESPACE,
    NODE,
    POD,
    RESOURCE_QUOTA,
    RUNTIME_CLASS,
    SECRET,
    SERVICE_ACCOUNT,
)
from k8srun.pods import TEMPLATE_PATHS
from k8srun.snapshot import Need
from k8srun.text import plural, visible
from k8srun.workloads import diagnosis_admission as admission
from k8srun.workloads import diagnosis_pulls as pulls
from k8srun.workloads import diagnosis_starts as starts
from k8srun.workloads.diagnosis_causes import CAUSES
from k8srun.workloads.diagnosis_judgement import Judgement
from k8srun.workloads.diagnosis_view import Case, Trouble, View
from k8srun.workloads.symptoms import Symptom
from k8srun.workloads.symptoms_row import NOT_STARTING

DOMAIN = "workloads"
DIAGNOSIS_NEEDS: tuple[Need, ...] = tuple(
    Need.objects(kind)
    for kind in (
        *(kind for kind in TEMPLATE_PATHS if kind.group),
        POD,
        EVENT,
        NAMESPACE,
        NODE,
        SECRET,
        SERVICE_ACCOUNT,
        RESOURCE_QUOTA,
        LIMIT_RANGE,
        RUNTIME_CLASS,
    )
)

_JUDGES: Mapping[str, Callable[[Case], Judgement]] = {
    "pod-security-violation": admission.pod_security,
    "pod-security-warned": admission.pod_security,
    "quota-exhausted": admission.quota,
    "quota-requires-values": admission.quota,
    "limit-range-violated": admission.limit_range,
    "webhook-denied": admission.webhook,
    "webhook-without-backend": admission.webhook,
    "service-account-missing": admission.service_account,
    "runtime-class-missing": admission.runtime_class,
    "image-name-invalid": pulls.invalid_name,
    "image-wrong-platform": pulls.wrong_platform,
    "pull-secret-missing": pulls.secret_missing,
    "pull-secret-malformed": pulls.secret_malformed,
    "pull-credential-missing": pulls.credential_missing,
    "pull-credential-refused": pulls.credential_refused,
    "image-not-in-registry": pulls.not_in_registry,
    "registry-name-unresolved": pulls.name_unresolved,
    "registry-egress-blocked": pulls.egress_blocked,
    "image-pull-cause-not-shown": lambda _: Judgement(CauseStatus.OPEN),
    "image-user-is-root": starts.image_user_is_root,
    "run-as-user-is-root": starts.run_as_user,
    "configuration-object-missing": starts.configuration_object,
    "port-below-1024": starts.port_below_1024,
    "root-file-system-read-only": starts.root_read_only,
    "volume-read-only": starts.volume_read_only,
    "capability-missing": starts.capability_missing,
    "privilege-escalation-forbidden": starts.escalation_forbidden,
    "seccomp-forbids": starts.seccomp_forbids,
    "file-of-another-user": starts.file_of_another_user,
    "memory-limit-exceeded": starts.memory_limit,
    "process-fails": starts.process_fails,
    "start-cause-not-shown": lambda _: Judgement(CauseStatus.OPEN),
}
_ORDER = {CauseStatus.CONFIRMED: 0, CauseStatus.OPEN: 1, CauseStatus.RULED_OUT: 2}
_NEXT = 6
_WHERE = "in a shell with kubectl, unless a line says on the node"


def diagnose_symptom(symptom: Symptom, view: View) -> Diagnosis:
    """The causes of a message, judged by what the snapshot shows of the pod that it is about."""
    return diagnose_case(case_of(symptom, view))


def survey(view: View) -> Diagnosis:
    """Without any message: what the snapshot shows of pods in trouble, and after it what else is confirmed."""
    found_cases = list(cases(view))
    if not found_cases:
        return _nothing_found(view)
    found = sorted(map(diagnose_case, found_cases), key=lambda one: _ORDER[one.causes[0].status])
    return _with_others(found[0], found[1:])


def cases(view: View) -> Iterator[Case]:
    """One case for each message of each workload; a state is passed over where its cause is seen too."""
    seen: dict[tuple[str, str], list[Trouble]] = {}
    for trouble in view.troubles:
        seen.setdefault((view.workload_of(trouble.template), trouble.symptom.row.family), []).append(trouble)
    found = {
        key: Case(view, troubles[0].symptom, troubles[0], tuple(troubles[1:]), stated=False)
        for key, troubles in seen.items()
    }
    explained = {workload for (workload, _), case in found.items() if _explains(case)}
    for (workload, _), case in found.items():
        if not (case.symptom.row.state and workload in explained):
            yield case


def _explains(case: Case) -> bool:
    """Whether a message tells a cause that still holds: an old event may be of what was mended since."""
    if case.symptom.row.state:
        return False
    return any(cause.status is not CauseStatus.RULED_OUT for cause in diagnose_case(case).causes)


def case_of(symptom: Symptom, view: View) -> Case:
    """The pods of the snapshot that a pasted message is about; for a mere state, the cause that they show."""
    matching = [trouble for trouble in view.troubles if _is_about(symptom, trouble)]
    own = [trouble for trouble in matching if trouble.symptom.row == symptom.row]
    if symptom.row.state:
        same_kind = [one for one in matching if one.symptom.row.runbook == symptom.row.runbook]
        telling = [one for one in same_kind if _explains(Case(view, one.symptom, one))]
        if telling:
            told = {**telling[0].symptom.told, **symptom.told}
            return Case(view, replace(telling[0].symptom, told=told), telling[0], tuple(telling[1:]))
        own = own or same_kind
    ranked = sorted(own, key=lambda trouble: _likeness(symptom, trouble), reverse=True)
    if not ranked:
        return Case(view, symptom)
    return Case(view, symptom, ranked[0], tuple(ranked[1:]))


def _is_about(symptom: Symptom, trouble: Trouble) -> bool:
    """Whether a pasted message can be about that pod: nothing that it names speaks against it."""
    if symptom.namespace and symptom.namespace != trouble.template.namespace:
        return False
    names = {trouble.template.name, trouble.symptom.pod} - {""}
    pod = symptom.pod
    if pod and not any(name.startswith(pod) or pod.startswith(name) for name in names):
        return False
    image, other = symptom.get("image"), trouble.symptom.get("image")
    return not (image and other and image != other)


def _likeness(symptom: Symptom, trouble: Trouble) -> int:
    told = trouble.symptom.told
    return sum(told.get(name) == value for name, value in symptom.told.items()) + (symptom.line in trouble.symptom.line)


def diagnose_case(case: Case) -> Diagnosis:
    """Every cause that can give the message, judged by the snapshot; the confirmed first."""
    row = case.symptom.row
    causes = tuple(sorted((_cause(cause, case) for cause in row.causes), key=lambda cause: _ORDER[cause.status]))
    return Diagnosis(
        symptom=case.symptom.line,
        recognised=True,
        family=row.family,
        domain=DOMAIN,
        runbook=row.runbook,
        meaning=row.meaning,
        seen_from=case.trouble.where if case.trouble else "the text alone: no pod of it is in what was read",
        affected=_affected(case),
        since=next((one.since for one in (case.trouble, *case.others) if one and one.since), ""),
        causes=causes,
        next=tuple(_next(causes)),
    )


def _cause(cause: str, case: Case) -> Cause:
    judgement = _JUDGES.get(cause, admission.stated)(case)
    reason = CAUSES[cause]
    values = _values(case, dict(judgement.known))
    commands = _Values({name: shlex.quote(value) for name, value in values.items()})
    is_open = judgement.status is CauseStatus.OPEN
    fix = Fix(reason.summary.format_map(values), tuple(line.format_map(commands) for line in reason.commands), _WHERE)
    return Cause(
        id=cause,
        title=reason.title.format_map(values),
        status=judgement.status,
        evidence=judgement.evidence,
        fix=None if judgement.status is CauseStatus.RULED_OUT else fix,
        look_at=tuple(line.format_map(commands) for line in reason.look_at) if is_open else (),
    )


class _Values(dict[str, str]):
    """What is not known stands as a word in capitals."""

    def __missing__(self, key: str) -> str:
        return key.upper()


def _values(case: Case, known: Mapping[str, str]) -> _Values:
    image = pulls.image_of(case)
    template = case.template
    found = {
        "namespace": case.namespace,
        "pod": template.name if template and template.is_pod else case.symptom.pod,
        "container": str(case.container.get("name") or ""),
        "workload": _kubectl_name(case) if template else "",
        "image": pulls.image_text(case),
        "registry": image.domain if image else "",
        "node": str(template.spec.get("nodeName") or "") if template else "",
        **case.symptom.told,
        **known,
    }
    return _Values({name: visible(value, limit=600) for name, value in found.items() if value})


def _kubectl_name(case: Case) -> str:
    """`deployment.apps/web`: how kubectl takes a workload."""
    kind, _, name = case.view.workload_of(case.template).partition(" ") if case.template else ("", "", "")
    return f"{kind.lower()}/{name.rpartition('/')[2]}"


def _affected(case: Case) -> str:
    if case.template is None:
        return ""
    workload = case.view.workload_of(case.template)
    every = case.view.pods_of(workload)
    if not every:
        return f"{workload}: none of its pods exist"
    hit = {one.template.ref for one in (case.trouble, *case.others) if one and one.template.is_pod}
    hit = {pod.ref for pod in every} & hit
    return f"{workload}: {len(hit)} of {plural(len(every), 'pod')}" if hit else workload


def _next(causes: tuple[Cause, ...]) -> list[str]:
    """The fix's commands; where nothing is confirmed, what would tell."""
    if causes[0].status is CauseStatus.CONFIRMED:
        return list(causes[0].fix.commands if causes[0].fix else ())
    clues = [clue for cause in causes if cause.status is CauseStatus.OPEN for clue in cause.look_at]
    return [*list(dict.fromkeys(clues))[:_NEXT], "k8srun diagnose - --context NAME  # the same text, with evidence"]


def _nothing_found(view: View) -> Diagnosis:
    read = Need.objects(POD) in view.snapshot.observed
    count = plural(len(view.snapshot.of(POD)), "pod")
    return Diagnosis(
        symptom="",
        recognised=read,
        domain=DOMAIN,
        runbook=NOT_STARTING,
        meaning=f"No pod in trouble among {count} that were read." if read else "No pods could be read.",
        next=() if read else ("k8srun diagnose --context NAME",),
    )


def _with_others(diagnosis: Diagnosis, others: list[Diagnosis]) -> Diagnosis:
    """A diagnosis, and after its own causes what else is confirmed in the same snapshot."""
    known = {cause.id for cause in diagnosis.confirmed}
    added = []
    for other in others:
        for cause in other.confirmed:
            if cause.id not in known:
                known.add(cause.id)
                about = Evidence(f"another pod in trouble: {other.affected or other.symptom}")
                added.append(replace(cause, evidence=(about, *cause.evidence)))
    own = [cause for cause in diagnosis.causes if cause.id not in {one.id for one in added}]
    return replace(diagnosis, causes=tuple(sorted((*own, *added), key=lambda cause: _ORDER[cause.status])))
