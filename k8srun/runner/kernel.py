"""The kernel of a run: this very interpreter, reached over sockets in a private folder. Used by the worker only."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, ClassVar

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from k8srun.runner.job import KERNEL

_START = "from ipykernel.kernelapp import launch_new_instance; launch_new_instance()"


class PrivateKernelManager(AsyncKernelManager):
    """Starts ipykernel from `sys.executable`, so that no installed kernelspec can send a run elsewhere."""

    work: ClassVar[Path]
    """A private folder for the sockets; its path must be short (107 bytes with the name of the socket)."""
    exit_status: ClassVar[int | None] = None
    """Of a kernel that ended by itself: its exit code, or the negative number of the signal; None while it lives."""
    passes_stdin: ClassVar[bool] = False
    """Whether the kernel inherits standard input, for a notebook that reads manifests from there."""

    def __init__(self, **kwargs: Any) -> None:
        connection = {"ip": str(self.work / "k"), "connection_file": str(self.work / "kernel.json")}
        super().__init__(transport="ipc", **connection, **kwargs)

    @property
    def kernel_spec(self) -> KernelSpec:
        # -P: a file named json.py in the folder that the user happens to be in must not be imported. IPython heeds it
        # from 9.7 on; ignore_cwd does the same for those before.
        argv = [sys.executable, "-P", "-c", _START, "-f", "{connection_file}", "--InteractiveShellApp.ignore_cwd=True"]
        return KernelSpec(argv=argv, language="python", display_name="Python 3")

    async def _async_launch_kernel(self, kernel_cmd: list[str], **kw: Any) -> None:
        if self.passes_stdin:
            kw["stdin"] = 0
        await super()._async_launch_kernel(kernel_cmd, **kw)
        # The kernel leads a session of its own: whoever ends this process by force must know it.
        (self.work / KERNEL).write_text(str(getattr(self.provisioner, "pid", "")))

    async def _async_is_alive(self) -> bool:
        if self.provisioner is not None and self.exit_status is None:
            type(self).exit_status = await self.provisioner.poll()
        return bool(await super()._async_is_alive())
