"""What the front door hands to every domain, and what a domain hands to the front door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from k8srun.certificates.case import World
from k8srun.controlplane.distribution import Distribution, distribution
from k8srun.diagnosis import Diagnosis
from k8srun.snapshot import Need, Snapshot


@dataclass(frozen=True)
class Scene:
    """A snapshot at a time, and what several symptoms of it share: read once, however many texts are asked about."""

    snapshot: Snapshot
    now: datetime

    @cached_property
    def distribution(self) -> Distribution:
        return distribution(self.snapshot)

    @cached_property
    def certificates(self) -> World:
        return World(self.snapshot, self.now, self.distribution)


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain's part of the front door.

    Attributes:
        name: of the domain.
        needs: what its diagnosis can make use of. Whatever of it is missing leaves causes open; none is demanded.
        recognise: the diagnosis of a text that is the domain's, None for every other text.
        nearest: the domain's messages that a text resembles, the nearest first.
        survey: the diagnosis of a snapshot without a text.
    """

    name: str
    needs: tuple[Need, ...]
    recognise: Callable[[str, Scene], Diagnosis | None]
    nearest: Callable[[str], tuple[str, ...]]
    survey: Callable[[Scene], Diagnosis]
