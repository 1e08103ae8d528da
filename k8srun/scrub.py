"""What looks secret, by name and by pattern: the one place that knows, and `scrub`, which takes it out of a text.

It errs on the side of reducing: a harmless value that is lost costs a detail, a secret that is kept is a leak.
Every pattern is anchored at a boundary or bounded in length, so that a text of n characters takes O(n) time.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from functools import lru_cache

# A setting of such a name holds an address with a password in it more often than not.
_ADDRESSES = re.compile(r"(?:database|db|redis|mongo|jdbc|broker|amqp|webhook|connection)ur[il]$")
# Part of a name, once its words are joined (`db-PassWord` → `dbpassword`).
_PARTS = re.compile(
    r"passw(?:or)?d|passphrase|secret|token|credential|connectionstring|htpasswd|sharedaccesssignature"
    r"|(?:api|access|private|encryption|signing|account|shared|master|auth|license|session|storage|client|ssh|hmac)key"
)
# A word of a name; as part of a longer word they are too common (`author`, `compass`).
_WORDS = frozenset(
    ["pass", "pwd", "auth", "authorization", "dsn", "jwt", "otp", "psk", "pat", "salt", "cookie", "hmac"]
)
# Only of a name that stands for itself (an environment variable, a flag, a ConfigMap's key): `key:` is a field of
# tolerations and selectors.
_WHOLE_ENDINGS = ("key", "keys", "pass", "pwd", "auth")
# A name that ends so says something about a secret without being one.
_ABOUT = re.compile(
    r"(?:file|filename|path|dir|directory|name|namespace|ref|reference|audience|group|role|review|sync)s?"
    r"|ttl|timeout|expiration|expiry|expires|duration|seconds|interval|period|length|size|count|limit"
    r"|enabled?|disabled?|type|mode|method|algorithm|alg|issuer|version|policy|provider|class|format"
    r"|ur[il]|endpoint|host|port|used|since|lookup|mount|selector|kind|claim|rotation"
)
_ABOUT_ENDINGS = ("file", "keyid", "credentialid", "tokenid", "tlssecret", "sslsecret", "authsecret", "pullsecret")

_SPLIT = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_HARMLESS = re.compile(
    r"""(?ix) \s* | true | false | null | none | nil | ~ | yes | no | \[\] | \{\} | <none> | <unset>
    | <reduced(?:: [\w ,()-]{1,80})?>                                     # already done
    | \$\{\w+\} | \$\(\w+\) | \$\w+ | \{\{[^{}\n]{0,200}\}\}              # a reference to where the secret is
    | (?:file:/{0,2})?/(?:etc|var|run|opt|tmp|srv|usr|home|root|mnt|certs?|config|data|app|vault|secrets?)/[\w./@-]*
    | /[\w./@-]*\.(?:key|pem|crt|cer|pub|conf|cfg|ya?ml|json|txt|csv|sock|jks|p12|pfx|kubeconfig)
      (?:,/[\w./@-]+(?::[\w.*,-]+)?)?                                    # --tls-sni-cert-key=CERTIFICATE,KEY:NAMES
    """
)


@lru_cache(maxsize=16384)
def looks_secret(name: str, *, whole: bool = False) -> bool:
    """Whether something of this name is likely to be a secret.

    Args:
        whole: the name stands for itself (environment variable, flag, key of a ConfigMap) rather than being a field of
            an API object or a word of a text, where `key` means something else.
    """
    words = [word.lower() for word in _SPLIT.findall(name)]
    if not words:
        return False
    joined = "".join(words)
    if _ADDRESSES.search(joined):
        return True
    if _ABOUT.fullmatch(words[-1]) or joined.endswith(_ABOUT_ENDINGS):
        return False
    if _PARTS.search(joined) or not _WORDS.isdisjoint(words):
        return True
    return whole and joined.endswith(_WHOLE_ENDINGS)


def is_harmless(value: str) -> bool:
    """Whether a value cannot be a secret whatever its name: empty, a switch, a path, a reference to a variable."""
    return _HARMLESS.fullmatch(value) is not None


def marker(value: str) -> str:
    """What stands in place of a secret string."""
    return f"<reduced: {len(value)} character{'' if len(value) == 1 else 's'}>"


def reduce_value(value: str) -> str:
    """A value whose name looks secret: gone, unless it is harmless, or a certificate."""
    if is_harmless(value) or (value.lstrip().startswith("-----BEGIN ") and "PRIVATE KEY" not in value):
        return value
    return marker(value)


def scrub(text: str) -> str:
    """`text` without what looks like a secret: tokens, private keys, passwords in URLs, headers, flags and settings.

    For messages, log lines, events, scripts and configuration files. What has been through it once stays as it is.
    """
    if _FORMS.search(text):
        for drop in _DROP_FORMS:
            text = drop(text)
    if _SEPARATORS.search(text) and _HINTS.search(text.lower()):
        for drop in _DROP_NAMED:
            text = drop(text)
    return text


# Both are searched in every string of a snapshot: case-sensitive, so that the engine can skip by the first character.
_FORMS = re.compile(
    r"eyJ|-----BEGIN|LS0tLS1|://[^\s]{0,512}?@|A[KS]IA|AIza|AGE-S|gh[pousr]_|github_pat|glpat-|xox[a-z]-|xapp-|hooks\.slack|k_live_"
    r"|npm_|hvs\.|sk-|dckr_pat"
)
_HINT = "pass|pwd|secret|token|key|cred|auth|dsn|jwt|otp|psk|pat|salt|cookie|hmac|connection|url|uri|signature"
_HINTS = re.compile(rf"{_HINT}|bearer|basic|negotiate|digest|mysql|mariadb|-u|--user")
# Without one of these no setting, flag or header is complete; names of images, times and paths have none.
_SEPARATORS = re.compile(r"[=\s\"']|%20|-u")

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
    | (?<=hooks\.slack\.com/services/)[\w/]{10,255}
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
_USER_FLAG = re.compile(r"(?<!\S)((?:-u|--user)[ =]?[^\s:]{1,128}:)(?!\d+(?:\s|$)|<reduced)(\S{1,256})")
_MYSQL = re.compile(r"(?:mysql|mariadb)[^\n|;&]{0,512}")
_MYSQL_FLAG = re.compile(r"(\s-p)([^\s=<-]\S*)")


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


def _drop_flag(match: re.Match[str]) -> str:
    return f"{match[1]}{reduce_value(match[2])}"


def _drop_headers(text: str) -> str:
    def replace(match: re.Match[str]) -> str:
        scheme, space, value = match.groups()
        # `basic authentication`, `bearer authorization` are prose.
        prose = value.isalpha() and (value.islower() or value.istitle()) and len(value) < 24
        return match.group() if prose else f"{scheme}{space}{marker(value)}"

    return _HEADER.sub(replace, text)


# --- Settings: what is secret by its name -----------------------------------------------------------------------------

# A name is taken whole (atomic), and only one that holds a hint: linear, and `--from-literal=password=x` is not
# mistaken for a setting called `from-literal`.
_NAME = rf"(?=[\w./-]{{0,200}}?(?i:{_HINT}))(?P<name>(?>[\w./-]{{1,300}}))"
_LINE = re.compile(
    rf"""(?mx)
    ^(?P<indent>[ \t]*) (?:(?:\#|//|;)[ \t]*)? (?:-[ \t]+)?(?:export[ \t]+|set[ \t]+)?(?P<quote>["']?)
    {_NAME} (?P=quote) [ \t]*(?:=|:(?=[ \t\n]))[ \t]*+
    (?P<value> (?:[!&]\S{{1,64}}[ \t]+){{0,2}} [|>][-+\d]{{0,2}}[ \t]*(?:\#[^\n]*)?      # a block scalar
               (?:\n(?:(?P=indent)[ \t]+[^\n]*|[ \t]*(?=\n)))+
             | \n(?P=indent)[ \t]+(?!-[ \t])[^\s:\#{{\[][^\n:]*(?=\n|\Z)                 # on a line of its own
             | (?!["'])[^\n]*)
    """
)
_QUOTED = re.compile(
    rf"""(?x) (?<![\w./-]) {_NAME} \\{{0,8}}["']? [ \t]{{0,4}} [:=] [ \t]{{0,4}}
    (?P<quote>\\{{0,8}}["']) (?P<value>[^\n]*?) (?: (?<!\\)(?P=quote)(?!(?P=quote)) | (?=\n|\Z) )"""
)
_BARE = re.compile(
    rf"""(?x) (?<![\w./-]) {_NAME}
    (?: = (?P<value>(?![\\"'<])[^\s"'&]+)
      | \\{{0,8}}["'][ \t]{{0,4}}:[ \t]{{0,4}}+ (?P<json>(?![\\"'<])[^\s,}}\]"']+) )"""
)
_FLOW = re.compile(rf"(?<=[{{, ]){_NAME}:[ \t]{{1,4}}(?P<value>(?![\"'<])[^\s,}}\"']+)(?=[ \t]{{0,4}}[,}}])")
_FLAG = re.compile(rf"(?<!\S)--?{_NAME}[ \t]+(?P<value>(?![-<\"'])\S+|[\"'][^\"'\n]+)")
# Within prose, where `password: rejected` is a sentence and `password: hunter2` is none.
_PROSE = re.compile(
    r"(?i)(?<![\w./-])(?P<name>[\w.-]{0,100}pass(?:word|wd|phrase)):[ \t]{1,4}"
    r"(?P<value>(?=[^\s\d]{0,100}\d)[^\s,;\"'<]+)"
)
_OBJECT_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}/[a-z0-9][a-z0-9.-]{0,252}")


def _drop_setting(match: re.Match[str]) -> str:
    text, name = match.string, match.group("name")
    group = match.lastgroup if match.lastgroup == "json" else "value"
    value = match.group(group)
    if not looks_secret(name) or is_harmless(value):
        return match.group()
    if name.lower() == "secret" and _OBJECT_NAME.fullmatch(value):
        return match.group()  # klog: secret="shop/web-tls"
    before = text[match.start() : match.start(group)]
    return f"{before}{marker(value)}{text[match.end(group) : match.end()]}"


def _drop_settings(text: str) -> str:
    for pattern in (_LINE, _QUOTED, _BARE, _FLOW, _FLAG, _PROSE):
        text = pattern.sub(_drop_setting, text)
    return text


_DROP_FORMS: tuple[Callable[[str], str], ...] = (
    lambda text: _PRIVATE_KEY.sub("<reduced: private key>", text),
    _drop_base64_keys,
    _drop_jwts,
    lambda text: _KNOWN_TOKENS.sub("<reduced: token>", text),
    lambda text: _USERINFO.sub(lambda match: f"{match[1] or match[2]}<reduced>@", text),
)
_DROP_NAMED: tuple[Callable[[str], str], ...] = (
    _drop_headers,
    lambda text: _USER_FLAG.sub(_drop_flag, text),
    lambda text: _MYSQL.sub(lambda match: _MYSQL_FLAG.sub(_drop_flag, match[0]), text),
    _drop_settings,
)
