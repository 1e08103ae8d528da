"""Asking the questions of a plan again, once it is applied."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from k8srun.apply.options import Options
from k8srun.apply.reducing import is_secret, shown
from k8srun.apply.target import Target
from k8srun.change import Answer, AnswerState
from k8srun.checks import evaluate
from k8srun.codec import encode
from k8srun.errors import K8srunError
from k8srun.findings import Verdict
from k8srun.jsonpatch import PatchError, equal, find
from k8srun.network.asking import ask
from k8srun.network.decision import Verdict as Reachable
from k8srun.network.needs import NEEDS
from k8srun.network.world import World
from k8srun.permission import Permission
from k8srun.plan import ObjectRef, Question
from k8srun.text import visible

_POLL_SECONDS = 0.5

Asked = tuple[AnswerState, str]
Ask = Callable[[Mapping[str, object], Target, Options], Asked]


def ask_all(questions: tuple[Question, ...], target: Target, options: Options) -> tuple[Answer, ...]:
    """The answer to every question. What is not fixed is asked again for a while: authorizers and controllers need
    a moment to see a change."""
    end = time.monotonic() + options.patience
    return tuple(_ask(question, target, options, end) for question in questions)


def _ask(question: Question, target: Target, options: Options, end: float) -> Answer:
    ask = QUESTIONS.get(question.kind)
    if ask is None:
        detail = f"this version knows no question {visible(question.kind, limit=80)!r}"
        return Answer(question, AnswerState.COULD_NOT_CHECK, detail)
    while True:
        try:
            state, detail = ask(question.about, target, options)
        except (KeyError, TypeError, PatchError) as error:
            said = f"the question lacks what it is about: {error}"
            return Answer(question, AnswerState.COULD_NOT_CHECK, visible(said, limit=200))
        except K8srunError as error:
            state, detail = AnswerState.COULD_NOT_CHECK, str(error).partition("\n")[0]
        if state is not AnswerState.NOT_FIXED or time.monotonic() >= end:
            return Answer(question, state, detail)
        time.sleep(_POLL_SECONDS)


def _object_exists(about: Mapping[str, object], target: Target, _options: Options) -> Asked:
    """`object` (apiVersion, kind, namespace, name) is there; with `exists: false`, it is not."""
    ref = _ref(about)
    exists = target.read(ref) is not None
    return _state(exists == about.get("exists", True)), f"{ref} {'exists' if exists else 'does not exist'}"


def _field_equals(about: Mapping[str, object], target: Target, _options: Options) -> Asked:
    """The field at `path` (a JSON Pointer) of `object` is `value`; null = it is absent."""
    ref, path, wanted = _ref(about), str(about["path"]), about["value"]
    item = target.read(ref)
    if item is None:
        return AnswerState.NOT_FIXED, f"{ref} does not exist"
    fixed = equal(find(item, path), wanted)
    expected = "" if fixed else f", not {'what was wanted' if is_secret(item, path) else _value(wanted)}"
    return _state(fixed), f"{path} of {ref} is {shown(item, path)}{expected}"


def _access(about: Mapping[str, object], target: Target, _options: Options) -> Asked:
    """`user` (with `groups`; the caller, if empty) may do `verb` on `resource`; with `allowed: false`, may not."""
    permission = Permission(
        verb=str(about["verb"]),
        group=str(about.get("group", "")),
        resource=str(about["resource"]),
        subresource=str(about.get("subresource", "")),
        namespace=str(about.get("namespace", "")),
        name=str(about.get("name", "")),
    )
    user, groups = str(about.get("user", "")), about.get("groups", ())
    if not isinstance(groups, list | tuple):
        raise TypeError("groups must be a list")
    checked = target.check(permission, user, tuple(map(str, groups)))
    who = user or "the caller"
    if checked.allowed is None:
        return AnswerState.COULD_NOT_CHECK, f"{who}: {permission}: {checked.reason}"
    return _state(checked.allowed == about.get("allowed", True)), (
        f"{who} {'may' if checked.allowed else 'may not'} {permission}"
    )


def _certificate_issued(about: Mapping[str, object], target: Target, _options: Options) -> Asked:
    """The CertificateSigningRequest `name` has its certificate."""
    ref = ObjectRef("certificates.k8s.io/v1", "CertificateSigningRequest", str(about["name"]))
    item = target.read(ref) or {}
    issued = bool((item.get("status") or {}).get("certificate"))
    return _state(issued), f"{ref} {'has its certificate' if issued else 'has no certificate'}"


def _check_passes(about: Mapping[str, object], _target: Target, options: Options) -> Asked:
    """The check `check` passes on a fresh snapshot."""
    wanted = str(about["check"])
    check = next((check for check in options.checks if check.id == wanted), None)
    if check is None or options.snapshot is None:
        return AnswerState.COULD_NOT_CHECK, f"the check {wanted} cannot be asked here"
    result = evaluate(check, options.snapshot(check.reads), datetime.now(UTC))
    if result.verdict is Verdict.UNKNOWN:
        return AnswerState.COULD_NOT_CHECK, f"{wanted}: {result.reason}"
    findings = "; ".join(f"{finding.resource}: {finding.message}" for finding in result.findings[:3])
    return _state(
        result.verdict is not Verdict.FAIL
    ), f"{wanted}: {result.verdict}{f' ({findings})' if findings else ''}"


def _reach(about: Mapping[str, object], _target: Target, options: Options) -> Asked:
    """Traffic from `source` to `destination` on `port` is, by the policies of a fresh snapshot, `verdict`."""
    if options.snapshot is None:
        return AnswerState.COULD_NOT_CHECK, "no fresh snapshot can be taken here"
    ends = [str(about[name]) for name in ("source", "destination")]
    found = ask(World(options.snapshot(NEEDS)), *ends, port=str(about.get("port", "")))
    said = f"{found.source} to {found.destination} on {found.port}/{found.protocol} is {found.verdict} by the policies"
    wanted = about.get("verdict", Reachable.ALLOWED)
    if found.verdict is Reachable.UNKNOWN != wanted:
        why = found.ingress.reason if found.ingress.verdict is Reachable.UNKNOWN else found.egress.reason
        return AnswerState.COULD_NOT_CHECK, f"{said}: {why}"
    return _state(found.verdict == wanted), said


QUESTIONS: Mapping[str, Ask] = {
    "object-exists": _object_exists,
    "field-equals": _field_equals,
    "access": _access,
    "certificate-issued": _certificate_issued,
    "check-passes": _check_passes,
    "reach": _reach,
}
"""Question by kind. Each function's docstring names its parameters."""


def _ref(about: Mapping[str, object]) -> ObjectRef:
    said = about["object"]
    if not isinstance(said, Mapping):
        raise TypeError("object must name apiVersion, kind, namespace and name")
    return ObjectRef(str(said["apiVersion"]), str(said["kind"]), str(said["name"]), str(said.get("namespace") or ""))


def _state(fixed: bool) -> AnswerState:
    return AnswerState.FIXED if fixed else AnswerState.NOT_FIXED


def _value(value: object) -> str:
    return "nothing" if value is None else visible(encode(value).decode(), limit=200)
