"""Starting the kernel of a run. It comes up while the worker still loads papermill: nothing slow is imported here."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

from k8srun.atomic import write_atomically
from k8srun.codec import encode
from k8srun.runner.job import CHANNELS, CONNECTION, KERNEL, SOCKETS

# What every runbook begins with is loaded here, beside papermill, and not in the first cell after it; without looking
# for garbage among what stays, which takes a fifth of the time.
_START = """
import gc
gc.disable()
import k8srun.investigation
from ipykernel.kernelapp import launch_new_instance
gc.freeze()
gc.enable()
launch_new_instance()
"""


def launch(work: Path, *, cwd: str, passes_stdin: bool) -> subprocess.Popen[bytes]:
    """Start ipykernel from this very interpreter, so that no installed kernelspec can send a run elsewhere.

    Its sockets are in `work`, a private folder whose path must be short (107 bytes with the name of a socket).

    Args:
        cwd: the folder that the notebook's relative paths start from.
        passes_stdin: let it inherit standard input, for a notebook that reads manifests from there.
    """
    # In the form of jupyter_client's connection files; ports of `ipc` are endings of a socket's name.
    connection = {
        "transport": "ipc",
        "ip": str(work / SOCKETS),
        **{f"{channel}_port": number for number, channel in enumerate(CHANNELS, 1)},
        "key": secrets.token_hex(32),
        "signature_scheme": "hmac-sha256",
        "kernel_name": "python3",
    }
    write_atomically(work / CONNECTION, encode(connection))
    process = subprocess.Popen(
        # -P: a file named json.py in the folder that the user happens to be in must not be imported. IPython heeds it
        # from 9.7 on; ignore_cwd does the same for those before.
        [
            sys.executable,
            *("-P", "-c", _START, "-f", str(work / CONNECTION), "--InteractiveShellApp.ignore_cwd=True"),
        ],
        cwd=cwd,
        stdin=None if passes_stdin else subprocess.DEVNULL,
        # By this it ends itself once this process is gone.
        env={**os.environ, "JPY_PARENT_PID": str(os.getpid())},
        start_new_session=True,
    )
    # The kernel leads a session of its own: whoever ends this process by force must know it.
    (work / KERNEL).write_text(str(process.pid))
    return process
