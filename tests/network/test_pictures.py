"""Pictures of the network: readable with ten and with a thousand workloads, and told in words as well."""

from __future__ import annotations

import itertools
import random

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from k8srun.diagnosis import CauseStatus
from k8srun.display.network_graph import neighbourhood
from k8srun.display.network_heatmap import heatmap
from k8srun.display.network_path import path_figure
from k8srun.network.connectivity import By, Row, rows, units
from k8srun.network.diagnosis import diagnose_case
from k8srun.network.diagnosis_case import Ends, case_of
from k8srun.network.diagnosis_path import Station, path
from k8srun.network.ports import EVERY_PORT
from k8srun.network.reach import reach
from k8srun.network.symptoms import read
from k8srun.network.world import World
from k8srun.sources.collect import read_lab

ONE_PORT = {"TCP": ((80, 80),)}


def workloads(namespaces, each):
    return [f"ns-{space:03}/app-{number}[Deployment]" for space in range(namespaces) for number in range(each)]


def some_rows(names, share, seed=1):
    chooser = random.Random(seed)
    pairs = itertools.permutations(names, 2)
    return [Row(one, other, ONE_PORT) for one, other in pairs if chooser.random() < share]


def overlapping(texts, figure):
    """Pairs of texts that cover one another."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts if text.get_text()]
    return [(a, b) for (a, one), (b, other) in itertools.combinations(boxes, 2) if one.overlaps(other)]


@pytest.mark.parametrize(("namespaces", "each"), [(2, 5), (8, 5), (50, 20), (200, 5)])
def test_the_names_of_a_heat_map_can_be_read_with_ten_and_with_a_thousand_workloads(namespaces, each):
    names = workloads(namespaces, each)
    figure, _alt = heatmap(some_rows(names, 0.02), names)

    labels = figure.axes[0].get_yticklabels()
    assert 3 <= len(labels) <= 42
    assert overlapping(labels, figure) == []
    assert max(figure.get_size_inches()) < 20


def test_a_thousand_workloads_of_two_namespaces_are_drawn_one_by_one_without_their_names():
    names = workloads(2, 500)
    figure, alt = heatmap(some_rows(names, 0.001), names)

    assert figure.axes[0].images[0].get_array().shape == (1001, 1001)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "ns-000",
        "ns-001",
        "outside the cluster",
    ]
    assert "1000 workloads in 2 namespaces" in alt


def test_namespaces_beyond_those_that_can_be_read_are_one_row_and_none_is_lost():
    names = workloads(60, 2)
    figure, _alt = heatmap([Row(names[-1], names[0], ONE_PORT)], names)

    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert "20 other namespaces (40)" in "\n".join(labels)
    grid = figure.axes[0].images[0].get_array()
    assert grid[labels.index("20 other namespaces (40)"), labels.index("ns-000 (2)")] > 0


def test_a_heat_map_says_in_words_what_it_shows():
    names = ["a/x[Deployment]", "a/y[Deployment]", "b/z[StatefulSet]"]
    found = [
        Row(names[0], names[1], dict(EVERY_PORT)),
        Row(names[0], names[2], ONE_PORT),
        Row(names[1], names[2], {}, ONE_PORT, "because"),
        Row("0.0.0.0-255.255.255.255", names[0], ONE_PORT),
        Row(names[2], "8.8.8.8-8.8.8.8", ONE_PORT),
    ]
    _figure, alt = heatmap(found, names)

    assert alt == (
        "Heat map of who reaches whom among 3 workloads in 2 namespaces: 2 of 6 pairs connect on some port (33%),"
        " 1 of them across namespaces; 1 are not known. From outside the cluster 1 workload is reachable, and 1 can"
        " reach outside."
    )


def test_every_port_some_ports_unknown_and_nothing_are_told_apart():
    names = ["a/x[Deployment]", "a/y[Deployment]", "b/z[StatefulSet]"]
    found = [
        Row(names[0], names[1], dict(EVERY_PORT)),
        Row(names[0], names[2], ONE_PORT),
        Row(names[1], names[2], {}, ONE_PORT),
    ]
    figure, _alt = heatmap(found, names)

    grid = figure.axes[0].images[0].get_array()
    assert len({grid[0, 1], grid[0, 2], grid[1, 2], grid[2, 0]}) == 4


@pytest.mark.parametrize("count", [3, 16, 40, 1000])
def test_the_neighbourhood_of_a_workload_is_readable_however_many_neighbours_it_has(count):
    names = workloads(max(count // 10, 1), 10)[:count]
    centre = "zz/centre[Deployment]"
    found = [Row(name, centre, ONE_PORT) for name in names] + [Row(centre, name, ONE_PORT) for name in names]
    figure, alt = neighbourhood(found, centre)

    texts = figure.axes[0].texts
    assert len([text for text in texts if "/" in text.get_text() or "workloads" in text.get_text()]) <= 33
    assert overlapping(texts, figure) == []
    assert alt.startswith("Graph of the neighbourhood of zz/centre[Deployment]. May reach it: ")


def test_a_neighbourhood_without_neighbours_says_nobody():
    _figure, alt = neighbourhood([], "a/lonely[Deployment]")

    assert alt == "Graph of the neighbourhood of a/lonely[Deployment]. May reach it: nobody. It may reach: nobody."


def test_a_name_that_looks_like_a_formula_or_turns_the_text_around_is_drawn_as_it_is_written():
    name = "a/$x^2$\u202e[Deployment]"
    figure, alt = heatmap([Row(name, "a/y[Deployment]", ONE_PORT)], [name, "a/y[Deployment]"])
    figure.draw_without_rendering()
    graph, said = neighbourhood([Row(name, "a/y[Deployment]", ONE_PORT)], "a/y[Deployment]")
    graph.draw_without_rendering()

    assert "a/$x^2$\\u{202e}" in [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert "\u202e" not in alt + said


@pytest.fixture(scope="module")
def blocked(labs):
    lab = labs["policy-label-typo"]
    world = World(read_lab(lab, lab.now))
    return case_of(world, read(lab.symptom), Ends("shop/cart", "payments/api", "8080/TCP"))


def test_a_path_marks_the_station_where_it_ends(blocked):
    stations = path(blocked.answer, diagnose_case(blocked))

    assert [station.title for station in stations if station.passes is False] == ["Ingress policies"]
    assert [station.title for station in stations] == [
        "Source", "Egress policies", "Service", "Ingress policies", "Destination",
    ]  # fmt: skip
    figure, alt = path_figure(stations)
    assert alt.startswith(
        "Path of the connection. It ends at: Ingress policies. Source: shop/cart[Deployment] (passes);"
    )
    assert "✗ Ingress policies" in [text.get_text() for text in figure.axes[0].texts]


def test_the_boxes_of_a_path_do_not_cover_one_another(blocked):
    figure, _alt = path_figure(path(blocked.answer, diagnose_case(blocked)))
    boxes = [text for text in figure.axes[0].texts if text.get_bbox_patch()]

    assert overlapping(boxes, figure) == []


@pytest.mark.parametrize(
    ("incident", "station"),
    [
        ("dns-egress-closed", "DNS"),
        ("wrong-service-name", None),
        ("service-selector", "Service"),
        ("network-agent-not-ready", "Network plugin"),
        ("egress-not-allowed", "Egress policies"),
    ],
)
def test_each_obstacle_is_marked_at_its_own_station(incident, station, labs):
    lab = labs[incident]
    given = {"source": "", "destination": "", "port": ""} | dict(lab.incident.asks)
    case = case_of(World(read_lab(lab, lab.now)), read(lab.symptom), Ends(**given))
    if case.answer is None:
        assert station is None
        return
    ended = [one.title for one in path(case.answer, diagnose_case(case)) if one.passes is False]
    assert ended == [station]
    assert [cause for cause in diagnose_case(case).causes if cause.status is CauseStatus.CONFIRMED]


def test_a_path_that_nothing_ends_says_so():
    _figure, alt = path_figure([Station("Source", "a", True), Station("Destination", "b", None)])

    assert "Nothing that was read ends it." in alt
    assert "Destination: b (cannot be told)" in alt


def test_the_labs_own_map_is_drawn_from_its_rows(labs):
    lab = labs["healthy"]
    mapped = reach(World(read_lab(lab, lab.now)).network)
    found = list(rows(mapped, By.WORKLOAD, lambda *_: ""))
    figure, alt = heatmap(found, [unit.name for unit in units(mapped.space, By.WORKLOAD)])

    assert overlapping(figure.axes[0].get_yticklabels(), figure) == []
    assert "24 workloads in 7 namespaces" in alt
