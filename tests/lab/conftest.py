from __future__ import annotations

import pytest

from k8srun.lab import HEALTHY, Lab


@pytest.fixture(scope="session")
def healthy(labs: dict[str, Lab]) -> Lab:
    return labs[HEALTHY]
