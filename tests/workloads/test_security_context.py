from __future__ import annotations

import pytest

from k8srun.kinds import RUNTIME_CLASS, SERVICE_ACCOUNT
from k8srun.snapshot import Area, Gap, GapReason
from k8srun.workloads.capabilities import KERNEL, RUNTIME_DEFAULT, capabilities_of
from k8srun.workloads.isolation import host_paths, isolation, mounts_token
from k8srun.workloads.podfields import Capabilities, SecurityContext
from k8srun.workloads.security_context import ContainerContext, effective_contexts
from tests.workloads.cluster import cluster, container, deployment, pod, pod_spec, service_account, template_of


def effective(spec: dict, **metadata) -> ContainerContext:
    (found,) = effective_contexts(template_of(pod(spec=spec, **metadata)))
    return found


def merged(own: dict, shared: dict, **fields) -> ContainerContext:
    return effective({"containers": [{"name": "web", "securityContext": own}], "securityContext": shared, **fields})


def aspect(found: ContainerContext, name: str):
    return next(one for one in found.aspects if one.name == name)


def test_the_container_wins_over_the_pod_field_by_field():
    found = merged({"runAsUser": 1000}, {"runAsUser": 0, "runAsGroup": 7, "seccompProfile": {"type": "RuntimeDefault"}})

    assert (found.user, found.group, found.seccomp) == (1000, 7, "RuntimeDefault")
    assert [aspect(found, name).origin for name in ("runAsUser", "runAsGroup", "seccompProfile")] == [
        "container", "pod", "pod",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("own", "shared", "may_be_root"),
    [
        ({}, {}, None),
        ({}, {"runAsNonRoot": True}, False),
        ({"runAsNonRoot": False}, {"runAsNonRoot": True}, None),
        ({"runAsUser": 0}, {}, True),
        ({"runAsUser": 0}, {"runAsUser": 1000}, True),
        ({"runAsUser": 1}, {"runAsUser": 0}, False),
        ({"runAsUser": 0}, {"runAsNonRoot": True}, False),
    ],
)
def test_whether_a_container_may_be_root_is_known_unless_the_image_decides(own, shared, may_be_root):
    assert merged(own, shared).may_be_root is may_be_root


def test_a_container_that_asks_for_root_and_forbids_it_does_not_start():
    assert "does not start" in aspect(merged({"runAsUser": 0}, {"runAsNonRoot": True}), "runAsUser").sentence


@pytest.mark.parametrize(
    ("own", "escalates"),
    [
        ({}, True),
        ({"allowPrivilegeEscalation": False}, False),
        ({"allowPrivilegeEscalation": True}, True),
        ({"privileged": True}, True),
        ({"allowPrivilegeEscalation": False, "capabilities": {"add": ["SYS_ADMIN"]}}, True),
    ],
)
def test_privilege_escalation_is_allowed_unless_it_is_forbidden_and_can_be(own, escalates):
    assert merged(own, {}).privilege_escalation is escalates


def test_a_privileged_container_is_not_confined_whatever_its_profiles_say():
    found = merged({"privileged": True, "seccompProfile": {"type": "RuntimeDefault"}}, {})

    assert (found.seccomp, found.app_armor) == ("Unconfined", "Unconfined")
    assert found.capabilities.bounding == KERNEL


def test_seccomp_that_nobody_sets_is_the_kubelets_to_decide():
    found = merged({}, {})

    assert found.seccomp == "kubelet default"
    assert aspect(found, "seccompProfile").weakens


def test_the_old_annotation_of_apparmor_counts_where_no_field_is_set():
    key = {"container.apparmor.security.beta.kubernetes.io/web": "unconfined"}

    assert effective(pod_spec({"name": "web"}), annotations=key).app_armor == "Unconfined"
    field = {"name": "web", "securityContext": {"appArmorProfile": {"type": "Localhost", "localhostProfile": "p"}}}
    assert effective(pod_spec(field), annotations=key).app_armor == "Localhost p"


