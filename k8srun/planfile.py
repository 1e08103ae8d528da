"""Plans as files, and what every plan must keep to.

A plan file may come from anybody: nothing in it is believed before it has passed `problems`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from k8srun.codec import decode, document, parse_json, pretty
from k8srun.errors import InputError
from k8srun.jsonpatch import pointer, problem
from k8srun.kinds import CERTIFICATE_SIGNING_REQUEST, SECRET, SERVICE_ACCOUNT
from k8srun.plan import PLAN_SCHEMA, Action, ObjectRef, Plan, Step
from k8srun.text import visible

# What may stand as one segment of the path of a request. Names of RBAC objects may hold almost anything else.
_SEGMENT = re.compile(r"(?!\.{1,2}$)[^/%?#\s\x00-\x1f]{1,253}")
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_API_VERSION = re.compile(r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?v[a-z0-9]+")
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9]*")

# The identity of an object, and what the server keeps: a patch may test these and never change them.
_FIXED = re.compile(r"/(kind|apiVersion|metadata/(name|namespace|uid|resourceVersion|managedFields|generation))(/.*)?")
_SECRET_VALUES = re.compile(r"/(data|stringData)(/.*)?")
_SECRET_VALUE = re.compile(r"/data/[A-Za-z0-9._-]+")
_SUBRESOURCES = {Action.PATCH: frozenset({"", "approval"}), Action.TOKEN: frozenset({"token"})}
_SHORTEST_SECONDS = 600
MOST_BYTES = 16 * 1024 * 1024
_DEEPEST = 150

# What each action makes use of, beside what every step has.
_FIELDS = {
    Action.CREATE: {"body", "from_files"},
    Action.PATCH: {"patch", "mark", "from_files"},
    Action.APPLY: {"body", "mark"},
    Action.DELETE: {"mark"},
    Action.TOKEN: {"body", "path"},
    Action.CERTIFICATE: {"path"},
    Action.KUBECONFIG: {"patch", "path"},
    Action.HOST: {"commands", "host"},
}
_SOME_ACTIONS_FIELDS = frozenset().union(*_FIELDS.values())
_UNDONE_BY = {
    Action.CREATE: {Action.DELETE},
    Action.PATCH: {Action.PATCH, Action.APPLY},
    Action.APPLY: {Action.PATCH},
    Action.DELETE: {Action.CREATE},
    Action.KUBECONFIG: {Action.KUBECONFIG},
    Action.HOST: {Action.HOST},
}
_SERVER_SETS = ("uid", "resourceVersion", "generation", "managedFields", "creationTimestamp", "generateName")


def read_plan(data: bytes | str, *, where: str) -> Plan:
    """The plan that a file holds.

    Raises:
        InputError: it is not a plan, or one that must not be applied; the message says which step and why.
    """
    if len(data) > MOST_BYTES:
        raise InputError(f"larger than {MOST_BYTES // 1024 // 1024} MiB: this is no plan", where=where)
    raw = parse_json(data, where=where)
    schema = raw.get("schema") if isinstance(raw, Mapping) else None
    if schema != PLAN_SCHEMA:
        raise InputError(
            f"not a plan: its schema is {visible(str(schema), limit=80)}, not {PLAN_SCHEMA}",
            where=where,
            do="Plans are made by the remediation runbooks, and by `k8srun diagnose --plan FILE`.",
        )
    plan = decode(data, Plan, where=where)
    # `plan show -o json` adds the digest.
    unknown = next(_unknown(raw, document(PLAN_SCHEMA, plan) | {"digest": ""}, where), "")
    if unknown:
        raise InputError(
            f"{visible(unknown, limit=200)} is no field of a plan",
            where=where,
            do="Mend its name, take it out, or use the version of k8srun that wrote the plan.",
        )
    require_valid(plan, where=where)
    return plan


def _unknown(raw: Any, known: Any, where: str, path: tuple[str | int, ...] = ()) -> Iterator[str]:
    """Where a document says what reading it would pass over."""
    if len(path) > _DEEPEST:
        raise InputError(f"nested deeper than {_DEEPEST} levels: this is no plan", where=where)
    if isinstance(raw, Mapping) and isinstance(known, Mapping):
        for name, value in raw.items():
            if name in known:
                yield from _unknown(value, known[name], where, (*path, name))
            else:
                yield pointer(*path, name)
    elif isinstance(raw, list):
        for number, (value, read) in enumerate(zip(raw, known, strict=True)):
            yield from _unknown(value, read, where, (*path, number))


def plan_text(plan: Plan) -> str:
    """The plan as its file holds it."""
    return pretty(document(PLAN_SCHEMA, plan)) + "\n"


def require_valid(plan: Plan, *, where: str = "") -> None:
    """Raises InputError, naming the first few problems, when the plan breaks a rule."""
    found = problems(plan)
    if found:
        more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
        raise InputError(f"the plan cannot be used: {'; '.join(found[:3])}{more}", where=where)


def problems(plan: Plan) -> tuple[str, ...]:
    """Which rules a plan breaks, a clause each; empty if none."""
    if not plan.steps:
        return ("it has no steps",)
    return tuple(
        f"step {number} ({visible(str(step), limit=200)}): {problem}"
        for number, step in enumerate(plan.steps, 1)
        for problem in _of_step(plan, number, step)
    )


def _of_step(plan: Plan, number: int, step: Step) -> Iterator[str]:
    if not step.reason:
        yield "it does not say why"
    for name in sorted(_SOME_ACTIONS_FIELDS - _FIELDS[step.action]):
        if getattr(step, name):
            yield f"it has a field {name}, which {step.action} makes no use of"
    yield from _undo(step)
    for path in (step.path, *step.from_files.values()):
        if visible(path, limit=4096) != path:
            yield "it names a file with characters that cannot be seen"
    if step.action in {Action.HOST, Action.KUBECONFIG}:
        yield from _local(step)
    elif step.target is None:
        yield "it names no object"
    else:
        yield from _reference(step.target, step.action)
        if not step.target.uid and step.action is not Action.CREATE and not plan.creates(step.target, number - 1):
            yield "it has neither the object's uid nor an earlier step that creates it"
        yield from _RULES[step.action](plan, number, step, step.target)


def _undo(step: Step) -> Iterator[str]:
    undo = step.undo
    if undo is None:
        if not step.irreversible and step.action is not Action.CERTIFICATE:
            yield "it has no undo and does not say what contains its effect"
        return
    if undo.action not in _UNDONE_BY.get(step.action, ()):
        yield f"{undo.action} does not take {step.action} back"
    if _about(undo) != _about(step):
        yield "its undo is about something else"
    yield from (f"its undo: {text}" for text in map(problem, undo.patch) if text)


def _about(step: Step) -> tuple[object, ...]:
    ref = step.target
    return (ref.key if ref else None, step.path if step.action is Action.KUBECONFIG else "", step.host)


def _local(step: Step) -> Iterator[str]:
    if step.target is not None:
        yield "it is not about an object of the cluster"
    if step.action is Action.HOST and not step.commands:
        yield "it has no commands"
    if step.action is Action.KUBECONFIG:
        if not step.path:
            yield "it names no file"
        yield from _operations(step)


def _reference(target: ObjectRef, action: Action) -> Iterator[str]:
    if not _API_VERSION.fullmatch(target.api_version) or not _KIND.fullmatch(target.kind):
        yield "its apiVersion or kind is not one"
    if not _SEGMENT.fullmatch(target.name):
        yield "its object has no name that a request could carry"
    if target.namespace and not _NAMESPACE.fullmatch(target.namespace):
        yield "its namespace is not one"
    if target.subresource not in _SUBRESOURCES.get(action, frozenset({""})):
        yield f"{action} does not go to the subresource {target.subresource!r}"


def _create(_plan: Plan, _number: int, step: Step, target: ObjectRef) -> Iterator[str]:
    body: Mapping[str, Any] = step.body or {}
    yield from _same_object(body, target)
    metadata = body.get("metadata")
    for name in _SERVER_SETS:
        if isinstance(metadata, Mapping) and name in metadata:
            yield f"its object has metadata.{name}, which is the server's"
    if target.uid:
        yield "an object that is to be created has no uid yet"
    if target.of_kind == SECRET and (body.get("data") or body.get("stringData")):
        yield "a plan holds no secret: name files for its values (from_files)"
    yield from _from_files(step, target)
    spec = body.get("spec")
    if target.of_kind == CERTIFICATE_SIGNING_REQUEST and not (
        isinstance(spec, Mapping) and spec.get("expirationSeconds")
    ):
        yield "a certificate request must have expirationSeconds, since a certificate cannot be called back"


def _apply(_plan: Plan, _number: int, step: Step, target: ObjectRef) -> Iterator[str]:
    yield from _same_object(step.body or {}, target)
    if not target.uid:
        yield "apply changes an object that exists: create it instead"
    if target.of_kind == SECRET:
        yield "a plan holds no secret: patch it with files (from_files)"


def _patch(_plan: Plan, _number: int, step: Step, target: ObjectRef) -> Iterator[str]:
    yield from _operations(step)
    for operation in step.patch:
        path = str(operation.get("path"))
        if operation.get("op") != "test" and _FIXED.fullmatch(path):
            yield f"{path} cannot be changed"
        if target.of_kind == SECRET and _SECRET_VALUES.fullmatch(path) and operation.get("value"):
            yield "a plan holds no secret: name files for its values (from_files)"
    yield from _from_files(step, target)


def _from_files(step: Step, target: ObjectRef) -> Iterator[str]:
    """Nothing of a local file goes where it could be read, or be anything but a value."""
    if step.from_files and target.of_kind != SECRET:
        yield "the content of files goes into a Secret and nowhere else"
    for path in step.from_files:
        if not _SECRET_VALUE.fullmatch(path):
            yield f"{visible(path, limit=200)} is not the place of a Secret's value (/data/KEY)"


def _delete(_plan: Plan, _number: int, _step: Step, _target: ObjectRef) -> Iterator[str]:
    return iter(())


def _token(plan: Plan, number: int, step: Step, target: ObjectRef) -> Iterator[str]:
    spec = (step.body or {}).get("spec")
    spec = spec if isinstance(spec, Mapping) else {}
    if target.of_kind != SERVICE_ACCOUNT:
        yield "a token is one of a ServiceAccount"
    yield from _new_file(step)
    seconds = spec.get("expirationSeconds")
    if not isinstance(seconds, int) or seconds < _SHORTEST_SECONDS:
        yield f"a token must expire: expirationSeconds of at least {_SHORTEST_SECONDS}"
    bound = spec.get("boundObjectRef")
    bound = bound if isinstance(bound, Mapping) else {}
    secret = ObjectRef("v1", "Secret", str(bound.get("name")), target.namespace)
    if bound.get("kind") != "Secret" or not plan.creates(secret, number - 1):
        yield "a token must be bound to a Secret that an earlier step creates, so that it can be revoked"


def _certificate(_plan: Plan, _number: int, step: Step, target: ObjectRef) -> Iterator[str]:
    if target.of_kind != CERTIFICATE_SIGNING_REQUEST:
        yield "a certificate is one of a CertificateSigningRequest"
    yield from _new_file(step)


def _new_file(step: Step) -> Iterator[str]:
    if not step.path:
        yield "it names no file"
    elif ".." in step.path.split("/"):
        yield f"{visible(step.path, limit=200)} goes up through ..: name the file directly"


_RULES = {
    Action.CREATE: _create,
    Action.PATCH: _patch,
    Action.APPLY: _apply,
    Action.DELETE: _delete,
    Action.TOKEN: _token,
    Action.CERTIFICATE: _certificate,
}


def _operations(step: Step) -> Iterator[str]:
    found = [problem(operation) for operation in step.patch]
    yield from (text for text in found if text)
    if not any(found) and all(operation["op"] == "test" for operation in step.patch) and not step.from_files:
        yield "its patch changes nothing"


def _same_object(body: Mapping[str, Any], target: ObjectRef) -> Iterator[str]:
    metadata = body.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    said = (body.get("apiVersion"), body.get("kind"), metadata.get("name"), metadata.get("namespace") or "")
    if said != (target.api_version, target.kind, target.name, target.namespace):
        yield "its body is another object than its target"
