"""The map and the single question, each against a naive evaluator that shares nothing with them."""

from __future__ import annotations

import ipaddress
import itertools
import random
from collections import Counter

import pytest

from k8srun.network.addresses import parse_address
from k8srun.network.cluster import IpBlocks, read_network
from k8srun.network.connectivity import By, rows
from k8srun.network.decision import Policies
from k8srun.network.ports import contains
from k8srun.network.question import verdict_of
from k8srun.network.reach import reach
from tests.network.generate import OUTSIDE, PROBES, PROTOCOLS, Generator, snapshot_of
from tests.network.naive import Naive

CLUSTERS = 2400
BATCHES = 24


def mapped(network):
    """(source, destination) → the row, by pod; ranges of addresses as they are."""
    return {(row.source, row.destination): row for row in rows(reach(network), By.POD, lambda *_: "because")}


def from_map(table, source, destination, protocol, port):
    for row in candidates(table, source, destination):
        if contains(row.connections, protocol, port):
            return "allowed"
        if contains(row.unknown, protocol, port):
            return "unknown"
    return "denied"


def name(side):
    return f"{side['metadata']['namespace']}/{side['metadata']['name']}[Pod]" if isinstance(side, dict) else str(side)


def candidates(table, source, destination):
    return [row for (one, other), row in table.items() if holds(one, source) and holds(other, destination)]


def holds(text, side):
    if isinstance(side, dict):
        return text == name(side)
    if "[" in text:
        return False
    first, last = map(ipaddress.ip_address, text.split("-"))
    return first.version == side.version and first <= side <= last


def sides(cluster):
    nodes = [entry["address"] for node in cluster["nodes"] for entry in node["status"]["addresses"]]
    outside = [ipaddress.ip_address(text) for text in (*OUTSIDE, *nodes)]
    pairs = itertools.permutations(cluster["pods"], 2)
    crossing = itertools.product(cluster["pods"], outside)
    return [*pairs, *crossing, *((b, a) for a, b in itertools.product(cluster["pods"], outside))]


def sampled(cluster, seed, count):
    chooser = random.Random(seed)
    pairs = sides(cluster)
    return [(*chooser.choice(pairs), chooser.choice(PROTOCOLS), chooser.choice(PROBES)) for _ in range(count)]


def own(network, side):
    if isinstance(side, dict):
        return next(pod for pod in network.pods if pod.id == name(side))
    return parse_address(str(side))


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(BATCHES))
def test_the_map_and_the_question_agree_with_the_naive_evaluator(batch):
    size = CLUSTERS // BATCHES
    seen = Counter()
    for seed in range(batch * size, (batch + 1) * size):
        cluster = Generator(seed, odd=seed % 3 != 0).cluster()
        blocks = IpBlocks.EXTERNAL if seed % 5 == 0 else IpBlocks.PODS
        naive = Naive(cluster, external_blocks=blocks is IpBlocks.EXTERNAL)
        network = read_network(snapshot_of(cluster), ip_blocks=blocks)
        table, policies = mapped(network), Policies(network)
        for source, destination, protocol, port in sampled(cluster, seed, 40):
            expected = naive.verdict(source, destination, protocol, port)
            case = f"seed {seed}: {name(source)} → {name(destination)} {port}/{protocol}"
            assert from_map(table, source, destination, protocol, port) == expected, f"map, {case}"
            asked = verdict_of(policies, own(network, source), own(network, destination), protocol, port)
            assert asked == expected, f"question, {case}"
            seen[expected] += 1
    # A generator whose clusters allow everything, or nothing, would test nothing.
    assert min(seen["allowed"], seen["denied"], seen["unknown"]) > size, seen


@pytest.mark.slow
def test_where_pods_of_two_families_have_no_address_the_map_never_contradicts_and_is_rarely_less_sure():
    seen = Counter()
    for seed in range(900):
        generator = Generator(seed, unaddressed_in_dual_stack=0.4)
        if len(generator.families) < 2:
            continue
        cluster = generator.cluster()
        naive, network = Naive(cluster), read_network(snapshot_of(cluster))
        table, policies = mapped(network), Policies(network)
        for source, destination, protocol, port in sampled(cluster, seed, 40):
            expected = naive.verdict(source, destination, protocol, port)
            case = f"seed {seed}: {name(source)} → {name(destination)} {port}/{protocol}"
            asked = verdict_of(policies, own(network, source), own(network, destination), protocol, port)
            assert asked == expected, f"question, {case}"
            found = from_map(table, source, destination, protocol, port)
            assert found in {expected, "unknown"}, f"map, {case}"
            if any(isinstance(side, dict) and not side["status"]["podIPs"] for side in (source, destination)):
                seen[expected, found == expected] += 1
    assert all(seen[verdict, True] > 100 for verdict in ("allowed", "denied", "unknown")), seen
    assert sum(count for (_, exact), count in seen.items() if not exact) < seen.total() / 500, seen
