"""Image references by distribution's grammar: what the kubelet asks the runtime to pull.

Source: github.com/distribution/reference, which the kubelet and containerd use.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from k8srun.errors import InputError
from k8srun.text import visible

DEFAULT_DOMAIN = "docker.io"
DEFAULT_TAG = "latest"
LONGEST_PATH = 255

_COMPONENT = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = rf"(?:{_COMPONENT}(?:\.{_COMPONENT})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_REFERENCE = re.compile(
    rf"(?:(?P<domain>{_DOMAIN})/)?(?P<path>{_PART}(?:/{_PART})*)(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?"
)
_IDENTIFIER = re.compile(r"[a-f0-9]{64}")
_HEX_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}


@dataclass(frozen=True, slots=True)
class ImageReference:
    """An image as it is pulled.

    Attributes:
        domain: the registry, `docker.io`; empty in the rare form that has none.
        path: the repository in it, `library/nginx`.
        tag, digest: as written; both may be empty.
    """

    domain: str
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """Registry and repository, `docker.io/library/nginx`: what credentials are matched with."""
        return f"{self.domain}/{self.path}" if self.domain else self.path

    @property
    def pulled_tag(self) -> str:
        """The tag that decides what is pulled: none where a digest does, `latest` where neither is written."""
        return "" if self.digest else self.tag or DEFAULT_TAG

    @property
    def canonical(self) -> str:
        """What is pulled, in full: `docker.io/library/nginx:latest`, and with a digest no tag."""
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.pulled_tag}"

    @property
    def familiar(self) -> str:
        """As people write it: `nginx:latest`."""
        short = self.canonical.removeprefix(f"{DEFAULT_DOMAIN}/")
        if short == self.canonical:
            return short
        bare = short.removeprefix("library/")
        return bare if "/" not in bare else short


def parse_image(text: str) -> ImageReference:
    """An image reference, read and completed as the kubelet does.

    Raises:
        InputError: it is none (the kubelet's InvalidImageName), in distribution's words.
    """
    if _IDENTIFIER.fullmatch(text):
        raise _invalid(
            text, "cannot specify 64-byte hexadecimal strings", "An image's id is no name: write repository@sha256:…"
        )
    domain, remainder = _split(text)
    repository = remainder.partition(":")[0]
    if repository.lower() != repository:
        raise _invalid(text, "repository name must be lowercase", "Registries know repositories in lower case only.")
    found = _REFERENCE.fullmatch(f"{domain}/{remainder}")
    if found is None:
        raise _invalid(text, "invalid reference format", "The form is REGISTRY[:PORT]/REPOSITORY[:TAG][@sha256:…].")
    if len(found["path"]) > LONGEST_PATH:
        raise _invalid(text, f"repository name must not be more than {LONGEST_PATH} characters", "")
    digest = found["digest"] or ""
    wrong = _digest_problem(digest) if digest else ""
    if wrong:
        raise _invalid(text, wrong, "A digest is sha256: and 64 hexadecimal digits in lower case.")
    return ImageReference(found["domain"] or "", found["path"], found["tag"] or "", digest)


def _split(text: str) -> tuple[str, str]:
    """The registry and the rest: what is before the first slash is a registry only if it looks like one."""
    first, slash, rest = text.partition("/")
    if not slash:
        return DEFAULT_DOMAIN, f"library/{text}"
    if first == "index.docker.io":
        domain, remainder = DEFAULT_DOMAIN, rest
    elif first == "localhost" or "." in first or ":" in first or first.lower() != first:
        domain, remainder = first, rest
    else:
        domain, remainder = DEFAULT_DOMAIN, text
    if domain == DEFAULT_DOMAIN and "/" not in remainder:
        remainder = f"library/{remainder}"
    return domain, remainder


def _digest_problem(digest: str) -> str:
    algorithm, _, encoded = digest.partition(":")
    length = _HEX_LENGTHS.get(algorithm)
    if length is None:
        return "unsupported digest algorithm" if algorithm.lower() == algorithm else "invalid checksum digest format"
    if len(encoded) != length:
        return "invalid checksum digest length"
    return "" if encoded.lower() == encoded else "invalid checksum digest format"


def _invalid(text: str, what: str, do: str) -> InputError:
    return InputError(f"{visible(text, limit=300)!r} is no image reference: {what}", do=do)
