"""Images of workloads: how they are named, where from, and whether the pull secrets are of any use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from k8srun.checks import Check
from k8srun.errors import InputError
from k8srun.findings import Finding
from k8srun.text import visible
from k8srun.workloads.image_policy import ImagePolicy
from k8srun.workloads.images import ImageReference, parse_image
from k8srun.workloads.inspections.workload import Workload
from k8srun.workloads.pull_secrets import SecretState, inherited, pull_secrets

_WRONG = {
    SecretState.MISSING: "is not there",
    SecretState.WRONG_TYPE: "is of the wrong type, and is not looked at",
    SecretState.MALFORMED: "cannot be parsed: the kubelet then pulls none of the pod's images",
    SecretState.EMPTY: "holds no credential",
}


def _images(workload: Workload) -> Iterator[tuple[str, ImageReference]]:
    """Container and image of a workload, as far as the image can be read."""
    for container, _ in workload.subject.containers:
        try:
            yield visible(container.name, limit=63), parse_image(container.image or "")
        except InputError:
            continue  # `unreadable_image` names it


def unreadable_image(check: Check, workload: Workload) -> Iterator[Finding]:
    for container, _ in workload.subject.containers:
        name = visible(container.name, limit=63)
        try:
            parse_image(container.image or "")
        except InputError as error:
            message = f"the image of container {name} cannot be pulled (InvalidImageName): {error.what}"
            fact = f"{name}: image {visible(container.image or '', limit=300)!r}"
            yield workload.finding(check, message, "containers", fact, key=name)


def image_policy(policy: ImagePolicy) -> Callable[[Check, Workload], Iterable[Finding]]:
    """What an image policy forbids of a workload."""

    def inspect(check: Check, workload: Workload) -> Iterator[Finding]:
        for name, image in _images(workload):
            for rule, reason in policy.violations(image):
                message = f"the image of container {name} {reason}"
                yield workload.finding(check, message, "containers", f"{name}: {image.canonical}", key=f"{name} {rule}")

    return inspect


def implied_registry(check: Check, workload: Workload) -> Iterator[Finding]:
    """Names without a registry: the runtime decides what they mean."""
    for container, _ in workload.subject.containers:
        first = (container.image or "").partition("/")[0]
        if "/" in (container.image or "") and ("." in first or ":" in first or first == "localhost"):
            continue
        name, shown = visible(container.name, limit=63), visible(container.image or "", limit=300)
        message = f"the image of container {name} does not say its registry: each node's runtime decides"
        yield workload.finding(check, message, "containers", f"{name}: {shown!r}", key=name)


def useless_pull_secret(check: Check, workload: Workload) -> Iterator[Finding]:
    """Pull secrets that are missing or broken, or hold no key for any image of the workload.

    One that comes from the ServiceAccount is for whatever runs as it, and need not match an image of every workload.
    """
    shared = inherited(workload.snapshot, workload.template)
    secrets = pull_secrets(workload.snapshot, workload.template)
    used = {key.secret for _, image in _images(workload) for key in secrets.matching(image)}
    for secret in secrets.secrets:
        name = visible(secret.name, limit=253)
        if secret.state in _WRONG:
            detail = f" ({visible(secret.detail, limit=200)})" if secret.detail else ""
            message = f"its pull secret {name} {_WRONG[secret.state]}{detail}"
        elif secret.state is SecretState.READ and not secrets.malformed and secret.name not in {*used, *shared}:
            hosts = ", ".join(visible(key.host, limit=253) for key in secret.keys)
            message = f"its pull secret {name} matches none of its images: it is for {hosts}"
        else:
            continue
        origin = f"imagePullSecrets of {visible(secret.origin, limit=300)}"
        yield workload.finding(check, message, "", f"{origin}: {name}", key=name)
