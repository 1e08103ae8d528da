"""One YAML document as JSON values, as kubectl would read it, in bounded time and memory.

It is built from the parser's events with a stack of its own: PyYAML's composer recurses in C, so that a deeply nested
document ends the process, and expands aliases without a limit. Scalars are what kubectl makes of them (sigs.k8s.io/yaml
on go-yaml v2): YAML 1.1 booleans (`yes`, `on`, `y`), octal `0644`, no base 60, timestamps stay strings, numbers and
booleans as keys become strings. A repeated key is an error: the server refuses it too (strict field validation).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import yaml

MAX_DEPTH = 200
MAX_ALIASED = 1_000_000
"""How many values the aliases of one document may stand for, all together."""

_PREFIX = "tag:yaml.org,2002:"
_TAGS = frozenset(f"{_PREFIX}{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq"))
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NAMED: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
}
_NOT_FINITE = frozenset(f"{sign}{name}" for sign in ("", "+", "-") for name in (".inf", ".Inf", ".INF")) | frozenset(
    (".nan", ".NaN", ".NAN")
)
# The longest spelling of a 64-bit integer is binary: anything longer is at most a float.
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]{1,64})|0[bB]([01]{1,64})|0[oO]?([0-7]{1,64})|([1-9][0-9]{0,19}|0))")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


class YamlError(Exception):
    """A document that cannot be read: what is wrong and in which line of it, counted from 1."""

    def __init__(self, what: str, line: int) -> None:
        super().__init__(what)
        self.what = what
        self.line = line


class _Merge:
    """The key `<<`."""


_MERGE = _Merge()
_NO_KEY = object()


@dataclass(slots=True)
class _Frame:
    """A collection that is being filled. `own` are the keys written in it, as against merged ones."""

    value: Any
    line: int
    anchor: str | None
    begun_at: int
    key: Any = _NO_KEY
    own: set[str] | None = None
    merged: list[Any] | None = None


def read_value(text: str) -> Any:
    """The value of a text that holds one YAML document; None when it is empty.

    Raises:
        YamlError: it is malformed, nested or aliased beyond the limits, or holds what JSON cannot (a tag, a NaN).
    """
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise YamlError("not text: a byte that is not UTF-8", text.count("\n", 0, error.start) + 1) from None
    loader = _Loader(data)
    try:
        return _Builder().build(loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(part for part in (error.context, error.problem) if part)
        raise YamlError(said or "malformed YAML", mark.line + 1 if mark else 1) from None
    except yaml.reader.ReaderError as error:
        line = data.count(b"\n", 0, error.position) + 1
        raise YamlError(f"not text: {error.reason}", line) from None
    finally:
        loader.dispose()


class _Builder:
    def __init__(self) -> None:
        self.stack: list[_Frame] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.count = 0
        self.aliased = 0
        self.result: Any = None

    def build(self, loader: Any) -> Any:
        while (event := loader.get_event()) is not None:
            kind = type(event)
            if kind is yaml.ScalarEvent:
                self.scalar(event)
            elif kind is yaml.MappingStartEvent:
                self.begin({}, event)
            elif kind is yaml.SequenceStartEvent:
                self.begin([], event)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self.end()
            elif kind is yaml.AliasEvent:
                self.alias(event)
        return self.result

    def scalar(self, event: Any) -> None:
        tag, text = event.tag, event.value
        if tag is None or tag == "!":
            plain = event.implicit[0] and tag is None
            if (
                plain
                and text == "<<"
                and self.stack
                and self.stack[-1].key is _NO_KEY
                and self.stack[-1].own is not None
            ):
                self.stack[-1].key = _MERGE
                return
            value = _resolve(text, event) if plain else text
        else:
            value = _tagged(tag, text, event)
        self.count += 1
        if event.anchor:
            self.anchors[event.anchor] = (value, 1)
        self.add(value, event)

    def begin(self, value: Any, event: Any) -> None:
        line = event.start_mark.line + 1
        if len(self.stack) >= MAX_DEPTH:
            raise YamlError(f"nested deeper than {MAX_DEPTH} levels", line)
        if event.tag not in (None, "!") and event.tag not in _TAGS:
            raise _foreign(event.tag, line)
        if event.anchor:
            self.anchors.pop(event.anchor, None)
        self.count += 1
        own: set[str] | None = set() if type(value) is dict else None
        self.stack.append(_Frame(value, line, event.anchor, self.count + self.aliased, own=own))

    def end(self) -> None:
        frame = self.stack.pop()
        if frame.merged:
            _merge(frame)
        if frame.anchor:
            self.anchors[frame.anchor] = (frame.value, self.count + self.aliased - frame.begun_at + 1)
        self.add(frame.value, None, frame.line)

    def alias(self, event: Any) -> None:
        line = event.start_mark.line + 1
        if event.anchor not in self.anchors:
            # Its name is not shown: it may be a password that begins with an asterisk.
            raise YamlError(
                "an alias refers to nothing, or to what contains it (a text that begins with * needs quotes)", line
            )
        value, size = self.anchors[event.anchor]
        self.aliased += size
        if self.aliased > MAX_ALIASED:
            raise YamlError(f"aliases stand for more than {MAX_ALIASED} values (an alias bomb?)", line)
        self.add(value, event)

    def add(self, value: Any, event: Any, line: int = 0) -> None:
        """Put a finished value where it belongs: into the list, as the key, or under the key that waits for it."""
        if not self.stack:
            self.result = value
            return
        frame = self.stack[-1]
        if frame.own is None:
            frame.value.append(value)
        elif frame.key is _NO_KEY:
            key = value if type(value) is str else _key(value, line or event.start_mark.line + 1)
            if key in frame.own:
                where = line or event.start_mark.line + 1
                raise YamlError(f"the key {_shown(key)!r} is already set in this mapping", where)
            frame.own.add(key)
            frame.key = key
        elif frame.key is _MERGE:
            frame.key = _NO_KEY
            frame.merged = [*(frame.merged or ()), (value, line or event.start_mark.line + 1)]
        else:
            frame.value[frame.key] = value
            frame.key = _NO_KEY


def _merge(frame: _Frame) -> None:
    """Add what `<<` names: what the mapping sets itself wins, then the mapping that was named first."""
    for named, line in frame.merged or ():
        for source in named if isinstance(named, list) else (named,):
            if not isinstance(source, dict):
                raise YamlError("<< merges mappings, and this is none", line)
            for key, value in source.items():
                frame.value.setdefault(key, value)


def _key(value: Any, line: int) -> str:
    """A key as a string, as kubectl writes it into JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    raise YamlError("a key must be a string or a number", line)


