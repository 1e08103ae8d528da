from __future__ import annotations

import io
import json
import os
from datetime import UTC, datetime

import pytest

from k8srun.errors import InputError
from k8srun.kinds import CLUSTER_ROLE, CONFIG_MAP, DEPLOYMENT, NODE, POD, SECRET, Kind
from k8srun.snapshot import Area, Gap, GapReason, Need
from k8srun.sources import manifests
from k8srun.sources.files import read_files
from k8srun.sources.saved import load, save
from tests.canaries import leaks, planted

NOW = datetime(2026, 11, 22, tzinfo=UTC)
POD_YAML = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\n"


def piped(text):
    return read_files(["-"], now=NOW, stdin=io.BytesIO(text.encode() if isinstance(text, str) else text))


def names(snapshot, kind):
    return [item["metadata"]["name"] for item in snapshot.of(kind)]


def pod(name, **metadata):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **metadata}}


# --- what is read -------------------------------------------------------------------------------------------------


def test_a_manifest_of_several_documents_is_read():
    snapshot = piped(f"{POD_YAML}---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d}}\n")
    assert (names(snapshot, POD), names(snapshot, DEPLOYMENT)) == (["web"], ["d"])
    assert snapshot.observed == {Need.objects(POD), Need.objects(DEPLOYMENT)}
    assert (snapshot.gaps, snapshot.taken_at) == ((), NOW)
    assert snapshot.origin == ("standard input: 2 objects",)


@pytest.mark.parametrize("write", [json.dumps, lambda value: json.dumps(value, indent=4)])
def test_a_list_as_kubectl_get_prints_it_is_read(write):
    items = [pod("a"), {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}]
    snapshot = piped(write({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items}))
    assert (names(snapshot, POD), names(snapshot, NODE)) == (["a"], ["n"])


def test_the_items_of_a_typed_list_take_their_kind_from_it():
    items = [{"metadata": {"name": "a"}}]
    snapshot = piped(json.dumps({"apiVersion": "apps/v1", "kind": "DeploymentList", "items": items}))
    assert snapshot.of(DEPLOYMENT)[0] == {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "default"}
    }  # fmt: skip


@pytest.mark.parametrize("depth", [1, 2, 150])
def test_a_list_within_a_list_is_read_as_kubectl_reads_it(depth):
    nested = {"apiVersion": "v1", "kind": "PodList", "items": [{"metadata": {"name": "a"}}]}
    for level in range(depth):
        nested = {"apiVersion": "v1", "kind": "List", "items": [nested, pod(f"b{level}")]}
    snapshot = piped(json.dumps(nested))
    assert (names(snapshot, POD), snapshot.gaps) == (["a", *(f"b{level}" for level in range(depth))], ())


def test_two_kinds_whose_names_would_be_written_alike_cannot_spoil_the_saved_file(tmp_path):
    snapshot = piped(
        "apiVersion: v1\nkind: a.b\nmetadata: {name: x}\n---\napiVersion: b/v1\nkind: a\nmetadata: {name: z}\n"
    )
    assert (list(snapshot.objects), [gap.what for gap in snapshot.gaps]) == ([Kind("b", "a")], ["*"])
    save(snapshot, tmp_path / "s.k8srun")
    assert load(tmp_path / "s.k8srun") == snapshot


def test_a_label_without_a_value_is_empty_as_the_server_has_it():
    (read,) = piped("apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {app: }, annotations: {note: ~}}\n").of(POD)
    assert (read["metadata"]["labels"], read["metadata"]["annotations"]) == ({"app": ""}, {"note": ""})


def test_an_empty_typed_list_says_that_there_are_none_and_an_empty_generic_list_says_nothing():
    assert Need.objects(POD) in piped("apiVersion: v1\nkind: PodList\nitems: []\n").observed
    assert Need.objects(POD) in piped('{"apiVersion": "v1", "kind": "PodList", "items": null}').observed
    assert piped("apiVersion: v1\nkind: List\nitems: []\n").observed == frozenset()


