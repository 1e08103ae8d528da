"""ABAC policy files: one JSON object a line.

Source: kubernetes `pkg/auth/authorizer/abac/abac.go`, `pkg/apis/abac/v1beta1`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from k8srun.authorization.attributes import AUTHENTICATED, Attributes, Identity
from k8srun.authorization.model import ALL
from k8srun.codec import parse_json
from k8srun.errors import InputError

_VERSION = "abac.authorization.kubernetes.io/v1beta1"
_READING = frozenset({"get", "list", "watch"})
_FIELDS = ("user", "group", "namespace", "resource", "apiGroup", "nonResourcePath")


@dataclass(frozen=True, slots=True)
class Policy:
    """One line of the file. `*` is everything, empty is nothing but the empty."""

    line: int
    user: str = ""
    group: str = ""
    namespace: str = ""
    resource: str = ""
    api_group: str = ""
    path: str = ""
    readonly: bool = False

    def allows(self, identity: Identity, request: Attributes) -> bool:
        """Whether it grants the request. Subresources are not looked at: `pods` covers `pods/exec`."""
        if not self.is_for(identity):
            return False
        if self.readonly and request.verb not in _READING:
            return False
        if request.path is not None:
            if self.path.endswith(ALL):
                return request.path.startswith(self.path.rstrip(ALL))
            return self.path == request.path
        return (
            self.namespace in (ALL, request.namespace)
            and self.resource in (ALL, request.resource)
            and self.api_group in (ALL, request.group)
        )

    def is_for(self, identity: Identity) -> bool:
        """Whether the line is about the identity."""
        if ALL in (self.user, self.group):  # whatever the other one says
            return AUTHENTICATED in identity.groups
        if self.user and self.user != identity.user:
            return False
        return bool(self.user or self.group) and (not self.group or self.group in identity.groups)


def read_policies(text: str, *, where: str) -> tuple[Policy, ...]:
    """The policies of a file; comments and empty lines are passed over.

    Raises:
        InputError: a line is none: the server does not start with such a file. The message names the line.
    """
    policies = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            policies += _policies(parse_json(line, where=f"{where}:{number}"), number, f"{where}:{number}")
    return tuple(policies)


def _policies(document: Any, line: int, where: str) -> list[Policy]:
    if not isinstance(document, Mapping):
        raise InputError("is not a JSON object", where=where)
    if document.get("apiVersion") != _VERSION or document.get("kind") != "Policy":
        raise InputError(f"is no Policy of {_VERSION}", where=where, do="Older, unversioned lines are not evaluated.")
    spec = document.get("spec")
    if not isinstance(spec, Mapping):
        raise InputError("has no spec", where=where)
    values = {name: spec.get(name) or "" for name in _FIELDS}
    wrong = next((name for name, value in values.items() if not isinstance(value, str)), "")
    if wrong or not isinstance(spec.get("readonly") or False, bool):
        raise InputError(f"spec.{wrong or 'readonly'} is of the wrong type", where=where)
    user, group, namespace, resource, api_group, path = values.values()
    return [Policy(line, user, group, namespace, resource, api_group, path, bool(spec.get("readonly")))]
