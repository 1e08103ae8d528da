"""What a rule matches: the words of the API, one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8srun.authorization.attributes import Attributes
from k8srun.authorization.matching import allows, broken_down, covers, uncovered
from k8srun.authorization.model import Rule

WORDS = st.lists(st.sampled_from(["get", "*", "pods", "pods/log", "*/scale", "", "apps"]), min_size=1, max_size=3)
RULES = st.builds(
    lambda verbs, groups, resources, names: Rule(tuple(verbs), tuple(groups), tuple(resources), tuple(names)),
    WORDS, WORDS, WORDS, st.lists(st.sampled_from(["one", "two"]), max_size=2),
)  # fmt: skip


def resource(verbs="get", groups="", resources="pods", names=()):
    return Rule(tuple(verbs.split(",")), tuple(groups.split(",")), tuple(resources.split(",")), tuple(names))


@pytest.mark.parametrize(
    ("rule", "request_", "allowed"),
    [
        (resource(), Attributes("get", "", "pods"), True),
        (resource(verbs="GET"), Attributes("get", "", "pods"), False),
        (resource(verbs="*"), Attributes("anything", "", "pods"), True),
        (resource(), Attributes("*", "", "pods"), False),
        (resource(), Attributes("get", "", "pods", "log"), False),
        (resource(resources="pods/log"), Attributes("get", "", "pods", "log"), True),
        (resource(resources="pods/log"), Attributes("get", "", "pods"), False),
        (resource(resources="*"), Attributes("get", "", "pods", "log"), True),
        (resource(resources="*/log"), Attributes("get", "", "pods", "log"), True),
        (resource(resources="*/log"), Attributes("get", "", "pods"), False),
        (resource(resources="pods/*"), Attributes("get", "", "pods", "log"), False),
        (resource(resources="*/*"), Attributes("get", "", "pods", "log"), False),
        (resource(groups="apps"), Attributes("get", "", "pods"), False),
        (resource(groups="*"), Attributes("get", "", "pods"), True),
        (resource(groups="*"), Attributes("get", "apps", "pods"), True),
        (resource(), Attributes("get", "apps", "pods"), False),
        (resource(names=["a"]), Attributes("get", "", "pods", name="a"), True),
        (resource(names=["a"]), Attributes("get", "", "pods", name="b"), False),
        (resource(verbs="list", names=["a"]), Attributes("list", "", "pods"), False),
        (resource(verbs="list", names=["a"]), Attributes("list", "", "pods", name="a"), True),
        (resource(resources="*"), Attributes("get", path="/healthz"), False),
    ],
)
def test_a_rule_for_resources_matches_as_the_server_matches_it(rule, request_, allowed):
    assert allows(rule, request_) is allowed


@pytest.mark.parametrize(
    ("url", "path", "allowed"),
    [
        ("/healthz", "/healthz", True),
        ("/healthz", "/healthz/", False),
        ("/foo*", "/foobar", True),
        ("/foo/*", "/foo", False),
        ("/foo/*", "/foo/", True),
        ("*", "/anything", True),
        ("*", "", True),
        ("/a**", "/ab", True),
        ("/f*o", "/foo", False),
    ],
)
def test_a_url_matches_exactly_or_as_a_raw_prefix(url, path, allowed):
    assert allows(Rule(("get",), urls=(url,)), Attributes("get", path=path)) is allowed


@given(RULES)
def test_whoever_holds_a_rule_lacks_nothing_of_it(rule):
    assert uncovered([rule], [rule]) == ()


@given(RULES, RULES)
def test_what_is_covered_allows_no_request_that_its_owner_may_not_make(owner, wanted):
    for part in broken_down(wanted):
        if covers(owner, part):
            resource_, _, subresource = part.resources[0].partition("/")
            name = part.names[0] if part.names else "any"
            request = Attributes(part.verbs[0], part.groups[0], resource_, subresource, name=name)
            if allows(part, request):
                assert allows(owner, request)


def test_only_a_literal_star_covers_a_star():
    every_verb_listed = resource(verbs="get,list,watch,create,update,patch,delete,deletecollection")

    assert uncovered([every_verb_listed], [resource(verbs="*")]) == (resource(verbs="*"),)
    assert uncovered([resource(verbs="*")], [every_verb_listed]) == ()


def test_a_rule_for_some_names_does_not_cover_the_rule_for_all():
    assert uncovered([resource(names=["a"])], [resource()]) == (resource(),)
    assert uncovered([resource(names=["a", "b"])], [resource(names=["b"])]) == ()
