"""From a refusal and a snapshot to a ranked list of causes with their evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from k8srun.authorization.attributes import Attributes
from k8srun.authorization.denials import forbidden, unauthenticated
from k8srun.authorization.denials.case import Candidate, Case, World
from k8srun.authorization.denials.denial import Denial, DenialKind
from k8srun.authorization.denials.elsewhere import FORBIDDEN, KINDS, cause_of
from k8srun.authorization.whocan import account_of
from k8srun.diagnosis import Cause, CauseStatus, Diagnosis
from k8srun.hostfiles import Topic
from k8srun.kinds import (
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    CONFIG_MAP,
    CRON_JOB,
    CUSTOM_RESOURCE_DEFINITION,
    DAEMON_SET,
    DEPLOYMENT,
    JOB,
    NAMESPACE,
    NODE,
    POD,
    ROLE,
    ROLE_BINDING,
    SERVICE_ACCOUNT,
    STATEFUL_SET,
)
from k8srun.pods import workloads
from k8srun.snapshot import Need
from k8srun.text import plural, visible

DOMAIN = "authorization"
UNAUTHORIZED = "unauthorized-401"
DIAGNOSIS_NEEDS: tuple[Need, ...] = (
    *(
        Need.objects(kind)
        for kind in (ROLE, CLUSTER_ROLE, ROLE_BINDING, CLUSTER_ROLE_BINDING, SERVICE_ACCOUNT, NAMESPACE, POD, NODE,
                     CUSTOM_RESOURCE_DEFINITION, CONFIG_MAP, DEPLOYMENT, STATEFUL_SET, DAEMON_SET, JOB, CRON_JOB)
    ),
    Need.host(Topic.KUBECONFIG),
    Need.host(Topic.MANIFEST),
    Need.host(Topic.CONFIG),
)  # fmt: skip
_ORDER = {CauseStatus.CONFIRMED: 0, CauseStatus.OPEN: 1, CauseStatus.RULED_OUT: 2}
_NEXT = 6
_SHOWN = 5


def diagnose_denial(denial: Denial, world: World) -> Diagnosis:
    """Every cause of a refusal, judged by whatever the snapshot shows."""
    case = Case(denial, world)
    if denial.kind is DenialKind.UNAUTHENTICATED:
        return _diagnosis(case, UNAUTHORIZED, "unauthorized", _judged(case, unauthenticated.CANDIDATES))
    if denial.kind is DenialKind.ACCESS:
        return _diagnosis(case, FORBIDDEN, "forbidden", _judged(case, forbidden.CANDIDATES))
    found = KINDS[denial.kind]
    family = f"forbidden-{found.cause}"
    return _diagnosis(case, found.runbook, family, (cause_of(denial),))


def _judged(case: Case, candidates: Sequence[Candidate]) -> tuple[Cause, ...]:
    causes = (_cause(case, candidate) for candidate in candidates)
    return tuple(sorted(causes, key=lambda cause: _ORDER[cause.status]))


def _cause(case: Case, candidate: Candidate) -> Cause:
    judgement = candidate.judge(case)
    still_open = judgement.status is CauseStatus.OPEN
    return Cause(
        candidate.id,
        candidate.title,
        judgement.status,
        judgement.evidence,
        None if judgement.status is CauseStatus.RULED_OUT else candidate.fix(case),
        tuple(line for line in candidate.look_at(case) if line) if still_open else (),
    )


def _diagnosis(case: Case, runbook: str, family: str, causes: tuple[Cause, ...]) -> Diagnosis:
    return Diagnosis(
        symptom=case.denial.message,
        recognised=True,
        family=family,
        domain=DOMAIN,
        runbook=runbook,
        meaning=_meaning(case),
        seen_from=_seen_from(case),
        affected=_affected(case),
        since=f"at the latest {case.denial.at}" if case.denial.at else "",
        causes=causes,
        next=tuple(_next(case, causes)),
    )


def _meaning(case: Case) -> str:
    denial = case.denial
    if denial.kind is DenialKind.UNAUTHENTICATED:
        return "The API server does not accept the credential: it does not know who asks, and looked at no permission."
    if denial.kind is not DenialKind.ACCESS:
        return KINDS[denial.kind].meaning
    who = visible(denial.identity.user, limit=200) or "nobody"
    return f"The API server knows who asks ({who}), and no authorizer allows them to {_request(case.request)}."


def _request(request: Attributes) -> str:
    return visible(str(request), limit=500)


def _seen_from(case: Case) -> str:
    client = f", printed by {case.denial.client}" if case.denial.client else ""
    return f"the API server's answer{client}"


def _affected(case: Case) -> str:
    """Who else is refused: everything that runs as the same ServiceAccount."""
    account = case.denial.identity.service_account
    if account is None:
        user = visible(case.denial.identity.user, limit=200)
        return f"the user {user}" if user else ""
    running = sorted({item.ref for item in workloads(case.world.snapshot) if account_of(item) == account})
    name = visible("/".join(account), limit=200)
    if not running:
        return f"whatever runs as ServiceAccount {name}"
    shown = ", ".join(visible(ref, limit=100) for ref in running[:_SHOWN])
    more = f" and {len(running) - _SHOWN} more" if len(running) > _SHOWN else ""
    return f"{plural(len(running), 'workload')} of ServiceAccount {name}: {shown}{more}"


def _next(case: Case, causes: tuple[Cause, ...]) -> Iterator[str]:
    first = causes[0]
    if first.status is CauseStatus.CONFIRMED:
        yield from (first.fix.commands if first.fix else ())
        return
    clues = dict.fromkeys(clue for cause in causes if cause.status is CauseStatus.OPEN for clue in cause.look_at)
    yield from list(clues)[:_NEXT]
    if case.denial.kind is DenialKind.ACCESS and not case.world.sees_rbac:
        yield "k8srun diagnose - --context NAME  # the same text, as somebody who may read roles and bindings"
    if case.denial.kind is DenialKind.UNAUTHENTICATED and case.world.client is None:
        yield "k8srun diagnose - --kubeconfig FILE --context NAME  # the same text, with the credential's claims"
    if first.fix and not clues:
        yield from first.fix.commands
