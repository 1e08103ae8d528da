"""What the API server calls over TLS, as a table."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from k8srun.certificates.case import View, World
from k8srun.certificates.plans.breakglass import blocked, gates
from k8srun.certificates.plans.injectors import injector_of
from k8srun.display.tables import frame

_COLUMNS = (
    "Called by",
    "Reached as",
    "Serves",
    "caBundle holds",
    "Go says",
    "If it cannot be asked",
    "Stands before",
    "Kept by",
)


def webhooks(world: World) -> pd.DataFrame:
    """One row for each webhook, conversion and aggregated API, with what the API server sees of it."""
    shut = {(gate.caller.place): gate for gate in gates(world)}
    rows: list[dict[str, object]] = []
    for view in world.views:
        caller = view.connection.caller
        if caller is None:
            continue
        gate = shut.get(caller.place)
        kept = injector_of(caller.item)
        rows.append(
            {
                "Called by": caller.place,
                "Reached as": view.connection.address,
                "Serves": f"{view.leaf.subject} ({view.connection.place})" if view.leaf else "not known",
                "caBundle holds": _trusted(view),
                "Go says": _verdict(view),
                "If it cannot be asked": "the request is refused" if gate else "the request goes on without it",
                "Stands before": ", ".join(blocked(gate, world)) if gate else "",
                "Kept by": kept.annotation if kept else "",
            }
        )
    return frame(rows, _COLUMNS)


def _trusted(view: View) -> str:
    held: Iterable[str] = (item.subject for item in view.trust.certificates) if view.trust else ()
    return ", ".join(held) or "nothing: the system's CAs count"


def _verdict(view: View) -> str:
    if view.leaf is None:
        return "cannot be told: read Secrets too, or name the endpoint"
    return view.problems[0].message if view.problems else "accepted"
