"""What stands in bundles, one by one: certificates, keys and what could not be read, and how they belong together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from k8srun.certificates.inventory import Bundle, Holder
from k8srun.certificates.verification import find_issuers
from k8srun.pem import PemBlock
from k8srun.x509 import Certificate, MalformedCertificate

# Of the certificates of one name so many are tried as issuers: a bundle of thousands that share it must not take hours.
_NAMESAKES = 8
_MOST_PLACES = 20


@dataclass(frozen=True, slots=True)
class Item:
    """One block at one place.

    Attributes:
        place: as findings name it: the bundle's place, and which of several it is.
        certificate: what the block holds, if it is a certificate that can be read.
    """

    place: str
    bundle: Bundle
    block: PemBlock
    certificate: Certificate | None = None

    @property
    def is_key(self) -> bool:
        return self.block.is_private_key

    @property
    def line(self) -> int:
        """Where it begins in its file, counted from 1; 0 where lines mean nothing."""
        return self.block.line if self.bundle.holder is Holder.FILE else 0

    @property
    def is_broken(self) -> bool:
        """Whether it could not be read. An encrypted key is as it should be."""
        return bool(self.block.error) and self.certificate is None and not self.block.error.startswith("encrypted")


class Contents:
    """The items of bundles, in their order, and which of them belong together."""

    def __init__(self, bundles: Iterable[Bundle]) -> None:
        self.items = tuple(item for bundle in bundles for item in _items(bundle))
        self._keys: dict[str, list[str]] = {}
        self._paired: dict[str, list[str]] = {}
        self._by_subject: dict[bytes, dict[Certificate, str]] = {}
        for item in self.items:
            if item.certificate:
                self._paired.setdefault(item.certificate.public_key_sha256, []).append(item.place)
                same_name = self._by_subject.setdefault(item.certificate.subject_der, {})
                same_name.setdefault(item.certificate, item.place)
            elif item.is_key and item.block.public_key_sha256:
                self._keys.setdefault(item.block.public_key_sha256, []).append(item.place)

    @property
    def certificates(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.certificate)

    @property
    def keys(self) -> tuple[Item, ...]:
        """The private keys, those included of which nothing but that they are there is known."""
        return tuple(item for item in self.items if item.is_key and not item.is_broken)

    @property
    def broken(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.is_broken)

    @property
    def others(self) -> tuple[Item, ...]:
        """Public keys, requests, revocation lists and whatever else stands there."""
        return tuple(item for item in self.items if not (item.certificate or item.is_key or item.is_broken))

    def keys_of(self, certificate: Certificate) -> tuple[str, ...]:
        """The places of its private key, the first twenty."""
        return tuple(self._keys.get(certificate.public_key_sha256, ())[:_MOST_PLACES])

    def certificates_of(self, key: PemBlock) -> tuple[str, ...]:
        """The places of the certificates that were made for a private key, the first twenty."""
        return tuple(self._paired.get(key.public_key_sha256, ())[:_MOST_PLACES]) if key.public_key_sha256 else ()

    def issuers_of(self, certificate: Certificate) -> tuple[str, ...]:
        """Of each certificate that signed this one the first place; its own left out if it is self-signed."""
        named = self._by_subject.get(certificate.issuer_der, {})
        if certificate.self_signed:
            return ()
        likely = sorted(named, key=lambda candidate: candidate.ski != certificate.aki)[:_NAMESAKES]
        return tuple(named[issuer] for issuer in find_issuers(certificate, likely))


def _items(bundle: Bundle) -> Iterator[Item]:
    seen = {"certificate": 0, "key": 0}
    for block in bundle.blocks:
        kind = "certificate" if block.is_certificate else "key" if block.is_private_key else ""
        if not kind:
            yield Item(bundle.place, bundle, block)
            continue
        seen[kind] += 1
        alone = kind == "certificate" or len(bundle.blocks) == 1
        place = bundle.place if alone and seen[kind] == 1 else f"{bundle.place}, {kind} {seen[kind]}"
        yield _certificate(Item(place, bundle, block)) if kind == "certificate" else Item(place, bundle, block)


def _certificate(item: Item) -> Item:
    if not item.block.der:
        return item
    try:
        return replace(item, certificate=Certificate.from_der(item.block.der))
    except MalformedCertificate as error:
        # What an endpoint presented was kept as it came.
        return replace(item, block=replace(item.block, error=item.block.error or error.what))
