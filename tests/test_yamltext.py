"""YAML for other people's parsers."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from k8srun.yamltext import yaml_text


@given(st.text() | st.from_regex(r"[-+0-9eExo._]{1,6}", fullmatch=True))
def test_every_text_is_the_same_text_when_it_is_read(text):
    assert yaml.safe_load(yaml_text({"a": text})) == {"a": text}


@pytest.mark.parametrize("text", ["y", "N", "1e3", "0o7", "12", "1_000", "true", "null", "~", "1.5", ".5e1", "+1"])
def test_a_text_that_a_parser_could_take_for_something_else_is_quoted(text):
    assert yaml_text({"a": text}) == f"a: '{text}'\n"


def test_lines_are_shown_as_lines_and_the_same_object_twice_is_written_twice():
    shared = {"text": "one\ntwo\n"}
    assert yaml_text(shared, shared) == "text: |\n  one\n  two\n---\ntext: |\n  one\n  two\n"
    assert "&id" not in yaml_text([shared, shared])


def test_what_could_hide_or_reorder_a_line_is_escaped():
    text = yaml_text({"a": "gr\u00fcn", "b": "\u202eevil", "c": ["\u200b", "\x1b[31m"]})
    assert not {"\u202e", "\u200b", "\x1b"} & set(text)
    assert yaml.safe_load(text)["b"] == "\u202eevil"
    assert yaml_text({"a": "gr\u00fcn"}) == "a: gr\u00fcn\n"
