"""Making steps from the objects of a snapshot: each gets its expectations, and the step that takes it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

from k8srun.codec import encode
from k8srun.jsonpatch import Operation, find, inverse
from k8srun.kinds import CERTIFICATE_SIGNING_REQUEST, kind_of
from k8srun.marks import made_again, mark_of
from k8srun.plan import Action, ObjectRef, Step
from k8srun.snapshot import JsonObject

REDUCED = "<reduced:"
"""How a value begins that a snapshot does not hold because it is secret."""


def ref(item: JsonObject, subresource: str = "") -> ObjectRef:
    """The reference to an object of a snapshot."""
    metadata = item["metadata"]
    return ObjectRef(
        api_version=item["apiVersion"],
        kind=item["kind"],
        name=metadata["name"],
        namespace=metadata.get("namespace") or "",
        uid=metadata.get("uid") or "",
        subresource=subresource,
    )


def create(
    body: Mapping[str, Any],
    reason: str,
    *,
    answers: str = "",
    from_files: Mapping[str, str] | None = None,
    irreversible: str = "",
) -> Step:
    """Create an object; taken back by deleting it, unless it says that this is not to be."""
    target = replace(ref(body), uid="")
    undo = Step(Action.DELETE, f"Take back: {reason}", target)
    return Step(
        Action.CREATE,
        reason,
        target,
        body=body,
        from_files=dict(from_files or {}),
        answers=answers,
        undo=None if irreversible else undo,
        irreversible=irreversible,
    )


def patch(
    item: JsonObject,
    operations: Sequence[Operation],
    reason: str,
    *,
    answers: str = "",
    subresource: str = "",
    irreversible: str = "",
) -> Step:
    """Change an object, provided that what the operations replace or remove is still as in the snapshot.

    Args:
        item: the object in the snapshot; it must have its uid, unless the plan creates it.
        operations: JSON Patch. Tests of the values that they change are put before them, also where the caller gave
            none: see `k8srun.jsonpatch.inverse`.

    Raises:
        ValueError: they do not fit the object, or what they change is secret and `irreversible` does not say what
            contains that.
    """
    changing = [operation for operation in operations if operation["op"] != "test"]
    given = [operation for operation in operations if operation["op"] == "test"]
    undo_patch = inverse(item, operations)
    places = {operation["path"]: find(item, operation["path"]) for operation in undo_patch if operation["op"] == "test"}
    expected = [{"op": "test", "path": path, "value": deepcopy(old)} for path, old in places.items()]
    if not irreversible and _holds_reduced([operation["value"] for operation in expected]):
        raise ValueError(f"{ref(item)}: what is replaced is secret and cannot be put back: say what contains that")
    target = ref(item, subresource)
    return Step(
        Action.PATCH,
        reason,
        target,
        patch=(*given, *(test for test in expected if test not in given and not _holds_reduced(test)), *changing),
        answers=answers,
        undo=None if irreversible else Step(Action.PATCH, f"Take back: {reason}", target, patch=undo_patch),
        irreversible=irreversible,
    )


def server_side_apply(item: JsonObject, fields: Mapping[str, Any], reason: str, *, answers: str = "") -> Step:
    """Set fields of an existing object by server-side apply, never taking any from another manager.

    Its undo is known only once the server has merged the fields: the journal then has it.

    Args:
        fields: the part of the object to set, without apiVersion, kind and metadata.name.
    """
    target = ref(item)
    metadata = {**(fields.get("metadata") or {}), "name": target.name}
    if target.namespace:
        metadata["namespace"] = target.namespace
    body = {**fields, "apiVersion": target.api_version, "kind": target.kind, "metadata": metadata}
    undo = Step(Action.PATCH, f"Take back: {reason}", target)
    return Step(Action.APPLY, reason, target, body=body, answers=answers, undo=undo)


def delete(item: JsonObject, reason: str, *, answers: str = "", irreversible: str = "") -> Step:
    """Delete an object, provided that nobody has changed it since the snapshot; taken back by creating it again.

    Raises:
        ValueError: it holds secret values, which a snapshot does not, and `irreversible` does not say what contains
            that.
    """
    target = ref(item)
    again = made_again(item)
    if not irreversible and (_holds_reduced(again) or target.kind == "Secret"):
        raise ValueError(f"{target} holds secret values and cannot be made again: say what contains that")
    undo = Step(Action.CREATE, f"Take back: {reason}", replace(target, uid=""), body=again)
    return Step(
        Action.DELETE,
        reason,
        target,
        mark=mark_of(item),
        answers=answers,
        undo=None if irreversible else undo,
        irreversible=irreversible,
    )


def approve(request: JsonObject, reason: str, *, deny: bool = False, answers: str = "") -> Step:
    """Approve (or deny) a CertificateSigningRequest that nobody has decided on, in the snapshot or of the same plan."""
    if kind_of(request["apiVersion"], request["kind"]) != CERTIFICATE_SIGNING_REQUEST:
        raise ValueError(f"{ref(request)} is no CertificateSigningRequest")
    spec = request["spec"]
    condition = {
        "type": "Denied" if deny else "Approved",
        "status": "True",
        "reason": "K8srunPlan",
        "message": reason,
    }
    seconds = spec.get("expirationSeconds")
    lasts = f"for at most {seconds} seconds" if seconds else "for as long as the signer decides"
    return Step(
        Action.PATCH,
        reason,
        ref(request, "approval"),
        patch=(
            {"op": "test", "path": "/spec/request", "value": spec["request"]},
            {"op": "test", "path": "/spec/signerName", "value": spec["signerName"]},
            {"op": "test", "path": "/status/conditions", "value": None},
            {"op": "add", "path": "/status/conditions", "value": [condition]},
        ),
        answers=answers,
        irreversible="A denial stands; a new request can be made."
        if deny
        else f"A certificate cannot be called back; it is valid {lasts}.",
    )


def fetch_certificate(request: JsonObject, path: str, reason: str, *, answers: str = "") -> Step:
    """Wait for the certificate of an approved request and write it to a file."""
    return Step(Action.CERTIFICATE, reason, replace(ref(request), subresource=""), path=path, answers=answers)


def token(
    account: JsonObject,
    secret: ObjectRef,
    path: str,
    reason: str,
    *,
    expiration_seconds: int,
    audiences: Sequence[str] = (),
    answers: str = "",
) -> Step:
    """Issue a token of a ServiceAccount into a file of mode 0600, bound to a Secret that an earlier step creates.

    Args:
        expiration_seconds: how long it is to be valid, at least 600.
    """
    bound = {"apiVersion": secret.api_version, "kind": secret.kind, "name": secret.name}
    spec: dict[str, Any] = {"expirationSeconds": expiration_seconds, "boundObjectRef": bound}
    if audiences:
        spec["audiences"] = list(audiences)
    return Step(
        Action.TOKEN,
        reason,
        ref(account, "token"),
        body={"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec},
        path=path,
        answers=answers,
        irreversible=f"The token is bound to {secret}: it ends with that, and after {expiration_seconds} seconds.",
    )


def kubeconfig(
    path: str, view: Mapping[str, Any], operations: Sequence[Operation], reason: str, *, answers: str = ""
) -> Step:
    """Edit a local kubeconfig.

    Args:
        view: the kubeconfig as `k8srun.kubeconfigview` shows it, secrets reduced; the paths of `operations` are those
            of this view (`/clusters/NAME/server`).

    Raises:
        ValueError: the operations do not fit it, or touch what is secret.
    """
    undo_patch = inverse(view, operations)
    paths = [operation["path"] for operation in undo_patch if operation["op"] == "test"]
    tests = [{"op": "test", "path": place, "value": deepcopy(find(view, place))} for place in paths]
    if _holds_reduced([tests, list(operations)]):
        raise ValueError(f"{path}: what is changed is secret: let it name a file in its place, such as client-key")
    undo = Step(Action.KUBECONFIG, f"Take back: {reason}", path=path, patch=undo_patch)
    return Step(Action.KUBECONFIG, reason, path=path, patch=(*tests, *operations), answers=answers, undo=undo)


def on_host(
    host: str,
    commands: Sequence[str],
    reason: str,
    *,
    answers: str = "",
    undo: Sequence[str] = (),
    irreversible: str = "",
) -> Step:
    """Commands that a person runs on a host; the tool only shows them."""
    back = Step(Action.HOST, f"Take back: {reason}", commands=tuple(undo), host=host) if undo else None
    return Step(
        Action.HOST, reason, commands=tuple(commands), host=host, answers=answers, undo=back, irreversible=irreversible
    )


def _holds_reduced(value: object) -> bool:
    return REDUCED in encode(value).decode()
