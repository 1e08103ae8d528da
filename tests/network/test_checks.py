"""Checks of network policies where neither pass nor fail is the truth."""

from __future__ import annotations

import pytest

from k8srun.checks import Undecided
from k8srun.network.checks import CHECKS
from tests.network.check_cases import broken, cluster_policy
from tests.network.cluster import NOW

BY_ID = {check.id: check for check in CHECKS}


def test_a_cluster_wide_policy_in_a_manifest_is_not_called_unimplemented():
    check = BY_ID["NP-NOT-IMPLEMENTED"]
    authored = broken(cluster_policy(metadata={"name": "kept-apart"}))()
    with pytest.raises(Undecided, match="manifests"):
        list(check.run(check, authored, NOW))
