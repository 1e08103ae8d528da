"""Which level of the Pod Security Standards a namespace asks for: levels, versions and the labels that say so.

Source: k8s.io/pod-security-admission, api/helpers.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from k8srun.errors import InputError
from k8srun.text import visible
from k8srun.x509.gotext import quote

NEWEST = 37
"""The minor version of the newest policy known here; a newer one that a label asks for is evaluated as this."""

PREFIX = "pod-security.kubernetes.io/"
_VERSION = re.compile(r"v1\.(0|[1-9][0-9]*)", re.ASCII)


class Level(StrEnum):
    """A level of the Pod Security Standards, the least strict first; `rank` orders them."""

    PRIVILEGED = "privileged"
    BASELINE = "baseline"
    RESTRICTED = "restricted"

    @property
    def rank(self) -> int:
        return list(Level).index(self)


class Mode(StrEnum):
    """What a namespace does with a violation: refuse the pod, note it in the audit log, warn the client."""

    ENFORCE = "enforce"
    AUDIT = "audit"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Version:
    """The version of a policy, `v1.MINOR`; without a minor version `latest`.

    Attributes:
        newest: the newest minor version that the evaluating server knows: a newer one it evaluates as this.
    """

    minor: int | None = None
    newest: int = field(default=NEWEST, compare=False, repr=False)

    def __str__(self) -> str:
        return "latest" if self.minor is None else f"v1.{self.minor}"

    @property
    def evaluated(self) -> int:
        """The minor version whose rules are applied: no newer one than is known to the server, and here."""
        newest = min(self.newest, NEWEST)
        return newest if self.minor is None else min(self.minor, newest)


LATEST = Version()


@dataclass(frozen=True, slots=True)
class LevelVersion:
    """A level at a version, `restricted:v1.30`: what one mode of a namespace asks for."""

    level: Level = Level.PRIVILEGED
    version: Version = LATEST

    def __str__(self) -> str:
        return f"{self.level}:{self.version}"

    def on(self, minor: int | None) -> LevelVersion:
        """The same as a server of that minor version evaluates it; as the newest one where its version is not known."""
        return self if minor is None else replace(self, version=replace(self.version, newest=minor))


@dataclass(frozen=True, slots=True)
class Policy:
    """What a namespace asks for in each mode. The server's own defaults are privileged at the latest version."""

    enforce: LevelVersion = LevelVersion()
    audit: LevelVersion = LevelVersion()
    warn: LevelVersion = LevelVersion()

    def on(self, minor: int | None) -> Policy:
        """The same as a server of that minor version evaluates it."""
        return Policy(self.enforce.on(minor), self.audit.on(minor), self.warn.on(minor))


@dataclass(frozen=True, slots=True)
class LabelError:
    """A label of Pod Security that cannot be read. `str()` is the server's message."""

    label: str
    value: str
    message: str

    def __str__(self) -> str:
        return f"metadata.labels[{self.label}]: Invalid value: {quote(self.value)}: {self.message}"


def parse_level(text: str) -> Level:
    """`baseline` → the level.

    Raises:
        InputError: it is none of the three.
    """
    try:
        return Level(text)
    except ValueError:
        raise InputError(
            f"{visible(text, limit=80)!r} is no level of Pod Security", do=f"Levels: {', '.join(Level)}."
        ) from None


def parse_version(text: str) -> Version:
    """`v1.30`, `latest` → the version.

    Raises:
        InputError: it is neither.
    """
    version = _version(text)
    if version is None:
        raise InputError(
            f"{visible(text, limit=80)!r} is no version of a Pod Security policy", do='Write "latest" or "v1.30".'
        )
    return version


def policy_of(labels: Mapping[str, str], defaults: Policy | None = None) -> tuple[Policy, tuple[LabelError, ...]]:
    """What a namespace's labels ask for, and the labels that cannot be read.

    A level that cannot be read is restricted to enforce, privileged to audit and warn; a version the latest. A stricter
    level to enforce is warned of too, unless the namespace says what to warn of.

    Args:
        defaults: of the server's admission configuration.
    """
    policy = defaults or Policy()
    errors: list[LabelError] = []
    read = {}
    for mode in Mode:
        level_label, version_label = f"{PREFIX}{mode}", f"{PREFIX}{mode}-version"
        wanted: LevelVersion = getattr(policy, mode)
        if (text := labels.get(level_label)) is not None:
            if text in list(Level):
                wanted = replace(wanted, level=Level(text))
            else:
                fallback = Level.RESTRICTED if mode is Mode.ENFORCE else Level.PRIVILEGED
                wanted = replace(wanted, level=fallback)
                errors.append(LabelError(level_label, text, f"must be one of {', '.join(Level)}"))
        if (text := labels.get(version_label)) is not None:
            version = _version(text)
            wanted = replace(wanted, version=version or LATEST)
            if version is None:
                errors.append(LabelError(version_label, text, 'must be "latest" or "v1.x"'))
        read[mode] = wanted
    read[Mode.WARN] = _warned(labels, read[Mode.ENFORCE], read[Mode.WARN])
    return Policy(read[Mode.ENFORCE], read[Mode.AUDIT], read[Mode.WARN]), tuple(errors)


def _warned(labels: Mapping[str, str], enforce: LevelVersion, warn: LevelVersion) -> LevelVersion:
    explicit = labels.get(f"{PREFIX}enforce") in list(Level)
    if f"{PREFIX}warn" in labels or not explicit or enforce.level.rank <= warn.level.rank:
        return warn
    return LevelVersion(enforce.level, warn.version if f"{PREFIX}warn-version" in labels else enforce.version)


def _version(text: str) -> Version | None:
    if text == "latest":
        return LATEST
    found = _VERSION.fullmatch(text)
    # Go reads the number into 64 bits; a longer one is no version.
    return Version(int(found[1])) if found and len(found[1]) < 19 else None
