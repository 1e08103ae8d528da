"""The authorizers around RBAC: their order, what of them can be evaluated, and what says unknown."""

from __future__ import annotations

import json

import pytest

from k8srun.authorization.abac import read_policies
from k8srun.authorization.asking import identity_of
from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.chain import Authorization
from k8srun.authorization.eks import IRSA, read_eks_access
from k8srun.authorization.permissions import permissions_of
from k8srun.authorization.whocan import who_can
from k8srun.distribution import Distribution
from k8srun.errors import InputError
from k8srun.hostfiles import HostFile, Topic
from k8srun.snapshot import merge
from k8srun.sources.host import read_host
from tests.authorization.cluster import ADMIN, NOW, binding, cluster_role, rule, snapshot, urls

MANIFEST = "/etc/kubernetes/manifests/kube-apiserver.yaml"
JANE = Identity("jane")
GET = Attributes("get", "", "pods", namespace="shop")
READER = (cluster_role("reader", rule("get", "pods")), binding("shop", "b", "ClusterRole reader", "User jane"))
DELETE = Attributes("delete", "", "pods", namespace="shop")


def apiserver(*flags: str) -> HostFile:
    container = {"name": "kube-apiserver", "command": ["kube-apiserver", *flags]}
    document = {"kind": "Pod", "metadata": {"name": "kube-apiserver"}, "spec": {"containers": [container]}}
    return HostFile(MANIFEST, Topic.MANIFEST, host="node-1", document=document)


def chain(*flags: str, items=(), files: tuple[HostFile, ...] = (), distribution: Distribution | None = None, eks=None):
    seen = snapshot(*READER, *items, files=(apiserver(*flags), *files) if flags else files)
    return Authorization.of(seen, distribution=distribution, eks=eks)


def config(*types: str) -> HostFile:
    document = {"kind": "AuthorizationConfiguration", "authorizers": [{"type": item, "name": item} for item in types]}
    return HostFile("/etc/kubernetes/authz.yaml", Topic.CONFIG, host="node-1", document=document)


def policies(*lines: str) -> HostFile:
    return HostFile("/etc/kubernetes/abac.jsonl", Topic.CONFIG, host="node-1", text="\n".join(lines))


def policy(**spec) -> str:
    return json.dumps({"apiVersion": "abac.authorization.kubernetes.io/v1beta1", "kind": "Policy", "spec": spec})


def test_without_any_sign_of_the_modes_rbac_is_assumed_and_that_is_said():
    found = chain()

    assert found.modes.assumed
    assert "assumed" in found.review(JANE, DELETE).warnings[0]
    assert chain("--authorization-mode=RBAC").review(JANE, DELETE).warnings == ()
    assert (found.review(JANE, GET).allowed, found.review(JANE, DELETE).allowed) == (True, False)


@pytest.mark.parametrize(
    ("mode", "get", "delete"),
    [
        ("Node,RBAC", True, False),
        ("Webhook,RBAC", None, None),
        ("RBAC,Webhook", True, None),
        ("AlwaysAllow", True, True),
        ("RBAC,AlwaysAllow", True, True),
        ("AlwaysDeny", False, False),
        ("Webhook,AlwaysAllow", None, None),
        ("RBAC,Magic", True, None),
    ],
)
def test_the_first_authorizer_with_an_opinion_decides_and_one_out_of_sight_makes_it_unknown(mode, get, delete):
    found = chain(f"--authorization-mode={mode}")

    if "Magic" in mode:
        get = None  # nothing is known of a server that does not start like this
    assert (found.review(JANE, GET).allowed, found.review(JANE, DELETE).allowed) == (get, delete)


def test_an_api_server_without_the_flag_allows_everything():
    decision = chain("--secure-port=6443").review(JANE, DELETE)
    assert (decision.allowed, decision.authorizer) == (True, "AlwaysAllow")


