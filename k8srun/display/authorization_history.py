"""How permissions changed from one snapshot to another, and what of them was used."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from k8srun.authorization.changes import Changes
from k8srun.authorization.fixes.impact import shown_rules
from k8srun.authorization.usage import Unused
from k8srun.display.tables import frame

_UNUSED = ("Binding", "Unused rules", "All of it")
_COLUMNS = ("Who", "Where", "Gained", "Lost", "By")
_MOST = 4


def changes(found: Changes) -> pd.DataFrame:
    """One row for each subject and scope, and one for each thing that could not be compared."""
    rows: list[dict[str, object]] = [
        {
            "Who": str(one.subject),
            "Where": one.namespace or "everywhere",
            "Gained": shown_rules(one.gained),
            "Lost": shown_rules(one.lost),
            "By": _joined(list(dict.fromkeys(str(grant.binding) for grant in one.by))),
        }
        for one in found.changes
    ]
    rows += [{"Who": "perhaps others", "Where": "", "Gained": "", "Lost": "", "By": why} for why in found.unknown]
    return frame(rows, _COLUMNS)


def unused(found: Iterable[Unused]) -> pd.DataFrame:
    """One row for each binding of which something was not used."""
    rows: list[dict[str, object]] = [
        {
            "Binding": str(one.binding),
            "Unused rules": _joined([str(rule) for rule in one.rules]),
            "All of it": "yes" if one.whole else "no",
        }
        for one in found
    ]
    return frame(rows, _UNUSED)


def _joined(names: list[str]) -> str:
    return "; ".join(names[:_MOST]) + (f"; and {len(names) - _MOST} more" if len(names) > _MOST else "")
