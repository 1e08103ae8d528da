"""A PKI made by hand: what is in it, what openssl says of it, and that openssl's own commands make the same."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from k8srun.cli.pki import pki
from k8srun.errors import InputError, RefusedError
from k8srun.pki.folder import make_pki
from k8srun.pki.layout import Node, Wanted, layout, parse_node
from k8srun.pki.openssl import script

NODES = (Node("node01", ("192.0.2.11", "2001:db8::11")), Node("worker.example", ("192.0.2.12",)))
WANTED = Wanted(NODES, apiserver_sans=("api.example.com", "198.51.100.7"), days=200)
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
KUBERNETES = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]

# File, CN, O, extended key usages, CA. The names are what Kubernetes' own bindings and the node authorizer go by.
LEAVES = [
    ("admin", "kube-admin", ["system:masters"], {CLIENT}, "ca"),
    ("scheduler", "system:kube-scheduler", [], {CLIENT}, "ca"),
    ("controller-manager", "system:kube-controller-manager", [], {CLIENT}, "ca"),
    ("kube-proxy", "system:kube-proxy", ["system:node-proxier"], {CLIENT}, "ca"),
    ("apiserver", "kube-apiserver", [], {SERVER}, "ca"),
    ("apiserver-kubelet-client", "kube-apiserver-kubelet-client", [], {CLIENT}, "ca"),
    ("apiserver-etcd-client", "kube-apiserver-etcd-client", [], {CLIENT}, "etcd/ca"),
    ("front-proxy-client", "front-proxy-client", [], {CLIENT}, "front-proxy-ca"),
    ("etcd/server", "etcd-server", [], {SERVER, CLIENT}, "etcd/ca"),
    ("etcd/peer", "etcd-peer", [], {SERVER, CLIENT}, "etcd/ca"),
    ("nodes/node01/kubelet-client", "system:node:node01", ["system:nodes"], {CLIENT}, "ca"),
    ("nodes/node01/kubelet-server", "system:node:node01", ["system:nodes"], {SERVER}, "ca"),
    ("nodes/worker.example/kubelet-client", "system:node:worker.example", ["system:nodes"], {CLIENT}, "ca"),
    ("nodes/worker.example/kubelet-server", "system:node:worker.example", ["system:nodes"], {SERVER}, "ca"),
]
AUTHORITIES = [
    ("ca", "KUBERNETES-CA"), ("etcd/ca", "KUBERNETES-ETCD-CA"), ("front-proxy-ca", "KUBERNETES-FRONT-PROXY-CA")
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("pki") / "pki"
    make_pki(made, WANTED, datetime.now(UTC))
    return made


@pytest.fixture(scope="module")
def by_openssl(tmp_path_factory):
    made = tmp_path_factory.mktemp("openssl")
    subprocess.run(["sh", "-c", script(layout(WANTED))], cwd=made, check=True, capture_output=True)
    return made


def read(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())


def values(name: x509.Name, oid: x509.ObjectIdentifier) -> list[str]:
    return [attribute.value for attribute in name.get_attributes_for_oid(oid)]


def extension(certificate: x509.Certificate, kind: type):
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def sans(certificate: x509.Certificate) -> set[str]:
    found = extension(certificate, x509.SubjectAlternativeName)
    return {str(name.value) for name in found} if found else set()


def openssl_verify(folder: Path, issuer: str, name: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = ["openssl", "verify", "-x509_strict", "-CAfile", f"{issuer}.crt", *options, f"{name}.crt"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("row", LEAVES, ids=lambda row: row[0])
def test_a_certificate_names_the_user_and_group_that_kubernetes_expects(folder, row):
    name, common_name, groups, usages, issuer = row
    made = read(folder, name)
    assert values(made.subject, NameOID.COMMON_NAME) == [common_name]
    assert values(made.subject, NameOID.ORGANIZATION_NAME) == groups
    assert set(extension(made, x509.ExtendedKeyUsage)) == usages
    made.verify_directly_issued_by(read(folder, issuer))
    assert (made.not_valid_after_utc - made.not_valid_before_utc) == timedelta(days=200)


@pytest.mark.parametrize("row", LEAVES, ids=lambda row: row[0])
def test_openssl_accepts_a_certificate_for_its_purpose_and_for_no_other(folder, row):
    name, _common_name, _groups, usages, issuer = row
    for usage, purpose in ((SERVER, "sslserver"), (CLIENT, "sslclient")):
        verified = openssl_verify(folder, issuer, name, "-purpose", purpose)
        assert (verified.returncode == 0) == (usage in usages), verified.stderr


def test_every_file_that_is_made_stands_in_the_tables_above(folder):
    files = {str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*") if path.is_file()}
    assert files == {row[0] for row in (*LEAVES, *AUTHORITIES)} | {"sa"}


@pytest.mark.parametrize(("name", "common_name"), AUTHORITIES)
def test_an_authority_is_one_of_its_own_and_bears_the_clusters_name(folder, name, common_name):
    made = read(folder, name)
    assert values(made.subject, NameOID.COMMON_NAME) == [common_name]
    assert extension(made, x509.BasicConstraints).ca
    assert extension(made, x509.KeyUsage).key_cert_sign
    assert openssl_verify(folder, name, name).returncode == 0


def test_an_etcd_certificate_is_not_accepted_by_the_clusters_ca(folder):
    assert openssl_verify(folder, "ca", "etcd/server").returncode != 0


def test_the_api_server_is_known_by_its_service_its_node_and_the_names_given(folder):
    addresses = {"10.96.0.1", "127.0.0.1", "192.0.2.11", "2001:db8::11", "198.51.100.7"}
    assert sans(read(folder, "apiserver")) == {*KUBERNETES, "localhost", "node01", "api.example.com"} | addresses


def test_etcd_is_known_by_loopback_and_by_the_node_of_the_control_plane(folder):
    expected = {"localhost", "127.0.0.1", "::1", "node01", "192.0.2.11", "2001:db8::11"}
    assert sans(read(folder, "etcd/server")) == sans(read(folder, "etcd/peer")) == expected


def test_a_kubelet_serves_for_its_own_node_alone(folder):
    assert sans(read(folder, "nodes/worker.example/kubelet-server")) == {"worker.example", "192.0.2.12"}


@pytest.mark.parametrize("made_by", ["folder", "by_openssl"])
def test_only_its_owner_can_open_a_key_and_everybody_a_certificate(request, made_by):
    place = request.getfixturevalue(made_by)
    assert {path.stat().st_mode & 0o777 for path in place.rglob("*.key")} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (*place.rglob("*.crt"), place / "sa.pub")} == {0o644}


@pytest.mark.parametrize("made_by", ["folder", "by_openssl"])
def test_every_key_belongs_to_its_certificate_and_to_no_other(request, made_by):
    place = request.getfixturevalue(made_by)
    keys = {}
    for row in (*LEAVES, *AUTHORITIES):
        key = load_pem_private_key((place / f"{row[0]}.key").read_bytes(), None).public_key()
        keys[row[0]] = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert key == read(place, row[0]).public_key()
    assert len(set(keys.values())) == len(keys)
    pair = load_pem_private_key((place / "sa.key").read_bytes(), None).public_key()
    assert pair.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) == (place / "sa.pub").read_bytes()


@pytest.mark.parametrize("name", [row[0] for row in (*LEAVES, *AUTHORITIES)])
def test_the_printed_openssl_commands_make_the_same_certificate(folder, by_openssl, name):
    ours, theirs = read(folder, name), read(by_openssl, name)
    assert ours.subject == theirs.subject
    assert ours.issuer == theirs.issuer
    assert sans(ours) == sans(theirs)
    for kind in (x509.ExtendedKeyUsage, x509.BasicConstraints, x509.KeyUsage):
        assert extension(ours, kind) == extension(theirs, kind)
    assert (ours.not_valid_after_utc - ours.not_valid_before_utc) == (
        theirs.not_valid_after_utc - theirs.not_valid_before_utc
    )
    assert ours.public_key().key_size == theirs.public_key().key_size


def test_an_authority_never_ends_before_what_it_signs(tmp_path):
    made = {one.certificate: one for one in make_pki(tmp_path / "p", Wanted(days=5000), datetime.now(UTC))}
    assert made["ca.crt"].not_after >= made["apiserver.crt"].not_after


def test_one_ca_signs_everything_where_that_is_asked_for(tmp_path):
    made = make_pki(tmp_path / "p", Wanted(one_ca=True, cluster="staging"), datetime.now(UTC))
    assert {one.issuer for one in made} == {"ca.crt"}
    assert made[0].common_name == "STAGING-CA"
    assert openssl_verify(tmp_path / "p", "ca", "etcd/server").returncode == 0


@pytest.mark.parametrize(
    "occupant",
    [lambda path: path.write_text("mine"), lambda path: (path.mkdir(), (path / "ca.key").write_text("mine"))],
)
def test_nothing_is_overwritten(tmp_path, occupant):
    place = tmp_path / "pki"
    occupant(place)
    with pytest.raises(RefusedError, match="nothing was overwritten"):
        make_pki(place, Wanted(), datetime.now(UTC))
    assert [path.read_text() for path in (place, place / "ca.key") if path.is_file()] == ["mine"]
    assert list(tmp_path.iterdir()) == [place]


def test_a_link_to_an_empty_folder_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "pki").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RefusedError):
        make_pki(tmp_path / "pki", Wanted(), datetime.now(UTC))


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "pki").mkdir()
    make_pki(tmp_path / "pki", Wanted(), datetime.now(UTC))
    assert (tmp_path / "pki/ca.crt").exists()


def test_a_write_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("k8srun.pki.folder.write_atomically", full)
    with pytest.raises(InputError, match="No space left on device"):
        make_pki(tmp_path / "pki", Wanted(), datetime.now(UTC))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_below_nothing_is_an_error_that_says_so(tmp_path):
    with pytest.raises(InputError, match="the folder above it does not exist"):
        make_pki(tmp_path / "no" / "pki", Wanted(), datetime.now(UTC))


@pytest.mark.parametrize(
    "text", ["", "node01", "=192.0.2.1", "../up=192.0.2.1", "a/b=192.0.2.1", "Node=192.0.2.1", "*.x=192.0.2.1",
             "n=999.1.1.1", "n=", "n=192.0.2.1,", "a b=192.0.2.1", "n" * 64 + "=192.0.2.1", "n\n=192.0.2.1"]
)  # fmt: skip
def test_what_is_no_node_is_refused(text):
    with pytest.raises(InputError):
        parse_node(text)


@pytest.mark.parametrize(
    ("wanted", "where"),
    [
        (Wanted(apiserver_sans=("https://api.example.com",)), "--apiserver-san"),
        (Wanted(apiserver_sans=("api.example.com:6443",)), "--apiserver-san"),
        (Wanted(apiserver_sans=("a\nb",)), "--apiserver-san"),
        (Wanted(apiserver_sans=("",)), "--apiserver-san"),
        (Wanted(service_ip="10.96.0.0/12"), "--service-ip"),
        (Wanted(days=0), "--days"),
        (Wanted(days=10**9), "--days"),
        (Wanted(cluster=""), "--cluster-name"),
        (Wanted(cluster="a/CN=b"), "--cluster-name"),
        (Wanted(nodes=(NODES[0], NODES[0])), "--node"),
    ],
)
def test_what_cannot_be_made_is_refused_with_the_option_that_said_it(wanted, where):
    with pytest.raises(InputError) as caught:
        layout(wanted)
    assert caught.value.where == where


def test_the_command_says_what_it_made_and_shows_no_key(tmp_path):
    result = CliRunner().invoke(pki, [str(tmp_path / "pki"), "--node", "node01=192.0.2.11"], catch_exceptions=False)
    assert result.exit_code == 0
    for expected in ("apiserver.crt is valid for kubernetes,", "openssl genrsa -out ca.key 2048", "sa.pub"):
        assert expected in result.output
    assert "PRIVATE" not in result.output
    assert_no_key(tmp_path / "pki", result.output)


def assert_no_key(folder: Path, text: str) -> None:
    for path in folder.rglob("*.key"):
        for line in path.read_text().splitlines()[1:-1]:
            assert line not in text


def test_the_answer_for_scripts_names_every_file_and_its_commands(tmp_path):
    result = CliRunner().invoke(pki, [str(tmp_path / "pki"), "-o", "json"], catch_exceptions=False)
    answer = msgspec.json.decode(result.output)
    assert answer["schema"] == "k8srun.dev/pki/v1"
    assert {file for one in answer["certificates"] for file in (one["certificate"], one["key"])} | {
        "sa.key",
        "sa.pub",
    } == {str(path.relative_to(tmp_path / "pki")) for path in (tmp_path / "pki").rglob("*") if path.is_file()}
    apiserver = next(one for one in answer["certificates"] if one["certificate"] == "apiserver.crt")
    assert apiserver["issuer"] == "ca.crt"
    assert apiserver["usages"] == ["server"]
    assert any("-CA ca.crt" in line for line in apiserver["commands"])
    assert_no_key(tmp_path / "pki", result.output)


def test_the_script_is_printed_without_making_anything(tmp_path):
    result = CliRunner().invoke(pki, [str(tmp_path / "pki"), "--script"], catch_exceptions=False)
    assert result.output == script(layout(Wanted()))
    assert list(tmp_path.iterdir()) == []
    assert shutil.which("openssl")
