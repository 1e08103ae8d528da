"""For whom an EKS access entry is, and how far its scope reaches."""

from __future__ import annotations

from k8srun.authorization.attributes import Attributes, Identity
from tests.authorization.test_chain import entry, on_eks

NODES = Attributes("list", "", "nodes")
PODS = Attributes("list", "", "pods", namespace="shop")


def test_a_scope_of_namespaces_never_reaches_the_cluster_be_it_all_of_them():
    found = on_eks(entry(("AmazonEKSClusterAdminPolicy", ["*"]), user="ops"))
    assert found.review(Identity("ops"), PODS).allowed is True
    assert found.review(Identity("ops"), NODES).allowed is False


def test_who_is_only_called_alike_is_not_who_an_entry_is_for():
    found = on_eks(entry(("AmazonEKSClusterAdminPolicy", []), user="ops/{{SessionName}}"))
    answers = {user: found.review(Identity(user), PODS).allowed for user in ("ops/jane", "ops/", "ops", "devops/jane")}
    assert answers == {"ops/jane": True, "ops/": False, "ops": False, "devops/jane": False}
    named = on_eks(entry(("AmazonEKSClusterAdminPolicy", []), user="ops"))
    assert named.review(Identity("ops-admin"), PODS).allowed is False
