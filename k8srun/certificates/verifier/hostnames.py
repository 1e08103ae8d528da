"""Does a certificate name the host? (`VerifyHostname` and `HostnameError` of Go)"""

from __future__ import annotations

import ipaddress
import re

from k8srun.x509 import Certificate
from k8srun.x509.gotext import ip_string, lower_ascii, parse_ip, shortest

_LABEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_MOST_NAMES_SHOWN = 100


def hostname_error(certificate: Certificate, host: str) -> str:
    """Go's message when `host`, a DNS name or an IP address, is not one that the certificate names; empty if it is."""
    inner = host[1:-1] if len(host) >= 3 and host[0] == "[" and host[-1] == "]" else host
    address = parse_ip(inner)
    if address is not None:
        if address in {shortest(san) for san in _addresses(certificate)}:
            return ""
        return _message(certificate, inner, is_address=True)
    if any(_matches(pattern, host) for pattern in certificate.dns_names):
        return ""
    return _message(certificate, host, is_address=False)


def _addresses(certificate: Certificate) -> list[bytes]:
    return [ipaddress.ip_address(text).packed for text in certificate.ip_addresses]


def _matches(pattern: str, host: str) -> bool:
    """Wildcards and a trailing dot count only where both are valid host names; else only the same text matches."""
    if _is_hostname(host.removesuffix(".")) and _is_hostname(pattern, wildcard=True):
        return _labels_match(pattern, host)
    return pattern not in {"", "."} and host not in {"", "."} and lower_ascii(pattern) == lower_ascii(host)


def _labels_match(pattern: str, host: str) -> bool:
    wanted = lower_ascii(pattern).split(".")
    given = lower_ascii(host.removesuffix(".")).split(".")
    if not pattern or len(wanted) != len(given):
        return False
    return wanted[0] in {"*", given[0]} and wanted[1:] == given[1:]


def _is_hostname(host: str, *, wildcard: bool = False) -> bool:
    labels = host.split(".")
    if wildcard and labels[0] == "*" and len(labels) > 1:
        labels = labels[1:]
    return all(_LABEL.fullmatch(label) for label in labels)


def _message(certificate: Certificate, host: str, *, is_address: bool) -> str:
    if not certificate.has_san and _labels_match(certificate.common_name, host):
        return "x509: certificate relies on legacy Common Name field, use SANs instead"
    if is_address:
        names = [ip_string(address) for address in _addresses(certificate)]
        if not names:
            return f"x509: cannot validate certificate for {host} because it doesn't contain any IP SANs"
        what = "IP SANs"
    else:
        names, what = list(certificate.dns_names), "names"
    if len(names) >= _MOST_NAMES_SHOWN:
        return f"x509: certificate is valid for {len(names)} {what}, but none matched {host}"
    listed = ", ".join(names)
    if not listed:
        return f"x509: certificate is not valid for any names, but wanted to match {host}"
    return f"x509: certificate is valid for {listed}, not {host}"
