"""Judging why an image cannot be pulled: pull secrets, what other pods have pulled, and what the message tells."""

from __future__ import annotations

from k8srun.errors import InputError
from k8srun.findings import Evidence
from k8srun.kinds import NODE, SECRET
from k8srun.snapshot import Need
from k8srun.text import plural, visible
from k8srun.workloads.diagnosis_judgement import Judgement, confirmed, message_of, ruled_out, still_open
from k8srun.workloads.diagnosis_shapes import mapping
from k8srun.workloads.diagnosis_view import Case
from k8srun.workloads.image_digests import running_images
from k8srun.workloads.images import ImageReference, parse_image
from k8srun.workloads.pull_secrets import PullSecrets, SecretState, pull_secrets

_NONE = "no pull secret is named"


def image_of(case: Case) -> ImageReference | None:
    """The image that the case is about, read; None where it is not known or no reference."""
    try:
        return parse_image(image_text(case))
    except InputError:
        return None


def image_text(case: Case) -> str:
    """The image as written; empty where it is not known."""
    return case.symptom.get("image") or str(case.container.get("image") or "")


def invalid_name(case: Case) -> Judgement:
    text = image_text(case)
    try:
        parse_image(text)
    except InputError as error:
        return confirmed(message_of(case), Evidence(error.what, case.place or "the message"))
    return confirmed(message_of(case))


def secret_missing(case: Case) -> Judgement:
    secrets = _secrets(case)
    named = case.symptom.get("name")
    if secrets is None:
        return confirmed(message_of(case)) if named else still_open()
    missing = [secret for secret in secrets.secrets if secret.state is SecretState.MISSING]
    if missing:
        found = (
            Evidence(f"{secret.origin} names the pull secret {secret.name}, which is not there") for secret in missing
        )
        return confirmed(message_of(case), *found, name=missing[0].name)
    if _is_complete(case, secrets):
        return ruled_out(f"every pull secret that is named exists: {_named(secrets)}" if secrets.secrets else _NONE)
    return confirmed(message_of(case)) if named else still_open("pull secrets could not be read")


def secret_malformed(case: Case) -> Judgement:
    secrets = _secrets(case)
    unread = confirmed(message_of(case)) if case.symptom.row.family == "pull-secret-unparsed" else still_open()
    if secrets is None:
        return unread
    broken = secrets.malformed
    if broken:
        return confirmed(
            message_of(case), Evidence(broken.detail, f"Secret {broken.namespace}/{broken.name}"), name=broken.name
        )
    said = "every pull secret can be parsed" if secrets.secrets else _NONE
    return ruled_out(said) if _is_complete(case, secrets) else unread


def credential_missing(case: Case) -> Judgement:
    """No key of the pod's pull secrets is for the image: read off where the Secrets were read."""
    image, secrets = image_of(case), _secrets(case)
    if image is None or secrets is None:
        return still_open()
    if secrets.malformed:
        return ruled_out("a pull secret is malformed, which comes first")
    matching = [key for key in secrets.matching(image) if key.usable]
    if matching:
        keys = ", ".join(f"{key.host} of Secret {key.secret}" for key in matching)
        return ruled_out(f"the kubelet offers a credential for {image.name}: {visible(keys, limit=300)}")
    if not _is_complete(case, secrets):
        return still_open("pull secrets could not be read", "the snapshot")
    fact = Evidence(_why_none(secrets, image), case.template.ref if case.template else "")
    if case.symptom.row.family == "pull-denied" and not _repository_is_known(case, image):
        return still_open(f"{fact.fact}; yet the repository may also not exist", fact.where)
    return confirmed(message_of(case), fact)


def _why_none(secrets: PullSecrets, image: ImageReference) -> str:
    empty = next(iter(secrets.matching(image)), None)
    if empty:
        return f"the key {visible(empty.host, limit=200)} of Secret {empty.secret} holds neither user nor password"
    near = secrets.nearly(image)
    because = f"the nearest key is {near.host} of Secret {near.secret}" if near else f"named: {_named(secrets)}"
    return f"no key matches {image.name}; {visible(because, limit=300)}"


def credential_refused(case: Case) -> Judgement:
    image, secrets = image_of(case), _secrets(case)
    if image is None or secrets is None:
        return still_open()
    matching = [key for key in secrets.matching(image) if key.usable]
    if not matching:
        complete = _is_complete(case, secrets)
        return ruled_out("no credential is offered at all") if complete else still_open()
    offered = Evidence(f"offered: the key {visible(matching[0].host, limit=200)}", f"Secret {matching[0].secret}")
    if case.symptom.row.family == "pull-denied" and not _repository_is_known(case, image):
        return still_open(f"{offered.fact}; the registry does not say whether the repository exists", offered.where)
    return confirmed(message_of(case), offered)


def not_in_registry(case: Case) -> Judgement:
    if case.symptom.row.family == "image-not-found":
        return confirmed(message_of(case), *_other_tags(case))
    image = image_of(case)
    if image and _repository_is_known(case, image):
        return ruled_out(f"other pods have pulled {image.name}: the repository exists")
    return still_open()


def name_unresolved(case: Case) -> Judgement:
    how = case.symptom.get("how").lower()
    if how in {"no such host", "server misbehaving"}:
        return confirmed(message_of(case))
    return ruled_out("the message is not about a name") if how != "registryunavailable" else still_open()


def egress_blocked(case: Case) -> Judgement:
    how = case.symptom.get("how").lower()
    if how in {"no such host", "server misbehaving"}:
        return ruled_out("the name was not even resolved")
    return confirmed(message_of(case)) if how != "registryunavailable" else still_open()


def wrong_platform(case: Case) -> Judgement:
    node = str((case.template.spec if case.template else {}).get("nodeName") or "")
    item = case.snapshot.find(NODE, node) if node else None
    info = mapping(item, "status", "nodeInfo")
    if not info:
        return confirmed(message_of(case))
    platform = f"{info.get('operatingSystem')}/{info.get('architecture')}"
    return confirmed(message_of(case), Evidence(f"the node is {visible(platform, limit=80)}", f"Node {node}"))


def _secrets(case: Case) -> PullSecrets | None:
    return pull_secrets(case.snapshot, case.template) if case.template else None


def _is_complete(case: Case, secrets: PullSecrets) -> bool:
    """Whether everything that the answer rests on could be read."""
    if any(secret.state is SecretState.UNREADABLE for secret in secrets.secrets) or secrets.gaps:
        return False
    return not secrets.secrets or Need.objects(SECRET) in case.snapshot.observed


def _named(secrets: PullSecrets) -> str:
    return ", ".join(f"{secret.name} ({secret.state})" for secret in secrets.secrets) or _NONE


def _repository_is_known(case: Case, image: ImageReference) -> bool:
    return any(running.image.name == image.name and running.digest for running in running_images(case.snapshot))


def _other_tags(case: Case) -> tuple[Evidence, ...]:
    image = image_of(case)
    if image is None:
        return ()
    tags = {
        one.image.pulled_tag for one in running_images(case.snapshot) if one.image.name == image.name and one.digest
    }
    known = sorted(tag for tag in tags if tag and tag != image.tag)
    if not known:
        return (Evidence("no pod of the snapshot has pulled this repository", image.name),)
    return (Evidence(f"{plural(len(known), 'other tag')} of it run here: {', '.join(known[:5])}", image.name),)
