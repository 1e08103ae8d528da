"""Every runbook, executed by papermill on the lab: it reaches its end, shows what it promises, and keeps secrets."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from k8srun.codec import decode
from k8srun.errors import ExitCode
from k8srun.record import RunRecord, RunStatus
from k8srun.sources.library import find_runbooks

RUNBOOKS = {f"{runbook.kind}/{runbook.id}": runbook for runbook in find_runbooks()}


@pytest.fixture(scope="module", params=sorted(RUNBOOKS))
def run(request, tmp_path_factory):
    """The folder of one run, its record, and what the command printed."""
    out = tmp_path_factory.mktemp("runs")
    lab = ["--lab"] if RUNBOOKS[request.param].parameter("lab") else []
    command = [sys.executable, "-m", "k8srun.cli.main", "run", request.param, *lab, "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    (folder,) = out.glob("*/")
    record = decode((folder / "run.json").read_bytes(), RunRecord)
    assert record.status is RunStatus.SUCCEEDED, done.stdout + done.stderr
    assert done.returncode in (ExitCode.CLEAN, ExitCode.FINDINGS)
    return folder, record


def test_it_says_lab_in_the_notebook_the_record_and_the_report(run):
    folder, record = run
    assert record.result.lab
    assert "LAB" in (folder / "notebook.ipynb").read_text()
    assert '<p class="k8s-lab">LAB' in (folder / "report.html").read_text()


def test_every_code_cell_ran_without_an_error_or_a_warning(run):
    folder, _record = run
    cells = [cell for cell in json.loads((folder / "notebook.ipynb").read_text())["cells"]
             if cell["cell_type"] == "code"]  # fmt: skip
    assert all(cell["execution_count"] for cell in cells)
    said = [output for cell in cells for output in cell["outputs"] if output["output_type"] in {"error", "stream"}]
    assert said == []


def test_no_private_key_of_the_lab_is_in_anything_that_the_run_left(run):
    folder, _record = run
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert len(written) >= 3
    assert [path.name for path in written if "PRIVATE KEY-----" in path.read_text()] == []


def test_plots_are_in_the_report_with_the_sentence_that_says_the_same(run):
    folder, record = run
    cells = json.loads((folder / "notebook.ipynb").read_text())["cells"]
    plots = sum("image/png" in output.get("data", {}) for cell in cells for output in cell.get("outputs", ()))
    report = (folder / "report.html").read_text()
    assert len(re.findall(r'alt="(?:Bar chart of|Timeline of when|Heat map of|Path of|Graph of) ', report)) == plots
    if record.runbook in {"cluster-overview", "certificates"}:
        assert plots == 1
        assert "CERT-EXPIRED" in {finding.check for finding in record.result.findings}