def test_what_can_only_allow_more_leaves_a_later_yes_a_yes():
    discovery = (
        cluster_role("reach", urls("get", "/version")),
        binding("", "reach", "ClusterRole reach", "Group system:nodes"),
    )
    request_ = Attributes("get", path="/version")
    node = Identity("system:node:node-1", ("system:nodes",))

    for mode in ("Node,RBAC", "ABAC,RBAC", "ABAC,Node,RBAC"):
        assert chain(f"--authorization-mode={mode}", items=discovery).review(node, request_).allowed is True, mode
    assert chain("--authorization-mode=Webhook,RBAC", items=discovery).review(node, request_).allowed is None


def test_a_nodes_no_is_unknown_and_everybody_elses_is_not():
    found = chain("--authorization-mode=Node,RBAC")
    node = Identity("system:node:node-1", ("system:nodes",))

    assert found.review(node, GET).allowed is None
    assert "Node" in found.review(node, GET).unknown[0]
    assert found.review(Identity("system:node:node-1"), GET).allowed is False


def test_an_authorization_configuration_replaces_the_flag():
    flags = ("--authorization-config=/etc/kubernetes/authz.yaml", "--authorization-mode=AlwaysAllow")

    assert chain(*flags, files=(config("Node", "RBAC"),)).review(JANE, DELETE).allowed is False
    assert chain(*flags, files=(config("RBAC", "Webhook"),)).review(JANE, DELETE).allowed is None
    unread = chain(*flags).review(JANE, GET)
    assert unread.allowed is None
    assert "was not read" in unread.unknown[0]
    assert "an authorizer that is none" in chain(*flags, files=(config("Oracle"),)).review(JANE, GET).unknown[0]


ABAC = ("--authorization-mode=ABAC,RBAC", "--authorization-policy-file=/etc/kubernetes/abac.jsonl")


@pytest.mark.parametrize(
    ("spec", "identity", "request_", "allowed"),
    [
        ({"user": "jane", "namespace": "shop", "resource": "pods"}, JANE, DELETE, True),
        ({"user": "jane", "namespace": "shop", "resource": "pods", "readonly": True}, JANE, DELETE, False),
        ({"user": "jane", "namespace": "stock", "resource": "pods"}, JANE, DELETE, False),
        ({"user": "jane", "namespace": "*", "resource": "*", "apiGroup": "*"}, JANE, DELETE, True),
        ({"user": "*", "namespace": "*", "resource": "*"}, JANE, DELETE, False),
        ({"user": "*", "namespace": "*", "resource": "*"}, JANE.as_authenticated(), DELETE, True),
        ({"group": "ops", "namespace": "*", "resource": "*"}, Identity("bob", ("ops",)), DELETE, True),
        ({"user": "jane", "group": "ops", "namespace": "*", "resource": "*"}, JANE, DELETE, False),
        ({"namespace": "*", "resource": "*"}, JANE, DELETE, False),
        ({"user": "jane", "nonResourcePath": "/health*"}, JANE, Attributes("get", path="/healthz"), True),
        ({"user": "jane", "nonResourcePath": "/health*"}, JANE, Attributes("get", path="/metrics"), False),
        ({"user": "jane", "nonResourcePath": "*"}, JANE, DELETE, False),
    ],
)
def test_an_abac_policy_allows_what_its_line_says(spec, identity, request_, allowed):
    found = chain(*ABAC, files=(policies("# a comment", "", policy(**spec)),)).review(identity, request_)

    assert found.allowed is allowed
    assert ("line 3" in found.reason) is allowed


def test_abac_without_its_file_makes_every_no_unknown():
    found = chain(*ABAC)
    assert found.review(JANE, DELETE).allowed is None
    assert "abac.jsonl" in found.review(JANE, DELETE).unknown[0]


@pytest.mark.parametrize("line", ["{", "[]", '{"user": "jane"}', policy(user=3), policy(user="jane", readonly="yes")])
def test_a_broken_policy_file_is_named_with_its_line(line):
    with pytest.raises(InputError) as caught:
        read_policies(f"\n{line}\n", where="abac.jsonl")
    assert caught.value.where == "abac.jsonl:2"
    assert chain(*ABAC, files=(policies(line),)).review(JANE, DELETE).allowed is None


