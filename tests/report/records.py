"""Run records for the tests of the report: an ordinary one, and one in which every string is hostile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from k8srun.checks import CheckResult
from k8srun.codec import encode
from k8srun.diagnosis import Cause, CauseStatus, Diagnosis, Fix, Prediction
from k8srun.findings import Evidence, Finding, Severity, Verdict
from k8srun.record import RECORD_SCHEMA, RunRecord, RunResult, RunStatus
from k8srun.snapshot import Area, Gap, GapReason, ServerInfo

START = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
SCRIPT = "<script>alert('k8srun')</script><img src=x onerror=alert('img')>"
ESCAPES = "\x1b]0;owned\x07\x1b[31mred\x1b[0m"
OVERRIDE = "safe\u202egnp.exe\u2066"
HOSTILE = f"{SCRIPT}{ESCAPES}{OVERRIDE}{{{{ 7*7 }}}}"

# 1x1 PNG.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def record(text: str = "shop", *, status: RunStatus = RunStatus.SUCCEEDED, started: datetime = START) -> RunRecord:
    """A record in which every string that a cluster could have written holds `text`."""
    evidence = (Evidence(f"notAfter was {text}", text),)
    finding = Finding("CERT-EXPIRED", f"Secret {text}/web", Severity.HIGH, f"expired: {text}", evidence,
                      remediation=f"renew {text}")  # fmt: skip
    minor = Finding("CERT-WEAK", f"Secret {text}/old", Severity.LOW, f"weak: {text}", remediation="re-issue")
    gap = Gap(Area.OBJECTS, "Secret", GapReason.FORBIDDEN, text, text)
    causes = (
        Cause("certificate-expired", f"The certificate of {text} has expired", CauseStatus.CONFIRMED, evidence,
              Fix(f"Renew {text}", (f"kubeadm certs renew {text}",), text)),
        Cause("clock-skew", "The clock is wrong", CauseStatus.OPEN, evidence, None, (f"date {text}",)),
        Cause("plain-http", "The port speaks plain HTTP", CauseStatus.RULED_OUT, evidence),
    )  # fmt: skip
    diagnosis = Diagnosis(text, True, "x509-expired", "certificates", "x509-error", f"meaning {text}", text, text, text,
                          causes, (Prediction(text, text, evidence),), (text,))  # fmt: skip
    checks = (
        CheckResult("CERT-EXPIRED", "No certificate has expired", Severity.HIGH, Verdict.FAIL, (finding,)),
        CheckResult("CERT-WEAK", "No weak algorithm", Severity.LOW, Verdict.FAIL, (minor,)),
        CheckResult("KEY-MODE", "Keys are private", Severity.HIGH, Verdict.UNKNOWN, gaps=(gap,), reason=text),
        CheckResult("CERT-CHAIN", "Chains verify", Severity.HIGH, Verdict.PASS),
    )
    result = RunResult(text, False, started, started, (text,), ServerInfo(url=text, version=text), {"Pod": 3},
                       (diagnosis,), checks, (gap,))  # fmt: skip
    return RunRecord(RECORD_SCHEMA, "20261122-x509", "x509-error", "An x509 error", "investigate", status, started,
                     started + timedelta(seconds=7), error="" if status is RunStatus.SUCCEEDED else text,
                     result=result)  # fmt: skip


def write_run(folder: Path, run: RunRecord, text: str = "shop") -> Path:
    """A run's folder as the runner leaves it: the record and an executed notebook whose outputs hold `text`."""
    folder.mkdir(parents=True)
    (folder / "run.json").write_bytes(encode(run))
    plot = {"image/png": PIXEL, "text/plain": "alt"}
    cell = new_code_cell("secret_code_marker = 1")
    cell.outputs = [
        new_output("stream", text=f"stream {text}"),
        new_output("display_data", data={"text/html": f"<style>.k8s-marker{{}}</style>{text}"}),
        new_output("display_data", data={"text/html": f"<table onclick='alert(1)'><tr><td>{text}</td></tr></table>"}),
        new_output("display_data", data=plot, metadata={"image/png": {"alt": "Bar chart of 2 findings."}}),
        new_output("display_data", data={"application/javascript": "alert('js')"}),
        new_output("display_data", data={"image/svg+xml": "<svg onload=alert('svg')></svg>"}),
    ]
    notebook = new_notebook(cells=[new_markdown_cell(f"# Title\n{text}\n\n[x](javascript:alert(1))"), cell])
    nbformat.write(notebook, folder / "notebook.ipynb")
    return folder
