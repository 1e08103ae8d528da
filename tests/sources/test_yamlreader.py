from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from k8srun.sources import yamlreader
from k8srun.sources.yamlreader import read_documents
from k8srun.sources.yamlvalues import MAX_ALIASED, MAX_DEPTH, YamlError, read_value


def read(text, where="f.yaml"):
    return list(read_documents(text.encode() if isinstance(text, str) else text, where))


def values(text):
    documents = read(text)
    assert [document.error for document in documents if document.error] == []
    return [document.value for document in documents]


def errors(text):
    return [document.error for document in read(text) if document.error]


# --- documents ----------------------------------------------------------------------------------------------------


def test_documents_are_read_with_the_line_where_they_begin():
    documents = read("# one\na: 1\n---\n\nb: 2\n--- {c: 3}\n")
    assert [(document.line, document.value) for document in documents] == [(2, {"a": 1}), (5, {"b": 2}), (6, {"c": 3})]


@pytest.mark.parametrize(
    "text", ["", "\n\n", "---\n---\n", "# a comment\n", "%YAML 1.1\n---\n# nothing\n...\n", "null\n"]
)
def test_empty_documents_are_left_out(text):
    assert read(text) == []


def test_one_broken_document_is_an_error_with_its_line_and_the_others_are_read():
    documents = read("a: 1\n---\nkind: Pod\nb: [\n---\nc: 3\n")
    assert [document.value for document in documents] == [{"a": 1}, None, {"c": 3}]
    assert documents[1].error.startswith("f.yaml:5: ")
    assert documents[1].kind == "Pod"


def test_a_marker_ends_a_document_even_within_a_block_scalar_but_not_when_it_is_indented():
    assert values("a: |\n  x\n  ---\n  y\n---\nb: 1\n") == [{"a": "x\n---\ny\n"}, {"b": 1}]


def test_json_is_read_alone_as_a_stream_and_between_yaml_markers():
    assert values('{"a": 1}') == [{"a": 1}]
    assert values('{"a": 1}\n{"a": 2} {"a": 3}\n') == [{"a": 1}, {"a": 2}, {"a": 3}]
    assert values('{"a": 1}\n---\n{"b": 2}\n---\nc: 3\n') == [{"a": 1}, {"b": 2}, {"c": 3}]
    assert values('[{"a": 1}]') == [[{"a": 1}]]


def test_a_broken_json_document_does_not_hide_those_that_follow_it():
    documents = read('{"a": 1}\n{"kind": "Pod", "b" 2}\n{\n  "c": 3\n}\n')
    assert [document.value for document in documents] == [{"a": 1}, None, {"c": 3}]
    assert (documents[1].line, documents[1].kind) == (2, "Pod")


def test_truncated_json_is_reported_as_json_with_the_line_where_it_ends():
    (error,) = errors('{\n "a": [\n  1,\n')
    assert error.startswith("f.yaml:4: not valid JSON")


def test_yaml_in_flow_style_is_not_mistaken_for_json():
    assert values("{a: 1, b: [c, d]}") == [{"a": 1, "b": ["c", "d"]}]


def test_the_logs_in_a_cluster_dump_are_passed_over():
    pod = "logs for container web of pod shop/web ====\n"
    logs = f'==== START {pod}{{"kind": "Lie"}}\n==== END {pod}'
    documents = read('{"kind": "NodeList"}\n' + logs + '{"kind": "PodList"}\n' + logs)
    assert [(document.line, document.value) for document in documents] == [
        (1, {"kind": "NodeList"}), (5, {"kind": "PodList"})
    ]  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_tells_the_encoding(encoding):
    assert values("a: größe\n".encode(encoding)) == [{"a": "größe"}]


def test_windows_line_ends_are_read():
    assert values("a: b\r\n---\r\nc: |\r\n  d\r\n") == [{"a": "b"}, {"c": "d\n"}]


