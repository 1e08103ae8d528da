"""Amounts of cpu, memory and other resources as the API writes them, and what a pod asks for in them.

Source: apimachinery `resource`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from k8srun.errors import InputError
from k8srun.kinds import Kind
from k8srun.snapshot import JsonObject, Snapshot, object_key
from k8srun.text import visible

_QUANTITY = re.compile(
    r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:([eE][+-]?\d{1,3})|(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]?))", re.ASCII
)
_FACTORS = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
}

Amounts = dict[str, Decimal]


@dataclass(frozen=True, slots=True)
class ContainerResources:
    """What a container asks for once the namespace's LimitRanges have filled in what it leaves out.

    Attributes:
        role: `container`, `init` (runs to its end before the next), `sidecar` (an init container that goes on running).
        defaulted: the fields that were filled in, `limits.cpu`.
    """

    container: str
    requests: Amounts
    limits: Amounts
    role: str = "container"
    defaulted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a pod asks for: container by container, in all, and what it states for all of its containers together.

    Attributes:
        stated: requests and limits of `spec.resources`; both empty where it has none that counts.
    """

    containers: tuple[ContainerResources, ...]
    requests: Amounts
    limits: Amounts
    stated: tuple[Amounts, Amounts] = ({}, {})


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a LimitRange or quota refuses a pod: the object, and the reason in a sentence."""

    resource: str
    reason: str


def parse_quantity(value: object, *, where: str = "") -> Decimal:
    """`100m`, `1.5Gi`, `1e3` → the number, in units, bytes or cores.

    Raises:
        InputError: it is no quantity.
    """
    found = _QUANTITY.fullmatch(str(value)) if not isinstance(value, bool) else None
    if found is None:
        raise InputError(f"{visible(str(value), limit=80)!r} is no quantity", where=where, do="Write 250m, 1.5Gi or 2.")
    number, exponent, unit = found.groups()
    return Decimal(f"{number}{exponent}") if exponent else Decimal(number) * _FACTORS[unit]


def amounts(value: object, where: str) -> Amounts:
    """The amounts of a mapping, by resource; of anything else none."""
    return (
        {str(name): parse_quantity(amount, where=where) for name, amount in value.items()}
        if isinstance(value, Mapping)
        else {}
    )


def shown(amount: Decimal) -> str:
    return f"{amount.normalize():f}"


def of_namespace(snapshot: Snapshot, kind: Kind, namespace: str) -> Iterator[JsonObject]:
    return (item for item in snapshot.of(kind) if object_key(item)[0] == namespace)
