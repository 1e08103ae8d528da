"""What an error of the API server means for who applies a plan. The texts are those of `apiserver` and its plugins."""

from __future__ import annotations

import re
from collections.abc import Mapping

from k8srun.apply.writer import Reply
from k8srun.change import Failure, FailureKind

_CHANGED = "Somebody changed it meanwhile. Preview the plan again; if it no longer fits, make a new one."

_DO = {
    FailureKind.CHANGED: _CHANGED,
    FailureKind.EXISTS: "Look at it: if it is what the plan wants, nothing is left to do; else it has to go first.",
    FailureKind.GONE: "It was deleted, or its namespace or API does not exist. Make a new plan from a fresh snapshot.",
    FailureKind.OWNED: "Export the change for the owner: k8srun plan export FILE --patch.",
    FailureKind.FORBIDDEN: "Ask for the missing permission; `k8srun plan preview` lists the rules.",
    FailureKind.ADMISSION: "Change the plan so that the policy admits it, or ask who owns the policy for an exception.",
    FailureKind.QUOTA: "Free some of the quota, or have it raised, then go on.",
    FailureKind.TERMINATING: "Wait until the namespace is gone and made again, or use another.",
    FailureKind.UNAUTHENTICATED: "Renew the credentials (log in again), then go on with the same plan.",
    FailureKind.BUSY: "Wait a little, then go on with the same plan.",
    FailureKind.UNREACHABLE: "Nothing was sent. Once the server answers again, go on with the same plan.",
    FailureKind.LOST: "Once the server answers again, go on with the same plan: it looks at first whether it was done.",
}

# Of a 403: RBAC and the other authorizers, and the checks that RBAC makes when roles are written.
_AUTHORIZER = re.compile(
    r"User \"[^\"]*\" cannot |attempting to grant RBAC permissions not currently held|"
    r"user not permitted to (approve|sign) requests|must have cluster-admin privileges"
)
# All that the server says of a JSON Patch that does not fit its object, be it for a failed `test` or another operation.
_PATCH_DOES_NOT_FIT = "the server rejected our request due to an error in our request"


def failure_of(reply: Reply) -> Failure:
    """The failure that an error answer stands for."""
    return failure(_kind(reply), reply.message)


def failure(kind: FailureKind, detail: str) -> Failure:
    """A failure with the advice that goes with its kind."""
    return Failure(kind, detail, _DO.get(kind, ""))


def is_ambiguous(reply: Reply) -> bool:
    """Whether the request may have been carried out all the same: the server gave up on it, or a proxy did."""
    return reply.status >= 500 or reply.status == 408


def _kind(reply: Reply) -> FailureKind:
    message = reply.message
    if reply.status == 403:
        return _forbidden(message)
    if reply.status == 409:
        return _conflict(reply)
    if "admission webhook" in message or "ValidatingAdmissionPolicy" in message or "failed calling webhook" in message:
        return FailureKind.ADMISSION
    if reply.status == 422 and message == _PATCH_DOES_NOT_FIT:
        return FailureKind.CHANGED
    return {
        401: FailureKind.UNAUTHENTICATED,
        404: FailureKind.GONE,
        400: FailureKind.INVALID,
        422: FailureKind.INVALID,
        429: FailureKind.BUSY,
    }.get(reply.status, FailureKind.LOST if is_ambiguous(reply) else FailureKind.OTHER)


def _forbidden(message: str) -> FailureKind:
    if "exceeded quota:" in message:
        return FailureKind.QUOTA
    if "because it is being terminated" in message:
        return FailureKind.TERMINATING
    return FailureKind.FORBIDDEN if _AUTHORIZER.search(message) else FailureKind.ADMISSION


def _conflict(reply: Reply) -> FailureKind:
    if reply.reason == "AlreadyExists":
        return FailureKind.EXISTS
    details = reply.body.get("details")
    causes = details.get("causes") if isinstance(details, Mapping) else None
    owned = any(cause.get("reason") == "FieldManagerConflict" for cause in causes or () if isinstance(cause, Mapping))
    return FailureKind.OWNED if owned else FailureKind.CHANGED
