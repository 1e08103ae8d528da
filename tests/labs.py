"""The labs that tests share: built and served once for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from k8srun.lab import HEALTHY, Lab, Served, build_all


@pytest.fixture(scope="session")
def labs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Lab]:
    """Every lab by the name of its incident, the healthy one as `healthy`. Nobody may change them."""
    built = build_all(tmp_path_factory.mktemp("labs") / "all", datetime.now(UTC))
    return {lab.incident.name if lab.incident else HEALTHY: lab for lab in built}


@pytest.fixture(scope="session")
def served(labs: dict[str, Lab]) -> Iterator[dict[str, Served]]:
    """Where each lab answers."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(lab.serve()) for name, lab in labs.items()}
