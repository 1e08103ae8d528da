"""The placeholders of symptoms and log lines, filled from the certificates of the lab that they are about.

{address} {host} {port}   where the API server answers while the lab is served
{now} {clock}             the lab's time; the time as the clock of the side that complains has it
{klog} {klog_clock}       the same, as the lines of a Kubernetes log begin
{etcd}                    the lab's time as etcd's log writes it
{ago:1h}                  a time before the lab's
{not_before} {not_after}  of the API server's certificate; {not_after:etcd/server}: of the certificate of that id
{written_not_after}       the same as Go prints a time that nobody formatted
{ip_sans}                 the addresses that the API server's certificate is valid for
{serial}                  its serial number
{identifier}              the engineer's certificate, as the API server's log names it
A certificate's placeholder takes the id of another one after a colon. A brace that is one is written twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509

from k8srun.errors import InputError
from k8srun.pki.issuing import Pki
from k8srun.pki.spec import moment

Facts = Mapping[str, object]
# Known only once the lab is served.
_ADDRESS = {"address": "{address}", "host": "{host}", "port": "{port}"}


@dataclass(frozen=True, slots=True)
class _OfCertificate:
    """Something that a certificate tells; in a format string the id of the certificate stands after the colon."""

    pki: Pki
    default: str
    tell: Callable[[x509.Certificate], str]

    def __format__(self, name: str) -> str:
        return self.tell(self.pki[name or self.default].certificate)


@dataclass(frozen=True, slots=True)
class _Ago:
    """A time before the lab's; in a format string how long before stands after the colon."""

    now: datetime

    def __format__(self, offset: str) -> str:
        return go_time(moment(f"-{offset}", self.now))


def facts(pki: Pki, now: datetime, offset: timedelta) -> dict[str, object]:
    """Every placeholder and its value, spelled as Go prints it. Those of the address stand for themselves."""
    return {
        **_ADDRESS,
        "now": go_time(now),
        "clock": go_time(now + offset),
        "klog": _klog_time(now),
        "klog_clock": _klog_time(now + offset),
        "ago": _Ago(now),
        "etcd": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "not_before": _OfCertificate(pki, "apiserver", lambda item: go_time(item.not_valid_before_utc)),
        "not_after": _OfCertificate(pki, "apiserver", lambda item: go_time(item.not_valid_after_utc)),
        "written_not_after": _OfCertificate(
            pki, "apiserver", lambda item: item.not_valid_after_utc.strftime("%Y-%m-%d %H:%M:%S +0000 UTC")
        ),
        "ip_sans": _OfCertificate(pki, "apiserver", lambda item: ", ".join(_ip_sans(item))),
        "serial": _OfCertificate(pki, "apiserver", lambda item: str(item.serial_number)),
        "identifier": _OfCertificate(pki, "workstation", _identifier),
    }


def fill(text: str, values: Facts, *, where: str) -> str:
    """`text` with its placeholders filled in.

    Raises:
        InputError: it holds a placeholder, or one of a certificate, that does not exist.
    """
    try:
        return text.format_map(values)
    except (KeyError, ValueError, IndexError, AttributeError) as error:
        known = " ".join(f"{{{name}}}" for name in values)
        raise InputError(f"unknown placeholder: {error}", where=where, do=f"There are: {known}.") from None


def at_address(text: str, server: str) -> str:
    """`text` with the address of a kubeconfig's server filled in."""
    address = server.partition("://")[2]
    host, _, port = address.rpartition(":")
    for name, value in (("{address}", address), ("{host}", host), ("{port}", port)):
        text = text.replace(name, value)
    return text


def go_time(moment: datetime) -> str:
    """RFC 3339 in UTC without fractions, as Go prints a certificate's times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _klog_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%m%d %H:%M:%S.%f")


def _ip_sans(certificate: x509.Certificate) -> list[str]:
    try:
        sans = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(address) for address in sans.get_values_for_type(x509.IPAddress)]


def _identifier(certificate: x509.Certificate) -> str:
    """Source: kubernetes `apiserver/pkg/authentication/request/x509`, `certificateIdentifier`."""
    aki = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    hexadecimal = ":".join(f"{byte:02X}" for byte in aki or b"")
    return f"SN={certificate.serial_number}, SKID=, AKID={hexadecimal}"
