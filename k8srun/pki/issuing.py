"""Keys and certificates in the form in which kubeadm makes them, from a description in data.

The authorities are RSA 2048, the leaves ECDSA P-256 by default: as in a cluster that was made with kubeadm's default
and whose `encryptionAlgorithm` was set to ECDSA-P256 before the last renewal. Twenty RSA keys take over a second.
Source of the form: kubeadm `pki_helpers.go`, client-go `util/cert`.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from k8srun.errors import InputError
from k8srun.pki.spec import AuthoritySpec, CertificateSpec, PkiSpec, Usage, moment

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

# The same signature algorithms but for their last byte: sha256WithRSAEncryption and sha1WithRSAEncryption, DER.
_SHA256_RSA = bytes.fromhex("06092a864886f70d01010b")
_SHA1_RSA = bytes.fromhex("06092a864886f70d010105")
USAGES = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}
LEAF_LIFETIME = timedelta(days=365)
# Go writes a name as PrintableString where it can, and compares names by their bytes.
_PRINTABLE = re.compile(r"[A-Za-z0-9 '()+,\-./:=?*&]*")


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate, its private key, and when they were made: a leaf's notBefore does not say, it is its CA's.

    `sent` are the certificates that stand after it in its file.
    """

    certificate: x509.Certificate
    key: PrivateKey
    issued: datetime
    sent: tuple[x509.Certificate, ...] = ()

    @property
    def certificate_pem(self) -> bytes:
        return b"".join(item.public_bytes(Encoding.PEM) for item in (self.certificate, *self.sent))

    @property
    def key_pem(self) -> bytes:
        return private_pem(self.key)


class Keys:
    """Private keys by name, each made when it is first asked for. Labs that share them are of one cluster."""

    def __init__(self) -> None:
        self._rsa: dict[tuple[str, int], rsa.RSAPrivateKey] = {}
        self._ecdsa: dict[tuple[str, str], ec.EllipticCurvePrivateKey] = {}

    def rsa(self, name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
        """RSA 2048, as kubeadm's default, or of another size."""
        if (name, bits) not in self._rsa:
            self._rsa[name, bits] = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        return self._rsa[name, bits]

    def ecdsa(self, name: str, curve: str = "") -> ec.EllipticCurvePrivateKey:
        """ECDSA P-256, as kubeadm's `encryptionAlgorithm: ECDSA-P256`, or on a curve that Go does not know."""
        if (name, curve) not in self._ecdsa:
            self._ecdsa[name, curve] = ec.generate_private_key(ec.SECP256K1() if curve else ec.SECP256R1())
        return self._ecdsa[name, curve]


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
            above = self[authority.issuer] if authority.issuer else None
            self._pairs[name] = _authority(authority, keys.rsa(authority.key or name), above, now)
        for name, leaf in spec.certificates.items():
            if leaf.issuer not in {*spec.authorities, name}:
                raise InputError(f"its issuer {leaf.issuer!r} is not an authority", where=f"certificate {name}")
            is_rsa = rsa_leaves or leaf.rsa_bits
            key = keys.rsa(name, leaf.rsa_bits or 2048) if is_rsa else keys.ecdsa(name, leaf.curve)
            pair = _issued(leaf, key, None if leaf.issuer == name else self._pairs[leaf.issuer], now)
            self._pairs[name] = replace(pair, sent=tuple(self[sent].certificate for sent in leaf.sends))

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


def issue_serving(
    names: Sequence[str], key: PrivateKey, ca: x509.Certificate, signer: PrivateKey, *, begin: datetime, end: datetime
) -> x509.Certificate:
    """A server's certificate for DNS names and addresses, the first of which is its common name.

    Args:
        ca, signer: the CA's certificate and private key.
    """
    short = len(names[0]) <= 64  # the longest CN: RFC 5280, appendix A
    subject = distinguished_name(names[0]) if short else x509.Name([])
    return (
        _builder(subject, ca.subject, key, begin, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(signs_certificates=False), critical=True)
        .add_extension(_extended_key_usage(("server",)), critical=False)
        .add_extension(x509.SubjectAlternativeName(general_names(names)), critical=not short)
        .add_extension(_identifier_of(ca), critical=False)
        .sign(signer, hashes.SHA256())
    )


def _identifier_of(ca: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """That of a CA that may have been made anywhere: a SKI is optional."""
    try:
        return _authority_key_identifier(ca)
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.public_key())  # type: ignore[arg-type]


def _authority(spec: AuthoritySpec, key: PrivateKey, issuer: Pair | None, now: datetime) -> Pair:
    name = distinguished_name(spec.common_name, name_type=spec.name_type)
    above = issuer.certificate.subject if issuer else name
    builder = _builder(name, above, key, moment(spec.not_before, now), moment(spec.not_after, now))
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=spec.path_length), critical=True)
        .add_extension(key_usage(signs_certificates=spec.signs), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(spec.common_name)]), critical=False)
    )
    if issuer:
        builder = builder.add_extension(_authority_key_identifier(issuer.certificate), critical=False)
    if spec.usages:
        builder = builder.add_extension(_extended_key_usage(spec.usages), critical=False)
    if spec.permitted:
        names = [x509.DNSName(domain) for domain in spec.permitted]
        builder = builder.add_extension(x509.NameConstraints(names, None), critical=True)
    if spec.requires_policy:
        builder = builder.add_extension(x509.PolicyConstraints(0, None), critical=True)
    return Pair(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key, moment(spec.not_before, now))


