"""The API servers that a snapshot shows: their flags, and the configuration files that these name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from k8srun.distribution import Distribution
from k8srun.hostfiles import HostFile, Topic
from k8srun.kinds import POD
from k8srun.pods import MIRROR
from k8srun.snapshot import Snapshot, resource_name


@dataclass(frozen=True, slots=True)
class ApiServer:
    """An API server: where its command line was read, on which host it runs, its flags without their dashes."""

    place: str
    host: str
    flags: Mapping[str, str]

    def file(self, snapshot: Snapshot, flag: str) -> HostFile | None:
        """The configuration file that a flag names, if it was read.

        The file as the server names it, else the one of the same name: the pod may mount it at another path.
        """
        path = self.flags.get(flag, "")
        if not path:
            return None
        files = [file for file in snapshot.files_of(Topic.CONFIG) if not self.host or file.host in ("", self.host)]
        exact = next((file for file in files if file.path == path), None)
        name = path.rpartition("/")[2]
        return exact or next((file for file in files if file.path.rpartition("/")[2] == name), None)


def api_servers(snapshot: Snapshot) -> Iterator[ApiServer]:
    """Every API server whose command line the snapshot has: of manifests first, then of mirror pods."""
    for file in snapshot.files_of(Topic.MANIFEST):
        yield from (ApiServer(file.place, file.host, flags_of(words)) for words in _command_lines(file.document))
    for pod in snapshot.of(POD):
        if MIRROR in ((pod.get("metadata") or {}).get("annotations") or {}):
            host = str((pod.get("spec") or {}).get("nodeName") or "")
            place = resource_name(POD, pod)
            yield from (ApiServer(place, host, flags_of(words)) for words in _command_lines(pod))


def server_minor(snapshot: Snapshot) -> int | None:
    """The minor version of the API server, 37 of 1.37; None if it is not known."""
    server = snapshot.server
    found = Distribution("", version=server.version).minor if server else None
    return found[1] if found and found[0] == 1 else None


def flags_of(words: Iterable[str]) -> dict[str, str]:
    """The flags of a command line, `--name=value`, `--name value` and `--name` (true); the last of several counts."""
    flags: dict[str, str] = {}
    name = ""
    for word in words:
        if word.startswith("-"):
            name, equals, value = word.lstrip("-").partition("=")
            flags[name] = value if equals else "true"
            name = "" if equals else name
        elif name:
            flags[name], name = word, ""
    return flags


def _command_lines(pod: Mapping[str, Any] | None) -> Iterator[list[str]]:
    spec = (pod or {}).get("spec")
    containers = spec.get("containers") if isinstance(spec, Mapping) else None
    for container in containers if isinstance(containers, list | tuple) else ():
        if isinstance(container, Mapping):
            parts = (container.get("command"), container.get("args"))
            words = [str(word) for part in parts if isinstance(part, list | tuple) for word in part]
            if any(word.rpartition("/")[2] == "kube-apiserver" for word in words[:3]):
                yield words
