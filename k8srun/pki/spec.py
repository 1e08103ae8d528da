"""What a PKI is to hold, as data: its authorities, its leaves, and the times that they live.

The defaults are what kubeadm writes. The other fields are for what it never writes: what goes wrong in clusters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from k8srun.errors import InputError

Usage = Literal["server", "client"]
_OFFSET = re.compile(r"([+-])(\d{1,5})([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


class AuthoritySpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A CA. Times are offsets from the time of building, such as `-400d`. What follows them, kubeadm never writes.

    Attributes:
        issuer: the id of the authority above, which must stand before this one; empty = it signs itself.
        key: the id of the authority whose key it shares; empty = one of its own.
        name_type: how its name is encoded; empty = as Go does.
        signs: whether its key usages allow it to sign certificates.
        path_length: how many intermediates may be below it; None = any number.
        usages: what it may issue certificates for; empty = anything.
        permitted: the DNS domains that it may sign for; empty = all.
        requires_policy: whether each certificate below it must name a policy.
    """

    common_name: str
    not_before: str = "-400d"
    not_after: str = "+3250d"
    issuer: str = ""
    key: str = ""
    name_type: Literal["", "utf8"] = ""
    signs: bool = True
    path_length: int | None = None
    usages: tuple[Usage, ...] = ()
    permitted: tuple[str, ...] = ()
    requires_policy: bool = False


class CertificateSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A leaf. What follows its times, kubeadm never writes.

    Attributes:
        issuer: the id of an authority; the leaf's own id = it signs itself.
        sans: names and addresses; `DNS:10.0.0.1` is an address that is written as a name.
        not_before: the issuer's when empty, as with kubeadm.
        sends: the ids of the authorities whose certificates stand after it in its file.
        rsa_bits: its key is RSA of this size; 0 = as the others.
        curve: its key is on this curve; empty = P-256, as the others.
        sha1: whether it is signed with SHA-1.
        authority_key_identifier: whether it says by which key it was signed.
        critical_extension: the object identifier of a critical extension that nobody knows.
    """

    issuer: str
    common_name: str
    organizations: tuple[str, ...] = ()
    usages: tuple[Usage, ...] = ("client",)
    sans: tuple[str, ...] = ()
    not_before: str = ""
    not_after: str = "+325d"
    sends: tuple[str, ...] = ()
    rsa_bits: int = 0
    curve: Literal["", "secp256k1"] = ""
    sha1: bool = False
    authority_key_identifier: bool = True
    critical_extension: str = ""


class PkiSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every CA and leaf by id, and who does not believe in `ca`: a node's name or `workstation`, and in what instead.

    The id of a certificate that a node keeps is its path below /etc/kubernetes/pki. `trusts` may name a leaf as well.
    """

    authorities: Mapping[str, AuthoritySpec]
    certificates: Mapping[str, CertificateSpec]
    trusts: Mapping[str, str] = {}


def moment(offset: str, now: datetime) -> datetime:
    """`-2d`, `+36h`, `-30m` from `now`, whole seconds.

    Raises:
        InputError: it is not such an offset.
    """
    match = _OFFSET.fullmatch(offset)
    if match is None:
        raise InputError(f"{offset!r} is not an offset of time", do="Write it as -2d, +36h or -30m.")
    delta = timedelta(**{_UNITS[match[3]]: int(match[2])})
    return (now + delta if match[1] == "+" else now - delta).replace(microsecond=0)
