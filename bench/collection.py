"""Collecting 5,000 pods from the real apiserver, against a plain GET of the same JSON and against the typed client.

All three in turn in every round, so that a slow moment of the machine hits all. What is timed is one whole call: ours
from the kubeconfig to the snapshot, the handshake for the evidence included; the others with a connection of their own.
We parse one page while the server writes the next, which takes a core for each: on a machine that is busy otherwise
the ratio to the GET is that of the work done, about 2.
"""

from __future__ import annotations

import concurrent.futures
import gc
import os
import statistics
import tempfile
import time
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import urllib3
import yaml
from kubernetes import client, config

from k8srun.kinds import POD
from k8srun.snapshot import Need
from k8srun.sources.live import read_live
from tests.controlplane.binaries import MissingBinariesError
from tests.controlplane.cluster import ControlPlane

PODS = 5_000
ROUNDS = 7
PEER_ROUNDS = 3  # of the slow one
GOAL_RAW = 1.5
GOAL_TYPED = 5.0
PATH = "/api/v1/pods"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            plane = ControlPlane(Path(folder))
        except MissingBinariesError as error:
            print(f"  not measured: {error}")
            return
        with plane:
            print(f"  creating {PODS} pods", flush=True)
            create_pods(plane)
            kubeconfig = plane.kubeconfig()
            measure(kubeconfig, raw_get(kubeconfig, plane, Path(folder)))


def measure(kubeconfig: Path, raw: Callable[[], int]) -> None:
    size = raw()
    ours = collecting(kubeconfig)
    typed = listing(kubeconfig)
    for warm in (ours, typed):
        warm()
    rounds = [(seconds(ours), seconds(raw), seconds(typed) if number < PEER_ROUNDS else 0) for number in range(ROUNDS)]
    our, get = (statistics.median(column) for column in list(zip(*rounds, strict=True))[:2])
    peer = statistics.median(row[2] for row in rounds[:PEER_ROUNDS])
    against_get = statistics.median(row[0] / row[1] for row in rounds)
    against_peer = statistics.median(row[2] / row[0] for row in rounds[:PEER_ROUNDS])
    print(f"  {PODS} pods, {size / 1e6:.1f} MB of JSON; medians of {ROUNDS} rounds ({PEER_ROUNDS} of the typed client)")
    print(f"  {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"  read_live                                         {our:6.2f} s")
    print(f"  GET {PATH}, the bytes alone                {get:6.2f} s")
    print(f"  CoreV1Api().list_pod_for_all_namespaces()         {peer:6.2f} s")
    print(f"  ours / GET                                        {against_get:6.2f}    goal ≤ {GOAL_RAW}")
    print(f"  typed client / ours                               {against_peer:6.2f}    goal ≥ {GOAL_TYPED}")


def seconds(call: Callable[[], object]) -> float:
    """The time of one call; what it made is thrown away after the clock has stopped."""
    gc.collect()
    started = time.perf_counter()
    made = call()
    took = time.perf_counter() - started
    del made
    return took


def collecting(kubeconfig: Path) -> Callable[[], object]:
    def collect() -> object:
        snapshot = read_live(kubeconfig=str(kubeconfig), needs=[Need.objects(POD)], now=datetime.now(UTC))
        if len(snapshot.of(POD)) != PODS or snapshot.gaps:
            raise SystemExit(f"the snapshot is not whole: {len(snapshot.of(POD))} pods, {snapshot.gaps}")
        return snapshot

    return collect


def raw_get(kubeconfig: Path, plane: ControlPlane, folder: Path) -> Callable[[], int]:
    user = yaml.safe_load(kubeconfig.read_text())["users"][0]["user"]
    pair = folder / "client.pem"
    pair.write_bytes(b"".join(b64decode(user[f"client-{part}-data"]) for part in ("certificate", "key")))

    def get() -> int:
        trust = {"cert_file": str(pair), "ca_cert_data": plane.ca_pem.decode()}
        with urllib3.PoolManager(retries=False, timeout=60, **trust) as pool:
            return len(pool.request("GET", plane.server + PATH).data)

    return get


def listing(kubeconfig: Path) -> Callable[[], object]:
    def list_pods() -> object:
        api = client.CoreV1Api(config.new_client_from_config(str(kubeconfig)))
        pods = api.list_pod_for_all_namespaces().items
        if len(pods) != PODS:
            raise SystemExit(f"the typed client saw {len(pods)} pods")
        return pods

    return list_pods


def create_pods(plane: ControlPlane) -> None:
    """Pods as a Deployment of a company makes them: two containers, probes, resources, a token of a service account."""
    namespace = plane.create_namespace()
    path = f"/api/v1/namespaces/{namespace}/pods"
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: plane.create(path, pod(number)), range(PODS)))


def pod(number: int) -> dict[str, object]:
    app = f"app-{number % 40}"
    container = {
        "name": "app",
        "image": f"registry.example/shop/{app}@sha256:{'ab' * 32}",
        "args": ["--listen=:8080", "--db-host=db"],
        "ports": [{"containerPort": 8080, "name": "http"}],
        "env": [
            {"name": "LOG_LEVEL", "value": "info"},
            {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        ],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/app"}],
    }
    proxy = {"name": "proxy", "image": "registry.example/mesh/proxy:1.20", "ports": [{"containerPort": 15001}]}
    return {
        "metadata": {
            "name": f"{app}-{number}",
            "labels": {"app": app, "app.kubernetes.io/version": "1.2.3", "pod-template-hash": "7d9c5b6f8"},
            "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"},
        },
        "spec": {
            "containers": [container, proxy],
            "volumes": [{"name": "config", "configMap": {"name": app}}],
        },
    }


if __name__ == "__main__":
    main()
