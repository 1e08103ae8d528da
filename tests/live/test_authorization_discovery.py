"""The built-in table of the API, and what is said to be removed, against the discovery of a real kube-apiserver."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from k8srun.authorization.apigroups import api_groups
from k8srun.authorization.apiresources import builtin, resources
from k8srun.authorization.apiversions import REMOVALS
from k8srun.kinds import API_SERVICE, RESOURCES
from k8srun.snapshot import Snapshot


def served_by(control_plane) -> dict[tuple[str, str], dict[str, dict]]:
    """Group and version → what discovery says of each resource and subresource."""
    _, groups = control_plane.request("GET", "/apis")
    paths = {("", "v1"): "/api/v1"}
    for group in groups["groups"]:
        for version in group["versions"]:
            paths[group["name"], version["version"]] = f"/apis/{version['groupVersion']}"
    found = {}
    for key, path in paths.items():
        status, answer = control_plane.request("GET", path)
        found[key] = {item["name"]: item for item in answer["resources"]} if status == 200 else {}
    return found


@pytest.fixture(scope="module")
def served(control_plane):
    return served_by(control_plane)


def test_the_table_of_the_api_is_what_the_server_serves(served):
    ours = {(item.group, item.plural): item for item in builtin()}
    own = {group for group, _ in ours}
    seen = {(group, name) for (group, _), items in served.items() for name in items if "/" not in name and group in own}

    assert {(group, name) for group, name in ours} == seen
    for (group, plural), item in ours.items():
        told = served[group, item.versions[0]][plural]
        subresources = {
            name.partition("/")[2] for name in served[group, item.versions[0]] if name.startswith(f"{plural}/")
        }
        assert (told["kind"], told["namespaced"]) == (item.kind, item.namespaced), plural
        assert set(told.get("shortNames", ())) == set(item.short_names), plural
        assert subresources == set(item.subresources), plural
        assert set(told["verbs"]) == set(item.verbs), plural
        assert {version for (of, version), items in served.items() if of == group and plural in items} == set(
            item.versions
        ), plural


def test_nothing_that_is_said_to_be_removed_is_served(served, control_plane):
    _, version = control_plane.request("GET", "/version")
    minor = int(version["minor"].rstrip("+"))
    for removal in REMOVALS:
        group, _, name = removal.api_version.rpartition("/")
        kinds = {item["kind"] for item in served.get((group, name), {}).values()}
        if removal.minor <= minor:
            assert not (kinds & removal.kinds if removal.kinds else kinds), removal


def test_the_groups_that_are_read_from_the_servers_api_services_are_those_of_its_discovery(control_plane, served):
    _, answer = control_plane.request("GET", RESOURCES[API_SERVICE].path("v1"))
    seen = Snapshot(datetime.now(UTC), objects={API_SERVICE: tuple(answer["items"])})

    found = {item.name: set(item.versions) for item in api_groups(seen)}
    assert found == {group: {version for of, version in served if of == group} for group, _ in served}
    assert {item.served_by for item in api_groups(seen)} <= {"the API server", "CustomResourceDefinitions"}
    assert resources(seen) == builtin()
