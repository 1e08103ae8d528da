"""The roles that are printed; tests/live proves against a real server that they are enough and no more."""

from __future__ import annotations

import json

import pytest
import yaml
from click.testing import CliRunner

from k8srun.cli.permissions import permissions
from k8srun.errors import InputError
from k8srun.hostfiles import Topic
from k8srun.kinds import DEPLOYMENT, NAMESPACE, POD, RESOURCES, SECRET, Kind
from k8srun.permissions import Tier, needs_of, role_for, role_of
from k8srun.snapshot import Need


def allowed(role: dict) -> set[tuple[str, str, str, str]]:
    """What a role allows, as (verb, group, resource, name)."""
    return {
        (verb, group, resource, name)
        for rule in role["rules"]
        for verb in rule["verbs"]
        for group in rule.get("apiGroups", [])
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
    }


@pytest.mark.parametrize("tier", Tier)
def test_nothing_but_reading_is_allowed(tier):
    writes = {grant for grant in allowed(role_of(tier)) if grant[0] not in {"get", "list"}}
    # A question that is asked by POST, as reviews are.
    assert writes == {("create", "authentication.k8s.io", "selfsubjectreviews", "")}


@pytest.mark.parametrize("tier", Tier)
def test_nothing_is_a_wildcard(tier):
    assert "*" not in json.dumps(role_of(tier))


def test_each_tier_sees_what_the_one_before_it_sees_and_more():
    base, secrets, nodes = (allowed(role_of(tier)) for tier in Tier)
    assert secrets - base == {("list", "", "secrets", "")}
    assert nodes - secrets == {("get", "", "nodes/proxy", "")}
    assert base < secrets < nodes


def test_the_base_tier_reads_every_kind_but_secrets():
    assert needs_of(Tier.BASE) == {Need.objects(kind) for kind in RESOURCES if kind != SECRET}
    assert needs_of(Tier.SECRETS) == needs_of(Tier.NODES) == {Need.objects(kind) for kind in RESOURCES}


def test_the_role_of_some_needs_lists_their_kinds_and_identifies_the_cluster():
    needs = [Need.objects(POD), Need.objects(DEPLOYMENT), Need.host(Topic.PKI), Need.endpoint()]
    assert allowed(role_for(needs, name="x509-error")) == {
        ("list", "", "pods", ""),
        ("list", "apps", "deployments", ""),
        ("get", "", "namespaces", "kube-system"),
        ("create", "authentication.k8s.io", "selfsubjectreviews", ""),
    }


def test_who_reads_namespaces_may_read_each_of_them_too():
    grants = allowed(role_for([Need.objects(NAMESPACE)], name="x"))
    assert {("list", "", "namespaces", ""), ("get", "", "namespaces", "")} <= grants


def test_a_kind_whose_resource_is_not_known_is_refused_and_not_guessed():
    with pytest.raises(InputError, match=r"which resource the kind Widget\.example\.com is"):
        role_for([Need.objects(Kind("example.com", "Widget"))], name="x")


def test_the_same_needs_give_the_same_role_whatever_their_order():
    needs = sorted(needs_of(Tier.SECRETS), key=str)
    assert role_for(needs, name="x") == role_for(reversed(needs), name="x")


def test_no_two_rules_could_be_one():
    rules = role_of(Tier.NODES)["rules"]
    keys = [json.dumps({key: value for key, value in rule.items() if key != "resources"}) for rule in rules]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("tier", Tier)
def test_the_command_prints_the_role_as_yaml_that_can_be_applied_and_says_how(tier):
    printed = CliRunner().invoke(permissions, ["--tier", tier.value])
    assert printed.exit_code == 0
    assert yaml.safe_load(printed.stdout) == role_of(tier)
    assert f"kubectl create clusterrolebinding k8srun-{tier} --clusterrole=k8srun-{tier}" in printed.stdout


def test_the_command_prints_the_base_tier_unless_told_otherwise():
    printed = CliRunner().invoke(permissions, ["-o", "json"])
    assert json.loads(printed.stdout) == role_of(Tier.BASE)
    assert printed.stderr == ""


def test_what_is_dangerous_about_a_tier_is_said_and_json_stays_json():
    for arguments, stream in ([[], "stdout"], [["-o", "json"], "stderr"]):
        printed = CliRunner().invoke(permissions, ["--tier", "nodes", *arguments])
        assert "as good as root on every node" in getattr(printed, stream)
        assert "k8srun itself asks no kubelet" in getattr(printed, stream)
    assert json.loads(printed.stdout)["kind"] == "ClusterRole"


def test_a_tier_that_does_not_exist_is_refused():
    assert CliRunner().invoke(permissions, ["--tier", "root"]).exit_code == 2
