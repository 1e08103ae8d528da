"""The extensions about certificate policies (RFC 5280, 4.2.1.4 and following) as fields of `Certificate`."""

from __future__ import annotations

from itertools import islice
from typing import Any

from cryptography import x509

from k8srun.x509.frame import elements
from k8srun.x509.notes import Notes

_SEQUENCE, _OBJECT_IDENTIFIER = 0x30, 0x06
_INTEGER_LIMIT = 2**63


def read_policies(extension: x509.Extension[x509.CertificatePolicies], notes: Notes) -> dict[str, Any]:
    numbers = tuple(policy.policy_identifier.dotted_string for policy in extension.value)
    if len(set(numbers)) != len(numbers):
        notes.refuse("x509: invalid certificate policies")
    return {"policies": numbers}


def read_policy_constraints(extension: x509.Extension[x509.PolicyConstraints], notes: Notes) -> dict[str, Any]:
    value = extension.value
    if max(value.require_explicit_policy or 0, value.inhibit_policy_mapping or 0) >= _INTEGER_LIMIT:
        notes.refuse("x509: invalid policy constraints extension")
    return {"require_explicit_policy": value.require_explicit_policy}


def read_inhibit_any_policy(extension: x509.Extension[x509.InhibitAnyPolicy], notes: Notes) -> dict[str, Any]:
    if extension.value.skip_certs >= _INTEGER_LIMIT:
        notes.refuse("x509: invalid inhibit any policy extension")
    return {"inhibit_any_policy": extension.value.skip_certs}


def read_policy_mappings(extension: x509.Extension[x509.UnrecognizedExtension], notes: Notes) -> dict[str, Any]:
    if not _are_mappings(extension.value.value):
        notes.refuse("x509: invalid policy mappings extension")
    return {"has_policy_mappings": True}


def _are_mappings(der: bytes) -> bool:
    """Whether they begin as pairs of object identifiers; what follows the two of a pair Go does not look at."""
    try:
        outer, *content = next(elements(der), (0, 0, 0))
        pairs = [(tag, list(islice(elements(der, *pair), 2))) for tag, *pair in elements(der, *content)]
    except ValueError:
        return False
    return outer == _SEQUENCE and all(
        tag == _SEQUENCE and [kind for kind, *_ in pair] == [_OBJECT_IDENTIFIER] * 2 for tag, pair in pairs
    )
