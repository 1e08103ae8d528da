"""What stands in the company's manifests for what must be fresh in every lab.

${ago 3d}               a time before the lab's, RFC 3339
${cert NAME}            a certificate of the PKI, PEM
${cert-base64 NAME}     the same, base64: a caBundle, a Secret's data
${key-base64 NAME}      its private key, base64
${random-base64 NAME}   a password, base64; the same wherever the name is the same
${docker-base64 HOST}   a dockerconfigjson with credentials for a registry, base64
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

from k8srun.codec import encode
from k8srun.errors import InputError
from k8srun.lab.cluster.identity import timestamp
from k8srun.pki.issuing import Pki, moment
from k8srun.pki.kubeconfigs import base64_text

_PLACEHOLDER = re.compile(r"\$\{([a-z0-9-]+) ([^}]+)\}")


class Placeholders:
    """Fills them in for one lab."""

    def __init__(self, pki: Pki, now: datetime) -> None:
        self._random: dict[str, str] = {}
        self._words: dict[str, Callable[[str], str]] = {
            "ago": lambda offset: timestamp(moment(f"-{offset}", now)),
            "cert": lambda name: pki[name].certificate_pem.decode(),
            "cert-base64": lambda name: base64_text(pki[name].certificate_pem),
            "key-base64": lambda name: base64_text(pki[name].key_pem),
            "random-base64": lambda name: base64_text(self._password(name).encode()),
            "docker-base64": self._docker,
        }

    def fill(self, value: Any) -> Any:
        """`value` with every placeholder in its strings filled in, as a new value.

        Raises:
            InputError: a placeholder, or what it names, does not exist.
        """
        if isinstance(value, str):
            return _PLACEHOLDER.sub(self._word, value) if "${" in value else value
        if isinstance(value, dict):
            return {name: self.fill(entry) for name, entry in value.items()}
        if isinstance(value, list):
            return [self.fill(entry) for entry in value]
        return value

    def _password(self, name: str) -> str:
        return self._random.setdefault(name, secrets.token_urlsafe(24))

    def _docker(self, host: str) -> str:
        password = self._password(host)
        auth = base64_text(f"pull:{password}".encode())
        return base64_text(encode({"auths": {host: {"username": "pull", "password": password, "auth": auth}}}))

    def _word(self, match: re.Match[str]) -> str:
        word, argument = match.groups()
        if word not in self._words:
            raise InputError(f"unknown placeholder {match[0]}", do=f"There are: {', '.join(self._words)}.")
        return self._words[word](argument)
