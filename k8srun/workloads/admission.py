"""What the server answers to a pod or a workload in a namespace: refused, warned of, noted in the audit log.

Source: k8s.io/pod-security-admission, admission/admission.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from k8srun.pods import PodTemplate, controller_of
from k8srun.snapshot import JsonObject
from k8srun.text import plural
from k8srun.workloads.policy import LabelError, Level, LevelVersion, Policy, policy_of
from k8srun.workloads.standards.evaluate import Failure, described, evaluate
from k8srun.workloads.standards.subject import Subject, read_subject

MOST_PODS = 3000
"""How many pods of a namespace the server looks at when it is relabelled."""


@dataclass(frozen=True, slots=True)
class Exemptions:
    """Whom the server's admission configuration exempts from Pod Security."""

    namespaces: frozenset[str] = frozenset()
    usernames: frozenset[str] = frozenset()
    runtime_classes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Configuration:
    """The server's PodSecurityConfiguration: by default nothing is asked of a namespace without labels.

    Attributes:
        minor: the server's minor version, 37 of 1.37; None where it is not known.
    """

    defaults: Policy = field(default_factory=Policy)
    exemptions: Exemptions = field(default_factory=Exemptions)
    minor: int | None = None

    def policy_of(self, labels: Mapping[str, str]) -> tuple[Policy, tuple[LabelError, ...]]:
        """What the server makes of a namespace's labels, and those that cannot be read."""
        policy, errors = policy_of(labels, self.defaults)
        return policy.on(self.minor), errors


@dataclass(frozen=True, slots=True)
class Admission:
    """The answer of Pod Security to one request.

    Attributes:
        allowed: whether it lets the object in. A workload always is: its pods are refused, not it.
        message: the server's words of a refusal, `pods "web" is forbidden: violates PodSecurity …`.
        warnings: what the client is warned of, in the server's words.
        audit: the annotation of the audit event, empty where nothing violates what is audited.
        exempt: why nothing was asked: `namespace`, `user`, `runtimeClass`; empty otherwise.
        failures: what the enforced policy forbids; of a workload what it would forbid of the template.
    """

    allowed: bool
    message: str = ""
    warnings: tuple[str, ...] = ()
    audit: str = ""
    exempt: str = ""
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class Relabelling:
    """What the server does when a namespace's labels change.

    Attributes:
        errors: the labels that cannot be read; the server refuses the change where they are new.
        warnings: in the server's words: a headline, then one line for each set of reasons. The server stops after a
            second; this does not.
        violating: the pods that violate the new level to enforce, each with the reasons. They go on running, and are
            refused when they are made again.
    """

    policy: Policy
    errors: tuple[LabelError, ...] = ()
    warnings: tuple[str, ...] = ()
    violating: tuple[tuple[PodTemplate, tuple[Failure, ...]], ...] = ()


def admit(
    template: PodTemplate,
    labels: Mapping[str, str],
    configuration: Configuration | None = None,
    *,
    username: str = "",
) -> Admission:
    """What the server answers when a pod or workload is created in a namespace with these labels.

    Args:
        template: its name is in the message: for a pod that a controller makes, the server makes up the last letters.
        username: who asks, where the server exempts users.

    Raises:
        InputError: the pod spec is not what the API takes.
    """
    configuration = configuration or Configuration()
    policy, _ = configuration.policy_of(labels)
    exempt = _exempt(template, configuration.exemptions, username)
    if exempt:
        return Admission(allowed=True, exempt=exempt)
    subject = read_subject(template)
    found = {wanted: evaluate(subject, wanted) for wanted in (policy.enforce, policy.audit, policy.warn)}
    enforced, audited, warned = found[policy.enforce], found[policy.audit], found[policy.warn]
    audit = _would_violate(policy.audit, audited)
    if enforced and template.is_pod:
        name = template.name or str((template.item.get("metadata") or {}).get("generateName") or "")
        return Admission(False, refusal(name, policy.enforce, enforced), (), audit, "", enforced)
    warning = _would_violate(policy.warn, warned)
    return Admission(True, "", (warning,) if warning else (), audit, "", enforced)


