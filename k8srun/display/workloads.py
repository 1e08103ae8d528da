"""The rows of a notebook's tables about workloads, images and security contexts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from k8srun.display.tables import frame
from k8srun.errors import InputError
from k8srun.kinds import VULNERABILITY_REPORT
from k8srun.pods import PodTemplate, containers, workloads
from k8srun.snapshot import Gap, Snapshot
from k8srun.text import plural
from k8srun.workloads.diagnosis_view import View
from k8srun.workloads.image_digests import drifts, running_images
from k8srun.workloads.images import parse_image
from k8srun.workloads.isolation import isolation
from k8srun.workloads.posture import Judged, Posture
from k8srun.workloads.pull_secrets import PullSecrets, pull_secrets
from k8srun.workloads.quantities import Amounts, ContainerResources, Obstacle
from k8srun.workloads.scans import SEVERITIES, ScannedImage
from k8srun.workloads.security_context import effective_contexts

if TYPE_CHECKING:
    import pandas as pd

    from k8srun.sources.registry.check import ImageCheck

_TROUBLES = ("Workload", "Pods", "Container", "What it shows", "Read in", "Since")
_CONTEXTS = ("Container", "Setting", "Value", "Decided by", "What it means")
_POSTURES = ("Namespace", "Enforces", "Audits", "Warns", "Workloads", "Violate", "What keeps it from the level")
_VIOLATIONS = ("Workload", "Control", "What violates it")
_IMAGES = ("Image", "Registry", "Pinned by", "Workloads", "Digests that run", "Pull secret that matches")
_DRIFTS = ("Image", "Digest", "Run by")
_SECRETS = ("Pull secret", "Named by", "State", "Registries")
_RESOURCES = ("Container", "Requests", "Limits", "Filled in by the LimitRange")
_SCANS = ("Image", "Workloads", "Worst", "Vulnerabilities", "Can be mended", "Scan", "Of the digest that runs")
_STEPS = ("Step", "Result", "What happened")
_MOST = 6


def troubles(view: View) -> pd.DataFrame:
    """One row for each message of each workload; a mere state only where nothing tells its cause."""
    rows: dict[tuple[str, str, str], dict[str, object]] = {}
    explained = {one.template.ref for one in view.troubles if not one.symptom.row.state}
    for one in view.troubles:
        if one.symptom.row.state and one.template.ref in explained:
            continue
        workload = view.workload_of(one.template)
        row = rows.setdefault(
            (workload, one.container, one.symptom.row.family),
            {
                "Workload": workload,
                "Pods": 0,
                "Container": one.container,
                "What it shows": one.symptom.line,
                "Read in": one.where,
                "Since": one.since,
            },
        )
        row["Pods"] = int(str(row["Pods"])) + one.template.is_pod
    return frame(list(rows.values()), _TROUBLES)


def contexts(snapshot: Snapshot, template: PodTemplate) -> pd.DataFrame:
    """Every setting that confines a workload's containers, and what it means."""
    rows: list[dict[str, object]] = [
        {
            "Container": name,
            "Setting": aspect.name,
            "Value": aspect.value,
            "Decided by": aspect.origin,
            "What it means": aspect.sentence,
        }
        for name, aspects in (
            *((context.name, context.aspects) for context in effective_contexts(template)),
            ("(the pod)", isolation(snapshot, template)),
        )
        for aspect in aspects
    ]
    return frame(rows, _CONTEXTS)


def postures(found: Iterable[Posture]) -> pd.DataFrame:
    """One row for each namespace: what it asks for, and what keeps it from the level."""
    return frame([_posture(one) for one in found], _POSTURES)


def _posture(one: Posture) -> dict[str, object]:
    policy = one.policy
    asked = (str(policy.enforce), str(policy.audit), str(policy.warn)) if policy else ("not known",) * 3
    because = ", ".join(
        f"{control} ({count})" for control, count in sorted(one.counts.items(), key=lambda item: -item[1])
    )
    wrong = [f"label {error}" for error in one.label_errors]
    wrong += [f"{plural(len(one.unreadable), 'workload')} cannot be judged"] if one.unreadable else []
    wrong += [f"not known: {one.gaps[0]}"] if one.gaps else []
    return {
        "Namespace": one.namespace,
        **dict(zip(_POSTURES[1:4], asked, strict=True)),
        "Workloads": len(one.judged),
        "Violate": len(one.violating),
        "What keeps it from the level": "; ".join(filter(None, (because, *wrong))) or "nothing",
    }


def violations(found: Iterable[Judged]) -> pd.DataFrame:
    """One row for each control that a workload violates."""
    rows: list[dict[str, object]] = [
        {"Workload": one.template.ref, "Control": control, "What violates it": said}
        for one in found
        for control, said in (
            *((failure.id, str(failure)) for failure in one.failures),
            *([("not judged", one.error)] if one.error else []),
        )
    ]
    return frame(rows, _VIOLATIONS)


def images(snapshot: Snapshot) -> pd.DataFrame:
    """One row for each image that workloads ask for."""
    using: dict[str, dict[str, PodTemplate]] = {}
    for template in workloads(snapshot):
        for _, container in containers(template.spec):
            using.setdefault(str(container.get("image") or ""), {})[template.ref] = template
    digests: dict[str, set[str]] = {}
    for one in running_images(snapshot):
        if one.digest:
            digests.setdefault(one.image.canonical, set()).add(one.digest)
    return frame([_image(snapshot, text, [*used.values()], digests) for text, used in sorted(using.items())], _IMAGES)


