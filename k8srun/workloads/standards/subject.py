"""The pod that the controls judge: as admission sees it, after the server's defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from k8srun.pods import PodTemplate
from k8srun.workloads.podfields import Container, PodSecurityContext, PodSpec, Profile, SecurityContext
from k8srun.workloads.podspec import read_spec

APPARMOR_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/"

_NO_CONTEXT = SecurityContext()
_NO_POD_CONTEXT = PodSecurityContext()
_DEFAULT_VOLUME = "emptyDir"


@dataclass(frozen=True, slots=True)
class Subject:
    """A pod or template as admission evaluates it.

    Attributes:
        spec: what was read.
        annotations: of its metadata.
        pod: its security context, an empty one where it has none.
        containers: init, regular, ephemeral, in this order: the container and its security context.
        volumes: name and kind (`hostPath`) of each.
        host_ports: for each container, in order, the ports of the node that it asks for.
    """

    spec: PodSpec
    annotations: Mapping[str, str]
    pod: PodSecurityContext
    containers: tuple[tuple[Container, SecurityContext], ...]
    volumes: tuple[tuple[str, str], ...]
    host_ports: tuple[tuple[int, ...], ...]

    @property
    def is_windows(self) -> bool:
        return self.spec.os is not None and self.spec.os.name == "windows"

    @property
    def has_user_namespace(self) -> bool:
        return self.spec.host_users is False


def read_subject(template: PodTemplate, *, as_pod: bool | None = None) -> Subject:
    """A pod or template as admission sees it: read, and with the server's defaults.

    Args:
        as_pod: with the defaults that the server gives to pods alone; for a template the pods that it makes are judged
            instead of the template. By default as the object is.

    Raises:
        InputError: the spec is not what the API takes; the path is named.
    """
    spec = read_spec(template)
    annotations = template.metadata.get("annotations") or {}
    pod = spec.security_context or _NO_POD_CONTEXT
    containers = tuple((container, container.security_context or _NO_CONTEXT) for container in _containers(spec))
    as_pod = template.is_pod if as_pod is None else as_pod
    if as_pod and annotations and not (spec.os is not None and spec.os.name == "windows"):
        containers = tuple(
            (container, _with_annotation(container, context, pod, annotations)) for container, context in containers
        )
    return Subject(
        spec=spec,
        annotations=annotations,
        pod=pod,
        containers=containers,
        volumes=tuple(_volumes(template.spec.get("volumes"))),
        host_ports=tuple(_host_ports(spec, as_pod=as_pod)),
    )


def _containers(spec: PodSpec) -> list[Container]:
    return [*(spec.init_containers or ()), *(spec.containers or ()), *(spec.ephemeral_containers or ())]


def _with_annotation(
    container: Container, context: SecurityContext, pod: PodSecurityContext, annotations: Mapping[str, str]
) -> SecurityContext:
    """AppArmor's old annotation, as the server writes it into the field of a new pod; other values are harmless here.

    Source: kubernetes `pkg/registry/core/pod/strategy.go`, applyAppArmorVersionSkew.
    """
    if annotations.get(f"{APPARMOR_ANNOTATION}{container.name}") != "unconfined" or context.app_armor_profile:
        return context
    unconfined = Profile(type="Unconfined")
    if pod.app_armor_profile == unconfined:
        return context
    values = {name: getattr(context, name) for name in SecurityContext.__struct_fields__}
    return SecurityContext(**{**values, "app_armor_profile": unconfined})


def _volumes(volumes: Any) -> Iterator[tuple[str, str]]:
    """The name and kind of each volume: one that names none is an emptyDir."""
    for volume in volumes or ():
        kinds = [key for key, value in volume.items() if key != "name" and value is not None]
        yield volume["name"], kinds[0] if kinds else _DEFAULT_VOLUME


def _host_ports(spec: PodSpec, *, as_pod: bool) -> Iterator[tuple[int, ...]]:
    """Of a pod in the node's network every port is one of the node's.

    Source: kubernetes `pkg/apis/core/v1/defaults.go`, SetDefaults_Pod.
    """
    defaulted = len(spec.init_containers or ()) + len(spec.containers or ()) if as_pod and spec.host_network else 0
    for index, container in enumerate(_containers(spec)):
        ports = container.ports or ()
        yield tuple(
            number
            for port in ports
            if (number := port.host_port or (port.container_port if index < defaulted else 0) or 0)
        )