def refusal(name: str, policy: LevelVersion, failures: tuple[Failure, ...]) -> str:
    """The server's message when it refuses a pod of that name."""
    return f'pods "{name}" is forbidden: violates PodSecurity "{policy}": {described(failures)}'


def _would_violate(policy: LevelVersion, failures: tuple[Failure, ...]) -> str:
    return f'would violate PodSecurity "{policy}": {described(failures)}' if failures else ""


def _exempt(template: PodTemplate, exemptions: Exemptions, username: str) -> str:
    if template.namespace in exemptions.namespaces:
        return "namespace"
    if username and username in exemptions.usernames:
        return "user"
    return "runtimeClass" if template.spec.get("runtimeClassName") in exemptions.runtime_classes else ""


def relabel(
    namespace: JsonObject,
    labels: Mapping[str, str],
    pods: Iterable[PodTemplate],
    configuration: Configuration | None = None,
) -> Relabelling:
    """What the server says when a namespace gets these labels in place of its own.

    Args:
        namespace: as it is now.
        labels: all of its labels after the change.
        pods: those of the namespace, in the order in which the server lists them.

    Raises:
        InputError: a pod's spec is not what the API takes.
    """
    configuration = configuration or Configuration()
    metadata = namespace.get("metadata") or {}
    name = str(metadata.get("name") or "")
    before, _ = configuration.policy_of(metadata.get("labels") or {})
    after, errors = configuration.policy_of(labels)
    exemptions = configuration.exemptions
    subjects = [
        (pod, read_subject(pod)) for pod in pods if pod.spec.get("runtimeClassName") not in exemptions.runtime_classes
    ]
    violating = tuple((pod, failures) for pod, subject in subjects if (failures := evaluate(subject, after.enforce)))
    if errors or name in exemptions.namespaces or not _stricter(before.enforce, after.enforce):
        return Relabelling(after, errors, (), violating)
    return Relabelling(after, errors, _existing(name, after.enforce, _prioritized(subjects)), violating)


def _stricter(before: LevelVersion, after: LevelVersion) -> bool:
    """Whether the server looks at the pods again: not where the level is relaxed at the same version."""
    if before == after or after.level is Level.PRIVILEGED:
        return False
    return before.version != after.version or after.level.rank > before.level.rank


def _prioritized(subjects: list[tuple[PodTemplate, Subject]]) -> list[tuple[PodTemplate, Subject]]:
    """The first pod of each controller first, so that a large one does not hide the others."""
    first: list[tuple[PodTemplate, Subject]] = []
    others: list[tuple[PodTemplate, Subject]] = []
    seen = set()
    for pod, subject in subjects:
        owner = controller_of(pod.item)
        uid = owner.get("uid") if owner else None
        (others if owner and uid in seen else first).append((pod, subject))
        if owner:
            seen.add(uid)
    return first + others


def _existing(namespace: str, enforce: LevelVersion, subjects: list[tuple[PodTemplate, Subject]]) -> tuple[str, ...]:
    named: dict[str, list[str]] = {}
    for pod, subject in subjects[:MOST_PODS]:
        failures = evaluate(subject, enforce)
        if failures:
            named.setdefault(", ".join(failure.reason for failure in failures), []).append(pod.name)
    warnings = []
    if len(subjects) > MOST_PODS:
        checked = f"the first {MOST_PODS} of {len(subjects)} existing pods"
        warnings.append(f"new PodSecurity enforce level only checked against {checked}")
    if named:
        warnings.append(
            f'existing pods in namespace "{namespace}" violate the new PodSecurity enforce level "{enforce}"'
        )
    return (*warnings, *sorted((f"{_names(names)}: {reasons}" for reasons, names in named.items()), key=str.encode))


def _names(names: list[str]) -> str:
    first = min(names, key=str.encode)
    return first if len(names) == 1 else f"{first} (and {plural(len(names) - 1, 'other pod')})"
