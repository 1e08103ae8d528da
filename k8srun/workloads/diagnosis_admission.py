"""Judging why the API server refuses a pod: its message names the rule, the snapshot shows whether that still holds."""

from __future__ import annotations

from collections.abc import Iterator

from k8srun.apiservers import server_minor
from k8srun.errors import InputError
from k8srun.findings import Evidence
from k8srun.kinds import (
    LIMIT_RANGE,
    MUTATING_WEBHOOK,
    NAMESPACE,
    RESOURCE_QUOTA,
    RUNTIME_CLASS,
    SERVICE_ACCOUNT,
    VALIDATING_WEBHOOK,
    Kind,
)
from k8srun.snapshot import Need, resource_name
from k8srun.text import visible
from k8srun.workloads.diagnosis_judgement import Judgement, confirmed, message_of, ruled_out
from k8srun.workloads.diagnosis_shapes import mapping, mappings
from k8srun.workloads.diagnosis_view import Case
from k8srun.workloads.policy import LATEST, LevelVersion, parse_level, parse_version, policy_of
from k8srun.workloads.standards.evaluate import evaluate
from k8srun.workloads.standards.subject import read_subject


def pod_security(case: Case) -> Judgement:
    """The server has said it; the pod template is judged anew, in case that it has been mended since."""
    wanted = policy_in(case.symptom.get("policy"))
    level = {"level": str(wanted.level) if wanted else "LEVEL"}
    namespace = case.snapshot.find(NAMESPACE, case.namespace) if case.namespace else None
    evidence = [message_of(case)]
    if namespace is not None:
        enforced = policy_of(mapping(namespace, "metadata", "labels"))[0].enforce
        evidence.append(Evidence(f"the namespace enforces {enforced}", f"Namespace {case.namespace}"))
    if case.template is None or wanted is None:
        return confirmed(*evidence, **level)
    try:
        judged = wanted.on(server_minor(case.snapshot))
        failures = evaluate(read_subject(case.template, as_pod=True), judged)
    except InputError as error:
        return confirmed(
            *evidence, Evidence(f"its pod spec cannot be judged: {error.what}", case.template.ref), **level
        )
    if not failures:
        return ruled_out(f"the pod template meets {wanted} now: the refusal is from before", case.template.ref)
    found = (
        Evidence(f"{failure.id}: {failure}", f"{case.template.ref} {case.template.field()}") for failure in failures
    )
    return confirmed(*evidence, *found, **level)


def policy_in(text: str) -> LevelVersion | None:
    """`restricted:v1.30` as the server writes it in its messages; None for anything else."""
    level, _, version = text.partition(":")
    try:
        return LevelVersion(parse_level(level), parse_version(version) if version else LATEST)
    except InputError:
        return None


def quota(case: Case) -> Judgement:
    name = case.symptom.get("name")
    item = case.snapshot.find(RESOURCE_QUOTA, name, case.namespace)
    if item is None:
        return confirmed(message_of(case))
    hard, used = mapping(item, "status", "hard"), mapping(item, "status", "used")
    said = ", ".join(f"{resource} {used.get(resource, '?')} of {most}" for resource, most in sorted(hard.items()))
    return confirmed(
        message_of(case), Evidence(f"used: {visible(said, limit=500)}", resource_name(RESOURCE_QUOTA, item))
    )


def limit_range(case: Case) -> Judgement:
    found = (
        Evidence(f"a LimitRange bounds {visible(str(limit.get('type')), limit=40)}", resource_name(LIMIT_RANGE, item))
        for item in case.snapshot.of(LIMIT_RANGE)
        if mapping(item, "metadata").get("namespace") == case.namespace
        for limit in mappings(mapping(item, "spec").get("limits"))
        if (limit.get("max") or limit.get("min") or limit.get("maxLimitRequestRatio"))
    )
    return confirmed(message_of(case), *found)


def webhook(case: Case) -> Judgement:
    return confirmed(message_of(case), *_configurations(case))


def _configurations(case: Case) -> Iterator[Evidence]:
    for kind in (VALIDATING_WEBHOOK, MUTATING_WEBHOOK):
        for item in case.snapshot.of(kind):
            for entry in mappings(item.get("webhooks")):
                if entry.get("name") == case.symptom.get("name"):
                    policy = visible(str(entry.get("failurePolicy") or "Fail"), limit=20)
                    yield Evidence(f"the webhook has failurePolicy {policy}", resource_name(kind, item))


def service_account(case: Case) -> Judgement:
    named = case.symptom.get("name") or (case.template.service_account if case.template else "")
    return _named_object(case, SERVICE_ACCOUNT, named, case.namespace)


def runtime_class(case: Case) -> Judgement:
    return _named_object(case, RUNTIME_CLASS, case.symptom.get("name"), "")


def _named_object(case: Case, kind: Kind, name: str, namespace: str) -> Judgement:
    """The server missed an object of that name; it may be there by now."""
    known = {"name": name} if name else {}
    if not name or (kind == SERVICE_ACCOUNT and not namespace) or Need.objects(kind) not in case.snapshot.observed:
        return confirmed(message_of(case), **known)
    if case.snapshot.find(kind, name, namespace) is not None:
        return ruled_out("it exists now: the next attempt will find it", f"{kind} {name}")
    place = f" in the namespace {namespace}" if namespace else ""
    return confirmed(message_of(case), Evidence(f"there is no {kind} {name}{place}", "the snapshot"), **known)


def stated(case: Case) -> Judgement:
    """The message itself names the cause: who says it has tried."""
    return confirmed(message_of(case))
