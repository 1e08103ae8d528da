from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.workloads.goimages import MissingGoError, build


@pytest.fixture(scope="session")
def kubelet_images() -> Path:
    """The program that answers as the kubelet. Without Go the test skips, and with K8SRUN_REQUIRE_LIVE=1 it fails."""
    try:
        return build()
    except MissingGoError as error:
        if os.environ.get("K8SRUN_REQUIRE_LIVE") == "1":
            pytest.fail(f"{error} (K8SRUN_REQUIRE_LIVE=1 makes this a failure)", pytrace=False)
        pytest.skip(str(error))
