"""Tables and pictures of workloads: readable with ten namespaces and with a thousand, and never called clean unseen."""

from __future__ import annotations

import pytest

from k8srun.display import workloads as display
from k8srun.display.workloads_heatmap import heatmap
from k8srun.kinds import POD, RESOURCE_QUOTA, SECRET
from k8srun.snapshot import Area, Gap, GapReason
from k8srun.workloads.diagnosis_view import View
from k8srun.workloads.policy import Level, LevelVersion
from k8srun.workloads.posture import controls, postures
from k8srun.workloads.pull_secrets import pull_secrets
from k8srun.workloads.scans import Scan, Vulnerability, join
from tests.workloads.cluster import IMAGE, cluster, deployment, namespace, pod, pod_spec, service_account, template_of
from tests.workloads.test_diagnosis import crashing
from tests.workloads.test_running_images import NEW, OLD, running

RESTRICTED = LevelVersion(Level.RESTRICTED)
BARE = {"containers": [{"name": "web", "image": IMAGE}]}
BROKEN = {"containers": [{"name": "web", "image": IMAGE, "securityContext": {"runAsUser": "root"}}]}


def found_in(*items):
    return postures(cluster(*items), RESTRICTED)


def picture(*items):
    return heatmap(found_in(*items), controls(RESTRICTED), str(RESTRICTED))


def labels(figure):
    (axes,) = figure.axes
    return [label.get_text() for label in axes.get_yticklabels()], [
        label.get_text() for label in axes.get_xticklabels()
    ]


def test_the_heat_map_has_a_row_for_each_namespace_the_worst_first_and_only_violated_controls():
    figure, said = picture(
        namespace("good"), deployment(namespace="good"), namespace("bad"), deployment(namespace="bad", spec=BARE)
    )
    rows, columns = labels(figure)
    assert rows == ["bad (1/1)", "good (0/1)"]
    assert columns == [
        "allowPrivilegeEscalation",
        "capabilities_restricted",
        "runAsNonRoot",
        "seccompProfile_restricted",
    ]
    assert said.startswith(
        "Heat map of 2 namespaces by controls of restricted:latest: 1 workload in 1 namespace violate"
    )


def test_a_thousand_namespaces_have_forty_rows_and_one_for_the_others():
    items = [deployment(namespace=f"team-{number:04}", spec=BARE) for number in range(1000)]
    figure, said = picture(*items)
    rows, _ = labels(figure)
    assert len(rows) == 41
    assert rows[-1] == "960 other namespaces (960)"
    assert "and 990 more" in said
    assert max(figure.get_size_inches()) < 16


def test_a_cluster_without_violations_has_a_picture_that_says_so():
    figure, said = picture(namespace(), deployment())
    assert "0 workloads in 0 namespaces violate it" in said
    assert [text.get_text() for text in figure.axes[0].texts] == [
        "No workload that was read violates restricted:latest."
    ]


def test_a_workload_that_cannot_be_judged_is_counted_in_words_and_table():
    found = postures(cluster(namespace(), deployment(spec=BROKEN)), RESTRICTED)
    _, said = heatmap(found, controls(RESTRICTED), str(RESTRICTED))
    assert "1 workload could not be judged" in said
    assert "1 workload cannot be judged" in display.postures(found)["What keeps it from the level"].iloc[0]
    assert display.violations(one for posture in found for one in posture.judged)["Control"].tolist() == ["not judged"]


def test_a_namespace_that_was_not_read_is_not_known_rather_than_privileged():
    table = display.postures(postures(cluster(deployment()), RESTRICTED))
    assert table["Enforces"].tolist() == ["not known"]


def test_a_namespace_whose_pods_could_not_be_read_is_not_called_clean():
    gap = Gap(Area.OBJECTS, str(POD), GapReason.FORBIDDEN, "pods is forbidden")
    found = postures(cluster(namespace(), gaps=(gap,)), RESTRICTED)
    figure, said = heatmap(found, controls(RESTRICTED), str(RESTRICTED))
    assert "not known: Pod objects: forbidden" in display.postures(found)["What keeps it from the level"].iloc[0]
    assert "Of 1 namespace not everything could be read." in said
    assert figure.axes[0].texts[0].get_text() == "No workload that was read violates restricted:latest."


