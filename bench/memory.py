"""The memory that a snapshot of 50,000 objects takes while it is read, saved and loaded, against its raw JSON.

The pods are of the size and shape that a kubelet leaves behind (defaults, managed fields, status), each with names,
uids and addresses of its own, served page by page by a loopback server in this process. What is measured runs in
processes of their own; the peak is that of the whole process, interpreter included.
"""

from __future__ import annotations

import http.server
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from k8srun.kinds import POD
from k8srun.snapshot import Need
from k8srun.sources.live import read_live
from k8srun.sources.saved import load, save

OBJECTS = 50_000
GOAL = 5.0


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        kubeconfig, saved = Path(folder, "kubeconfig"), Path(folder, "snapshot.k8srun")
        kubeconfig.write_text(json.dumps(config(f"http://127.0.0.1:{server.server_address[1]}")))
        collected = peak("collect", str(kubeconfig), str(saved))
        opened = peak("open", str(saved))
        server.shutdown()
    raw = Handler.sent / 1e6
    print(f"  {OBJECTS} pods, raw JSON                          {raw:7.0f} MB")
    print(f"  peak while collected and saved                  {collected:7.0f} MB")
    print(f"  peak while loaded                               {opened:7.0f} MB")
    print(f"  the higher peak / raw JSON                      {max(collected, opened) / raw:7.2f}    goal ≤ {GOAL}")


def peak(*step: str) -> float:
    """Peak resident memory of a step in a process of its own, MB."""
    done = subprocess.run([sys.executable, "-m", "bench.memory", *step], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{step[0]} failed:\n{done.stderr}")
    return float(done.stdout)


def collect(kubeconfig: str, saved: str) -> None:
    snapshot = read_live(kubeconfig=kubeconfig, needs=[Need.objects(POD)], now=datetime.now(UTC))
    require_whole(len(snapshot.of(POD)))
    save(snapshot, Path(saved))
    print_peak()


def open_saved(saved: str) -> None:
    snapshot = load(Path(saved))
    require_whole(len(snapshot.of(POD)))
    print_peak()


def require_whole(count: int) -> None:
    if count != OBJECTS:
        raise SystemExit(f"{count} objects in place of {OBJECTS}")


def print_peak() -> None:
    # Linux counts in KiB, macOS in bytes.
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6)


STEPS = {"collect": collect, "open": open_saved}


def config(url: str) -> dict[str, object]:
    return {
        "clusters": [{"name": "bench", "cluster": {"server": url}}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench"}}],
        "current-context": "bench",
    }


class Handler(http.server.BaseHTTPRequestHandler):
    """As much of an apiserver as the collection asks for."""

    protocol_version = "HTTP/1.1"
    sent = 0

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        match url.path:
            case "/version":
                body = json.dumps({"gitVersion": "v1.37.2"}).encode()
            case "/api/v1/pods":
                body = page(int(parse_qs(url.query).get("continue", ["0"])[0]))
                type(self).sent += len(body)
            case _:
                body = json.dumps({"metadata": {"name": "kube-system", "uid": "bench"}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        return


def page(start: int, size: int = 500) -> bytes:
    following = str(start + size) if start + size < OBJECTS else ""
    pods = ",".join(pod(number) for number in range(start, min(start + size, OBJECTS)))
    return f'{{"kind":"PodList","metadata":{{"continue":"{following}"}},"items":[{pods}]}}'.encode()


def pod(number: int) -> str:
    name, token = f"app-{number % 400}-7d9c5b6f8-{number:05x}", f"kube-api-access-{number:05x}"
    uid = f"{number:08x}-46c1-47f8-9505-{number * 7919:012x}"
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_790_000_000 + number))
    fields = {f"f:{field}": {} for field in ("image", "name", "ports", "env", "resources", "volumeMounts", "args")}
    conditions = [
        {"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": at}
        for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    ]
    containers = [container(number, part, token) for part in ("app", "proxy")]
    statuses = [
        {
            "name": part["name"],
            "state": {"running": {"startedAt": at}},
            "lastState": {},
            "ready": True,
            "restartCount": number % 3,
            "image": part["image"],
            "imageID": part["image"],
            "containerID": f"containerd://{number * 31:064x}",
            "started": True,
        }
        for part in containers
    ]
    return json.dumps({
        "metadata": {
            "name": name,
            "generateName": f"app-{number % 400}-7d9c5b6f8-",
            "namespace": f"team-{number % 50}",
            "uid": uid,
            "resourceVersion": str(number),
            "creationTimestamp": at,
            "labels": {"app": f"app-{number % 400}", "pod-template-hash": "7d9c5b6f8"},
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"app-{number % 400}-7d9c5b6f8", "uid": uid,
                 "controller": True, "blockOwnerDeletion": True}
            ],
            "managedFields": [
                {"manager": manager, "operation": "Update", "apiVersion": "v1", "time": at, "fieldsType": "FieldsV1",
                 "fieldsV1": {"f:spec": {f'k:{{"name":"{part}"}}': fields for part in ("app", "proxy")}}}
                for manager in ("kube-controller-manager", "kubelet")
            ],
        },
        "spec": {
            "volumes": [
                {"name": "config", "configMap": {"name": f"app-{number % 400}", "defaultMode": 420}},
                {"name": token, "projected": {"sources": [
                    {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                ], "defaultMode": 420}},
            ],
            "containers": containers,
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "default",
            "nodeName": f"node-{number % 300}",
            "securityContext": {},
            "schedulerName": "default-scheduler",
            "tolerations": [
                {"key": f"node.kubernetes.io/{what}", "operator": "Exists", "effect": "NoExecute",
                 "tolerationSeconds": 300}
                for what in ("not-ready", "unreachable")
            ],
        },
        "status": {
            "phase": "Running",
            "conditions": conditions,
            "hostIP": f"192.0.2.{number % 250}",
            "podIP": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
            "startTime": at,
            "containerStatuses": statuses,
            "qosClass": "Burstable",
        },
    }, separators=(",", ":"))  # fmt: skip


def container(number: int, name: str, token: str) -> dict[str, object]:
    return {
        "name": name,
        "image": f"registry.example/shop/{name}-{number % 400}@sha256:{number % 400:064x}",
        "args": ["--listen=:8080"],
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}}],
        "resources": {"limits": {"memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/app"},
            {"name": token, "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
        ],
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    }


if __name__ == "__main__":
    STEPS[sys.argv[1]](*sys.argv[2:]) if len(sys.argv) > 1 else main()
