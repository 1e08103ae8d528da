"""Pod specs read with their types: what has another one is named by its path."""

from __future__ import annotations

import msgspec

from k8srun.errors import InputError
from k8srun.pods import PodTemplate
from k8srun.workloads.podfields import PodSpec


def read_spec(template: PodTemplate) -> PodSpec:
    """The pod spec of a pod or template. Fields that are not known are passed over: a newer server has more.

    Raises:
        InputError: a field has the wrong type, or no container is given; the path is named.
    """
    try:
        spec = msgspec.convert(template.spec, PodSpec)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        raise _wrong(template, f"{template.field()}{path.rstrip('`')}", what[:1].lower() + what[1:]) from None
    if not spec.containers:
        raise _wrong(template, template.field("containers"), "at least one container is required")
    return spec


def _wrong(template: PodTemplate, path: str, what: str) -> InputError:
    return InputError(f"{path}: {what}", where=template.ref, do="`kubectl explain` shows what the field takes.")
