"""How checks go over workloads: each read once, named by whom it belongs to, and none passed over in silence."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from k8srun.checks import Check, Undecided
from k8srun.errors import InputError
from k8srun.findings import Evidence, Finding, Severity
from k8srun.kinds import CRON_JOB, DAEMON_SET, DEPLOYMENT, JOB, POD, REPLICA_SET, STATEFUL_SET
from k8srun.pods import MIRROR, PodTemplate, made_pods, unreadable, workloads
from k8srun.snapshot import Need, Snapshot, remembered
from k8srun.workloads.standards.subject import Subject, read_subject

SYSTEM_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease"})
WORKLOAD_NEEDS = tuple(
    Need.objects(kind) for kind in (POD, DEPLOYMENT, STATEFUL_SET, DAEMON_SET, REPLICA_SET, JOB, CRON_JOB)
)

Run = Callable[[Check, Snapshot, datetime], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload as a check sees it, or a pod that one made: `ref` names the workload."""

    snapshot: Snapshot
    template: PodTemplate
    subject: Subject
    ref: str

    @property
    def is_system(self) -> bool:
        """Whether it is a part of the cluster itself, which often has to do what others must not."""
        return self.template.namespace in SYSTEM_NAMESPACES or MIRROR in self.template.metadata.get("annotations", {})

    def finding(self, check: Check, message: str, field: str, fact: str, *, key: str = "") -> Finding:
        """A finding about it; one that is a part of the cluster itself is low, for a person to judge."""
        severity = Severity.LOW if self.is_system and check.severity.rank > Severity.LOW.rank else check.severity
        where = self.template.field(field) if field else self.template.ref
        if self.ref != self.template.ref and field:
            where = f"{self.template.ref} {where}"
        return check.finding(self.ref, message, Evidence(fact, where), key=key, severity=severity)


def over_workloads(inspect: Callable[[Check, Workload], Iterable[Finding]]) -> Run:
    """A check of every workload, and of what the pods that it made have beyond it. What cannot be read keeps it from
    passing.
    """

    def run(check: Check, snapshot: Snapshot, _now: datetime) -> list[Finding]:
        found, broken = _read(snapshot)
        # Many pods of one workload are one finding, and so is what pod and workload have in common.
        findings: dict[str, Finding] = {}
        for workload in found:
            for finding in inspect(check, workload):
                findings.setdefault(finding.fingerprint, finding)
        if broken and not findings:
            raise Undecided(
                f"{broken[0].where}: {broken[0].what}" + (f"; and {len(broken) - 1} more" if broken[1:] else "")
            )
        return list(findings.values())

    return run


@remembered
def _read(snapshot: Snapshot) -> tuple[tuple[Workload, ...], tuple[InputError, ...]]:
    """The workloads of a snapshot, then the pods that they made; and why some could not be read."""
    broken = [error for _, error in unreadable(snapshot)]
    found = []
    for ref, template in (*((one.ref, one) for one in workloads(snapshot)), *made_pods(snapshot)):
        try:
            subject = read_subject(template, as_pod=True)
        except InputError as error:
            broken.append(error)
        else:
            found.append(Workload(snapshot, template, subject, ref))
    return tuple(found), tuple(broken)
