"""Each incident fails in earnest, and in the words of its symptom."""

from __future__ import annotations

import base64
import os
import re
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
CURRENT_TIME = re.compile(r"current time \S+")

# What OpenSSL says of the same handshake: its code, or the reason where it comes to no verification.
OPENSSL = {
    "expired-serving-certificate": 10,  # certificate has expired
    "ca-rebuilt": 20,  # unable to get local issuer certificate
    "leaf-as-ca": 20,
    "missing-ip-san": 64,  # IP address mismatch
    "plain-http": "WRONG_VERSION_NUMBER",
    # The server is in order here: it is the client's certificate, or a clock elsewhere.
    "wrong-client-ca": 200,
    "clock-skew": 200,
    "healthy": 200,
}


def trusted(lab: Lab, folder: Path) -> Path:
    """The CA that the engineer's kubeconfig trusts, as a file."""
    cluster = yaml.safe_load(lab.kubeconfig.read_text())["clusters"][0]["cluster"]
    path = folder / "trusted.crt"
    path.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
    return path


def python_says(served: Served, ca: Path) -> int | str:
    """The status of an answer, or why OpenSSL would not have it."""
    context = ssl.create_default_context(cafile=str(ca))
    try:
        with urllib.request.urlopen(f"{served.url}/version", context=context, timeout=10) as answer:
            return answer.status
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            return error.reason.verify_code
        return getattr(error.reason, "reason", str(error.reason))


def test_every_incident_has_its_handshake_tested() -> None:
    assert set(OPENSSL) == {
        "healthy",
        *(incident.name for incident in incidents() if incident.domain == "certificates"),
    }


@pytest.mark.parametrize("name", OPENSSL)
def test_openssl_meets_what_the_incident_describes(
    name: str, labs: dict[str, Lab], served: dict[str, Served], tmp_path: Path
) -> None:
    assert python_says(served[name], trusted(labs[name], tmp_path)) == OPENSSL[name]


def test_the_kubeconfig_leads_to_where_the_lab_is_served(labs: dict[str, Lab], served: dict[str, Served]) -> None:
    for name, lab in labs.items():
        assert yaml.safe_load(lab.kubeconfig.read_text())["clusters"][0]["cluster"]["server"] == served[name].url


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
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        return done.stdout, done.stderr.strip()

    return run


@pytest.mark.parametrize("name", [name for name in OPENSSL if name not in {"healthy", "clock-skew"}])
@pytest.mark.usefixtures("served")
def test_kubectl_prints_the_symptom_word_for_word(name: str, labs: dict[str, Lab], kubectl) -> None:
    _, printed = kubectl(labs[name])
    symptom = labs[name].symptom.splitlines()[0]

    assert CURRENT_TIME.sub("", printed) == CURRENT_TIME.sub("", symptom)


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


@pytest.mark.parametrize("name", [name for name in OPENSSL if name not in {"healthy", "wrong-client-ca"}])
def test_go_says_what_the_symptom_says(
    name: str, labs: dict[str, Lab], served: dict[str, Served], go_client: Path, tmp_path: Path
) -> None:
    lab = labs[name]
    assert lab.incident
    clock = lab.now + lab.incident.clock_offset(lab.now)
    command = [go_client, f"{served[name].url}/version", trusted(lab, tmp_path), go_time(clock)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()
    said = said.partition('version": ')[2]  # what follows `Get "https://…/version": `

    assert said
    assert said in lab.symptom


def test_go_is_content_with_a_healthy_lab(
    labs: dict[str, Lab], served: dict[str, Served], go_client: Path, tmp_path: Path
) -> None:
    command = [go_client, f"{served['healthy'].url}/version", trusted(labs["healthy"], tmp_path)]

    assert subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout == "200 OK\n"
