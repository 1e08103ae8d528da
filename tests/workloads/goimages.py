"""The kubelet's own reading of image references and Docker configurations, from the program in tests/goimages."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_SOURCE = Path(__file__).parent.parent / "goimages" / "main.go"
# Its go.mod pins the Kubernetes that the control plane is built from, and with it the packages of the kubelet.
_MODULE = Path(__file__).parent.parent / "controlplane" / "kubernetes"


class MissingGoError(Exception):
    """The kubelet's answers cannot be had; the message says why and what to do."""


def build() -> Path:
    """The program, built into the cache outside of the checkout unless it is there. Raises MissingGoError."""
    digest = hashlib.sha256(_SOURCE.read_bytes() + (_MODULE / "go.mod").read_bytes()).hexdigest()[:16]
    cache = Path(
        os.environ.get("K8SRUN_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "k8srun")
    ).expanduser()
    program = cache / "goimages" / digest / "goimages"
    if program.exists():
        return program
    if shutil.which("go") is None:
        raise MissingGoError("the kubelet's own code is needed and `go` was not found; see `make controlplane`")
    program.parent.mkdir(parents=True, exist_ok=True)
    partial = program.with_name(f"{program.name}.{os.getpid()}")
    built = subprocess.run(
        ["go", "build", "-o", str(partial), str(_SOURCE)],
        cwd=_MODULE,
        env={**os.environ, "GOFLAGS": "", "CGO_ENABLED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:
        raise MissingGoError(f"tests/goimages cannot be built: {built.stderr.strip()}")
    partial.rename(program)
    return program


def ask(program: Path, questions: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The kubelet's answer to each `{"image", "keys"}`: name, tag, digest, error, and the keys that match."""
    lines = "".join(f"{json.dumps(question)}\n" for question in questions)
    done = subprocess.run([program], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]
