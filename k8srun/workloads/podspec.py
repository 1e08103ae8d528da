"""Pod specs read strictly: every type is checked, and every field that the API does not have is named by its path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, get_args

import msgspec

from k8srun.errors import InputError
from k8srun.pods import PodTemplate
from k8srun.text import visible
from k8srun.workloads.podfields import PodSpec


def read_spec(template: PodTemplate, *, strict: bool = False) -> PodSpec:
    """The pod spec of a pod or template, every type checked.

    Args:
        strict: refuse fields that the API does not have, for manifests that people wrote: a misspelt field has no
            effect in a cluster. What a server stored is read without, since a newer one has more fields.

    Raises:
        InputError: a field has the wrong type, is unknown (`strict`), or no container is given; the path is named.
    """
    try:
        spec = msgspec.convert(template.spec, PodSpec)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        raise _wrong(template, f"{template.field()}{path.rstrip('`')}", what[:1].lower() + what[1:]) from None
    if not spec.containers:
        raise _wrong(template, template.field("containers"), "at least one container is required")
    unknown = next(_unknown(template.spec, PodSpec), "") if strict else ""
    if unknown:
        raise _wrong(template, f"{template.field()}{visible(unknown, limit=200)}", "unknown field")
    return spec


def _wrong(template: PodTemplate, path: str, what: str) -> InputError:
    return InputError(f"{path}: {what}", where=template.ref, do="`kubectl explain` shows what the field takes.")


def _unknown(value: Any, kind: type[msgspec.Struct], path: str = "") -> Iterator[str]:
    """The paths of the fields that a structure does not have. `value` has been found to be of the kind."""
    known = _fields(kind)
    for key, inner in value.items():
        place = f"{path}.{key}"
        if key not in known:
            yield place
        elif (nested := known[key]) is None or inner is None:
            continue
        elif isinstance(inner, Mapping):
            yield from _unknown(inner, nested, place)
        else:
            for index, entry in enumerate(inner):
                yield from _unknown(entry, nested, f"{place}[{index}]")


@cache
def _fields(kind: type[msgspec.Struct]) -> dict[str, type[msgspec.Struct] | None]:
    """The fields of a structure by their names in JSON, each with the structure that it holds, alone or in a list."""
    return {one.encode_name: _nested(one.type) for one in msgspec.structs.fields(kind)}


def _nested(annotation: Any) -> type[msgspec.Struct] | None:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation
    return next(filter(None, map(_nested, get_args(annotation))), None)
