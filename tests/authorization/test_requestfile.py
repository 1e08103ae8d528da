"""The access request that a denied person hands on."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.denials.denial import Denial, DenialKind
from k8srun.authorization.denials.reading import read
from k8srun.authorization.requestfile import SCHEMA, access_request, read_request, request_text
from k8srun.errors import InputError
from tests.authorization.cluster import NOW

TEXT = 'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "shop"'
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=40)


def test_what_is_written_is_read_back():
    made = access_request(read(TEXT), NOW, groups=("dev",), why="the shop is down", server="https://192.0.2.1:6443")
    again = read_request(request_text(made), where="request.json")
    assert again == made
    assert again.denial.request == Attributes("list", "", "pods", namespace="shop")
    assert again.denial.identity == Identity("jane", ("dev",))


@given(WORDS, WORDS, WORDS, WORDS)
def test_any_names_survive(user, resource, namespace, name):
    denial = Denial(DenialKind.ACCESS, "x", Identity(user), Attributes("get", "", resource, "", namespace, name))
    assert read_request(request_text(access_request(denial, NOW)), where="r").denial.request == denial.request


def test_a_refusal_of_another_kind_keeps_its_words():
    denial = read('pods "x" is forbidden: violates PodSecurity "restricted:latest": privileged')
    assert read_request(request_text(access_request(denial, NOW)), where="r").denial.kind is DenialKind.POD_SECURITY


def test_a_token_that_was_pasted_along_is_not_in_the_file():
    text = f"{TEXT}: Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJlc2lnbmF0dXJl"
    written = request_text(access_request(read(text), NOW, why="password=hunter2-and-more"))
    assert "eyJzdWIi" not in written
    assert "hunter2" not in written


WHOLE = {"schema": SCHEMA, "user": "jane", "message": "", "written": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{", "not valid JSON"),
        ('{"schema": "k8srun.dev/plan/v1"}', "not an access request"),
        (json.dumps({"schema": SCHEMA}), "cannot be read"),
        (json.dumps({**WHOLE, "user": ""}), "neither"),
        (json.dumps({**WHOLE, "user": "x" * 5000}), "more than"),
        (json.dumps({**WHOLE, "verb": "get"}), "neither a resource"),
        (json.dumps({**WHOLE, "user": ["jane"]}), "cannot be read"),
    ],
)
def test_a_file_that_is_none_is_refused_and_says_why(document, said):
    with pytest.raises(InputError, match=said) as error:
        read_request(document, where="request.json")
    assert error.value.where == "request.json"
