"""Go's own verdict on certificate chains, from the program in tests/goverify."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

# The version that the verification follows, to the patch: the order of checks and the wording move with it.
PINNED_GO = "go1.26.8"

_SOURCES = Path(__file__).parent.parent / "goverify"


class MissingGoError(Exception):
    """Go's verdict cannot be had; the message says why and what to do."""


def build() -> Path:
    """The program, built into the cache outside of the checkout unless it is there. Raises MissingGoError."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(_SOURCES.iterdir())))
    cache = Path(
        os.environ.get("K8SRUN_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "k8srun")
    ).expanduser()
    program = cache / "goverify" / f"{PINNED_GO}-{digest.hexdigest()[:16]}" / "goverify"
    if program.exists():
        return program
    if shutil.which("go") is None:
        raise MissingGoError(f"the verdict of Go is needed and `go` was not found; install {PINNED_GO}")
    program.parent.mkdir(parents=True, exist_ok=True)
    partial = program.with_name(f"{program.name}.{os.getpid()}")
    # An installed Go of another version fetches this one if it may.
    environment = {**os.environ, "GOTOOLCHAIN": PINNED_GO, "GOFLAGS": "", "CGO_ENABLED": "0"}
    built = subprocess.run(
        ["go", "build", "-o", str(partial), "."],
        cwd=_SOURCES,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:
        raise MissingGoError(f"tests/goverify cannot be built with {PINNED_GO}: {built.stderr.strip()}")
    partial.rename(program)
    return program


class GoVerify:
    """A running goverify."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.version = self._line().decode().strip()

    def ask(
        self,
        leaf: bytes,
        *,
        roots: Iterable[bytes],
        intermediates: Iterable[bytes],
        name: str,
        usage: str,
        now: datetime,
    ) -> Any:
        """Go's answer: `ok`, `message`, `error` (the type's name), `chains` (fingerprints)."""
        request = {
            "Leaf": _base64(leaf),
            "Roots": [_base64(root) for root in roots],
            "Intermediates": [_base64(intermediate) for intermediate in intermediates],
            "Name": name,
            "Usage": usage,
            "Time": now.isoformat(),
        }
        return self._answer(request)

    def certificates_in(self, bundle: bytes) -> list[str]:
        """The fingerprints of the certificates that Go takes from a PEM bundle."""
        return self._answer({"Bundle": _base64(bundle)})["chains"][0] or []

    def _answer(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return json.loads(self._line())

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()

    def _line(self) -> bytes:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"goverify ended with {self._process.wait(timeout=10)}; its error is above")
        return line


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
