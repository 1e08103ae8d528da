"""The map of who reaches whom: alone on a large cluster, and beside network-config-analyzer on the same manifests.

The peer lives in an environment of its own under the cache folder, made by this bench. It is given a deadline that
makes its time a lower bound: a peer that is stopped took at least as long. Its time is that of a process that starts
and reads a file, ours that of the objects in memory: what our command takes with both is printed besides.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from k8srun.kinds import NAMESPACE, NETWORK_POLICY, POD
from k8srun.network.asking import ask
from k8srun.network.cluster import read_network
from k8srun.network.connectivity import By, rows
from k8srun.network.reach import reach
from k8srun.network.world import World
from k8srun.snapshot import Need, Snapshot

PEER = "network-config-analyzer==2.1.0"
PEER_PODS = (500, 1000)
POLICIES = {"dense": 5, "sparse": 1}  # in each namespace of ten pods
FIGURE = Path("reports/bench-connectivity.png")
GOAL_SECONDS, GOAL_MEGABYTES, GOAL_QUESTION, GOAL_RATIO = 5.0, 1000.0, 0.005, 200.0
SIZES = (625, 1250, 2500, 5000, 10_000)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
DEADLINE = float(os.environ.get("K8SRUN_BENCH_DEADLINE", "60"))

Item = dict[str, Any]


def main() -> None:
    print("  alone, a process each")
    costs: list[tuple[int, float, float]] = []
    megabytes = 0.0
    for pods in SIZES:
        seconds, megabytes, rectangles, question = map(float, measured("alone", str(pods)).split())
        costs.append((pods, seconds, question))
        print(
            f"  {pods:>6} pods, {pods // 20:>3} namespaces, {pods // 5:>4} policies: map {seconds:6.2f} s,"
            f" {megabytes:4.0f} MB, {rectangles:5.0f} rectangles; slowest of 100 questions {question * 1e3:5.2f} ms"
        )
    _, seconds, question = costs[-1]
    print(
        f"  goals at the largest: map ≤ {GOAL_SECONDS:.0f} s {met(seconds <= GOAL_SECONDS)},"
        f" ≤ {GOAL_MEGABYTES:.0f} MB {met(megabytes <= GOAL_MEGABYTES)},"
        f" question ≤ {GOAL_QUESTION * 1e3:.0f} ms {met(question <= GOAL_QUESTION)}"
    )
    plot(costs, beside_peer())


def plot(costs: list[tuple[int, float, float]], theirs: list[Measured]) -> None:
    """Cost against size, both logarithmic: a slope of one is a cost that grows as the cluster does."""
    import matplotlib as mpl  # noqa: PLC0415 - each size is measured in a process of its own, which needs no figure

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(figsize=(7, 5))
    sizes = [pods for pods, _, _ in costs]
    axes.plot(sizes, [seconds for _, seconds, _ in costs], "o-", label="whole map")
    axes.plot(sizes, [question for _, _, question in costs], "s-", label="one question")
    axes.plot(sizes, [costs[0][1] * pods / sizes[0] for pods in sizes], "k:", label="slope 1")
    for name, marker in zip(POLICIES, "v^", strict=True):
        mine = [one for one in theirs if one.density == name]
        label = f"{PEER.partition('==')[0]}, {name}"
        axes.plot([one.pods for one in mine], [one.seconds for one in mine], marker, label=label)
        for one in (one for one in mine if not one.ended):
            axes.annotate("stopped", (one.pods, one.seconds), (6, 4), textcoords="offset points")
    axes.set(xscale="log", yscale="log", xlabel="pods", ylabel="seconds", title="Cost against size")
    axes.grid(alpha=0.3)
    axes.legend()
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=120, bbox_inches="tight")
    print(f"  cost against size: {FIGURE}")


def met(reached: bool) -> str:
    return "(met)" if reached else "(MISSED)"


def measured(*step: str) -> str:
    command = [sys.executable, "-m", "bench.connectivity", *step]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{step} failed:\n{done.stderr}")
    return done.stdout


def alone(count: str) -> None:
    """Seconds and peak MB of the map, its rectangles, and the slowest of a hundred questions in seconds."""
    pods = int(count)
    snapshot = snapshot_of(objects(pods, pods // 20, pods // 5))
    started = time.perf_counter()
    found = reach(read_network(snapshot))
    seconds = time.perf_counter() - started
    world = World(snapshot)
    names = [f"{item['metadata']['namespace']}/{item['metadata']['name']}" for item in snapshot.of(POD)]
    chooser = random.Random(1)
    ask(world, names[0], names[1], port="80/TCP")  # what is read once, on the first question
    slowest = max(busy(lambda: ask(world, *chooser.sample(names, 2), port="8080/TCP")) for _ in range(100))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    print(seconds, peak, len(found.rectangles), slowest)


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def busy(work: Callable[[], object]) -> float:
    """As `timed`, in seconds of this process alone: a question is shorter than a turn of another process."""
    started = time.process_time()
    work()
    return time.process_time() - started


@dataclass(frozen=True)
class Measured:
    """What the peer took for the whole map; at least that where it had not ended."""

    density: str
    pods: int
    seconds: float
    ended: bool


def beside_peer() -> list[Measured]:
    tool = peer()
    found = []
    for density, policies in POLICIES.items():
        for pods in PEER_PODS:
            namespaces = pods // 10
            items = objects(pods, namespaces, policies * namespaces)
            what = f"{density}, {pods} pods, {namespaces} namespaces, {policies * namespaces} policies"
            with tempfile.TemporaryDirectory() as folder:
                listed = {"apiVersion": "v1", "kind": "List", "items": items}
                Path(folder, "cluster.json").write_text(json.dumps(listed))
                # Its default: the whole map, grouped. Ours: the rectangles, which are that.
                ours = min(timed(partial(whole_map, items)) for _ in range(5))
                theirs, ended = compare(f"{what}: whole map", ours, tool, folder)
                found.append(Measured(density, pods, theirs, ended))
                if pods == min(PEER_PODS):
                    pairs = min(timed(partial(every_pair, items)) for _ in range(3))
                    compare(f"{what}: every pair", pairs, tool, folder, output="txt_no_fw_rules", goal=0)
                    print(f"  {what}: ours as a process, all pairs {timed(partial(command, folder)):.2f} s", flush=True)
    return found


def compare(
    what: str, ours: float, tool: Path, folder: str, *, output: str = "txt", goal: float = GOAL_RATIO
) -> tuple[float, bool]:
    theirs, ended = peer_time(tool, Path(folder), output)
    sign = "" if ended else "≥ "
    aim = f" (goal ≥ {goal:.0f}×) {met(theirs / ours >= goal)}" if goal else ""
    print(f"  {what} {ours:.3f} s, {PEER} {sign}{theirs:.1f} s: {sign}{theirs / ours:.0f}×{aim}", flush=True)
    return theirs, ended


def command(folder: str) -> None:
    """`k8srun connectivity` as a process: it starts, reads the file and writes every pair of workloads."""
    step = [sys.executable, "-m", "k8srun.cli.main", "connectivity", "--from", f"{folder}/cluster.json", "-o", "json"]
    subprocess.run(step, capture_output=True, check=False)


def whole_map(items: list[Item]) -> int:
    return len(reach(read_network(snapshot_of(items))).rectangles)


def every_pair(items: list[Item]) -> int:
    return sum(1 for _ in rows(reach(read_network(snapshot_of(items))), By.POD, lambda *_: ""))


def peer() -> Path:
    """The peer's program, installed on first use."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "k8srun-bench", PEER)
    program = cache / "bin/nca"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(cache)], check=True)
        subprocess.run([str(cache / "bin/python"), "-m", "pip", "install", "-q", PEER], check=True)
    return program


