"""A kubeconfig with its lists as mappings by name, so that a change can say which entry it means.

`clusters: [{name: prod, cluster: {server: …}}]` is `{"clusters": {"prod": {"server": …}}}` in the view.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from k8srun.errors import InputError

LISTS = {"clusters": "cluster", "users": "user", "contexts": "context"}


def view_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """The view of a parsed kubeconfig.

    Raises:
        InputError: it is not a kubeconfig, or two entries have one name.
    """
    if not isinstance(document, Mapping):
        raise InputError("not a kubeconfig: the document is no mapping")
    view = dict(document)
    for plural, singular in LISTS.items():
        entries = document.get(plural) or []
        if not isinstance(entries, list) or not all(_is_entry(entry, singular) for entry in entries):
            raise InputError(f"not a kubeconfig: {plural} must be a list of entries with a name and a {singular}")
        view[plural] = {entry["name"]: dict(entry.get(singular) or {}) for entry in entries}
        if len(view[plural]) < len(entries):
            raise InputError(f"two {plural} of the kubeconfig have one name", do="Remove one of them by hand first.")
    return view


def document_of(view: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """The kubeconfig that `view` shows; what the view leaves out of an entry is taken from `document`."""
    changed = dict(view)
    for plural, singular in LISTS.items():
        before = {entry["name"]: entry for entry in document.get(plural) or []}
        changed[plural] = [
            {**before.get(name, {"name": name}), singular: entry} for name, entry in view[plural].items()
        ]
    return changed


def _is_entry(entry: object, singular: str) -> bool:
    return (
        isinstance(entry, Mapping)
        and isinstance(entry.get("name"), str)
        and isinstance(entry.get(singular) or {}, Mapping)
    )
