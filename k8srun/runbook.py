"""A runbook: what its notebook says of itself, and the rules that every notebook of the collection keeps."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from k8srun.errors import InputError
from k8srun.parameters import Parameter, read_parameters

PARAMETERS_TAG = "parameters"
INJECTED_TAG = "injected-parameters"
"""Of the cell that papermill puts behind the parameters, with the values that were given."""
_LONGEST_CELL = 8
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


class RunbookKind(StrEnum):
    """What a runbook is for; also the name of its folder."""

    INVESTIGATE = "investigate"
    REMEDIATE = "remediate"
    REPORT = "report"
    WALKTHROUGH = "walkthrough"


@dataclass(frozen=True, slots=True)
class Runbook:
    """One runbook.

    Attributes:
        id: stem of the notebook's file name, unique among runbooks of its kind.
        kind: what it is for.
        title: its first heading.
        summary: what it answers, in a sentence.
        symptoms: texts by which a person recognises that it is the right one.
        references: addresses of the documentation behind it.
        changes_cluster: whether it can write to a cluster; such a one runs alone, never in a batch.
        parameters: what can be given.
        calls: the methods of `run` that its cells call, sorted; what it must be able to read follows from them.
        path: of the notebook, `/` between folders.
    """

    id: str
    kind: RunbookKind
    title: str
    summary: str
    symptoms: tuple[str, ...]
    references: tuple[str, ...]
    changes_cluster: bool
    parameters: tuple[Parameter, ...]
    calls: tuple[str, ...]
    path: str

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of that name, or None."""
        return next((parameter for parameter in self.parameters if parameter.name == name), None)


def read_runbook(notebook: Mapping[str, Any], path: str) -> Runbook:
    """What a notebook (nbformat 4, as parsed from JSON) says of itself.

    Args:
        path: of its file; the id is the stem, and messages name it.

    Raises:
        InputError: it is not a notebook, or its metadata or parameters are not as they should be.
    """
    cells = _cells(notebook, path)
    said = _mapping(_mapping(notebook.get("metadata")).get("k8srun"))
    kind = said.get("kind")
    if kind not in set(RunbookKind):
        raise InputError(f"metadata k8srun.kind is {kind!r}, not one of {', '.join(RunbookKind)}", where=path)
    if not isinstance(said.get("changes_cluster"), bool):
        # Left out, it could run in a batch and write: so it must be said.
        raise InputError("metadata k8srun.changes_cluster must be true or false", where=path)
    return Runbook(
        id=path.rpartition("/")[2].removesuffix(".ipynb"),
        kind=RunbookKind(kind),
        title=_title(cells),
        summary=str(said.get("summary") or ""),
        symptoms=_texts(said, "symptoms", path),
        references=_texts(said, "references", path),
        changes_cluster=said["changes_cluster"],
        parameters=_parameters(cells, path),
        calls=_calls(cells),
        path=path,
    )


def problems(notebook: Mapping[str, Any], path: str) -> tuple[str, ...]:
    """Which rules of the collection a notebook breaks, a sentence each; empty if none."""
    try:
        runbook = read_runbook(notebook, path)
    except InputError as error:
        return (str(error),)
    cells = _cells(notebook, path)
    return tuple(
        f"{path}: {problem}"
        for found in (_about(runbook), _order(cells), _code(cells), _outputs(cells))
        for problem in found
    )


def source(cell: Mapping[str, Any]) -> str:
    """The text of a cell, which nbformat stores as one string or as lines."""
    text = cell.get("source") or ""
    return text if isinstance(text, str) else "".join(text)


def tags(cell: Mapping[str, Any]) -> Sequence[str]:
    """The tags of a cell."""
    return _mapping(cell.get("metadata")).get("tags") or ()


def _about(runbook: Runbook) -> Iterator[str]:
    if not runbook.title:
        yield "the first cell has no heading of the first level"
    if not runbook.summary:
        yield "metadata k8srun.summary is empty"
    if not runbook.references:
        yield "metadata k8srun.references is empty"
    if not runbook.symptoms and runbook.kind is RunbookKind.INVESTIGATE:
        yield "metadata k8srun.symptoms is empty"
    if runbook.path.split("/")[-2:-1] != [runbook.kind]:
        yield f"it is of kind {runbook.kind} and in another folder"
    for parameter in runbook.parameters:
        if not parameter.help:
            yield f"parameter {parameter.name} has no comment that explains it"


def _order(cells: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    code = [cell for cell in cells if cell.get("cell_type") == "code"]
    tagged = [cell for cell in cells if PARAMETERS_TAG in tags(cell)]
    if not cells or cells[0].get("cell_type") != "markdown":
        yield "the first cell is not text that says what it is for"
    if len(tagged) != 1 or not code or code[0] is not tagged[0]:
        yield "the first code cell must be the only one tagged `parameters`"
    if len(code) < 2 or "k8srun.start(" not in source(code[1]):
        yield "the code cell after the parameters must call k8srun.start(...)"
    if not code or "run.finish()" not in source(code[-1]):
        yield "the last code cell must call run.finish()"


def _code(cells: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for number, cell in enumerate(cells, 1):
        if cell.get("cell_type") != "code" or PARAMETERS_TAG in tags(cell):
            continue
        text = source(cell)
        if len(text.strip().splitlines()) > _LONGEST_CELL:
            yield f"cell {number} has more than {_LONGEST_CELL} lines: its logic belongs in the package"
        nodes = _nodes(cell)
        if not nodes:
            yield f"cell {number} is not plain Python"
        if any(isinstance(node, _DEFINITIONS) for node in nodes):
            yield f"cell {number} defines something: its logic belongs in the package"


def _outputs(cells: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for number, cell in enumerate(cells, 1):
        if cell.get("outputs"):
            yield f"cell {number} has outputs: a runbook is stored without"
        if cell.get("execution_count") is not None:
            yield f"cell {number} has an execution count: a runbook is stored without"


def _cells(notebook: Mapping[str, Any], path: str) -> Sequence[Mapping[str, Any]]:
    cells = notebook.get("cells") if isinstance(notebook, Mapping) else None
    if not isinstance(cells, list) or not all(isinstance(cell, Mapping) for cell in cells):
        raise InputError("is not a Jupyter notebook (nbformat 4)", where=path)
    return cells


def _parameters(cells: Sequence[Mapping[str, Any]], path: str) -> tuple[Parameter, ...]:
    tagged = [cell for cell in cells if PARAMETERS_TAG in tags(cell)]
    return read_parameters(source(tagged[0]), where=path) if tagged else ()


def _calls(cells: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(
        sorted(
            {
                node.func.attr
                for cell in cells
                for node in _nodes(cell)
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
                if isinstance(node.func.value, ast.Name) and node.func.value.id == "run"
            }
        )
    )


def _nodes(cell: Mapping[str, Any]) -> tuple[ast.AST, ...]:
    """Everything in the code of a cell; nothing for text, and for code that is not plain Python."""
    if cell.get("cell_type") != "code":
        return ()
    try:
        return tuple(ast.walk(ast.parse(source(cell))))
    except (SyntaxError, ValueError):
        return ()


def _title(cells: Sequence[Mapping[str, Any]]) -> str:
    first = source(cells[0]) if cells and cells[0].get("cell_type") == "markdown" else ""
    return next((line[2:].strip() for line in first.splitlines() if line.startswith("# ")), "")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _texts(said: Mapping[str, Any], name: str, path: str) -> tuple[str, ...]:
    value = said.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InputError(f"metadata k8srun.{name} must be a list of texts", where=path)
    return tuple(value)
