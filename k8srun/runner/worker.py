"""The process that executes one notebook with papermill, started by `k8srun.runner.process` in a private folder.

It is a process of its own because papermill changes the working folder of the whole process, and because only a
process can be ended by force when a notebook hangs.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from k8srun.atomic import write_atomically
from k8srun.codec import decode, encode, parse_json
from k8srun.runbook import PARAMETERS_TAG, tags
from k8srun.runner.imports import skip_format_checkers
from k8srun.runner.job import CELL, JOB, OUTPUT, REPORT, SOURCE, Job, WorkerReport
from k8srun.runner.launch import launch


def main() -> None:
    """Do the job of the working folder and leave a report there. The first argument is the runner's lifeline."""
    work = Path.cwd()
    skip_format_checkers()
    threading.Thread(target=_end_with, args=(int(sys.argv[1]), work), daemon=True).start()
    job = decode((work / JOB).read_bytes(), Job)
    kernel = launch(work, cwd=job.cwd, passes_stdin=job.stdin)
    write_atomically(work / REPORT, encode(_execute(job, work, kernel)))
    gc.freeze()  # Python looks for garbage once more at its end, and the runner waits for that.


def _execute(job: Job, work: Path, kernel: subprocess.Popen[bytes]) -> WorkerReport:
    from nbclient.exceptions import DeadKernelError  # noqa: PLC0415 - once that is quick
    from papermill.exceptions import PapermillExecutionError  # noqa: PLC0415
    from papermill.execute import execute_notebook  # noqa: PLC0415

    from k8srun.runner.engine import ENGINE  # noqa: PLC0415
    from k8srun.runner.kernel import PrivateKernelManager  # noqa: PLC0415

    PrivateKernelManager.work = work
    PrivateKernelManager.process = kernel

    injected = _parameters_cell(work) if job.parameters else None

    def note_cell(cell_index: int, **_: Any) -> None:
        # Counted as in the runbook, which lacks the cell that papermill puts behind the parameters.
        behind = injected is not None and cell_index > injected
        (work / CELL).write_text(str(cell_index + (0 if behind else 1)))

    try:
        notebook = execute_notebook(
            SOURCE,
            OUTPUT,
            dict(job.parameters),
            engine_name=ENGINE,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            cwd=job.cwd,
            # Its result is written by then, and the runner ends what is left of it anyway.
            shutdown_kernel="immediate",
            kernel_manager_class=PrivateKernelManager,
            on_cell_start=note_cell,
        )
    except PapermillExecutionError as error:
        return WorkerReport(error.ename, str(error.evalue))
    except DeadKernelError as error:
        return WorkerReport(type(error).__name__, str(error), kernel_exit=PrivateKernelManager.exit_status)
    except Exception as error:  # noqa: BLE001 - whatever it is, the record is to say it
        return WorkerReport(type(error).__name__, str(error))
    return _first_error(notebook)


def _parameters_cell(work: Path) -> int | None:
    """Position of the cell behind which papermill puts the values that were given."""
    cells = parse_json((work / SOURCE).read_bytes())["cells"]
    return next((index for index, cell in enumerate(cells) if PARAMETERS_TAG in tags(cell)), None)


def _first_error(notebook: Any) -> WorkerReport:
    """The error that papermill passes over: to it, `sys.exit()` and `sys.exit(0)` end a notebook well."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                return WorkerReport(output.ename, str(output.evalue))
    return WorkerReport()


def _end_with(lifeline: int, work: Path) -> None:
    """Wait until the runner is gone, then leave nothing behind: it cannot end us any more."""
    os.read(lifeline, 1)
    from k8srun.runner.process import end_kernel  # noqa: PLC0415 - seldom needed

    end_kernel(work)
    shutil.rmtree(work, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
