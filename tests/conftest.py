from tests.controlplane.fixtures import control_plane, control_plane_binaries

__all__ = ["control_plane", "control_plane_binaries"]
