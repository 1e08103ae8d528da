"""What a server decodes and what not: ours by the types of the API, against the real server, field by field."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest

from k8srun.errors import InputError
from k8srun.kinds import POD
from k8srun.sources.apitypes import check_fields
from tests.controlplane.cluster import ControlPlane
from tests.workloads.apitypes import reduced
from tests.workloads.server import at_once, pod_security_server

TYPES = json.loads(files("k8srun.sources").joinpath("apitypes.json").read_text())
SCALARS = {"string": "a", "boolean": True, "int32": 1, "int64": 1, "IntOrString": 80, "Quantity": "1", "FieldsV1": {}}
OTHER = (True, 5, -1, 1.5, 2**40, 2**70, "x", "5", "", [], {}, ["a"], [{}], {"a": "b"}, {"a": 1})

pytestmark = [pytest.mark.slow]


def test_the_types_are_those_of_the_server(control_plane: ControlPlane):
    # `python -m tests.workloads.apitypes` writes them anew.
    assert reduced(control_plane) == TYPES


def test_whatever_the_server_cannot_decode_is_refused_and_nothing_else(control_plane: ControlPlane, tmp_path):
    rng = random.Random(7)
    pod = {**sample("Pod"), "apiVersion": "v1", "kind": "Pod"}
    pod["metadata"] |= {"namespace": "default"}
    pod.pop("status")
    places = [place for place in paths(pod) if place[:1] not in ((), ("apiVersion",), ("kind",))]
    changed = [put(pod, rng.choice(places), rng.choice(OTHER)) for _ in range(500)]
    changed += [put(pod, (*place, "typo"), 1) for place in rng.sample(places, 150) if isinstance(at(pod, place), dict)]

    with pod_security_server(control_plane, tmp_path) as server:
        path = "/api/v1/namespaces/default/pods?dryRun=All&fieldValidation=Strict"
        answers = at_once(lambda one: server.send("POST", path, one), changed)

    undecoded = 0
    for one, answer in zip(changed, answers, strict=True):
        refusal = ""
        try:
            check_fields(POD, one)
        except InputError as error:
            refusal = str(error)
        assert bool(refusal) == (answer.status == 400), (answer.message, refusal)
        undecoded += bool(refusal)
    assert 250 < undecoded < len(changed) - 50


def sample(kind: str) -> Any:
    """A value with every field that its type has."""
    if kind.startswith("[]"):
        return [sample(kind[2:])]
    if kind.startswith("{}"):
        return {"k": sample(kind[2:])}
    if kind == "Time":
        return "2026-01-02T03:04:05Z"
    return SCALARS[kind] if kind in SCALARS else {name: sample(inner) for name, inner in TYPES[kind].items()}


def paths(value: Any, place: tuple = ()) -> Iterator[tuple]:
    yield place
    for key, entry in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()):
        yield from paths(entry, (*place, key))


def at(value: Any, place: tuple) -> Any:
    for key in place:
        value = value[key]
    return value


def put(value: Any, place: tuple, other: Any) -> Any:
    value = json.loads(json.dumps(value))
    at(value, place[:-1])[place[-1]] = other
    return value
