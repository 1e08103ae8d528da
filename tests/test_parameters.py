"""What a `parameters` cell may declare, and what may be given for it."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8srun.errors import InputError
from k8srun.parameters import Base, from_texts, read_parameters, validate

CELL = """\
from typing import Literal

# Where to look.
context: str = "a=b"  # kubeconfig context, with = in it
retries: int = 3  # attempts
wait: float = 1.5  # between attempts, s
deep: bool = False  # also look at …
names: list[str] = ["a", "b"]  # who
ports: list[int] = [1]  # where
node: str | None = None  # name of a node
level: Literal["low", "high"] = "low"  # how much
size: Literal[1, 2] | None = 1  # how big
"""
SCHEMA = read_parameters(CELL)


def by_name(name):
    return next(parameter for parameter in SCHEMA if parameter.name == name)


def test_every_type_is_read_with_its_default_and_its_help():
    assert [(p.name, p.base, p.optional, p.choices, p.default, p.help) for p in SCHEMA] == [
        ("context", Base.STR, False, (), "a=b", "kubeconfig context, with = in it"),
        ("retries", Base.INT, False, (), 3, "attempts"),
        ("wait", Base.FLOAT, False, (), 1.5, "between attempts, s"),
        ("deep", Base.BOOL, False, (), False, "also look at …"),
        ("names", Base.STRINGS, False, (), ["a", "b"], "who"),
        ("ports", Base.INTS, False, (), [1], "where"),
        ("node", Base.STR, True, (), None, "name of a node"),
        ("level", Base.STR, False, ("low", "high"), "low", "how much"),
        ("size", Base.INT, True, (1, 2), 1, "how big"),
    ]


def test_the_type_is_kept_as_it_was_written():
    assert [by_name("node").type, by_name("size").type] == ["str | None", "Literal[1, 2] | None"]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("name = 1", "a parameter is written"),
        ("name: int", "a parameter is written"),
        ("name: list[str] = [\n 'a',\n]", "a parameter is written"),
        ("import os", "a parameter is written"),
        ("name: int = open('/etc/passwd')", "is not a literal"),
        ("name: dict = {}", "dict is not a type"),
        ("name: Literal[open()] = 1", "a Literal lists"),
        ("name: Literal['a', 1] = 1", "is not a type"),
        ("name: int = 'x'", "must be a whole number"),
        ("name: Literal['a'] = 'b'", "must be one of a"),
        ("name: int = 1\nname: int = 2", "declared twice"),
        ("name: int = ", "is not Python"),
    ],
)
def test_a_line_of_another_form_is_refused(line, complaint):
    with pytest.raises(InputError, match=complaint):
        read_parameters(line)


def test_a_complaint_names_file_and_line():
    with pytest.raises(InputError, match=r"x\.ipynb: parameters cell, line 2: "):
        read_parameters("fine: int = 1\nbroken = 2", where="x.ipynb")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("context", "prod", "prod"),
        ("context", "", ""),
        ("context", "true", "true"),
        ("retries", "-7", -7),
        ("wait", "2", 2.0),
        ("wait", "1e-3", 0.001),
        ("deep", "true", True),
        ("deep", "false", False),
        ("names", "a,b c", ["a", "b c"]),
        ("names", '["a,b", "c"]', ["a,b", "c"]),
        ("names", "", []),
        ("ports", "80,443", [80, 443]),
        ("ports", "[80]", [80]),
        ("node", "", None),
        ("node", "node-1", "node-1"),
        ("level", "high", "high"),
        ("size", "2", 2),
    ],
)
def test_a_word_of_the_command_line_becomes_a_value_of_the_type(name, text, value):
    converted = from_texts(SCHEMA, {name: text})[name]
    assert (converted, type(converted)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("retries", "3.5"),
        ("retries", "three"),
        ("retries", "1_000"),
        ("retries", ""),
        ("wait", "nan"),
        ("wait", "inf"),
        ("deep", "yes"),
        ("deep", "True"),
        ("deep", "1"),
        ("ports", "80,https"),
        ("ports", "[80"),
        ("names", "[1]"),
        ("level", "medium"),
        ("size", "3"),
        ("context", "\udcff"),
    ],
)
def test_a_word_that_is_not_of_the_type_is_refused_by_name(name, text):
    with pytest.raises(InputError, match=f"parameter {name}"):
        from_texts(SCHEMA, {name: text})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("retries", "3"),
        ("retries", True),
        ("retries", 3.0),
        ("deep", "true"),
        ("deep", 1),
        ("names", "a"),
        ("names", ["a", 1]),
        ("ports", [True]),
        ("context", None),
        ("size", True),
        ("wait", float("inf")),
    ],
)
def test_a_value_of_a_file_must_have_the_very_type(name, value):
    with pytest.raises(InputError, match=f"parameter {name} must be"):
        validate(SCHEMA, {name: value})


def test_a_whole_number_does_for_a_float():
    value = validate(SCHEMA, {"wait": 2})["wait"]
    assert (value, type(value)) == (2.0, float)


def test_only_what_was_given_comes_back():
    assert validate(SCHEMA, {"retries": 4}) == {"retries": 4}


def test_an_unknown_name_is_refused_and_the_nearest_named():
    with pytest.raises(InputError, match="there is no parameter contxt") as refused:
        validate(SCHEMA, {"contxt": "prod"})
    assert refused.value.do == "Did you mean context?"


def test_an_unknown_name_with_nothing_near_is_told_all_there_are():
    with pytest.raises(InputError) as refused:
        validate(SCHEMA[:2], {"zzz": "prod"})
    assert refused.value.do == "There are: context, retries."


@pytest.mark.parametrize("name", ["context\nimport os", "context = 1; x", "", "a b", "os.environ", "context\u2028"])
def test_a_name_that_could_carry_code_is_refused(name):
    with pytest.raises(InputError, match="is not the name of a parameter") as refused:
        validate(SCHEMA, {name: "x"})
    assert "\n" not in str(refused.value)


def test_a_refused_value_is_shown_inert_and_short():
    with pytest.raises(InputError) as refused:
        from_texts(SCHEMA, {"retries": "\x1b[31m" + "x" * 5000})
    assert "\x1b" not in str(refused.value)
    assert len(str(refused.value)) < 300


literals = st.one_of(
    st.tuples(st.just("str"), st.text(st.characters(codec="utf-8"))),
    st.tuples(st.just("int"), st.integers()),
    st.tuples(st.just("float"), st.floats(allow_nan=False, allow_infinity=False)),
    st.tuples(st.just("bool"), st.booleans()),
    st.tuples(st.just("list[str]"), st.lists(st.text(st.characters(codec="utf-8")))),
    st.tuples(st.just("list[int]"), st.lists(st.integers())),
)


@given(literals, st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"])))
def test_any_declaration_that_python_reads_is_read_the_same(literal, comment):
    kind, default = literal
    line = f"name: {kind} = {default!r}  # {comment}"
    parameter = read_parameters(line)[0]
    assert parameter.default == ast.literal_eval(repr(default))
    assert parameter.help == comment.lstrip("#").strip()
    assert parameter.check(default) == default
