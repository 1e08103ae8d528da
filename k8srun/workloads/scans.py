"""Scan results of images, imported and joined to what runs: Trivy's JSON, and the operator's VulnerabilityReports.

Source: github.com/aquasecurity/trivy `pkg/types/report.go` (SchemaVersion 2); trivy-operator's VulnerabilityReport CRD.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from k8srun.codec import decode
from k8srun.errors import InputError
from k8srun.kinds import VULNERABILITY_REPORT
from k8srun.pods import Owners, PodTemplate
from k8srun.snapshot import JsonObject, Snapshot, resource_name
from k8srun.workloads.image_digests import running_images
from k8srun.workloads.images import parse_image

SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "UNKNOWN")
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}")


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """A known vulnerability of a package in an image; `fixed` is the version that mends it, empty while none does."""

    id: str
    severity: str
    package: str
    installed: str
    fixed: str = ""


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scanner found in one image.

    Attributes:
        origin: the file or object that it was read from.
        image: registry, repository and tag as far as the scanner says so, in full; empty where it does not.
        digests: those that the scanner names for it.
    """

    origin: str
    image: str
    digests: frozenset[str]
    vulnerabilities: tuple[Vulnerability, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many vulnerabilities of each severity, the worst first."""
        found = Counter(one.severity for one in self.vulnerabilities)
        return {severity: found[severity] for severity in SEVERITIES}


@dataclass(frozen=True, slots=True)
class ScannedImage:
    """An image that runs, and the scan of it.

    Attributes:
        image, digest: what runs; the digest is empty where the runtime does not say.
        workloads: who runs it, `Deployment.apps shop/web`.
        scan: None where no scan is of it.
        by_digest: whether the scan is of the very digest that runs. By the name alone it may be of another image.
    """

    image: str
    digest: str
    workloads: tuple[str, ...]
    scan: Scan | None = None
    by_digest: bool = False


class _TrivyVulnerability(msgspec.Struct, rename="pascal"):
    vulnerability_id: str = msgspec.field(name="VulnerabilityID")
    severity: str = "UNKNOWN"
    pkg_name: str = ""
    installed_version: str = ""
    fixed_version: str = ""


class _TrivyResult(msgspec.Struct, rename="pascal"):
    vulnerabilities: list[_TrivyVulnerability] | None = None


class _TrivyMetadata(msgspec.Struct, rename="pascal"):
    repo_tags: list[str] | None = None
    repo_digests: list[str] | None = None


class _TrivyReport(msgspec.Struct, rename="pascal"):
    schema_version: int
    artifact_name: str
    artifact_type: str = ""
    metadata: _TrivyMetadata | None = None
    results: list[_TrivyResult] | None = None


def read_trivy(data: bytes, *, where: str) -> Scan:
    """A report of `trivy image --format json`.

    Raises:
        InputError: it is none, of another schema than 2, or not of an image.
    """
    report = decode(data, _TrivyReport, where=where)
    if report.schema_version != 2:
        raise InputError(f"a Trivy report of schema {report.schema_version}", where=where, do="Schema 2 can be read.")
    if report.artifact_type not in ("", "container_image"):
        raise InputError("a Trivy report, but not of an image", where=where, do="Use: trivy image --format json IMAGE")
    metadata = report.metadata or _TrivyMetadata()
    names = [report.artifact_name, *(metadata.repo_digests or ())]
    found = tuple(
        Vulnerability(
            one.vulnerability_id, _severity(one.severity), one.pkg_name, one.installed_version, one.fixed_version
        )
        for result in report.results or ()
        for one in result.vulnerabilities or ()
    )
    return Scan(where, _full_name(report.artifact_name), frozenset(_DIGEST.findall(" ".join(names))), found)


def read_report(item: JsonObject) -> Scan:
    """A VulnerabilityReport object of trivy-operator.

    Raises:
        InputError: it has no report.
    """
    origin = resource_name(VULNERABILITY_REPORT, item)
    report = _mapping(item.get("report"))
    if not report:
        raise InputError("it has no report", where=origin, do="The operator has not finished; look at its log.")
    artifact, registry = _mapping(report.get("artifact")), _mapping(report.get("registry"))
    server = str(registry.get("server") or "")
    name = "/".join(part for part in (server, str(artifact.get("repository") or "")) if part)
    tag = f":{artifact['tag']}" if artifact.get("tag") else ""
    found = tuple(
        Vulnerability(
            str(one.get("vulnerabilityID") or ""),
            _severity(str(one.get("severity") or "")),
            str(one.get("resource") or ""),
            str(one.get("installedVersion") or ""),
            str(one.get("fixedVersion") or ""),
        )
        for one in report.get("vulnerabilities") or ()
        if isinstance(one, Mapping)
    )
    return Scan(
        origin, _full_name(f"{name}{tag}"), frozenset(_DIGEST.findall(str(artifact.get("digest") or ""))), found
    )


def join(snapshot: Snapshot, scans: Iterable[Scan]) -> tuple[ScannedImage, ...]:
    """Every image that runs with the scan of it: by digest where one is known, else by name and tag.

    A scan of another digest is not of the image that runs, whatever its name.
    """
    by_digest: dict[str, Scan] = {}
    by_name: dict[str, Scan] = {}
    for scan in scans:
        by_digest |= dict.fromkeys(scan.digests, scan)
        by_name.setdefault(scan.image, scan)
    owners = Owners(snapshot)
    running: dict[tuple[str, str], set[str]] = {}
    for one in running_images(snapshot):
        key = one.image.canonical, one.digest or one.image.digest
        running.setdefault(key, set()).add(_workload(owners, one.pod))
    return tuple(
        _joined(image, digest, tuple(sorted(workloads)), by_digest, by_name)
        for (image, digest), workloads in sorted(running.items())
    )


def _joined(
    image: str, digest: str, workloads: tuple[str, ...], by_digest: dict[str, Scan], by_name: dict[str, Scan]
) -> ScannedImage:
    exact = by_digest.get(digest) if digest else None
    if exact:
        return ScannedImage(image, digest, workloads, exact, by_digest=True)
    named = by_name.get(image)
    if named and named.digests and digest:
        named = None
    return ScannedImage(image, digest, workloads, named)


def _workload(owners: Owners, pod: PodTemplate) -> str:
    kind, namespace, name = owners.workload_of(pod.kind, pod.item)
    return f"{kind} {namespace}/{name}"


def _full_name(text: str) -> str:
    try:
        return parse_image(text).canonical
    except InputError:
        return ""  # a scanner also names archives and folders


def _severity(text: str) -> str:
    return text.upper() if text.upper() in SEVERITIES else "UNKNOWN"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
