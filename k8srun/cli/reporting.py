"""The reports of `k8srun run` and `batch`, loaded while the runs go on."""

from __future__ import annotations

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
    with collector_paused():
        from k8srun.report.html import prepare  # noqa: PLC0415 - slow to load, and the run is to begin at once

        prepare()


def report_of(ended: Run) -> tuple[Path | None, ExitCode]:
    """Write the report of a run; the exit code is that of the run, or INCOMPLETE where the report is missing."""
    code = ExitCode(ended.record.exit_code or 0)
    if not (ended.folder / RECORD).exists():
        return None, code  # It could not be recorded, which its error says.
    try:
        from k8srun.report.html import write_report  # noqa: PLC0415 - loaded meanwhile

        return write_report(ended.folder), code
    except Exception as error:  # noqa: BLE001 - the record stands, whatever the page met with
        click.echo(f"k8srun: {ended.folder}: the report could not be written: {error}", err=True)
        return None, max(code, ExitCode.INCOMPLETE)


def index_of(out: Path) -> Path:
    """Write the index of all runs in a folder."""
    from k8srun.report.index import write_index  # noqa: PLC0415 - as above

    return write_index(out)
