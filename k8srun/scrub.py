"""Take what looks secret out of a text, by its form and by the names of what it belongs to.

Every pattern is anchored at a boundary or bounded in length, so that a text of n characters takes O(n) time.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

from k8srun.secretnames import marker
from k8srun.secretsettings import HINT, drop_settings


def scrub(text: str) -> str:
    """`text` without what looks like a secret: tokens, private keys, passwords in URLs, headers, flags and settings.

    For messages, log lines, events, scripts and configuration files. What has been through it once stays as it is.
    """
    if _FORMS.search(text):
        for drop in _DROP_FORMS:
            text = drop(text)
    if _SEPARATORS.search(text) and _HINTS.search(text.lower()):
        text = drop_settings(_drop_headers(text))
    return text


# Both are searched in every string of a snapshot: case-sensitive, so that the engine can skip by the first character.
_FORMS = re.compile(
    r"eyJ|-----BEGIN|LS0tLS1|://[^\s]{0,512}?@|A[KS]IA|AIza|AGE-S|gh[pousr]_|github_pat|glpat-|xox[a-z]-|xapp-|k_live_"
    r"|npm_|hvs\.|sk-|dckr_pat|hooks\.slack|/api/webhooks/|webhookb2/|telegram\.org/bot|[?&][\w-]*[Ss]ig|H4sI|YXBpVm"
)
_HINTS = re.compile(
    rf"{HINT}|basic|negotiate|digest|mysql|mariadb|-u|--user|mongo|redis-cli|ldap|sqlcmd|login|stringdata"
)
# Without one of these no setting, flag or header is complete; names of images, times and paths have none.
_SEPARATORS = re.compile(r"[=\s\"'<]|%20|-u")

# --- Tokens and keys that are recognised by their own form ------------------------------------------------------------

_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----"
    r"[\s\S]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----|\Z)"
)
_BASE64_PEM = re.compile(r"LS0tLS1CRUdJT[A-Za-z0-9+/_-]*={0,2}")
_TOKEN_RUN = re.compile(r"[A-Za-z0-9_.-]{16,}")
_JWT_HEAD = re.compile(r"(?=(eyJ[A-Za-z0-9_-]{9}))")
_KNOWN_TOKENS = re.compile(
    r"""(?x)
    \b(?:AKIA|ASIA)[A-Z0-9]{16}\b                       # AWS access key
    | \bgh[pousr]_[A-Za-z0-9]{20,255} | \bgithub_pat_\w{20,255}
    | \bglpat-[\w-]{16,255} | \bxox[abeoprs]-[\w-]{10,255} | \bxapp-[\w-]{10,255}
    | \bAIza[\w-]{35} | \b[srp]k_live_\w{10,255} | \bnpm_[A-Za-z0-9]{30,255} | \bhvs\.[\w-]{20,255}
    | \bsk-[\w-]{20,255} | \bdckr_pat_[\w-]{20,255} | \bAGE-SECRET-KEY-1[0-9A-Z]{20,255}
    """
)
_HEADER = re.compile(r"(?i)\b(bearer|basic|negotiate|digest)(\s{1,4}|\s?%20)([A-Za-z0-9._~+/=-]{8,})")
_USERINFO = re.compile(
    r"""(?x)
    (://[^\s:/?\#"'@<>]{0,128}:) (?!\d{1,5}(?:[/?\#,]|\s|$)) [^\s"'<>]{1,256} @
    | (://) [^\s:/?\#"'@<>]{16,256} @ (?!sha\d)         # a token as the user; `docker-pullable://image@sha256:` is none
    """
)
# An address that is itself the secret, and the signature that opens one for a time.
_WEBHOOKS = re.compile(
    r"""(?x) (hooks\.slack\.com/(?:services|workflows|triggers)/ | discord(?:app)?\.com/api/webhooks/
    | \.webhook\.office\.com/webhookb2/ | api\.telegram\.org/bot | [?&](?:[\w-]{0,40}signature|sig)=)
    [^\s"'<>&]{8,600}""",
    re.IGNORECASE,
)
# gzip (a Helm release) and a kubeconfig or manifest in base64: what is in them cannot be told from outside.
_PACKED = re.compile(r"(?<![A-Za-z0-9+/])(?:H4sI|YXBpVmVyc2lvb)[A-Za-z0-9+/_-]{20,}={0,2}")


def _drop_base64_keys(text: str) -> str:
    def replace(match: re.Match[str]) -> str:
        found = match.group()
        digits = found.rstrip("=")
        decoded = base64.urlsafe_b64decode(digits[: len(digits) // 4 * 4])
        return "<reduced: private key>" if b"PRIVATE KEY" in decoded else found

    return _BASE64_PEM.sub(replace, text)


def _drop_jwts(text: str) -> str:
    def replace(match: re.Match[str]) -> str:
        run = match.group()
        last_dot = run.rfind(".")
        for head in _JWT_HEAD.finditer(run, 0, max(last_dot, 0)):
            if _is_json_header(head[1]):
                return f"{run[: head.start()]}<reduced: token>"
        return run

    return _TOKEN_RUN.sub(replace, text) if "eyJ" in text else text


def _is_json_header(head: str) -> bool:
    try:
        decoded = base64.urlsafe_b64decode(head)
    except (binascii.Error, ValueError):
        return False
    return decoded.isascii() and decoded.decode().isprintable()


def _drop_headers(text: str) -> str:
    def replace(match: re.Match[str]) -> str:
        scheme, space, value = match.groups()
        # `basic authentication`, `bearer authorization` are prose.
        prose = value.isalpha() and (value.islower() or value.istitle()) and len(value) < 24
        return match.group() if prose else f"{scheme}{space}{marker(value)}"

    return _HEADER.sub(replace, text)


_DROP_FORMS: tuple[Callable[[str], str], ...] = (
    lambda text: _PRIVATE_KEY.sub("<reduced: private key>", text),
    _drop_base64_keys,
    lambda text: _PACKED.sub(lambda match: marker(match[0]), text),
    _drop_jwts,
    lambda text: _KNOWN_TOKENS.sub("<reduced: token>", text),
    lambda text: _WEBHOOKS.sub(lambda match: f"{match[1]}<reduced: token>", text),
    lambda text: _USERINFO.sub(lambda match: f"{match[1] or match[2]}<reduced>@", text),
)
