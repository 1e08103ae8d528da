"""Causes of a certificate that is out of its dates, and of clocks that are wrong."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from k8srun.certificates.case import Case, Judgement, View, confirmed, ruled_out, undecided, when, who
from k8srun.certificates.inventory import Held, Holder
from k8srun.certificates.roles import BY_ID, CLIENT
from k8srun.findings import Evidence
from k8srun.hostfiles import Topic
from k8srun.x509 import Certificate

# Two clocks that differ by less are taken for equal: a message takes time to reach whoever pastes it.
TOLERANCE = timedelta(minutes=10)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def certificate_expired(case: Case) -> Judgement:
    """The server's leaf is past its end, and what it is served from holds nothing newer."""
    view = case.server
    if view is None or view.leaf is None:
        return _by_bound(case, lambda held: not held.certificate.is_ca and not _is_client(held))
    renewed = _renewed(case, view)
    if case.now <= view.leaf.not_after:
        return ruled_out(_still_valid(case, view.leaf), view.connection.place)
    if renewed and view.connection.observation:
        return ruled_out("a newer certificate is on disk; the process does not serve it", renewed.place)
    return confirmed(_expired(view.leaf, view.connection.place), *_elsewhere(case, view.leaf, view.connection.place))


def intermediate_expired(case: Case) -> Judgement:
    """A certificate that is sent after the leaf is past its end."""
    view = case.server
    if view is None or view.leaf is None:
        return _by_bound(case, lambda held: held.certificate.is_ca and not held.certificate.self_issued)
    expired = [item for item in view.connection.chain[1:] if item.not_after < case.now and not item.self_issued]
    if expired:
        return confirmed(*(_expired(item, view.connection.place) for item in expired))
    sent = len(view.connection.chain) - 1
    return ruled_out("no intermediate is sent" if not sent else "those that are sent are valid", view.connection.place)


def ca_expired(case: Case) -> Judgement:
    """The trusted CA that signed the chain is past its end."""
    for view in (case.server, case.client):
        if view is None or view.trust is None or not view.chain_roots:
            continue
        expired = [root for root in view.chain_roots if root.not_after < case.now]
        if expired and len(expired) == len(view.chain_roots):
            return confirmed(*(_expired(root, view.trust.place) for root in expired))
        valid = next(root for root in view.chain_roots if root not in expired)
        return ruled_out(f"{who(valid)} is valid until {when(valid.not_after)}", view.trust.place)
    return _by_bound(case, lambda held: held.certificate.is_ca and held.certificate.self_issued)


def process_not_restarted(case: Case) -> Judgement:
    """What answers is older than the file it is served from."""
    view = case.server
    if view is None or view.leaf is None:
        return _newer_than_the_message(case)
    if view.connection.observation is None:
        return undecided(view.presents("only the file was read; what the process serves was not looked at"))
    renewed = _renewed(case, view)
    if renewed:
        return confirmed(
            view.presents(f"served: until {when(view.leaf.not_after)}"),
            Evidence(f"on disk: until {when(renewed.certificate.not_after)}", renewed.place),
        )
    same = [
        place for place in case.inventory.places(view.leaf, besides=view.connection.place) if "endpoint" not in place
    ]
    if same:
        return ruled_out("the file holds the certificate that is served", same[0])
    if case.now <= view.leaf.not_after:
        return ruled_out(_still_valid(case, view.leaf), view.connection.place)
    return undecided(Evidence("the file that it is served from was not read"))


def loopback_expired(case: Case) -> Judgement:
    """The apiserver talks to itself with a certificate that it makes at its start and keeps in memory for a year."""
    wrapper = case.symptom.wrapper
    if wrapper.component not in {"", "kube-apiserver"} or (wrapper.host and wrapper.host not in _LOOPBACK):
        return ruled_out(
            "only the API server's own connections to itself use it; this one goes elsewhere", wrapper.address
        )
    if case.symptom.bound is None:
        return ruled_out("what is out of date was found elsewhere") if case.server else undecided()
    if _matching(case):
        return ruled_out("the date in the message is that of a certificate on disk", _matching(case)[0].place)
    if wrapper.host in _LOOPBACK and wrapper.component == "kube-apiserver" and _pki_was_read(case):
        return confirmed(
            Evidence(f"the message names {when(case.symptom.bound)}, which no certificate on disk has"),
            Evidence("the API server complains of a connection to itself", wrapper.address),
        )
    if case.server and case.server.leaf:
        return ruled_out("a certificate that is not the loopback's was observed there", case.server.connection.place)
    return undecided(Evidence(f"no certificate that was read ends at {when(case.symptom.bound)}"))


def certificate_not_yet_valid(case: Case) -> Judgement:
    """The server's leaf is before its begin by a clock that nothing contradicts."""
    return _not_yet(case, case.server)


def client_certificate_not_yet_valid(case: Case) -> Judgement:
    return _not_yet(case, case.client)


def client_certificate_expired(case: Case) -> Judgement:
    """The client's leaf is past its end."""
    view = case.client
    if view is None or view.leaf is None:
        return _by_bound(case, _is_client)
    if view.leaf.not_after < case.now:
        return confirmed(_expired(view.leaf, view.connection.place), *_refused(case))
    return ruled_out(_still_valid(case, view.leaf), view.connection.place)


