"""What looks secret by its name, and what stands in place of it: the one place that knows.

It errs on the side of reducing: a harmless value that is lost costs a detail, a secret that is kept is a leak.
"""

from __future__ import annotations

import re
from functools import lru_cache

# A setting of such a name holds an address with a password in it more often than not.
_ADDRESSES = re.compile(r"(?:database|db|redis|mongo|jdbc|broker|amqp|webhook|connection)ur[il]$")
# Part of a name, once its words are joined (`db-PassWord` → `dbpassword`).
_PARTS = re.compile(
    r"passw(?:or)?d|passphrase|secret|token|credential|connectionstring|htpasswd|sharedaccesssignature|mnemonic"
    r"|requirepass|masterauth|(?:root|bind|user|admin|db)pw$"
    r"|(?:api|access|private|encryption|signing|account|shared|master|auth|license|session|storage|client|ssh|hmac)key"
)
# A word of a name; as part of a longer word they are too common (`author`, `compass`).
_WORDS = frozenset(
    (
        *("pass", "passin", "passout", "pwd", "pw", "auth", "authorization", "bearer", "cred", "creds"),
        *("dsn", "jwt", "otp", "psk", "pat", "salt", "cookie", "hmac"),
    )
)
# Only of a name that stands for itself (an environment variable, a flag, a ConfigMap's key): `key:` is a field of
# tolerations and selectors.
_WHOLE_ENDINGS = ("key", "keys", "pass", "pwd", "auth", "webhook")
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
    | (?:\.{1,2}/)?[\w@-]{1,80}\.(?:key|pem|crt|p12|pfx)                  # --client-key client.key
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
