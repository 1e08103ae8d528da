"""Asking a registry whether it grants the pull of an image, step by step as a container runtime would.

Source: OCI distribution specification 1.1; containerd's resolver for the order of the requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode, urlsplit

from k8srun.scrub import scrub
from k8srun.sources.registry.answers import UNANSWERED, PullAnswer, PullCause, Step, StepResult
from k8srun.sources.registry.challenge import Challenge, challenges
from k8srun.sources.registry.login import Login, is_expired
from k8srun.sources.registry.refusal import codes_of, document_of, refused, words_of
from k8srun.sources.registry.wire import Answer, Unanswered, Wire
from k8srun.text import visible

MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_HUB = {"docker.io": "registry-1.docker.io"}


@dataclass(frozen=True, slots=True)
class Credential:
    """A login, and where it comes from in words that hold no secret."""

    source: str
    login: Login = field(default_factory=Login, repr=False)


ANONYMOUS = Credential("none")


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked for.

    Attributes:
        domain: of the reference, `docker.io`.
        repository: its path, `library/nginx`.
        reference: the tag or the digest.
    """

    domain: str
    repository: str
    reference: str

    @property
    def registry(self) -> str:
        """The host that serves the API."""
        return _HUB.get(self.domain, self.domain)

    @property
    def image(self) -> str:
        joint = "@" if ":" in self.reference else ":"
        return f"{self.domain}/{self.repository}{joint}{self.reference}"

    def path(self, what: str, reference: str) -> str:
        """The path of a manifest, blob or list of referrers: `/v2/NAME/manifests/TAG`."""
        return f"/v2/{quote(self.repository)}/{what}/{quote(reference, safe=':')}"


class Session:
    """The requests of one pull with one credential: authenticates where it is asked to, and keeps the token.

    Attributes:
        steps: how each step went so far.
    """

    def __init__(self, wire: Wire, target: Target, credential: Credential) -> None:
        self._wire = wire
        self._target = target
        self._credential = credential
        self._authorization = f"Bearer {credential.login.registry_token}" if credential.login.registry_token else ""
        self._token = credential.login.registry_token
        self.steps: list[StepResult] = []

    def get(self, path: str, *, accept: str = MANIFESTS, method: str = "GET") -> Answer:
        """The answer of the registry to a request, authenticated; its status may be an error.

        Raises:
            Unanswered: it did not come to an answer, or the authentication failed.
        """
        url = self._wire.url(self._target.registry, path)
        answer = self._sent(method, url, accept)
        if answer.status != 401:
            return answer
        wanted = challenges(answer.headers.getlist("WWW-Authenticate"))
        if self._authorization:
            raise self._rejected(wanted, answer)
        self._authenticate(wanted)
        answer = self._sent(method, url, accept)
        if answer.status == 401 and method == "HEAD":
            answer = self._sent("GET", url, accept)  # an answer to HEAD has no words: they are asked for
        if answer.status == 401:
            raise self._rejected(challenges(answer.headers.getlist("WWW-Authenticate")), answer)
        return answer

    def _sent(self, method: str, url: str, accept: str) -> Answer:
        headers = {"Accept": accept}
        if self._authorization:
            headers["Authorization"] = self._authorization
        try:
            return self._wire.ask(method, url, headers)
        except Unanswered as end:
            if not self.steps:
                self._passed_before(end.step)
            raise

    def _passed_before(self, failed: Step) -> None:
        for step in (Step.DNS, Step.CONNECT, Step.TLS):
            if step is failed:
                return
            self._done(step)

    def note(self, step: Step, detail: str, *, passed: bool = True) -> None:
        """Record how a step went."""
        self.steps.append(StepResult(step, passed, visible(scrub(detail), limit=500)))

    def reached(self) -> None:
        """Record that the registry answered at all."""
        if not self.steps:
            for step in (Step.DNS, Step.CONNECT, Step.TLS):
                self._done(step)

    def _done(self, step: Step) -> None:
        plain = step is Step.TLS and self._wire.plain_http
        self.note(step, "none was asked for" if plain else _DONE[step])

    def _authenticate(self, wanted: Sequence[Challenge]) -> None:
        """Answer the registry's challenge: Bearer where it is offered, else Basic."""
        self.reached()
        bearer = next((challenge for challenge in wanted if challenge.scheme == "bearer"), None)
        if bearer is not None:
            self.note(Step.CHALLENGE, f"the registry wants a token of {bearer.get('realm')}")
            self._token = self._fetched(bearer)
            self._authorization = f"Bearer {self._token}"
            return
        if not any(challenge.scheme == "basic" for challenge in wanted):
            named = ", ".join(challenge.scheme for challenge in wanted) or "none"
            raise Unanswered(Step.CHALLENGE, PullCause.UNSUPPORTED_CHALLENGE, f"it offers {named}, not Basic or Bearer")
        if not self._credential.login.basic:
            raise Unanswered(
                Step.CHALLENGE, PullCause.NO_CREDENTIAL, "the registry wants user and password: none given"
            )
        self.note(Step.CHALLENGE, "the registry wants user and password")
        self._authorization = self._credential.login.basic

    def _fetched(self, challenge: Challenge) -> str:
        """A token of the registry's token service, asked for as a runtime does."""
        realm, login = challenge.get("realm"), self._credential.login
        secret = bool(login.basic or login.identity_token)
        if secret and not realm.startswith("https://") and not self._wire.plain_http:
            detail = f"the token service {realm} has no TLS: the credential is not sent there"
            raise Unanswered(Step.TOKEN, PullCause.TOKEN_SERVICE, detail)
        answer = self._asked_for_token(realm, challenge)
        if answer.status in {401, 403}:
            raise Unanswered(Step.TOKEN, self._login_cause(), f"{realm} answers {answer.status}: {words_of(answer)}")
        if answer.status == 429:
            raise Unanswered(Step.TOKEN, PullCause.RATE_LIMITED, f"{realm} answers 429: {words_of(answer)}")
        token = _token_in(answer) if answer.status == 200 else ""
        if not token:
            said = "without a usable token" if answer.status == 200 else words_of(answer)
            detail = f"{realm} gives no token: {answer.status} {said}"
            raise Unanswered(Step.TOKEN, PullCause.TOKEN_SERVICE, detail)
        self.note(Step.TOKEN, f"{urlsplit(realm).netloc} gave a token for {challenge.get('scope') or 'no scope'}")
        return token

    def _asked_for_token(self, realm: str, challenge: Challenge) -> Answer:
        login = self._credential.login
        query = {name: challenge.get(name) for name in ("service", "scope") if challenge.get(name)}
        query.setdefault("scope", f"repository:{self._target.repository}:pull")
        headers = {"Accept": "application/json"}
        try:
            if login.identity_token:
                form = {"grant_type": "refresh_token", "refresh_token": login.identity_token, "client_id": "k8srun"}
                headers["Content-Type"] = "application/x-www-form-urlencoded"
                return self._wire.ask("POST", realm, headers, urlencode({**query, **form}).encode())
            if login.basic:
                headers["Authorization"] = login.basic
            joint = "&" if urlsplit(realm).query else "?"
            return self._wire.ask("GET", f"{realm}{joint}{urlencode(query)}", headers)
        except Unanswered as end:
            raise Unanswered(Step.TOKEN, end.cause, f"the token service cannot be reached: {end.detail}") from None

    def _login_cause(self) -> PullCause:
        if self._credential.login.expired:
            return PullCause.TOKEN_EXPIRED
        has_one = self._credential.login != Login()
        return PullCause.WRONG_CREDENTIAL if has_one else PullCause.NO_CREDENTIAL

    def _rejected(self, wanted: Sequence[Challenge], answer: Answer) -> Unanswered:
        """Why an authenticated request got 401 nevertheless. Source: RFC 6750, 3.1 for `error`."""
        self.reached()
        errors = {challenge.get("error") for challenge in wanted}
        words = words_of(answer)
        if self._token:
            if is_expired(self._token) or "expired" in words.lower():
                detail = f"the registry refuses the token, which has expired: {words}"
                return Unanswered(Step.MANIFEST, PullCause.TOKEN_EXPIRED, detail)
            if "insufficient_scope" in errors:
                detail = f"the token does not cover pulling {self._target.repository}: insufficient_scope"
                cause = PullCause.DENIED_OR_MISSING if self._credential.login != Login() else PullCause.NO_CREDENTIAL
                return Unanswered(Step.MANIFEST, cause, detail)
            detail = f"the registry refuses the token: {', '.join(sorted(filter(None, errors))) or words}"
            return Unanswered(Step.MANIFEST, self._login_cause(), detail)
        return Unanswered(Step.CHALLENGE, self._login_cause(), f"the registry refuses user and password: {words}")