def clock_skew(case: Case) -> Judgement:
    """The message's own time contradicts the dates of a certificate that is valid by this clock.

    A message cannot come from the future; and no server can present a certificate before it was issued.
    """
    said, bound = case.symptom.time, case.symptom.bound
    if said is None or bound is None:
        return undecided(Evidence(f"by the clock here it is {when(case.now)}"))
    if said > case.now + TOLERANCE:
        return confirmed(_clock(case), Evidence("the message comes from the future"))
    if said > bound:
        return ruled_out(f"the message's time, {when(said)}, is not ahead of the clock here, {when(case.now)}")
    if case.now < bound:
        return ruled_out(f"by the clock here too, {when(case.now)}, it is not valid before {when(bound)}")
    if case.now - said > TOLERANCE:
        return confirmed(_clock(case), Evidence(f"the certificate is valid since {when(bound)} by the clock here"))
    return ruled_out(f"the message's time, {when(said)}, agrees with the clock here, {when(case.now)}")


def _not_yet(case: Case, view: View | None) -> Judgement:
    if view is None or view.leaf is None:
        if case.symptom.bound and case.symptom.bound <= case.now:
            return ruled_out(f"by the clock here, {when(case.now)}, it is valid since {when(case.symptom.bound)}")
        return undecided()
    late = [item for item in view.connection.chain if item.not_before > case.now]
    if not late:
        return ruled_out(f"valid since {when(view.leaf.not_before)} by the clock here", view.connection.place)
    return confirmed(
        *(
            view.presents(f"{who(item)} is valid from {when(item.not_before)}; here it is {when(case.now)}")
            for item in late
        )
    )


def _clock(case: Case) -> Evidence:
    said = case.symptom.time
    assert said is not None  # noqa: S101 - the callers have looked
    ahead = said > case.now
    distance = said - case.now if ahead else case.now - said
    return Evidence(
        f"the message says that it is {when(said)}; by the clock here it is {when(case.now)}, "
        f"{_span(distance)} {'earlier' if ahead else 'later'}"
    )


def _span(distance: timedelta) -> str:
    if distance >= timedelta(days=2):
        return f"{distance.days} days"
    hours, seconds = divmod(int(distance.total_seconds()), 3600)
    return f"{hours} h {seconds // 60} min"


def _expired(certificate: Certificate, place: str) -> Evidence:
    return Evidence(f"{who(certificate)} ended at {when(certificate.not_after)}", place)


def _elsewhere(case: Case, certificate: Certificate, place: str) -> Iterable[Evidence]:
    return (Evidence("the same certificate", other) for other in case.inventory.places(certificate, besides=place)[:2])


def _still_valid(case: Case, certificate: Certificate) -> str:
    renewed = case.symptom.bound is not None and certificate.not_after > case.symptom.bound
    since = ": it was renewed since the message" if renewed and certificate.not_after > case.now else ""
    return f"{who(certificate)} is valid until {when(certificate.not_after)}{since}"


def _renewed(case: Case, view: View) -> Held | None:
    """What the server would present if it were restarted: a later certificate of the same role or name on disk."""
    leaf = view.leaf
    if leaf is None or leaf.not_after > case.now:
        return None
    newer = (
        held
        for held in case.inventory.held
        if held.bundle.holder in {Holder.FILE, Holder.SECRET}
        and not held.position
        and held.certificate.subject_der == leaf.subject_der
        and (not view.connection.role or held.role in {"", view.connection.role})
        and held.certificate.extended_key_usages == leaf.extended_key_usages
        and held.certificate.not_after > leaf.not_after
    )
    return next((held for held in newer if held.certificate.not_after > case.now), None)


def _matching(case: Case) -> tuple[Held, ...]:
    """What ends at the very second that the message names."""
    return tuple(held for held in case.inventory.held if held.certificate.not_after == case.symptom.bound)


def _by_bound(case: Case, wanted: object) -> Judgement:
    """Without a connection the date in the message tells: it is that of one certificate."""
    test = wanted if callable(wanted) else bool
    if case.symptom.bound is None:
        return undecided()
    found = _matching(case)
    fitting = [held for held in found if test(held)]
    if fitting and case.symptom.bound < case.now:
        return confirmed(*(_expired(held.certificate, held.place) for held in fitting[:4]))
    if found and not fitting:
        return ruled_out(f"the date in the message is that of {who(found[0].certificate)}", found[0].place)
    return undecided()


def _is_client(held: Held) -> bool:
    if held.bundle.holder is Holder.KUBECONFIG_USER:
        return True
    role = BY_ID.get(held.role)
    usages = role.usages if role else ()
    return usages == (CLIENT,) or held.certificate.extended_key_usages == ("clientAuth",)


def _newer_than_the_message(case: Case) -> Judgement:
    if case.symptom.bound is None or not _pki_was_read(case) or _matching(case):
        return undecided()
    return undecided(
        Evidence(
            f"no file holds a certificate that ends at {when(case.symptom.bound)}: renewed since, or never on disk"
        )
    )


def _pki_was_read(case: Case) -> bool:
    return any(True for _ in case.world.snapshot.files_of(Topic.PKI))


def _refused(case: Case) -> tuple[Evidence, ...]:
    from_gaps = [gap for gap in case.world.snapshot.gaps if gap.reason.value == "unauthorized"]
    return (Evidence("the API server answered 401", from_gaps[0].where),) if from_gaps else ()