@pytest.mark.parametrize(
    ("add", "drop", "bounding"),
    [
        ((), (), RUNTIME_DEFAULT),
        ((), ("ALL",), frozenset()),
        (("NET_BIND_SERVICE",), ("ALL",), {"NET_BIND_SERVICE"}),
        (("ALL",), ("SYS_ADMIN",), KERNEL - {"SYS_ADMIN"}),
        (("SYS_TIME",), ("SYS_TIME",), RUNTIME_DEFAULT),
        (("ALL",), ("ALL",), frozenset()),
        (("sys_time",), ("all",), {"SYS_TIME"}),
        ((), ("NET_RAW",), RUNTIME_DEFAULT - {"NET_RAW"}),
    ],
)
def test_capabilities_are_all_first_then_added_then_dropped(add, drop, bounding):
    found = capabilities_of(SecurityContext(capabilities=Capabilities(list(add), list(drop))))

    assert found.bounding == bounding
    assert found.unknown == ()
    assert found.effective(is_root=True) == bounding
    assert found.effective(is_root=False) == frozenset()


def test_a_capability_that_linux_does_not_know_is_named():
    found = merged({"capabilities": {"add": ["CAP_CHOWN"]}}, {})

    assert found.capabilities.unknown == ("CAP_CHOWN",)
    assert "written without CAP_" in aspect(found, "capabilities").sentence


def test_every_aspect_of_a_hardened_container_is_explained_and_none_weakens():
    found = effective(pod_spec())

    assert {one.name for one in found.aspects} == {
        "runAsUser", "runAsGroup", "allowPrivilegeEscalation", "capabilities", "seccompProfile", "appArmorProfile",
        "seLinuxOptions", "readOnlyRootFilesystem",
    }  # fmt: skip
    assert [one.name for one in found.aspects if one.weakens] == []
    assert all(one.sentence.endswith(".") for one in found.aspects)


def test_each_thing_that_weakens_a_container_is_marked():
    found = merged(
        {
            "runAsUser": 0,
            "procMount": "Unmasked",
            "seLinuxOptions": {"type": "spc_t"},
            "capabilities": {"add": ["BPF"]},
        },
        {"appArmorProfile": {"type": "Unconfined"}, "seccompProfile": {"type": "Unconfined"}},
    )

    assert {one.name for one in found.aspects if one.weakens} == {
        "runAsUser", "procMount", "seLinuxOptions", "capabilities", "appArmorProfile", "seccompProfile",
        "allowPrivilegeEscalation", "readOnlyRootFilesystem",
    }  # fmt: skip


def test_root_in_a_user_namespace_is_explained_as_nobody_on_the_node():
    found = merged({"runAsUser": 0}, {}, hostUsers=False)

    assert found.user_namespace
    assert not aspect(found, "runAsUser").weakens


def test_windows_containers_are_explained_in_their_own_terms():
    options = {"hostProcess": True, "runAsUserName": "NT AUTHORITY\\SYSTEM"}
    found = merged({}, {"windowsOptions": options}, os={"name": "windows"})

    assert [(one.name, one.origin) for one in found.aspects] == [("hostProcess", "pod"), ("runAsUserName", "pod")]


def test_hostile_values_cannot_act_when_they_are_shown():
    profile = {"type": "Localhost", "localhostProfile": "a\x1b[2J"}

    found = merged({"seccompProfile": profile, "seLinuxOptions": {"type": "\u202e"}}, {})

    shown = "".join(one.value + one.sentence for one in found.aspects)
    assert "\x1b" not in shown
    assert "\u202e" not in shown


# --- What the pod shares ----------------------------------------------------------------------------------------------


def sentences(spec: dict, *items: dict, gaps=()) -> dict[str, str]:
    template = template_of(pod(spec=spec))
    return {one.name: one.sentence for one in isolation(cluster(*items, gaps=gaps), template)}


