"""The fields of a pod spec whose types are checked (1.37).

As for the server, `null` is the same as absent. Source: k8s.io/api, core/v1.
"""

from __future__ import annotations

from typing import Any

import msgspec

_Object = dict[str, Any] | None


class _Base(msgspec.Struct, rename="camel"):
    """A part of a pod spec, named as in JSON. Read-only by agreement."""


class Capabilities(_Base):
    add: list[str] | None = None
    drop: list[str] | None = None


class SELinuxOptions(_Base):
    user: str | None = None
    role: str | None = None
    type: str | None = None
    level: str | None = None


class WindowsOptions(_Base):
    gmsa_credential_spec_name: str | None = None
    gmsa_credential_spec: str | None = None
    run_as_user_name: str | None = None
    host_process: bool | None = None


class Profile(_Base):
    """A seccomp or AppArmor profile."""

    type: str | None = None
    localhost_profile: str | None = None


class SecurityContext(_Base):
    capabilities: Capabilities | None = None
    privileged: bool | None = None
    se_linux_options: SELinuxOptions | None = None
    windows_options: WindowsOptions | None = None
    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    read_only_root_filesystem: bool | None = None
    allow_privilege_escalation: bool | None = None
    proc_mount: str | None = None
    seccomp_profile: Profile | None = None
    app_armor_profile: Profile | None = None


class Sysctl(_Base):
    name: str
    value: str | None = None


class PodSecurityContext(_Base):
    se_linux_options: SELinuxOptions | None = None
    windows_options: WindowsOptions | None = None
    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    supplemental_groups: list[int] | None = None
    supplemental_groups_policy: str | None = None
    fs_group: int | None = None
    sysctls: list[Sysctl] | None = None
    fs_group_change_policy: str | None = None
    seccomp_profile: Profile | None = None
    app_armor_profile: Profile | None = None
    se_linux_change_policy: str | None = None


class ContainerPort(_Base):
    name: str | None = None
    host_port: int | None = None
    container_port: int | None = None
    protocol: str | None = None
    host_ip: str | None = msgspec.field(name="hostIP", default=None)


class NetworkAction(_Base):
    """`httpGet` or `tcpSocket` of a probe or lifecycle handler."""

    path: str | None = None
    port: int | str | None = None
    host: str | None = None
    scheme: str | None = None
    protocol: str | None = None


class Probe(_Base):
    exec: _Object = None
    http_get: NetworkAction | None = None
    tcp_socket: NetworkAction | None = None
    grpc: _Object = None
    initial_delay_seconds: int | None = None
    timeout_seconds: int | None = None
    period_seconds: int | None = None
    success_threshold: int | None = None
    failure_threshold: int | None = None
    termination_grace_period_seconds: int | None = None


class LifecycleHandler(_Base):
    exec: _Object = None
    http_get: NetworkAction | None = None
    tcp_socket: NetworkAction | None = None
    sleep: _Object = None


class Lifecycle(_Base):
    post_start: LifecycleHandler | None = None
    pre_stop: LifecycleHandler | None = None
    stop_signal: str | None = None


class EnvVar(_Base):
    name: str
    value: str | None = None
    value_from: _Object = None


class VolumeMount(_Base):
    name: str
    read_only: bool | None = None
    recursive_read_only: str | None = None
    mount_path: str | None = None
    sub_path: str | None = None
    mount_propagation: str | None = None
    sub_path_expr: str | None = None


class Resources(_Base):
    limits: dict[str, str | int | float] | None = None
    requests: dict[str, str | int | float] | None = None


class Container(_Base):
    """A container of any of the three lists; `targetContainerName` is of ephemeral ones alone."""

    name: str
    image: str | None = None
    command: list[str] | None = None
    args: list[str] | None = None
    working_dir: str | None = None
    ports: list[ContainerPort] | None = None
    env: list[EnvVar] | None = None
    resources: Resources | None = None
    restart_policy: str | None = None
    volume_mounts: list[VolumeMount] | None = None
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    termination_message_path: str | None = None
    termination_message_policy: str | None = None
    image_pull_policy: str | None = None
    security_context: SecurityContext | None = None
    stdin: bool | None = None
    stdin_once: bool | None = None
    tty: bool | None = None
    target_container_name: str | None = None


class Volume(_Base):
    """A volume: its name, and one field that says what it is of."""

    name: str
    host_path: _Object = None
    empty_dir: _Object = None
    gce_persistent_disk: _Object = None
    aws_elastic_block_store: _Object = None
    git_repo: _Object = None
    secret: _Object = None
    nfs: _Object = None
    iscsi: _Object = None
    glusterfs: _Object = None
    persistent_volume_claim: _Object = None
    rbd: _Object = None
    flex_volume: _Object = None
    cinder: _Object = None
    cephfs: _Object = None
    flocker: _Object = None
    downward_api: _Object = msgspec.field(name="downwardAPI", default=None)
    fc: _Object = None
    azure_file: _Object = None
    config_map: _Object = None
    vsphere_volume: _Object = None
    quobyte: _Object = None
    azure_disk: _Object = None
    photon_persistent_disk: _Object = None
    projected: _Object = None
    portworx_volume: _Object = None
    scale_io: _Object = msgspec.field(name="scaleIO", default=None)
    storageos: _Object = None
    csi: _Object = None
    ephemeral: _Object = None
    image: _Object = None


class PodOS(_Base):
    name: str | None = None


class LocalReference(_Base):
    name: str | None = None


class PodSpec(_Base):
    volumes: list[Volume] | None = None
    init_containers: list[Container] | None = None
    containers: list[Container] | None = None
    ephemeral_containers: list[Container] | None = None
    restart_policy: str | None = None
    termination_grace_period_seconds: int | None = None
    active_deadline_seconds: int | None = None
    dns_policy: str | None = None
    service_account_name: str | None = None
    service_account: str | None = None
    automount_service_account_token: bool | None = None
    node_name: str | None = None
    host_network: bool | None = None
    host_pid: bool | None = msgspec.field(name="hostPID", default=None)
    host_ipc: bool | None = msgspec.field(name="hostIPC", default=None)
    share_process_namespace: bool | None = None
    security_context: PodSecurityContext | None = None
    image_pull_secrets: list[LocalReference] | None = None
    hostname: str | None = None
    subdomain: str | None = None
    scheduler_name: str | None = None
    priority_class_name: str | None = None
    priority: int | None = None
    runtime_class_name: str | None = None
    enable_service_links: bool | None = None
    preemption_policy: str | None = None
    set_hostname_as_fqdn: bool | None = msgspec.field(name="setHostnameAsFQDN", default=None)
    os: PodOS | None = None
    host_users: bool | None = None
    resources: Resources | None = None
    hostname_override: str | None = None
