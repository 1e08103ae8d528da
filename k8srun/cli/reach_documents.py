"""What `k8srun reach` and `connectivity` print with `-o json`: documented in docs/network.md, stable within `v1`."""

from __future__ import annotations

from typing import Any

import msgspec

from k8srun.network.asking import Answer
from k8srun.network.connectivity import Row
from k8srun.network.decision import DirectionAnswer

REACH_SCHEMA = "k8srun.dev/reach/v1"


def answer_document(answer: Answer) -> dict[str, Any]:
    """One question and its answer."""
    return {
        "schema": REACH_SCHEMA,
        "verdict": answer.verdict,
        "source": answer.source,
        "destination": answer.destination,
        "protocol": answer.protocol,
        "port": answer.port or None,
        "egress": direction_document(answer.egress),
        "ingress": direction_document(answer.ingress),
        "obstacles": [msgspec.to_builtins(obstacle) for obstacle in answer.obstacles],
        "enforcement": answer.enforcement,
    }


def direction_document(answer: DirectionAnswer) -> dict[str, Any]:
    """What the policies of one end say."""
    document: dict[str, Any] = msgspec.to_builtins(answer)
    return document


def row_document(row: Row) -> dict[str, Any]:
    """One pair of the map: closed ranges of ports by protocol."""
    document: dict[str, Any] = {
        "source": row.source,
        "destination": row.destination,
        "connections": row.connections,
    }
    if row.unknown:
        document |= {"verdict": "unknown", "unknown": row.unknown, "reason": row.reason}
    return document
