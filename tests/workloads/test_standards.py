"""The table of controls and versions, and what the differential test cannot show: that a rule begins where it does."""

from __future__ import annotations

import pytest

from k8srun.workloads.capabilities import KERNEL, RUNTIME_DEFAULT
from k8srun.workloads.policy import NEWEST, Level, LevelVersion, Version
from k8srun.workloads.standards.evaluate import CONTROLS, described, evaluate, rules
from k8srun.workloads.standards.subject import read_subject
from tests.workloads.cluster import container, deployment, pod, pod_spec, template_of


def ids(level: Level, minor: int) -> list[str]:
    return [control for control, _ in rules(level, minor)]


def failures(
    spec: dict, level: Level = Level.RESTRICTED, minor: int = NEWEST, *, as_pod: bool = True, **metadata
) -> list[str]:
    subject = read_subject(template_of(pod(spec=spec, **metadata)), as_pod=as_pod)
    return [failure.id for failure in evaluate(subject, LevelVersion(level, Version(minor)))]


def context(**fields) -> dict:
    one = container()
    one["securityContext"].update(fields)
    return pod_spec(one)


def test_what_restricted_asks_for_is_allowed_at_every_version():
    for minor in range(NEWEST + 1):
        assert failures(pod_spec(), minor=minor) == []


BASELINE_1_0 = [
    "appArmorProfile", "capabilities_baseline", "hostNamespaces", "hostPathVolumes", "hostPorts", "privileged",
    "procMount", "seLinuxOptions", "seccompProfile_baseline", "sysctls", "windowsHostProcess",
]  # fmt: skip


def test_baseline_has_eleven_controls_and_a_twelfth_from_1_34():
    assert ids(Level.BASELINE, 0) == ids(Level.BASELINE, 33) == BASELINE_1_0
    assert set(ids(Level.BASELINE, 34)) - set(BASELINE_1_0) == {"hostProbesAndHostLifecycle"}


def test_restricted_replaces_the_baseline_controls_that_it_overrides_once_it_has_them():
    assert {"capabilities_baseline", "seccompProfile_baseline", "procMount"} <= set(ids(Level.RESTRICTED, 18))
    assert "hostPathVolumes" not in ids(Level.RESTRICTED, 0)
    newest = ids(Level.RESTRICTED, NEWEST)
    assert not {"capabilities_baseline", "seccompProfile_baseline", "procMount", "hostPathVolumes"} & set(newest)
    assert newest[-7:] == [
        "allowPrivilegeEscalation", "capabilities_restricted", "procMount_restricted", "restrictedVolumes",
        "runAsNonRoot", "runAsUser", "seccompProfile_restricted",
    ]  # fmt: skip


def test_the_ids_are_in_the_order_of_their_bytes_baseline_first():
    for level in (Level.BASELINE, Level.RESTRICTED):
        own = [control.id for control in CONTROLS if control.level is level]
        assert own == sorted(own, key=str.encode)


def test_privileged_asks_for_nothing():
    assert ids(Level.PRIVILEGED, NEWEST) == []


# Field → the level, the versions below and from which the verdict changes, and the control.
BOUNDARIES = [
    (context(seLinuxOptions={"type": "container_engine_t"}), Level.BASELINE, 31, "seLinuxOptions", True),
    (context(procMount="Unmasked") | {"hostUsers": False}, Level.BASELINE, 35, "procMount", True),
    ({**pod_spec(), "securityContext": {"runAsNonRoot": True, "runAsUser": 0, "seccompProfile": {"type": "Localhost"}}},
     Level.RESTRICTED, 23, "runAsUser", False),
    (context(allowPrivilegeEscalation=True), Level.RESTRICTED, 8, "allowPrivilegeEscalation", False),
    (context(capabilities=None), Level.RESTRICTED, 22, "capabilities_restricted", False),
    ({**pod_spec(), "securityContext": {"runAsNonRoot": True}},
     Level.RESTRICTED, 19, "seccompProfile_restricted", False),
    (context(seccompProfile={"type": "Unconfined"}), Level.BASELINE, 19, "seccompProfile_baseline", False),
    (pod_spec(container(livenessProbe={"httpGet": {"port": 80, "host": "10.0.0.1"}})),
     Level.BASELINE, 34, "hostProbesAndHostLifecycle", False),
    (pod_spec(os={"name": "windows"}) | {"containers": [{"name": "web"}]}, Level.RESTRICTED, 25,
     "allowPrivilegeEscalation", True),
    ({**pod_spec(), "securityContext": {"runAsNonRoot": False, "seccompProfile": {"type": "RuntimeDefault"}},
      "hostUsers": False}, Level.RESTRICTED, 35, "runAsNonRoot", True),
    ({**pod_spec(), "hostUsers": False, "securityContext":
      {"runAsNonRoot": True, "runAsUser": 0, "seccompProfile": {"type": "RuntimeDefault"}}},
     Level.RESTRICTED, 35, "runAsUser", True),
    (context(procMount="Unmasked") | {"hostUsers": False}, Level.RESTRICTED, 35, "procMount_restricted", False),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "level", "since", "control", "allowed"), BOUNDARIES)