def test_an_array_of_objects_as_jq_leaves_it_is_read():
    assert names(piped(json.dumps([pod("a"), pod("b")])), POD) == ["a", "b"]


def test_a_cluster_dump_on_one_stream_is_read_without_its_logs():
    nodes = json.dumps({"kind": "NodeList", "apiVersion": "v1", "items": [{"metadata": {"name": "n"}}]})
    of = "logs for container c of pod a/b ====\n"
    log = f"==== START {of}kind: Pod\n{{]\n==== END {of}"
    snapshot = piped(f"{nodes}\n{log}{json.dumps(pod('a'))}\n{log}")
    assert (names(snapshot, NODE), names(snapshot, POD), snapshot.gaps) == (["n"], ["a"], ())


def test_secrets_are_reduced_before_they_enter_the_snapshot():
    objects, canaries = planted()
    snapshot = piped("\n---\n".join(json.dumps(item) for item in objects))
    assert len(snapshot.of(SECRET)) >= 10
    assert leaks(repr(snapshot), canaries) == []


def test_objects_without_a_namespace_are_put_into_default_and_cluster_scoped_ones_into_none():
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole"}
    snapshot = piped(json.dumps([pod("a"), {**role, "metadata": {"name": "r", "namespace": "x"}}]))
    assert snapshot.find(POD, "a", "default")
    assert snapshot.find(CLUSTER_ROLE, "r")


def test_of_two_objects_of_one_name_the_first_stands_and_the_other_is_mentioned():
    snapshot = piped(
        json.dumps([pod("a", labels={"n": "1"}), pod("a", labels={"n": "2"}), pod("a", namespace="other")])
    )
    assert [item["metadata"].get("labels") for item in snapshot.of(POD)] == [{"n": "1"}, None]
    assert "1 left out (a second object of the same name)" in snapshot.origin[0]


def test_objects_of_kinds_that_the_tool_does_not_know_are_kept_as_they_are():
    snapshot = piped("apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: t}\nspec: [1]\n")
    assert names(snapshot, Kind("example.com", "Thing")) == ["t"]


# --- files and folders --------------------------------------------------------------------------------------------


def test_a_folder_is_read_at_any_depth_in_the_order_of_its_paths(tmp_path):
    for name in ("b/z.yaml", "a.yml", "b/c/d.json", "b/notes.txt", ".git/x.yaml", "b/.hidden.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps(pod(name.replace("/", "-"))))
    snapshot = read_files([str(tmp_path)], now=NOW)
    assert names(snapshot, POD) == ["a.yml", "b-c-d.json", "b-z.yaml"]
    assert snapshot.origin == (f"folder {tmp_path} (3 files): 3 objects",)


def test_a_link_that_leads_in_a_circle_is_followed_once(tmp_path):
    (tmp_path / "a.yaml").write_text(POD_YAML)
    (tmp_path / "loop").symlink_to(tmp_path)
    snapshot = read_files([str(tmp_path)], now=NOW)
    assert names(snapshot, POD) == ["web"]
    assert "(1 file)" in snapshot.origin[0]


def test_a_link_out_of_the_folder_is_not_followed_and_that_is_said(tmp_path):
    (tmp_path / "dump").mkdir()
    (tmp_path / "dump/a.yaml").write_text(POD_YAML)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/b.yaml").write_text(POD_YAML.replace("web", "other"))
    (tmp_path / "dump/link").symlink_to(tmp_path / "other")
    snapshot = read_files([str(tmp_path / "dump")], now=NOW)
    assert (names(snapshot, POD), snapshot.gaps) == (["web"], ())
    assert snapshot.origin[0].endswith("1 object; 1 left out (a link that leads out of the folder)")


def test_an_empty_name_is_not_taken_for_this_folder():
    with pytest.raises(InputError, match="an empty name"):
        read_files([""], now=NOW)


def test_a_mounted_config_map_is_read_through_its_links(tmp_path):
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "a.yaml").write_text(POD_YAML)
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    assert names(read_files([str(tmp_path)], now=NOW), POD) == ["web"]


