from tests.controlplane.fixtures import control_plane, control_plane_binaries
from tests.labs import labs, served

__all__ = ["control_plane", "control_plane_binaries", "labs", "served"]
