"""JSON Patch without a server; `tests/live/plans/test_json_patch.py` holds it against the API server's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8srun.jsonpatch import PatchError, difference, equal, failed_tests, find, inverse, patched, pointer, tokens

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text("ab/~", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=3),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.text("ab/~", max_size=2), VALUES, max_size=4)


@given(keys=st.lists(st.text(max_size=4), min_size=1))
def test_a_pointer_reads_as_it_was_written(keys):
    assert tokens(pointer(*keys)) == keys


@given(old=OBJECTS, new=OBJECTS)
def test_the_difference_of_two_objects_makes_one_of_the_other_and_its_inverse_goes_back(old, new):
    operations = difference(old, new)
    assert equal(patched(old, operations), new)
    assert equal(patched(new, inverse(old, operations)), old)
    assert (operations == []) == equal(old, new)


def test_true_is_not_one_and_one_is_not_a_float():
    assert not equal(True, 1)
    assert not equal(1, 1.0)
    assert not equal({"a": [1]}, {"a": [True]})
    assert equal({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]})


def test_a_test_that_does_not_hold_is_named_with_what_is_there():
    item = {"a": {"b": 1}, "list": [1]}
    tests = [
        {"op": "test", "path": "/a/b", "value": 2},
        {"op": "test", "path": "/a/none", "value": None},
        {"op": "test", "path": "/none/b", "value": None},
        {"op": "test", "path": "/list/3", "value": None},
    ]
    found = failed_tests(item, tests)
    assert found == [("/a/b", 2, 1), ("/none/b", None, None), ("/list/3", None, None)]
    with pytest.raises(PatchError, match="test /a/b: it is not what was expected"):
        patched(item, tests)


def test_nothing_is_changed_in_place():
    item = {"a": [1, {"b": 2}]}
    changed = patched(item, [{"op": "add", "path": "/a/1/c", "value": {"d": []}}])
    changed["a"][1]["c"]["d"].append(1)
    assert item == {"a": [1, {"b": 2}]}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/x"},
        {"op": "add", "path": "/x/y", "value": 1},
        {"op": "add", "path": "/list/3", "value": 1},
        {"op": "replace", "path": "/list/1", "value": 1},
        {"op": "remove", "path": "/list/-"},
        {"op": "remove", "path": "/list/01"},
        {"op": "add", "path": "/list/x", "value": 1},
        {"op": "add", "path": "/text/a", "value": 1},
    ],
)
def test_an_operation_that_does_not_fit_is_refused(operation):
    with pytest.raises(PatchError, match=operation["path"]):
        patched({"list": [1], "text": "t"}, [operation])


def test_what_two_operations_touch_is_tested_once_and_at_the_outermost_place():
    item = {"spec": {"a": {"b": 1}, "list": [1, 2]}}
    operations = [
        {"op": "remove", "path": "/spec/a/b"},
        {"op": "remove", "path": "/spec/a"},
        {"op": "add", "path": "/spec/list/-", "value": 3},
        {"op": "remove", "path": "/spec/list/0"},
    ]
    undo = inverse(item, operations)
    assert [(one["path"], one["value"]) for one in undo if one["op"] == "test"] == [
        ("/spec/a", None),
        ("/spec/list", [2, 3]),
    ]
    assert patched(patched(item, operations), undo) == item


def test_find_gives_the_default_where_there_is_nothing():
    assert find({"a": [{"b": 1}]}, "/a/0/b") == 1
    assert find({"a": [{"b": 1}]}, "/a/1/b", "none") == "none"
    assert find({"a": None}, "/a/b", "none") == "none"