def _issued(spec: CertificateSpec, key: PrivateKey, issuer: Pair | None, now: datetime) -> Pair:
    """A leaf; without an issuer it signs itself."""
    ca = issuer.certificate if issuer else None
    end = moment(spec.not_after, now)
    begin = (
        moment(spec.not_before, now) if spec.not_before else (ca.not_valid_before_utc if ca else end - LEAF_LIFETIME)
    )
    name = distinguished_name(spec.common_name, spec.organizations)
    builder = (
        _builder(name, ca.subject if ca else name, key, begin, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(signs_certificates=False), critical=True)
        .add_extension(_extended_key_usage(spec.usages), critical=False)
    )
    if ca and spec.authority_key_identifier:
        builder = builder.add_extension(_authority_key_identifier(ca), critical=False)
    if spec.sans:
        builder = builder.add_extension(x509.SubjectAlternativeName(general_names(spec.sans)), critical=False)
    if spec.critical_extension:
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier(spec.critical_extension), b"\x05\x00")
        builder = builder.add_extension(unknown, critical=True)
    signer = issuer.key if issuer else key
    certificate = builder.sign(signer, hashes.SHA256())
    return Pair(_with_sha1(certificate, signer) if spec.sha1 else certificate, key, max(begin, end - LEAF_LIFETIME))


def _with_sha1(certificate: x509.Certificate, signer: PrivateKey) -> x509.Certificate:
    """The same certificate signed with SHA-1, which the builder refuses; the RSA signatures are equally long."""
    if not isinstance(signer, rsa.RSAPrivateKey):
        raise InputError("only an authority with an RSA key signs with SHA-1 here")
    der = certificate.public_bytes(Encoding.DER).replace(_SHA256_RSA, _SHA1_RSA)
    content = x509.load_der_x509_certificate(der).tbs_certificate_bytes
    signature = signer.sign(content, PKCS1v15(), hashes.SHA1())  # noqa: S303 - what is broken is to be broken
    return x509.load_der_x509_certificate(der[: -len(signature)] + signature)


def _authority_key_identifier(ca: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    ski = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ski)


def _extended_key_usage(usages: Iterable[Usage]) -> x509.ExtendedKeyUsage:
    return x509.ExtendedKeyUsage([USAGES[usage] for usage in usages])


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


def distinguished_name(common_name: str, organizations: Iterable[str] = (), name_type: str = "") -> x509.Name:
    """O before CN, and all O values in one set, as Go orders and groups them."""
    groups = [_attribute(NameOID.ORGANIZATION_NAME, value) for value in organizations]
    last = x509.RelativeDistinguishedName([_attribute(NameOID.COMMON_NAME, common_name, name_type)])
    return x509.Name([x509.RelativeDistinguishedName(groups), last] if groups else [last])


def _attribute(oid: x509.ObjectIdentifier, value: str, name_type: str = "") -> x509.NameAttribute[str]:
    printable = name_type != "utf8" and _PRINTABLE.fullmatch(value)
    kind = _ASN1Type.PrintableString if printable else _ASN1Type.UTF8String
    return x509.NameAttribute(oid, value, kind)


def general_names(names: Iterable[str]) -> list[x509.GeneralName]:
    """Names first, then addresses, as Go writes them; `DNS:10.0.0.1` is an address that is written as a name."""
    addresses: list[x509.GeneralName] = []
    dns: list[x509.GeneralName] = []
    for name in names:
        try:
            addresses.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            dns.append(x509.DNSName(name.removeprefix("DNS:")))
    return dns + addresses


def key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """The key usages of a CA, or of a leaf, as kubeadm writes them."""
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
