"""Objects without their secrets, to be compared, shown and kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import datetime
from typing import Any

from k8srun.codec import encode
from k8srun.errors import InputError
from k8srun.jsonpatch import equal, find, tokens
from k8srun.marks import Mark, last_writer, mark_of
from k8srun.plan import Plan, Step
from k8srun.snapshot import JsonObject
from k8srun.sources.reduce import reduce_object
from k8srun.text import visible

_LONGEST_VALUE = 200
_SECRET = "a secret value"  # noqa: S105 - stands for one


def reduced(item: Mapping[str, Any]) -> JsonObject:
    """A copy of an object as a snapshot would hold it."""
    return reduce_object(deepcopy(dict(item)))


def mark(item: Mapping[str, Any]) -> Mark:
    """The mark of an object as the server wrote it."""
    return mark_of(reduced(item))


def is_changed_after(item: Mapping[str, Any], moment: datetime) -> str:
    """` was changed by NAME at TIME` if the object says that it was changed since, its status apart; else empty."""
    by = last_writer(item)
    if not by:
        return ""
    when = datetime.fromisoformat(by.rpartition(" ")[2])
    return f" was changed{by}" if when >= moment else ""


def require_no_secret(plan: Plan) -> None:
    """Raises InputError when a plan holds what looks secret: it is kept in files and in the journal."""
    said = {"texts": [plan.title, *plan.impact], "questions": [_asked(question.about) for question in plan.verify]}
    places = {"its title, impact or questions": iter([said])}
    for number, step in enumerate(plan.steps, 1):
        places[f"step {number} ({visible(str(step), limit=200)})"] = _contents(step)
    for place, contents in places.items():
        if any(not equal(item, dict(reduced(item))) for item in contents):
            raise InputError(
                f"{place}: there is a value that looks secret; a plan holds none",
                do="Name a file in its place: from_files for a Secret, tokenFile or client-key in a kubeconfig.",
            )


def _contents(step: Step) -> Iterator[dict[str, Any]]:
    body = dict(step.body or {})
    if body.get("kind") == "Secret":
        body.pop("kind")  # reducing one gives it `data`; that a plan's has none is a rule of its form
    yield body
    yield {"texts": [step.reason, step.irreversible, *step.commands]}
    for operation in step.patch:
        if operation["op"] != "remove":
            yield _within(operation["path"], operation["value"])
    if step.undo:
        yield from _contents(step.undo)


def _within(path: str, value: object) -> Any:
    """A value below the keys on the way to it: they say what it is, as they do in the object."""
    for key in reversed(tokens(path)):
        value = {key: value}
    return value


def _asked(about: Mapping[str, Any]) -> dict[str, Any]:
    """What a question is about; the value that it expects at a path below the keys of that path."""
    path = about.get("path")
    expected = {"value": _within(path, about.get("value"))} if isinstance(path, str) and path.startswith("/") else {}
    return {**about, **expected}


def is_secret(item: Mapping[str, Any], path: str) -> bool:
    """Whether what is at a path of an object holds a secret."""
    return not equal(find(item, path), find(dict(reduced(item)), path))


def shown(item: Mapping[str, Any], path: str) -> str:
    """What is at a path of an object, in words that may be shown."""
    value = find(item, path)
    if value is None:
        return "nothing"
    return _SECRET if is_secret(item, path) else visible(encode(value).decode(), limit=_LONGEST_VALUE)
