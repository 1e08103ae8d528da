"""YAML and JSON files, document by document: one that is broken is an error with its line, the others are read."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from k8srun.scrub import scrub
from k8srun.sources.yamlvalues import YamlError, read_value

MAX_BYTES = 512 * 1024 * 1024
"""Larger files are refused: about 30,000 pods as kubectl prints them in JSON."""

MAX_BROKEN = 100
"""After so many broken documents in one JSON stream the rest of it is given up."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file: its value, or why there is none.

    Attributes:
        line: where it begins, or where the error is, counted from 1.
        value: what it holds, as JSON values; None if it is broken.
        error: `FILE:LINE: what is wrong`, secrets scrubbed; empty if it could be read.
        api_version, kind: of a broken document, what a line of its text says of them: empty if none does, `*` if
            several do and disagree.
    """

    line: int
    value: Any = None
    error: str = ""
    api_version: str = ""
    kind: str = ""


# At the start of a line these end a document whatever they stand in, block scalars included (YAML 1.1, section 9.1.2).
_MARKER = re.compile(r"^(?:---|\.\.\.)(?=[ \t\r\n]|\Z)", re.MULTILINE)
_CONTENT = re.compile(r"^[ \t]*[^\s#%]", re.MULTILINE)  # a line that is neither a comment nor a directive
# What `kubectl cluster-info dump` writes between the lists when it prints them all to one stream.
_POD_LOGS = re.compile(
    r"^==== START logs for container [^\n]*\n(?s:.*?)(?:^==== END logs for container [^\n]*\n|\Z)", re.M
)
_SPACE = re.compile(r"\s*")
# Of a broken document: fields that begin a line are its own, those of JSON may be of any object in it.
_YAML_FIELD = r"""^["']?{}["']?[ \t]*:[ \t]+["']?([A-Za-z0-9./-]{{1,253}})"""
_JSON_FIELD = r"""[{{,\s]"{}"[ \t]*:[ \t]*"([A-Za-z0-9./-]{{1,253}})\""""
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins like UTF-16's: must come first
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),  # what PowerShell's `>` writes
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def read_documents(data: bytes, where: str) -> Iterator[Document]:
    """The documents of a YAML or JSON file, or of a stream of JSON documents; empty ones are left out.

    Never raises on bad input. Time and memory are bounded by the size of the file, however hostile it is.

    Args:
        data: the file's bytes: UTF-8, or with a byte order mark UTF-16 or UTF-32.
        where: how to name the file in errors.
    """
    if len(data) > MAX_BYTES:
        yield _broken(f"larger than {MAX_BYTES // 1024 // 1024} MiB: split it, or narrow the query", where, 1, "")
        return
    if data[:1024].lstrip()[:1] in {b"{", b"["}:
        whole = _json_or_none(data)
        if whole is not None:  # the usual case, without a copy as text
            yield Document(1 + data.count(b"\n", 0, len(data) - len(data.lstrip())), whole)
            return
    text = _POD_LOGS.sub(lambda match: "\n" * match[0].count("\n"), _decode(data))
    if text.lstrip()[:1] in {"{", "["}:
        yield from _read_json_stream(text, where)
    else:
        yield from _read_yaml_stream(text, where)


def _decode(data: bytes) -> str:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors="replace")
    # A byte that is not UTF-8 becomes a surrogate: it breaks the document that holds it, not the file.
    return data.decode("utf-8", errors="surrogateescape")


def _read_yaml_stream(text: str, where: str, line: int = 1) -> Iterator[Document]:
    start = 0
    for marker in _MARKER.finditer(text):
        yield from _read_chunk(text[start : marker.start()], where, line)
        # `---` stays, since content may follow it in its line; after `...` nothing may.
        after = marker.start() if marker.group() == "---" else marker.end()
        line += text.count("\n", start, after)
        start = after
    yield from _read_chunk(text[start:], where, line)


def _read_chunk(chunk: str, where: str, line: int) -> Iterator[Document]:
    body = chunk.removeprefix("---")
    first = _CONTENT.search(body)
    if first is None:
        return
    begins = line + body.count("\n", 0, first.end())
    content = body.lstrip()
    try:
        value = (_json_or_none(content) if content.startswith("{") else None) or read_value(chunk)
    except YamlError as error:
        yield _broken(error.what, where, line + error.line - 1, chunk)
    else:
        if value is not None:
            yield Document(begins, value)


def _json_or_none(text: str | bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None  # the caller reads it another way, which says what is wrong


def _read_json_stream(text: str, where: str) -> Iterator[Document]:
    """JSON documents one after another; separators make it YAML, and so does a first document that is YAML alone."""
    start, line, broken = 0, 1, 0
    while True:
        begin = _SPACE.match(text, start).end()  # type: ignore[union-attr]  # matches everywhere
        line += text.count("\n", start, begin)
        if begin == len(text):
            return
        if text.startswith("---", begin):
            yield from _read_yaml_stream(text[begin:], where, line)
            return
        try:
            start, value = _next_json(text, begin)
            yield Document(line, value)
        except YamlError as error:
            if begin == 0 and _is_yaml(text):
                yield from _read_yaml_stream(text, where)
                return
            broken += 1
            start = _resume(text, begin) if broken < MAX_BROKEN else len(text)
            what = (
                error.what if broken < MAX_BROKEN else f"{error.what}; {broken} broken documents: the rest is not read"
            )
            yield _broken(what, where, line + error.line - 1, text[begin:start])
        line += text.count("\n", begin, start)


# Only finds where a document ends: it keeps nothing of it.
_SCANNER = json.JSONDecoder(parse_int=bool, parse_float=bool, object_pairs_hook=bool)


def _next_json(text: str, start: int) -> tuple[int, Any]:
    """Where the JSON document that begins at `start` ends, and its value. Raises YamlError, its line from there."""
    try:
        _, end = _SCANNER.raw_decode(text, start)
        return end, msgspec.json.decode(text[start:end])
    except json.JSONDecodeError as error:
        what, line = f"not valid JSON: {error.msg}", text.count("\n", start, error.pos) + 1
    except msgspec.MsgspecError as error:
        what, line = f"not valid JSON: {error}", 1
    except RecursionError:
        what, line = "nested too deep", 1
    except UnicodeEncodeError:
        what, line = "not text: a byte that is not UTF-8", 1
    raise YamlError(what, line)


def _is_yaml(text: str) -> bool:
    """Whether the text begins with a YAML document that can be read."""
    first = next(_read_yaml_stream(text, ""), None)
    return first is not None and not first.error


def _resume(text: str, broken_from: int) -> int:
    """Where to read on after a broken document: the next object at the start of a line, as every tool writes them."""
    found = text.find("\n{", broken_from + 1)
    return len(text) if found < 0 else found + 1


def _broken(what: str, where: str, line: int, text: str) -> Document:
    return Document(
        line, error=scrub(f"{where}:{line}: {what}"), api_version=_field("apiVersion", text), kind=_field("kind", text)
    )


def _field(name: str, text: str) -> str:
    """What a broken document says of a field of its own; empty if it says nothing, `*` if several things."""
    pattern = _JSON_FIELD if text.lstrip("- \t\r\n").startswith("{") else _YAML_FIELD
    found = {match[1] for match in re.finditer(pattern.format(name), text, re.MULTILINE)}
    return "*" if len(found) > 1 else "".join(found)
