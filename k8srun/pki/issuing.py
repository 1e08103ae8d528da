"""Keys and certificates in the form in which kubeadm makes them, from a description in data.

The authorities are RSA 2048, the leaves ECDSA P-256 by default: as in a cluster that was made with kubeadm's default
and whose `encryptionAlgorithm` was set to ECDSA-P256 before the last renewal. Twenty RSA keys take over a second.
Source of the form: kubeadm `pki_helpers.go`, client-go `util/cert`.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from k8srun.errors import InputError

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Usage = Literal["server", "client"]

USAGES = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}
LEAF_LIFETIME = timedelta(days=365)
_OFFSET = re.compile(r"([+-])(\d{1,5})([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}
# Go writes a name as PrintableString where it can, and compares names by their bytes.
_PRINTABLE = re.compile(r"[A-Za-z0-9 '()+,\-./:=?*&]*")


class AuthoritySpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A CA that signs itself. Times are offsets from the time of building, such as `-400d`."""

    common_name: str
    not_before: str = "-400d"
    not_after: str = "+3250d"


class CertificateSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A leaf. `issuer` is the id of an authority; `not_before` is the issuer's when empty, as with kubeadm."""

    issuer: str
    common_name: str
    organizations: tuple[str, ...] = ()
    usages: tuple[Usage, ...] = ("client",)
    sans: tuple[str, ...] = ()
    not_before: str = ""
    not_after: str = "+325d"


class PkiSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every CA and leaf by id, and who does not believe in `ca`: a node's name or `workstation`, and in what instead.

    The id of a certificate that a node keeps is its path below /etc/kubernetes/pki. `trusts` may name a leaf as well.
    """

    authorities: Mapping[str, AuthoritySpec]
    certificates: Mapping[str, CertificateSpec]
    trusts: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate, its private key, and when they were made: a leaf's notBefore does not say, it is its CA's."""

    certificate: x509.Certificate
    key: PrivateKey
    issued: datetime

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return private_pem(self.key)


class Keys:
    """Private keys by name, each made when it is first asked for. Labs that share them are of one cluster."""

    def __init__(self) -> None:
        self._keys: dict[str, PrivateKey] = {}

    def rsa(self, name: str) -> PrivateKey:
        """RSA 2048, as kubeadm's default."""
        if name not in self._keys:
            self._keys[name] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return self._keys[name]

    def ecdsa(self, name: str) -> PrivateKey:
        """ECDSA P-256, as kubeadm's `encryptionAlgorithm: ECDSA-P256`."""
        if name not in self._keys:
            self._keys[name] = ec.generate_private_key(ec.SECP256R1())
        return self._keys[name]


class Pki:
    """All pairs of a description, by id, and the key pair that signs service account tokens.

    Args:
        rsa_leaves: the leaves' keys are RSA 2048 too.
    """

    def __init__(self, spec: PkiSpec, keys: Keys, now: datetime, *, rsa_leaves: bool = False) -> None:
        self._pairs: dict[str, Pair] = {}
        self._trusts = spec.trusts
        self.service_account_key = keys.rsa("sa")
        for name, authority in spec.authorities.items():
            self._pairs[name] = _self_signed(authority, keys.rsa(name), now)
        for name, leaf in spec.certificates.items():
            if leaf.issuer not in spec.authorities:
                raise InputError(f"its issuer {leaf.issuer!r} is not an authority", where=f"certificate {name}")
            key = keys.rsa(name) if rsa_leaves else keys.ecdsa(name)
            self._pairs[name] = _issued(leaf, key, self._pairs[leaf.issuer], now)

    def __getitem__(self, name: str) -> Pair:
        """Raises InputError when there is no certificate of this id."""
        if name not in self._pairs:
            raise InputError(f"there is no certificate {name!r}", do=f"There are: {', '.join(self._pairs)}.")
        return self._pairs[name]

    def trusted_by(self, holder: str) -> Pair:
        """What `holder` takes for the cluster's CA; only its certificate is of use."""
        return self[self._trusts.get(holder, "ca")]

    @property
    def service_account_public_pem(self) -> bytes:
        public = self.service_account_key.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def private_pem(key: PrivateKey) -> bytes:
    """The key as kubeadm writes it: PKCS#1 for RSA, SEC 1 for ECDSA, unencrypted."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


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


def _self_signed(spec: AuthoritySpec, key: PrivateKey, now: datetime) -> Pair:
    name = distinguished_name(spec.common_name)
    builder = _builder(name, name, key, moment(spec.not_before, now), moment(spec.not_after, now))
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(spec.common_name)]), critical=False)
    )
    return Pair(builder.sign(key, hashes.SHA256()), key, moment(spec.not_before, now))


def _issued(spec: CertificateSpec, key: PrivateKey, issuer: Pair, now: datetime) -> Pair:
    ca = issuer.certificate
    begin = moment(spec.not_before, now) if spec.not_before else ca.not_valid_before_utc
    end = moment(spec.not_after, now)
    builder = _builder(distinguished_name(spec.common_name, spec.organizations), ca.subject, key, begin, end)
    ski = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([USAGES[usage] for usage in spec.usages]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ski), critical=False)
    )
    if spec.sans:
        builder = builder.add_extension(x509.SubjectAlternativeName(_sans(spec.sans)), critical=False)
    return Pair(builder.sign(issuer.key, hashes.SHA256()), key, max(begin, end - LEAF_LIFETIME))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(secrets.randbelow(2**63 - 2) + 1)  # kubeadm's are of 63 bits
        .not_valid_before(begin)
        .not_valid_after(end)
    )


def distinguished_name(common_name: str, organizations: Iterable[str] = ()) -> x509.Name:
    """O before CN, and all O values in one set, as Go orders and groups them."""
    groups = [_attribute(NameOID.ORGANIZATION_NAME, value) for value in organizations]
    last = x509.RelativeDistinguishedName([_attribute(NameOID.COMMON_NAME, common_name)])
    return x509.Name([x509.RelativeDistinguishedName(groups), last] if groups else [last])


def _attribute(oid: x509.ObjectIdentifier, value: str) -> x509.NameAttribute[str]:
    kind = _ASN1Type.PrintableString if _PRINTABLE.fullmatch(value) else _ASN1Type.UTF8String
    return x509.NameAttribute(oid, value, kind)


def _sans(names: Iterable[str]) -> list[x509.GeneralName]:
    """Names first, then addresses, as Go writes them."""
    addresses: list[x509.GeneralName] = []
    dns: list[x509.GeneralName] = []
    for name in names:
        try:
            addresses.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            dns.append(x509.DNSName(name))
    return dns + addresses


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=True,
        key_cert_sign=signs_certificates,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
