"""Start, watch and stop the server processes of a control plane."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

_LAUNCHER = Path(__file__).with_name("launch.py")
_POLL_SECONDS = 0.02
_TAIL_LINES = 20

T = TypeVar("T")


class ControlPlaneError(Exception):
    """A server did not start, ended by itself, or did not do in time what it was waited for."""


class Server:
    """One running server: its log is a file, and it ends with `kill` or with the process that started it.

    Start it from a thread that lives as long as the server should (the main one): the kernel watches the thread.
    """

    def __init__(self, binary: Path, arguments: Sequence[str], log: Path) -> None:
        self.name = binary.name
        self.log = log
        with log.open("wb") as output:
            self._popen = subprocess.Popen(
                [sys.executable, "-I", "-S", _LAUNCHER, str(os.getpid()), binary, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the test run, which then stops this in order
            )

    def require_running(self) -> None:
        """Raise a ControlPlaneError with the end of the log when the process has ended."""
        status = self._popen.poll()
        if status is not None:
            raise ControlPlaneError(f"{self.name} ended with status {status}.\n{self.tail()}")

    def tail(self) -> str:
        """The end of the log, under a line that says which file it is."""
        lines = self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join([f"The end of {self.log}:", *(f"  {line}" for line in lines)])

    def kill(self) -> None:
        """End the process now. There is nothing to save: what it stores is thrown away."""
        if self._popen.poll() is None:
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()


def wait_until(what: str, probe: Callable[[], T | None], servers: Sequence[Server], seconds: float = 60) -> T:
    """Call `probe` until it returns something true, and return that.

    Raises ControlPlaneError when one of `servers` ends meanwhile or the time is up; both show the end of the logs.
    """
    deadline = time.monotonic() + seconds
    while True:
        result = probe()
        if result:
            return result
        for server in servers:
            server.require_running()
        if time.monotonic() > deadline:
            logs = "\n".join(server.tail() for server in servers)
            raise ControlPlaneError(f"Waited {seconds:.0f} s in vain for {what}.\n{logs}")
        time.sleep(_POLL_SECONDS)


def free_ports(count: int) -> list[int]:
    """Loopback TCP ports that nothing listens on.

    They lie below the range from which the kernel takes ports for outgoing connections, so that none of these can take
    one before the server listens there.
    """
    ports: list[int] = []
    while len(ports) < count:
        port = random.randrange(20000, 32768)
        with socket.socket() as candidate:
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports
