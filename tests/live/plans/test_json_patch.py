"""Our JSON Patch against the API server's own, on generated objects and patches."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from k8srun.apply.wire import json_for_go
from k8srun.jsonpatch import PatchError, equal, find, inverse, patched, pointer

THINGS = "/apis/test.k8srun.dev/v1/things"
KEYS = st.sampled_from(["a", "name", "a/b", "~", "", "0", "-", "<&>"])
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.5, -1.5]),
    st.sampled_from(["", "x", "1", "<b> & 'c'", "ü\u2028\u2029", 'say "hi"\\', "tab\tnewline\n", "\U0001f600"]),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, min_size=1, max_size=4)


@pytest.fixture(scope="module")
def things(control_plane):
    """The path of a kind whose objects hold any JSON below `spec`."""
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    control_plane.create(
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        {
            "metadata": {"name": "things.test.k8srun.dev"},
            "spec": {
                "group": "test.k8srun.dev",
                "scope": "Cluster",
                "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"},
                "versions": [version],
            },
        },
    )
    control_plane.wait_until("the kind to be served", lambda: control_plane.request("GET", THINGS)[0] == 200)
    return THINGS


def places(value, path):
    """The pointers of everything in a value, and of some that are not there."""
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, path + pointer(key))
        yield path + "/new"
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, path + pointer(index))
        yield from (f"{path}/{len(value)}", f"{path}/{len(value) + 1}", f"{path}/-", f"{path}/x")


@st.composite
def cases(draw):
    document = draw(DOCUMENTS)
    inside = [path for path in places({"spec": document}, "") if path.startswith("/spec/")]
    # One token twice is a path below a scalar: it leads nowhere.
    paths = st.sampled_from(inside).flatmap(lambda path: st.sampled_from([path, path, path, path + "/a"]))
    operations = []
    for kind in draw(st.lists(st.sampled_from(["add", "remove", "replace", "test"]), min_size=1, max_size=4)):
        operation = {"op": kind, "path": draw(paths)}
        if kind != "remove":
            operation["value"] = draw(VALUES)
        if kind == "test" and draw(st.booleans()):
            operation["value"] = draw(st.sampled_from([None, find({"spec": document}, operation["path"])]))
        operations.append(operation)
    return document, operations


NUMBERS = itertools.count()


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases())
def test_the_server_and_we_make_the_same_of_a_patch(control_plane, things, case):
    document, operations = case
    name = f"thing-{next(NUMBERS)}"
    body = {"apiVersion": "test.k8srun.dev/v1", "kind": "Thing", "metadata": {"name": name}, "spec": document}
    created = control_plane.create(things, body)
    assert equal(created["spec"], json.loads(json.dumps(document)))
    status, answer = patch(control_plane, f"{things}/{name}", operations)
    try:
        ours = patched(created, operations)["spec"]
    except PatchError:
        ours = None
    assert (status == 200) == (ours is not None), (operations, ours, answer)
    if ours is not None:
        assert equal(answer["spec"], ours), operations
        undo = inverse(created, operations)
        status, answer = patch(control_plane, f"{things}/{name}", [*operations, *undo])
        assert status == 200, (operations, undo, answer)
        assert equal(answer["spec"], created["spec"])


def patch(control_plane, path, operations):
    pool = control_plane._pool(None, ())
    response = pool.request(
        "PATCH",
        f"{control_plane.server}{path}?dryRun=All",
        body=json_for_go(operations),
        headers={"Content-Type": "application/json-patch+json"},
    )
    return response.status, response.json()
