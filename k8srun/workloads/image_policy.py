"""Which images may run: registries, tags and digests, as a policy with parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from k8srun.workloads.images import DEFAULT_TAG, ImageReference


class ImageRule(StrEnum):
    """A rule of an image policy."""

    REGISTRY = "registry"
    TAG = "tag"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class ImagePolicy:
    """What is asked of images; the default asks for nothing.

    Attributes:
        registries: patterns of what images may come from, `registry.example`, `docker.io/library`, `*.example/shop/*`;
            one without wildcards allows all that is below it; empty = any.
        forbidden_tags: tags that may not be used, `latest`.
        digest: whether every image must be named by its digest.
    """

    registries: tuple[str, ...] = ()
    forbidden_tags: tuple[str, ...] = ()
    digest: bool = False

    def violations(self, image: ImageReference) -> Iterator[tuple[ImageRule, str]]:
        """The rules that an image breaks, each with the reason as a part of a sentence."""
        if self.registries and not any(_allows(pattern, image) for pattern in self.registries):
            yield ImageRule.REGISTRY, f"comes from {image.domain or 'no registry'}, which is not allowed"
        if not image.digest and image.pulled_tag in self.forbidden_tags:
            said = "" if image.tag else " (none is written)"
            yield ImageRule.TAG, f"is pulled by the tag {image.pulled_tag}{said}"
        if self.digest and not image.digest:
            yield ImageRule.DIGEST, f"is pulled by the tag {image.pulled_tag}, which may name another image tomorrow"


MOVING_TAGS = ImagePolicy(forbidden_tags=(DEFAULT_TAG,))
PINNED = ImagePolicy(digest=True)


def _allows(pattern: str, image: ImageReference) -> bool:
    if any(char in pattern for char in "*?["):
        return fnmatchcase(image.name, pattern)
    allowed = pattern.strip("/")
    return allowed in {image.domain, image.name} or image.name.startswith(f"{allowed}/")
