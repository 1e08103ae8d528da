from __future__ import annotations

import dataclasses
import datetime as dt
import gzip
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path
from random import Random

import pytest
import yaml
from click.testing import CliRunner

from k8srun.cli.main import cli
from k8srun.codec import encode
from k8srun.hostfiles import Topic
from k8srun.lab import DEFAULT_INCIDENT, build
from k8srun.snapshot import GapReason
from k8srun.sources.host import read_host
from k8srun.sources.hostcontent import LOG_LINES
from k8srun.sources.hostlayout import FLAGS, PEM_SUFFIXES, PLACES
from tests.sources.noderoot import CANARIES, JWT, NodeRoot

SCRIPT = Path(__file__).parents[2] / "k8srun" / "sources" / "collect.sh"
NOT_BY_LINE = "not written line by line as kubectl writes it: what is secret in it cannot be told"
NOW = dt.datetime(2026, 11, 1, 12, 0, tzinfo=dt.UTC)
APPLETS = (
    *("sh", "cat", "date", "env", "find", "grep", "gzip", "id", "mkdir", "mktemp", "mv", "printf", "readlink", "rm"),
    *("sed", "sort", "stat", "tail", "tar", "timeout", "tr", "true", "uname", "wc"),
)


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    return NodeRoot(tmp_path_factory.mktemp("node"))


@pytest.fixture(scope="module")
def busybox_path(tmp_path_factory):
    """A PATH on which there is nothing but busybox and openssl."""
    found = shutil.which("busybox")
    if not found:
        pytest.skip("busybox is not installed (apt-get install busybox)")
    folder = tmp_path_factory.mktemp("busybox")
    for applet in APPLETS:
        (folder / applet).symlink_to(found)
    (folder / "openssl").symlink_to(shutil.which("openssl"))
    return folder


@pytest.fixture(scope="module", params=["dash", "bash", "busybox"])
def shell(request):
    """A command that runs the script, and the PATH it runs with."""
    if request.param == "busybox":
        folder = request.getfixturevalue("busybox_path")
        return [str(folder / "sh")], str(folder)
    found = shutil.which(request.param)
    if not found:
        pytest.skip(f"{request.param} is not installed")
    return [found], os.environ["PATH"]


@pytest.fixture
def small(tmp_path):
    """A root with one file, for what does not depend on the files."""
    file = tmp_path / "root/etc/kubernetes/pki/ca.crt"
    file.parent.mkdir(parents=True)
    file.write_text("x")
    return tmp_path / "root"


def collect(*arguments, shell=None, path=None, temporary=None, expect=0, **options):
    command = shell or ["sh"]
    done = subprocess.run(
        [*command, str(SCRIPT), *map(str, arguments)],
        env={"PATH": path or os.environ["PATH"], "TMPDIR": temporary or tempfile.gettempdir()},
        capture_output=True, text=True, check=False, timeout=120, **options,
    )  # fmt: skip
    assert done.returncode == expect, done.stderr
    return done


@pytest.fixture(scope="module")
def archive(node, shell, tmp_path_factory):
    """The archive of the node, made by each shell, what the script said, and the folder for its temporary files."""
    path = tmp_path_factory.mktemp("archive") / "node.tar.gz"
    temporary = tmp_path_factory.mktemp("temporary")
    done = collect("-r", node.root, "-o", path, shell=shell[0], path=shell[1], temporary=temporary)
    return path, done.stderr, temporary


@pytest.fixture(scope="module")
def direct(node):
    return read_host(node.root, now=NOW)


@pytest.fixture(scope="module")
def collected(archive):
    return read_host(archive[0], now=NOW)


def without_lengths(value):
    """The script does not say how long a value was that it left out."""
    return json.loads(re.sub(r"<reduced: [^>]*>", "<reduced>", encode(value).decode()))


# The same as read from the node itself


def test_the_same_files_are_found_in_the_same_order(direct, collected):
    assert [file.path for file in collected.files] == [file.path for file in direct.files]


