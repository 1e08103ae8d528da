"""With which pull secrets an image is pulled: from the pod, or its ServiceAccount, matched as the kubelet does.

Secrets are reduced: of a Docker configuration its registries are known, and whether they have a credential.
Source: kubernetes `pkg/credentialprovider/secrets`, `pkg/kubelet/kubelet_pods.go` and the ServiceAccount admission.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from k8srun.kinds import SECRET, SERVICE_ACCOUNT
from k8srun.pods import PodTemplate
from k8srun.snapshot import Gap, JsonObject, Need, Snapshot
from k8srun.workloads.images import ImageReference
from k8srun.workloads.keyring import RegistryKey, lookup, nearest

_FORMS = {"kubernetes.io/dockerconfigjson": ".dockerconfigjson", "kubernetes.io/dockercfg": ".dockercfg"}


class SecretState(StrEnum):
    """What became of a pull secret that a pod names."""

    READ = "read"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    WRONG_TYPE = "wrong type"
    MALFORMED = "malformed"
    EMPTY = "holds no credential"


@dataclass(frozen=True, slots=True)
class PullSecret:
    """A pull secret that a pod names.

    Attributes:
        origin: what names it, `Pod shop/web` or `ServiceAccount shop/default`.
        keys: its registries.
        detail: what is wrong with it, in a sentence.
    """

    namespace: str
    name: str
    origin: str
    state: SecretState
    keys: tuple[RegistryKey, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PullSecrets:
    """The pull secrets of a pod's containers, all of them.

    Attributes:
        secrets: in the order in which the pod names them.
        gaps: what could not be read, so that the list may be incomplete.
    """

    secrets: tuple[PullSecret, ...] = ()
    gaps: tuple[Gap, ...] = ()

    @property
    def malformed(self) -> PullSecret | None:
        """The secret that cannot be parsed: with one of them the kubelet pulls nothing."""
        return next((secret for secret in self.secrets if secret.state is SecretState.MALFORMED), None)

    @property
    def keys(self) -> tuple[RegistryKey, ...]:
        return tuple(key for secret in self.secrets for key in secret.keys)

    def matching(self, image: ImageReference) -> tuple[RegistryKey, ...]:
        """The credentials that the kubelet tries for an image, in its order; none where a secret is malformed.

        A node may have more of its own: those are not in the API.
        """
        return () if self.malformed else lookup(self.keys, image.name)

    def nearly(self, image: ImageReference) -> RegistryKey | None:
        """The key that misses the image by the least."""
        return nearest(self.keys, image.name)


def pull_secrets(snapshot: Snapshot, template: PodTemplate) -> PullSecrets:
    """The pull secrets that a pod, or the pods of a template, are pulled with.

    A ServiceAccount's are taken only where the pod names none, and when the pod is made: a pod that runs has what its
    ServiceAccount had then.
    """
    named = _names(template.spec.get("imagePullSecrets"))
    origin, gaps = template.ref, tuple[Gap, ...]()
    if not named and not (template.is_pod and _was_admitted(template.item)):
        account = _account(snapshot, template)
        gaps = () if account else snapshot.unmet(Need.objects(SERVICE_ACCOUNT))
        named = inherited(snapshot, template)
        origin = f"ServiceAccount {template.namespace}/{template.service_account}"
    found = tuple(_pull_secret(snapshot, template.namespace, name, origin) for name in named)
    if any(secret.state is SecretState.UNREADABLE for secret in found):
        gaps = (*gaps, *snapshot.unmet(Need.objects(SECRET)))
    return PullSecrets(found, gaps)


def inherited(snapshot: Snapshot, template: PodTemplate) -> tuple[str, ...]:
    """The pull secrets that the ServiceAccount of a pod gives to pods that name none."""
    return _names((_account(snapshot, template) or {}).get("imagePullSecrets"))


def _account(snapshot: Snapshot, template: PodTemplate) -> JsonObject | None:
    return snapshot.find(SERVICE_ACCOUNT, template.service_account, template.namespace)


def _was_admitted(pod: JsonObject) -> bool:
    """Whether a server made it, and so has put its ServiceAccount's pull secrets in already."""
    return bool((pod.get("metadata") or {}).get("uid"))


def _names(references: object) -> tuple[str, ...]:
    entries = references if isinstance(references, list | tuple) else ()
    return tuple(str(entry["name"]) for entry in entries if isinstance(entry, Mapping) and entry.get("name"))


def _pull_secret(snapshot: Snapshot, namespace: str, name: str, origin: str) -> PullSecret:
    secret = snapshot.find(SECRET, name, namespace)
    if secret is None:
        unread = bool(snapshot.unmet(Need.objects(SECRET)))
        state = SecretState.UNREADABLE if unread else SecretState.MISSING
        return PullSecret(namespace, name, origin, state, (), "Secrets could not be read" if unread else "not there")
    kind = str(secret.get("type") or "Opaque")
    form = _FORMS.get(kind)
    if form is None:
        return PullSecret(namespace, name, origin, SecretState.WRONG_TYPE, (), f"its type is {kind}")
    value = (secret.get("data") or {}).get(form)
    if not isinstance(value, Mapping) or not value.get("bytes"):
        return PullSecret(namespace, name, origin, SecretState.EMPTY, (), f"it has no {form}")
    return _read(namespace, name, origin, value)


def _read(namespace: str, name: str, origin: str, value: Mapping[str, Any]) -> PullSecret:
    entries = [entry for entry in value.get("registries") or () if isinstance(entry, Mapping)]
    wrong = str(value.get("error") or "") or next(
        (f"{entry.get('host')}: {entry['error']}" for entry in entries if entry.get("error")), ""
    )
    if wrong:
        return PullSecret(namespace, name, origin, SecretState.MALFORMED, (), wrong)
    keys = tuple(
        RegistryKey(str(entry.get("host") or ""), name, bool(entry.get("has_auth") or entry.get("username")))
        for entry in entries
    )
    if any(key.usable for key in keys):
        return PullSecret(namespace, name, origin, SecretState.READ, keys)
    detail = "none of its auths has a user or password" if keys else "it has no auths"
    return PullSecret(namespace, name, origin, SecretState.EMPTY, keys, detail)
