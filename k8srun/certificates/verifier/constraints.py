"""Name constraints along a chain: may each CA sign for the names below it? (`checkChainConstraints` of Go)"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from k8srun.certificates.verifier.subtrees import AddressSubtrees, DnsSubtrees, MailboxSubtrees, Subtrees
from k8srun.x509 import Certificate, NameConstraints
from k8srun.x509.gonames import Mailbox, is_domain, parse_mailbox, uri_host
from k8srun.x509.gotext import ip_string, parse_ip, quote

N = TypeVar("N")


@dataclass(frozen=True, slots=True)
class Violation:
    """A name that a CA may not sign for: Go's words, the certificate with the name, the CA (None if not for one CA)."""

    message: str
    certificate: Certificate
    authority: Certificate | None = None


@dataclass(frozen=True, slots=True)
class _Names:
    """The names of one certificate in the form in which constraints judge them."""

    addresses: tuple[bytes, ...]
    domains: tuple[str, ...]
    uris: tuple[tuple[str, str], ...]
    mailboxes: tuple[Mailbox, ...]


class _Forbidden(Exception):  # noqa: N818 - an answer
    """A name is not permitted, or cannot be judged; the message is Go's."""


def name_constraint_violation(chain: Sequence[Certificate]) -> Violation | None:
    """The first violation in a chain, leaf first; None when every CA may sign for what is below it."""
    for depth, certificate in enumerate(chain):
        if not certificate.has_san:
            continue
        constraining = [(ca, ca.name_constraints) for ca in chain[depth + 1 :] if ca.name_constraints is not None]
        if not constraining:
            return None
        authority: Certificate | None = None
        try:
            names = _names_of(certificate)
            for above, constraints in constraining:
                authority = above
                _check(constraints, names)
        except _Forbidden as reason:
            return Violation(str(reason), certificate, authority)
    return None


def _check(constraints: NameConstraints, names: _Names) -> None:
    permitted_ips = AddressSubtrees(constraints.permitted_ips) if constraints.permitted_ips else None
    excluded_ips = AddressSubtrees(constraints.excluded_ips)
    for address in names.addresses:
        _judge("IP address", address, ip_string(address), permitted_ips, excluded_ips)
    dns = _dns_pair(constraints.permitted_dns, constraints.excluded_dns)
    for domain in names.domains:
        if not is_domain(domain):
            raise _Forbidden(f"x509: cannot parse dnsName {quote(domain)}")
        _judge("DNS name", domain, domain, *dns)
    hosts = _dns_pair(constraints.permitted_uris, constraints.excluded_uris)
    for uri, host in names.uris:
        if not is_domain(host):
            raise _Forbidden(f"x509: internal error: URI SAN {quote(uri)} failed to parse")
        _judge("URI", host, uri, *hosts)
    permitted, excluded = constraints.permitted_emails, constraints.excluded_emails
    permitted_mail = MailboxSubtrees(permitted, permitted=True) if permitted else None
    excluded_mail = MailboxSubtrees(excluded, permitted=False)
    for mailbox in names.mailboxes:
        if not is_domain(mailbox.domain):
            raise _Forbidden(f"x509: cannot parse rfc822Name {quote(str(mailbox))}")
        _judge("email address", mailbox, str(mailbox), permitted_mail, excluded_mail)


def _dns_pair(permitted: tuple[str, ...], excluded: tuple[str, ...]) -> tuple[DnsSubtrees | None, DnsSubtrees]:
    return DnsSubtrees(permitted, permitted=True) if permitted else None, DnsSubtrees(excluded, permitted=False)


def _judge(kind: str, name: N, shown: str, permitted: Subtrees[N] | None, excluded: Subtrees[N]) -> None:
    if permitted is not None and permitted.covering(name) is None:
        raise _Forbidden(f"{kind} {quote(shown)} is not permitted by any constraint")
    constraint = excluded.covering(name)
    if constraint is not None:
        raise _Forbidden(f"{kind} {quote(shown)} is excluded by constraint {quote(constraint)}")


def _names_of(certificate: Certificate) -> _Names:
    uris = tuple((uri, _judged_host(uri)) for uri in certificate.uris)
    mailboxes = []
    for email in certificate.emails:
        mailbox = parse_mailbox(email)
        if mailbox is None:
            raise _Forbidden(f"cannot parse rfc822Name {quote(email)}")
        mailboxes.append(Mailbox(mailbox.local, mailbox.domain.lower()))
    addresses = tuple(ipaddress.ip_address(text).packed for text in certificate.ip_addresses)
    return _Names(addresses, certificate.dns_names, uris, tuple(mailboxes))


def _judged_host(uri: str) -> str:
    host = uri_host(uri)
    if not host:
        raise _Forbidden(f"URI with empty host ({quote(uri)}) cannot be matched against constraints")
    in_brackets = host.startswith("[")
    # As in Go, a host with a port keeps its capitals, and brackets with a port lose them.
    with_port = ":" in host and not host.endswith("]")
    host = host.rsplit(":", 1)[0].strip("[]") if with_port else host.lower()
    if parse_ip(host) is not None or in_brackets:
        raise _Forbidden(f"URI with IP ({quote(uri)}) cannot be matched against constraints")
    return host
