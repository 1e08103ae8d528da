"""Every certificate and key that a snapshot holds, and where it lives.

Pure reading: nothing is judged here. A bundle with a broken block gives the certificates that can be read, and the
block as a `Broken`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

import msgspec

from k8srun.certificates.callers import ca_bundle_of, callers, decoded
from k8srun.certificates.components import Component, components
from k8srun.certificates.roles import CERTIFICATE_FLAGS, PATHS
from k8srun.certificates.shapes import at, mapping
from k8srun.certificates.verification import find_issuers
from k8srun.errors import InputError
from k8srun.hostfiles import HostFile
from k8srun.kinds import (
    CERTIFICATE_SIGNING_REQUEST,
    CONFIG_MAP,
    SECRET,
)
from k8srun.pem import PemBlock, read_pem
from k8srun.snapshot import Snapshot, remembered, resource_name
from k8srun.x509 import Certificate, certificates_of


class Holder(StrEnum):
    """What kind of place holds a certificate."""

    FILE = "file"
    KUBECONFIG_CA = "kubeconfig CA"
    KUBECONFIG_USER = "kubeconfig user"
    ENDPOINT = "endpoint"
    SECRET = "Secret"  # noqa: S105 - a kind, not a password
    CA_BUNDLE = "caBundle"
    CONFIG_MAP = "ConfigMap"
    REQUEST = "CertificateSigningRequest"


@dataclass(frozen=True, slots=True)
class Bundle:
    """PEM data at one place, as it was read.

    Attributes:
        holder: what kind of place.
        place: where it lives, as people say it and findings name it.
        blocks: everything in it, broken blocks included.
        role: the id of its certificate's role in `roles.ROLES`; empty if it has none.
        host, path: of a file; of a kubeconfig's entry, of that file.
        modified: when the file was last changed, if known.
        mode: permission bits of the file, if known.
        error: why nothing could be read.
    """

    holder: Holder
    place: str
    blocks: tuple[PemBlock, ...]
    role: str = ""
    host: str = ""
    path: str = ""
    modified: datetime | None = None
    mode: int | None = None
    error: str = ""

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        return certificates_of(self.blocks)

    @property
    def leaf(self) -> Certificate:
        """The first certificate, which is what is presented; the rest is sent along with it.

        Raises:
            InputError: there is none that can be read.
        """
        if not self.certificates:
            raise InputError("no certificate in it can be read", where=self.place)
        return self.certificates[0]

    @property
    def keys(self) -> tuple[PemBlock, ...]:
        return tuple(block for block in self.blocks if block.is_private_key)

    @property
    def broken(self) -> tuple[PemBlock, ...]:
        """The blocks that could not be read. An encrypted key is none: it is as it should be."""
        return tuple(block for block in self.blocks if block.error and not block.error.startswith("encrypted"))


@dataclass(frozen=True, slots=True)
class Held:
    """One certificate at one place; `position` counts from 0 within its bundle."""

    certificate: Certificate
    bundle: Bundle
    position: int = 0

    @property
    def place(self) -> str:
        return self.bundle.place if not self.position else f"{self.bundle.place}, certificate {self.position + 1}"

    @property
    def role(self) -> str:
        return self.bundle.role


@dataclass(frozen=True, slots=True)
class Inventory:
    """All bundles of a snapshot, and the control plane's programs with their flags."""

    bundles: tuple[Bundle, ...]
    components: tuple[Component, ...]
    held: tuple[Held, ...]
    by_place: Mapping[str, Bundle]
    by_file: Mapping[tuple[str, str], Bundle]

    def places(self, certificate: Certificate, *, besides: str = "") -> tuple[str, ...]:
        """Where else the same certificate lives, each place once."""
        found = (item.place for item in self.held if item.certificate == certificate and item.place != besides)
        return tuple(dict.fromkeys(found))

    def issuers_of(self, certificate: Certificate) -> tuple[Held, ...]:
        """The places of the certificates that signed this one (its own, if it is self-signed, included)."""
        candidates = {
            item.certificate: item
            for item in reversed(self.held)
            if item.certificate.subject_der == certificate.issuer_der
        }
        return tuple(candidates[issuer] for issuer in find_issuers(certificate, candidates))

    def of_role(self, role: str, host: str = "") -> tuple[Held, ...]:
        """The leaf (or CA) of each bundle of that role; only of one host if it is given."""
        return tuple(
            item for item in self.held if item.role == role and not item.position and host in {"", item.bundle.host}
        )

    def at(self, place: str) -> Bundle | None:
        """The bundle of that place."""
        return self.by_place.get(place)

    def find(self, name: str) -> Bundle:
        """The bundle that a person means by a place, or by the path of a file.

        Raises:
            InputError: there is none, or several hosts have a file of that path.
        """
        if bundle := self.by_place.get(name):
            return bundle
        files = [bundle for (_, path), bundle in self.by_file.items() if path == name]
        if len(files) == 1:
            return files[0]
        if files:
            raise InputError(
                "several hosts have it", where=name, do=f"Say which one: {', '.join(file.place for file in files)}"
            )
        raise InputError("nothing of that name was read", where=name, do="Name a place as the inventory lists it.")

    def file(self, path: str, host: str) -> Bundle | None:
        """The bundle that was read from a file."""
        return self.by_file.get((host, path))

    def program(self, program: str, host: str = "") -> tuple[Component, ...]:
        """The instances of a program whose flags are known."""
        return tuple(item for item in self.components if item.program == program and host in {"", item.host})


