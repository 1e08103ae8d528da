from __future__ import annotations

import base64
import gzip
import json
import sys

import pytest

from k8srun.cli.main import main
from tests.canaries import leaks, planted

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"a": 1}}


@pytest.fixture
def k8srun(monkeypatch, capsys, tmp_path):
    """Runs the command line in an empty folder; gives the exit code, the output and the errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["k8srun", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return run


@pytest.fixture
def write(tmp_path):
    def write(name, *objects):
        (tmp_path / name).write_text("\n".join(json.dumps(item) for item in objects))
        return name

    return write


def test_what_the_sources_show_is_saved_and_shown_again(k8srun, write):
    write("m.json", POD)
    code, out, err = k8srun("snapshot", "save", "a.k8srun", "--from", "m.json", "--now", "2026-11-22T10:00:00Z")
    assert (code, out, err) == (0, "Saved a.k8srun: 1 object of 1 kind\n", "")
    code, out, _ = k8srun("snapshot", "show", "a.k8srun")
    assert code == 0
    for expected in ("Taken:  2026-11-22 10:00:00 UTC", "Source: file m.json: 1 object", "     1  Pod"):
        assert expected in out


def test_show_takes_sources_in_place_of_a_file(k8srun, write):
    code, out, _ = k8srun("snapshot", "show", "--from", write("m.json", POD))
    assert (code, "     1  Pod" in out) == (0, True)


def test_show_as_json_is_one_versioned_object_with_everything_in_it(k8srun, write):
    k8srun("snapshot", "save", "a.k8srun", "--from", write("m.json", POD))
    code, out, _ = k8srun("snapshot", "show", "a.k8srun", "-o", "json")
    shown = json.loads(out)
    assert code == 0
    assert list(shown) == [
        "schema", "taken_at", "origin", "lab", "server", "observed", "gaps", "objects", "files", "endpoints"
    ]  # fmt: skip
    assert shown["schema"] == "k8srun.dev/snapshot-show/v1"
    assert shown["objects"] == {"Pod": [POD]}
    assert shown["observed"] == [{"area": "objects", "what": "Pod"}]


def test_gaps_are_shown_with_their_reason(k8srun, tmp_path):
    (tmp_path / "m.yaml").write_text("kind: Secret\napiVersion: v1\nx: [\n")
    code, out, _ = k8srun("snapshot", "save", "a.k8srun", "--from", "m.yaml")
    assert "Secret objects at m.yaml:4: malformed" in out
    assert code == 3  # nothing at all could be read
    code, out, _ = k8srun("snapshot", "show", "a.k8srun")
    assert "Secret objects at m.yaml:4: malformed" in out
    assert code == 3


def test_a_file_is_replaced_only_by_force(k8srun, write):
    write("m.json", POD)
    write("a.k8srun", "precious")
    code, out, err = k8srun("snapshot", "save", "a.k8srun", "--from", "m.json")
    assert (code, out) == (2, "")
    assert "a.k8srun: the file exists already" in err
    assert "--force" in err
    assert k8srun("snapshot", "save", "a.k8srun", "--from", "m.json", "--force")[0] == 0


@pytest.mark.parametrize(("arguments", "complaint"), [
    (["save", "a.k8srun"], "no source given"),
    (["show"], "no source given"),
    (["show", "none.k8srun"], "none.k8srun: no such file"),
    (["show", "m.json"], "m.json: is not a saved snapshot"),
    (["show", "a.k8srun", "--lab"], "--lab cannot be combined"),
    (["diff", "m.json", "m.json"], "m.json: is not a saved snapshot"),
    (["diff", "m.json"], "Missing argument 'NEW'"),
])  # fmt: skip
def test_what_cannot_be_used_is_said(k8srun, write, arguments, complaint):
    write("m.json", POD)
    code, out, err = k8srun("snapshot", *arguments)
    assert (code, out) == (2, "")
    assert complaint in err


@pytest.fixture
def two(k8srun, write):
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "type": "Opaque"}
    write("old.json", POD, {**secret, "data": {"a": base64.b64encode(b"hunter2").decode()}})
    write("new.json", {**POD, "spec": {"a": 2, "\x1b[31m": 1}}, {**POD, "metadata": {"name": "api"}})
    for name in ("old", "new"):
        k8srun("snapshot", "save", f"{name}.k8srun", "--from", f"{name}.json", "--now", "2026-11-22")
    return "old.k8srun", "new.k8srun"


def test_a_difference_is_printed_item_by_item_and_what_is_unknown_is_called_so(k8srun, two):
    code, out, err = k8srun("snapshot", "diff", *two)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "From 2026-11-22 00:00:00 UTC to 2026-11-22 00:00:00 UTC",
        "",
        "+ Pod default/api",
        "~ Pod shop/web",
        "    /spec/a: 1 → 2",
        "    /spec/\\u{1b}[31m: + 1",
        "? Secret objects: Secret default/s only in the old one; the new one cannot tell: Secret objects: not supplied",
    ]


def test_a_difference_as_json_is_one_versioned_object(k8srun, two):
    code, out, _ = k8srun("snapshot", "diff", *two, "-o", "json")
    found = json.loads(out)
    assert (code, found["schema"]) == (0, "k8srun.dev/snapshot-diff/v1")
    assert [(item["what"], item["change"]) for item in found["objects"]] == [
        ("Pod default/api", "added"), ("Pod shop/web", "changed")
    ]  # fmt: skip
    assert found["objects"][1]["fields"][0] == {"path": "/spec/a", "change": "changed", "old": 1, "new": 2}
    assert found["unknown"][0]["missing_in"] == "new"


def test_no_difference_is_said(k8srun, two):
    assert "No difference in what both could read." in k8srun("snapshot", "diff", two[0], two[0])[1]


def test_no_canary_is_in_what_is_saved_shown_or_compared(k8srun, write, tmp_path):
    objects, canaries = planted()
    others, other_canaries = planted()
    write("old.json", *objects)
    write("new.json", *others)
    canaries.planted.update(other_canaries.planted)
    outputs = []
    for name in ("old", "new"):
        code, *said = k8srun("snapshot", "save", f"{name}.k8srun", "--from", f"{name}.json")
        assert code == 0
        outputs += [*said, gzip.decompress((tmp_path / f"{name}.k8srun").read_bytes())]
    for arguments in (("show", "old.k8srun"), ("diff", "old.k8srun", "new.k8srun")):
        for form in ("table", "json"):
            outputs += k8srun("snapshot", *arguments, "-o", form)[1:]
    assert len(outputs[-2]) > 1000
    assert [leaks(output, canaries) for output in outputs] == [[]] * len(outputs)


def test_a_source_that_holds_nothing_of_a_cluster_is_not_taken_for_an_empty_cluster(k8srun, tmp_path):
    (tmp_path / "values.yaml").write_text("replicas: 3\n")
    assert k8srun("snapshot", "show", "--from", "values.yaml")[0] == 3
    (tmp_path / "none.yaml").write_text("apiVersion: v1\nkind: PodList\nitems: []\n")
    assert k8srun("snapshot", "show", "--from", "none.yaml")[0] == 0


@pytest.mark.parametrize("command", ["save", "show", "diff"])
def test_help_shows_an_example(k8srun, command):
    code, out, _ = k8srun("snapshot", command, "--help")
    assert (code, f"k8srun snapshot {command} " in out) == (0, True)
