"""Local files that a plan writes: whole or not at all, and nothing is overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from k8srun.apply.edit import edit_kubeconfig, read_content, read_view, write_new
from k8srun.apply.target import NotDone
from k8srun.change import FailureKind

DOCUMENT = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "prod", "cluster": {"server": "https://old:6443"}}],
    "users": [{"name": "me", "user": {"token": "s3cret-s3cret"}}],
    "contexts": [{"name": "c", "context": {"cluster": "prod", "user": "me"}}],
    "current-context": "c",
}
CHANGE = (
    {"op": "test", "path": "/clusters/prod/server", "value": "https://old:6443"},
    {"op": "replace", "path": "/clusters/prod/server", "value": "https://new:6443"},
)


@pytest.fixture
def kubeconfig(tmp_path):
    path = tmp_path / "config"
    path.write_text("# mine\n" + yaml.safe_dump(DOCUMENT))
    path.chmod(0o640)
    return path


def test_a_kubeconfig_is_changed_and_the_old_one_is_kept(kubeconfig):
    before = kubeconfig.read_bytes()
    backup = edit_kubeconfig(kubeconfig, CHANGE, "k8srun-1")
    after = yaml.safe_load(kubeconfig.read_text())
    assert after == {**DOCUMENT, "clusters": [{"name": "prod", "cluster": {"server": "https://new:6443"}}]}
    assert kubeconfig.stat().st_mode & 0o777 == 0o640
    assert backup.name == "config.k8srun-1"
    assert backup.read_bytes() == before
    assert backup.stat().st_mode & 0o777 == 0o600


def test_a_kubeconfig_that_was_changed_meanwhile_is_left_alone(kubeconfig):
    text = kubeconfig.read_text().replace("old", "other")
    kubeconfig.write_text(text)
    with pytest.raises(NotDone) as error:
        edit_kubeconfig(kubeconfig, CHANGE, "k8srun-1")
    assert error.value.failure.kind is FailureKind.CHANGED
    assert kubeconfig.read_text() == text
    assert list(kubeconfig.parent.iterdir()) == [kubeconfig]


def test_a_link_stays_a_link(kubeconfig, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "config"
    link.symlink_to(kubeconfig)
    backup = edit_kubeconfig(link, CHANGE, "k8srun-1")
    assert link.is_symlink()
    assert backup.parent == tmp_path
    assert read_view(link)["clusters"]["prod"]["server"] == "https://new:6443"


@pytest.mark.parametrize("text", ["", "[]", "a: [", "clusters: 1", "\x00", "just text", "clusters: [{cluster: {}}]"])
def test_what_is_no_kubeconfig_is_left_alone(tmp_path, text):
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(NotDone) as error:
        edit_kubeconfig(path, CHANGE, "k8srun-1")
    assert error.value.failure.kind in {FailureKind.LOCAL, FailureKind.CHANGED}
    assert path.read_text() == text


def test_a_file_that_is_not_there_or_never_ends_is_an_error(tmp_path):
    for path in (tmp_path / "none", tmp_path, Path("/dev/zero")):
        with pytest.raises(NotDone, match="cannot be read"):
            read_content(path)


def test_a_new_file_is_private_and_an_old_one_is_not_overwritten(tmp_path):
    path = tmp_path / "token"
    write_new(path, b"t")
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(NotDone, match="it exists already"):
        write_new(path, b"u")
    assert path.read_bytes() == b"t"
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "nowhere")
    with pytest.raises(NotDone, match="it exists already"):
        write_new(dangling, b"u")
    with pytest.raises(NotDone, match="its folder does not exist"):
        write_new(tmp_path / "no" / "token", b"u")


def test_no_secret_of_a_kubeconfig_stands_in_an_error(kubeconfig):
    kubeconfig.write_text(kubeconfig.read_text() + "\n  broken: [")
    with pytest.raises(NotDone) as error:
        edit_kubeconfig(kubeconfig, CHANGE, "k8srun-1")
    assert "s3cret" not in str(error.value)