def image_drifts(snapshot: Snapshot) -> pd.DataFrame:
    """One row for each digest of each tag under which more than one runs."""
    rows: list[dict[str, object]] = [
        {
            "Image": drift.image,
            "Digest": digest,
            "Run by": ", ".join(places[:_MOST]) + (" …" if len(places) > _MOST else ""),
        }
        for drift in drifts(snapshot)
        for digest, places in drift.digests
    ]
    return frame(rows, _DRIFTS)


def _image(
    snapshot: Snapshot, text: str, used: list[PodTemplate], digests: Mapping[str, set[str]]
) -> dict[str, object]:
    row: dict[str, object] = {
        "Image": text,
        "Workloads": ", ".join(template.ref for template in used[:_MOST]) + (" …" if len(used) > _MOST else ""),
    }
    try:
        image = parse_image(text)
    except InputError as error:
        return {**row, "Registry": error.what, "Pinned by": "", "Digests that run": "", "Pull secret that matches": ""}
    secrets = [pull_secrets(snapshot, template) for template in used]
    keys = {key.secret for one in secrets for key in one.matching(image)}
    none = "not known" if any(one.gaps for one in secrets) else "none"
    running = sorted(digests.get(image.canonical, ()))
    return {
        **row,
        "Registry": image.domain,
        "Pinned by": "digest" if image.digest else f"tag {image.pulled_tag}",
        "Digests that run": ", ".join(digest[:19] for digest in running),
        "Pull secret that matches": ", ".join(sorted(keys)) or none,
    }


def secrets(found: PullSecrets) -> pd.DataFrame:
    """One row for each pull secret that a workload names, and for each reason why there may be more."""
    rows: list[dict[str, object]] = [
        {
            "Pull secret": f"{one.namespace}/{one.name}",
            "Named by": one.origin,
            "State": f"{one.state}: {one.detail}" if one.detail else str(one.state),
            "Registries": ", ".join(key.host for key in one.keys),
        }
        for one in found.secrets
    ]
    rows += [{"Pull secret": "not known", "Named by": "", "State": str(gap), "Registries": ""} for gap in found.gaps]
    return frame(rows, _SECRETS)


def resources(
    found: Iterable[ContainerResources], hindered: Iterable[Obstacle], gaps: Iterable[Gap] = ()
) -> pd.DataFrame:
    """What each container asks for, and after them why a quota or LimitRange has no room, or may have none."""
    rows: list[dict[str, object]] = [
        {
            "Container": one.container,
            "Requests": _amounts(one.requests),
            "Limits": _amounts(one.limits),
            "Filled in by the LimitRange": ", ".join(one.defaulted),
        }
        for one in found
    ]
    said = [(f"refused by {one.resource}", one.reason) for one in hindered] + [("not known", str(gap)) for gap in gaps]
    rows += [
        {"Container": who, "Requests": reason, "Limits": "", "Filled in by the LimitRange": ""} for who, reason in said
    ]
    return frame(rows, _RESOURCES)


def _amounts(amounts: Amounts) -> str:
    return ", ".join(f"{name} {amount}" for name, amount in sorted(amounts.items())) or "none"


def scans(found: Iterable[ScannedImage]) -> pd.DataFrame:
    """One row for each image that runs: what its scan found; an image without a scan says so."""
    rows: list[dict[str, object]] = []
    for one in found:
        holes = one.scan.vulnerabilities if one.scan else ()
        worst = min((hole.severity for hole in holes), key=_severity_rank, default="none" if one.scan else "not known")
        rows.append(
            {
                "Image": one.image,
                "Workloads": ", ".join(one.workloads[:_MOST]),
                "Worst": worst,
                "Vulnerabilities": len(holes) if one.scan else "not scanned",
                "Can be mended": sum(bool(hole.fixed) for hole in holes),
                "Scan": one.scan.origin.replace(f".{VULNERABILITY_REPORT.group}", "") if one.scan else "",
                "Of the digest that runs": "yes" if one.by_digest else "by its name only" if one.scan else "",
            }
        )
    return frame(sorted(rows, key=lambda row: _severity_rank(str(row["Worst"]))), _SCANS)


def _severity_rank(severity: str) -> int:
    known = (*SEVERITIES, "not known", "none")
    return known.index(severity) if severity in known else len(known)


def registry_answer(check: ImageCheck) -> pd.DataFrame:
    """The steps of a pull that was asked for, and what came of it."""
    rows: list[dict[str, object]] = [
        {"Step": str(step.step), "Result": "ok" if step.passed else "FAILED", "What happened": step.detail}
        for attempt in check.attempts
        for step in attempt.steps
    ]
    answer = check.answer
    granted = {True: "granted", False: "refused", None: "not known"}[answer.granted]
    said = f"{answer.cause}: {answer.advice}" if answer.cause else f"the digest is {answer.digest}"
    rows.append(
        {"Step": "pull", "Result": granted, "What happened": f"with the credential {answer.credential}; {said}"}
    )
    rows += [{"Step": "note", "Result": "", "What happened": note} for note in check.notes]
    rows += [{"Step": "signature", "Result": str(one.valid), "What happened": one.reason} for one in check.signatures]
    rows += [
        {"Step": "runs", "Result": f"same: {one.same}", "What happened": f"{one.pod} ({one.container}): {one.digest}"}
        for one in check.running
    ]
    return frame(rows, _STEPS)