def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").write_text(POD_YAML)
    assert names(read_files([str(tmp_path)], now=NOW), POD) == ["web"]


def test_a_file_is_read_whatever_its_name(tmp_path):
    (tmp_path / "manifest").write_text(POD_YAML)
    assert names(read_files([str(tmp_path / "manifest")], now=NOW), POD) == ["web"]


def test_several_paths_become_one_snapshot(tmp_path):
    (tmp_path / "a.yaml").write_text(POD_YAML)
    snapshot = read_files([str(tmp_path / "a.yaml"), "-"], now=NOW, stdin=io.BytesIO(json.dumps(pod("b")).encode()))
    assert names(snapshot, POD) == ["web", "b"]
    assert len(snapshot.origin) == 2


@pytest.mark.parametrize("path", ["missing", "empty", "folder"])
def test_a_path_with_nothing_in_it_is_an_error_that_names_it(tmp_path, path):
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError) as raised:
        read_files([str(tmp_path / path)], now=NOW)
    assert raised.value.where == str(tmp_path / path)
    assert raised.value.do


def test_an_empty_stream_is_an_error_that_blames_the_command_before_the_pipe():
    with pytest.raises(InputError, match="standard input is empty"):
        piped("\n")


def test_a_link_that_leads_nowhere_is_a_gap(tmp_path):
    (tmp_path / "a.yaml").write_text(POD_YAML)
    (tmp_path / "b.yaml").symlink_to("nowhere")
    snapshot = read_files([str(tmp_path)], now=NOW)
    assert [(gap.what, gap.reason, gap.where) for gap in snapshot.gaps] == [
        ("*", GapReason.NOT_SUPPLIED, str(tmp_path / "b.yaml"))
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_gap(tmp_path):
    (tmp_path / "a.yaml").touch(mode=0)
    assert read_files([str(tmp_path)], now=NOW).gaps[0].reason is GapReason.FORBIDDEN


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs /proc")  # noqa: PTH110
def test_a_file_that_fails_while_it_is_read_is_a_gap(tmp_path):
    (tmp_path / "a.yaml").symlink_to("/proc/self/mem")
    (gap,) = read_files([str(tmp_path)], now=NOW).gaps
    assert (gap.what, gap.reason, gap.detail) == ("*", GapReason.UNREACHABLE, "Input/output error")


def test_a_file_that_is_too_large_is_a_gap_of_every_kind(tmp_path, monkeypatch):
    monkeypatch.setattr(manifests, "MAX_BYTES", 10)
    gap = piped(POD_YAML).gaps[0]
    assert (gap.what, gap.reason, gap.where) == ("*", GapReason.TOO_LARGE, "standard input")


# --- what is broken -----------------------------------------------------------------------------------------------


def gaps(text):
    return [(gap.what, gap.where) for gap in piped(text).gaps]


def test_a_broken_document_is_a_gap_of_its_kind_with_its_line_and_the_others_are_read():
    other = POD_YAML.replace("web", "api")
    snapshot = piped(f"{POD_YAML}---\nkind: Secret\napiVersion: v1\nx: [\n---\n{other}")
    assert names(snapshot, POD) == ["web", "api"]
    (gap,) = snapshot.gaps
    assert (gap.area, gap.what, gap.reason, gap.where) == (
        Area.OBJECTS,
        "Secret",
        GapReason.MALFORMED,
        "standard input:8",
    )
    assert snapshot.unmet(Need.objects(SECRET)) == (gap,)
    assert snapshot.unmet(Need.objects(POD)) == ()


def test_a_broken_list_of_anything_is_a_gap_of_every_kind():
    snapshot = piped("apiVersion: v1\nitems:\n- kind: Pod\n  x: [\nkind: List\n")
    assert [gap.what for gap in snapshot.gaps] == ["*"]
    assert snapshot.unmet(Need.objects(CONFIG_MAP))


def test_a_broken_typed_list_is_a_gap_of_its_items_kind():
    assert gaps("apiVersion: apps/v1\nkind: DeploymentList\nitems: [\n") == [("Deployment.apps", "standard input:4")]


@pytest.mark.parametrize(("text", "what"), [
    ("kind: Deployment\nmetadata: {name: a}\n", "Deployment.apps"),
    ("kind: Thing\nmetadata: {name: a}\n", "Thing"),
    ("apiVersion: v1\nmetadata: {name: a}\n", "*"),
    ("apiVersion: v1\nkind: Pod\n", "Pod"),
    ("apiVersion: v1\nkind: Pod\nmetadata: {}\n", "Pod"),
    ("apiVersion: v1\nkind: Pod\nmetadata: {name: 1}\n", "Pod"),
    ("apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: 1}\n", "Pod"),
    ("apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {version: 1.0}}\n", "Pod"),
    ("apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: [x]}\n", "Pod"),
    ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: x\n", "Pod"),
    ("apiVersion: v1\nkind: PodList\nitems: {a: {}}\n", "Pod"),
    ("apiVersion: v1\nkind: 'Pod '\nmetadata: {name: a}\n", "*"),
    ("apiVersion: v1\nkind: \"P\\e[2J\"\nmetadata: {name: a}\n", "*"),
    ("apiVersion: a/b/v1\nkind: Role\nmetadata: {name: a}\n", "Role.rbac.authorization.k8s.io"),
])  # fmt: skip
def test_what_looks_like_an_object_and_is_none_is_a_gap(text, what):
    assert [gap.what for gap in piped(text).gaps] == [what]


def test_one_page_of_a_longer_list_is_read_and_a_gap():
    text = json.dumps({"apiVersion": "v1", "kind": "PodList", "metadata": {"continue": "x"}, "items": [pod("a")]})
    snapshot = piped(text)
    assert names(snapshot, POD) == ["a"]
    assert [(gap.what, gap.reason) for gap in snapshot.gaps] == [("Pod", GapReason.INTERRUPTED)]


def test_many_broken_documents_of_a_kind_in_a_file_are_one_gap():
    (gap,) = piped("---\n".join(["kind: Pod\napiVersion: v1\nx: {{ .Values.x }}: y\n"] * 12)).gaps
    assert "and 11 more documents of this file" in gap.detail


@pytest.mark.parametrize(
    "text",
    ["replicas: 2\nimage: x\n", "apiVersion: v2\nname: chart\n", "- 1\n- 2\n", "just words\n", "{{ if }}: x: y\n"],
)
def test_what_is_plainly_something_else_is_mentioned_and_no_gap(text):
    snapshot = piped(text)
    assert (snapshot.gaps, snapshot.objects, snapshot.observed) == ((), {}, frozenset())
    assert "left out" in snapshot.origin[0]


def test_a_kubeconfig_is_left_out_and_where_it_belongs_is_said():
    snapshot = piped("apiVersion: v1\nkind: Config\nclusters: []\nusers: [{name: a, user: {token: hunter2}}]\n")
    assert "--kubeconfig" in snapshot.origin[0]
    assert "hunter2" not in repr(snapshot)


def test_hostile_files_are_gaps_or_left_out(tmp_path):
    (tmp_path / "bomb.yaml").write_text("a: &a [x,x]\nkind: Pod\n" + "".join(
        f"a{n}: &a{n} [{','.join([f'*a{n - 1}' if n else '*a'] * 9)}]\n" for n in range(12)))  # fmt: skip
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "ok.yaml").write_text(POD_YAML)
    snapshot = read_files([str(tmp_path)], now=NOW)
    assert names(snapshot, POD) == ["web"]
    assert [gap.what for gap in snapshot.gaps] == ["Pod"]
    assert isinstance(snapshot.gaps[0], Gap)
