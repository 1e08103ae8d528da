"""Which CA belongs where the wrong one stands, and how it is written there."""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, replace

from k8srun.certificates.case import View, World, issued_by, view_of
from k8srun.certificates.connection import Trust
from k8srun.certificates.inventory import Bundle, Holder
from k8srun.pem import PemBlock
from k8srun.x509 import Certificate

# What a server sends is no proof of itself: whoever sits on the way could have sent it.
_UNPROVEN = frozenset({Holder.ENDPOINT, Holder.REQUEST})


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA certificate, and where it was read."""

    certificate: Certificate
    place: str

    @property
    def fingerprint(self) -> str:
        """Its SHA-256, shortened as people compare it."""
        return self.certificate.sha256[:16]


def authority_of(view: View, world: World) -> Authority | None:
    """The CA that signed what is presented, and with which alone Go would accept its signatures now.

    Returns:
        None where it was read nowhere but from the wire.
    """
    top = view.top
    if top is None:
        return None
    for held in world.inventory.held:
        if held.bundle.holder in _UNPROVEN or held.certificate.not_after < world.now:
            continue
        if issued_by(top, held.certificate) and _accepted(view, held.certificate, world):
            return Authority(held.certificate, held.place)
    return None


def _accepted(view: View, certificate: Certificate, world: World) -> bool:
    bundle = Bundle(Holder.CA_BUNDLE, "", (PemBlock("CERTIFICATE", der=certificate.der),))
    return view_of(replace(view.connection, trust=Trust(bundle)), world.now).trusted is True


def bundle_data(certificates: Iterable[Certificate]) -> str:
    """The certificates as a `caBundle` or `certificate-authority-data` holds them: base64 of PEM."""
    return base64.b64encode("".join(map(pem, certificates)).encode()).decode()


def pem(certificate: Certificate) -> str:
    """A certificate in PEM."""
    body = "\n".join(textwrap.wrap(base64.b64encode(certificate.der).decode(), 64))
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