def test_certificates_keys_modes_owners_and_links_are_the_same(direct, collected):
    def facts(file):
        rest = {"text": None, "document": None, "kubeconfig": None}
        return dataclasses.replace(file, **rest)

    assert [facts(file) for file in collected.files] == [facts(file) for file in direct.files]


def test_kubeconfigs_are_the_same_with_the_hashes_of_their_keys(direct, collected):
    for mine, theirs in zip(collected.files, direct.files, strict=True):
        assert mine.kubeconfig == theirs.kubeconfig, mine.path
    admin = next(file for file in collected.files if file.path == "/etc/kubernetes/admin.conf").kubeconfig
    assert admin.users[0].key.public_key_sha256 == admin.users[0].certificate[0].public_key_sha256 != ""


def test_manifests_and_configuration_are_the_same(direct, collected):
    documents = [without_lengths(file.document) for file in collected.files]
    assert documents == [without_lengths(file.document) for file in direct.files]
    assert sum(document is not None for document in documents) >= 6


def test_texts_and_logs_are_the_same(direct, collected):
    texts = [without_lengths(file.text) for file in collected.files]
    assert texts == [without_lengths(file.text) for file in direct.files]


def test_the_same_was_looked_at_and_the_same_is_missing(direct, collected):
    assert collected.observed == direct.observed
    assert collected.gaps == direct.gaps


# What stays on the node


def test_no_secret_of_the_node_is_in_the_archive(archive):
    unpacked = gzip.decompress(archive[0].read_bytes()).decode(errors="replace")
    assert [name for name, canary in CANARIES.items() if canary in unpacked] == []
    assert JWT[-20:] not in unpacked


def test_no_line_of_a_private_key_is_in_the_archive(node, archive):
    unpacked = gzip.decompress(archive[0].read_bytes()).decode(errors="replace")
    lines = set()
    for file in node.root.rglob("*"):
        if file.is_file():
            keys = re.findall(
                r"-----BEGIN [A-Z ]*PRIVATE KEY-----(.*?)(?:-----END|\Z)", file.read_text(errors="replace"), re.S
            )
            lines |= {line.strip() for key in keys for line in key.split("\n") if len(line.strip()) > 16}
    assert len(lines) > 50  # the test looks at something
    assert [line for line in lines if line in unpacked] == []
    assert "BEGIN PRIVATE KEY" not in unpacked


def test_an_encoded_private_key_is_not_in_the_archive(node, archive):
    unpacked = gzip.decompress(archive[0].read_bytes()).decode(errors="replace")
    text = (node.root / "etc/kubernetes/admin.conf").read_text()
    (key,) = re.findall(r"client-key-data: (\S+)", text)
    assert key[60:120] not in unpacked
    twice = (node.root / "etc/kubernetes/pki/odd/twice.key").read_text()
    assert twice[60:120] not in unpacked


# How it behaves


def test_the_archive_is_for_its_owner_alone_and_nothing_else_is_left_behind(archive):
    path, _, temporary = archive
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    assert list(temporary.iterdir()) == []


def test_it_says_what_it_packed_and_what_comes_next(archive):
    path, said, _ = archive
    assert re.search(r"Files packed of cp-1: \d\d\.", said)
    assert f"k8srun run x509-error --host-root {path}" in said


def test_it_writes_to_standard_output_and_may_itself_come_from_standard_input(small):
    with SCRIPT.open() as script:
        command = ["sh", "-s", "--", "-r", small, "-o", "-"]
        done = subprocess.run(command, stdin=script, capture_output=True, check=True)
    assert done.stdout.startswith(b"\x1f\x8b")
    assert b"packed of this node: 1" in done.stderr


def test_it_does_not_overwrite_a_file(small, tmp_path):
    target = tmp_path / "precious"
    target.write_text("precious")
    done = collect("-r", small, "-o", target, expect=2)
    assert "is there already" in done.stderr
    assert target.read_text() == "precious"


