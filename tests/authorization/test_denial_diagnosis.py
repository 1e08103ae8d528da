"""Causes of 403s and 401s: what is proven, what is ruled out, and what stays open because it cannot be seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from k8srun.authorization.denials.case import World
from k8srun.authorization.denials.diagnosis import diagnose_denial
from k8srun.authorization.denials.reading import read
from k8srun.authorization.denials.survey import survey
from k8srun.distribution import Distribution
from k8srun.hostfiles import HostFile, Topic
from k8srun.kinds import EVENT, NAMESPACE, POD, SERVICE_ACCOUNT
from k8srun.kubeconfig import Kubeconfig, KubeconfigCluster, KubeconfigContext, KubeconfigUser
from k8srun.snapshot import Gap, GapReason, Need, Snapshot
from tests.authorization.cluster import NOW, binding, cluster_role, role, rule, snapshot

TEXT = 'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "shop"'
PODS = rule("get,list,watch", "pods")


def causes(text, cluster, distribution=None):
    found = diagnose_denial(read(text), World(cluster, NOW, distribution))
    return found, {cause.id: cause.status.value for cause in found.causes}


def confirmed(text, cluster, distribution=None):
    return [cause.id for cause in causes(text, cluster, distribution)[0].confirmed]


def test_nothing_is_confirmed_where_nothing_could_be_read():
    found, statuses = causes(TEXT, Snapshot(NOW))
    assert found.confirmed == ()
    assert statuses["no-grant"] == "open"
    assert any("kubectl auth can-i" in line for line in found.next)


def test_a_resource_that_there_is_not_is_said_even_where_no_role_could_be_read():
    found, statuses = causes(TEXT.replace("pods", "pod"), Snapshot(NOW))
    assert statuses["resource-misspelt"] == "open"
    assert "pods is meant" in str(next(cause for cause in found.causes if cause.id == "resource-misspelt").evidence)


def test_roles_that_could_not_be_read_leave_every_near_miss_open():
    cluster = snapshot(role("data", "r", PODS), binding("data", "r", "Role r", "User jane"))
    gap = Gap(next(iter(cluster.observed)).area, "RoleBinding.rbac.authorization.k8s.io", GapReason.FORBIDDEN)
    _found, statuses = causes(TEXT, replace(cluster, gaps=(gap,)))
    assert statuses["wrong-namespace"] == "open"
    assert confirmed(TEXT, cluster) == ["wrong-namespace"], "and with them it is proven"


def test_a_webhook_in_the_chain_keeps_a_missing_grant_open():
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "kube-apiserver", "namespace": "kube-system",
           "annotations": {"kubernetes.io/config.mirror": "x"}},
           "spec": {"containers": [{"command": ["kube-apiserver", "--authorization-mode=RBAC,Webhook"]}]}}  # fmt: skip
    found, statuses = causes(TEXT, snapshot(pod, observed=(POD,)))
    assert found.confirmed == ()
    assert (statuses["no-grant"], statuses["other-authorizer"]) == ("open", "open")


@pytest.mark.parametrize("name", ["EKS", "GKE", "AKS"])
def test_a_clouds_iam_keeps_a_missing_grant_open(name):
    found, statuses = causes(TEXT, snapshot(), Distribution(name, managed=True))
    assert found.confirmed == ()
    assert statuses["no-grant"] == "open"


def test_a_reason_of_the_providers_names_the_provider():
    assert "other-authorizer" in confirmed(
        f'{TEXT}: requires one of ["container.pods.list"] permission(s).', snapshot()
    )


def test_what_is_allowed_by_now_is_said_to_be_and_not_granted_again():
    cluster = snapshot(role("shop", "r", PODS), binding("shop", "r", "Role r", "User jane"))
    assert confirmed(TEXT, cluster) == ["allowed-now"]


def test_a_group_that_may_is_a_cause_only_where_the_groups_of_who_asked_are_known():
    cluster = snapshot(role("shop", "r", PODS), binding("shop", "r", "Role r", "Group dev"))
    found, statuses = causes(TEXT, cluster)
    assert found.confirmed == ()
    assert statuses["group-missing"] == "open"
    assert any("auth whoami" in line for line in found.next)
    event = ('{"kind": "Event", "verb": "list", "user": {"username": "jane", "groups": ["ops"]}, "requestURI": "/x",'
             ' "objectRef": {"resource": "pods", "namespace": "shop"}, "responseStatus": {"code": 403, "message": ""},'
             ' "annotations": {"authorization.k8s.io/decision": "forbid"}}')  # fmt: skip
    assert confirmed(event, cluster) == ["group-missing"]


def test_administrators_do_not_make_every_refusal_a_missing_group():
    everything = cluster_role("cluster-admin", {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]})
    cluster = snapshot(everything, binding("", "admins", "ClusterRole cluster-admin", "Group admins"))
    assert confirmed(TEXT, cluster) == ["no-grant"]


def test_a_service_account_that_does_not_exist_points_at_another_cluster():
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web", "namespace": "shop"}}
    text = TEXT.replace("jane", "system:serviceaccount:shop:{}")
    cluster = snapshot(account, observed=(SERVICE_ACCOUNT,))
    assert confirmed(text.format("nope"), cluster) == ["other-cluster"]
    assert confirmed(text.format("web"), cluster) == ["no-grant"]


def test_a_namespace_that_does_not_exist_is_said_and_stays_open():
    shop = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "store"}}
    _found, statuses = causes(TEXT, snapshot(shop, observed=(NAMESPACE,)))
    assert statuses["other-cluster"] == "open"


def test_the_role_that_the_server_misses_comes_before_what_merely_resembles():
    cluster = snapshot(role("data", "r", PODS), binding("data", "r", "Role r", "User jane"),
                       binding("shop", "gone", "Role gone", "User jane"))  # fmt: skip
    missing = f'{TEXT}: RBAC: role.rbac.authorization.k8s.io "gone" not found'
    assert confirmed(missing, cluster) == ["dangling-role"]


def test_admission_is_never_mended_by_a_grant():
    text = 'pods "x" is forbidden: exceeded quota: q, requested: a=1, used: a=1, limited: a=1'
    found, _statuses = causes(text, snapshot())
    assert [cause.id for cause in found.confirmed] == ["quota"]
    assert not any("create role" in line for cause in found.causes for line in cause.fix.commands)


# 401s


def with_user(cluster=None, flags="", **user):
    """A snapshot with a kubeconfig of one user, and an API server with some flags."""
    config = Kubeconfig("c", (KubeconfigCluster("k", "https://192.0.2.1"),), (KubeconfigUser("u", **user),),
                        (KubeconfigContext("c", "k", "u"),))  # fmt: skip
    manifest = {"kind": "Pod", "spec": {"containers": [{"command": ["kube-apiserver", *flags.split()]}]}}
    files = [HostFile("/home/mara/.kube/config", Topic.KUBECONFIG, kubeconfig=config)]
    if flags:
        files.append(HostFile("/etc/kubernetes/manifests/a.yaml", Topic.MANIFEST, host="cp", document=manifest))
    return replace(cluster or Snapshot(NOW), files=tuple(files))


ISSUER = "https://kubernetes.default.svc.cluster.local"
FLAGS = f"--service-account-issuer={ISSUER} --authorization-mode=Node,RBAC"
CLAIMS = {"iss": ISSUER, "sub": "system:serviceaccount:shop:web", "aud": [ISSUER],
          "exp": (NOW + timedelta(hours=1)).timestamp(), "nbf": (NOW - timedelta(hours=1)).timestamp(),
          "kubernetes.io": {"serviceaccount": {"name": "web", "uid": "u1"}}}  # fmt: skip
ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web", "namespace": "shop", "uid": "u1"}}
HERE = snapshot(ACCOUNT, observed=(SERVICE_ACCOUNT,))


def of_token(**claims):
    return confirmed("Unauthorized", with_user(HERE, FLAGS, credential="token", token_claims={**CLAIMS, **claims}))


@pytest.mark.parametrize(
    ("claims", "cause"),
    [
        ({"exp": (NOW - timedelta(minutes=1)).timestamp()}, "token-expired"),
        ({"nbf": (NOW + timedelta(minutes=9)).timestamp()}, "token-not-yet-valid"),
        ({"aud": ["vault"]}, "token-audience"),
        ({"sub": "system:serviceaccount:shop:gone"}, "service-account-deleted"),
        ({"kubernetes.io": {"serviceaccount": {"name": "web", "uid": "older"}}}, "service-account-deleted"),
    ],
)  # fmt: skip
def test_the_claims_of_a_token_tell_what_is_wrong_with_it(claims, cause):
    assert of_token(**claims) == [cause]


def test_a_token_of_another_issuer_is_of_another_cluster_whatever_else_does_not_fit():
    found = of_token(iss="https://oidc.example", aud=["https://oidc.example"], sub="system:serviceaccount:shop:gone")
    assert found[0] == "token-of-another-cluster"


def test_a_token_in_order_is_not_blamed():
    assert of_token() == []


def test_a_token_that_is_bound_to_a_pod_ends_with_it():
    bound = {**CLAIMS["kubernetes.io"], "pod": {"name": "web-1", "uid": "p1"}}
    cluster = replace(HERE, observed=HERE.observed | {Need.objects(POD)})
    found = confirmed(
        "Unauthorized", with_user(cluster, FLAGS, credential="token", token_claims={**CLAIMS, "kubernetes.io": bound})
    )
    assert found == ["bound-object-deleted"]


@pytest.mark.parametrize(
    ("user", "cause"),
    [
        ({"credential": "none"}, ["no-credentials"]),
        ({"credential": "basic auth"}, ["password-removed"]),
        ({"credential": "token"}, ["static-token"]),
        ({"credential": "exec plugin", "exec_command": "aws"}, []),
    ],
)
def test_the_kind_of_the_credential_tells(user, cause):
    assert confirmed("Unauthorized", with_user(HERE, FLAGS, **user)) == cause


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("service account token has expired", "token-expired"),
        ("service account shop/web has been deleted", "service-account-deleted"),
        (r"serviceaccounts \"web\" not found", "service-account-deleted"),
        ("service account UID (a) does not match claim (b)", "service-account-deleted"),
        ("pod UID (a) does not match service account pod ref claim (b)", "bound-object-deleted"),
        ("service account token has been invalidated", "bound-object-deleted"),
        ('token audiences ["x"] is invalid for the target audiences ["y"]', "token-audience"),
        ("invalid signature, no keys found", "token-of-another-cluster"),
        ("oidc: email not verified", "oidc-mapping"),
    ],
)
def test_the_api_servers_log_is_proof_by_itself(said, cause):
    line = f'authentication.go:76] "Unable to authenticate the request" err="[invalid bearer token, {said}]"'
    assert confirmed(line, Snapshot(NOW)) == [cause]


def test_an_event_of_a_refusal_is_found_without_any_text():
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e", "namespace": "shop"},
        "message": f"Error creating: {TEXT}",
    }
    found = survey(World(snapshot(event, observed=(EVENT,)), NOW))
    assert [cause.id for cause in found.confirmed] == ["no-grant"]
    assert survey(World(snapshot(), NOW)).confirmed == ()


def test_names_out_of_a_message_cannot_act_on_a_terminal():
    text = TEXT.replace("jane", "ja\u202ene").replace("shop", "sh\x1b[2Jop")
    found, _statuses = causes(text, snapshot())
    assert "\u202e" not in repr(found)
    assert "\x1b" not in found.meaning
