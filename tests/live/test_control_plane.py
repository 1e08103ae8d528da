"""What the live tests stand on: the control plane is real, answers as itself, and leaves nothing behind."""

from __future__ import annotations

import datetime as dt
import os
import signal
import socket
import subprocess
import sys
from base64 import b64decode, b64encode
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.controlplane.binaries import pinned_kubernetes
from tests.controlplane.cluster import ControlPlane
from tests.controlplane.pki import SERVER, Authority
from tests.controlplane.processes import ControlPlaneError, wait_until

ROOT = Path(__file__).parents[2]


def kubectl(control_plane: ControlPlane, kubeconfig: Path, *args: str) -> str:
    """What kubectl prints, on either stream."""
    run = subprocess.run(
        [control_plane.binaries / "kubectl", f"--kubeconfig={kubeconfig}", *args],
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(kubeconfig.parent)},
    )
    return run.stdout + run.stderr


def is_listened_on(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def pod(*, privileged: bool = False) -> dict:
    container = {"name": "app", "image": "registry.example/app:1", "securityContext": {"privileged": privileged}}
    return {"metadata": {"generateName": "app-"}, "spec": {"containers": [container]}}


@pytest.mark.skipif("KUBEBUILDER_ASSETS" in os.environ, reason="KUBEBUILDER_ASSETS may hold any version")
def test_the_server_says_the_version_that_is_pinned(control_plane):
    status, version = control_plane.request("GET", "/version")
    assert (status, version["gitVersion"]) == (200, pinned_kubernetes())
    assert f"v{version['major']}.{version['minor']}" == pinned_kubernetes().rpartition(".")[0]


def test_rbac_denies_what_no_role_grants_and_allows_what_one_does(control_plane):
    namespace = control_plane.create_namespace()
    pods = f"/api/v1/namespaces/{namespace}/pods"

    status, refusal = control_plane.request("GET", pods, user="jane", groups=["dev"])
    assert status == 403
    assert refusal["message"] == (
        f'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "{namespace}"'
    )

    control_plane.create(
        f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings",
        {
            "metadata": {"name": "dev-view"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "dev"}],
        },
    )
    allowed = control_plane.wait_until(
        "the binding to be seen by the authorizer",
        lambda: control_plane.request("GET", pods, user="jane", groups=["dev"])[0] == 200,
    )
    assert allowed


def test_a_node_may_write_itself_and_no_other_node(control_plane):
    node = {"user": "system:node:worker-1", "groups": ["system:nodes"]}
    status, _ = control_plane.request("POST", "/api/v1/nodes", {"metadata": {"name": "worker-1"}}, **node)
    assert status == 201
    status, refusal = control_plane.request("POST", "/api/v1/nodes", {"metadata": {"name": "worker-2"}}, **node)
    assert status == 403
    assert refusal["message"].endswith('node "worker-1" is not allowed to modify node "worker-2"')


def test_pod_security_admission_refuses_in_its_own_words(control_plane):
    namespace = control_plane.create_namespace({"pod-security.kubernetes.io/enforce": "baseline"})
    pods = f"/api/v1/namespaces/{namespace}/pods"

    status, _ = control_plane.request("POST", pods, pod())
    assert status == 201
    status, refusal = control_plane.request("POST", pods, pod(privileged=True))
    assert status == 403
    assert 'violates PodSecurity "baseline:latest": privileged' in refusal["message"]


def test_an_approved_certificate_request_is_signed_by_the_cluster_authority(control_plane):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "new-colleague")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    requests = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
    created = control_plane.create(
        requests,
        {
            "metadata": {"generateName": "colleague-"},
            "spec": {
                "request": b64encode(request.public_bytes(serialization.Encoding.PEM)).decode(),
                "signerName": "kubernetes.io/kube-apiserver-client",
                "usages": ["client auth"],
            },
        },
    )
    path = f"{requests}/{created['metadata']['name']}"
    created["status"] = {"conditions": [{"type": "Approved", "status": "True", "reason": "Test", "message": "yes"}]}
    status, _ = control_plane.request("PUT", f"{path}/approval", created)
    assert status == 200

    signed = control_plane.wait_until(
        "the certificate to be issued",
        lambda: control_plane.request("GET", path)[1].get("status", {}).get("certificate"),
    )
    certificate = x509.load_pem_x509_certificate(b64decode(signed))
    assert certificate.subject == subject
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(control_plane.ca_pem))


def test_every_namespace_is_given_the_authority_of_the_cluster(control_plane):
    path = f"/api/v1/namespaces/{control_plane.create_namespace()}/configmaps/kube-root-ca.crt"
    published = control_plane.wait_until(
        "the root CA to be published", lambda: control_plane.request("GET", path)[1].get("data")
    )
    assert published["ca.crt"].encode() == control_plane.ca_pem


def test_a_service_account_token_authenticates(control_plane):
    namespace = control_plane.create_namespace()
    token = control_plane.create(f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token", {"spec": {}})
    review = control_plane.create(
        "/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": token["status"]["token"]}}
    )
    assert review["status"]["user"]["username"] == f"system:serviceaccount:{namespace}:default"


