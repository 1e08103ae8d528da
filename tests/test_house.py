"""The house's own rules: layers, sizes, notebooks, and what may not stand in a file."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from k8srun.runbook import problems

ROOT = Path(__file__).parent.parent
TRACKED = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.splitlines()
]  # fmt: skip
MODULES = [path for path in TRACKED if path.suffix == ".py" and path.is_relative_to(ROOT / "k8srun") and path.exists()]
NOTEBOOKS = [path for path in TRACKED if path.suffix == ".ipynb" and path.exists()]


def test_the_layers_hold():
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_has_one_purpose_and_so_at_most_300_lines(path):
    assert path.read_text().count("\n") <= 300


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_function_has_at_most_60_lines(path):
    functions = (node for node in ast.walk(ast.parse(path.read_text()))
                 if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))  # fmt: skip
    assert [node.name for node in functions if node.end_lineno - node.lineno >= 60] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_runbook_keeps_the_rules_of_the_design(path):
    assert problems(json.loads(path.read_text()), str(path)) == ()


def test_there_are_runbooks_to_hold_to_the_rules():
    assert len(NOTEBOOKS) >= 3


def test_no_file_names_a_package_registry_or_a_path_of_one_machine():
    registry = re.compile(r"(?:pypi|pythonhosted|npmjs|crates|proxy\.golang|goproxy)\.(?:org|com|io)|/root/|/work/main")
    assert [path.relative_to(ROOT) for path in TRACKED if path.exists() and _mentions(path, registry)] == []


def _mentions(path: Path, pattern: re.Pattern[str]) -> bool:
    if path == Path(__file__):
        return False
    try:
        return bool(pattern.search(path.read_text()))
    except UnicodeDecodeError:
        return False
