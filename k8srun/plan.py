"""A Plan: what would change in a cluster or on a host, as data.

Pure: nothing here touches a cluster. A plan is deterministic in its snapshot and parameters, so that the same plan has
the same digest wherever it is made. `k8srun.steps` makes steps, `k8srun.planfile` reads and writes plans.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from k8srun.codec import canonical
from k8srun.jsonpatch import Operation
from k8srun.kinds import Kind, kind_of
from k8srun.marks import Mark

PLAN_SCHEMA = "k8srun.dev/plan/v1"


class Action(StrEnum):
    """What a step does to its object."""

    CREATE = "create"
    PATCH = "patch"
    APPLY = "apply"
    DELETE = "delete"
    TOKEN = "token"  # noqa: S105 - an action, not a token
    CERTIFICATE = "certificate"
    KUBECONFIG = "kubeconfig"
    HOST = "host"

    @property
    def writes_to_cluster(self) -> bool:
        """Whether the step sends a request that changes something. Reading an issued certificate does not."""
        return self not in {Action.CERTIFICATE, Action.KUBECONFIG, Action.HOST}


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """The object of a step.

    Attributes:
        uid: that of the object in the snapshot; empty for one that this plan creates.
        subresource: `approval` or `token` where the request goes there; else empty.
    """

    api_version: str
    kind: str
    name: str
    namespace: str = ""
    uid: str = ""
    subresource: str = ""

    @property
    def of_kind(self) -> Kind:
        return kind_of(self.api_version, self.kind)

    @property
    def key(self) -> tuple[Kind, str, str]:
        """What names one object among all: kind, namespace, name."""
        return self.of_kind, self.namespace, self.name

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.of_kind} {place}{f' ({self.subresource})' if self.subresource else ''}"


@dataclass(frozen=True, slots=True)
class Step:
    """One change.

    Attributes:
        action: what is done.
        reason: why, in a sentence.
        target: the object; None for a host step and for a kubeconfig.
        body: the object to create or to apply, or the TokenRequest.
        patch: JSON Patch operations; those with `op: test` at the beginning say what is expected to be found. For a
            kubeconfig, of its document.
        mark: the object as it was seen, where it must not have been changed since in any way; None = only what `patch`
            tests must hold.
        from_files: JSON Pointer → path of a local file whose content is put there in base64 when the step is done:
            how a secret gets into a Secret without ever being in a plan.
        path: the file that a token or certificate is written to (it must not exist), or the kubeconfig to edit.
        commands: for a host step, the exact commands; never run by the tool.
        host: where the commands are to be run.
        answers: fingerprint of the finding that it mends, or id of the cause.
        undo: the step that takes it back; None if there is none.
        irreversible: if there is no undo, what contains the effect; empty otherwise.
    """

    action: Action
    reason: str
    target: ObjectRef | None = None
    body: Mapping[str, Any] | None = None
    patch: tuple[Operation, ...] = ()
    mark: Mark | None = None
    from_files: Mapping[str, str] = field(default_factory=dict)
    path: str = ""
    commands: tuple[str, ...] = ()
    host: str = ""
    answers: str = ""
    undo: Step | None = None
    irreversible: str = ""

    @property
    def subject(self) -> str:
        """What the step is about, as people name it."""
        if self.target:
            return str(self.target)
        return self.path if self.action is Action.KUBECONFIG else self.host or "the host"

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"


@dataclass(frozen=True, slots=True)
class Question:
    """A question that shows whether a plan has achieved its end, asked again once it is applied.

    Attributes:
        kind: which question; those that exist are in `k8srun.apply.verify`.
        about: its parameters by name.
    """

    kind: str
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in order, the cluster they are for, what else they bring about, and the questions that prove them.

    Attributes:
        title: what the plan achieves.
        cluster: uid of the cluster's kube-system namespace; empty = unknown, which allows a preview only.
        steps: in the order in which they are to be done.
        impact: what else is allowed, blocked, granted or restarted, a sentence each.
        verify: what to ask again afterwards.
        planned_by: the user name with which the snapshot was taken; empty if it is not known.
    """

    title: str
    cluster: str
    steps: tuple[Step, ...]
    impact: tuple[str, ...] = ()
    verify: tuple[Question, ...] = ()
    planned_by: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of the whole plan in hexadecimal: its identity. A confirmation covers more (`k8srun.apply.gate`)."""
        return hashlib.sha256(canonical(self)).hexdigest()

    @property
    def is_local(self) -> bool:
        """Whether it touches no cluster, but files of this machine and what a person does: it needs none to answer."""
        return all(step.action in {Action.KUBECONFIG, Action.HOST} for step in self.steps)

    def creates(self, target: ObjectRef, before: int) -> bool:
        """Whether one of the first `before` steps creates that object."""
        return any(
            step.action is Action.CREATE and step.target is not None and step.target.key == target.key
            for step in self.steps[:before]
        )