def test_a_rule_changes_at_its_version_and_not_before(spec, level, since, control, allowed):
    before, after = control in failures(spec, level, since - 1), control in failures(spec, level, since)

    assert (before, after) == ((True, False) if allowed else (False, True))


@pytest.mark.parametrize(
    ("name", "since"),
    [
        ("net.ipv4.tcp_syncookies", 0),
        ("net.ipv4.ip_local_reserved_ports", 27),
        ("net.ipv4.tcp_keepalive_probes", 29),
        ("net.ipv4.tcp_fin_timeout", 29),
        ("net.ipv4.tcp_rmem", 32),
        ("net.ipv4.tcp_notsent_lowat", 37),
        ("net.core.somaxconn", NEWEST + 1),
    ],
)
def test_a_sysctl_is_safe_from_its_version_on(name, since):
    spec = pod_spec()
    spec["securityContext"]["sysctls"] = [{"name": name, "value": "1"}]

    allowed = [minor for minor in range(NEWEST + 1) if "sysctls" not in failures(spec, Level.BASELINE, minor)]

    assert allowed == list(range(since, NEWEST + 1))


def test_baseline_lets_containers_add_what_the_runtime_gives_but_for_net_raw():
    refused = {
        name
        for name in KERNEL
        if failures(context(capabilities={"add": [name]}), Level.BASELINE) == ["capabilities_baseline"]
    }

    assert KERNEL - refused == RUNTIME_DEFAULT - {"NET_RAW"}


def test_a_version_newer_than_known_is_judged_as_the_newest():
    assert Version(NEWEST + 5).evaluated == Version().evaluated == NEWEST
    assert str(Version(NEWEST + 5)) == f"v1.{NEWEST + 5}"


def test_a_volume_without_a_source_is_an_empty_directory_and_an_unknown_one_is_restricted():
    assert failures(pod_spec(volumes=[{"name": "a"}, {"name": "b", "hostPath": None}])) == []
    subject = read_subject(template_of(pod(spec=pod_spec(volumes=[{"name": "new", "teleport": {}}]))))
    (found,) = evaluate(subject, LevelVersion(Level.RESTRICTED))
    assert found.detail == 'volume "new" uses restricted volume type "unknown"'


def test_a_container_that_says_true_does_not_undo_a_pod_that_says_false():
    spec = context(runAsNonRoot=True)
    spec["securityContext"]["runAsNonRoot"] = False

    assert failures(spec) == ["runAsNonRoot"]


def test_the_pods_of_a_template_have_the_ports_of_the_node_where_the_template_does_not_say_so():
    spec = pod_spec(container(ports=[{"containerPort": 80}]), hostNetwork=True)
    template = template_of(deployment(spec=spec))
    policy = LevelVersion(Level.BASELINE)

    as_template = evaluate(read_subject(template), policy)
    as_pod = evaluate(read_subject(template, as_pod=True), policy)

    assert [failure.id for failure in as_template] == ["hostNamespaces"]
    assert described(as_pod) == 'host namespaces (hostNetwork=true), hostPort (container "web" uses hostPort 80)'


def test_containers_are_named_init_regular_ephemeral():
    bad = {"securityContext": {"privileged": True}}
    spec = pod_spec(
        {"name": "b", **bad}, initContainers=[{"name": "c", **bad}], ephemeralContainers=[{"name": "a", **bad}]
    )

    (found,) = evaluate(read_subject(template_of(pod(spec=spec))), LevelVersion(Level.BASELINE))

    assert str(found) == 'privileged (containers "c", "b", "a" must not set securityContext.privileged=true)'
