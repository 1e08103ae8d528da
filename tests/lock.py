"""Renews requirements.txt and requirements-dev.txt: every dependency with its hashes, for every Python from 3.11 on.

The result names no package registry: where packages come from is the installing machine's own setting.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEADER = "# Made by `make lock` from pyproject.toml. Do not edit.\n"
OPTIONS = (
    "--universal", "--python-version=3.11", "--generate-hashes", "--upgrade", "--quiet",
    "--no-emit-index-url", "--no-emit-find-links", "--no-header", "--no-annotate",
)  # fmt: skip


def lock(target: str, *options: str) -> None:
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", *OPTIONS, *options]
    pinned = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    (ROOT / target).write_text(HEADER + pinned, encoding="utf-8")


if __name__ == "__main__":
    lock("requirements.txt", "--extra", "build")
    lock("requirements-dev.txt", "--extra", "build", "--extra", "dev", "--constraint", "requirements.txt")
