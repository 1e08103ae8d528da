"""A lab on disk: what lies where, who may read it, and that nothing of anybody's is lost."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from k8srun.errors import InputError, RefusedError
from k8srun.lab import INCIDENTS, Lab, build, build_all, incidents, load, reset
from tests.lab.helpers import copied_incident, objects_of

NOW = datetime(2026, 5, 1, 3, 0, tzinfo=UTC)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def test_one_build_holds_a_lab_for_every_incident_and_a_healthy_one(labs: dict[str, Lab]) -> None:
    assert set(labs) == {"healthy", *(incident.name for incident in incidents())}
    assert labs["healthy"].incident is None
    assert labs["healthy"].symptom == ""
    assert all(lab.incident.name == name for name, lab in labs.items() if lab.incident)


def test_a_lab_has_a_workstation_three_nodes_and_the_clusters_objects(healthy: Lab) -> None:
    assert healthy.kubeconfig.is_file()
    assert set(healthy.nodes) == {"cp-1", "worker-1", "worker-2"}
    assert healthy.node_root == healthy.nodes["cp-1"]
    assert {path.name for path in healthy.manifests.iterdir()} > {"cluster.json", "kube-system.json", "shop.json"}


def test_the_control_plane_node_has_the_files_that_kubeadm_writes(healthy: Lab) -> None:
    kubernetes = healthy.node_root / "etc/kubernetes"

    assert {path.stem for path in (kubernetes / "manifests").iterdir()} == {
        "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler",
    }  # fmt: skip
    assert {path.name for path in kubernetes.glob("*.conf")} == {
        "admin.conf", "super-admin.conf", "kubelet.conf", "controller-manager.conf", "scheduler.conf",
    }  # fmt: skip
    assert (kubernetes / "pki/sa.key").is_file()
    assert (kubernetes / "pki/sa.pub").is_file()
    assert (healthy.node_root / "etc/hostname").read_text() == "cp-1\n"
    assert (healthy.node_root / "var/lib/kubelet/config.yaml").is_file()
    assert (healthy.node_root / "etc/ssh/sshd_config").is_file()


def test_a_worker_has_no_key_of_the_control_plane(healthy: Lab) -> None:
    assert [path.name for path in (healthy.nodes["worker-1"] / "etc/kubernetes/pki").iterdir()] == ["ca.crt"]


def test_every_file_that_a_flag_names_is_there(healthy: Lab) -> None:
    named = {
        argument.partition("=")[2]
        for path in (healthy.node_root / "etc/kubernetes/manifests").iterdir()
        for argument in yaml.safe_load(path.read_text())["spec"]["containers"][0]["command"]
        if argument.partition("=")[2].startswith("/etc/kubernetes/")
    }

    assert len(named) >= 20
    assert [path for path in named if not (healthy.node_root / path.lstrip("/")).exists()] == []


def test_whatever_holds_a_secret_is_readable_by_its_owner_alone(labs: dict[str, Lab]) -> None:
    secret = [
        path
        for lab in labs.values()
        for path in files(lab.directory)
        if b"PRIVATE KEY" in path.read_bytes()
        or b"client-key-data" in path.read_bytes()
        or b'"kind": "Secret"' in path.read_bytes()
    ]

    assert len(secret) > 25 * len(labs)
    assert {mode(path) for path in secret} == {0o600}
    assert mode(labs["healthy"].manifests) == 0o700
    assert mode(labs["healthy"].node_root / "var/lib/etcd") == 0o700


def test_certificates_and_folders_are_readable_by_all_as_on_a_node(healthy: Lab) -> None:
    pki = healthy.node_root / "etc/kubernetes/pki"

    assert {mode(path) for path in pki.rglob("*.crt")} == {0o644}
    assert {mode(path) for path in (pki, pki / "etcd", pki.parent)} == {0o755}


def test_a_certificates_file_is_as_old_as_the_certificate(labs: dict[str, Lab]) -> None:
    lab = labs["expired-serving-certificate"]
    pki = lab.node_root / "etc/kubernetes/pki"

    assert (pki / "apiserver.crt").stat().st_mtime == (lab.now - timedelta(days=367)).timestamp()
    assert (pki / "apiserver-kubelet-client.crt").stat().st_mtime == (lab.now - timedelta(days=40)).timestamp()


def test_keys_and_passwords_are_fresh_in_every_build(tmp_path: Path) -> None:
    first, second = build(tmp_path / "a", now=NOW), build(tmp_path / "b", now=NOW)

    for name in ("ca.key", "apiserver.key", "sa.key", "etcd/peer.key"):
        keys = [(lab.node_root / "etc/kubernetes/pki" / name).read_bytes() for lab in (first, second)]
        assert keys[0] != keys[1], name
    passwords = [
        next(
            item["data"]["password"]
            for item in objects_of(lab)
            if item["metadata"]["name"] == "ledger-db" and item["kind"] == "Secret"
        )
        for lab in (first, second)
    ]
    assert passwords[0] != passwords[1]


def test_everything_else_is_the_same_in_every_build(tmp_path: Path) -> None:
    def without_secrets(lab: Lab) -> list[dict]:
        return [
            {field: value for field, value in item.items() if field not in {"data", "webhooks"}}
            for item in objects_of(lab)
            if item["kind"] != "APIService"
        ]

    first, second = build(tmp_path / "a", now=NOW), build(tmp_path / "b", now=NOW)

    assert without_secrets(first) == without_secrets(second)
    assert names(first.directory) == names(second.directory)


def names(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*")}


def test_labs_of_one_build_are_of_one_cluster(labs: dict[str, Lab]) -> None:
    keys = {(lab.node_root / "etc/kubernetes/pki/sa.key").read_bytes() for lab in labs.values()}

    assert len(keys) == 1


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    assert build(tmp_path, now=NOW).kubeconfig.is_file()


def test_a_folder_with_anything_else_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    for attempt in (
        lambda: build(tmp_path, now=NOW),
        lambda: build(tmp_path, now=NOW, replace=True),
        lambda: build_all(tmp_path, NOW, replace=True),
    ):
        with pytest.raises(RefusedError, match="not empty and no lab"):
            attempt()
    assert names(tmp_path) == {Path("thesis.txt")}


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "lab").write_text("")

    with pytest.raises(RefusedError, match="not a folder"):
        build(tmp_path / "lab", now=NOW, replace=True)


def test_a_lab_is_replaced_only_when_that_is_asked_for(tmp_path: Path) -> None:
    lab = build(tmp_path / "lab", now=NOW)
    lab.kubeconfig.write_text("changed by a learner")

    with pytest.raises(RefusedError, match=r"holds a lab already(?s:.*)--force"):
        build(tmp_path / "lab", now=NOW)
    assert lab.kubeconfig.read_text() == "changed by a learner"

    build(tmp_path / "lab", "plain-http", now=NOW, replace=True)
    assert "client-key-data" in lab.kubeconfig.read_text()


def test_a_build_that_fails_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    broken = copied_incident(
        tmp_path / "incidents", "clock-skew", pki={"certificates": {"apiserver": {"issuer": "nobody"}}}
    )
    build(tmp_path / "lab", now=NOW)
    before = names(tmp_path)

    with pytest.raises(InputError, match="issuer 'nobody' is not an authority"):
        build(tmp_path / "lab", broken.name, now=NOW, replace=True, folder=broken.parent)
    with pytest.raises(InputError, match="not an authority"):
        build(tmp_path / "new", broken.name, now=NOW, folder=broken.parent)
    assert names(tmp_path) == before


def test_a_lab_is_found_again_on_disk(tmp_path: Path) -> None:
    built = build(tmp_path / "lab", "clock-skew", now=NOW)

    assert load(tmp_path / "lab") == (built,)


def test_several_labs_are_found_again_on_disk(labs: dict[str, Lab]) -> None:
    assert load(labs["healthy"].directory.parent) == tuple(labs.values())


def test_a_folder_without_a_lab_says_how_to_build_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not a lab(?s:.*)k8srun lab build"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("marker", "complaint"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"schema":"k8srun.dev/lab/v9","now":"2026-05-01T00:00:00Z"}', "lab/v9"),
    ],
)
def test_a_lab_of_an_unknown_form_is_refused(tmp_path: Path, marker: str, complaint: str) -> None:
    (tmp_path / "lab.json").write_text(marker)

    with pytest.raises(InputError, match=complaint):
        load(tmp_path)


def test_a_reset_undoes_what_was_changed(tmp_path: Path) -> None:
    lab = build(tmp_path / "lab", "leaf-as-ca", now=NOW)
    (lab.manifests / "shop.json").unlink()
    lab.kubeconfig.write_text("")

    assert reset(lab, NOW) == lab
    assert (lab.manifests / "shop.json").is_file()
    assert lab.symptom.startswith("Unable to connect")


def test_a_kubeconfig_that_a_learner_destroyed_is_named(tmp_path: Path) -> None:
    lab = build(tmp_path / "lab", "leaf-as-ca", now=NOW)
    for text in ("", "a: [", "clusters: []", "clusters: [{cluster: {}}]"):
        lab.kubeconfig.write_text(text)
        with pytest.raises(InputError, match="not the lab's kubeconfig any more"):
            _ = lab.symptom


def test_the_marker_says_when_and_with_what(tmp_path: Path) -> None:
    build(tmp_path / "lab", "plain-http", now=NOW)

    assert json.loads((tmp_path / "lab/lab.json").read_text()) == {
        "schema": "k8srun.dev/lab/v1", "now": "2026-05-01T03:00:00Z", "incident": "plain-http", "labs": [],
        "symptom": "Unable to connect to the server: http: server gave HTTP response to HTTPS client",
    }  # fmt: skip


def test_nothing_secret_lies_in_the_package() -> None:
    data = [path for path in files(INCIDENTS.parent) if "__pycache__" not in path.parts]

    assert len(data) > 20
    assert [path for path in data if b"BEGIN" in path.read_bytes() and path.suffix != ".py"] == []
    assert [path for path in data if path.suffix in {".pem", ".key", ".crt", ".p12"}] == []
