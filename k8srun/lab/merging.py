"""How an incident changes what is healthy: JSON Merge Patch, which needs no words of its own.

Source: RFC 7386. A mapping is merged, `null` removes, anything else (lists too) replaces.
"""

from __future__ import annotations

from typing import Any


def merge_patch(target: Any, patch: Any) -> Any:
    """`target` with `patch` merged into it, as a new value; neither is changed."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged
