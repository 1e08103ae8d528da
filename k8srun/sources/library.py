"""Where the runbooks are: beside the package in a checkout, inside it once installed."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

import k8srun
from k8srun.codec import parse_json
from k8srun.errors import InputError
from k8srun.runbook import Runbook, read_runbook
from k8srun.text import visible

_PACKAGE = Path(k8srun.__file__).parent


def runbooks_folder() -> Path:
    """The folder of the collection.

    Raises:
        InputError: the package came without it.
    """
    for folder in (_PACKAGE / "_runbooks", _PACKAGE.parent / "runbooks"):
        if folder.is_dir():
            return folder
    raise InputError("the runbooks are missing", where=str(_PACKAGE), do="Install k8srun again.")


def find_runbooks(folder: Path | None = None) -> tuple[Runbook, ...]:
    """All runbooks of a folder (that of the collection if none is given), by kind and id.

    Raises:
        InputError: one cannot be read, or two have the same id.
    """
    root = folder or runbooks_folder()
    found = [load_runbook(path) for path in sorted(root.glob("*/*.ipynb"))]
    by_id: dict[str, Runbook] = {}
    for runbook in found:
        other = by_id.setdefault(runbook.id, runbook)
        if other is not runbook:
            raise InputError(f"two runbooks have the id {runbook.id}", where=f"{other.path}, {runbook.path}")
    return tuple(found)


def find_runbook(name: str, folder: Path | None = None) -> Runbook:
    """The runbook of that id (`x509-error`, also `investigate/x509-error`), or the notebook at that path.

    Raises:
        InputError: there is none; the message names the nearest.
    """
    if name.endswith(".ipynb"):
        return load_runbook(Path(name))
    # Only the one that is asked for is read: another that is broken must not stand in its way.
    paths = {path.stem: path for path in (folder or runbooks_folder()).glob("*/*.ipynb")}
    kind, _, identity = name.rpartition("/")
    if identity in paths and kind in {"", paths[identity].parent.name}:
        return load_runbook(paths[identity])
    near = get_close_matches(identity, paths, n=3, cutoff=0.5)
    raise InputError(
        f"there is no runbook {visible(name, limit=80)}",
        do=f"Did you mean {' or '.join(near)}?" if near else "List them with: k8srun list",
    )


def load_runbook(path: Path) -> Runbook:
    """The runbook that a notebook file holds.

    Raises:
        InputError: it cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path)) from None
    return read_runbook(parse_json(data, where=str(path)), path.absolute().as_posix())
