from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.certificates.goverify import PINNED_GO, GoVerify, MissingGoError, build


@pytest.fixture(scope="session")
def go() -> Iterator[GoVerify]:
    """Go's own verification; skips where it cannot be had, fails with K8SRUN_REQUIRE_LIVE=1."""
    try:
        program = build()
    except MissingGoError as reason:
        if os.environ.get("K8SRUN_REQUIRE_LIVE") == "1":
            pytest.fail(str(reason))
        pytest.skip(str(reason))
    running = GoVerify(program)
    assert running.version == PINNED_GO
    yield running
    running.close()
