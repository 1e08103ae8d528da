"""Tables and pictures of who may do what: readable at any size, inert whatever a name holds, with words for both."""

from __future__ import annotations

import pytest

from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.fixes.needed import needed
from k8srun.authorization.fixes.options import propose
from k8srun.authorization.nearmisses import near_misses
from k8srun.authorization.paths import attack_paths
from k8srun.authorization.permissions import access_matrix, bound_subjects, permissions_of
from k8srun.authorization.serviceaccounts import service_accounts
from k8srun.authorization.whocan import who_can
from k8srun.display import authorization as display
from k8srun.display.authorization_plots import graph, heatmap
from tests.authorization.cluster import ADMIN, authorization, binding, cluster_role, role, rule

EVIL = "ev\u202eil\x1b[2J$x^2$<b>"
JANE = Identity("jane").as_authenticated()
PODS = Attributes("list", "", "pods", namespace="shop")
VERBS = ("get", "list", "create", "delete")


def cluster(count=1, name="user-{}"):
    bound = [binding("shop", f"b{number}", "Role r", f"User {name.format(number)}") for number in range(count)]
    return authorization(
        role("shop", "r", rule("get,list", "pods"), rule("create", "pods/exec")), cluster_role("cluster-admin", ADMIN),
        binding("", "admins", "ClusterRole cluster-admin", "Group admins"), *bound,
    )  # fmt: skip


def matrix(found):
    asked = [Attributes("", "", resource, sub) for resource, sub in (("pods", ""), ("pods", "exec"), ("secrets", ""))]
    return access_matrix(found, bound_subjects(found, system=True), asked, VERBS, "shop")


@pytest.mark.parametrize("count", [1, 10, 1000])
def test_a_heat_map_stays_readable_because_those_who_may_do_the_same_share_a_row(count):
    figure, said = heatmap(matrix(cluster(count)))
    (axes,) = figure.axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(labels) == 2
    assert labels[0] == "Group admins"
    assert count == 1 or labels[1].startswith(f"{count} subjects: User user-0")
    assert f"{count + 1} may do something" in said
    assert "secrets 1" in said


def test_the_cells_of_a_heat_map_tell_reading_from_writing_and_from_everything():
    figure, _said = heatmap(matrix(cluster()))
    assert [text.get_text() for text in figure.axes[0].texts] == ["all", "all", "all", "r", "w", ""]


def test_a_heat_map_of_nobody_says_so():
    figure, said = heatmap(access_matrix(authorization(), (), [PODS], VERBS, "shop"))
    assert figure.axes[0].texts[0].get_text() == "Nobody may do any of it."
    assert "nobody" in said


def test_the_graph_joins_those_who_go_the_same_way():
    strong = binding("", "strong", "ClusterRole cluster-admin", "ServiceAccount shop/robot")
    minters = [binding("shop", f"m{n}", "Role mint", f"User u{n:04}") for n in range(300)]
    found = authorization(
        cluster_role("cluster-admin", ADMIN), strong, role("shop", "mint", rule("create", "serviceaccounts/token")),
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot", "namespace": "shop"}}, *minters,
    )  # fmt: skip
    paths = attack_paths(found.rbac, found.snapshot).paths
    assert len(paths) == 301
    figure, said = graph(paths)
    boxes = [text.get_text() for text in figure.axes[0].texts]
    assert any(box.startswith("300 subjects") for box in boxes)
    assert len(boxes) < 12
    assert "301 subjects" in said


def test_every_arrow_of_the_graph_begins_and_ends_at_a_box():
    minter = binding("shop", "minter", "Role mint", "User a-person-with-a-rather-long-name@example.com")
    found = authorization(
        cluster_role("cluster-admin", ADMIN), role("shop", "mint", rule("create", "serviceaccounts/token")),
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot", "namespace": "shop"}}, minter,
        binding("", "strong", "ClusterRole cluster-admin", "ServiceAccount shop/robot"),
    )  # fmt: skip
    figure, _said = graph(attack_paths(found.rbac, found.snapshot).paths)
    figure.canvas.draw()
    texts = figure.axes[0].texts
    boxes = [text.get_bbox_patch().get_window_extent() for text in texts if text.get_bbox_patch()]
    arrows = [text.arrow_patch for text in texts if getattr(text, "arrow_patch", None)]
    assert arrows
    for arrow in arrows:
        [[tail, *_, head], *_] = [path.vertices for path in arrow._get_path_in_displaycoord()[0]]
        for end in (tail, head):
            assert any(box.padded(4).contains(*end) for box in boxes)


def test_a_graph_without_paths_says_so():
    _figure, said = graph(())
    assert said.endswith("Nobody has one.")


def test_a_hostile_name_acts_neither_in_a_table_nor_in_a_picture():
    found = cluster(1, EVIL)
    tables = [
        display.matrix(matrix(found)),
        display.holders(who_can(found, PODS)),
        display.roles(found, system=True),
        display.dangers(found, system=True),
        display.permissions(permissions_of(found, Identity(EVIL))),
    ]
    figure, said = heatmap(matrix(found))
    shown = "".join(table.to_string() for table in tables) + said
    assert "\u202e" not in shown
    assert "\x1b" not in shown
    assert all(not label.get_parse_math() for label in figure.axes[0].get_yticklabels())
    figure.savefig("/dev/null", format="png")


def test_the_table_of_a_no_says_what_came_close():
    found = cluster()
    elsewhere = Attributes("list", "", "pods", namespace="data")
    jane = Identity("user-0").as_authenticated()
    table = display.decision("x", found.review(jane, elsewhere), near_misses(found, jane, elsewhere))
    assert table.loc["Answer", "Value"] == "no"
    assert "shop" in table.loc["Came close", "Value"]


def test_the_ways_of_a_proposal_are_numbered_the_best_first():
    found = cluster()
    table = display.options(propose(JANE, needed(PODS), found.snapshot))
    assert table.index[0].startswith("1. ")
    assert table.iloc[0]["Gives besides"] == "nothing"


def test_a_service_account_that_is_missing_is_said_to_be():
    found = authorization(
        role("shop", "r", rule("get", "pods")), binding("shop", "b", "Role r", "ServiceAccount shop/gone")
    )
    table = display.accounts(service_accounts(found.snapshot, found.rbac))
    assert table.loc["shop/gone", "To know"] == "it does not exist"
