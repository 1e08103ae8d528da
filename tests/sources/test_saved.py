from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from k8srun import __version__
from k8srun.errors import InputError, RefusedError
from k8srun.hostfiles import HostFile, Topic
from k8srun.kinds import DEPLOYMENT, POD, SECRET, kind_of
from k8srun.kubeconfig import Kubeconfig, KubeconfigCluster, KubeconfigUser
from k8srun.pem import PemBlock
from k8srun.snapshot import Area, Gap, GapReason, Need, ServerInfo, Snapshot
from k8srun.sources import saved
from k8srun.sources.reduce import reduce_object
from k8srun.sources.saved import load, save
from k8srun.tls import HandshakeOutcome, TlsObservation
from tests.canaries import Canaries, leaks, planted

NOW = datetime(2026, 11, 22, 12, 30, 0, 123456, tzinfo=UTC)


@pytest.fixture
def snapshot():
    """One of everything that a snapshot can hold."""
    kubeconfig = Kubeconfig(
        "prod",
        clusters=(
            KubeconfigCluster("c", server="https://10.0.0.1:6443", ca=(PemBlock("CERTIFICATE", der=b"\x30\x01"),)),
        ),
        users=(KubeconfigUser("u", "client certificate", key=PemBlock("PRIVATE KEY"), token_claims={"sub": "x"}),),
    )
    return Snapshot(
        taken_at=NOW,
        origin=("context prod", "folder ./dump"),
        lab=True,
        server=ServerInfo("https://10.0.0.1:6443", "v1.34.1", uid="u-1", groups=("system:authenticated",)),
        objects={
            POD: ({"kind": "Pod", "metadata": {"name": "größe \u2028 \U0001f600"}, "n": [1, 1.5, None, True, {}]},),
            DEPLOYMENT: (),
            kind_of("example.com/v1", "Thing"): ({"kind": "Thing"}, {"kind": "Thing"}),
        },
        files=(
            HostFile("/etc/kubernetes/admin.conf", Topic.KUBECONFIG, "n", 0o600, modified=NOW, kubeconfig=kubeconfig),
            HostFile("/var/log/x", Topic.LOG, text="line\n", error="", target="/x"),
            HostFile("/etc/kubernetes/manifests/a.yaml", Topic.MANIFEST, document={"kind": "Pod"}, size=7),
        ),
        endpoints=(TlsObservation("::1", 6443, NOW, HandshakeOutcome.ALERT, presented=(b"\x00\xff",), seconds=0.25),),
        observed=frozenset({Need.objects(POD), Need.host(Topic.LOG), Need.endpoint()}),
        gaps=(Gap(Area.OBJECTS, "Secret", GapReason.FORBIDDEN, "403", "/api/v1/secrets"),),
    )  # fmt: skip


@pytest.fixture
def file(tmp_path):
    return tmp_path / "a.k8srun"


def lines(file):
    return gzip.decompress(file.read_bytes()).splitlines()


def rewrite(file, *new_lines):
    file.write_bytes(
        gzip.compress(
            b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in new_lines)
        )
    )


def test_what_is_saved_is_what_is_loaded(snapshot, file):
    save(snapshot, file)
    assert load(file) == snapshot


def test_the_same_snapshot_makes_the_same_bytes(snapshot, tmp_path):
    save(snapshot, tmp_path / "a")
    save(load(tmp_path / "a"), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes()[4:8] == bytes(4)  # gzip's time of writing


def test_only_the_owner_may_read_the_file(snapshot, file):
    old = os.umask(0)
    try:
        save(snapshot, file)
    finally:
        os.umask(old)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_is_not_overwritten_unless_asked(snapshot, file):
    file.write_text("precious")
    with pytest.raises(RefusedError, match="exists") as raised:
        save(snapshot, file)
    assert (raised.value.where, file.read_text()) == (str(file), "precious")
    save(snapshot, file, overwrite=True)
    assert load(file) == snapshot


def test_a_failure_leaves_the_old_file_and_nothing_else(snapshot, file):
    file.write_text("precious")
    broken = Snapshot(NOW, objects={POD: ({"kind": object()},)})
    with pytest.raises(TypeError):
        save(broken, file, overwrite=True)
    assert [path.read_text() for path in file.parent.iterdir()] == ["precious"]


def test_a_folder_that_does_not_exist_is_an_error_that_names_the_file(snapshot, tmp_path):
    with pytest.raises(InputError, match="cannot be written") as raised:
        save(snapshot, tmp_path / "no" / "a.k8srun")
    assert raised.value.where.endswith("a.k8srun")


def test_the_first_line_says_what_wrote_it(snapshot, file):
    save(snapshot, file)
    header = json.loads(lines(file)[0])
    assert (header["schema"], header["tool"]) == ("k8srun.dev/snapshot/v1", __version__)
    assert header["objects"] == {"Pod": 1, "Deployment.apps": 0, "Thing.example.com": 2}


# --- files that are no snapshot, or no longer one -----------------------------------------------------------------


def test_a_newer_version_is_refused_with_the_version_that_wrote_it(snapshot, file):
    save(snapshot, file)
    header, *rest = lines(file)
    rewrite(file, {**json.loads(header), "schema": "k8srun.dev/snapshot/v2", "tool": "9.1.0", "new": []}, *rest)
    with pytest.raises(InputError, match=r"newer k8srun \(snapshot v2, k8srun 9\.1\.0\)") as raised:
        load(file)
    assert "Upgrade" in raised.value.do


def test_a_newer_version_is_refused_even_when_its_header_is_of_another_shape(file):
    rewrite(file, {"schema": "k8srun.dev/snapshot/v12"})
    with pytest.raises(InputError, match="snapshot v12"):
        load(file)


@pytest.mark.parametrize("content", [
    b"", b"kind: Pod\n", b'{"schema": "k8srun.dev/snapshot/v1"}', gzip.compress(b""), gzip.compress(b"\n"),
    gzip.compress(b"kind: Pod\n"), gzip.compress(b"[]\n"), gzip.compress(b'{"schema": "k8srun.dev/run/v1"}\n'),
    gzip.compress(b'{"schema": 1}\n'), gzip.compress(b"[" * 100_000 + b"\n"),
])  # fmt: skip
def test_what_is_no_snapshot_is_an_error_that_says_so(file, content):
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"not a saved snapshot|damaged or cut off") as raised:
        load(file)
    assert raised.value.where == str(file)


