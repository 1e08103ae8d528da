"""The causes of a 401, each tried against the text and against the credential in the kubeconfig.

Source: kubernetes `pkg/serviceaccount/{claims,legacy,jwt}.go`, apiserver `plugin/pkg/authenticator/token/oidc`.
"""

from __future__ import annotations

from collections.abc import Callable

from k8srun.authorization.denials import renewing
from k8srun.authorization.denials.case import Candidate, Case, Judgement, confirmed, ruled_out, undecided
from k8srun.authorization.denials.credential import (
    account_of,
    audiences,
    bound_to,
    claims_of,
    held,
    issuers,
    place_of,
    said_in,
    still_there,
    texts_of,
    time_of,
    token_tells_nothing,
    user_of,
)
from k8srun.findings import Evidence
from k8srun.kinds import POD, SECRET, SERVICE_ACCOUNT
from k8srun.text import visible

_TOKEN_KINDS = ("token", "token file")
_ACCOUNT_GONE = (
    r"[Ss]ervice ?[Aa]ccount \S+/\S+ has been deleted|[Ss]ervice ?[Aa]ccount UID \(|serviceaccounts \S+ not found"
)
_BOUND_GONE = (
    r"token has been invalidated|(?:pod|secret|node) UID \(|Token does not match|marked invalid"
    r"|(?:pods|secrets|nodes) \S+ not found"
)


def token_expired(case: Case) -> Judgement:
    said = said_in(case, r"token has expired|token is expired|verify token: .*expired")
    if said:
        return said
    ends = time_of(claims_of(case).get("exp"))
    if ends is None:
        return token_tells_nothing(case, "its claims do not say when it ends")
    if ends <= case.world.now:
        return confirmed(held(case, f"the token ended at {ends:%Y-%m-%d %H:%M} UTC"))
    return ruled_out(f"the token is valid until {ends:%Y-%m-%d %H:%M} UTC", place_of(case))


def token_early(case: Case) -> Judgement:
    said = said_in(case, r"token is not valid yet|token is issued in the future")
    if said:
        return said
    begins = time_of(claims_of(case).get("nbf")) or time_of(claims_of(case).get("iat"))
    if begins is None:
        return token_tells_nothing(case, "its claims do not say when it begins")
    if begins > case.world.now:
        return confirmed(held(case, f"the token is valid from {begins:%Y-%m-%d %H:%M} UTC on: a clock is wrong"))
    return ruled_out(f"the token is valid since {begins:%Y-%m-%d %H:%M} UTC", place_of(case))


def token_audience(case: Case) -> Judgement:
    said = said_in(case, r"token audiences .* is invalid|expected audience in")
    if said:
        return said
    has, wanted = texts_of(claims_of(case).get("aud")), audiences(case)
    if not has:
        return token_tells_nothing(case, "its claims name no audience")
    if not wanted:
        return undecided(
            held(case, f"the token is for {', '.join(has)}"), Evidence("the server's audiences are not known")
        )
    if set(has).isdisjoint(wanted):
        flags = Evidence(f"the API server accepts {', '.join(wanted)}", case.world.authorization.modes.where)
        return confirmed(held(case, f"the token is for {', '.join(has)}"), flags)
    return ruled_out(f"the token is for {', '.join(has)}, which the API server accepts", place_of(case))


def foreign_token(case: Case) -> Judgement:
    """Signed with a key, or by an issuer, that this API server does not know."""
    said = said_in(case, r"invalid signature|token issuer .* is invalid|error in cryptographic primitive|no keys found")
    if said:
        return said
    issuer, accepted = str(claims_of(case).get("iss") or ""), issuers(case)
    if not issuer:
        return token_tells_nothing(case, "its claims name no issuer")
    said_by = held(case, f"the token was issued by {visible(issuer, limit=200)}")
    if not accepted or "oidc-issuer-url" in (case.world.authorization.modes.flags or {}):
        return undecided(said_by)
    if issuer not in accepted:
        return confirmed(
            said_by, Evidence(f"the API server accepts {', '.join(accepted)}", case.world.authorization.modes.where)
        )
    # Every kubeadm cluster has the same issuer: only the key tells them apart, and that cannot be seen.
    return ruled_out(f"the issuer {visible(issuer, limit=200)} is this API server's", place_of(case))


def service_account_deleted(case: Case) -> Judgement:
    said = said_in(case, _ACCOUNT_GONE)
    if said:
        return said
    account = account_of(case)
    if account is None:
        return token_tells_nothing(case, "it is not a ServiceAccount's")
    return still_there(case, SERVICE_ACCOUNT, account[0], account[1], bound_to(case, "serviceaccount").get("uid"))


def bound_object_deleted(case: Case) -> Judgement:
    """A token that is bound to a pod or a Secret ends with it."""
    said = said_in(case, _BOUND_GONE)
    if said:
        return said
    account = account_of(case)
    for kind, name in ((POD, "pod"), (SECRET, "secret")):
        bound = bound_to(case, name)
        if bound and account:
            return still_there(case, kind, account[0], str(bound.get("name")), bound.get("uid"))
    return (
        token_tells_nothing(case, "it is bound to nothing that its claims name")
        if not account
        else ruled_out("the token is bound to no pod and no Secret", place_of(case))
    )


def client_certificate(case: Case) -> Judgement:
    """A certificate's matter: the x509 runbook looks at it."""
    said = said_in(case, r"x509: ")
    if said:
        return undecided(*said.evidence)
    user = user_of(case)
    if user is None:
        return undecided()
    if "client certificate" in user.credential:
        return undecided(held(case, "the user authenticates with a client certificate"))
    return ruled_out(f"the user authenticates with: {user.credential}", place_of(case))


