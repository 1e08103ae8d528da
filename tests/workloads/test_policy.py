from __future__ import annotations

import pytest

from k8srun.errors import InputError
from k8srun.workloads.admission import MOST_PODS, Configuration, Exemptions, admit, relabel
from k8srun.workloads.policy import (
    LATEST,
    NEWEST,
    PREFIX,
    Level,
    LevelVersion,
    Policy,
    Version,
    parse_level,
    parse_version,
    policy_of,
)
from tests.workloads.cluster import container, deployment, namespace, pod, pod_spec, template_of


def labels(**given: str) -> dict[str, str]:
    return {f"{PREFIX}{name.replace('_', '-')}": value for name, value in given.items()}


@pytest.mark.parametrize(
    ("given", "enforce", "audit", "warn"),
    [
        ({}, "privileged:latest", "privileged:latest", "privileged:latest"),
        ({"enforce": "baseline", "enforce_version": "v1.30"}, "baseline:v1.30", "privileged:latest", "baseline:v1.30"),
        ({"enforce": "baseline", "warn_version": "v1.20"}, "baseline:latest", "privileged:latest", "baseline:v1.20"),
        ({"enforce": "restricted", "warn": "baseline"}, "restricted:latest", "privileged:latest", "baseline:latest"),
        ({"enforce": "Baseline"}, "restricted:latest", "privileged:latest", "privileged:latest"),
        ({"audit": "x", "warn": "y"}, "privileged:latest", "privileged:latest", "privileged:latest"),
        ({"enforce": "baseline", "enforce_version": "1.30"}, "baseline:latest", "privileged:latest", "baseline:latest"),
        ({"enforce_version": "v1.30"}, "privileged:v1.30", "privileged:latest", "privileged:latest"),
    ],
)
def test_labels_say_what_each_mode_asks_for(given, enforce, audit, warn):
    policy, _ = policy_of(labels(**given))

    assert (str(policy.enforce), str(policy.audit), str(policy.warn)) == (enforce, audit, warn)


def test_a_servers_defaults_hold_for_what_the_labels_leave_out():
    defaults = Policy(audit=LevelVersion(Level.RESTRICTED, Version(30)), warn=LevelVersion(Level.RESTRICTED))

    policy, errors = policy_of(labels(audit="baseline", enforce="baseline"), defaults)

    assert errors == ()
    assert (str(policy.audit), str(policy.warn)) == ("baseline:v1.30", "restricted:latest")


def test_a_warning_of_the_same_level_keeps_its_own_version():
    defaults = Policy(warn=LevelVersion(Level.BASELINE))

    policy, _ = policy_of(labels(enforce="baseline", enforce_version="v1.30"), defaults)

    assert str(policy.warn) == "baseline:latest"


@pytest.mark.parametrize("text", ["1.30", "v1.030", "v2.0", "v1", "v1.-1", "newest", "v1.3 ", "v1.٣", "v1." + "9" * 30])
def test_a_version_that_the_server_does_not_take_is_refused(text):
    with pytest.raises(InputError, match="no version of a Pod Security policy"):
        parse_version(text)
    assert policy_of({f"{PREFIX}enforce-version": text})[1] != ()


def test_versions_and_levels_are_read():
    assert parse_version("latest") == LATEST
    assert parse_version("v1.0") == Version(0)
    assert parse_level("restricted") is Level.RESTRICTED
    with pytest.raises(InputError, match="no level"):
        parse_level("Restricted")


PRIVILEGED = pod_spec(container(securityContext={"privileged": True}))


def test_a_workload_is_let_in_with_a_warning_although_its_pods_will_be_refused():
    found = admit(template_of(deployment(spec=PRIVILEGED)), labels(enforce="baseline"))

    assert found.allowed
    assert found.message == ""
    assert found.warnings[0].startswith('would violate PodSecurity "baseline:latest": privileged (container "web"')
    assert [failure.id for failure in found.failures] == ["privileged"]


