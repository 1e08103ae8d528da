"""The reports of `k8srun run` and `batch`, loaded while the runs go on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Timer

import click

from k8srun.errors import ExitCode
from k8srun.runner.execute import Run
from k8srun.runner.folder import RECORD
from k8srun.runner.imports import skip_format_checkers
from k8srun.sources.garbage import collector_paused

# Until then worker and kernel load what they need, and the run waits for them; afterwards a processor is free.
_HEAD_START = 1.2  # seconds


def load_report_meanwhile() -> None:
    """Load what the report needs while the run goes on: this process has nothing else to do until it ends."""
    skip_format_checkers()
    timer = Timer(_HEAD_START, _prepare_report)
    timer.daemon = True
    timer.start()


def _prepare_report() -> None:
    # What fails here fails again when the report is written, and is said then.
    with collector_paused(), suppress(Exception):
        from k8srun.report.html import prepare  # noqa: PLC0415 - slow to load, and the run is to begin at once

        prepare()


def report_of(ended: Run) -> tuple[Path | None, ExitCode]:
    """Write the report of a run; the exit code is that of the run, or INCOMPLETE where the report is missing."""
    code = ExitCode(ended.record.exit_code or 0)
    if not (ended.folder / RECORD).exists():
        return None, code  # It could not be recorded, which its error says.
    from k8srun.report.html import write_report  # noqa: PLC0415 - loaded meanwhile

    page = _written(ended.folder, "report", write_report)
    return page, code if page else max(code, ExitCode.INCOMPLETE)


def index_of(out: Path) -> tuple[Path | None, ExitCode]:
    """Write the index of all runs in a folder; the exit code is INCOMPLETE where it could not be."""
    from k8srun.report.index import write_index  # noqa: PLC0415 - as above

    page = _written(out, "index", write_index)
    return page, ExitCode.CLEAN if page else ExitCode.INCOMPLETE


def _written(folder: Path, what: str, write: Callable[[Path], Path]) -> Path | None:
    try:
        return write(folder)
    except Exception as error:  # noqa: BLE001 - the records stand, whatever the page met with
        click.echo(f"k8srun: {folder}: the {what} could not be written: {error}", err=True)
        return None
