from __future__ import annotations

import datetime as dt
import os
import socket
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from k8srun.codec import encode
from k8srun.errors import InputError
from k8srun.hostfiles import Topic
from k8srun.pem import public_key_sha256
from k8srun.snapshot import GapReason, Need
from k8srun.sources import host, hosttree
from k8srun.sources.host import read_host
from k8srun.sources.hostcontent import LOG_LINES
from k8srun.sources.hosttree import FolderTree, Unreadable
from tests.sources.noderoot import CANARIES, JWT, NodeRoot

NOW = dt.datetime(2026, 11, 1, 12, 0, tzinfo=dt.UTC)
PKI = "/etc/kubernetes/pki"


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    return NodeRoot(tmp_path_factory.mktemp("node"))


@pytest.fixture(scope="module")
def snapshot(node):
    return read_host(node.root, now=NOW)


@pytest.fixture
def root(tmp_path):
    """An empty root in which a test puts what it is about."""
    return Root(tmp_path)


@pytest.fixture
def public_root():
    """A root that every user of the machine may look into, as pytest's own folders are not."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield Root(path)


class Root:
    def __init__(self, path):
        self.path = path

    def write(self, path, content=""):
        file = self.path / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    def read(self):
        return read_host(self.path, now=NOW)


def by_path(snapshot):
    return {file.path: file for file in snapshot.files}


@contextmanager
def as_nobody():
    """Permissions mean nothing to root: read as somebody else."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


# What is found


def test_every_file_of_the_node_is_read_under_its_own_topic(snapshot):
    topics = {file.path: file.topic for file in snapshot.files}
    assert topics[f"{PKI}/etcd/server.crt"] is Topic.PKI
    assert topics["/var/lib/kubelet/pki/kubelet-client-current.pem"] is Topic.PKI
    assert topics["/etc/kubernetes/admin.conf"] is Topic.KUBECONFIG
    assert topics["/etc/kubernetes/manifests/etcd.yaml"] is Topic.MANIFEST
    assert topics["/var/lib/kubelet/config.yaml"] is Topic.KUBELET
    assert topics["/etc/ssh/sshd_config"] is Topic.SSH
    assert topics["/etc/cni/net.d/calico-kubeconfig"] is Topic.CNI
    assert topics["/data/etcd"] is Topic.ETCD
    assert topics["/etc/kubernetes/enc/encryption.yaml"] is Topic.CONFIG
    assert len(topics) == len(snapshot.files)  # each once


def test_the_host_its_time_and_where_it_was_read_are_known(node, snapshot):
    assert {file.host for file in snapshot.files} == {"cp-1"}
    assert snapshot.taken_at == NOW
    assert snapshot.origin == (f"node files under {node.root}",)


def test_mode_owner_size_and_time_are_those_of_the_file(node, snapshot):
    file = by_path(snapshot)[f"{PKI}/ca.key"]
    assert (file.mode, file.owner, file.group) == (0o640, "captain", "crew")
    assert file.size == (node.root / f".{PKI}/ca.key").stat().st_size
    assert file.modified == dt.datetime.fromtimestamp(1_790_000_000, dt.UTC)


def test_an_owner_without_a_name_on_the_node_stays_a_number(root):
    root.write(f"{PKI}/ca.crt")
    assert by_path(root.read())[f"{PKI}/ca.crt"].owner == str(os.getuid())


def test_a_key_and_its_certificate_are_recognised_as_a_pair_and_the_key_is_gone(snapshot):
    files = by_path(snapshot)
    (certificate,), (key,) = files[f"{PKI}/apiserver.crt"].pem, files[f"{PKI}/apiserver.key"].pem
    assert key.is_private_key
    assert key.public_key_sha256 == certificate.public_key_sha256 != ""
    assert key.der == b""


def test_keys_of_every_form_have_the_hash_of_their_public_half(node, snapshot):
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    forms = ("rsa-pkcs1", "rsa-pkcs8", "ec-sec1", "ec-384", "ec-521", "ed25519")
    for name, key in zip(forms, node.keys, strict=True):
        spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert by_path(snapshot)[f"{PKI}/forms/{name}.key"].pem[-1].public_key_sha256 == public_key_sha256(spki), name


def test_below_the_pki_only_files_named_like_pem_are_read(snapshot):
    serial = by_path(snapshot)[f"{PKI}/ca.srl"]
    assert (serial.pem, serial.error, serial.mode) == ((), "", 0o644)


def test_no_secret_of_the_node_is_in_the_snapshot(snapshot):
    everything = encode(snapshot).decode()
    assert [name for name, canary in CANARIES.items() if canary in everything] == []
    assert JWT not in everything
    assert "JwtSignature" not in everything


