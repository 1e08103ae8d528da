"""Who explains a 401 or a 403: authorization, certificates, or both while the credential is not known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from k8srun.assessment.remedies import plan_of
from k8srun.assessment.symptoms import diagnose
from k8srun.hostfiles import HostFile, Topic
from k8srun.kubeconfig import Kubeconfig, KubeconfigContext, KubeconfigUser
from k8srun.snapshot import Snapshot
from tests.authorization.cluster import NOW, binding, role, rule, snapshot

PLAIN = "error: You must be logged in to the server (Unauthorized)"
DENIED = 'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "shop"'


def with_credential(kind):
    user = KubeconfigUser("u", credential=kind)
    config = Kubeconfig("c", users=(user,), contexts=(KubeconfigContext("c", "k", "u"),))
    return replace(Snapshot(NOW), files=(HostFile("/home/u/.kube/config", Topic.KUBECONFIG, kubeconfig=config),))


@pytest.mark.parametrize(
    ("credential", "domain"),
    [("token", "authorization"), ("exec plugin", "authorization"), ("none", "authorization"),
     ("client certificate", "certificates")],
)  # fmt: skip
def test_a_plain_401_is_explained_by_what_the_credential_is(credential, domain):
    assert diagnose(PLAIN, with_credential(credential), NOW).domain == domain


def test_a_plain_401_of_an_unknown_credential_lists_the_causes_of_tokens_and_of_certificates():
    found = diagnose(PLAIN, Snapshot(NOW), NOW)
    causes = {cause.id for cause in found.causes}
    assert {"token-expired", "client-certificate-expired"} <= causes
    assert found.confirmed == ()


def test_a_401_whose_log_names_a_certificate_is_certificates_matter():
    line = 'authentication.go:76] "Unable to authenticate the request" err="[x509: certificate has expired]"'
    assert diagnose(f"{PLAIN}\n{line}", with_credential("token"), NOW).domain == "certificates"


@pytest.mark.parametrize(
    "text",
    [DENIED, f"Error creating: {DENIED}", f"E1 reflector.go:1] failed to list *v1.Pod: {DENIED}"],
)
def test_a_403_by_rbac_is_authorizations_wherever_it_stands(text):
    found = diagnose(text, Snapshot(NOW), NOW)
    assert (found.domain, found.runbook) == ("authorization", "forbidden-403")


@pytest.mark.parametrize(
    "text",
    ['pods "x" is forbidden: violates PodSecurity "restricted:latest": privileged (container "a" must not set …)',
     'pods "x" is forbidden: exceeded quota: q, requested: cpu=1, used: cpu=2, limited: cpu=2'],
)  # fmt: skip
def test_what_admission_refused_is_left_to_who_knows_about_pods(text):
    found = diagnose(text, Snapshot(NOW), NOW)
    assert found.recognised
    assert found.runbook == "pod-refused"


def test_a_plan_is_made_where_a_grant_is_the_answer_and_only_there():
    assert plan_of(DENIED, snapshot(), NOW).steps[0].target.kind == "Role"
    anonymous = DENIED.replace("jane", "system:anonymous")
    assert plan_of(anonymous, snapshot(), NOW) is None
    default = DENIED.replace("jane", "system:serviceaccount:shop:default")
    assert plan_of(default, snapshot(), NOW) is None
    allowed = snapshot(role("shop", "r", rule("get,list,watch", "pods")), binding("shop", "r", "Role r", "User jane"))
    assert plan_of(DENIED, allowed, NOW) is None
