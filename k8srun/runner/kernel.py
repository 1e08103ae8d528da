"""papermill's hold on the kernel of a run, which was started before papermill was loaded. Used by the worker only."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, ClassVar

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from k8srun.runner.job import CONNECTION


class PrivateKernelManager(AsyncKernelManager):
    """Takes the kernel that runs already for the one that it is told to start."""

    work: ClassVar[Path]
    """The private folder with the kernel's connection file and sockets."""
    process: ClassVar[subprocess.Popen[bytes]]
    """The kernel."""
    exit_status: ClassVar[int | None] = None
    """Of a kernel that ended by itself: its exit code, or the negative number of the signal; None while it lives."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(transport="ipc", connection_file=str(self.work / CONNECTION), **kwargs)
        self.load_connection_file()
        self.provisioner = _Started(parent=self, kernel_id="run", kernel_spec=self.kernel_spec)

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(argv=[], language="python", display_name="Python 3")

    def write_connection_file(self, **_: Any) -> None:
        """The kernel has read it; or is reading it this moment, and must not find it half written."""

    async def _async_is_alive(self) -> bool:
        if self.provisioner is not None and self.exit_status is None:
            type(self).exit_status = await self.provisioner.poll()
        return bool(await super()._async_is_alive())


class _Started(LocalProvisioner):
    """Launches nothing: the process is there."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        self.process = PrivateKernelManager.process
        self.pid = self.pgid = self.process.pid
        return self.connection_info
