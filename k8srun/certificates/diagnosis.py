"""From a message, a snapshot or both to a ranked list of causes with their evidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from k8srun.certificates.case import Case, Judgement, World, party_of, ruled_out
from k8srun.certificates.catalogue import entry_of
from k8srun.certificates.causes import CAUSES
from k8srun.certificates.clues import CLUES, address_of
from k8srun.certificates.entry import RUNBOOK, WEBHOOK_RUNBOOK, Party
from k8srun.certificates.fixes.commands import quote
from k8srun.certificates.fixes.registry import FIXES
from k8srun.certificates.impact import affected, seen_from, since
from k8srun.certificates.judges.registry import CLIENT_CAUSES, JUDGES, SERVER_CAUSES
from k8srun.certificates.messages import Symptom
from k8srun.certificates.prediction import families_of, predictions
from k8srun.certificates.selection import case_of
from k8srun.diagnosis import Cause, CauseStatus, Diagnosis
from k8srun.findings import Evidence
from k8srun.hostfiles import Topic
from k8srun.snapshot import Need

DOMAIN = "certificates"
_ORDER = {CauseStatus.CONFIRMED: 0, CauseStatus.OPEN: 1, CauseStatus.RULED_OUT: 2}
_NEXT = 6
# Go names the CA that it tried in vain; without such a hint none of the issuer's name was trusted.
_NEED_A_HINT = frozenset({"ca-rebuilt", "signature-damaged", "ca-cannot-sign", "weak-signature"})


def diagnose_message(symptom: Symptom, world: World) -> Diagnosis:
    """The causes of a message, tested against whatever the snapshot shows of the connection it is about."""
    return diagnose_case(case_of(symptom, world))


def diagnose_case(case: Case) -> Diagnosis:
    """Every cause of the case's family, judged; related families' causes too where none of its own is confirmed."""
    entry = case.symptom.entry
    causes = [_cause(cause, case) for cause in _likeliest_first(case, entry.causes)]
    if not any(cause.status is CauseStatus.CONFIRMED for cause in causes):
        causes += [cause for cause in _related(case) if cause.status is CauseStatus.CONFIRMED]
    ranked = tuple(sorted(causes, key=lambda cause: _ORDER[cause.status]))
    first = ranked[0].id if ranked[0].status is CauseStatus.CONFIRMED else ""
    return Diagnosis(
        symptom=case.symptom.line,
        recognised=True,
        family=case.symptom.family,
        domain=DOMAIN,
        runbook=_runbook(case),
        meaning=entry.meaning,
        seen_from=seen_from(case),
        affected=affected(case, first),
        since=since(case, first) if first else "",
        causes=ranked,
        hidden=predictions(case, {cause.id for cause in ranked if cause.status is CauseStatus.CONFIRMED}),
        next=tuple(_next(case, ranked)),
    )


def judge(cause: str, case: Case) -> Judgement:
    """What the evidence says of one cause; first of all whether the message can be about that side at all."""
    party = case.party
    if party is Party.SERVER and cause in CLIENT_CAUSES:
        return ruled_out("the message is about the server's certificate")
    if party is Party.CLIENT and cause in SERVER_CAUSES:
        return ruled_out("the message is about the client's certificate")
    judgement = JUDGES[cause](case)
    if judgement.status is CauseStatus.OPEN and cause in _NEED_A_HINT and _is_plain_go(case.symptom):
        return ruled_out("Go would have named the trusted CA of the issuer's name that it tried in vain", "the message")
    return judgement


def _runbook(case: Case) -> str:
    """Webhooks and what is aggregated have one of their own: it shows all of them, and how to get past them."""
    wrapper = case.symptom.wrapper
    called = case.server is not None and case.server.connection.caller is not None
    return WEBHOOK_RUNBOOK if called or wrapper.webhook or wrapper.service else RUNBOOK


def _cause(cause: str, case: Case) -> Cause:
    judgement = judge(cause, case)
    still_open = judgement.status is CauseStatus.OPEN
    return Cause(
        id=cause,
        title=CAUSES[cause],
        status=judgement.status,
        evidence=judgement.evidence,
        fix=None if judgement.status is CauseStatus.RULED_OUT else FIXES[cause](case),
        look_at=CLUES[cause](case) if still_open else (),
    )


def _related(case: Case) -> Iterator[Cause]:
    """Causes of the other messages in the same text, and of what Go says of the connection now."""
    own = case.symptom.entry.causes
    families = dict.fromkeys((*case.symptom.also, *families_of(case)))
    for cause in dict.fromkeys(cause for family in families for cause in entry_of(family).causes):
        if cause not in own:
            yield _cause(cause, case)


def _likeliest_first(case: Case, causes: Iterable[str]) -> list[str]:
    """The catalogue's order, moved by what the text tells."""
    symptom = case.symptom
    at_kubelet = symptom.wrapper.port == 10250 or symptom.wrapper.component == "metrics-server"
    alone = symptom.hint.lower() in {"self-signed certificate", "self signed certificate"}
    return sorted(
        causes,
        key=lambda cause: (
            not (
                (at_kubelet and cause.startswith("kubelet-"))
                or (alone and cause == "self-signed")
                or (party_of(symptom) is Party.CLIENT and cause in CLIENT_CAUSES)
            )
        ),
    )


