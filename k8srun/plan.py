"""A Plan: what would change in a cluster or on a host, as data.

Pure: nothing here touches a cluster. A plan is deterministic in its snapshot and parameters, so that the same plan has
the same digest wherever it is made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from k8srun.codec import encode


class Action(StrEnum):
    """What a step does to its object."""

    CREATE = "create"
    PATCH = "patch"
    APPLY = "apply"
    DELETE = "delete"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class Target:
    """The object of a step; `uid` is that of the object in the snapshot, empty for one that is to be created."""

    api_version: str
    kind: str
    name: str
    namespace: str = ""
    uid: str = ""
    subresource: str = ""

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {place}{f' ({self.subresource})' if self.subresource else ''}"


@dataclass(frozen=True, slots=True)
class Step:
    """One change.

    Attributes:
        action: what is done.
        reason: why, in a sentence.
        target: the object; None for a host step.
        body: the object to create or apply, or the options of a delete.
        patch: JSON Patch operations; those with `op: test` say what is expected to be found.
        commands: for a host step, the exact commands; never run by the tool.
        answers: fingerprint of the finding that it mends, or id of the cause.
        undo: the step that takes it back; None if there is none.
        irreversible: if there is no undo, what contains the effect; empty otherwise.
    """

    action: Action
    reason: str
    target: Target | None = None
    body: Mapping[str, Any] | None = None
    patch: tuple[Mapping[str, Any], ...] = ()
    commands: tuple[str, ...] = ()
    answers: str = ""
    undo: Step | None = None
    irreversible: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in order, the cluster they are for, what else they bring about, and the question that proves them.

    Attributes:
        title: what the plan achieves.
        cluster: uid of the cluster's kube-system namespace; empty = unknown, which allows a preview only.
        steps: in the order in which they are to be done.
        impact: what else is allowed, blocked, granted or restarted, a sentence each.
        verify: what to ask again afterwards.
    """

    title: str
    cluster: str
    steps: tuple[Step, ...]
    impact: tuple[str, ...] = ()
    verify: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 over cluster, steps and impact: what a confirmation is bound to."""
        return hashlib.sha256(encode((self.cluster, self.steps, self.impact))).hexdigest()
