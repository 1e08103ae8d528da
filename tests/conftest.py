"""What every test can use, and what all of them need."""

from __future__ import annotations

import signal

from tests.browser import chromium, visit
from tests.controlplane.fixtures import control_plane, control_plane_binaries
from tests.labs import labs, served

__all__ = ["chromium", "control_plane", "control_plane_binaries", "labs", "served", "visit"]


def pytest_configure() -> None:
    # A shell starts its background jobs with Ctrl-C ignored, and programs inherit that: without this, whatever a test
    # starts and then interrupts would run on forever.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