def _resolve(text: str, event: Any) -> Any:
    """A plain scalar. Source: `resolve` of go-yaml v2."""
    first = text[:1]
    if first not in _CAN_BE_VALUE:
        return text
    if text in _NAMED:
        return _NAMED[text]
    if text in _NOT_FINITE:
        raise YamlError("a number must be finite", event.start_mark.line + 1)
    if first in _DIGITS:
        return _number(text)
    return text


_CAN_BE_VALUE = frozenset(["", *"yYnNtTfFoO~.+-0123456789"])
_DIGITS = frozenset(".+-0123456789")


def _number(text: str) -> int | float | str:
    plain = text if text[0] == "." else text.replace("_", "")
    integer = _INTEGER.fullmatch(plain)
    if integer:
        sign, hexadecimal, binary, octal, decimal = integer.groups()
        digits, base = next((d, b) for d, b in ((hexadecimal, 16), (binary, 2), (octal, 8), (decimal, 10)) if d)
        value = int(digits, base) * (-1 if sign == "-" else 1)
        if -(2**63) <= value < 2**64:
            return value
    if len(plain) < 400 and _FLOAT.fullmatch(plain):
        number = float(plain)
        if math.isinf(number):
            return text
        # Go writes an integral float into JSON without a fraction.
        return int(number) if number.is_integer() and abs(number) < 1e21 else number
    return text


def _tagged(tag: str, text: str, event: Any) -> Any:
    """A scalar with an explicit tag of the core schema."""
    line = event.start_mark.line + 1
    if tag not in _TAGS:
        raise _foreign(tag, line)
    name = tag.removeprefix(_PREFIX)
    if name in {"str", "timestamp"}:
        return text
    value = _resolve(text, event)
    kinds = {"int": int, "float": int | float, "bool": bool, "null": type(None)}
    if name not in kinds or not isinstance(value, kinds[name]) or (isinstance(value, bool) and name != "bool"):
        raise YamlError(f"this value is no {name}", line)
    return value


def _foreign(tag: str, line: int) -> YamlError:
    """Of a tag that is not of the core schema. One of somebody's own is not shown: it may be a password with a mark."""
    name = f"the tag {_shown(tag)}" if tag.startswith(_PREFIX) else "a tag"
    return YamlError(f"{name} is not of JSON: nothing is made from it (a text that begins with ! needs quotes)", line)


def _shown(text: str) -> str:
    return text if len(text) <= 60 and text.isprintable() else f"{text[:60]!r}…"
