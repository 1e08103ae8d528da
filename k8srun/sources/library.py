"""Where the runbooks are: beside the package in a checkout, inside it once installed."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

import k8srun
from k8srun.codec import parse_json
from k8srun.errors import InputError
from k8srun.runbook import Runbook, RunbookKind, read_runbook
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
        InputError: one cannot be read.
    """
    root = folder or runbooks_folder()
    return tuple(load_runbook(path) for path in sorted(root.glob("*/*.ipynb")))


def find_runbook(name: str, folder: Path | None = None) -> Runbook:
    """The runbook of that id (`x509-error`, also `investigate/x509-error`), or the notebook at that path.

    A walkthrough may be called like what it teaches (`walkthrough/images`): without its kind the other one is meant.

    Raises:
        InputError: there is none; the message names the nearest.
    """
    if name.endswith(".ipynb"):
        return load_runbook(Path(name))
    # Only the one that is asked for is read: another that is broken must not stand in its way.
    paths = list((folder or runbooks_folder()).glob("*/*.ipynb"))
    kind, _, identity = name.rpartition("/")
    found = [path for path in paths if path.stem == identity and kind in {"", path.parent.name}]
    if found:
        return load_runbook(min(found, key=lambda path: (path.parent.name == RunbookKind.WALKTHROUGH, path)))
    near = get_close_matches(identity, sorted({path.stem for path in paths}), n=3, cutoff=0.5)
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
