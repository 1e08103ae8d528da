from __future__ import annotations

import pytest

from k8srun.apply import Journal
from tests.apply.clusters import target


@pytest.fixture
def namespace(control_plane):
    return control_plane.create_namespace()


@pytest.fixture
def admin(control_plane):
    return target(control_plane)


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "journal.jsonl")
