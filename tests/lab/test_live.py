"""The company's objects against a real kube-apiserver: it refuses none, and would store them as the lab has them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from k8srun.kinds import RESOURCES, Resource, kind_of
from k8srun.lab import build
from tests.controlplane.cluster import ControlPlane
from tests.lab.helpers import objects_of

pytestmark = pytest.mark.live

# Kinds that the tool does not read but a company has.
OTHERS = {
    "PriorityClass": Resource(kind_of("scheduling.k8s.io/v1", "PriorityClass"), "priorityclasses", namespaced=False),
    "IngressClass": Resource(kind_of("networking.k8s.io/v1", "IngressClass"), "ingressclasses", namespaced=False),
}
# What the others cannot be created without.
FIRST = ("Namespace", "Node", "ServiceAccount", "LimitRange")
SERVERS_OWN = ("uid", "resourceVersion", "creationTimestamp", "generation")
REQUESTER = ("username", "groups", "extra")  # of a CertificateSigningRequest: whoever sends it
CONTENT = ("spec", "rules", "roleRef", "subjects", "webhooks", "data", "type", "endpoints", "ports")


@pytest.fixture(scope="module")
def server(control_plane_binaries: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane of its own: the company's namespaces and nodes would be in the way of other tests."""
    with ControlPlane(tmp_path_factory.mktemp("company")) as running:
        yield running


@pytest.fixture(scope="module")
def answers(server: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[dict, int, Any]]:
    """Each object with the server's answer to its creation: in earnest where others need it, else as a dry run."""
    items = objects_of(build(tmp_path_factory.mktemp("lab") / "lab"))
    items = [item for item in items if item["kind"] != "IPPool"]  # its kind exists only once Calico's CRD does
    return [(item, *_create(server, item)) for item in sorted(items, key=lambda item: item["kind"] not in FIRST)]


def test_a_real_server_accepts_every_object_of_the_company(answers: list[tuple[dict, int, Any]]) -> None:
    # 409: the server has made it by itself, as it makes its bootstrap roles.
    refused = [
        f"{item['kind']} {item['metadata']['name']}: {answer.get('message', answer)}"
        for item, status, answer in answers
        if status not in {201, 409}
    ]

    assert refused == []
    assert sum(status == 201 for _, status, _ in answers) > 150


def test_a_real_server_would_store_every_object_as_the_lab_has_it(answers: list[tuple[dict, int, Any]]) -> None:
    created = [
        (_as_created(item), _as_created(answer))
        for item, status, answer in answers
        if status == 201 and item["kind"] != "Node"
    ]
    different = {
        f"{item['kind']} {item['metadata']['name']}": (item.get(field), answer.get(field))
        for item, answer in created
        for field in CONTENT
        if item.get(field) != answer.get(field)
    }

    assert different == {}


def _create(server: ControlPlane, item: dict) -> tuple[int, Any]:
    kind = kind_of(item["apiVersion"], item["kind"])
    resource = RESOURCES.get(kind) or OTHERS[kind.kind]
    path = resource.path(item["apiVersion"].rpartition("/")[2], item["metadata"].get("namespace", ""))
    options = "fieldValidation=Strict" + ("" if item["kind"] in FIRST else "&dryRun=All")
    return server.request("POST", f"{path}?{options}", _as_created(item))


def _as_created(item: dict) -> dict:
    """The object without what only the server may fill in. (A Job's selector can never be given back to it.)"""
    body = copy.deepcopy(item)
    for field in SERVERS_OWN:
        body["metadata"].pop(field, None)
    if item["kind"] == "Job":
        body["spec"]["manualSelector"] = True
    if item["kind"] == "CertificateSigningRequest":
        for field in REQUESTER:
            body["spec"].pop(field, None)
    return body