def test_what_is_not_secret_survives(snapshot):
    files = by_path(snapshot)
    assert "PermitRootLogin no\nPasswordAuthentication no\n" in files["/etc/ssh/sshd_config"].text
    command = files["/etc/kubernetes/manifests/kube-apiserver.yaml"].document["spec"]["containers"][0]["command"]
    assert "--token-auth-file=/etc/kubernetes/tokens.csv" in command
    providers = files["/etc/kubernetes/enc/encryption.yaml"].document["resources"][0]["providers"]
    assert [next(iter(provider)) for provider in providers] == ["aescbc", "identity"]
    assert files["/var/lib/kubelet/config.yaml"].document["imagePullCredentialsVerificationPolicy"] == "NeverVerify"


# Logs


def test_of_a_log_the_last_lines_are_kept_with_the_errors_word_for_word(snapshot):
    log = by_path(snapshot)["/var/log/pods/kube-system_kube-apiserver-cp-1_0123/kube-apiserver/0.log"]
    lines = log.text.split("\n")
    assert len(lines) == LOG_LINES
    assert "line 999" in lines
    assert "line 100" not in lines
    assert "verifying certificate SN=123, SKID=, AKID=AB:CD failed" in log.text
    assert 'failed to list *v1.Secret: Get "https://192.0.2.10:6443/": EOF' in log.text


def test_the_end_of_a_log_larger_than_memory_should_hold_is_read_without_its_beginning(root):
    path = "/var/log/pods/kube-system_etcd-x_1/etcd/0.log"
    with root.write(path).open("wb") as log:
        log.truncate(10**12)  # a terabyte, of which nothing is on the disk
        log.seek(0, os.SEEK_END)
        log.write(b"\nthe end\n")
    assert by_path(root.read())[path].text == "the end"


# Links


def test_a_link_keeps_its_target_and_has_the_mode_of_what_it_leads_to(snapshot):
    current = by_path(snapshot)["/var/lib/kubelet/pki/kubelet-client-current.pem"]
    assert current.target == "/var/lib/kubelet/pki/kubelet-client-2026-01-01-00-00-00.pem"
    assert current.mode == 0o600
    assert [block.label for block in current.pem] == ["CERTIFICATE", "EC PRIVATE KEY"]


def test_a_link_that_leads_nowhere_is_a_gap_with_its_place(snapshot):
    dangling = by_path(snapshot)[f"{PKI}/odd/nowhere.crt"]
    assert dangling.error == "a link that leads nowhere: missing.crt"
    assert [gap.where for gap in snapshot.gaps] == [f"{PKI}/odd/nowhere.crt on cp-1"]


