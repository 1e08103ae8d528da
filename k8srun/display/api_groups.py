"""The API groups of a server as a table."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from k8srun.authorization.apigroups import ApiGroup
from k8srun.display.tables import frame

_COLUMNS = ("API group", "Versions", "Stability", "Served by", "Problem")


def api_groups(found: Iterable[ApiGroup]) -> pd.DataFrame:
    """One row for each group."""
    rows: list[dict[str, object]] = [
        {
            "API group": one.name or "core",
            "Versions": ", ".join(one.versions),
            "Stability": one.stability,
            "Served by": one.served_by,
            "Problem": one.problem,
        }
        for one in found
    ]
    return frame(rows, _COLUMNS)