def test_an_archive_that_cannot_be_written_is_an_error_and_leaves_no_half(small, tmp_path):
    done = collect("-r", small, "-o", tmp_path / "missing" / "node.tar.gz", expect=3)
    assert "cannot be written" in done.stderr
    assert list(tmp_path.iterdir()) == [small]


def test_interrupted_it_leaves_nothing_behind(tmp_path):
    tools, temporary, started = tmp_path / "bin", tmp_path / "temporary", tmp_path / "started"
    tools.mkdir()
    temporary.mkdir()
    (tools / "journalctl").write_text(f"#!/bin/sh\necho > {started}\nexec sleep 60\n")
    (tools / "journalctl").chmod(0o755)
    process = subprocess.Popen(
        ["sh", SCRIPT, "-o", tmp_path / "node.tar.gz"],
        env={"PATH": f"{tools}:{os.environ['PATH']}", "TMPDIR": temporary},
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    while not started.exists():
        assert process.poll() is None
        time.sleep(0.01)
    assert list(temporary.iterdir()) != []
    # As Ctrl-C does, to the script and to what it runs; `timeout` has made a group of its own.
    for child in (*children(process.pid), process.pid):
        os.kill(child, signal.SIGTERM)
    assert process.wait(30) == 130
    assert sorted(tmp_path.iterdir()) == [tools, started, temporary]
    assert list(temporary.iterdir()) == []


def children(pid):
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(each) for child in found for each in (*children(int(child)), child)]


@pytest.mark.parametrize(("arguments", "code"), [(["-h"], 0), (["-x"], 2), (["-r", "/does/not/exist"], 2)])
def test_wrong_use_is_said(arguments, code, tmp_path):
    assert collect(*arguments, cwd=tmp_path, expect=code).stderr


@pytest.mark.parametrize("missing", ["openssl", "stat"])
def test_a_missing_tool_is_a_gap(node, busybox_path, tmp_path, missing):
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in busybox_path.iterdir():
        if tool.name != missing:
            (folder / tool.name).symlink_to(tool.readlink())
    path = tmp_path / "node.tar.gz"
    collect("-r", node.root, "-o", path, shell=[str(folder / "sh")], path=str(folder))
    snapshot = read_host(path, now=NOW)
    what = {"openssl": Topic.PKI.value, "stat": "*"}[missing]
    assert (what, GapReason.NOT_SUPPLIED) in {(gap.what, gap.reason) for gap in snapshot.gaps}
    certificate = next(file for file in snapshot.files if file.path == "/etc/kubernetes/pki/apiserver.crt")
    assert certificate.pem[0].public_key_sha256
    assert (certificate.mode is None) is (missing == "stat")


def test_what_only_a_running_node_can_say_is_asked_and_dead_containers_too(tmp_path):
    """Without -r, so on this very machine; stand-ins for the node's commands say what a node would."""
    folder = tmp_path / "bin"
    folder.mkdir()
    answers = {
        "journalctl": 'echo "Nov 01 kubelet[1]: x509: certificate has expired, token=Qm7canaryJournal"',
        "timedatectl": "echo 'System clock synchronized: no'",
        "crictl": 'case "$1 $2 $3" in'
                  ' "ps -a -q") [ "$5" = etcd ] && echo deadbeef ;;'
                  ' "ps -a "*) echo "deadbeef Exited etcd" ;;'
                  ' logs*) echo "etcd: $* said remote error: tls: bad certificate" ;; esac',
    }  # fmt: skip
    for name, body in answers.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    path = tmp_path / "node.tar.gz"
    collect("-o", path, path=f"{folder}:{os.environ['PATH']}")
    files = {file.path: file.text for file in read_host(path, now=NOW).files if file.topic is Topic.LOG}
    assert files["timedatectl"] == "System clock synchronized: no"
    assert files["crictl ps -a"] == "deadbeef Exited etcd"
    log = files[f"crictl logs --tail {LOG_LINES} deadbeef"]
    assert "remote error: tls: bad certificate" in log
    journal = files[f"journalctl -u kubelet --no-pager -o short-iso -n {LOG_LINES}"]
    assert "x509: certificate has expired" in journal
    assert "Qm7canary" not in journal


