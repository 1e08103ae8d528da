"""The fixtures of the real control plane; tests/conftest.py makes them known to every folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.controlplane.binaries import MissingBinariesError, find_binaries
from tests.controlplane.cluster import ControlPlane


@pytest.fixture(scope="session")
def control_plane_binaries() -> Path:
    """The folder of the binaries. Without them the test skips, and with K8SRUN_REQUIRE_LIVE=1 it fails."""
    try:
        return find_binaries()
    except MissingBinariesError as error:
        if os.environ.get("K8SRUN_REQUIRE_LIVE") == "1":
            pytest.fail(f"{error} (K8SRUN_REQUIRE_LIVE=1 makes this a failure)", pytrace=False)
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def control_plane(control_plane_binaries: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """One running control plane for the whole test session: work in namespaces of your own (`create_namespace`)."""
    with ControlPlane(tmp_path_factory.mktemp("control-plane")) as running:
        yield running