def exec_plugin(case: Case) -> Judgement:
    said = said_in(
        case, r"getting credentials: |refresh token|exec plugin|executable .* (?:not found|failed with exit)"
    )
    if said:
        return said
    user = user_of(case)
    if user is None:
        return undecided()
    if user.exec_command:
        return undecided(held(case, f"the plugin {visible(user.exec_command, limit=100)} fetches the credential"))
    return ruled_out(f"no plugin is asked: the user authenticates with: {user.credential}", place_of(case))


def static_token(case: Case) -> Judgement:
    user = user_of(case)
    if user is None:
        return undecided()
    if not any(kind in user.credential for kind in _TOKEN_KINDS) or user.token_claims:
        return ruled_out("the credential is no opaque token", place_of(case))
    flags = case.world.authorization.modes.flags
    said_by = held(case, "the token is opaque: one of a static file, of bootstrap, or of a webhook")
    if flags is None:
        return undecided(said_by)
    known = [name for name in ("token-auth-file", "authentication-token-webhook-config-file") if flags.get(name)]
    if not known:
        where = case.world.authorization.modes.where
        return confirmed(said_by, Evidence("the API server has neither --token-auth-file nor a token webhook", where))
    return undecided(said_by, Evidence(f"the API server has --{known[0]}", case.world.authorization.modes.where))


def oidc(case: Case) -> Judgement:
    said = said_in(case, r"oidc: ")
    if said:
        return said
    issuer, own = str(claims_of(case).get("iss") or ""), issuers(case)
    if not issuer:
        return token_tells_nothing(case, "its claims name no issuer")
    if issuer in own or account_of(case):
        return ruled_out("the token is a ServiceAccount's", place_of(case))
    flags = case.world.authorization.modes.flags or {}
    configured = flags.get("oidc-issuer-url", "")
    if configured and configured != issuer:
        where = case.world.authorization.modes.where
        return confirmed(
            held(case, f"the token was issued by {visible(issuer, limit=200)}"),
            Evidence(f"the API server accepts {configured}", where),
        )
    return undecided(held(case, f"the token was issued by {visible(issuer, limit=200)}"))


def no_credentials(case: Case) -> Judgement:
    user = user_of(case)
    if user is None:
        return undecided()
    if user.credential != "none":
        return ruled_out(f"the user authenticates with: {user.credential}", place_of(case))
    anonymous = case.world.authorization.modes.anonymous
    where = case.world.authorization.modes.where
    refused = (
        (Evidence("--anonymous-auth=false: without credentials there is a 401 and not a 403", where),)
        if anonymous is False
        else ()
    )
    return confirmed(held(case, "the user has no credential at all"), *refused)


def password(case: Case) -> Judgement:
    user = user_of(case)
    if user is None:
        return undecided()
    if "basic auth" in user.credential:
        return confirmed(held(case, "the user has a user name and a password: no server since 1.19 takes them"))
    return ruled_out(f"the user authenticates with: {user.credential}", place_of(case))


_WHOAMI = ("kubectl auth whoami  # who the server takes this credential for",)
_SERVER_LOG = (
    "kubectl -n kube-system logs kube-apiserver-NODE | grep 'Unable to authenticate'  # the reason is only there",
)


def _look(*lines: str) -> Callable[[Case], tuple[str, ...]]:
    return lambda case: lines


CANDIDATES: tuple[Candidate, ...] = (
    Candidate("token-expired", "The token has expired", token_expired, renewing.token, _look(*_SERVER_LOG)),
    Candidate(
        "token-not-yet-valid",
        "The token is not valid yet: a clock is wrong",
        token_early,
        renewing.clock,
        _look("date -u  # on the client, and on the control-plane node", *_SERVER_LOG),
    ),
    Candidate(
        "token-of-another-cluster",
        "The token was issued by another cluster, or signed with a key since replaced",
        foreign_token,
        renewing.cluster,
        _look("kubectl config view --minify  # is it this cluster?", *_SERVER_LOG),
    ),
    Candidate(
        "service-account-deleted",
        "The token's ServiceAccount was deleted, or made again",
        service_account_deleted,
        renewing.account,
        _look(*_SERVER_LOG),
    ),
    Candidate(
        "bound-object-deleted",
        "The pod or Secret that the token is bound to is gone",
        bound_object_deleted,
        renewing.bound,
        _look(*_SERVER_LOG),
    ),
    Candidate(
        "token-audience",
        "The token was made for another audience than the API server",
        token_audience,
        renewing.audience,
        _look(*_SERVER_LOG),
    ),
    Candidate(
        "oidc-mapping",
        "The identity provider's token does not fit the API server's OIDC settings",
        oidc,
        renewing.oidc,
        _look(*_SERVER_LOG),
    ),
    Candidate(
        "exec-plugin",
        "The plugin that fetches the credential fails, or fetches the wrong one",
        exec_plugin,
        renewing.plugin,
        _look("kubectl get --raw /api -v=6  # the plugin's own error is in it", *_WHOAMI),
    ),
    Candidate("static-token", "The API server knows no such token", static_token, renewing.static, _look(*_SERVER_LOG)),
    Candidate(
        "password-removed",
        "User name and password: no API server takes them any more",
        password,
        renewing.static,
        _look("kubectl config view --minify  # does the user have a username?"),
    ),
    Candidate(
        "no-credentials",
        "The request came without any credential",
        no_credentials,
        renewing.credential,
        _look("kubectl config view --minify"),
    ),
    Candidate(
        "client-certificate",
        "The client certificate is refused",
        client_certificate,
        renewing.certificate,
        _look("k8srun run x509-error  # certificates are looked at there", *_SERVER_LOG),
    ),
)
