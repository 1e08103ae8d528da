"""The kubectl commands for a grant, for whoever does not apply plans."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from k8srun.authorization.attributes import Attributes, Identity
from k8srun.text import visible

ADMIN = "as somebody who may grant it"
CLIENT = "where the message came from"


def quote(text: str) -> str:
    """A word for a shell, with everything in it visible."""
    return shlex.quote(visible(text, limit=300))


def can_i(identity: Identity, request: Attributes) -> str:
    """The command that asks the server the same question."""
    what = (
        quote(request.path)
        if request.path is not None
        else quote(f"{request.resource}{f'.{request.group}' if request.group else ''}{_slash(request.name)}")
    )
    words = ["kubectl auth can-i", quote(request.verb), what]
    if request.subresource:
        words.append(f"--subresource={quote(request.subresource)}")
    words += _where(request.namespace) if request.path is None else []
    if identity.user:
        words.append(f"--as {quote(identity.user)}")
    groups = [group for group in identity.groups if not group.startswith("system:")]
    return " ".join([*words, *(f"--as-group {quote(group)}" for group in groups)])


def grant(identity: Identity, requests: Iterable[Attributes], name: str) -> tuple[str, ...]:
    """Commands for a role with exactly these requests and its binding; one pair for each scope."""
    scopes: dict[str, list[Attributes]] = {}
    for request in requests:
        scopes.setdefault("" if request.path is not None else request.namespace, []).append(request)
    return tuple(line for namespace, asked in scopes.items() for line in _pair(identity, namespace, asked, name))


def _pair(identity: Identity, namespace: str, requests: list[Attributes], name: str) -> Iterable[str]:
    kind = "role" if namespace else "clusterrole"
    where = "".join(f" {word}" for word in _where(namespace) if namespace)
    by_verbs: dict[tuple[str, str], list[str]] = {}
    for request in requests:
        by_verbs.setdefault((_resource(request), request.name), []).append(request.verb)
    for number, ((resource, object_name), verbs) in enumerate(by_verbs.items()):
        suffix = f"-{number + 1}" if number else ""
        what = f"--non-resource-url={quote(resource)}" if resource.startswith("/") else f"--resource={quote(resource)}"
        names = f" --resource-name={quote(object_name)}" if object_name else ""
        verb = ",".join(dict.fromkeys(verbs))
        yield f"kubectl create {kind} {name}{suffix} --verb={quote(verb)} {what}{names}{where}"
        yield f"kubectl create {kind}binding {name}{suffix} --{kind}={name}{suffix} {_subject(identity)}{where}"


def _resource(request: Attributes) -> str:
    if request.path is not None:
        return request.path
    named = f"{request.resource}.{request.group}" if request.group else request.resource
    return f"{named}/{request.subresource}" if request.subresource else named


def _subject(identity: Identity) -> str:
    account = identity.service_account
    return f"--serviceaccount={quote(':'.join(account))}" if account else f"--user={quote(identity.user)}"


def _where(namespace: str) -> list[str]:
    return ["-n", quote(namespace)] if namespace else ["--all-namespaces"]


def _slash(name: str) -> str:
    return f"/{name}" if name else ""


def role_name(identity: Identity, request: Attributes) -> str:
    """A name for a role that says whom it is for and what of: within what an object may be called."""
    account = identity.service_account
    who = account[1] if account else identity.user
    what = request.path or request.resource
    return re.sub(r"[^a-z0-9]+", "-", f"{who}-{what}".lower()).strip("-")[:60].rstrip("-") or "grant"
