"""401s of a real kube-apiserver: what its log says leads to the one cause, and the fix lets the request pass."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime

import pytest
import urllib3
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from k8srun.assessment.symptoms import diagnose
from k8srun.snapshot import Snapshot

ACCOUNTS = "/api/v1/namespaces/{}/serviceaccounts"
ISSUER = "https://kubernetes.default.svc.cluster.local"


@pytest.fixture
def namespace(control_plane):
    name = control_plane.create_namespace()
    yield name
    control_plane.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def whoami(control_plane):
    """Asks the server who a token is: the status, and the line of its log if it refused."""

    def ask(token):
        before = control_plane.apiserver_log.stat().st_size
        with urllib3.PoolManager(ca_cert_data=control_plane.ca_pem.decode(), retries=False) as pool:
            response = pool.request(
                "POST", f"{control_plane.server}/apis/authentication.k8s.io/v1/selfsubjectreviews",
                body=json.dumps({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}),
                headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            )  # fmt: skip
        end = time.monotonic() + 10
        while response.status == 401 and time.monotonic() < end:
            said = control_plane.apiserver_log.read_bytes()[before:].decode(errors="replace")
            for line in said.splitlines():
                if "Unable to authenticate" in line:
                    return response.status, line
        return response.status, ""

    return ask


def issued(control_plane, namespace, name, **spec):
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": 600, **spec},
    }
    return control_plane.create(f"{ACCOUNTS.format(namespace)}/{name}/token", body)["status"]["token"]


def forged(**claims):
    """A token signed with a key that the server does not know."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    said = {"iss": ISSUER, "aud": [ISSUER], "exp": int(time.time()) + 600, "sub": "system:serviceaccount:a:b", **claims}
    parts = ".".join(_base64(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "x"}, said))
    return f"{parts}.{_base64(key.sign(parts.encode(), padding.PKCS1v15(), SHA256()))}"


def _base64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def causes(line):
    text = f"error: You must be logged in to the server (Unauthorized)\n{line}"
    return [cause.id for cause in diagnose(text, Snapshot(datetime.now(UTC)), datetime.now(UTC)).confirmed]


def test_a_token_for_another_audience_and_the_one_that_mends_it(control_plane, namespace, whoami):
    control_plane.create(ACCOUNTS.format(namespace), {"metadata": {"name": "ci"}})
    status, line = whoami(issued(control_plane, namespace, "ci", audiences=["vault"]))
    assert (status, causes(line)) == (401, ["token-audience"])
    assert whoami(issued(control_plane, namespace, "ci"))[0] == 201


def test_a_token_whose_account_was_deleted_and_made_again(control_plane, namespace, whoami):
    accounts = ACCOUNTS.format(namespace)
    control_plane.create(accounts, {"metadata": {"name": "ci"}})
    token = issued(control_plane, namespace, "ci")
    assert whoami(token)[0] == 201
    control_plane.request("DELETE", f"{accounts}/ci")
    line = control_plane.wait_until("the token to be refused", lambda: whoami(token)[1])
    assert causes(line) == ["service-account-deleted"]
    control_plane.create(accounts, {"metadata": {"name": "ci"}})
    line = control_plane.wait_until("the new account to be seen", lambda: whoami(token)[1])
    assert causes(line) == ["service-account-deleted"], "an account of the same name is another one"
    assert whoami(issued(control_plane, namespace, "ci"))[0] == 201


def test_a_token_that_is_bound_to_a_secret_ends_with_it(control_plane, namespace, whoami):
    control_plane.create(ACCOUNTS.format(namespace), {"metadata": {"name": "ci"}})
    secrets = f"/api/v1/namespaces/{namespace}/secrets"
    secret = control_plane.create(secrets, {"metadata": {"name": "lease"}})
    bound = {"apiVersion": "v1", "kind": "Secret", "name": "lease", "uid": secret["metadata"]["uid"]}
    token = issued(control_plane, namespace, "ci", boundObjectRef=bound)
    assert whoami(token)[0] == 201
    control_plane.request("DELETE", f"{secrets}/lease")
    line = control_plane.wait_until("the token to be refused", lambda: whoami(token)[1])
    assert causes(line) == ["bound-object-deleted"]


def test_a_token_that_another_cluster_signed(whoami):
    status, line = whoami(forged())
    assert (status, causes(line)) == (401, ["token-of-another-cluster"])


@pytest.mark.parametrize("token", [forged(iss="https://oidc.example"), "not-a-jwt-at-all"])
def test_what_no_authenticator_knows_is_recognised_and_stays_open(whoami, token):
    status, line = whoami(token)
    assert status == 401
    found = diagnose(line, Snapshot(datetime.now(UTC)), datetime.now(UTC))
    assert (found.recognised, found.runbook, found.confirmed) == (True, "unauthorized-401", ())
    assert token not in repr(found)
