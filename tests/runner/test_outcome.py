"""How a run is judged, from what it left behind."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from k8srun.checks import CheckResult
from k8srun.diagnosis import Cause, CauseStatus, Diagnosis
from k8srun.errors import ExitCode
from k8srun.findings import Finding, Severity, Verdict
from k8srun.record import RunResult, RunStatus
from k8srun.runner.job import Cut, Ended, WorkerReport
from k8srun.runner.outcome import Outcome, Thresholds, Traces, coverage, exit_code, judge

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FINE = WorkerReport()
SUCCEEDED = Outcome(RunStatus.SUCCEEDED)


def result(*, checks=(), diagnoses=()):
    return RunResult(cluster="c", lab=False, taken_at=NOW, now=NOW, checks=tuple(checks), diagnoses=tuple(diagnoses))


def check(verdict, *severities):
    findings = tuple(Finding(check="C", resource="r", severity=severity, message="m") for severity in severities)
    return CheckResult("C", "t", Severity.MEDIUM, verdict, findings=findings)


def diagnosis(*statuses, recognised=True):
    causes = tuple(Cause(id=f"c{number}", title="t", status=status) for number, status in enumerate(statuses))
    return Diagnosis(symptom="s", recognised=recognised, causes=causes)


def judged(code=0, *, cut=None, report=FINE, cell=3, found=None, log=""):
    return judge(Traces(Ended(code, cut), report, cell, found, log), timeout=9)


def test_a_run_that_reached_its_end_and_left_a_result_succeeded():
    assert judged(found=result()) == SUCCEEDED


def test_a_notebook_that_ends_without_a_result_is_unfinished():
    assert judged() == Outcome(RunStatus.UNFINISHED, "the notebook ended without run.finish()")


@pytest.mark.parametrize(
    ("traces", "status", "error"),
    [
        ({"cut": Cut.DEADLINE, "code": -9}, RunStatus.TIMED_OUT, "still running in cell 3 after 9 s"),
        ({"cut": Cut.INTERRUPT, "code": -9}, RunStatus.INTERRUPTED, "interrupted in cell 3"),
        (
            {"code": -9, "report": None},
            RunStatus.KILLED,
            "the worker was ended by SIGKILL (out of memory?) in cell 3",
        ),
        ({"code": -11, "report": None}, RunStatus.KILLED, "the worker was ended by SIGSEGV in cell 3"),
        (
            {"code": 1, "report": None, "log": "ImportError: x"},
            RunStatus.FAILED,
            "the worker ended itself with exit code 1 in cell 3; its last words: ImportError: x",
        ),
        (
            {"report": WorkerReport("DeadKernelError", "Kernel died", -9)},
            RunStatus.KILLED,
            "the kernel was ended by SIGKILL (out of memory?) in cell 3",
        ),
        (
            {"report": WorkerReport("DeadKernelError", "Kernel died", 0)},
            RunStatus.KILLED,
            "the kernel ended itself with exit code 0 in cell 3",
        ),
        ({"report": WorkerReport("DeadKernelError", "Kernel died")}, RunStatus.FAILED, "DeadKernelError: Kernel died"),
        ({"report": WorkerReport("ValueError", "no")}, RunStatus.FAILED, "ValueError: no"),
        (
            {"report": WorkerReport("SystemExit", "0")},
            RunStatus.FAILED,
            "SystemExit: the notebook ended itself with sys.exit(0)",
        ),
    ],
)
def test_a_run_that_did_not_reach_its_end_says_how_and_where(traces, status, error):
    # A result that was left before does not make it a success.
    outcome = judged(**traces, found=result())
    assert (outcome.status, outcome.error, outcome.failed_cell) == (status, error, 3)


def test_a_run_that_never_began_a_cell_says_so_with_the_last_words():
    outcome = judged(report=WorkerReport("RuntimeError", "Kernel died"), cell=None, log="no module ipykernel")
    assert outcome.error == "RuntimeError: Kernel died; its last words: no module ipykernel"
    assert judged(cut=Cut.DEADLINE, cell=None).error == "still running before the first cell after 9 s"


def test_an_error_is_scrubbed_and_inert():
    secret = "Authorization: Bearer abcdef0123456789abcdef0123456789"
    outcome = judged(report=WorkerReport("ValueError", f"{secret}\x1b[2J"))
    assert "abcdef0123456789" not in outcome.error
    assert "\x1b" not in outcome.error


@pytest.mark.parametrize(("name", "bad"), [("InputError", True), ("RefusedError", True), ("SourceError", False)])
def test_only_what_the_caller_gave_wrong_is_bad_input(name, bad):
    outcome = judged(report=WorkerReport(name, "x"))
    assert outcome.bad_input is bad
    assert exit_code(outcome, None, Thresholds()) == (ExitCode.BAD_INPUT if bad else ExitCode.INCOMPLETE)


def code(found, **thresholds):
    return exit_code(SUCCEEDED, found, Thresholds(**thresholds))


def test_nothing_found_is_clean():
    assert code(result()) == ExitCode.CLEAN
    assert code(result(checks=[check(Verdict.PASS), check(Verdict.NOT_APPLICABLE)])) == ExitCode.CLEAN


@pytest.mark.parametrize("status", [status for status in RunStatus if status is not RunStatus.SUCCEEDED])
def test_a_run_that_did_not_succeed_is_incomplete_whatever_it_found(status):
    found = result(checks=[check(Verdict.FAIL, Severity.CRITICAL)])
    assert exit_code(Outcome(status, "x"), found, Thresholds()) == ExitCode.INCOMPLETE


@pytest.mark.parametrize(
    ("severity", "fail_on", "expected"),
    [
        (Severity.HIGH, Severity.HIGH, ExitCode.FINDINGS),
        (Severity.CRITICAL, Severity.HIGH, ExitCode.FINDINGS),
        (Severity.MEDIUM, Severity.HIGH, ExitCode.CLEAN),
        (Severity.MEDIUM, Severity.MEDIUM, ExitCode.FINDINGS),
        (Severity.INFO, Severity.INFO, ExitCode.FINDINGS),
        (Severity.HIGH, Severity.CRITICAL, ExitCode.CLEAN),
    ],
)
def test_a_finding_counts_from_the_severity_that_was_asked_for(severity, fail_on, expected):
    assert code(result(checks=[check(Verdict.FAIL, severity)]), fail_on=fail_on) == expected


def test_a_confirmed_cause_counts_as_high():
    found = result(diagnoses=[diagnosis(CauseStatus.OPEN, CauseStatus.CONFIRMED)])
    assert code(found) == ExitCode.FINDINGS
    assert code(found, fail_on=Severity.CRITICAL) == ExitCode.CLEAN


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (diagnosis(CauseStatus.OPEN, CauseStatus.OPEN), ExitCode.INCOMPLETE),
        (diagnosis(CauseStatus.RULED_OUT, CauseStatus.OPEN), ExitCode.INCOMPLETE),
        (diagnosis(CauseStatus.RULED_OUT, CauseStatus.RULED_OUT), ExitCode.CLEAN),
        (diagnosis(recognised=False), ExitCode.INCOMPLETE),
    ],
)
def test_a_symptom_without_a_cause_is_unanswered_while_one_is_open(asked, expected):
    assert code(result(diagnoses=[asked])) == expected


@pytest.mark.parametrize(
    ("unknown", "known", "minimum", "expected"),
    [
        (1, 1, 0.5, ExitCode.CLEAN),
        (2, 1, 0.5, ExitCode.INCOMPLETE),
        (2, 1, 0.0, ExitCode.CLEAN),
        (1, 9, 1.0, ExitCode.INCOMPLETE),
        (0, 1, 1.0, ExitCode.CLEAN),
    ],
)
def test_too_much_unknown_is_incomplete(unknown, known, minimum, expected):
    checks = [check(Verdict.UNKNOWN)] * unknown + [check(Verdict.PASS)] * known
    assert code(result(checks=checks), min_coverage=minimum) == expected


def test_a_finding_counts_for_more_than_what_is_unknown():
    checks = [check(Verdict.UNKNOWN)] * 9 + [check(Verdict.FAIL, Severity.HIGH)]
    assert code(result(checks=checks)) == ExitCode.FINDINGS


def test_without_checks_coverage_is_not_judged():
    assert coverage(result()) == 1.0
