"""Asking a real server's Pod Security admission, many times at once: dry runs in one namespace for each policy."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import urllib3
import yaml

from tests.controlplane.cluster import ControlPlane

CONNECTIONS = 6
_WARNING = re.compile(r'299 - "((?:[^"\\]|\\.)*)"')

S = TypeVar("S")
T = TypeVar("T")


class Answer(NamedTuple):
    status: int
    message: str
    warnings: tuple[str, ...]
    body: dict[str, Any]

    @property
    def pod_security_warnings(self) -> tuple[str, ...]:
        return tuple(text for text in self.warnings if text.startswith("would violate PodSecurity"))


class PodSecurityServer:
    """The API server with a namespace for each policy that is asked for."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self._plane = plane
        config = yaml.safe_load(plane.kubeconfig().read_text())
        user = config["users"][0]["user"]
        credential = folder / "client.pem"
        credential.write_bytes(b"".join(b64decode(user[f"client-{name}-data"]) for name in ("certificate", "key")))
        self._pool = urllib3.PoolManager(
            maxsize=CONNECTIONS,
            block=True,
            cert_file=str(credential),
            ca_cert_data=plane.ca_pem.decode(),
            retries=False,
        )
        self._namespaces: dict[tuple[tuple[str, str], ...], str] = {}

    def namespace(self, labels: Mapping[str, str]) -> str:
        """The namespace with these labels of Pod Security, made once."""
        key = tuple(sorted(labels.items()))
        if key not in self._namespaces:
            prefixed = {f"pod-security.kubernetes.io/{name}": value for name, value in labels.items()}
            body = {"metadata": {"generateName": "pod-security-", "labels": prefixed}}
            answer = json.loads(self._request("POST", "/api/v1/namespaces", body).data)
            name = answer["metadata"]["name"]
            account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
            self._plane.wait_until(f"the default service account of {name}", lambda: self._is_there(account))
            self._namespaces[key] = name
        return self._namespaces[key]

    def _is_there(self, path: str) -> bool:
        return self._request("GET", path).status == 200

    def send(self, method: str, path: str, body: Any, content_type: str = "application/json") -> Answer:
        response = self._request(method, path, body, content_type)
        answer = json.loads(response.data)
        message = answer.get("message", "") if response.status >= 400 else ""
        warnings = tuple(
            re.sub(r"\\(.)", r"\1", found)
            for line in response.headers.getlist("Warning")
            for found in _WARNING.findall(line.encode("latin-1").decode())  # headers are bytes; the server's are UTF-8
        )
        return Answer(response.status, message, warnings, answer)

    def _request(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> urllib3.BaseHTTPResponse:
        data = None if body is None else json.dumps(body)
        return self._pool.request(method, self._plane.server + path, body=data, headers={"Content-Type": content_type})

    def create(
        self, namespace: str, item: Mapping[str, Any], resource: str = "/api/v1", plural: str = "pods"
    ) -> Answer:
        """A dry run of creating an object."""
        return self.send("POST", f"{resource}/namespaces/{namespace}/{plural}?dryRun=All", item)

    def close(self) -> None:
        for name in self._namespaces.values():
            self._request("DELETE", f"/api/v1/namespaces/{name}")
        self._pool.clear()


@contextmanager
def pod_security_server(plane: ControlPlane, folder: Path) -> Iterator[PodSecurityServer]:
    server = PodSecurityServer(plane, folder)
    try:
        yield server
    finally:
        server.close()


def at_once(ask: Callable[[S], T], questions: Iterable[S]) -> list[T]:
    """The answers, in the order of the questions, several being asked at a time."""
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return list(pool.map(ask, questions))
