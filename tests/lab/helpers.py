"""Reading what a lab wrote."""

from __future__ import annotations

from typing import Any

import yaml

from k8srun.lab import Lab


def objects_of(lab: Lab) -> list[dict[str, Any]]:
    """Every object in the lab's manifests."""
    return [item for path in sorted(lab.manifests.glob("*.yaml")) for item in yaml.safe_load_all(path.read_text())]
