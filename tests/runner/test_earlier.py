"""From night to night: what is new, what is gone, what is still there, and what cannot be told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from k8srun.checks import CheckResult
from k8srun.findings import Finding, Severity, Verdict
from k8srun.record import RECORD_SCHEMA, RunRecord, RunResult, RunStatus
from k8srun.runner.earlier import since, with_since
from k8srun.runner.folder import save_record
from k8srun.snapshot import Area, Gap, GapReason, ServerInfo

NIGHT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
GAP = Gap(Area.OBJECTS, "Secret", GapReason.FORBIDDEN, "shop", "no")


def check(name, *resources, verdict=None, gaps=()):
    findings = tuple(Finding(name, resource, Severity.HIGH, f"{resource} is wrong") for resource in resources)
    verdict = verdict or (Verdict.FAIL if findings else Verdict.PASS)
    return CheckResult(name, name, Severity.HIGH, verdict, findings, gaps)


def night(number, *checks, **changes):
    started = NIGHT + timedelta(days=number)
    result = RunResult("prod", False, started, started, checks=checks)
    record = RunRecord(
        RECORD_SCHEMA, f"{started:%Y%m%dT%H%M%SZ}-overview-00000{number}", "overview", "Overview", "report",
        RunStatus.SUCCEEDED, started, parameters={"soon": 30, "now": str(number)}, result=result,
    )  # fmt: skip
    return replace(record, **changes)


def in_result(record, **changes):
    return replace(record, result=replace(record.result, **changes))


def save(out, *records):
    for record in records:
        (out / record.id).mkdir(parents=True)
        save_record(out / record.id, record)


FIRST = night(1, check("A", "web", "cart"), check("B", "db"))


def test_a_finding_is_new_gone_or_still_there():
    told = since(FIRST, night(2, check("A", "cart", "api"), check("B")))
    assert (told.run, told.started) == (FIRST.id, FIRST.started)
    assert [finding.resource for finding in told.gone] == ["web", "db"]
    assert told.new == (check("A", "api").findings[0].fingerprint,)
    assert str(told) == "1 new, 2 gone, 1 still there"


@pytest.mark.parametrize(
    "now",
    [
        (check("B", "db"), check("A", verdict=Verdict.UNKNOWN)),
        (check("B", "db"), check("A", "api", gaps=(GAP,))),
        (check("B", "db"),),
    ],
    ids=["unknown", "gap", "not asked"],
)
def test_a_finding_whose_check_could_not_see_everything_is_not_called_gone(now):
    told = since(FIRST, night(2, *now))
    assert told.gone == ()
    assert {finding.resource for finding in told.unseen} == {"web", "cart"}
    assert str(told).endswith("1 still there, 2 could not be looked for")


SECOND = night(2, check("A"))


@pytest.mark.parametrize(
    "earlier",
    [
        replace(FIRST, parameters={"soon": 7, "now": "1"}),
        replace(FIRST, status=RunStatus.TIMED_OUT),
        replace(FIRST, runbook="another"),
        replace(FIRST, kind="walkthrough"),
        replace(FIRST, result=None),
        replace(FIRST, started=SECOND.started),
        in_result(FIRST, cluster="test"),
        in_result(FIRST, lab=True),
        in_result(FIRST, checks=()),
    ],
    ids=["parameters", "status", "runbook", "kind", "no result", "not earlier", "cluster", "lab", "no checks"],
)
def test_only_the_same_question_to_the_same_cluster_is_compared(earlier):
    assert since(FIRST, SECOND) is not None
    assert since(earlier, SECOND) is None


def test_a_cluster_is_known_by_its_uid_before_its_name():
    def on(record, cluster, uid):
        return in_result(record, cluster=cluster, server=ServerInfo(uid=uid))

    assert since(on(FIRST, "a", "1"), on(SECOND, "b", "1")) is not None
    assert since(on(FIRST, "a", "1"), on(SECOND, "a", "2")) is None


def test_the_latest_earlier_run_of_the_folder_is_the_one_that_counts(tmp_path):
    other = replace(night(3, check("A")), parameters={"soon": 7})
    save(tmp_path, FIRST, night(2, check("A", "web")), other, night(5, check("A")))
    told = with_since(night(4, check("A")), tmp_path).since
    assert told.run == night(2).id
    assert [finding.resource for finding in told.gone] == ["web"]


def test_without_an_earlier_run_there_is_nothing_to_compare(tmp_path):
    save(tmp_path, FIRST)
    assert with_since(FIRST, tmp_path) == FIRST
    failed = replace(SECOND, status=RunStatus.FAILED)
    assert with_since(failed, tmp_path) == failed


def test_a_record_that_is_damaged_or_of_another_version_is_passed_over(tmp_path):
    save(tmp_path, FIRST, night(2, check("A")), replace(night(3, check("A")), schema="k8srun.dev/run/v9"))
    (tmp_path / night(2).id / "run.json").write_text('{"id": ')
    assert with_since(night(4, check("A")), tmp_path).since.run == FIRST.id
