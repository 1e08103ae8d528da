"""Which further files a node's programs are told to use: by flags of static pods and units, and by kubelet fields."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from k8srun.hostfiles import HostFile, Topic
from k8srun.sources.hostlayout import FLAGS, KUBELET_FIELDS, FlagRule, Form

_FLAG = re.compile(r"""--([a-z0-9-]{1,64})[ =]+["']?(/[^][\s"',:{}\\]{1,4000}(?:,/[^][\s"',:{}\\]{1,4000})?)""")
_RULES = tuple((re.compile(rule.names), rule) for rule in FLAGS)


class Named(NamedTuple):
    """A file that something names, and by what: `--tls-cert-file of /etc/kubernetes/manifests/kube-apiserver.yaml`."""

    form: Form
    topic: Topic
    path: str
    by: str


def named_files(file: HostFile) -> Iterator[Named]:
    """The files that `file` names, as paths of its host."""
    if file.kubeconfig:
        folder = posixpath.dirname(file.path)
        paths = [cluster.ca_path for cluster in file.kubeconfig.clusters]
        paths += [path for user in file.kubeconfig.users for path in (user.certificate_path, user.key_path)]
        for path in filter(None, paths):
            yield Named(Form.PEM, Topic.PKI, posixpath.join(folder, path), file.path)
    elif file.document and file.topic is Topic.MANIFEST:
        yield from _of_pod(file.document, file)
    elif file.document and file.topic is Topic.CONFIG:
        yield from _of_admission(file.document, file)
    elif file.document and file.topic is Topic.KUBELET:
        yield from _of_kubelet(file.document, file)
    elif file.text is not None and file.topic in {Topic.KUBELET, Topic.CONFIG}:
        yield from _of_words(file.text, file)


def static_pod_folder(file: HostFile) -> str:
    """The folder of static pods that a KubeletConfiguration names; empty if `file` is none or names none."""
    path = file.document.get("staticPodPath") if file.document and file.topic is Topic.KUBELET else None
    return path if isinstance(path, str) and path.startswith("/") else ""


def _of_pod(pod: Mapping[str, Any], file: HostFile) -> Iterator[Named]:
    spec = _mapping(pod.get("spec"))
    volumes = {
        volume.get("name"): _mapping(volume.get("hostPath")).get("path") for volume in _mappings(spec.get("volumes"))
    }
    for container in _mappings(spec.get("containers")):
        words = [str(word) for part in ("command", "args") for word in _list(container.get(part))]
        mounts = [
            (str(mount.get("mountPath")), source)
            for mount in _mappings(container.get("volumeMounts"))
            if isinstance(source := volumes.get(mount.get("name")), str)
        ]
        for named in _of_words(" ".join(words), file):
            path = _on_host(named.path, mounts)
            if path:
                yield named._replace(path=path)


def _on_host(path: str, mounts: Iterable[tuple[str, str]]) -> str:
    """The host's path of a container's path; empty when it is not of the host."""
    inside = [(mounted, host) for mounted, host in mounts if f"{path}/".startswith(f"{mounted.rstrip('/')}/")]
    if not inside:
        return ""
    mounted, host = max(inside, key=lambda pair: len(pair[0]))
    return posixpath.join(host, path[len(mounted.rstrip("/")) :].lstrip("/")).rstrip("/")


def _of_kubelet(document: Mapping[str, Any], file: HostFile) -> Iterator[Named]:
    for keys, flag in KUBELET_FIELDS.items():
        value: Any = document
        for key in keys:
            value = _mapping(value).get(key)
        if isinstance(value, str) and value.startswith("/"):
            yield Named(Form.PEM, Topic.PKI, value, f"{flag} of {file.path}")


def _of_admission(document: Mapping[str, Any], file: HostFile) -> Iterator[Named]:
    """The plugins' files of an AdmissionConfiguration: as it names them, from its own folder."""
    if document.get("kind") == "AdmissionConfiguration":
        for plugin in _mappings(document.get("plugins")):
            if isinstance(path := plugin.get("path"), str) and path:
                yield Named(Form.DOCUMENT, Topic.CONFIG, posixpath.join(posixpath.dirname(file.path), path), file.path)


def _of_words(text: str, file: HostFile) -> Iterator[Named]:
    # A unit goes on in the next line after a backslash.
    for flag, value in _FLAG.findall(re.sub(r"\\\n\s*", " ", text)):
        rule = _rule(flag)
        if rule is None:
            continue
        topic = Topic.KUBELET if file.topic is Topic.KUBELET and rule.form is Form.DOCUMENT else rule.topic
        for path in value.split(","):  # --tls-sni-cert-key=CERTIFICATE,KEY
            yield Named(rule.form, topic, path, f"--{flag} of {file.path}")


def _rule(flag: str) -> FlagRule | None:
    return next((rule for names, rule in _RULES if names.fullmatch(flag)), None)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _mappings(value: object) -> Iterator[Mapping[str, Any]]:
    return (item for item in _list(value) if isinstance(item, Mapping))
