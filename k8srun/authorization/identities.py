"""Who somebody is to the API server: from a certificate, a token's claims, a kubeconfig, and by which means at all.

Sources: kubernetes `pkg/serviceaccount/claims.go`, apiserver `plugin/pkg/authenticator/{request/x509,token/oidc}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from k8srun.authorization.attributes import SERVICE_ACCOUNT_PREFIX, Identity
from k8srun.authorization.modes import Modes
from k8srun.kubeconfig import KubeconfigUser
from k8srun.snapshot import ServerInfo
from k8srun.x509 import Certificate, certificates_of


@dataclass(frozen=True, slots=True)
class Who:
    """Whom a credential makes somebody.

    Attributes:
        identity: as the server would authenticate it, implicit groups included; None where that cannot be told.
        method: `client certificate`, `bound token`, `legacy token`, `OIDC token`, `exec plugin`, …
        facts: what else the credential says, a sentence each (lifetime, audience, pod).
        warnings: what is wrong with it or unwise about it.
    """

    identity: Identity | None
    method: str
    facts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def of_server(server: ServerInfo) -> Who | None:
    """Whom the server itself took the caller for (SelfSubjectReview); None where it was not asked."""
    if not server.username:
        return None
    return Who(Identity(server.username, server.groups), "answer of the server (SelfSubjectReview)")


def of_certificate(certificate: Certificate, now: datetime) -> Who:
    """User = common name, groups = organizations."""
    warnings = []
    if not certificate.common_name:
        warnings.append("it has no common name, and so no user name: the server refuses it")
    if "system:masters" in certificate.organizations:
        warnings.append(
            "O=system:masters is past every authorizer, and cannot be taken away before the certificate ends"
        )
    if certificate.not_after < now:
        warnings.append("it has ended")
    elif certificate.not_before > now:
        warnings.append("it is not valid yet")
    if certificate.extended_key_usages and not {"clientAuth", "any"} & set(certificate.extended_key_usages):
        warnings.append("its usages do not include client authentication")
    facts = (f"valid until {_time(certificate.not_after)}", f"issued by {certificate.issuer}")
    identity = Identity(certificate.common_name, certificate.organizations).as_authenticated()
    return Who(identity if certificate.common_name else None, "client certificate", facts, tuple(warnings))


def of_claims(claims: Mapping[str, Any], now: datetime, flags: Mapping[str, str] | None = None) -> Who:
    """Whom the claims of a token make somebody. Whether its signature is accepted is another matter.

    Args:
        flags: of the API server, for OIDC's claims mapping.
    """
    subject = claims.get("sub")
    subject = subject if isinstance(subject, str) else ""
    facts, warnings = list(_lifetime(claims)), list(_out_of_time(claims, now))
    bound = claims.get("kubernetes.io")
    if isinstance(bound, Mapping):
        return _bound(bound, claims, subject, facts, warnings)
    if subject.startswith(SERVICE_ACCOUNT_PREFIX):
        secret = claims.get("kubernetes.io/serviceaccount/secret.name")
        facts += [f"kept in Secret {secret}"] if isinstance(secret, str) else []
        warnings.append("a legacy token: it does not end while its Secret exists")
        return Who(Identity(subject).as_authenticated(), "legacy token", tuple(facts), tuple(warnings))
    return _oidc(claims, flags or {}, facts, warnings)


def of_kubeconfig_user(user: KubeconfigUser, now: datetime) -> Who:
    """Whom a user entry of a kubeconfig is, as far as the file tells."""
    if user.error:
        return Who(None, user.credential, warnings=(user.error,))
    for certificate in certificates_of(user.certificate)[:1]:
        return of_certificate(certificate, now)
    if user.token_claims:
        return of_claims(user.token_claims, now)
    if user.exec_command:
        facts = (f"{user.exec_command} is run for every new token; who it makes is told by the server alone",)
        return Who(None, "exec plugin", facts)
    return Who(None, user.credential, ("what it says can be read by the server alone",))


@dataclass(frozen=True, slots=True)
class Authenticator:
    """One way in which an API server lets people in. `warning` says why it is unwise; empty if it is not."""

    method: str
    detail: str
    warning: str = ""


def authenticators(modes: Modes) -> tuple[Authenticator, ...]:
    """What the flags of an API server say of authentication; empty where they are not known."""
    return tuple(_authenticators(modes.flags)) if modes.flags is not None else ()


# Flag, method, what its value means; `{}` is the value. A warning makes it one to be rid of.
_BY_FLAG = (
    ("client-ca-file", "client certificate", "of the CA {}: user = CN, groups = O", ""),
    ("service-account-issuer", "ServiceAccount token", "issuer {}", ""),
    ("authentication-config", "AuthenticationConfiguration", "{}", ""),
    ("authentication-token-webhook-config-file", "token webhook", "{}", ""),
    ("enable-bootstrap-token-auth", "bootstrap token", "user system:bootstrap:ID, group system:bootstrappers", ""),
    ("requestheader-client-ca-file", "front proxy", "headers of whoever shows a certificate of {}", ""),
    ("token-auth-file", "static token file", "{}", "its secrets lie in the clear on the node and never end"),
    ("basic-auth-file", "static password file", "{}", "its secrets lie in the clear on the node and never end"),
)


def _authenticators(flags: Mapping[str, str]) -> Iterator[Authenticator]:
    for flag, method, detail, warning in _BY_FLAG:
        if flags.get(flag, "false") != "false":
            yield Authenticator(method, detail.format(flags[flag]), warning)
    if "oidc-issuer-url" in flags:
        user = f"{_username_prefix(flags)}{{{flags.get('oidc-username-claim', 'sub')}}}"
        claim = flags.get("oidc-groups-claim", "")
        groups = f"groups = {flags.get('oidc-groups-prefix', '')}{{{claim}}}" if claim else "no groups"
        yield Authenticator("OIDC token", f"issuer {flags['oidc-issuer-url']}: user = {user}, {groups}")
    if flags.get("anonymous-auth", "true") != "false":
        detail = "requests without credentials are system:anonymous in group system:unauthenticated"
        yield Authenticator("anonymous", detail)


def _bound(
    bound: Mapping[str, Any], claims: Mapping[str, Any], subject: str, facts: list[str], warnings: list[str]
) -> Who:
    for kind in ("pod", "node", "secret"):
        name = bound.get(kind)
        if isinstance(name, Mapping):
            facts.append(f"bound to {kind} {name.get('name')}: it ends with it")
    audience = claims.get("aud")
    if audience:
        facts.append(f"audience {', '.join(map(str, audience)) if isinstance(audience, list) else audience}")
    identity = Identity(subject).as_authenticated() if subject.startswith(SERVICE_ACCOUNT_PREFIX) else None
    return Who(identity, "bound token", tuple(facts), tuple(warnings))


def _oidc(claims: Mapping[str, Any], flags: Mapping[str, str], facts: list[str], warnings: list[str]) -> Who:
    facts.append(f"issuer {claims.get('iss')}")
    issuer = flags.get("oidc-issuer-url")
    if not issuer:
        warnings.append("how the server maps its claims to a user is not known")
        return Who(None, "OIDC token", tuple(facts), tuple(warnings))
    if claims.get("iss") != issuer:
        warnings.append(f"the server accepts tokens of {issuer} alone")
    value = claims.get(flags.get("oidc-username-claim", "sub"))
    if not isinstance(value, str):
        warnings.append(
            f"the claim {flags.get('oidc-username-claim', 'sub')}, which the server takes for the user, is missing"
        )
        return Who(None, "OIDC token", tuple(facts), tuple(warnings))
    listed = claims.get(flags.get("oidc-groups-claim", ""), [])
    named = [listed] if isinstance(listed, str) else listed if isinstance(listed, list) else []
    groups = tuple(f"{flags.get('oidc-groups-prefix', '')}{group}" for group in named)
    user = f"{_username_prefix(flags)}{value}"
    return Who(Identity(user, groups).as_authenticated(), "OIDC token", tuple(facts), tuple(warnings))


def _username_prefix(flags: Mapping[str, str]) -> str:
    """`-` is none; without the flag it is the issuer, except for the claim `email`."""
    prefix = flags.get("oidc-username-prefix", "")
    if prefix == "-" or (not prefix and flags.get("oidc-username-claim", "sub") == "email"):
        return ""
    return prefix or f"{flags.get('oidc-issuer-url', '')}#"


def _lifetime(claims: Mapping[str, Any]) -> Iterator[str]:
    end = _moment(claims.get("exp"))
    start = _moment(claims.get("iat"))
    if end:
        yield f"valid until {_time(end)}"
    if end and start:
        yield f"made for {int((end - start).total_seconds())} seconds"


def _out_of_time(claims: Mapping[str, Any], now: datetime) -> Iterator[str]:
    end, start = _moment(claims.get("exp")), _moment(claims.get("nbf"))
    if end and end <= now:
        yield "it has ended"
    if start and start > now:
        yield "it is not valid yet"


def _moment(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
