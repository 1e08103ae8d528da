"""Judging 10,000 pods by both levels of the Pod Security Standards, against decoding the same pods from JSON.

Both take turns, so that a slow moment of the machine hits both. The pods differ from one another and violate a few
controls each. That the cost is linear is seen from four times as many pods: they take four times as long.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import msgspec

from k8srun.kinds import POD
from k8srun.pods import pod_template
from k8srun.workloads.policy import Level, LevelVersion
from k8srun.workloads.standards.evaluate import evaluate
from k8srun.workloads.standards.subject import read_subject
from tests.workloads.generator import draw_pod

PODS = 10_000
ROUNDS = 5
GOAL_SECONDS = 2.0
GOAL_RATIO = 15.0
GOAL_GROWTH = 4.8
LEVELS = (LevelVersion(Level.BASELINE), LevelVersion(Level.RESTRICTED))


def main() -> None:
    raw = [msgspec.json.encode(_completed(seed)) for seed in range(PODS)]
    items = [msgspec.json.decode(data) for data in raw]
    part = items[: PODS // 4]
    _judge(part)  # warms up
    rounds = [(_seconds(_judge, items), _seconds(_decode, raw), _seconds(_judge, part)) for _ in range(ROUNDS)]
    ours, floor, _ = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = statistics.median(whole / decoding for whole, decoding, _ in rounds)
    growth = statistics.median(whole / quarter for whole, _, quarter in rounds)
    print(f"  {PODS} pods against baseline and restricted  {ours:7.2f} s   goal ≤ {GOAL_SECONDS}")
    print(f"  the same pods decoded from JSON               {floor:7.2f} s")
    print(f"  ratio, median of {ROUNDS} rounds                     {ratio:7.1f}     goal ≤ {GOAL_RATIO:.0f}")
    print(f"  {PODS} pods / {PODS // 4} pods                       {growth:7.2f}     goal ≤ {GOAL_GROWTH} (linear: 4)")


def _completed(seed: int) -> dict[str, object]:
    """A generated pod with what a server adds to every one: labels, tolerations, a token's volume, a status."""
    pod = draw_pod(seed)
    pod["metadata"] |= {"name": f"pod-{seed}", "namespace": f"ns-{seed % 50}", "labels": {"app": f"app-{seed % 500}"}}
    spec = pod["spec"]
    spec["tolerations"] = [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}] * 2
    spec.setdefault("volumes", []).append({"name": "token", "projected": {"defaultMode": 420, "sources": []}})
    for container in spec["containers"]:
        container["volumeMounts"] = [{"name": "token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]
        container["env"] = [{"name": f"SETTING_{number}", "value": str(number)} for number in range(8)]
    pod["status"] = {"phase": "Running", "podIP": "10.244.0.1", "conditions": [{"type": "Ready", "status": "True"}] * 4}
    return pod


def _judge(items: list[dict[str, object]]) -> int:
    violations = 0
    for item in items:
        template = pod_template(POD, item)
        assert template is not None
        subject = read_subject(template)
        violations += sum(len(evaluate(subject, level)) for level in LEVELS)
    return violations


def _decode(raw: list[bytes]) -> int:
    return sum(len(msgspec.json.decode(data)) for data in raw)


def _seconds(work: Callable[[list], object], given: list) -> float:
    started = time.perf_counter()
    work(given)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