def test_a_byte_that_is_no_text_breaks_its_document_alone():
    documents = read(b"a: 1\n---\nb: \xff\n---\nc: 3\n")
    assert [document.value for document in documents] == [{"a": 1}, None, {"c": 3}]
    assert documents[1].error == "f.yaml:3: not text: a byte that is not UTF-8"


@pytest.mark.parametrize(
    "data", [b"a: \x00\n", b"\x7fELF\x02\x01\x00", b'{"a": "\\ud800"}', b'{"a": "\xff"}', b'a: "\\ud800"']
)
def test_what_is_no_text_is_an_error(data):
    assert len(errors(data)) == 1


@pytest.mark.parametrize(
    "text",
    ["password: hunter2: hunter3\n? [\n", "password: *hunter2\n", "password: !hunter2\n", "password: !hunter2 x\n"],
)
def test_an_error_shows_no_secret(text):
    (error,) = errors(text)
    assert "hunter" not in error


def test_of_a_broken_document_its_kind_is_known_when_its_text_says_so_once():
    assert read("apiVersion: apps/v1\nkind: Deployment\nspec: {{ .Values }}: x\n")[0].kind == "Deployment"
    assert read('{"kind": "Pod", "ownerReferences": [{"kind": "ReplicaSet"}')[0].kind == "*"
    assert read("items:\n- kind: Pod\nkind: List\nx: [")[0].kind == "List"
    assert read("{{ template }}: x: y")[0].kind == ""


def test_a_file_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(yamlreader, "MAX_BYTES", 10 * 1024 * 1024)
    (document,) = read(b" " * (10 * 1024 * 1024 + 1))
    assert "larger than 10 MiB" in document.error


# --- values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "value"), [
    ("yes", True), ("On", True), ("y", True), ("no", False), ("OFF", False), ("N", False), ("true", True),
    ("'true'", "true"),
    ("", None), ("~", None), ("null", None), ("Null", None), ("nULL", "nULL"), ("tRue", "tRue"),
    ("1", 1), ("-1", -1), ("+1", 1), ("0644", 420), ("0o17", 15), ("0x1F", 31), ("-0b11", -3), ("1_000", 1000),
    ("08", 8),
    ("1.5", 1.5), (".5", 0.5), ("1e3", 1000), ("1.0", 1), ("1:30", "1:30"), ("1.2.3", "1.2.3"), ("-", None), (".", "."),
    ("18446744073709551615", 2**64 - 1), ("18446744073709551616", 2**64), ("1e400", "1e400"), ("12e", "12e"),
    ("+", "+"),
    ("2001-01-01", "2001-01-01"), ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"), ("!!str 1", "1"), ("!!int '1'", 1),
    ("! 1", "1"), ('"1"', "1"), ("=", "="), ("0_", 0),
])  # fmt: skip
def test_a_scalar_is_what_kubectl_makes_of_it(text, value):
    if text == "-":
        assert read_value("a:\n-\n") == {"a": [None]}
    else:
        found = read_value(f"a: {text}")["a"]
        assert (type(found), found) == (type(value), value)


def test_numbers_and_booleans_as_keys_become_strings():
    assert read_value("on: a\n1: b\n1.5: c\n0x10: d") == {"true": "a", "1": "b", "1.5": "c", "16": "d"}


def test_merge_keys_are_merged_and_what_the_mapping_sets_itself_wins():
    text = "a: &a {k: 1, l: 1}\nb: &b {l: 2, m: 2}\nc:\n  k: 3\n  <<: [*a, *b]\n"
    assert read_value(text)["c"] == {"k": 3, "l": 1, "m": 2}
    assert read_value("a: {'<<': 1}") == {"a": {"<<": 1}}


def test_aliases_stand_for_their_anchors():
    assert read_value("a: &x [1]\nb: *x\nc: &y t\nd: *y\n") == {"a": [1], "b": [1], "c": "t", "d": "t"}