def test_a_command_that_fails_is_a_gap(tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "journalctl").write_text("#!/bin/sh\necho no journal >&2\nexit 7\n")
    (folder / "journalctl").chmod(0o755)
    collect("-o", tmp_path / "node.tar.gz", path=f"{folder}:{os.environ['PATH']}")
    gaps = {gap.where.partition(" ")[0]: gap.detail for gap in read_host(tmp_path / "node.tar.gz", now=NOW).gaps}
    assert gaps["journalctl"] == "exit status 7"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_what_may_not_be_read_is_a_gap():
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o777)
        pki = root / "node/etc/kubernetes/pki"
        (pki / "closed").mkdir(parents=True)
        (pki / "ca.crt").write_text("x")
        (pki / "ca.key").write_text("x")
        (pki / "ca.key").chmod(0o600)
        (pki / "closed").chmod(0o700)
        done = collect("-r", root / "node", "-o", root / "node.tar.gz", user=65534, group=65534, extra_groups=[])
        snapshot = read_host(root / "node.tar.gz", now=NOW)
    assert "not root" in done.stderr
    assert {(gap.where, gap.reason) for gap in snapshot.gaps} == {
        ("/etc/kubernetes/pki/ca.key", GapReason.FORBIDDEN),
        ("/etc/kubernetes/pki/closed", GapReason.FORBIDDEN),
    }
    assert {file.path: file.mode for file in snapshot.files} == {
        "/etc/kubernetes/pki/ca.crt": 0o644,
        "/etc/kubernetes/pki/ca.key": 0o600,
    }


def test_no_link_of_a_copy_leads_out_of_it(tmp_path):
    outside = tmp_path / "outside.crt"
    outside.write_text("-----BEGIN CERTIFICATE-----\nOUTSIDE\n-----END CERTIFICATE-----\n")
    pki = tmp_path / "root/etc/kubernetes/pki"
    pki.mkdir(parents=True)
    (pki / "absolute.crt").symlink_to(outside)
    (pki / "relative.crt").symlink_to("../../../../outside.crt")
    (pki / "folder").symlink_to(tmp_path)
    (pki / "loop.crt").symlink_to("loop.crt")
    collect("-r", tmp_path / "root", "-o", tmp_path / "node.tar.gz")
    assert b"OUTSIDE" not in gzip.decompress((tmp_path / "node.tar.gz").read_bytes())
    files = read_host(tmp_path / "node.tar.gz", now=NOW).files
    errors = {file.path.rpartition("/")[2]: file.error for file in files}
    assert all("leads nowhere" in errors[f"{name}.crt"] for name in ("absolute", "relative", "loop"))


def test_paths_with_spaces_quotes_and_wildcards_are_paths_like_others(tmp_path):
    root = tmp_path / "a node's $(root) [*]"
    for name in ("a b.crt", "it's.crt", "star*.crt", "$(touch x).crt", "-rf.crt", "back\\slash.crt"):
        file = root / "etc/kubernetes/pki" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("-----BEGIN X-----\n")
    collect("-r", root, "-o", tmp_path / "node.tar.gz", cwd=tmp_path)
    snapshot = read_host(tmp_path / "node.tar.gz", now=NOW)
    assert [file.path for file in snapshot.files] == [file.path for file in read_host(root, now=NOW).files]
    assert len(snapshot.files) == 6
    assert all(file.pem for file in snapshot.files)
    assert not (tmp_path / "x").exists()


