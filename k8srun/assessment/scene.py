"""What the front door hands to every domain, and what a domain hands to the front door."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from k8srun.authorization.denials.case import World as Refusals
from k8srun.certificates.case import World
from k8srun.controlplane.distribution import Distribution, distribution
from k8srun.diagnosis import Diagnosis
from k8srun.network.world import World as Network
from k8srun.plan import Plan
from k8srun.snapshot import Need, Snapshot
from k8srun.workloads.diagnosis_view import View as Pods


@dataclass(frozen=True)
class Scene:
    """A snapshot at a time, and what several symptoms of it share: read once, however many texts are asked about.

    Attributes:
        kubeconfigs: by path, those of whoever plans as `k8srun.kubeconfigview` shows them, secrets reduced.
    """

    snapshot: Snapshot
    now: datetime
    kubeconfigs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @cached_property
    def distribution(self) -> Distribution:
        return distribution(self.snapshot)

    @cached_property
    def certificates(self) -> World:
        return World(self.snapshot, self.now, self.distribution, self.kubeconfigs)

    @cached_property
    def authorization(self) -> Refusals:
        return Refusals(self.snapshot, self.now, self.distribution)

    @property
    def shows_client_certificate(self) -> bool:
        """Whether the credential of whoever investigates is known to be a client certificate."""
        client = self.authorization.client
        return client is not None and "client certificate" in client[1].credential

    @cached_property
    def network(self) -> Network:
        return Network(self.snapshot)

    @cached_property
    def workloads(self) -> Pods:
        return Pods(self.snapshot)


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain's part of the front door.

    Attributes:
        name: of the domain.
        needs: what its diagnosis can make use of. Whatever of it is missing leaves causes open; none is demanded.
        recognise: the diagnosis of a text that is the domain's, None for every other text.
        nearest: the domain's messages that a text resembles, the nearest first.
        survey: the diagnosis of a snapshot without a text.
        plan: the plan that mends what a text (or, if it is empty, the snapshot alone) was confirmed to come from; None
            if nothing was.
        plan_needs: what a plan can make use of beyond the diagnosis.
    """

    name: str
    needs: tuple[Need, ...]
    recognise: Callable[[str, Scene], Diagnosis | None]
    nearest: Callable[[str], tuple[str, ...]]
    survey: Callable[[Scene], Diagnosis]
    plan: Callable[[str, Scene], Plan | None] | None = None
    plan_needs: tuple[Need, ...] = ()