@pytest.mark.parametrize(("text", "line", "what"), [
    ("a: 1\nb: 2\na: 3", 3, "'a' is already set"),
    ("a: 1\n'a': 2", 2, "already set"),
    ("x: 1\nb: !!python/object/apply:os.system [id]", 2, "tag"),
    ("x: 1\nb: !Ref y", 2, "tag"),
    ("b: !!binary aGk=", 1, "tag"),
    ("a: !!int x", 1, "no int"),
    ("a: .nan", 1, "finite"),
    ("a: -.INF", 1, "finite"),
    ("? {a: b}\n: c", 1, "key"),
    ("null: a", 1, "key"),
    ("a: *nothing", 1, "refers to nothing"),
    ("a: &a [1, *a]", 1, "what contains it"),
    ("a: &a 1\nb: &a [*a]", 2, "what contains it"),
    ("a:\n  <<: 1", 2, "merges mappings"),
    ("a: b\n\tc: d", 2, "character"),
])  # fmt: skip
def test_what_json_cannot_hold_is_an_error_with_its_line(text, line, what):
    with pytest.raises(YamlError, match=what) as raised:
        read_value(text)
    assert raised.value.line == line


_PLAIN = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=12)
_ORDINARY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | _PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_PLAIN, inner, max_size=4),
    max_leaves=12,
)


@given(_ORDINARY, st.booleans(), st.sampled_from([None, "'", '"', "|"]))
def test_ordinary_documents_are_read_as_pyyaml_reads_them(value, flow, style):
    text = yaml.safe_dump(value, default_flow_style=flow, default_style=style, allow_unicode=True)
    # PyYAML leaves `y` and `n` without quotes, which Kubernetes reads as booleans.
    if style is None and any(item in {"y", "n", "Y", "N"} for item in _strings(value)):
        return
    assert read_value(text) == yaml.safe_load(text)


def _strings(value):
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, str):
        yield value


@given(_ORDINARY)
def test_json_is_read_as_json(value):
    assert values(json.dumps({"a": value}, ensure_ascii=False)) == [{"a": value}]


@given(st.text(st.sampled_from("abc: -\n[]{}&*!|>'\"#%,?\t\x00\\x<1~"), max_size=60))
def test_whatever_the_text_the_answer_is_values_or_errors(text):
    for document in read_documents(text.encode(), "f"):
        assert bool(document.error) != (document.value is not None)


# --- hostile ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["[", "{", "[{", "- ", "? ", '{"a":', "[a, ", "{a: ", "? ["])
def test_a_document_nested_without_end_is_refused_and_does_not_end_the_process(unit):
    assert len(errors(unit * 1_000_000)) >= 1


def test_the_depth_that_is_read_is_far_more_than_an_object_has():
    assert read_value("[" * MAX_DEPTH + "]" * MAX_DEPTH) is not None
    with pytest.raises(YamlError, match="nested deeper"):
        read_value("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))


def test_an_alias_bomb_is_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert "alias bomb" in errors("\n".join(lines))[0]


def test_a_bomb_of_merged_mappings_is_refused():
    lines = ["a0: &a0 {" + ", ".join(f"k{n}: 1" for n in range(1000)) + "}"]
    lines += [f"a{n}: &a{n} {{<<: *a{n - 1}, n{n}: 1}}" for n in range(1, 2000)]
    assert "alias bomb" in errors("\n".join(lines))[0]


def test_aliases_within_the_limit_are_read():
    count = 1000
    text = "a: &a [" + "x, " * (MAX_ALIASED // count - 2) + "]\nb: [" + "*a, " * count + "]"
    assert len(read_value(text)["b"]) == count


def test_a_stream_of_broken_json_is_given_up_after_some():
    documents = read('{"a":[\n' * 5000)
    assert len(documents) == yamlreader.MAX_BROKEN
    assert "the rest is not read" in documents[-1].error


@pytest.mark.parametrize(
    "unit", ["\n", "%a\n", "|\n", "---\n", "#", " ", "&a ", "a: ", '"', "'", "{}\n", "<<: ", "!", "...\n"]
)
def test_a_hostile_megabyte_is_read_to_its_end(unit):
    assert all(document.error or document.value is not None for document in read(unit * (1_000_000 // len(unit))))
