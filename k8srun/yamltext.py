"""YAML that every parser reads alike: PyYAML leaves texts bare that Go's parsers take for booleans and numbers."""

from __future__ import annotations

import re
from typing import Any

import yaml

from k8srun.text import visible

# YAML 1.1 has `y` and `n` for true and false, YAML 1.2 numbers as `1e3` and `0o7`.
_AMBIGUOUS = re.compile(r"[yYnN]|[-+]?(\.\d+|\d[\d_]*\.?\d*)([eE][-+]?\d+)?|[-+]?0[oO][0-7]+")


def yaml_text(*documents: Any) -> str:
    """Documents with their keys in order, and texts of several lines as such. What could not be seen is escaped."""
    text = _dumped(documents, allow_unicode=True)
    seen = visible(text, limit=len(text), keep_newlines=True) == text
    return text if seen else _dumped(documents, allow_unicode=False)


def _dumped(documents: tuple[Any, ...], *, allow_unicode: bool) -> str:
    text: str = yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, allow_unicode=allow_unicode, width=1000)
    return text


class _Dumper(yaml.SafeDumper):
    def represent_text(self, text: str) -> yaml.ScalarNode:
        style = "|" if "\n" in text else "'" if _AMBIGUOUS.fullmatch(text) else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(str, _Dumper.represent_text)
