"""What the API server's own configuration says of Pod Security: defaults, exemptions, whether it is on at all.

Source: kubernetes `--admission-control-config-file` (AdmissionConfiguration), `pod-security.admission.config.k8s.io`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from k8srun.apiservers import ApiServer, api_servers, server_minor
from k8srun.errors import InputError
from k8srun.hostfiles import HostFile, Topic
from k8srun.snapshot import Snapshot, remembered
from k8srun.text import visible
from k8srun.workloads.admission import Configuration, Exemptions
from k8srun.workloads.policy import LevelVersion, Mode, Policy, parse_level, parse_version

_PLUGIN = "PodSecurity"
_FLAG = "admission-control-config-file"
_EXEMPTIONS = {"namespaces": "namespaces", "usernames": "usernames", "runtimeClasses": "runtime_classes"}


@dataclass(frozen=True, slots=True)
class ServerPodSecurity:
    """Pod Security as the API server is configured.

    Attributes:
        configuration: defaults and exemptions; the server's own where nothing says otherwise.
        where: what told, a file or the server's command line; empty where no API server's was read.
        problem: why the configuration is not known although there is one.
        disabled: whether the server was told not to ask for Pod Security at all.
    """

    configuration: Configuration = field(default_factory=Configuration)
    where: str = ""
    problem: str = ""
    disabled: bool = False

    def policy_in(self, namespace: str, labelled: Policy) -> Policy:
        """What a namespace is held to whose labels ask for a policy: nothing where it is exempt."""
        exempt = self.disabled or namespace in self.configuration.exemptions.namespaces
        return Policy() if exempt else labelled


@remembered
def server_pod_security(snapshot: Snapshot) -> ServerPodSecurity:
    """What the first API server whose command line was read is told; one that has Pod Security off comes first."""
    found = [_told(snapshot, server) for server in api_servers(snapshot)]
    told = next((one for one in found if one.disabled), found[0] if found else ServerPodSecurity())
    return replace(told, configuration=replace(told.configuration, minor=server_minor(snapshot)))


def _told(snapshot: Snapshot, server: ApiServer) -> ServerPodSecurity:
    off = [name.strip() for name in server.flags.get("disable-admission-plugins", "").split(",")]
    if _PLUGIN in off:
        return ServerPodSecurity(where=server.place, disabled=True)
    path = server.flags.get(_FLAG, "")
    if not path:
        return ServerPodSecurity(where=server.place)
    file = server.file(snapshot, _FLAG)
    if file is None or file.document is None:
        why = file.error if file and file.error else "was not read"
        return ServerPodSecurity(where=server.place, problem=f"{visible(path)}, which --{_FLAG} names, {why}")
    try:
        return _of_plugins(snapshot, file, file.document.get("plugins"))
    except InputError as error:
        return ServerPodSecurity(where=file.place, problem=f"{error.where or file.place}: {error.what}")


def _of_plugins(snapshot: Snapshot, file: HostFile, plugins: object) -> ServerPodSecurity:
    for plugin in plugins if isinstance(plugins, list | tuple) else ():
        if not isinstance(plugin, Mapping) or plugin.get("name") != _PLUGIN:
            continue
        if plugin.get("configuration") is not None:
            return ServerPodSecurity(_configuration(plugin["configuration"], file.place), file.place)
        if path := str(plugin.get("path") or ""):
            path = posixpath.join(posixpath.dirname(file.path), path)
            own = next((one for one in snapshot.files_of(Topic.CONFIG) if one.path == path), None)
            if own is None or own.document is None:
                raise InputError(f"{visible(path)}, which it names for {_PLUGIN}, was not read", where=file.place)
            return ServerPodSecurity(_configuration(own.document, own.place), own.place)
    return ServerPodSecurity(where=file.place)


def _configuration(document: Any, where: str) -> Configuration:
    """A PodSecurityConfiguration.

    Raises:
        InputError: it is none that the server would start with.
    """
    if not isinstance(document, Mapping) or document.get("kind") != "PodSecurityConfiguration":
        raise InputError("it has no PodSecurityConfiguration where one must be", where=where)
    defaults, exemptions = (_section(document, name, where) for name in ("defaults", "exemptions"))
    policies = {
        mode.value: LevelVersion(
            parse_level(str(defaults.get(mode.value) or "privileged")),
            parse_version(str(defaults.get(f"{mode}-version") or "latest")),
        )
        for mode in Mode
    }
    exempt = {held: frozenset(_strings(exemptions.get(name), name, where)) for name, held in _EXEMPTIONS.items()}
    return Configuration(Policy(**policies), Exemptions(**exempt))


def _section(document: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    section = document.get(name)
    if not isinstance(section, Mapping | None):
        raise InputError(f"{name} is not a mapping", where=where)
    return section or {}


def _strings(value: object, name: str, where: str) -> Iterable[str]:
    if not isinstance(value, list | tuple | None) or not all(isinstance(one, str) for one in value or ()):
        raise InputError(f"exemptions.{name} is not a list of names", where=where)
    return value or ()