@remembered
def inventory(snapshot: Snapshot) -> Inventory:
    """Everything in the snapshot that holds certificates or keys, in a fixed order."""
    programs = components(snapshot)
    bundles = (
        *_files(snapshot.files, programs),
        *_kubeconfigs(snapshot.files),
        *_endpoints(snapshot),
        *_objects(snapshot),
    )
    held = (
        Held(certificate, bundle, position)
        for bundle in bundles
        for position, certificate in enumerate(bundle.certificates)
    )
    by_file = {(bundle.host, bundle.path): bundle for bundle in bundles if bundle.holder is Holder.FILE}
    return Inventory(bundles, programs, tuple(held), {bundle.place: bundle for bundle in reversed(bundles)}, by_file)


def _files(files: Iterable[HostFile], programs: tuple[Component, ...]) -> Iterator[Bundle]:
    by_flag = {
        (program.host, program.flags[flag]): role
        for program in programs
        for (name, flag), role in CERTIFICATE_FLAGS.items()
        if program.program == name and flag in program.flags
    }
    for file in files:
        if file.pem:
            role = PATHS.get(file.path) or by_flag.get((file.host, file.path)) or by_flag.get(("", file.path)) or ""
            yield Bundle(
                Holder.FILE, file.place, file.pem, role, file.host, file.path, file.modified, file.mode, file.error
            )


def _kubeconfigs(files: Iterable[HostFile]) -> Iterator[Bundle]:
    for file in files:
        config = file.kubeconfig
        if config is None:
            continue
        common = Bundle(Holder.KUBECONFIG_CA, "", (), "", file.host, file.path, file.modified, file.mode)
        for cluster in config.clusters:
            place = f"{file.place}, cluster {cluster.name}"
            yield replace(common, place=place, blocks=cluster.ca, error=cluster.ca_error)
        role = PATHS.get(file.path, "")
        for user in config.users:
            place = f"{file.place}, user {user.name}"
            blocks = (*user.certificate, *((user.key,) if user.key else ()))
            yield replace(
                common, holder=Holder.KUBECONFIG_USER, place=place, blocks=blocks, role=role, error=user.error
            )


def _endpoints(snapshot: Snapshot) -> Iterator[Bundle]:
    for seen in snapshot.endpoints:
        blocks = tuple(PemBlock("CERTIFICATE", der=der) for der in seen.presented)
        yield Bundle(Holder.ENDPOINT, f"endpoint {seen.address}", blocks)


def _objects(snapshot: Snapshot) -> Iterator[Bundle]:
    yield from _secrets(snapshot)
    for caller in callers(snapshot):
        blocks = ca_bundle_of(caller.config)
        if blocks:
            yield Bundle(Holder.CA_BUNDLE, f"{caller.place}, caBundle", blocks)
    for item in snapshot.of(CONFIG_MAP):
        for key, value in sorted(mapping(item.get("data")).items()):
            if isinstance(value, str) and "-----BEGIN CERTIFICATE-----" in value:
                yield Bundle(Holder.CONFIG_MAP, f"{resource_name(CONFIG_MAP, item)}, {key}", read_pem(value.encode()))
    for item in snapshot.of(CERTIFICATE_SIGNING_REQUEST):
        issued = at(item, "status", "certificate")
        if issued:
            yield Bundle(Holder.REQUEST, resource_name(CERTIFICATE_SIGNING_REQUEST, item), decoded(issued))


def _secrets(snapshot: Snapshot) -> Iterator[Bundle]:
    for secret in snapshot.of(SECRET):
        for key, value in sorted(mapping(secret.get("data")).items()):
            blocks = _reduced_blocks(value)
            if blocks:
                yield Bundle(Holder.SECRET, f"{resource_name(SECRET, secret)}, {key}", blocks)


def _reduced_blocks(value: object) -> tuple[PemBlock, ...]:
    """The blocks of a reduced Secret's value (`{"type": "pem", "blocks": […]}`)."""
    if not isinstance(value, Mapping) or value.get("type") != "pem":
        return ()
    return tuple(msgspec.convert(block, PemBlock) for block in value.get("blocks") or ())
