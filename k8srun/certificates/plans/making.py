"""The plan for what a diagnosis has confirmed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from k8srun.certificates.case import Case, World
from k8srun.certificates.causes import CAUSES
from k8srun.certificates.diagnosis import diagnose_case
from k8srun.certificates.fixes.registry import FIXES
from k8srun.certificates.fixes.trust import server_is_behind
from k8srun.certificates.fixes.webhooks import served_secret
from k8srun.certificates.messages import Symptom
from k8srun.certificates.plans.bundles import bundle_remedy
from k8srun.certificates.plans.hosts import fix_remedy
from k8srun.certificates.plans.kubeconfigs import https_remedy, kubeconfig_remedy
from k8srun.certificates.plans.kubelets import approval_remedy
from k8srun.certificates.plans.remedy import Remedy, joined
from k8srun.certificates.plans.restarts import restart_remedy
from k8srun.certificates.plans.rotation import authority_remedy, overlap_remedy
from k8srun.certificates.prediction import hidden
from k8srun.certificates.selection import case_of
from k8srun.certificates.shapes import at, text
from k8srun.certificates.survey import cases
from k8srun.kinds import NAMESPACE, SECRET
from k8srun.plan import Plan
from k8srun.snapshot import Snapshot

Make = Callable[[Case, str], Remedy | None]


def plan_for_message(symptom: Symptom, world: World) -> Plan | None:
    """The plan that mends what a message was confirmed to come from, and what it hides; None if nothing was."""
    return plan_for([case_of(symptom, world)], world)


def plan_for_survey(world: World) -> Plan | None:
    """The plan that mends everything that is confirmed in a snapshot; None if nothing is."""
    return plan_for(cases(world), world)


def plan_for(found: Iterable[Case], world: World) -> Plan | None:
    """One plan for several cases of the same cluster: what two of them need is done once."""
    causes: dict[str, None] = {}
    remedies = []
    for case in found:
        for cause, remedy in _remedies(case):
            causes[cause] = None
            remedies.append(remedy)
    if not remedies:
        return None
    title = "; ".join(CAUSES[cause] for cause in list(causes)[:3])
    return as_plan(f"Mend: {title}", joined(remedies), world)


def as_plan(title: str, remedy: Remedy, world: World) -> Plan:
    """A remedy as the plan for the cluster of the snapshot."""
    server = world.snapshot.server
    return Plan(
        title=title,
        cluster=cluster_of(world.snapshot),
        steps=remedy.steps,
        impact=remedy.impact,
        verify=remedy.verify,
        planned_by=server.username if server else "",
    )


def cluster_of(snapshot: Snapshot) -> str:
    """The uid of the cluster's kube-system namespace; empty if it was not read."""
    system = snapshot.find(NAMESPACE, "kube-system")
    return (snapshot.server.uid if snapshot.server else "") or text(at(system, "metadata", "uid"))


def _remedies(case: Case) -> Iterator[tuple[str, Remedy]]:
    """Of each confirmed cause, and then of each that it hides."""
    confirmed = [cause.id for cause in diagnose_case(case).confirmed]
    for cause in confirmed:
        yield cause, remedy_of(case, cause)
    for one in hidden(case, confirmed) if confirmed else ():
        yield one.cause, remedy_of(one.case, one.cause)


def remedy_of(case: Case, cause: str) -> Remedy:
    """What mends a cause: by machine where one can, else the exact commands."""
    made = [remedy for make in _BY_MACHINE.get(cause, ()) if (remedy := make(case, cause))]
    return joined(made) if made else fix_remedy(case, cause, FIXES[cause](case))


def _requests(case: Case, cause: str) -> Remedy | None:
    return approval_remedy(case.world.snapshot, cause)


def _rebuilt(case: Case, cause: str) -> Remedy | None:
    """The client's CA, unless it is the server that is behind; and both CAs while they overlap."""
    if server_is_behind(case):
        return None
    made = kubeconfig_remedy(case, cause)
    overlap = overlap_remedy(case, cause) if made else None
    return joined(part for part in (made, overlap) if part) if made else None


def _rollout(case: Case, cause: str) -> Remedy | None:
    """The pods behind a webhook, made to read the certificate that lies in their Secret."""
    if case.server is None or case.server.connection.caller is None:
        return None
    namespace, name = served_secret(case.server, case)
    secret = case.world.snapshot.find(SECRET, name, namespace)
    bundle = case.inventory.at(f"Secret {namespace}/{name}, tls.crt")
    if secret is None or bundle is None or not bundle.certificates:
        return None
    return restart_remedy(case.world.snapshot, secret, bundle.certificates[0], cause)


_TRUST: tuple[Make, ...] = (bundle_remedy, kubeconfig_remedy)
_BY_MACHINE: Mapping[str, tuple[Make, ...]] = {
    "wrong-ca-bundle": _TRUST,
    "ca-not-configured": _TRUST,
    "ca-name-encoding": _TRUST,
    "leaf-as-ca": _TRUST,
    "ca-cannot-sign": _TRUST,
    "ca-rebuilt": (bundle_remedy, _rebuilt),
    "self-signed": (bundle_remedy,),
    "pem-missing": _TRUST,
    "pem-double-encoded": _TRUST,
    "pem-truncated": _TRUST,
    "ca-expired": (authority_remedy,),
    "http-scheme": (https_remedy,),
    "process-not-restarted": (_rollout,),
    "kubelet-serving-csr-pending": (_requests,),
    "kubelet-serving-self-signed": (_requests,),
}