def test_what_a_pod_shares_with_its_node_is_told():
    volume = {"name": "logs", "hostPath": {"path": "/var/log"}}
    reading = container(volumeMounts=[{"name": "logs", "mountPath": "/logs", "readOnly": True}])
    found = sentences(pod_spec(reading, hostNetwork=True, hostPID=True, volumes=[volume]))

    assert {"hostNetwork", "hostPID", "hostPath"} <= set(found)
    assert found["hostPath"] == "It reads /var/log of the node."


def test_a_host_path_is_writable_where_any_mount_of_it_is():
    volume = {"name": "logs", "hostPath": {"path": "/var/log"}}
    mounts = [{"name": "logs", "mountPath": "/a", "readOnly": True}, {"name": "logs", "mountPath": "/b"}]

    (path,) = host_paths(template_of(pod(spec=pod_spec(container(volumeMounts=mounts), volumes=[volume]))))

    assert path.writable
    assert path.mounts == (("web", "/a", False), ("web", "/b", True))


def runtime_class(handler: str) -> dict:
    return {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "safe"}, "handler": handler}


@pytest.mark.parametrize(
    ("items", "gaps", "said"),
    [
        ([runtime_class("runsc")], (), "gVisor runs it"),
        ([runtime_class("kata-qemu")], (), "Kata Containers runs it"),
        ([runtime_class("crun")], (), "by its handler crun"),
        ([], (), "The cluster has no RuntimeClass of this name"),
        ([], (Gap(Area.OBJECTS, str(RUNTIME_CLASS), GapReason.FORBIDDEN),), "is not known"),
    ],
)
def test_a_runtime_class_is_looked_up_in_the_cluster(items, gaps, said):
    assert said in sentences(pod_spec(runtimeClassName="safe"), *items, gaps=gaps)["runtimeClassName"]


@pytest.mark.parametrize(
    ("own", "account", "mounted"),
    [
        (None, None, (True, "cluster")),
        (None, False, (False, "ServiceAccount")),
        (True, False, (True, "pod")),
        (False, True, (False, "pod")),
    ],
)
def test_a_token_is_mounted_unless_the_pod_or_else_its_service_account_says_no(own, account, mounted):
    spec = pod_spec(automountServiceAccountToken=own, serviceAccountName="runner")
    snapshot = cluster(service_account("runner", automountServiceAccountToken=account))

    assert mounts_token(snapshot, template_of(deployment(spec=spec))) == mounted
    assert SERVICE_ACCOUNT in snapshot.objects


@pytest.mark.parametrize("places", [["/var/run/secrets/kubernetes.io/serviceaccount"], []])
def test_a_pod_that_runs_has_a_token_or_not_whatever_its_service_account_says_since(places):
    mounts = [{"name": "kube-api-access-x", "mountPath": path, "readOnly": True} for path in places]
    made = pod(spec=pod_spec(container(volumeMounts=mounts)), uid="made")
    snapshot = cluster(service_account(automountServiceAccountToken=not places))

    assert mounts_token(snapshot, template_of(made)) == (bool(places), "pod")


def test_whether_a_token_is_mounted_is_not_known_where_service_accounts_could_not_be_read():
    gap = Gap(Area.OBJECTS, str(SERVICE_ACCOUNT), GapReason.FORBIDDEN)
    assert "is not known" in sentences(pod_spec(), gaps=(gap,))["automountServiceAccountToken"]


def test_a_token_that_the_pod_asks_for_is_told_although_none_is_mounted_by_itself():
    volume = {"name": "vault", "projected": {"sources": [{"serviceAccountToken": {"audience": "vault", "path": "t"}}]}}
    reading = container(volumeMounts=[{"name": "vault", "mountPath": "/tokens"}])
    found = sentences(pod_spec(reading, volumes=[volume], automountServiceAccountToken=False))

    assert "No token" in found["automountServiceAccountToken"]
    assert found["serviceAccountToken"] == (
        "web has a token of ServiceAccount default for vault, in a volume of its own."
    )
