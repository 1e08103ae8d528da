"""Each incident fails in earnest, and in the words of its symptom."""

from __future__ import annotations

import base64
import os
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml

from k8srun.lab import Lab, Served, incidents
from k8srun.lab.facts import go_time

HERE = Path(__file__).parent

KNOWN = {one.name: one for one in incidents() if one.domain == "certificates"}
# What OpenSSL says of the handshake with the API server: its code, or the reason where it comes to no verification.
# Where nothing stands here it is content: the fault is in the client's certificate, elsewhere, or Go's alone.
OPENSSL = {
    "damaged-certificate": 7,  # certificate signature failure
    "not-yet-valid": 9,
    "expired-serving-certificate": 10,
    "expired-intermediate": 10,
    "expired-ca": 10,
    "process-not-restarted": 10,
    "self-signed-serving-certificate": 18,
    "another-server-answers": 18,
    "ca-rebuilt": 20,  # unable to get local issuer certificate
    "leaf-as-ca": 20,
    "other-clusters-ca": 20,
    "intermediate-not-sent": 20,
    "path-length": 25,
    "client-certificate-served": 26,
    "ca-for-clients": 26,
    "critical-extension": 34,
    "name-constraint": 47,  # permitted subtree violation
    "missing-ip-san": 64,  # IP address mismatch
    "ip-as-dns-name": 64,
    "no-names": 64,
    "legacy-common-name": 64,
    "short-key": 66,
    "sha1-signature": 68,
    "ca-cannot-sign": 79,  # invalid CA certificate
    "plain-http": "WRONG_VERSION_NUMBER",
    "old-tls": "TLSV1_ALERT_PROTOCOL_VERSION",
    "nobody-listens": "UNEXPECTED_EOF_WHILE_READING",
    "client-certificate-not-sent": "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "client-certificate-not-sent-tls12": "SSLV3_ALERT_HANDSHAKE_FAILURE",
}
# Whose kubeconfig holds nothing that a client could begin with.
WITHOUT_CA = {"no-ca-in-kubeconfig", "ca-data-encoded-twice", "ca-data-no-pem"}
# Who says it is behind the API server, and the lab serves no aggregated API.
BY_AGGREGATED = {"front-proxy-name"}
# kubectl's own words, which no handshake tells.
BY_KUBECTL = [
    name
    for name, one in KNOWN.items()
    if one.symptom.startswith(
        ("Unable to connect", "error: You must", "error: unable to load", "Error from server (Bad")
    )
    and "tls: failed to verify" not in one.symptom.splitlines()[0]
    and name not in BY_AGGREGATED
]
# What Go's own verification says; the kubectl at hand may be built with another Go.
BY_GO = [name for name, one in KNOWN.items() if one.symptom.startswith("Unable") and name not in BY_KUBECTL]


def cluster_of(lab: Lab) -> dict[str, str]:
    return yaml.safe_load(lab.kubeconfig.read_text())["clusters"][0]["cluster"]


def trusted(lab: Lab, folder: Path) -> Path:
    """The CA that the engineer's kubeconfig trusts, as a file."""
    path = folder / "trusted.crt"
    path.write_bytes(base64.b64decode(cluster_of(lab)["certificate-authority-data"]))
    return path


def python_says(served: Served, ca: Path, flags: ssl.VerifyFlags = ssl.VerifyFlags.VERIFY_DEFAULT) -> int | str:
    """The status of an answer, or why OpenSSL would not have it."""
    context = ssl.create_default_context(cafile=str(ca))
    context.verify_flags |= flags
    try:
        with urllib.request.urlopen(f"{served.url}/version", context=context, timeout=10) as answer:
            return answer.status
    except (urllib.error.URLError, ssl.SSLError) as error:  # bare, when it comes with the answer
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            return reason.verify_code
        return str(getattr(reason, "reason", reason))


@pytest.mark.parametrize("name", ["healthy", *sorted(KNOWN.keys() - WITHOUT_CA)])
def test_openssl_meets_what_the_incident_describes(
    name: str, labs: dict[str, Lab], served: dict[str, Served], tmp_path: Path
) -> None:
    assert python_says(served[name], trusted(labs[name], tmp_path)) == OPENSSL.get(name, 200)


