"""papermill's hold on the kernel of a run, which was started before papermill was loaded. Used by the worker only."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from queue import Empty
from time import monotonic
from typing import Any, ClassVar

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from k8srun.runner.job import CHANNELS, CONNECTION, SOCKETS

_START_SECONDS = 60.0
_PAUSE = 0.01


class PrivateKernelManager(AsyncKernelManager):
    """Takes the kernel that runs already for the one that it is told to start."""

    work: ClassVar[Path]
    """The private folder with the kernel's connection file and sockets."""
    process: ClassVar[subprocess.Popen[bytes]]
    """The kernel."""
    exit_status: ClassVar[int | None] = None
    """Of a kernel that ended by itself: its exit code, or the negative number of the signal; None while it lives."""

    def __init__(self, **kwargs: Any) -> None:
        connection = str(self.work / CONNECTION)
        super().__init__(transport="ipc", connection_file=connection, client_factory=_Client, **kwargs)
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
    """Launches nothing: the process is there. It waits for the kernel's sockets, so that none has to be tried twice."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        self.process = PrivateKernelManager.process
        self.pid = self.pgid = self.process.pid
        sockets = [PrivateKernelManager.work / f"{SOCKETS}-{number}" for number, _ in enumerate(CHANNELS, 1)]
        deadline = monotonic() + _START_SECONDS
        while not all(map(Path.exists, sockets)) and self.process.poll() is None and monotonic() < deadline:
            await asyncio.sleep(_PAUSE)
        return self.connection_info


class _Client(AsyncKernelClient):
    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """As the library does, without its pause at the end: nobody else talks to this kernel, nothing is left over.

        Raises:
            RuntimeError: the kernel died, or does not answer in time.
        """
        deadline = monotonic() + (timeout or _START_SECONDS)
        while not await self._answers():
            if not await self._async_is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
            if monotonic() > deadline:
                raise RuntimeError("the kernel does not answer")

    async def _answers(self) -> bool:
        """Whether a reply comes, and on the channel of the outputs that there was a question."""
        self.kernel_info()
        try:
            reply = await self.shell_channel.get_msg(timeout=1)
            await self.iopub_channel.get_msg(timeout=1)
        except Empty:
            return False
        return bool(reply["msg_type"] == "kernel_info_reply")
