"""Who signed what: every certificate of a snapshot once, below the one that signed it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from k8srun.certificates.contents import Contents
from k8srun.certificates.inventory import inventory
from k8srun.snapshot import Snapshot
from k8srun.x509 import Certificate


@dataclass(frozen=True, slots=True)
class Signed:
    """One certificate and its signer, by signature and not by name.

    Attributes:
        places: where it lives, each place once.
        signer: of several that have signed it with one key (a renewed CA) the likeliest; its own for a self-signed
            certificate, None when no certificate of the snapshot has signed it.
        depth: how many signatures lie between it and the first certificate of its chain.
    """

    certificate: Certificate
    places: tuple[str, ...]
    signer: Certificate | None
    depth: int = 0


def chains(snapshot: Snapshot) -> tuple[Signed, ...]:
    """Every certificate, each followed by all that it signed, the soonest to end first."""
    contents = Contents(inventory(snapshot).bundles)
    by_place = {item.place: item.certificate for item in contents.certificates if item.certificate}
    places: dict[Certificate, dict[str, None]] = {}
    for place, certificate in by_place.items():
        places.setdefault(certificate, {})[place] = None
    signers = {certificate: _signer(certificate, contents, by_place) for certificate in places}
    return tuple(
        Signed(certificate, tuple(places[certificate]), signers[certificate], depth)
        for certificate, depth in _in_order(signers)
    )


def _signer(certificate: Certificate, contents: Contents, by_place: dict[str, Certificate]) -> Certificate | None:
    if certificate.self_signed:
        return certificate
    return next((by_place[place] for place in contents.issuers_of(certificate)), None)


def _in_order(signers: dict[Certificate, Certificate | None]) -> Iterable[tuple[Certificate, int]]:
    """Depth first. Two CAs that have signed each other have no first: the sooner to end begins."""
    signed: dict[Certificate, list[Certificate]] = {}
    late_first = sorted(signers, key=lambda certificate: (certificate.not_after, certificate.sha256), reverse=True)
    for certificate in late_first:
        signer = signers[certificate]
        if signer is not None and signer != certificate:
            signed.setdefault(signer, []).append(certificate)
    first = [certificate for certificate in late_first if signers[certificate] in {None, certificate}]
    ordered: dict[Certificate, int] = {}
    waiting = [(certificate, 0) for certificate in (*late_first, *first)]
    while waiting:
        certificate, depth = waiting.pop()
        if certificate not in ordered:
            ordered[certificate] = depth
            waiting.extend((below, depth + 1) for below in signed.get(certificate, ()))
    return ordered.items()
