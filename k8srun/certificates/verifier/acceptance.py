"""Would Go's parser read the certificate at all? What it refuses never comes to verification."""

from __future__ import annotations

from k8srun.certificates.verifier.names import Doubtful, is_domain, parse_mailbox, uri_host
from k8srun.certificates.verifier.text import parse_ip, quote
from k8srun.checks import Undecided
from k8srun.x509 import Certificate


def parse_error(certificate: Certificate) -> str:
    """Go's message when `x509.ParseCertificate` refuses `certificate`; empty when it reads it.

    Raises:
        Undecided: something in it cannot be read here, and Go may read it.
    """
    if certificate.refused:
        return certificate.refused
    if certificate.unreadable:
        raise Undecided(f"{certificate.subject or 'a certificate'} cannot be read in full: {certificate.unreadable[0]}")
    try:
        return _san_error(certificate) or _constraint_error(certificate)
    except Doubtful as reason:
        raise Undecided(f"{certificate.subject}: {reason}") from None


def _san_error(certificate: Certificate) -> str:
    for uri in certificate.uris:
        if not is_domain(uri_host(uri)):
            return f"x509: cannot parse URI {quote(uri)}: invalid domain"
    return ""


def _constraint_error(certificate: Certificate) -> str:
    constraints = certificate.name_constraints
    if constraints is None:
        return ""
    for name in constraints.permitted_dns + constraints.excluded_dns:
        if not is_domain(name, constraint=True):
            return f"x509: failed to parse dnsName constraint {quote(name)}"
    for name in constraints.permitted_emails + constraints.excluded_emails:
        readable = parse_mailbox(name) is not None if "@" in name else is_domain(name, constraint=True)
        if not readable:
            return f"x509: failed to parse rfc822Name constraint {quote(name)}"
    for name in constraints.permitted_uris + constraints.excluded_uris:
        if parse_ip(name) is not None:
            return f"x509: failed to parse URI constraint {quote(name)}: cannot be IP address"
        if not is_domain(name, constraint=True):
            return f"x509: failed to parse URI constraint {quote(name)}"
    return ""
