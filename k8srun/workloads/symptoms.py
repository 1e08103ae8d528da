"""Finding what is wrong with a pod in a pasted text: a line of an event, a status, a log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from k8srun.pasted import normalized
from k8srun.scrub import scrub
from k8srun.text import visible
from k8srun.workloads.symptoms_admission import ADMISSION
from k8srun.workloads.symptoms_images import IMAGES
from k8srun.workloads.symptoms_row import Row
from k8srun.workloads.symptoms_start import START

CATALOGUE: tuple[Row, ...] = (*ADMISSION, *IMAGES, *START)
"""In the order of asking: of several rows that match a line the first counts, and states come after all causes."""

TRIGGER = re.compile(
    r"quota|podsecurity|webhook|ValidatingAdmissionPolicy|service ?account|runtimeclass|usage per|ratio per|image|pull"
    r"|toomanyrequests|manifest|platform|exec|non-root|read-only|erofs|permi|eperm|eacces|seccomp|apparmor|sysctl"
    r"|oomkilled|out of memory|oom-kill|new privileges|effective uid|no runtime for|runtime ?handler"
    r"|volume|base64|unmarshal|evicted|outof|the node |enough resource"
    r"|nodes are available|insufficient|schedul|back-off|crashloop|container|not found|key|credentials"
    r"|forbidden|unauthorized|denied|profile|registryunavailable|signature",
    re.IGNORECASE,
)
"""A line without any of these can match no row; the test of the catalogue holds them to it."""
_WINDOW = 8192
_OVERLAP = 1024
_NEAR = 0.55
_OBJECT = re.compile(
    r"""(?:\bpod=|"pod"=|\bpods?[/ ])"?(?P<namespace>[a-z0-9-]+)/(?P<name>[a-z0-9.-]+)"""
    r"""|\bin namespace "?(?P<only>[a-z0-9-]+)"""
)


@dataclass(frozen=True, slots=True)
class Symptom:
    """One message about a pod, and what its text tells.

    Attributes:
        row: of the catalogue.
        line: it stood in, normalized and reduced.
        told: what the message names: `image`, `name`, `path`, `policy`, `reasons`, …
        namespace, pod: that the text names; empty where it does not.
    """

    row: Row
    line: str
    told: dict[str, str] = field(default_factory=dict)
    namespace: str = ""
    pod: str = ""

    def get(self, name: str) -> str:
        """What the message names; empty where it does not."""
        return self.told.get(name, "")


def read(text: str) -> Symptom | None:
    """The most telling message about a pod in a text; None if there is none. Never raises on any text.

    A cause is more telling than a state (`ImagePullBackOff`); of two alike the first counts.
    """
    state: Symptom | None = None
    for line in _lines(normalized(text)):
        found = read_line(line)
        if found and not found.row.state:
            return found
        state = state or found
    return state


def read_line(line: str) -> Symptom | None:
    """The message in one line of normalized text."""
    for row in CATALOGUE:
        for pattern in row.patterns:
            match = pattern.search(line)
            if match:
                return _symptom(row, line, match)
    return None


def nearest(text: str, *, count: int = 3) -> tuple[str, ...]:
    """The catalogue's messages that a text resembles, the nearest first; none if nothing is near."""
    plain = " ".join(normalized(text[:4000]).split())[:300].lower()
    scored = [(SequenceMatcher(None, plain, row.message.lower()).ratio(), row.message) for row in CATALOGUE]
    near = sorted((item for item in scored if item[0] >= _NEAR), reverse=True)
    return tuple(message for _, message in near[:count])


def _lines(text: str) -> Iterator[str]:
    """The lines that may hold a message, each once; of one that is absurdly long, overlapping parts."""
    seen: set[str] = set()
    for raw in text.split("\n"):
        line = raw.strip()
        for begin in range(0, max(len(line) - _OVERLAP, 1), _WINDOW - _OVERLAP):
            part = line[begin : begin + _WINDOW]
            if part not in seen and TRIGGER.search(part):
                seen.add(part)
                yield visible(part, limit=10 * _WINDOW)


def _symptom(row: Row, line: str, match: re.Match[str]) -> Symptom:
    told = {name: visible(scrub(value.strip()), limit=1000) for name, value in match.groupdict().items() if value}
    place = _OBJECT.search(line)
    namespace = told.get("namespace") or (place and (place["namespace"] or place["only"])) or ""
    pod = told.get("pod") or (place and place["name"]) or ""
    return Symptom(row, visible(scrub(line), limit=2000), told, namespace, pod)
