"""`k8srun certs list --context` against the real server: what lies in a cluster, and what may not be read of it."""

from __future__ import annotations

import base64
import json

import pytest
from click.testing import CliRunner

from k8srun.cli.main import cli
from k8srun.kinds import CERT_MANAGER_CERTIFICATE, RESOURCES
from tests.certificates.check_cases import managed
from tests.certificates.cluster import bundle, pem
from tests.certificates.model import authority, key, leaf
from tests.certificates.signing import signing_request
from tests.live.definitions import DEFINITIONS, serve

ADMISSION = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
CA = authority("policy-ca", key("P-256", 30))


@pytest.fixture(scope="module")
def furnished(control_plane):
    """The namespace of a webhook whose caBundle is not its service's, a pending request and a cert-manager Certificate
    that is not ready."""
    namespace = control_plane.create_namespace()
    served = leaf("policy", key("P-256", 31), authority("other-ca", key("P-256", 32)))
    webhook = {
        "metadata": {"name": f"policy-{namespace}"},
        "webhooks": [{
            "name": "check.policy.example", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "failurePolicy": "Ignore", "rules": [],
            "clientConfig": {"service": {"name": "policy", "namespace": namespace}, "caBundle": bundle(CA)},
        }],
    }  # fmt: skip
    secret = {
        "metadata": {"name": "policy-tls"},
        "data": {"tls.crt": base64.b64encode(pem(served).encode()).decode(), "tls.key": ""},
        "type": "kubernetes.io/tls",
    }
    request = signing_request("jane", ["developers"], name=f"jane-{namespace}")
    certificate = managed(
        conditions=[{"type": "Ready", "status": "False", "reason": "Pending", "message": "no issuer"}]
    )
    certificate["metadata"]["namespace"] = namespace
    (created,) = serve(control_plane, RESOURCES[CERT_MANAGER_CERTIFICATE])
    control_plane.create(ADMISSION, webhook)
    control_plane.create(f"/api/v1/namespaces/{namespace}/secrets", secret)
    control_plane.create(REQUESTS, {**request, "status": {}})
    control_plane.create(f"/apis/cert-manager.io/v1/namespaces/{namespace}/certificates", certificate)
    yield namespace
    control_plane.request("DELETE", f"{ADMISSION}/policy-{namespace}")
    control_plane.request("DELETE", f"{REQUESTS}/jane-{namespace}")
    control_plane.request("DELETE", f"{DEFINITIONS}/{created}")


def listed(kubeconfig, *options: str) -> tuple[int, dict]:
    arguments = ["certs", "list", "--kubeconfig", str(kubeconfig), "--context", "@current", "-o", "json", *options]
    result = CliRunner().invoke(cli, arguments)
    return result.exit_code, json.loads(result.stdout)


def test_the_list_of_a_live_cluster_holds_all_that_the_server_knows_of(control_plane, furnished):
    code, document = listed(control_plane.kubeconfig(), "--secrets")
    rows = {row["where"]: row for row in document["items"]}
    assert (code, document["gaps"], document["lab"]) == (0, [], False)
    endpoint = rows[f"endpoint 127.0.0.1:{control_plane.port}"]
    published = rows["ConfigMap kube-system/extension-apiserver-authentication, client-ca-file"]
    assert [rows[place]["sha256"] for place in endpoint["issued_by"]] == [published["sha256"]]
    assert f"ConfigMap {furnished}/kube-root-ca.crt, ca.crt" in rows
    (verified,) = rows[
        f"ValidatingWebhookConfiguration.admissionregistration.k8s.io policy-{furnished}, webhook"
        " check.policy.example, caBundle"
    ]["verifies"]
    assert verified["where"] == f"Secret {furnished}/policy-tls, tls.crt"
    assert verified["verdict"] == "invalid"
    pending = rows[f"CertificateSigningRequest.certificates.k8s.io jane-{furnished}"]
    assert (pending["kind"], pending["state"], pending["subject"]) == ("request", "pending", "CN=jane,O=developers")
    kept = rows[f"Certificate.cert-manager.io {furnished}/policy"]
    assert (kept["kind"], kept["state"], kept["error"]) == ("managed", "not ready", "no issuer (Pending)")


def test_without_secrets_the_list_says_that_the_serving_certificate_was_not_read(control_plane, furnished):
    code, document = listed(control_plane.kubeconfig())
    (row,) = [row for row in document["items"] if row["verifies"] and f"policy-{furnished}" in row["where"]]
    assert (code, row["verifies"][0]["verdict"]) == (0, "unknown")
    assert {gap["what"] for gap in document["gaps"]} <= {"Secret"}


def test_who_may_read_nothing_gets_what_the_server_presents_and_is_told_what_is_missing(control_plane, furnished):
    code, document = listed(control_plane.kubeconfig(user="nobody-in-particular"))
    assert code == 3
    assert any(row["holder"] == "endpoint" for row in document["items"])
    missing = {gap["what"] for gap in document["gaps"] if gap["reason"] == "forbidden"}
    assert {"ConfigMap", "Certificate.cert-manager.io", "CertificateSigningRequest.certificates.k8s.io"} <= missing
