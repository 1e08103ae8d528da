"""What plans are applied to: a cluster's API server, or the manifests of a lab."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from k8srun.change import ClusterIdentity, Failure
from k8srun.errors import K8srunError
from k8srun.jsonpatch import Operation
from k8srun.kinds import Resource
from k8srun.permission import Permission, PermissionCheck
from k8srun.plan import Action, ObjectRef

ApiObject = dict[str, Any]
"""An object as the server wrote it, secrets included: it is reduced before anything of it is shown or kept."""


class NotDone(K8srunError):  # noqa: N818 - says what became of the request
    """A request was refused, or did not reach the server: nothing was changed by it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure), do=failure.do)
        self.failure = failure


class InDoubt(K8srunError):  # noqa: N818 - says what became of the request
    """A request was sent and its answer is not known: it may have been carried out, or may still be."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure), do=failure.do)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a step, with what must hold for it to be carried out.

    Attributes:
        target: with the uid that the object must have; none for a create.
        manager: the field manager, unique to the run and the step, by which the request is found again in the object.
        resource_version: the object's version that was looked at; the request fails on any other.
        body: the object to create or to apply, or the TokenRequest.
        operations: JSON Patch.
    """

    action: Action
    target: ObjectRef
    manager: str
    resource_version: str = ""
    body: Mapping[str, Any] | None = None
    operations: tuple[Operation, ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """What a request made.

    Attributes:
        item: the object afterwards, or the TokenRequest; None once it is deleted.
        warnings: what the server said besides.
    """

    item: ApiObject | None
    warnings: tuple[str, ...] = ()


class Target(Protocol):
    """Reads and writes objects. Every method raises NotDone when it cannot do what it is asked."""

    def identity(self) -> ClusterIdentity:
        """Which cluster this is, and who asks."""

    def resource(self, target: ObjectRef) -> Resource:
        """How the object's kind is served."""

    def read(self, target: ObjectRef) -> ApiObject | None:
        """The object as it is now; None if there is none of that name."""

    def write(self, request: Request, *, dry_run: bool) -> Written:
        """Carry out a request, or only let it be judged.

        Raises:
            InDoubt: it is not known whether it was carried out.
        """

    def check(self, permission: Permission, user: str = "", groups: tuple[str, ...] = ()) -> PermissionCheck:
        """Whether the caller, or another user, holds a permission. Raises nothing: `allowed` is None if unknown."""