def test_only_a_strict_openssl_misses_the_authority_key_identifier(
    labs: dict[str, Lab], served: dict[str, Served], tmp_path: Path
) -> None:
    name, strict = "no-key-identifier", ssl.VerifyFlags.VERIFY_X509_STRICT

    assert python_says(served[name], trusted(labs[name], tmp_path), strict) == 85
    assert python_says(served["healthy"], trusted(labs["healthy"], tmp_path), strict) == 200


def test_the_kubeconfig_leads_to_where_the_lab_is_served(labs: dict[str, Lab], served: dict[str, Served]) -> None:
    for name, lab in labs.items():
        assert cluster_of(lab)["server"].partition("://")[2] == served[name].address


def test_a_fix_on_disk_is_served(labs: dict[str, Lab], tmp_path: Path) -> None:
    """What a walkthrough asks for: mend it, and see that it is mended."""
    shutil.copytree(labs["expired-serving-certificate"].directory, tmp_path / "lab", symlinks=True)
    lab = Lab(tmp_path / "lab", labs["expired-serving-certificate"].incident, labs["healthy"].now)
    for suffix in ("crt", "key"):
        file = f"etc/kubernetes/pki/apiserver.{suffix}"
        shutil.copy(labs["healthy"].node_root / file, lab.node_root / file)

    with lab.serve() as served:
        assert python_says(served, trusted(lab, tmp_path)) == 200


@pytest.fixture(scope="session")
def kubectl(tmp_path_factory: pytest.TempPathFactory):
    """Runs kubectl with a home of its own: it must not find, nor leave, a cache."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    home = tmp_path_factory.mktemp("home")

    def run(lab: Lab) -> tuple[str, str]:
        command = ["kubectl", "--kubeconfig", lab.kubeconfig, "get", "--raw", "/api/v1/namespaces/kube-system"]
        environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
        return done.stdout, done.stderr.strip()

    return run


@pytest.mark.parametrize("name", BY_KUBECTL)
@pytest.mark.usefixtures("served")
def test_kubectl_prints_the_symptom_word_for_word(name: str, labs: dict[str, Lab], kubectl) -> None:
    _, printed = kubectl(labs[name])
    symptom = labs[name].symptom.splitlines()[0]

    assert printed == symptom


@pytest.mark.parametrize("name", ["healthy", "clock-skew"])
@pytest.mark.usefixtures("served")
def test_kubectl_gets_its_answer_where_this_machine_is_not_affected(name: str, labs: dict[str, Lab], kubectl) -> None:
    answer, printed = kubectl(labs[name])

    assert '"name":"kube-system"' in answer
    assert printed == ""


@pytest.fixture(scope="session")
def go_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("go") is None:
        pytest.skip("Go is not installed")
    program = tmp_path_factory.mktemp("go") / "goclient"
    source = HERE / "goclient" / "main.go"
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "", "CGO_ENABLED": "0"}
    subprocess.run(["go", "build", "-o", program, source], cwd=source.parent, env=environment, check=True)
    return program


@pytest.mark.parametrize("name", [*BY_GO, "clock-skew"])
def test_go_says_what_the_symptom_says(
    name: str, labs: dict[str, Lab], served: dict[str, Served], go_client: Path, tmp_path: Path
) -> None:
    lab = labs[name]
    assert lab.incident
    clock = lab.now + lab.incident.clock_offset(lab.now)
    cluster = cluster_of(lab)
    ca = trusted(lab, tmp_path) if name not in WITHOUT_CA else ""
    command = [go_client, f"{served[name].url}/version", ca, go_time(clock), cluster.get("tls-server-name", "")]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()
    said = said.partition('version": ')[2]  # what follows `Get "https://…/version": `

    assert said
    assert said in lab.symptom


def test_go_is_content_with_a_healthy_lab(
    labs: dict[str, Lab], served: dict[str, Served], go_client: Path, tmp_path: Path
) -> None:
    command = [
        go_client,
        f"{served['healthy'].url}/version",
        trusted(labs["healthy"], tmp_path),
        go_time(labs["healthy"].now),
    ]

    assert subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout == "200 OK\n"
