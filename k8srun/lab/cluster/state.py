"""The state of the cluster while the controllers work on it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from k8srun.lab.cluster.identity import JsonDict, register
from k8srun.lab.cluster.pods import Node


class State:
    """All objects so far, the nodes in order, and the time."""

    def __init__(self, authored: Iterable[JsonDict], now: datetime) -> None:
        self.now = now
        self.objects: list[JsonDict] = [self.copy(item) for item in authored]
        self.nodes = [Node(item) for item in self.of("Node")]

    @staticmethod
    def copy(value: Any) -> Any:
        """A copy that shares nothing, not even what YAML anchors shared."""
        return msgspec.json.decode(msgspec.json.encode(value))

    def of(self, kind: str) -> list[JsonDict]:
        """The objects of a kind; the lab has no two kinds of one name."""
        return [item for item in self.objects if item["kind"] == kind]

    def add(self, item: JsonDict, created: str) -> None:
        """Create an object."""
        self.objects.append(register(item, created))

    @property
    def service_accounts(self) -> dict[tuple[str, str], JsonDict]:
        return {(item["metadata"]["namespace"], item["metadata"]["name"]): item for item in self.of("ServiceAccount")}