_DONE = {
    Step.DNS: "the name is resolved",
    Step.CONNECT: "the port accepts connections",
    Step.TLS: "the handshake is done and the certificate trusted",
}


def ask_for_pull(target: Target, credentials: Sequence[Credential], wire: Wire) -> tuple[PullAnswer, ...]:
    """Whether the registry grants the pull, with each credential in turn until one is accepted, as the kubelet tries.

    Args:
        credentials: in the order of trying; none = without any.
    """
    answers: list[PullAnswer] = []
    for credential in credentials or (ANONYMOUS,):
        answers.append(_tried(target, credential, wire))
        if answers[-1].granted or answers[-1].cause in UNANSWERED:
            break
    return tuple(answers)


def _tried(target: Target, credential: Credential, wire: Wire) -> PullAnswer:
    session = Session(wire, target, credential)
    cause: PullCause | None = None
    digest = media_type = ""
    try:
        path = target.path("manifests", target.reference)
        # HEAD does not count against a registry's pull limit; only an error is asked for again, for its words.
        answer = session.get(path, method="HEAD")
        if answer.status != 200:
            answer = session.get(path)
        session.reached()
        if answer.status != 200:
            end = refused(answer, anonymous=credential.login == Login())
            if end.cause is PullCause.TAG_MISSING and _has_no_repository(session, target):
                raise Unanswered(end.step, PullCause.REPOSITORY_MISSING, f"{end.detail}; the repository has no tags")
            raise end
        digest, media_type = _text(answer, "Docker-Content-Digest"), _text(answer, "Content-Type")
        session.note(Step.MANIFEST, f"the manifest is granted: {digest or 'no digest named'}")
    except Unanswered as end:
        session.note(end.step, end.detail, passed=False)
        cause = end.cause
    granted = None if cause in UNANSWERED else cause is None
    return PullAnswer(
        target.image, target.registry, credential.source, tuple(session.steps), granted, cause, digest, media_type
    )


def _has_no_repository(session: Session, target: Target) -> bool:
    """Whether a manifest is unknown because its repository is: not every registry says so by itself."""
    answer = session.get(target.path("tags", "list"), accept="application/json")
    return answer.status == 404 and "NAME_UNKNOWN" in codes_of(answer)


def _token_in(answer: Answer) -> str:
    document = document_of(answer)
    token = document.get("token") or document.get("access_token")
    return token if isinstance(token, str) and token.isascii() and token.isprintable() and " " not in token else ""


def _text(answer: Answer, header: str) -> str:
    return visible(answer.headers.get(header, ""), limit=200)
