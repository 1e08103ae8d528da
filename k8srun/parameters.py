"""The parameters of a runbook: read from the source of its `parameters` cell, and what is given for them checked.

A line is `name: type = default  # help`. Types are `str`, `int`, `float`, `bool`, `list[str]`, `list[int]` and
`Literal[...]`, each also `| None`. The cell is read, never run.
"""

from __future__ import annotations

import ast
import io
import math
import tokenize
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from k8srun.codec import parse_json
from k8srun.errors import InputError
from k8srun.text import visible

Value = str | int | float | bool | list[str] | list[int] | None
# A literal type can only be evaluated by a notebook that imports it.
_ALLOWED_IMPORT = "from typing import Literal"


class Base(StrEnum):
    """The type of a parameter, apart from whether it may be None and which values it may have."""

    STR = "str"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    STRINGS = "list[str]"
    INTS = "list[int]"


_PYTHON: dict[Base, type] = {Base.STR: str, Base.INT: int, Base.FLOAT: float, Base.BOOL: bool}
_ELEMENTS: dict[Base, type] = {Base.STRINGS: str, Base.INTS: int}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter.

    Attributes:
        name: as the notebook spells it.
        type: the annotation as written.
        base: what a value is.
        default: what the notebook uses when nothing is given.
        help: the comment of its line; names the unit where there is one.
        optional: whether None is a value.
        choices: the only values, if they are listed.
    """

    name: str
    type: str
    base: Base
    default: Value
    help: str = ""
    optional: bool = False
    choices: tuple[Any, ...] = ()

    def from_text(self, text: str) -> Value:
        """The value that a word of a command line stands for; an empty one is None where None is a value.

        Raises:
            InputError: it is not of the parameter's type.
        """
        if self.optional and not text:
            return None
        value: Any = text
        if self.base in _ELEMENTS:
            value = self._list_from_text(text)
        elif self.base is Base.BOOL:
            value = {"true": True, "false": False}.get(text, text)
        elif self.base in {Base.INT, Base.FLOAT}:
            value = _number(text)
        return self.check(value)

    def check(self, value: object) -> Value:
        """`value` if it has the parameter's type; a whole number also does for a float.

        Raises:
            InputError: it has not.
        """
        if value is None and self.optional:
            return None
        if self.base is Base.FLOAT and type(value) is int:
            value = float(value)
        if not self._fits(value) or (self.choices and value not in self.choices):
            raise InputError(
                f"parameter {self.name} must be {self.expected}, not {visible(repr(value), limit=80)}",
                do=self.help,
            )
        return value  # type: ignore[return-value]  # _fits has looked

    @property
    def expected(self) -> str:
        """The type in words, for messages."""
        words = {
            Base.STR: "text",
            Base.INT: "a whole number",
            Base.FLOAT: "a finite number",
            Base.BOOL: "true or false",
            Base.STRINGS: "a list of texts (a,b or JSON)",
            Base.INTS: "a list of whole numbers (1,2 or JSON)",
        }
        return "one of " + ", ".join(map(str, self.choices)) if self.choices else words[self.base]

    def _list_from_text(self, text: str) -> object:
        if text.startswith("["):
            return parse_json(text, where=f"parameter {self.name}")
        items = text.split(",") if text else []
        return [_number(item) for item in items] if self.base is Base.INTS else items

    def _fits(self, value: object) -> bool:
        if self.base in _ELEMENTS:
            return isinstance(value, list) and all(_is(item, _ELEMENTS[self.base]) for item in value)
        return _is(value, _PYTHON[self.base])


def _is(value: object, kind: type) -> bool:
    """Whether `value` is of that very type (True is no number), finite, and text that can be written down."""
    if type(value) is not kind:
        return False
    if isinstance(value, str):
        return not any("\ud800" <= char <= "\udfff" for char in value)
    return not isinstance(value, float) or math.isfinite(value)


def _number(text: str) -> int | float | str:
    """The number that `text` writes, or `text` itself."""
    for kind in (int, float):
        try:
            return kind(text) if "_" not in text else text
        except ValueError:
            continue
    return text


def from_texts(parameters: Iterable[Parameter], given: Mapping[str, str]) -> dict[str, Value]:
    """Values for the `NAME=VALUE` words of a command line.

    Raises:
        InputError: a name that is not a parameter, or a value that is not of its type.
    """
    known = {parameter.name: parameter for parameter in parameters}
    return {name: _find(known, name).from_text(text) for name, text in given.items()}


def validate(parameters: Iterable[Parameter], given: Mapping[str, Any]) -> dict[str, Value]:
    """`given` once every name is a parameter and every value has its type: what may be put into a notebook.

    Raises:
        InputError: a name that is not a parameter, or a value that is not of its type.
    """
    known = {parameter.name: parameter for parameter in parameters}
    return {name: _find(known, name).check(value) for name, value in given.items()}


def _find(known: Mapping[str, Parameter], name: str) -> Parameter:
    # A name is written into the notebook as code: with a newline in it, so would be whatever follows.
    if not name.isidentifier():
        raise InputError(f"{visible(repr(name), limit=80)} is not the name of a parameter")
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1)
    raise InputError(
        f"there is no parameter {visible(name, limit=80)}",
        do=f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known) or 'none'}.",
    )


def read_parameters(source: str, *, where: str = "") -> tuple[Parameter, ...]:
    """The parameters that the source of a `parameters` cell declares, in its order.

    Raises:
        InputError: a line is not of the form; the message names it.
    """
    try:
        tree = ast.parse(source)
        comments = _comments(source)
    except (SyntaxError, ValueError, tokenize.TokenError) as error:
        raise InputError(f"the parameters cell is not Python: {error}", where=where) from None
    parameters: dict[str, Parameter] = {}
    for node in tree.body:
        if ast.unparse(node) == _ALLOWED_IMPORT:
            continue
        try:
            parameter = _parameter(node, comments.get(node.lineno, ""))
        except InputError as error:
            raise InputError(error.what, where=f"{where}: parameters cell, line {node.lineno}") from None
        if parameter.name in parameters:
            raise InputError(f"{parameter.name} is declared twice", where=where)
        parameters[parameter.name] = parameter
    return tuple(parameters.values())


def _parameter(node: ast.stmt, comment: str) -> Parameter:
    if (
        not isinstance(node, ast.AnnAssign)
        or not isinstance(node.target, ast.Name)
        or node.value is None
        or node.lineno != node.end_lineno
    ):
        raise InputError("a parameter is written `name: type = default  # help` on one line")
    base, optional, choices = _type(node.annotation)
    try:
        default = ast.literal_eval(node.value)
    except (ValueError, TypeError):
        raise InputError(f"the default of {node.target.id} is not a literal") from None
    parameter = Parameter(
        name=node.target.id,
        type=ast.unparse(node.annotation),
        base=base,
        default=default,
        help=comment,
        optional=optional,
        choices=choices,
    )
    parameter.check(default)
    return parameter


def _type(annotation: ast.expr) -> tuple[Base, bool, tuple[Any, ...]]:
    """The base type, whether None is a value, and the choices that an annotation names."""
    if isinstance(annotation, ast.BinOp) and ast.unparse(annotation.right) == "None":
        base, _, choices = _type(annotation.left)
        return base, True, choices
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Literal":
        choices = _choices(annotation.slice)
        kinds = {type(choice) for choice in choices}
        if len(kinds) == 1 and kinds <= {str, int}:
            return (Base.STR if kinds == {str} else Base.INT), False, choices
    text = ast.unparse(annotation)
    if text in set(Base):
        return Base(text), False, ()
    raise InputError(f"{text} is not a type that a parameter can have", do=f"These are: {', '.join(Base)}, Literal.")


def _choices(node: ast.expr) -> tuple[Any, ...]:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError):
        raise InputError("a Literal lists texts or whole numbers") from None
    return value if isinstance(value, tuple) else (value,)


def _comments(source: str) -> dict[int, str]:
    """The comment of each line that has one, without its mark."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("#").strip() for token in tokens if token.type == tokenize.COMMENT}
