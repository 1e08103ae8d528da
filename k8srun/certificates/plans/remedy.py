"""What mends one cause: steps, what they bring about, and the questions that prove it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from k8srun.plan import Question, Step
from k8srun.steps import ref


@dataclass(frozen=True, slots=True)
class Remedy:
    """A part of a plan.

    Attributes:
        steps: in the order in which they are to be done.
        impact: what else they bring about, a sentence each.
        verify: what to ask again afterwards.
    """

    steps: tuple[Step, ...]
    impact: tuple[str, ...] = ()
    verify: tuple[Question, ...] = ()


def joined(remedies: Iterable[Remedy]) -> Remedy:
    """Several remedies as one; a step, sentence or question that two of them have is kept once, whatever it answers."""
    parts = tuple(remedies)
    steps: list[Step] = []
    questions: list[Question] = []
    for part in parts:
        steps += [step for step in part.steps if all(replace(step, answers=one.answers) != one for one in steps)]
        questions += [question for question in part.verify if question not in questions]
    impact = tuple(dict.fromkeys(line for part in parts for line in part.impact))
    return Remedy(tuple(steps), impact, tuple(questions))


def check_passes(check: str) -> Question:
    """Whether a check passes on a fresh snapshot."""
    return Question("check-passes", {"check": check})


def field_equals(item: Mapping[str, Any], path: str, value: object) -> Question:
    """Whether a field of an object holds a value."""
    target = ref(item)
    named = {
        "apiVersion": target.api_version,
        "kind": target.kind,
        "namespace": target.namespace,
        "name": target.name,
    }
    return Question("field-equals", {"object": named, "path": path, "value": value})