def test_a_pod_is_refused_without_a_warning_and_audited_all_the_same():
    found = admit(
        template_of(pod(spec=PRIVILEGED)), labels(enforce="baseline", audit="baseline", audit_version="v1.30")
    )

    assert not found.allowed
    assert found.message.startswith('pods "web" is forbidden: violates PodSecurity "baseline:latest": privileged')
    assert found.warnings == ()
    assert found.audit.startswith('would violate PodSecurity "baseline:v1.30"')


@pytest.mark.parametrize(
    ("exemptions", "reason"),
    [
        (Exemptions(namespaces=frozenset({"shop"})), "namespace"),
        (Exemptions(usernames=frozenset({"deployer"})), "user"),
        (Exemptions(runtime_classes=frozenset({"gvisor"})), "runtimeClass"),
        (Exemptions(frozenset({"other"}), frozenset({"other"}), frozenset({"other"})), ""),
    ],
)
def test_who_is_exempt_is_not_judged(exemptions, reason):
    template = template_of(pod(spec={**PRIVILEGED, "runtimeClassName": "gvisor"}))

    found = admit(template, labels(enforce="baseline"), Configuration(exemptions=exemptions), username="deployer")

    assert (found.exempt, found.allowed) == (reason, bool(reason))


def test_a_relabelled_namespace_names_the_first_pod_of_each_reason_and_how_many_more():
    given = [template_of(pod(name, spec=PRIVILEGED)) for name in ("b", "a", "c")]
    given += [template_of(pod("d", spec=pod_spec(hostPID=True))), template_of(pod("e"))]

    found = relabel(namespace(enforce="privileged"), labels(enforce="baseline"), given)

    assert found.warnings == (
        'existing pods in namespace "shop" violate the new PodSecurity enforce level "baseline:latest"',
        "a (and 2 other pods): privileged",
        "d: host namespaces",
    )
    assert [pod.name for pod, _ in found.violating] == ["b", "a", "c", "d"]


def test_relaxing_a_namespace_warns_of_nothing_and_yet_says_which_pods_violate():
    found = relabel(namespace(enforce="restricted"), labels(enforce="baseline"), [template_of(pod(spec=PRIVILEGED))])

    assert found.warnings == ()
    assert len(found.violating) == 1


def test_labels_that_cannot_be_read_are_told():
    found = relabel(namespace(), labels(enforce="strict"), [])

    (error,) = found.errors
    expected = 'Invalid value: "strict": must be one of privileged, baseline, restricted'
    assert str(error) == f"metadata.labels[pod-security.kubernetes.io/enforce]: {expected}"


def test_of_a_large_namespace_the_server_looks_at_one_pod_of_each_controller_first():
    reference = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs", "uid": "u", "controller": True}
    many = [template_of(pod(f"many-{number}", ownerReferences=[reference])) for number in range(MOST_PODS + 10)]
    alone = template_of(pod("alone", spec=PRIVILEGED))

    found = relabel(namespace(enforce="privileged"), labels(enforce="baseline"), [*many, alone])

    assert found.warnings == (
        f"new PodSecurity enforce level only checked against the first {MOST_PODS} of {MOST_PODS + 11} existing pods",
        'existing pods in namespace "shop" violate the new PodSecurity enforce level "baseline:latest"',
        "alone: privileged",
    )


@pytest.mark.parametrize(
    ("asked", "server", "evaluated"),
    [
        ("latest", 30, 30),
        ("v1.37", 30, 30),
        ("v1.29", 30, 29),
        ("latest", NEWEST + 2, NEWEST),
        ("latest", None, NEWEST),
    ],
)
def test_a_server_evaluates_what_is_newer_than_itself_as_the_newest_that_it_knows(asked, server, evaluated):
    policy = LevelVersion(Level.BASELINE, parse_version(asked))

    assert policy.on(server).version.evaluated == evaluated
    assert str(policy.on(server)) == f"baseline:{asked}", "the server's messages say what was asked for"
    assert policy.on(server) == policy