def test_a_file_name_with_a_line_break_is_not_lost_silently(tmp_path):
    pki = tmp_path / "root/etc/kubernetes/pki"
    pki.mkdir(parents=True)
    (pki / "line\nbreak.crt").write_text("x")
    (pki / "escape\x1b.crt").write_text("x")
    collect("-r", tmp_path / "root", "-o", tmp_path / "node.tar.gz")
    snapshot = read_host(tmp_path / "node.tar.gz", now=NOW)
    assert snapshot.files == ()
    assert {(gap.what, gap.reason) for gap in snapshot.gaps} == {(Topic.PKI.value, GapReason.REFUSED)}


@pytest.mark.parametrize(
    "text",
    [
        '{"apiVersion": "v1", "users": [{"name": "a", "user": {"token": "Qm7canary"}}]}',
        "users:\n- {name: a, user: {token: Qm7canary}}\n",
        "users:\n- name: a\n  user: {token: Qm7canary}\n",
        "users:\n- name: a\n  user:\n    ? token\n    : Qm7canary\n",
        "users:\n- name: a\n  user:\n    \"token\": Qm7canary\n",
        "users:\n- name: a\n  user:\n    token:\n      Qm7canary\n",
        "users:\n- name: a\n  user:\n    token: |\n      Qm7canary\n",
        "users:\n- name: a\n  user:\n    token: &t Qm7canary\n    name: *t\n",
        "users:\n- name: a\n  user:\n    client-key-data: >\n      Qm7canary\n",
        "users:\n- name: a\n  user:\n    auth-provider:\n      config:\n        id-token: Qm7canary\n      name: x\n",
        "users:\n- name: a # Qm7canary\n  user: # Qm7canary\n    unknown: Qm7canary # x\n",
        "clusters:\n- cluster:\n    server: https://a:Qm7canary@x # token Qm7canary\n# Qm7canary\n",
    ],
)  # fmt: skip
def test_a_kubeconfig_in_any_other_form_gives_nothing_away(tmp_path, text):
    file = tmp_path / "root/etc/kubernetes/admin.conf"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    collect("-r", tmp_path / "root", "-o", tmp_path / "node.tar.gz")
    assert b"Qm7" not in gzip.decompress((tmp_path / "node.tar.gz").read_bytes())
    snapshot = read_host(tmp_path / "node.tar.gz", now=NOW)
    assert [file.path for file in snapshot.files] == ["/etc/kubernetes/admin.conf"]
    if "{" in text:
        assert [gap.detail for gap in snapshot.gaps] == [NOT_BY_LINE]


@pytest.mark.parametrize(
    ("text", "is_packed"),
    [
        ("args:\n- --client-secret=two Qm7canary\n- --v=2\n", True),
        ("args:\n- '--client-secret=two Qm7canary'\n", True),
        ("args:\n- --token\n- Qm7canary words\n", True),
        ("args: [--client-secret=Qm7canary, x]\n", True),
        ("args: [--client-secret, Qm7canary]\n", False),
        ("password: correct horse Qm7canary\n", True),
        ("password: 'correct horse'' Qm7canary'\n", True),
        ("password:\n  correct\n  Qm7canary\n", False),
        ("passwords:\n- Qm7canary\n- Qm7canary\n", True),
        ("deep:\n  token: |\n    Qm7canary\n\n    Qm7canary\n  other: x\n", True),
        ("harmless: one\n  Qm7canary\n", False),
        ("harmless: 'one\n  Qm7canary'\n", False),
        ("harmless: {a: b,\n  token: Qm7canary}\n", False),
        ("harmless: {a: b, token: 'Qm7canary\n  x: y'}\n", False),
        ("harmless: {a: b, token: Qm7canary and more}\n", True),
        ("env:\n- name: |\n    TOKEN\n  value: Qm7canary\n", True),
        ("env:\n- {name: TOKEN, value: 'Qm7''canary'}\n", True),
        ("# token Qm7canary\nkind: Pod # Qm7canary\nname: 'a' # Qm7canary\n", True),
        ('{"token": "Qm7canary", "name": "x"}\n', True),
        ('{"args": ["--token", "Qm7canary"]}\n', False),
        ('{"args": ["--client-secret=two Qm7canary"]}\n', True),
        ('{"token":\n  "Qm7canary"}\n', False),
        ('{"env": [{"value": "Qm7canary", "name": "TOKEN"}]}\n', True),
        ("{token: Qm7canary,\n a: b}\n", False),
    ],
)
def test_a_document_is_packed_without_its_secrets_or_not_at_all(tmp_path, text, is_packed):
    file = tmp_path / "root/etc/kubernetes/manifests/a.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    collect("-r", tmp_path / "root", "-o", tmp_path / "node.tar.gz")
    assert b"Qm7" not in gzip.decompress((tmp_path / "node.tar.gz").read_bytes())
    snapshot = read_host(tmp_path / "node.tar.gz", now=NOW)
    assert [gap.detail for gap in snapshot.gaps] == ([] if is_packed else [NOT_BY_LINE])
    assert (snapshot.files[0].document is not None) is is_packed


