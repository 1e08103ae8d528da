"""The front door for every symptom: a text, a snapshot or both go in, a diagnosis comes out.

Each domain knows its own messages. `DOMAINS` asks them in turn; one that comes later is one more entry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from k8srun.certificates.case import World
from k8srun.certificates.catalogue import nearest
from k8srun.certificates.diagnosis import DOMAIN, diagnose_message
from k8srun.certificates.messages import normalized, read
from k8srun.certificates.needs import DIAGNOSIS_NEEDS as CERTIFICATE_NEEDS
from k8srun.certificates.survey import survey
from k8srun.controlplane.distribution import Distribution, distribution
from k8srun.diagnosis import Diagnosis
from k8srun.scrub import scrub
from k8srun.snapshot import Need, Snapshot
from k8srun.text import visible

DIAGNOSIS_NEEDS: tuple[Need, ...] = CERTIFICATE_NEEDS
"""What a diagnosis can make use of. Whatever of it is missing leaves causes open; none of it is demanded."""


@dataclass(frozen=True)
class Scene:
    """A snapshot at a time, and what several symptoms of it share: read once, however many texts are asked about."""

    snapshot: Snapshot
    now: datetime

    @cached_property
    def distribution(self) -> Distribution:
        return distribution(self.snapshot)

    @cached_property
    def certificates(self) -> World:
        return World(self.snapshot, self.now, self.distribution)


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain's part of the front door.

    Attributes:
        name: of the domain.
        recognise: the diagnosis of a text that is the domain's, None for every other text.
        nearest: the domain's messages that a text resembles, the nearest first.
        survey: the diagnosis of a snapshot without a text.
    """

    name: str
    recognise: Callable[[str, Scene], Diagnosis | None]
    nearest: Callable[[str], tuple[str, ...]]
    survey: Callable[[Scene], Diagnosis]


def diagnose(text: str, snapshot: Snapshot, now: datetime) -> Diagnosis:
    """The cause of a symptom.

    Args:
        text: whatever a person pasted; empty = say what is wrong as far as the snapshot shows.
        snapshot: the evidence; one that holds nothing leaves every cause open that the text alone cannot decide.
        now: the time to judge dates by, with time zone.

    Returns:
        For a text that no domain knows: not recognised, with the nearest messages. Never raises on any text.
    """
    return _diagnose(text, Scene(snapshot, now))


def diagnose_each(texts: Iterable[str], snapshot: Snapshot, now: datetime) -> Iterator[Diagnosis]:
    """The cause of each of several symptoms of the same cluster, as `diagnose` gives it, one after the other."""
    scene = Scene(snapshot, now)
    return (_diagnose(text, scene) for text in texts)


def _diagnose(text: str, scene: Scene) -> Diagnosis:
    if not text.strip():
        surveys = [domain.survey(scene) for domain in DOMAINS]
        return next((found for found in surveys if found.confirmed), surveys[0])
    for domain in DOMAINS:
        found = domain.recognise(text, scene)
        if found:
            return found
    return _not_recognised(text)


# What is clearly another matter than any domain's: said so, instead of likening it to their messages.
_OTHER_MATTERS = tuple(
    (re.compile(pattern, re.IGNORECASE), meaning)
    for pattern, meaning in (
        (
            r"is forbidden: User \"|\bcannot (?:get|list|create|delete|patch|update|watch) resource \"",
            "an authorization denial",
        ),
        (
            r"i/o timeout|no route to host|connection refused|no such host|context deadline exceeded",
            "a network failure",
        ),
        (r"ErrImagePull|ImagePullBackOff|pull access denied|manifest unknown", "an image that cannot be pulled"),
        (r"violates PodSecurity|forbidden: violates", "a refusal by Pod Security"),
        (r"CrashLoopBackOff|OOMKilled|Insufficient (?:cpu|memory)|FailedScheduling", "a pod that does not start"),
    )
)


def _not_recognised(text: str) -> Diagnosis:
    plain = " ".join(normalized(text).split())
    other = next((meaning for pattern, meaning in _OTHER_MATTERS if pattern.search(plain[:10_000])), "")
    resembling = tuple(message for domain in DOMAINS for message in domain.nearest(text))
    return Diagnosis(
        symptom=visible(scrub(plain), limit=2000),
        recognised=False,
        meaning=f"Not a certificate error; it looks like {other}." if other else "Not a message that k8srun knows.",
        nearest=() if other else resembling,
        next=("k8srun list  # the runbooks, by what they investigate",),
    )


def _certificate_error(text: str, scene: Scene) -> Diagnosis | None:
    symptom = read(text)
    return diagnose_message(symptom, scene.certificates) if symptom else None


def _certificate_survey(scene: Scene) -> Diagnosis:
    return survey(scene.certificates)


def _certificate_nearest(text: str) -> tuple[str, ...]:
    return tuple(entry.message for entry in nearest(normalized(text)))


DOMAINS: tuple[Domain, ...] = (Domain(DOMAIN, _certificate_error, _certificate_nearest, _certificate_survey),)