def _is_plain_go(symptom: Symptom) -> bool:
    return symptom.family == "x509-unknown-authority" and symptom.message.startswith("x509:") and not symptom.hint


def _next(case: Case, causes: tuple[Cause, ...]) -> Iterator[str]:
    """The fix's commands and the proof; or, where nothing is confirmed, what would tell."""
    found = causes[0]
    if found.status is CauseStatus.CONFIRMED:
        yield from (found.fix.commands if found.fix else ())
        address = address_of(case)
        if ":" in address and not address.startswith("HOST"):
            inside = ", from inside the cluster" if ".svc:" in address or ".svc." in address else ""
            yield f"k8srun diagnose --endpoint {quote(address)}  # the proof, once it is mended{inside}"
        return
    clues = (clue for cause in causes if cause.status is CauseStatus.OPEN for clue in cause.look_at)
    yield from list(dict.fromkeys(clues))[:_NEXT]
    yield from _more_evidence(case)


def _more_evidence(case: Case) -> Iterator[str]:
    """What to give the tool, so that it can close what is open."""
    snapshot = case.world.snapshot
    wanted = []
    if Need.endpoint() not in snapshot.observed and not (case.server and case.server.connection.observation):
        wanted.append(f"--endpoint {quote(address_of(case))}")
    if Need.host(Topic.KUBECONFIG) not in snapshot.observed:
        wanted.append("--kubeconfig FILE")
    if Need.host(Topic.PKI) not in snapshot.observed:
        wanted.append("--host-root /  (on a control-plane node, or what `k8srun collect-script` brings from it)")
    if wanted:
        yield f"k8srun diagnose - {' '.join(wanted)}  # the same text, with evidence"


def nothing_found(world: World) -> Diagnosis:
    """The answer to a snapshot without a text in which nothing fails."""
    judged = [view for view in world.views if view.verification]
    looked = f"{len(judged)} connections were verified as Go does" if judged else "no connection could be judged"
    return Diagnosis(
        symptom="",
        recognised=bool(judged),
        domain=DOMAIN,
        runbook=RUNBOOK,
        meaning=f"No certificate error in what was read: {looked}.",
        causes=(),
        next=() if judged else ("k8srun diagnose --context NAME, --endpoint HOST:PORT or --host-root /",),
    )


def with_others(diagnosis: Diagnosis, others: Iterable[Diagnosis]) -> Diagnosis:
    """A diagnosis and, after its own causes, what else was confirmed in the same snapshot."""
    known = {cause.id for cause in diagnosis.confirmed} | {prediction.cause for prediction in diagnosis.hidden}
    added: list[Cause] = []
    for other in others:
        for cause in other.confirmed:
            if cause.id not in known:
                known.add(cause.id)
                about = Evidence(f"another fault: {other.symptom}")
                added.append(replace(cause, evidence=(about, *cause.evidence)))
    own = [cause for cause in diagnosis.causes if cause.id not in {item.id for item in added}]
    ranked = sorted((*own, *added), key=lambda cause: _ORDER[cause.status])
    return replace(diagnosis, causes=tuple(ranked))