@pytest.mark.parametrize("name", ["EKS", "GKE", "AKS", "DOKS"])
def test_on_a_managed_cluster_a_no_is_unknown_and_a_yes_is_not(name):
    found = chain(distribution=Distribution(name, managed=True))

    assert found.review(JANE, GET).allowed is True
    assert found.review(JANE, DELETE).allowed is None


def entry(*policies_: tuple[str, list[str]], user="arn:aws:sts::1:assumed-role/ops/x", groups=()):
    associated = [
        {
            "policyArn": f"arn:aws:eks::aws:cluster-access-policy/{name}",
            "accessScope": {"type": "namespace" if spaces else "cluster", "namespaces": spaces},
        }
        for name, spaces in policies_
    ]
    inner = {"principalArn": "arn:aws:iam::1:role/ops", "username": user, "kubernetesGroups": list(groups)}
    return {"accessEntry": inner, "associatedAccessPolicies": associated}


def test_eks_access_entries_that_are_given_decide():
    eks = read_eks_access([entry(("AmazonEKSClusterAdminPolicy", ["sh*"]), user="jane")])
    found = chain(distribution=Distribution("EKS", managed=True), eks=eks)

    assert found.review(JANE, DELETE).authorizer == "EKS access entries"
    assert found.review(JANE, Attributes("delete", "", "pods", namespace="stock")).allowed is False
    assert found.review(JANE, Attributes("delete", "", "nodes")).allowed is False
    assert found.review(Identity("bob"), DELETE).allowed is False


def on_eks(*entries, items=()):
    return Authorization.of(
        snapshot(*items), distribution=Distribution("EKS", managed=True), eks=read_eks_access([*entries])
    )


@pytest.mark.parametrize(
    ("policy_", "request_", "allowed"),
    [
        ("AmazonEKSViewPolicy", Attributes("list", "", "pods", namespace="shop"), True),
        ("AmazonEKSViewPolicy", Attributes("list", "", "secrets", namespace="shop"), False),
        ("AmazonEKSEditPolicy", Attributes("list", "", "secrets", namespace="shop"), True),
        ("AmazonEKSEditPolicy", Attributes("create", "rbac.authorization.k8s.io", "roles", namespace="shop"), False),
        ("AmazonEKSAdminPolicy", Attributes("create", "rbac.authorization.k8s.io", "roles", namespace="shop"), True),
        ("AmazonEKSAdminPolicy", Attributes("get", "apps", "deployments", "scale", "shop", "web"), True),
        ("AmazonEKSAdminPolicy", Attributes("delete", "", "nodes", name="n"), False),
        ("AmazonEKSAdminViewPolicy", Attributes("list", "", "nodes"), True),
        ("AmazonEKSAdminViewPolicy", Attributes("get", path="/metrics"), False),
        ("AmazonEKSClusterAdminPolicy", Attributes("get", path="/metrics"), True),
        ("AmazonEKSSomethingNewPolicy", Attributes("list", "", "pods", namespace="shop"), None),
    ],
)
def test_an_eks_policy_allows_what_aws_documents_whatever_the_cluster_roles_say(policy_, request_, allowed):
    widened = [cluster_role(name, ADMIN, urls("*", "*")) for name in ("view", "edit", "admin")]
    found = on_eks(entry((policy_, []), user="bob"), items=widened)

    assert found.review(Identity("bob"), request_).allowed is allowed
    assert found.review(Identity("eve"), request_).allowed is False
    holders = {holder.subject.name for holder in who_can(found, request_).holders}
    assert ("bob" in holders) is (allowed is True)
    assert bool(who_can(found, request_).unknown) is (allowed is None)


