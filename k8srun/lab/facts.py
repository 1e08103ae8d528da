"""The placeholders of symptoms and log lines, filled from the certificates of the lab that they are about.

{address} {host} {port}   where the API server answers while the lab is served
{now} {clock}             the lab's time; the time as the clock of the side that complains has it
{klog}                    the same as {now}, as the lines of a Kubernetes log begin
{not_before} {not_after}  of the API server's certificate
{ip_sans}                 the addresses that the API server's certificate is valid for
{client_identifier}       the engineer's certificate, as the API server's log names it
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from cryptography import x509

from k8srun.errors import InputError

Facts = Mapping[str, str]


def facts(
    serving: x509.Certificate, client: x509.Certificate, *, now: datetime, offset: timedelta, host: str, port: int
) -> dict[str, str]:
    """Every placeholder and its value, spelled as Go prints it."""
    return {
        "address": f"{host}:{port}",
        "host": host,
        "port": str(port),
        "now": go_time(now),
        "clock": go_time(now + offset),
        "klog": _klog_time(now),
        "klog_clock": _klog_time(now + offset),
        "not_before": go_time(serving.not_valid_before_utc),
        "not_after": go_time(serving.not_valid_after_utc),
        "ip_sans": ", ".join(_ip_sans(serving)),
        "client_identifier": _identifier(client),
    }


def fill(text: str, values: Facts, *, where: str) -> str:
    """`text` with its placeholders filled in.

    Raises:
        InputError: it holds a placeholder that does not exist.
    """
    try:
        return text.format_map(values)
    except (KeyError, ValueError, IndexError, AttributeError) as error:
        known = " ".join(f"{{{name}}}" for name in values)
        raise InputError(f"unknown placeholder: {error}", where=where, do=f"There are: {known}.") from None


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
