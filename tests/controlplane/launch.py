"""Become another program that dies with the process that started this one.

`launch.py PARENT_PID PROGRAM [ARGUMENT]...`. A test process that is killed runs no clean-up, and a control plane left
behind would hold its memory for good. Linux alone has this; elsewhere the orderly stop has to do. It is a program and
not `preexec_fn`, which may deadlock where there are threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    parent, program = int(sys.argv[1]), sys.argv[2]
    if sys.platform == "linux":
        if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
        if os.getppid() != parent:  # it died before the kernel was told
            sys.exit(f"{program}: the process that started it is gone")
    os.execv(program, sys.argv[2:])


main()