def peer_time(program: Path, folder: Path, output: str) -> tuple[float, bool]:
    """Seconds until it ended, or until the deadline, and which of the two."""
    answer = folder / f"answer.{output}"
    command = [str(program), "--connectivity", str(folder), "-r", str(folder), "-o", output, "-f", str(answer)]
    started = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    except subprocess.TimeoutExpired:
        return DEADLINE, False
    if not answer.exists():
        raise SystemExit(f"{PEER} failed:\n{done.stderr[-2000:]}")
    return time.perf_counter() - started, True


def objects(pods: int, namespaces: int, policies: int) -> list[Item]:
    """A cluster as companies have them: four workloads a namespace, default deny with allowances in most."""
    chooser = random.Random(pods)
    names = [f"team-{number}" for number in range(namespaces)]
    made: list[Item] = [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": {"team": name, "env": chooser.choice(("prod", "test"))}},
        }
        for name in names
    ]
    made += [pod(number, names[number % namespaces], number // namespaces % 4) for number in range(pods)]
    for number in range(policies):
        made.append(policy(number // namespaces, names[number % namespaces], chooser, names))
    return made


def pod(number: int, namespace: str, app: int) -> Item:
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"app-{app}-{number}", "namespace": namespace,
            "labels": {"app": f"app-{app}", "pod-template-hash": f"{number:x}"},
        },
        "spec": {"containers": [{"name": "main", "image": "app", "ports": [{"name": "http", "containerPort": 8080}]}]},
        "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "hostIP": "192.168.0.1"},
    }  # fmt: skip


def policy(turn: int, namespace: str, chooser: random.Random, names: list[str]) -> Item:
    """One of the usual shapes: default deny, allowances by label, expression, name of a port, range and block."""
    app = {"matchLabels": {"app": f"app-{chooser.randrange(4)}"}}
    other = {"matchLabels": {"team": chooser.choice(names)}}
    some = {
        "matchExpressions": [{"key": "team", "operator": "In", "values": chooser.sample(names, min(3, len(names)))}]
    }
    test = {"matchExpressions": [{"key": "env", "operator": "NotIn", "values": ["prod"]}]}
    block = {"cidr": f"172.{chooser.randrange(16, 32)}.0.0/16", "except": [f"172.16.{chooser.randrange(256)}.0/24"]}
    if not block["cidr"].startswith("172.16."):  # type: ignore[attr-defined]
        del block["except"]
    port = chooser.randrange(1000, 9000)
    shapes: list[Item] = [
        {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "egress": [{"to": [{"podSelector": {}}]}]},
        {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": {}}]}]},
        {
            "podSelector": app,
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"namespaceSelector": other}], "ports": [{"port": "http"}, {"port": port}]}],
        },
        {
            "podSelector": app,
            "policyTypes": ["Egress"],
            "egress": [
                {"to": [{"ipBlock": block}], "ports": [{"port": 5432}]},
                {
                    "to": [{"namespaceSelector": some, "podSelector": app}],
                    "ports": [{"port": port, "endPort": port + 99}],
                },
            ],
        },
        {
            "podSelector": {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["app-0"]}]},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"namespaceSelector": test}], "ports": [{"port": port, "protocol": "UDP"}]}],
        },
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"policy-{turn}", "namespace": namespace},
        "spec": chooser.choice(shapes),
    }


def snapshot_of(items: list[Item]) -> Snapshot:
    kinds = (NAMESPACE, POD, NETWORK_POLICY)
    return Snapshot(
        NOW,
        objects={kind: tuple(item for item in items if item["kind"] == kind.kind) for kind in kinds},
        observed=frozenset(map(Need.objects, kinds)),
    )


if __name__ == "__main__":
    alone(sys.argv[2]) if sys.argv[1:2] == ["alone"] else main()