def test_what_stands_between_the_blocks_of_a_pem_file_stays(tmp_path):
    file = tmp_path / "root/etc/kubernetes/pki/a.crt"
    file.parent.mkdir(parents=True)
    file.write_text(
        "Qm7canary\n-----BEGIN CERTIFICATE-----\nAAAA\npassword: Qm7canary\n-----END CERTIFICATE-----Qm7canary\n"
        "Qm7canary\n"
        "-----BEGIN OPENVPN STATIC KEY V1-----\nQm7canary\n-----END OPENVPN STATIC KEY V1-----\n"
    )
    collect("-r", tmp_path / "root", "-o", tmp_path / "node.tar.gz")
    assert b"Qm7" not in gzip.decompress((tmp_path / "node.tar.gz").read_bytes())


def test_a_pipe_is_not_opened(small, tmp_path):
    os.mkfifo(small / "etc/kubernetes/pki/pipe.crt")
    collect("-r", small, "-o", tmp_path / "node.tar.gz")
    gaps = read_host(tmp_path / "node.tar.gz", now=NOW).gaps
    assert [(gap.where, gap.reason) for gap in gaps] == [("/etc/kubernetes/pki/pipe.crt", GapReason.REFUSED)]


def test_secrets_stay_on_the_node_in_whatever_style_their_yaml_is_written(tmp_path):
    """What the script understands it reduces, what it does not it does not pack. One run over many styles."""
    random = Random(20261101)
    for number in range(25):
        for path, document in (
            ("admin-{}.conf", a_kubeconfig(random)),
            ("manifests/{}.yaml", a_manifest(random)),
            ("kubelet/{}.yaml", an_encryption_configuration(random)),
        ):
            file = tmp_path / "root/etc/kubernetes" / path.format(number)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(in_some_style(random, document))
    collect("-r", tmp_path / "root", "-o", tmp_path / "node.tar.gz")
    with tarfile.open(tmp_path / "node.tar.gz") as tar:
        files = [member for member in tar if member.isfile() and "/content/" in member.name]
        content = {member.name: tar.extractfile(member).read() for member in files}
    assert [name for name, data in content.items() if b"Qm7" in data] == []
    assert len(content) > 30  # and most were understood


def in_some_style(random, document):
    if random.random() < 0.15:
        return json.dumps(document, indent=random.choice([None, 2]))
    return yaml.dump(
        document,
        default_flow_style=random.choice([False, False, False, True, None]),
        width=random.choice([20, 80, 10_000]),
        indent=random.choice([2, 4]),
        default_style=random.choice([None, None, None, '"', "'", "|", ">"]),
        sort_keys=random.choice([True, False]),
    )


