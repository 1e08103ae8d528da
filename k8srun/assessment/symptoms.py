"""The front door for every symptom: a text, a snapshot or both go in, a diagnosis comes out.

Each domain knows its own messages. `DOMAINS` asks them in turn; one that comes later is one more entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from k8srun.assessment.authorization import AUTHORIZATION
from k8srun.assessment.certificates import CERTIFICATES
from k8srun.assessment.network import NETWORK
from k8srun.assessment.scene import Domain, Scene
from k8srun.assessment.workloads import WORKLOADS
from k8srun.diagnosis import Diagnosis
from k8srun.pasted import normalized
from k8srun.scrub import scrub
from k8srun.snapshot import Need, Snapshot
from k8srun.text import visible

DOMAINS: tuple[Domain, ...] = (CERTIFICATES, WORKLOADS, AUTHORIZATION, NETWORK)

DIAGNOSIS_NEEDS: tuple[Need, ...] = tuple(dict.fromkeys(need for domain in DOMAINS for need in domain.needs))
"""What a diagnosis can make use of. Whatever of it is missing leaves causes open; none of it is demanded."""


def diagnose(text: str, snapshot: Snapshot, now: datetime, first: str = "") -> Diagnosis:
    """The cause of a symptom.

    Args:
        text: whatever a person pasted; empty = say what is wrong as far as the snapshot shows.
        snapshot: the evidence; one that holds nothing leaves every cause open that the text alone cannot decide.
        now: the time to judge dates by, with time zone.
        first: without a text, the domain whose troubles are told before those of the others.

    Returns:
        For a text that no domain knows: not recognised, with the nearest messages. Never raises on any text.
    """
    return _diagnose(text, Scene(snapshot, now), first)


def diagnose_each(texts: Iterable[str], snapshot: Snapshot, now: datetime) -> Iterator[Diagnosis]:
    """The cause of each of several symptoms of the same cluster, as `diagnose` gives it, one after the other."""
    scene = Scene(snapshot, now)
    return (_diagnose(text, scene) for text in texts)


def _diagnose(text: str, scene: Scene, first: str = "") -> Diagnosis:
    if not text.strip():
        surveys = [domain.survey(scene) for domain in sorted(DOMAINS, key=lambda domain: domain.name != first)]
        return next((found for found in surveys if found.confirmed), surveys[0])
    for domain in DOMAINS:
        found = domain.recognise(text, scene)
        if found:
            return found
    return _not_recognised(text)


def _not_recognised(text: str) -> Diagnosis:
    plain = " ".join(normalized(text).split())
    return Diagnosis(
        symptom=visible(scrub(plain), limit=2000),
        recognised=False,
        meaning="Not a message that k8srun knows.",
        nearest=tuple(message for domain in DOMAINS for message in domain.nearest(text)),
        next=("k8srun list  # the runbooks, by what they investigate",),
    )
