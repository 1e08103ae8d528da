"""The embedded lab: a believable company's cluster on disk, with a planted incident and real handshakes."""

from __future__ import annotations

from k8srun.lab.builder import HEALTHY, Lab, build, build_all, load, reset
from k8srun.lab.catalogue import DEFAULT_INCIDENT, INCIDENTS, Incident, incident, incidents
from k8srun.lab.serve import Served

__all__ = [
    "DEFAULT_INCIDENT",
    "HEALTHY",
    "INCIDENTS",
    "Incident",
    "Lab",
    "Served",
    "build",
    "build_all",
    "incident",
    "incidents",
    "load",
    "reset",
]