def test_a_kubeconfig_of_the_administrator_works_with_kubectl(control_plane):
    answer = kubectl(control_plane, control_plane.kubeconfig(), "auth", "whoami")
    assert "kubernetes-super-admin" in answer
    assert "system:masters" in answer


def test_an_expired_client_certificate_is_unauthorized(control_plane):
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    answer = kubectl(control_plane, control_plane.kubeconfig(user="jane", expires=yesterday), "get", "namespaces")
    assert "You must be logged in to the server" in answer
    assert "x509: certificate has expired or is not yet valid" in control_plane.apiserver_log.read_text()


def test_a_client_certificate_of_another_authority_is_unauthorized(control_plane):
    stranger = control_plane.kubeconfig(client_ca=Authority("kubernetes"))
    assert "You must be logged in to the server" in kubectl(control_plane, stranger, "get", "namespaces")


def test_a_kubeconfig_with_a_ca_rebuilt_under_the_same_name_does_not_verify(control_plane):
    rebuilt = control_plane.kubeconfig(ca=Authority("kubernetes").pair.certificate)
    answer = kubectl(control_plane, rebuilt, "get", "namespaces")
    assert "x509: certificate signed by unknown authority" in answer
    assert 'while trying to verify candidate authority certificate "kubernetes"' in answer


def test_an_address_that_the_certificate_lacks_does_not_verify(control_plane):
    with control_plane.at_address("127.0.0.2") as url:
        answer = kubectl(control_plane, control_plane.kubeconfig(server=url), "get", "namespaces")
        assert "x509: certificate is valid for " in answer
        assert ", not 127.0.0.2" in answer

        verified = control_plane.kubeconfig(server=url, tls_server_name="kubernetes.default.svc")
        assert "kube-system" in kubectl(control_plane, verified, "get", "namespaces")


def test_a_name_that_the_certificate_lacks_does_not_verify(control_plane):
    by_name = control_plane.kubeconfig(server=f"https://localhost:{control_plane.port}")
    answer = kubectl(control_plane, by_name, "get", "namespaces")
    assert "x509: certificate is valid for " in answer
    assert ", not localhost" in answer


def test_a_second_api_server_presents_another_certificate_for_the_same_cluster(control_plane):
    rebuilt = Authority("kubernetes")
    serving = rebuilt.issue("kube-apiserver", usages=SERVER, sans=["127.0.0.1"])
    with control_plane.second_apiserver(serving) as url:
        old_trust = control_plane.kubeconfig(server=url)
        assert "signed by unknown authority" in kubectl(control_plane, old_trust, "get", "namespaces")
        new_trust = control_plane.kubeconfig(server=url, ca=rebuilt.pair.certificate)
        assert "kube-system" in kubectl(control_plane, new_trust, "get", "namespaces")


def test_a_second_control_plane_is_another_cluster_and_leaves_nothing_running(control_plane, tmp_path):
    with ControlPlane(tmp_path, extra_sans=["localhost"]) as second:
        uids = {
            cluster.request("GET", "/api/v1/namespaces/kube-system")[1]["metadata"]["uid"]
            for cluster in (control_plane, second)
        }
        assert len(uids) == 2
        by_name = second.kubeconfig(server=f"https://localhost:{second.port}")
        assert "kube-system" in kubectl(second, by_name, "get", "namespaces")
        assert all(map(is_listened_on, second.ports))
    assert not any(map(is_listened_on, second.ports))
    assert is_listened_on(control_plane.port)


def test_a_server_that_does_not_start_says_why_and_stops_the_others(control_plane_binaries, tmp_path):
    broken = ControlPlane(tmp_path, apiserver_args=["--no-such-flag"])
    with pytest.raises(
        ControlPlaneError, match=r"kube-apiserver ended with status 1(.|\n)*unknown flag: --no-such-flag"
    ):
        broken.start()
    assert not any(map(is_listened_on, broken.ports))


@pytest.mark.parametrize(
    "end",
    [
        signal.SIGINT,
        pytest.param(
            signal.SIGKILL,
            marks=pytest.mark.skipif(
                sys.platform != "linux", reason="only Linux ends the children of a killed process"
            ),
        ),
    ],
)
def test_the_servers_end_with_the_test_run_however_it_ends(control_plane_binaries, tmp_path, end):
    script = (
        "import pathlib, sys, time\n"
        "from tests.controlplane.cluster import ControlPlane\n"
        "with ControlPlane(pathlib.Path(sys.argv[1])) as running:\n"
        "    print(*running.ports, flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as session:
        ports = [int(port) for port in session.stdout.readline().split()]
        assert len(ports) == 4
        assert all(map(is_listened_on, ports))
        session.send_signal(end)
        session.wait()
    assert wait_until("the ports to be free", lambda: not any(map(is_listened_on, ports)), [])