def a_secret(random):
    noise = "".join(random.choice("abcXYZ019+/=-_ ") for _ in range(random.choice([0, 3, 30, 200])))
    canary = "Qm7canary"
    return random.choice([
        canary + noise, noise + canary, f"{noise}\n{canary}", f"{canary}\n{canary}\n", f"{noise}: {canary}",
        f'"{canary}"', f"'{canary}'", f"{{{canary}}}", f"#{canary}", f"a #{canary}", f"- {canary}",
    ])  # fmt: skip


def a_kubeconfig(random):
    user = {
        field: a_secret(random)
        for field in ("token", "password", "client-key-data", "unknown", "refresh-token")
        if random.random() < 0.5
    }
    if random.random() < 0.4:
        env = [{"name": "A_TOKEN", "value": a_secret(random)}]
        user["exec"] = {"command": "login", "args": ["--t", a_secret(random)], "env": env}
    if random.random() < 0.3:
        user["auth-provider"] = {"name": "oidc", "config": {"id-token": a_secret(random)}}
    cluster = {"name": "a", "cluster": {"server": "https://user:Qm7canary@api.example:6443"}}
    return {"kind": "Config", "clusters": [cluster], "users": [{"name": "u", "user": user}]}


def a_manifest(random):
    names = random.sample(["DB_PASSWORD", "API_KEY", "AUTH_TOKEN", "AWS_SECRET_ACCESS_KEY", "SESSION_COOKIE"], 3)
    env = [{"name": name, "value": a_secret(random)} for name in names]
    if random.random() < 0.5:
        env = [{"value": item["value"], "name": item["name"]} for item in env]
    word = re.sub(r"\s", "", a_secret(random))
    secret_words = [f"--client-secret={word}", "--my-token", f"Qm7canary{word}"] if random.random() < 0.5 else []
    return {"kind": "Pod", "spec": {"containers": [{"name": "c", "env": env, "command": ["x", *secret_words]}]}}


def an_encryption_configuration(random):
    providers = [
        {provider: {"keys": [{"name": "k", "secret": a_secret(random)}]}} for provider in ("aescbc", "secretbox")
    ]
    return {"kind": "EncryptionConfiguration", "resources": [{"resources": ["secrets"], "providers": providers}]}


def test_nothing_of_the_labs_node_is_refused_or_changed(tmp_path):
    """Its files are written as kubeadm, the kubelet and Calico write them."""
    lab = build(tmp_path / "lab", DEFAULT_INCIDENT, now=NOW)
    collect("-r", lab.node_root, "-o", tmp_path / "node.tar.gz")
    assert read_host(tmp_path / "node.tar.gz", now=NOW).files == read_host(lab.node_root, now=NOW).files


# One source of truth


def rows(function):
    body = re.search(rf"^{function}\(\) {{\n    cat <<'END'\n(.*?)^END$", SCRIPT.read_text(), re.S | re.M).group(1)
    return [tuple(line.split(" ", 1)) for line in body.splitlines()]


def test_the_script_looks_where_the_tool_itself_looks():
    assert rows("places") == [(place.form.value, place.pattern) for place in PLACES]
    assert rows("flags") == [(rule.form.value, rule.names) for rule in FLAGS]
    assert f"LOG_LINES={LOG_LINES}\n" in SCRIPT.read_text()
    assert " | ".join(f"*{suffix}" for suffix in PEM_SUFFIXES) in SCRIPT.read_text()


def test_the_command_prints_the_script():
    done = CliRunner().invoke(cli, ["collect-script"])
    assert done.output == SCRIPT.read_text()


def test_shellcheck_has_nothing_to_say():
    found = shutil.which("shellcheck")
    if not found:
        pytest.skip("shellcheck is not installed (apt-get install shellcheck)")
    done = subprocess.run([found, "-s", "sh", SCRIPT], capture_output=True, text=True, check=False)
    assert done.stdout == ""


def test_the_archive_lists_nothing_with_an_absolute_path_or_a_link(archive):
    with tarfile.open(archive[0]) as tar:
        members = tar.getmembers()
    assert all(member.name.startswith("k8srun-node") and (member.isfile() or member.isdir()) for member in members)
