"""Bodies of requests as the API server wants them."""

from __future__ import annotations

from typing import Any

from k8srun.apply.target import Request
from k8srun.codec import encode

# Go escapes these in its JSON, and a JSON Patch `test` on the server compares texts as they are written.
_GO_ESCAPES = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})


def json_for_go(value: object) -> bytes:
    """`value` as JSON with texts escaped as Go's encoder does it."""
    return encode(value).decode().translate(_GO_ESCAPES).encode()


def delete_options(uid: str, resource_version: str, *, dry_run: bool) -> dict[str, Any]:
    """Delete this very object in this very version."""
    preconditions = {"uid": uid} | ({"resourceVersion": resource_version} if resource_version else {})
    options: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": preconditions,
        "propagationPolicy": "Background",
    }
    return options | ({"dryRun": ["All"]} if dry_run else {})


def apply_body(request: Request) -> dict[str, Any]:
    """The fields to apply, tied to the object and the version that were looked at."""
    body = dict(request.body or {})
    tied = {"uid": request.target.uid, "resourceVersion": request.resource_version}
    body["metadata"] = {**(body.get("metadata") or {}), **{name: value for name, value in tied.items() if value}}
    return body
