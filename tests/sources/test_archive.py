from __future__ import annotations

import datetime as dt
import gzip
import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8srun.errors import InputError
from k8srun.hostfiles import Topic
from k8srun.pem import PemBlock, read_pem
from k8srun.snapshot import GapReason, Need
from k8srun.sources import archive
from k8srun.sources.host import read_host

NOW = dt.datetime(2026, 11, 1, 12, 0, tzinfo=dt.UTC)
MANIFEST = "format: k8srun-node/v1\nhost: cp-1\ncollected: 2026-10-31T08:00:00Z\n"
CA = "/etc/kubernetes/pki/ca.crt"
LISTED = f"f\t600\troot\tcrew\t12\t1790000000\t{CA}\t\n"


def packed(members, *, compress=True) -> bytes:
    """A tar of name → content, or name → TarInfo, as anybody could make one."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in members.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            data = b"" if isinstance(content, tarfile.TarInfo) else content.encode()
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(buffer.getvalue()) if compress else buffer.getvalue()


def node(**more):
    return {
        "k8srun-node/manifest": MANIFEST,
        "k8srun-node/files": LISTED,
        "k8srun-node/gaps": "",
        f"k8srun-node/content{CA}": "not pem",
        **{f"k8srun-node/{name}": content for name, content in more.items()},
    }


@pytest.fixture
def read(tmp_path):
    def read_bytes(data: bytes):
        path = tmp_path / "node.tar.gz"
        path.write_bytes(data)
        return read_host(path, now=NOW)

    return read_bytes


def test_an_archive_carries_its_own_time_and_host(read):
    snapshot = read(packed(node()))
    assert snapshot.taken_at == dt.datetime(2026, 10, 31, 8, 0, tzinfo=dt.UTC)
    (file,) = snapshot.files
    assert (file.path, file.host, file.mode, file.owner, file.group, file.size) == (
        CA,
        "cp-1",
        0o600,
        "root",
        "crew",
        12,
    )
    assert file.modified == dt.datetime.fromtimestamp(1790000000, dt.UTC)
    assert file.pem[0].error == "no PEM block found"
    assert snapshot.origin[0].endswith("of node cp-1")


@pytest.mark.parametrize("prefix", ["", "./"])
@pytest.mark.parametrize("compress", [True, False])
def test_an_archive_that_was_packed_again_by_hand_is_read_as_well(read, prefix, compress):
    members = {f"{prefix}{name}": content for name, content in node().items()}
    assert len(read(packed(members, compress=compress)).files) == 1


def test_what_was_listed_without_its_content_is_a_gap_with_the_reason_that_the_node_gave(read):
    members = node(gaps=f"{CA}\tforbidden\tpermission denied\n")
    del members[f"k8srun-node/content{CA}"]
    snapshot = read(packed(members))
    assert [(gap.what, gap.reason, gap.detail) for gap in snapshot.gaps] == [
        (Topic.PKI.value, GapReason.FORBIDDEN, "permission denied")
    ]
    assert snapshot.files[0].error == "permission denied"


def test_what_the_node_could_not_do_is_a_gap_of_what_it_keeps_from_view(read):
    gaps = "/etc/kubernetes/pki/etcd\tforbidden\tpermission denied\nopenssl\tnot supplied\tno such command\n"
    gaps += "stat\tnot supplied\tno such command\njournalctl -u kubelet\tunreachable\texit status 1\n"
    snapshot = read(packed(node(gaps=gaps)))
    assert [(gap.what, gap.reason) for gap in snapshot.gaps] == [
        (Topic.PKI.value, GapReason.FORBIDDEN),
        (Topic.PKI.value, GapReason.NOT_SUPPLIED),
        ("*", GapReason.NOT_SUPPLIED),
        (Topic.LOG.value, GapReason.UNREACHABLE),
    ]


def test_what_a_command_printed_is_a_log_under_the_commands_name_and_scrubbed(read):
    printed = "$ journalctl -u kubelet\nstarted\nAuthorization: Bearer abcdefghijklmnop\n"
    snapshot = read(packed(node(**{"output/kubelet": printed})))
    log = next(file for file in snapshot.files if file.topic is Topic.LOG)
    assert log.path == "journalctl -u kubelet"
    assert log.text.startswith("started\n")
    assert "abcdefghijklmnop" not in log.text
    assert Need.host(Topic.LOG) in snapshot.observed


def test_a_line_of_the_list_that_cannot_be_read_is_a_gap(read):
    snapshot = read(packed(node(files=LISTED + "f\t600\troot\n")))
    assert len(snapshot.files) == 1
    assert [(gap.what, gap.reason) for gap in snapshot.gaps] == [("*", GapReason.MALFORMED)]


@pytest.mark.parametrize("values", ["f\t9x\t\t\t-1x\tnever", "f\t600\ta\tb\t12\t99999999999999999999", "f\t\t\t\t\t"])
def test_facts_that_the_node_did_not_know_are_unknown(read, values):
    (file,) = read(packed(node(files=f"{values}\t{CA}\t\n"))).files
    assert file.modified is None


# What is not trusted


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "k8srun-node/../../etc/passwd", "other/etc/passwd", f"content{CA}", f"../k8srun-node/content{CA}"],
)
def test_a_member_outside_of_the_archives_folder_changes_nothing(read, tmp_path, name):
    before = sorted(tmp_path.rglob("*"))
    snapshot = read(packed({**node(), name: ""}))
    assert [(file.path, file.pem[0].error) for file in snapshot.files] == [(CA, "no PEM block found")]
    assert sorted(tmp_path.rglob("*")) == [*before, tmp_path / "node.tar.gz"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_a_link_or_device_in_the_archive_is_not_followed(read, kind):
    info = tarfile.TarInfo(f"k8srun-node/content{CA}")
    info.type, info.linkname = kind, "/etc/passwd"
    snapshot = read(packed({**node(), f"k8srun-node/content{CA}": info}))
    assert snapshot.files[0].error == "its content is not in the archive"


def test_a_bomb_is_refused(read, monkeypatch):
    monkeypatch.setattr(archive, "MAX_UNPACKED", 1024 * 1024)
    with pytest.raises(InputError, match="holds more than"):
        read(packed({**node(), "k8srun-node/content/bomb": "\0" * 8 * 1024 * 1024}))


def test_a_bomb_in_a_header_is_refused(read, monkeypatch):
    monkeypatch.setattr(archive, "MAX_UNPACKED", 1024 * 1024)
    info = tarfile.TarInfo("k8srun-node/content/a")
    info.pax_headers = {"comment": "x" * 8 * 1024 * 1024}
    with pytest.raises(InputError, match="holds more than"):
        read(packed({"a": info}))


def test_too_many_members_are_refused(read, monkeypatch):
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    with pytest.raises(InputError, match="holds more than"):
        read(packed(node()))


def test_an_archive_that_was_cut_off_is_an_error_that_says_what_to_do(read):
    whole = packed(node())
    with pytest.raises(InputError, match=r"damaged or cut off[\s\S]*Collect it again"):
        read(whole[: len(whole) // 2])


@pytest.mark.parametrize("data", [b"", b"hello", b"\x1f\x8b", b"\x1f\x8b" + b"x" * 100, gzip.compress(b"x" * 2000)])
def test_what_is_no_archive_is_an_error(read, data):
    with pytest.raises(InputError):
        read(data)


def test_a_tar_of_something_else_is_an_error(read):
    with pytest.raises(InputError, match="is not an archive of `k8srun collect-script`"):
        read(packed({"etc/kubernetes/admin.conf": "x"}))


def test_a_newer_format_is_refused_by_name(read):
    with pytest.raises(InputError, match=r"k8srun-node/v2[\s\S]*Upgrade k8srun"):
        read(packed(node(manifest=MANIFEST.replace("v1", "v2"))))


def test_an_archive_without_its_time_is_refused(read):
    with pytest.raises(InputError, match="not a time"):
        read(packed(node(manifest="format: k8srun-node/v1\n")))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_archive_is_read_or_refused_and_nothing_else(tmp_path_factory, data):
    whole = bytearray(packed(node(gaps="x\ty\tz\n"), compress=data.draw(st.booleans())))
    for _ in range(data.draw(st.integers(1, 5))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "node.tar.gz"
    path.write_bytes(whole)
    try:
        read_host(path, now=NOW)
    except InputError as error:
        assert error.what  # noqa: PT017 - both outcomes are right


# A private key that was reduced on its node


HASH = "ab" * 32


@pytest.mark.parametrize(
    ("body", "hashed", "kind", "error"),
    [
        (f"sha256 {HASH} RSA 2048\n\n\n", HASH, "RSA 2048", ""),
        (f"sha256 {HASH} \n", HASH, "", ""),
        ("encrypted\n", "", "", "encrypted with a passphrase: which certificate it belongs to cannot be told"),
        ("\n", "", "", "malformed or unsupported private key"),
        (f"sha256 {HASH[:-2]} RSA 2048\n", "", "", "malformed or unsupported private key"),
    ],
)
def test_a_reduced_key_reads_as_the_key_itself_would(body, hashed, kind, error):
    text = f"-----BEGIN REDUCED RSA PRIVATE KEY-----\n{body}-----END REDUCED RSA PRIVATE KEY-----\n"
    assert read_pem(text.encode()) == (PemBlock("RSA PRIVATE KEY", 1, b"", hashed, kind, error),)


def test_of_a_pem_block_with_an_unknown_label_nothing_but_the_label_is_kept():
    text = b"-----BEGIN OpenVPN Static key V1-----\nAAAA\n-----END OpenVPN Static key V1-----\n".upper()
    assert read_pem(text) == (PemBlock("OPENVPN STATIC KEY V1", 1),)