def test_the_table_of_a_namespace_says_what_keeps_it_from_the_level():
    table = display.postures(
        postures(cluster(namespace(), deployment(spec=BARE), deployment("b", spec=BARE)), RESTRICTED)
    )
    assert table.loc["shop", "Violate"] == 2
    assert "runAsNonRoot (2)" in table.loc["shop", "What keeps it from the level"]


def test_a_dollar_sign_in_a_namespace_is_no_formula():
    figure, _ = picture(deployment(namespace="$x_1$", spec=BARE))
    figure.canvas.draw()


def test_troubles_count_the_pods_of_a_workload():
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "u", "controller": True}
    first, second = (crashing(pod_spec(), "listen tcp :80: bind: permission denied") for _ in range(2))
    for number, item in enumerate((first, second)):
        item["metadata"] |= {"name": f"web-{number}", "ownerReferences": [owner]}
    table = display.troubles(View(cluster(first, second)))
    assert table["Pods"].tolist() == [2]


def test_an_image_without_a_scan_is_not_known_and_one_by_name_alone_says_so():
    item = pod(spec=pod_spec({"name": "web", "image": "registry.example/a:1"}))
    item["status"] = {"containerStatuses": [{"name": "web", "imageID": ""}]}
    snapshot = cluster(item)
    unscanned = display.scans(join(snapshot, ()))
    assert unscanned["Vulnerabilities"].tolist() == ["not scanned"]
    scan = Scan("scan.json", "registry.example/a:1", frozenset(), (Vulnerability("CVE-1", "HIGH", "x", "1", "2"),))
    table = display.scans(join(snapshot, (scan,)))
    assert (table["Worst"].tolist(), table["Of the digest that runs"].tolist()) == (["HIGH"], ["by its name only"])


@pytest.mark.parametrize("spec", [BARE, pod_spec()])
def test_the_context_of_a_container_is_explained_a_sentence_for_each_setting(spec):
    table = display.contexts(cluster(), template_of(deployment(spec=spec)))
    assert {"runAsUser", "capabilities", "seccompProfile"} <= set(table["Setting"])
    assert all(sentence.endswith(".") for sentence in table["What it means"])


def test_hostile_names_are_inert_in_tables():
    table = display.images(cluster(pod(spec=pod_spec({"name": "web", "image": "\u202eevil\x1b[31m"}))))
    assert "\u202e" not in table.index[0]


def test_what_was_not_read_may_hold_a_pull_secret_and_is_not_called_none():
    unread = Gap(Area.OBJECTS, str(SECRET), GapReason.NOT_SUPPLIED)
    named = deployment(spec=pod_spec(imagePullSecrets=[{"name": "registry"}]))
    snapshot = cluster(named, service_account(), gaps=(unread,))

    assert display.images(cluster(deployment(), service_account()))["Pull secret that matches"].tolist() == ["none"]
    assert display.images(snapshot)["Pull secret that matches"].tolist() == ["not known"]
    assert display.secrets(pull_secrets(snapshot, template_of(named))).index.tolist() == ["shop/registry", "not known"]


def test_bounds_that_were_not_read_are_told_beside_what_containers_ask_for():
    gap = Gap(Area.OBJECTS, str(RESOURCE_QUOTA), GapReason.FORBIDDEN)
    table = display.resources((), (), [gap])
    assert table.loc["not known", "Requests"] == str(gap)


def test_a_tag_that_moved_has_a_row_for_each_digest_with_who_runs_it():
    moved = display.image_drifts(cluster(running("a", OLD), running("b", NEW), running("c", NEW)))
    assert list(moved["Digest"]) == [NEW, OLD]
    assert list(moved["Run by"]) == ["shop/b (web), shop/c (web)", "shop/a (web)"]
    assert display.image_drifts(cluster(running("a", OLD), running("b", OLD))).empty
