"""From a text, two ends or both to a ranked list of causes of a failed connection, with their evidence."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from k8srun.diagnosis import Cause, CauseStatus, Diagnosis, Prediction
from k8srun.findings import Evidence
from k8srun.kinds import NETWORK_POLICY
from k8srun.network.decision import Verdict
from k8srun.network.diagnosis_case import Case, Ends, Judged, case_of
from k8srun.network.diagnosis_fixes import allowing, selector_step, target_port_step
from k8srun.network.diagnosis_names import judge_names
from k8srun.network.diagnosis_others import judge_others
from k8srun.network.diagnosis_policies import judge_policies
from k8srun.network.diagnosis_survey import DOMAIN, RUNBOOK
from k8srun.network.fixes_impact import impact
from k8srun.network.pods import Pod
from k8srun.network.symptoms import Symptom
from k8srun.network.symptoms_catalogue import Failure
from k8srun.network.world import World
from k8srun.plan import Plan, Question, Step
from k8srun.text import plural, visible

_ORDER = {CauseStatus.CONFIRMED: 0, CauseStatus.OPEN: 1, CauseStatus.RULED_OUT: 2}
_NEXT = 6
_COMES_NEXT = frozenset({Failure.DNS_TIMEOUT, Failure.DNS_FAILURE, Failure.NAME_NOT_FOUND, Failure.NO_ENDPOINTS})


def diagnose(world: World, symptom: Symptom | None, said: Ends) -> Diagnosis:
    """The causes of a failed connection.

    Args:
        symptom: what a text tells; None = ask about the two ends alone.
        said: the ends as far as a person gives them; the text fills in what is left empty.
    """
    return diagnose_case(case_of(world, symptom, said))


def diagnose_case(case: Case) -> Diagnosis:
    """Every cause judged, the confirmed first."""
    judged = [*judge_policies(case), *judge_names(case), *judge_others(case)]
    causes = _ranked(judged)
    row = case.symptom.row if case.symptom else None
    return Diagnosis(
        symptom=case.symptom.line if case.symptom else "",
        # With neither a text that is known nor two ends to ask about, nothing was answered.
        recognised=case.symptom is not None or case.answer is not None,
        family=f"network-{case.failure}" if case.failure else "",
        domain=DOMAIN,
        runbook=RUNBOOK,
        meaning=row.meaning if row else _verdict(case),
        seen_from=_seen_from(case),
        affected=_affected(case),
        since=_since(case, causes),
        causes=causes,
        hidden=tuple(_hidden(case, causes)),
        next=tuple(_next(case, causes)),
    )


def plan(world: World, symptom: Symptom | None, said: Ends, *, cluster: str, planned_by: str = "") -> Plan | None:
    """The plan that mends what was confirmed; None where no cause is confirmed that a change of objects mends.

    Raises:
        RefusedError: no NetworkPolicy can allow it; the message says why.
    """
    case = case_of(world, symptom, said)
    found = {cause.id for cause in diagnose_case(case).confirmed}
    steps = tuple(_steps(case, found))
    if not steps or case.start is None or case.end is None:
        return None
    return Plan(
        title=f"Let {case.start.name} reach {case.end.name}",
        cluster=cluster,
        steps=steps,
        impact=impact(world.snapshot, steps),
        verify=(Question("reach", {"source": case.ends.source, "destination": case.ends.destination,
                                   "port": case.ends.port, "verdict": Verdict.ALLOWED.value}),),
        planned_by=planned_by,
    )  # fmt: skip


_BY_POLICY = frozenset(
    {
        *("ingress-not-allowed", "egress-not-allowed", "label-differs", "namespace-label-differs"),
        *("namespace-selector-missing", "and-for-or", "port-differs", "port-name-not-found", "ip-block-excepted"),
        *("dns-egress-closed", "host-network"),
    }
)


def _steps(case: Case, found: set[str]) -> Iterator[Step]:
    if found & _BY_POLICY:
        yield from allowing(case)
    mends = {"service-selector-matches-nothing": selector_step, "target-port-not-found": target_port_step}
    for cause, step_of in mends.items():
        step = step_of(case) if cause in found else None
        if step:
            yield step


def _ranked(judged: list[Judged]) -> tuple[Cause, ...]:
    ordered = sorted(judged, key=lambda one: _ORDER[one.status])
    unique: dict[str, Judged] = {}
    for one in ordered:
        unique.setdefault(one.cause, one)
    return tuple(one.as_cause() for one in unique.values())


def _verdict(case: Case) -> str:
    answer = case.answer
    if answer is None:
        return f"It cannot be told: {case.problem}." if case.problem else "Say from where to where."
    return (
        f"By the policies, traffic from {answer.source} to {answer.destination} on"
        f" {answer.port or case.ends.port}/{answer.protocol} is {answer.verdict}."
    )


def _seen_from(case: Case) -> str:
    said = [f"{case.failure} {case.symptom.chance}"] if case.symptom else []
    if case.problem:
        said.append(f"the two ends cannot be told: {case.problem}")
    elif case.places.probe:
        said.append("a kubelet's probe comes from the pod's own node")
    elif case.answer is None and case.symptom and not case.places.api_server:
        missing = " and ".join(
            name for name, value in (("source", case.ends.source), ("destination", case.ends.destination)) if not value
        )
        said.append(f"the text does not tell the {missing}: give it as a parameter")
    elif case.answer and case.symptom:
        verdict = _verdict(case).rstrip(".")
        said.append(verdict[:1].lower() + verdict[1:])
    return visible("; ".join(said), limit=600)


def _affected(case: Case) -> str:
    answer = case.answer
    if answer is None:
        return ""
    pods = sum(isinstance(side, Pod) for side in (case.start.sides if case.start else ()))
    whom = f"{answer.source} ({plural(pods, 'pod')})" if pods > 1 else answer.source
    port = f" on {case.ends.port or answer.port}" if case.ends.port or answer.port else ""
    return f"{whom} to {answer.destination}{port}"


def _since(case: Case, causes: tuple[Cause, ...]) -> str:
    """When the newest of the policies that block it was written, as far as the server has kept that."""
    answer = case.answer
    if answer is None or not {cause.id for cause in causes if cause.status is CauseStatus.CONFIRMED} & _BY_POLICY:
        return ""
    blocking = [
        name
        for one in (answer.egress, answer.ingress)
        if one.verdict is Verdict.DENIED
        for name in one.isolated_by
    ]  # fmt: skip
    times = []
    for name in blocking:
        kind, _, key = name.partition(" ")
        namespace, _, own = key.partition("/")
        item = case.world.snapshot.find(NETWORK_POLICY, own, namespace) if kind == NETWORK_POLICY.kind else None
        metadata = (item or {}).get("metadata") or {}
        written = [str(field.get("time") or "") for field in metadata.get("managedFields") or ()]
        times.append((max([str(metadata.get("creationTimestamp") or ""), *written]), name))
    newest, name = max(times, default=("", ""))
    return f"at the earliest {newest}, when {name} was last written" if newest else ""


def _hidden(case: Case, causes: tuple[Cause, ...]) -> Iterator[Prediction]:
    """A denial by policy behind a failure that comes before any packet for the destination."""
    answer = case.answer
    if answer is None or case.failure not in _COMES_NEXT:
        return
    confirmed = {cause.id for cause in causes if cause.status is CauseStatus.CONFIRMED}
    for one in (answer.egress, answer.ingress):
        if one.verdict is Verdict.DENIED and not confirmed & {"egress-not-allowed", "ingress-not-allowed"}:
            evidence = (Evidence(one.reason, ", ".join(one.isolated_by)),)
            yield Prediction("i/o timeout: the connection itself is denied", "A policy denies it", evidence)
            return


def _next(case: Case, causes: tuple[Cause, ...]) -> Iterator[str]:
    first = causes[0] if causes else None
    ends = case.ends
    given = " ".join(
        f"-p {name}={quote(value)}"
        for name, value in (("source", ends.source), ("destination", ends.destination), ("port", ends.port))
        if value
    )
    if first and first.status is CauseStatus.CONFIRMED:
        yield from (first.fix.commands if first.fix else ())
        if case.answer:
            yield f"k8srun run allow-traffic {given}  # the same as a plan: previewed, confirmed, taken back if need be"
        return
    looks = (look for cause in causes if cause.status is CauseStatus.OPEN for look in cause.look_at)
    yield from list(dict.fromkeys(looks))[:_NEXT]
    if case.answer is None and not (case.places.api_server or case.places.probe):
        asked = quote(ends.source or "NAMESPACE/POD"), quote(ends.destination or "NAMESPACE/SERVICE")
        yield f"k8srun reach {' '.join(asked)} --port {quote(ends.port or 'PORT')} --context NAME  # what policies say"
        unknown = {"source": "NAMESPACE/POD", "destination": "NAMESPACE/SERVICE", "port": "PORT"}
        more = " ".join(f"-p {name}={quote(getattr(ends, name) or unknown[name])}" for name in unknown)
        yield f"k8srun run {RUNBOOK} --context NAME {more}  # the same, with both ends"
