"""Real registries on loopback, and images pushed into them."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import urllib.request
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.controlplane.processes import Server, free_ports, wait_until

HERE = Path(__file__).parent
USER, PASSWORD = "ci", "correct horse"
# bcrypt of PASSWORD at its lowest cost: the only form that the registry takes.
HTPASSWD = "ci:$2b$05$k8srunregistrytestsalewHQZ2YX0T5jH1d1zf9aCl006GXc.1qa\n"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def find_registry() -> Path:
    """The binary. Without it the test skips, and with K8SRUN_REQUIRE_LIVE=1 it fails."""
    where = subprocess.run([HERE / "build.sh", "--where"], check=True, capture_output=True, text=True)
    path = Path(where.stdout.strip())
    if not path.is_file():
        reason = f"no registry at {path}; run `make controlplane`"
        if os.environ.get("K8SRUN_REQUIRE_LIVE") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return path


@dataclass(frozen=True)
class Registry:
    """A running registry."""

    host: str
    """`127.0.0.1:PORT`"""
    scheme: str

    def push_blob(self, repository: str, content: bytes) -> dict[str, Any]:
        """Upload a blob and return its descriptor without a media type."""
        digest = digest_of(content)
        begun = self._request("POST", f"/v2/{repository}/blobs/uploads/")
        joint = "&" if "?" in begun.headers["Location"] else "?"
        self._request("PUT", f"{begun.headers['Location']}{joint}digest={digest}", content, "application/octet-stream")
        return {"digest": digest, "size": len(content)}

    def push_manifest(self, repository: str, reference: str, document: Mapping[str, Any]) -> str:
        """Upload a manifest or an index under a tag or its digest; its digest."""
        content = json.dumps(document).encode()
        digest = digest_of(content)
        self._request("PUT", f"/v2/{repository}/manifests/{reference or digest}", content, document["mediaType"])
        return digest

    def push_image(self, repository: str, tag: str, content: bytes = b"layer", **more: Any) -> str:
        """An image of one layer; its digest."""
        config = self.push_blob(repository, json.dumps({"architecture": "amd64", "os": "linux"}).encode())
        layer = self.push_blob(repository, content)
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **layer}],
            **more,
        }
        return self.push_manifest(repository, tag, document)

    def _request(self, method: str, path: str, body: bytes = b"", media_type: str = "") -> Any:
        url = path if path.startswith("http") else f"{self.scheme}://{self.host}{path}"
        request = urllib.request.Request(url, body or None, method=method)
        if media_type:
            request.add_header("Content-Type", media_type)
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()
            return answer


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@contextmanager
def running(folder: Path, name: str, *, port: int = 0, tls: Mapping[str, str] | None = None, auth: Any = None):
    """A registry whose storage is `folder/storage`, which several may share."""
    port = port or free_ports(1)[0]
    config: dict[str, Any] = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}},
        "http": {"addr": f"127.0.0.1:{port}", "secret": "only for tests"},
    }
    if tls:
        config["http"]["tls"] = dict(tls)
    if auth:
        config["auth"] = auth
    file = folder / f"{name}.yaml"
    file.write_text(json.dumps(config))  # JSON is YAML
    server = Server(find_registry(), ["serve", str(file)], folder / f"{name}.log")
    try:
        wait_until(f"the registry {name}", lambda: _listens(port), [server], seconds=30)
        yield Registry(f"127.0.0.1:{port}", "https" if tls else "http")
    finally:
        server.kill()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
