"""SubjectAccessReviews, in and out.

Source: kubernetes `pkg/registry/authorization/util/helpers.go`, `pkg/apis/authorization/validation/validation.go`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from k8srun.authorization.attributes import Attributes, Identity
from k8srun.errors import InputError

_GROUP = "authorization.k8s.io"


class _Read(msgspec.Struct, rename="camel"):
    """What is read of a review; what is not named here is passed over, as the server does."""


class _Selector(_Read):
    raw_selector: str | None = None
    requirements: list[dict[str, Any]] | None = None


class _Resource(_Read):
    verb: str | None = None
    group: str | None = None
    version: str | None = None
    resource: str | None = None
    subresource: str | None = None
    namespace: str | None = None
    name: str | None = None
    field_selector: _Selector | None = None
    label_selector: _Selector | None = None


class _NonResource(_Read):
    verb: str | None = None
    path: str | None = None


class _Spec(_Read):
    user: str | None = None
    groups: list[str] | None = None
    group: list[str] | None = None
    uid: str | None = None
    extra: dict[str, list[str] | None] | None = None
    resource_attributes: _Resource | None = None
    non_resource_attributes: _NonResource | None = None


class _Metadata(_Read):
    namespace: str | None = None


class _Review(_Read):
    kind: str | None = None
    api_version: str | None = None
    metadata: _Metadata | None = None
    spec: _Spec | None = None


_KINDS = frozenset({"", "SubjectAccessReview", "LocalSubjectAccessReview"})
_VERSIONS = frozenset({"", f"{_GROUP}/v1", f"{_GROUP}/v1beta1"})


def read_review(review: object) -> tuple[Identity, Attributes]:
    """Who and what a SubjectAccessReview (any version) or LocalSubjectAccessReview asks about.

    `metadata`, which a server wants empty, may hold what it likes. Selectors decide nothing: no authorizer here looks
    at them.

    Raises:
        InputError: it is none, or the server would refuse it; the message names the field.
    """
    try:
        given = msgspec.convert(review, _Review)
    except msgspec.ValidationError as error:
        raise InputError(f"is no SubjectAccessReview: {error}") from None
    spec, version = given.spec or _Spec(), given.api_version or ""
    if (given.kind or "") not in _KINDS or version not in _VERSIONS:
        raise InputError(f"is a {given.kind!r:.80} of {version!r:.80}, not a SubjectAccessReview of {_GROUP}/v1")
    resource, url = spec.resource_attributes, spec.non_resource_attributes
    if (resource is None) == (url is None):
        raise InputError("exactly one of spec.resourceAttributes and spec.nonResourceAttributes must be set")
    # v1beta1 wrote `group`; each version passes the name of the other over.
    groups = spec.group if version.endswith("/v1beta1") else spec.groups
    identity = Identity(spec.user or "", tuple(groups or ()))
    if not identity.user and not identity.groups:
        raise InputError("at least one of spec.user and spec.groups must be set")
    if given.kind == "LocalSubjectAccessReview":
        _require_local(given.metadata or _Metadata(), resource)
    if url is not None:
        return identity, Attributes(url.verb or "", path=url.path or "")
    return identity, _resource_attributes(resource or _Resource())


def _require_local(metadata: _Metadata, resource: _Resource | None) -> None:
    namespace = resource.namespace if resource else None
    if not namespace or metadata.namespace not in {None, "", namespace}:
        raise InputError("a LocalSubjectAccessReview asks about a resource in its own namespace alone")


def _resource_attributes(resource: _Resource) -> Attributes:
    selectors = {"fieldSelector": resource.field_selector, "labelSelector": resource.label_selector}
    for name, selector in selectors.items():
        if selector is not None and bool(selector.raw_selector) == bool(selector.requirements):
            place = f"spec.resourceAttributes.{name}"
            raise InputError(f"exactly one of {place}.rawSelector and {place}.requirements must be set")
    names = ("verb", "group", "resource", "subresource", "namespace", "name")
    return Attributes(*(getattr(resource, name) or "" for name in names))


def review_of(identity: Identity, attributes: Attributes) -> dict[str, Any]:
    """The SubjectAccessReview that asks a server the same."""
    spec: dict[str, Any] = {"user": identity.user, "groups": list(identity.groups)}
    if attributes.path is not None:
        spec["nonResourceAttributes"] = {"verb": attributes.verb, "path": attributes.path}
    else:
        spec["resourceAttributes"] = {
            name: value
            for name in ("verb", "group", "resource", "subresource", "namespace", "name")
            if (value := getattr(attributes, name))
        }
    return {"apiVersion": f"{_GROUP}/v1", "kind": "SubjectAccessReview", "spec": spec}