def test_pods_that_can_be_an_aws_principal_are_named_with_it():
    annotated = {
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "ci", "namespace": "ops", "annotations": {IRSA: "arn:aws:iam::1:role/ops"}},
    }  # fmt: skip
    association = {"namespace": "shop", "serviceAccount": "web", "roleArn": "arn:aws:iam::1:role/ops"}
    document = {"accessEntries": [entry(("AmazonEKSClusterAdminPolicy", []), user="ops")]}
    eks = read_eks_access({**document, "podIdentityAssociations": [{"association": association}]})
    (holder,) = [one for one in who_can(Authorization.of(snapshot(annotated), eks=eks), DELETE).holders if one.reason]

    assert "ops/ci, shop/web" in holder.meaning
    for broken in ({}, [3], [{"namespace": "shop", "serviceAccount": "web"}]):
        with pytest.raises(InputError, match=r"podIdentity|Pod Identity"):
            read_eks_access({**document, "podIdentityAssociations": broken})


def test_what_an_eks_policy_or_a_policy_file_gives_is_no_part_of_the_rules_and_named_beside_them():
    found = on_eks(entry(("AmazonEKSViewPolicy", ["shop"]), user="bob"))
    assert any("AmazonEKSViewPolicy" in why for why in permissions_of(found, Identity("bob")).unknown)
    assert permissions_of(found, Identity("bob"), "stock").unknown == ()
    assert permissions_of(found, Identity("eve")).unknown == ()

    found = chain(*ABAC, files=(policies(policy(user="jane", namespace="*", resource="*", apiGroup="*")),))
    assert any("line 1" in why for why in permissions_of(found, JANE).unknown)
    assert permissions_of(found, Identity("eve")).unknown == ()


def test_every_session_of_a_role_is_who_its_eks_access_entry_names_and_in_its_groups():
    role_, items = (
        "arn:aws:sts::1:assumed-role/ops/",
        (
            cluster_role("reader", rule("get", "pods")),
            binding("shop", "b", "ClusterRole reader", "Group dev"),
        ),
    )
    found = on_eks(entry(("AmazonEKSViewPolicy", []), user=role_ + "{{SessionName}}", groups=["dev"]), items=items)
    listing = Attributes("list", "apps", "deployments", namespace="shop")

    assert found.review(Identity(role_ + "jane"), listing).allowed is True
    assert found.review(Identity("arn:aws:sts::1:assumed-role/dev/jane"), listing).allowed is False
    named = {raw: identity_of(role_ + "jane", (), raw=raw, eks=found.eks) for raw in (True, False)}
    assert named[False].groups == ("dev", "system:authenticated")
    assert named[True].groups == ()
    assert found.review(named[False], GET).proof is not None


@pytest.mark.parametrize(
    "document",
    [{}, [3], [{"principalArn": "arn:x"}], [{**entry(), "associatedAccessPolicies": [{}]}], ["arn:aws:iam::1:role/ops"],
     [entry(("AmazonEKSViewPolicy", []))["accessEntry"] | {"kubernetesGroups": "dev"}]],
)  # fmt: skip
def test_access_entries_that_do_not_say_enough_are_refused(document):
    with pytest.raises(InputError):
        read_eks_access(document)


def test_the_policy_file_that_the_manifest_names_is_read_from_the_node(tmp_path):
    folder = tmp_path / "etc/kubernetes"
    (folder / "manifests").mkdir(parents=True)
    (folder / "abac.jsonl").write_text(policy(user="jane", namespace="*", resource="pods") + "\n")
    container = {
        "name": "kube-apiserver", "command": ["kube-apiserver", *ABAC],
        "volumeMounts": [{"name": "etc", "mountPath": "/etc/kubernetes"}],
    }  # fmt: skip
    volumes = [{"name": "etc", "hostPath": {"path": "/etc/kubernetes"}}]
    pod = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "kube-apiserver"},
        "spec": {"containers": [container], "volumes": volumes},
    }  # fmt: skip
    (folder / "manifests/kube-apiserver.yaml").write_text(json.dumps(pod))

    seen = merge([snapshot(*READER), read_host(tmp_path, now=NOW)])
    assert Authorization.of(seen).review(JANE, DELETE).authorizer == "ABAC"
