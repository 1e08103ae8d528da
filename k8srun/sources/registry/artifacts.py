"""What belongs to an image in a registry: its manifests by platform, and its signatures, wherever they are kept.

Sources: cosign's tag scheme (`sha256-HEX.sig`), the referrers API and its tag scheme (`sha256-HEX`) of the OCI
distribution specification 1.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from k8srun.sources.registry.answers import PullCause, Step
from k8srun.sources.registry.pull import Credential, Session, Target
from k8srun.sources.registry.refusal import document_of
from k8srun.sources.registry.wire import Unanswered, Wire
from k8srun.workloads.signatures import Signature, bundle, simple_signing

_INDEX = "application/vnd.oci.image.index.v1+json"
_SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
_ANNOTATION = "dev.cosignproject.cosign/signature"
_BUNDLE = "application/vnd.dev.sigstore.bundle"
_MOST = 50


@dataclass(frozen=True, slots=True)
class Contents:
    """What a registry holds of an image.

    Attributes:
        digest: of what the reference names, computed over the bytes that came.
        platforms: `os/architecture` → digest, of an index; empty for a single manifest.
        signatures: every signature that was found.
        searched: where signatures were looked for and what was there.
    """

    digest: str
    platforms: Mapping[str, str]
    signatures: tuple[Signature, ...]
    searched: tuple[str, ...]


def read_contents(target: Target, credential: Credential, wire: Wire) -> Contents:
    """The image's manifest and its signatures.

    Args:
        credential: one that the registry grants the pull with.

    Raises:
        Unanswered: the registry did not give them out.
    """
    session = Session(wire, target, credential)
    answer = session.get(target.path("manifests", target.reference))
    if answer.status != 200:
        raise Unanswered(Step.MANIFEST, PullCause.REGISTRY_ERROR, f"the manifest: status {answer.status}")
    digest = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
    searched: list[str] = []
    found = tuple(_signatures(session, target, digest, searched))
    return Contents(digest, _platforms(document_of(answer)), found, tuple(searched))


def _platforms(manifest: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in _mappings(manifest.get("manifests")):
        platform = entry.get("platform")
        if isinstance(platform, dict):
            parts = (platform.get("os"), platform.get("architecture"), platform.get("variant"))
            found["/".join(str(part) for part in parts if part)] = str(entry.get("digest") or "")
    return found


def _signatures(session: Session, target: Target, digest: str, searched: list[str]) -> Iterator[Signature]:
    tag = digest.replace(":", "-")
    manifest = _manifest(session, target, f"{tag}.sig")
    searched.append(f"tag {tag}.sig: {'found' if manifest else 'none'}")
    if manifest:
        yield from _of_manifest(session, target, manifest, f"tag {tag}.sig")
    answer = session.get(target.path("referrers", digest), accept=_INDEX)
    index = document_of(answer) if answer.status == 200 else {}
    searched.append(f"referrers API: {'answers' if answer.status == 200 else 'not served'}")
    if answer.status != 200:
        index = _manifest(session, target, tag) or {}
        searched.append(f"referrers tag {tag}: {'found' if index else 'none'}")
    for entry in _mappings(index.get("manifests"))[:_MOST]:
        of = str(entry.get("digest") or "")
        manifest = _manifest(session, target, of) if of else None
        if manifest:
            yield from _of_manifest(session, target, manifest, f"referrer {of}")


def _manifest(session: Session, target: Target, reference: str) -> Mapping[str, Any] | None:
    answer = session.get(target.path("manifests", reference))
    if answer.status == 404:
        return None
    if answer.status != 200:
        raise Unanswered(Step.MANIFEST, PullCause.REGISTRY_ERROR, f"manifest {reference}: status {answer.status}")
    return document_of(answer)


def _of_manifest(session: Session, target: Target, manifest: Mapping[str, Any], where: str) -> Iterator[Signature]:
    for layer in _mappings(manifest.get("layers"))[:_MOST]:
        media_type, digest = str(layer.get("mediaType") or ""), str(layer.get("digest") or "")
        annotations = layer.get("annotations")
        encoded = annotations.get(_ANNOTATION) if isinstance(annotations, dict) else None
        if media_type == _SIMPLE:
            yield simple_signing(where, _blob(session, target, digest), str(encoded or ""))
        elif media_type.startswith(_BUNDLE):
            yield bundle(where, _blob(session, target, digest))


def _blob(session: Session, target: Target, digest: str) -> bytes:
    answer = session.get(target.path("blobs", digest), accept="*/*")
    if answer.status != 200:
        raise Unanswered(Step.MANIFEST, PullCause.REGISTRY_ERROR, f"blob {digest}: status {answer.status}")
    if f"sha256:{hashlib.sha256(answer.body).hexdigest()}" != digest:
        raise Unanswered(Step.MANIFEST, PullCause.REGISTRY_ERROR, f"blob {digest} is not what its digest says")
    return answer.body


def _mappings(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
