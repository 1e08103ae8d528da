"""Label selectors as the API has them, answered with True, False or unknown.

Source: Kubernetes API reference, LabelSelector; apimachinery `pkg/apis/meta/v1/validation`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from k8srun.network.problem import PolicyProblem, only_fields, shown
from k8srun.network.tri import Tri, all_of

NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label that the server gives every namespace."""
_NAME = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_PREFIX = r"(?=.{1,253}/)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*/"
_KEY, _VALUE = re.compile(f"(?:{_PREFIX})?{_NAME}"), re.compile(f"(?:{_NAME})?")


class Operator(StrEnum):
    """How a requirement compares."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of an object. `complete` is False where the object was not read: an absent key is then unknown."""

    values: Mapping[str, str] = field(default_factory=dict)
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one key. `path` is where it stands below the selector (`matchLabels.app`)."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()
    path: str = ""

    def matches(self, labels: Labels) -> Tri:
        value = labels.values.get(self.key)
        if value is None and not labels.complete:
            return None
        match self.operator:
            case Operator.IN:
                return value in self.values
            case Operator.NOT_IN:
                return value not in self.values
            case Operator.EXISTS:
                return value is not None
            case Operator.DOES_NOT_EXIST:
                return value is None

    def __str__(self) -> str:
        values = ", ".join(sorted(self.values))
        match self.operator:
            case Operator.IN:
                return f"{self.key}={values}" if len(self.values) == 1 else f"{self.key} in ({values})"
            case Operator.NOT_IN:
                return f"{self.key} not in ({values})"
            case Operator.EXISTS:
                return f"{self.key} exists"
            case Operator.DOES_NOT_EXIST:
                return f"{self.key} does not exist"


@dataclass(frozen=True, slots=True)
class Selector:
    """A label selector: all requirements must hold; without any it matches everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Labels) -> Tri:
        return all_of(requirement.matches(labels) for requirement in self.requirements)

    def failing(self, labels: Labels) -> Iterator[Requirement]:
        """The requirements that do not hold."""
        return (requirement for requirement in self.requirements if requirement.matches(labels) is False)

    def __str__(self) -> str:
        return ", ".join(map(str, self.requirements)) or "everything"


EVERYTHING = Selector()


def parse_selector(value: object, path: str) -> Selector:
    """A LabelSelector as the API has it; None is the empty one.

    Raises:
        PolicyProblem: what the server would refuse; it names the field.
    """
    if value is None:
        return EVERYTHING
    if not isinstance(value, Mapping):
        raise PolicyProblem(path, f"is not a label selector: {shown(value)}")
    only_fields(value, path, "matchLabels", "matchExpressions")
    return Selector((*_labels(value.get("matchLabels"), path), *_expressions(value.get("matchExpressions"), path)))


def _labels(value: Any, path: str) -> Iterator[Requirement]:
    if value is None:
        return
    if not isinstance(value, Mapping):
        raise PolicyProblem(f"{path}.matchLabels", f"is not a mapping: {shown(value)}")
    for key, wanted in value.items():
        if not isinstance(key, str) or not isinstance(wanted, str):
            raise PolicyProblem(f"{path}.matchLabels", f"must map strings to strings, not {shown(wanted)}")
        _valid(key, (wanted,), f"{path}.matchLabels")
        yield Requirement(key, Operator.IN, frozenset({wanted}), f"matchLabels[{key}]")


def _expressions(value: Any, path: str) -> Iterator[Requirement]:
    if value is None:
        return
    if not isinstance(value, list):
        raise PolicyProblem(f"{path}.matchExpressions", f"is not a list: {shown(value)}")
    for index, item in enumerate(value):
        yield _expression(item, f"{path}.matchExpressions[{index}]", f"matchExpressions[{index}]")


def _expression(item: Any, path: str, short: str) -> Requirement:
    if not isinstance(item, Mapping) or not isinstance(item.get("key"), str):
        raise PolicyProblem(path, f"has no key: {shown(item)}")
    only_fields(item, path, "key", "operator", "values")
    values = item.get("values") or []
    if not isinstance(values, list) or not all(isinstance(entry, str) for entry in values):
        raise PolicyProblem(f"{path}.values", "is not a list of strings")
    if item.get("operator") not in list(Operator):
        raise PolicyProblem(f"{path}.operator", f"{shown(item.get('operator'))} is none of {', '.join(Operator)}")
    operator = Operator(item["operator"])
    needs_values = operator in {Operator.IN, Operator.NOT_IN}
    if needs_values != bool(values):
        raise PolicyProblem(f"{path}.values", f"must {'not be empty' if needs_values else 'be empty'} with {operator}")
    _valid(item["key"], values, path)
    return Requirement(item["key"], operator, frozenset(values), short)


def _valid(key: str, values: Iterable[str], path: str) -> None:
    """Refuse what no label can be."""
    if not _KEY.fullmatch(key):
        raise PolicyProblem(path, f"has a key that no label can have: {shown(key)}")
    for value in values:
        if not _VALUE.fullmatch(value):
            raise PolicyProblem(path, f"has a value that no label can have: {shown(value)}")
