"""Reading what a lab wrote."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import yaml

from k8srun.lab import INCIDENTS, Lab


def objects_of(lab: Lab) -> list[dict[str, Any]]:
    """Every object in the lab's manifests."""
    return [item for path in sorted(lab.manifests.iterdir()) for item in json.loads(path.read_text())["items"]]


def copied_incident(folder: Path, name: str, *, as_name: str = "", **changes: Any) -> Path:
    """A copy of one of the lab's incidents, with changes to its description, in a folder of incidents of its own."""
    target = folder / (as_name or name)
    shutil.copytree(INCIDENTS / name, target)
    description = yaml.safe_load((target / "incident.yaml").read_text())
    (target / "incident.yaml").write_text(yaml.safe_dump({**description, **changes}))
    return target
