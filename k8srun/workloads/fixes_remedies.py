"""The plan for what a diagnosis of pods has confirmed, where one machine-made change mends it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from k8srun.errors import InputError
from k8srun.plan import Plan
from k8srun.pods import PodTemplate
from k8srun.snapshot import Snapshot
from k8srun.workloads.diagnosis import diagnose_case
from k8srun.workloads.diagnosis_admission import policy_in
from k8srun.workloads.diagnosis_view import Case
from k8srun.workloads.fixes import hardening_plan, user_plan
from k8srun.workloads.fixes_access import fitting_secret, pull_secret_plan
from k8srun.workloads.fixes_scratch import directory_of, scratch_plan
from k8srun.workloads.policy import Level, LevelVersion

_RESTRICTED = LevelVersion(Level.RESTRICTED)


def plan_for(found: Iterable[Case]) -> Plan | None:
    """The plan for the first confirmed cause that has one; None where nothing is confirmed that a plan could mend.

    Raises:
        RefusedError: the change is known and cannot be made: a Job's template, a volume of the node.
    """
    for case in found:
        template = case.view.workload_template(case.template) if case.template else None
        for cause in diagnose_case(case).confirmed if template else ():
            make = _REMEDIES.get(cause.id)
            if make is None or template is None:
                continue
            try:
                return make(case.snapshot, template, case)
            except InputError:
                continue  # nothing to change, or no Secret that fits: the fix's own words say what a person can do
    return None


def _harden(snapshot: Snapshot, template: PodTemplate, case: Case) -> Plan:
    return hardening_plan(snapshot, template, policy_in(case.symptom.get("policy")) or _RESTRICTED)


def _run_as_user(snapshot: Snapshot, template: PodTemplate, _: Case) -> Plan:
    return user_plan(snapshot, template)


def _attach(snapshot: Snapshot, template: PodTemplate, _: Case) -> Plan:
    return pull_secret_plan(snapshot, template, fitting_secret(snapshot, template))


def _scratch(snapshot: Snapshot, template: PodTemplate, case: Case) -> Plan:
    directory = directory_of(case.symptom.get("path"), case.symptom.line)
    return scratch_plan(snapshot, template, str(case.container.get("name") or ""), directory)


_REMEDIES: Mapping[str, Callable[[Snapshot, PodTemplate, Case], Plan]] = {
    "pod-security-violation": _harden,
    "image-user-is-root": _run_as_user,
    "image-user-not-numeric": _run_as_user,
    "run-as-user-is-root": _run_as_user,
    "pull-credential-missing": _attach,
    "root-file-system-read-only": _scratch,
}