def test_a_missing_file_is_an_error(file):
    with pytest.raises(InputError, match="no such file"):
        load(file)


def test_a_folder_is_an_error(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path)


def test_a_file_that_was_cut_off_anywhere_is_damaged(snapshot, file):
    save(snapshot, file)
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"damaged|not a saved snapshot"):
            load(file)


def test_a_file_with_a_changed_byte_is_damaged(snapshot, file):
    save(snapshot, file)
    whole = bytearray(file.read_bytes())
    for position in range(12, len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 0x55
        file.write_bytes(changed)
        with pytest.raises(InputError, match=r"damaged|not a saved snapshot|unpacks"):
            load(file)


def test_a_line_too_many_is_damage(snapshot, file):
    save(snapshot, file)
    rewrite(file, *lines(file), {"kind": "Pod"})
    with pytest.raises(InputError, match="damaged or cut off"):
        load(file)


def test_a_missing_line_is_damage(snapshot, file):
    save(snapshot, file)
    rewrite(file, *lines(file)[:-1])
    with pytest.raises(InputError, match="damaged or cut off"):
        load(file)


@pytest.mark.parametrize(("field", "value"), [("taken_at", "yesterday"), ("objects", {"Pod": "many"}), ("gaps", [1])])
def test_a_header_of_a_wrong_shape_is_damage_that_names_the_field(snapshot, file, field, value):
    save(snapshot, file)
    header, *rest = lines(file)
    rewrite(file, {**json.loads(header), field: value}, *rest)
    with pytest.raises(InputError, match=rf"damaged: .*\$\.{field}"):
        load(file)


def test_fields_that_a_later_minor_version_adds_are_passed_over(snapshot, file):
    save(snapshot, file)
    header, *rest = lines(file)
    rewrite(file, {**json.loads(header), "added_later": True}, *rest)
    assert load(file) == snapshot


def test_a_file_that_unpacks_to_far_more_than_it_is_large_is_refused(snapshot, file, monkeypatch):
    monkeypatch.setattr(saved, "_RATIO_FREE", 1024 * 1024)
    save(snapshot, file)
    header = {**json.loads(lines(file)[0]), "objects": {"Pod": 3}, "files": 0, "endpoints": 0}
    rewrite(file, header, *([b'{"a": "' + b"x" * 2_000_000 + b'"}'] * 3))
    with pytest.raises(InputError, match="unpacks to more"):
        load(file)


def test_an_object_that_no_source_would_have_let_through_is_a_gap(snapshot, file):
    save(snapshot, file)
    header = {**json.loads(lines(file)[0]), "objects": {"Namespace": 3}, "files": 0, "endpoints": 0, "gaps": []}
    rewrite(
        file, header, b'{"metadata": {"name": "a"}}', b'{"metadata": 5}', b'{"metadata": {"name": "b", "labels": [1]}}'
    )
    loaded = load(file)
    assert loaded.namespaces == ("a",)
    assert [(gap.what, gap.reason) for gap in loaded.gaps] == [("Namespace", GapReason.MALFORMED)] * 2


def test_a_time_without_a_zone_is_damage(snapshot, file):
    save(snapshot, file)
    rewrite(file, {**json.loads(lines(file)[0]), "taken_at": "2026-01-01T00:00:00"}, *lines(file)[1:])
    with pytest.raises(InputError, match="taken_at"):
        load(file)


def test_a_header_that_promises_more_than_there_is_takes_no_memory_for_it(snapshot, file):
    save(snapshot, file)
    rewrite(file, {**json.loads(lines(file)[0]), "objects": {"Pod": 10**15}})
    with pytest.raises(InputError, match="damaged or cut off"):
        load(file)


# --- secrets ------------------------------------------------------------------------------------------------------


def test_no_canary_is_in_the_saved_file_or_in_what_is_shown_of_the_snapshot(file):
    objects, canaries = planted()
    by_kind = {}
    for item in objects:
        by_kind.setdefault(kind_of(item["apiVersion"], item["kind"]), []).append(reduce_object(item))
    taken = Snapshot(NOW, objects={kind: tuple(items) for kind, items in by_kind.items()})
    save(taken, file)
    assert leaks(gzip.decompress(file.read_bytes()), canaries) == []
    assert leaks(repr(load(file)), canaries) == []


def test_a_secret_in_a_file_from_elsewhere_is_reduced_when_it_is_loaded(snapshot, file):
    canaries = Canaries()
    save(Snapshot(NOW, objects={SECRET: ({"kind": "Secret", "stringData": {"a": canaries.new("loaded")}},)}), file)
    assert leaks(gzip.decompress(file.read_bytes()), canaries)
    assert leaks(repr(load(file)), canaries) == []


def test_the_time_keeps_its_moment_whatever_the_zone(file):
    from datetime import timezone

    save(Snapshot(NOW.astimezone(timezone(timedelta(hours=2)))), file)
    assert load(file).taken_at == NOW
