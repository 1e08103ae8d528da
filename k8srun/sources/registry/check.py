"""Everything that is asked of a registry for one image of a pod: the pull, the signatures, and what runs instead.

The pull secrets are read anew from the cluster, used and forgotten: a snapshot holds only the reduced ones.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from k8srun.errors import InputError
from k8srun.kinds import RESOURCES, SECRET
from k8srun.pem import read_pem
from k8srun.pods import PodTemplate
from k8srun.snapshot import Snapshot
from k8srun.sources.failure import ReadError
from k8srun.sources.options import CURRENT_CONTEXT, SourceOptions
from k8srun.sources.registry.answers import PullAnswer, PullCause
from k8srun.sources.registry.artifacts import Contents, read_contents
from k8srun.sources.registry.login import Login, read_docker_config
from k8srun.sources.registry.pull import ANONYMOUS, Credential, Target, ask_for_pull
from k8srun.sources.registry.wire import Unanswered, Wire
from k8srun.sources.target import find_target
from k8srun.sources.transport import ReadOnlyClient
from k8srun.text import visible
from k8srun.workloads.image_digests import running_images
from k8srun.workloads.images import ImageReference, parse_image
from k8srun.workloads.keyring import RegistryKey, lookup
from k8srun.workloads.pull_secrets import PullSecret, PullSecrets, SecretState, pull_secrets
from k8srun.workloads.signatures import PublicKey, SignatureVerdict, judge

_DATA_KEYS = {"kubernetes.io/dockerconfigjson": ".dockerconfigjson", "kubernetes.io/dockercfg": ".dockercfg"}


@dataclass(frozen=True, slots=True)
class Asking:
    """How a registry is asked.

    Attributes:
        wire: how it is reached.
        docker_config: a Docker configuration whose credentials are offered after those of the pod.
        key: the public key that signatures are verified with.
    """

    wire: Wire = field(default_factory=Wire)
    docker_config: str = ""
    key: PublicKey | None = None


@dataclass(frozen=True, slots=True)
class RunningDigest:
    """A container that runs the image, and whether by what the registry has under its tag now (None: not known)."""

    pod: str
    container: str
    digest: str
    same: bool | None


@dataclass(frozen=True, slots=True)
class ImageCheck:
    """What was found of an image.

    Attributes:
        image: the reference in full.
        attempts: one for each credential that was tried; the last one counts.
        notes: what kept a credential from being tried, and what else must be known.
        signatures: those that were found, judged.
        searched: where signatures were looked for.
        running: the containers of the snapshot that run this image.
    """

    image: str
    attempts: tuple[PullAnswer, ...]
    notes: tuple[str, ...] = ()
    signatures: tuple[SignatureVerdict, ...] = ()
    searched: tuple[str, ...] = ()
    running: tuple[RunningDigest, ...] = ()

    @property
    def answer(self) -> PullAnswer:
        return self.attempts[-1]


def check_image(
    text: str,
    asking: Asking,
    *,
    snapshot: Snapshot | None = None,
    template: PodTemplate | None = None,
    sources: SourceOptions | None = None,
) -> ImageCheck:
    """Ask the registry of an image whether it grants the pull, as the kubelet of a pod would.

    Args:
        text: the image reference.
        snapshot, template: the pod whose pull secrets count, and the cluster that it is in.
        sources: where that cluster is read from: only of a live one can pull secrets be used.

    Raises:
        InputError: the reference, the Docker configuration or the kubeconfig cannot be used.
    """
    image = parse_image(text)
    notes: list[str] = []
    secrets = pull_secrets(snapshot, template) if snapshot and template else PullSecrets()
    of_pod = _of_pod(image, secrets, sources, notes) if template else []
    credentials = [*of_pod, *_of_file(image, asking.docker_config)]
    target = Target(image.domain, image.path, image.digest or image.pulled_tag)
    if secrets.malformed:
        attempts: tuple[PullAnswer, ...] = (_never_asked(target, secrets.malformed),)
    else:
        attempts = ask_for_pull(target, credentials, asking.wire)
        if attempts[-1].granted is False and (secrets.gaps or len(of_pod) < len(secrets.matching(image))):
            attempts = (*attempts[:-1], replace(attempts[-1], granted=None, cause=PullCause.SECRET_UNREAD))
    answer = attempts[-1]
    contents: Contents | None = None
    if answer.granted:
        used = next((one for one in credentials if one.source == answer.credential), ANONYMOUS)
        try:
            contents = read_contents(target, used, asking.wire)
        except Unanswered as end:
            notes.append(f"Signatures could not be read: {end.detail}")
    return ImageCheck(
        image=target.image,
        attempts=attempts,
        notes=tuple(visible(note, limit=500) for note in notes),
        signatures=tuple(judge(one, contents.digest, asking.key) for one in contents.signatures) if contents else (),
        searched=contents.searched if contents else (),
        running=tuple(_running(image, snapshot, answer, contents)) if snapshot else (),
    )


def _never_asked(target: Target, malformed: PullSecret) -> PullAnswer:
    """The kubelet asks no registry while a pull secret of the pod cannot be parsed."""
    source = f"Secret {malformed.namespace}/{malformed.name}"
    return PullAnswer(target.image, target.registry, source, (), granted=False, cause=PullCause.SECRET_MALFORMED)


def read_ca(path: str) -> bytes:
    """The certificates of a PEM file, DER, one after the other. Raises InputError: there are none."""
    blocks = read_pem(read_file(path))
    certificates = b"".join(block.der for block in blocks if block.is_certificate)
    if not certificates:
        raise InputError("holds no certificate", where=path, do="Give the CA of the registry, PEM.")
    return certificates


def read_file(path: str) -> bytes:
    """The content of a file. Raises InputError: it cannot be read."""
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from None


def _of_file(image: ImageReference, path: str) -> list[Credential]:
    """The credentials of a Docker configuration that match an image, as the kubelet would match them."""
    if not path:
        return []
    logins = read_docker_config(read_file(path), where=path)
    found = lookup([RegistryKey(host) for host in logins], image.name)
    return [Credential(f"{path}, entry {visible(key.host, limit=200)}", logins[key.host]) for key in found]


def _of_pod(
    image: ImageReference, secrets: PullSecrets, sources: SourceOptions | None, notes: list[str]
) -> list[Credential]:
    """The credentials that the kubelet of a pod offers; `notes` gets why one is not among them.

    Of a pull secret it uses user name and password alone: a token that Docker would use is of no use to a pod.
    """
    for secret in secrets.secrets:
        if secret.state is not SecretState.READ:
            hint = " (allow it with --secrets)" if secret.state is SecretState.UNREADABLE else ""
            notes.append(f"Secret {secret.namespace}/{secret.name} is not used: {secret.detail}{hint}")
    matching = secrets.matching(image)
    if secrets.malformed or (secrets.gaps and not matching):
        return []
    if not matching:
        near = secrets.nearly(image)
        notes.append(
            f"No key of its pull secrets matches {image.name}{f'; the nearest is {near.host}' if near else ''}."
        )
        return []
    if sources is None or not sources.live:
        notes.append("Its pull secrets match, and can only be used from a live cluster: the snapshot has no passwords.")
        return []
    namespace = secrets.secrets[0].namespace
    logins = _logins(namespace, {key.secret for key in matching}, sources, notes)
    return [
        Credential(
            f"Secret {namespace}/{key.secret}, entry {visible(key.host, limit=200)}",
            Login(login.username, login.password),
        )
        for key in matching
        if (login := logins.get(key.secret, {}).get(key.host)) is not None
    ]


def _logins(
    namespace: str, names: set[str], sources: SourceOptions, notes: list[str]
) -> dict[str, Mapping[str, Login]]:
    context = "" if sources.context == CURRENT_CONTEXT else sources.context
    target = find_target(sources.kubeconfig, context, allow_exec=sources.allow_exec, timeout=30.0)
    found: dict[str, Mapping[str, Login]] = {}
    if isinstance(target.connection, ReadError):
        notes.append(f"Pull secrets could not be read: {target.connection.detail}")
        return found
    with ReadOnlyClient(target.connection, timeout=30.0) as client:
        for name in sorted(names):
            where = f"Secret {namespace}/{name}"
            try:
                item = client.get(f"{RESOURCES[SECRET].path('v1', namespace)}/{name}")
                found[name] = _docker_config(item.get("type"), item.get("data"), where)
            except (ReadError, InputError) as failure:
                notes.append(f"{where} is not used: {failure.what}")
    return found


def _docker_config(kind: object, data: object, where: str) -> Mapping[str, Login]:
    key = _DATA_KEYS.get(str(kind), "")
    value = data.get(key) if isinstance(data, Mapping) else None
    try:
        content = base64.b64decode(str(value or ""), validate=True)
    except (binascii.Error, ValueError):
        raise InputError(f"{key} is not base64", where=where) from None
    return read_docker_config(content, where=where, legacy=key == ".dockercfg")


def _running(
    image: ImageReference, snapshot: Snapshot, answer: PullAnswer, contents: Contents | None
) -> list[RunningDigest]:
    """The containers that run the same reference. A runtime may name an index or the platform's manifest of it."""
    known = {answer.digest, *(contents.platforms.values() if contents else ())} - {""}
    return [
        RunningDigest(
            pod=one.pod.ref,
            container=one.container,
            digest=one.digest,
            same=(one.digest in known) if one.digest and known else None,
        )
        for one in running_images(snapshot)
        if one.image.canonical == image.canonical
    ]