def test_no_link_leads_out_of_the_root(root, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "secret.crt"
    outside.write_text("outside")
    folder = root.write(f"{PKI}/ca.crt").parent
    (folder / "absolute.crt").symlink_to(outside)
    (folder / "relative.crt").symlink_to(os.path.relpath(outside, folder))
    (folder / "folder").symlink_to(os.path.relpath(outside.parent, folder))
    files = by_path(root.read())
    for name in ("absolute", "relative"):
        assert files[f"{PKI}/{name}.crt"].pem == ()
        assert "leads nowhere" in files[f"{PKI}/{name}.crt"].error
    assert not any("secret" in path for path in files)


def test_an_absolute_link_is_one_of_the_node(root):
    root.write("/data/ca.crt", "inside")
    folder = root.path / "etc/kubernetes"
    folder.mkdir(parents=True)
    (folder / "pki").symlink_to("/data")
    assert by_path(root.read())[f"{PKI}/ca.crt"].pem[0].error == "no PEM block found"


def test_links_in_a_circle_end(root):
    folder = root.path / "etc/kubernetes/pki"
    folder.mkdir(parents=True)
    (folder / "a.crt").symlink_to("b.crt")
    (folder / "b.crt").symlink_to("a.crt")
    (folder / "loop").symlink_to(".")
    files = by_path(root.read())
    assert "leads nowhere" in files[f"{PKI}/a.crt"].error
    assert set(files) <= {f"{PKI}/a.crt", f"{PKI}/b.crt", f"{PKI}/loop"}


# What programs are told to use


def test_files_that_flags_name_are_read_where_the_mounts_have_them(root):
    root.write("/data/tls/serving.crt", "x")
    root.write(
        "/etc/kubernetes/manifests/a.yaml",
        """
spec:
  containers:
  - command: [kube-apiserver]
    args: ["--tls-cert-file=/certs/serving.crt", "--tls-sni-cert-key=/certs/a.crt,/certs/a.key:api.example"]
    volumeMounts: [{name: tls, mountPath: /certs/}]
  volumes: [{name: tls, hostPath: {path: /data/tls}}]
""",
    )
    snapshot = root.read()
    assert "/data/tls/serving.crt" in by_path(snapshot)
    missing = {(gap.where, gap.reason) for gap in snapshot.gaps}
    assert missing == {(f"/data/tls/a.{end}", GapReason.NOT_SUPPLIED) for end in ("crt", "key")}
    assert "--tls-sni-cert-key of /etc/kubernetes/manifests/a.yaml" in snapshot.gaps[0].detail


def test_a_path_that_is_the_containers_own_is_not_looked_for_on_the_host(root):
    root.write("/etc/shadow.crt", "x")
    manifest = "spec: {containers: [{command: [etcd, --cert-file=/etc/shadow.crt]}]}\n"
    root.write("/etc/kubernetes/manifests/etcd.yaml", manifest)
    snapshot = root.read()
    assert list(by_path(snapshot)) == ["/etc/kubernetes/manifests/etcd.yaml"]
    assert snapshot.gaps == ()


def test_units_of_systemd_name_files_too(root):
    root.write("/srv/k8s/a.crt", "x")
    root.write("/srv/k8s/kubelet.conf", "kind: Config\n")
    root.write("/etc/systemd/system/kubelet.service",
               '[Service]\nExecStart=/usr/bin/kubelet \\\n  --kubeconfig="/srv/k8s/kubelet.conf" \\\n'
               "  --tls-cert-file \\\n  /srv/k8s/a.crt\n")  # fmt: skip
    assert {"/srv/k8s/a.crt", "/srv/k8s/kubelet.conf"} <= set(by_path(root.read()))


def test_the_kubelets_own_folder_of_static_pods_is_read(root):
    root.write("/var/lib/kubelet/config.yaml", "kind: KubeletConfiguration\nstaticPodPath: /srv/pods\n")
    root.write("/srv/pods/etcd.yaml", "kind: Pod\n")
    assert by_path(root.read())["/srv/pods/etcd.yaml"].topic is Topic.MANIFEST


def test_files_that_a_kubeconfig_names_are_read_from_its_own_folder(root):
    root.write("/etc/kubernetes/admin.conf", "clusters: [{name: a, cluster: {certificate-authority: tls/ca.crt}}]\n")
    root.write("/etc/kubernetes/tls/ca.crt", "nonsense")
    files = by_path(root.read())
    assert files["/etc/kubernetes/tls/ca.crt"].topic is Topic.PKI
    assert files["/etc/kubernetes/admin.conf"].kubeconfig.clusters[0].ca[0].error == "no PEM block found"


def test_a_static_token_file_is_named_and_never_read(snapshot):
    file = by_path(snapshot)["/etc/kubernetes/tokens.csv"]
    assert (file.mode, file.text, file.document, file.pem) == (0o600, None, None, ())


# What could not be read


def test_a_broken_manifest_is_a_gap_with_its_line_and_the_others_are_read(root):
    root.write("/etc/kubernetes/manifests/a.yaml", "kind: Pod\nspec:\n  - [\n")
    root.write("/etc/kubernetes/manifests/b.yaml", "kind: Pod\n")
    snapshot = root.read()
    (gap,) = snapshot.gaps
    assert (gap.what, gap.reason) == (Topic.MANIFEST.value, GapReason.MALFORMED)
    assert gap.where.startswith("/etc/kubernetes/manifests/a.yaml:")
    assert by_path(snapshot)["/etc/kubernetes/manifests/a.yaml"].error == gap.detail
    assert by_path(snapshot)["/etc/kubernetes/manifests/b.yaml"].document == {"kind": "Pod"}


@pytest.mark.parametrize("content", ["", "- a\n", "just text\n"])
def test_a_configuration_that_is_none_is_a_gap(root, content):
    root.write("/var/lib/kubelet/config.yaml", content)
    snapshot = root.read()
    assert [gap.reason for gap in snapshot.gaps] == [GapReason.MALFORMED]
    assert by_path(snapshot)["/var/lib/kubelet/config.yaml"].error


def test_a_file_that_may_not_be_read_is_a_gap_and_its_mode_is_still_known(public_root):
    public_root.write(f"{PKI}/ca.crt")
    public_root.write(f"{PKI}/ca.key").chmod(0)
    with as_nobody():
        snapshot = public_root.read()
    assert [(gap.reason, gap.where) for gap in snapshot.gaps] == [(GapReason.FORBIDDEN, f"{PKI}/ca.key")]
    file = by_path(snapshot)[f"{PKI}/ca.key"]
    assert (file.mode, file.error) == (0, "permission denied")


def test_a_folder_that_may_not_be_read_is_a_gap(public_root):
    folder = public_root.write(f"{PKI}/ca.crt").parent
    folder.chmod(0)
    with as_nobody():
        snapshot = public_root.read()
    folder.chmod(0o755)
    assert [(gap.what, gap.reason, gap.where) for gap in snapshot.gaps] == [(Topic.PKI.value, GapReason.FORBIDDEN, PKI)]


def test_a_pipe_and_a_socket_are_not_opened(root, monkeypatch):
    folder = root.write(f"{PKI}/ca.crt").parent
    os.mkfifo(folder / "pipe.crt")
    monkeypatch.chdir(folder)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.crt")
        snapshot = root.read()
    assert {(gap.reason, gap.where) for gap in snapshot.gaps} == {
        (GapReason.REFUSED, f"{PKI}/pipe.crt"),
        (GapReason.REFUSED, f"{PKI}/socket.crt"),
    }


def test_a_pipe_that_takes_a_files_place_meanwhile_is_not_waited_for(root):
    os.mkfifo(root.path / "pipe")
    with pytest.raises(Unreadable, match="not a regular file"):
        FolderTree(root.path, NOW).read("/pipe", 100)


def test_a_huge_file_is_a_gap(root):
    with root.write("/var/lib/kubelet/config.yaml").open("wb") as file:
        file.truncate(10**12)
    assert [gap.reason for gap in root.read().gaps] == [GapReason.TOO_LARGE]


def test_a_folder_with_too_many_entries_is_a_gap(root, monkeypatch):
    monkeypatch.setattr(hosttree, "MAX_NAMES", 3)
    for number in range(5):
        root.write(f"{PKI}/{number}.crt")
    snapshot = root.read()
    assert [(gap.reason, gap.where) for gap in snapshot.gaps] == [(GapReason.TOO_LARGE, PKI)]


def test_a_node_with_too_many_files_is_a_gap(root, monkeypatch):
    monkeypatch.setattr(host, "MAX_FILES", 3)
    for number in range(5):
        root.write(f"{PKI}/{number}.crt")
    snapshot = root.read()
    assert len(snapshot.files) == 3
    assert [gap.reason for gap in snapshot.gaps] == [GapReason.TOO_LARGE]


def test_folders_without_end_are_a_gap(root):
    root.write(f"{PKI}/{'deep/' * 12}a.crt")
    snapshot = root.read()
    assert [gap.reason for gap in snapshot.gaps] == [GapReason.TOO_LARGE]
    assert snapshot.files == ()


@pytest.mark.parametrize("name", [b"evil\x1b[2J.crt", b"not-utf8-\xff.crt", b"line\nbreak.crt"])
def test_a_name_that_is_no_plain_text_is_a_gap(root, name):
    folder = root.write(f"{PKI}/ca.crt").parent
    with open(os.fsencode(folder) + b"/" + name, "w"):  # noqa: PTH123
        pass
    snapshot = root.read()
    assert [file.path for file in snapshot.files] == [f"{PKI}/ca.crt"]
    assert [(gap.reason, gap.where) for gap in snapshot.gaps] == [(GapReason.REFUSED, PKI)]


# What counts as looked at


def test_of_a_copy_that_holds_etc_alone_nothing_is_said_of_the_rest(root):
    root.write(f"{PKI}/ca.crt")
    snapshot = root.read()
    assert Need.host(Topic.PKI) in snapshot.observed
    assert Need.host(Topic.KUBECONFIG) in snapshot.observed  # /etc/kubernetes was there to be looked into
    for topic in (Topic.KUBELET, Topic.ETCD, Topic.LOG, Topic.SSH, Topic.CNI, Topic.CONFIG, Topic.MANIFEST):
        assert snapshot.unmet(Need.host(topic))[0].reason is GapReason.NOT_SUPPLIED


def test_where_static_pods_were_read_it_is_known_which_configuration_there_is(root):
    root.write("/etc/kubernetes/manifests/kube-apiserver.yaml", "kind: Pod\n")
    assert Need.host(Topic.CONFIG) in root.read().observed


def test_a_folder_in_which_there_is_nothing_of_a_node_is_an_error(root):
    root.write("/home/me/notes.txt")
    with pytest.raises(InputError, match="nothing that a Kubernetes node has"):
        root.read()


def test_a_root_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no such folder or archive"):
        read_host(tmp_path / "missing", now=NOW)
