"""The report of a run: what it says, in which order, and that nothing in it acts or loads."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from k8srun.change import Answer, AnswerState, ChangeStatus, ClusterIdentity, Outcome, Preview
from k8srun.checks import CheckResult
from k8srun.diagnosis import CauseStatus
from k8srun.errors import InputError
from k8srun.findings import Severity, Verdict
from k8srun.plan import Plan, Question
from k8srun.record import RunStatus, Since
from k8srun.report.html import headline, write_report
from k8srun.report.index import write_index
from tests.report.records import HOSTILE, START, record, write_run


@pytest.fixture
def folder(tmp_path):
    return write_run(tmp_path / "one", record())


def text_of(html: str, start: str, end: str) -> str:
    return html[html.index(start) : html.index(end)]


def test_the_page_gives_conclusions_then_evidence_then_what_was_not_checked_then_the_fix(folder):
    html = write_report(folder).read_text()
    places = [html.index(f"<h2>{title}</h2>") for title in
              ("Conclusions", "Evidence", "What could not be checked", "How to fix")]  # fmt: skip
    assert places == sorted(places)
    assert "The certificate of shop has expired" in text_of(html, "<h2>Conclusions</h2>", "<h2>Evidence</h2>")
    assert "kubeadm certs renew shop" in html[places[3] :]


def test_an_unknown_check_stands_under_what_could_not_be_checked_with_its_reason(folder):
    html = write_report(folder).read_text()
    assert "Keys are private" in text_of(html, "<h2>What could not be checked</h2>", "<h2>How to fix</h2>")


def test_an_unknown_check_is_said_once(folder):
    assert write_report(folder).read_text().count("Keys are private") == 1


def test_of_many_findings_the_low_ones_are_folded_away(tmp_path):
    run = record()
    [high, low] = run.result.findings
    many = CheckResult("MANY", "Many", Severity.LOW, Verdict.FAIL, tuple([low] * 40))
    checks = (CheckResult("ONE", "One", Severity.HIGH, Verdict.FAIL, (high,)), many)
    html = write_report(
        write_run(tmp_path / "many", replace(run, result=replace(run.result, checks=checks)))
    ).read_text()
    first, summary, folded = html.partition("40 more findings</summary>")
    assert summary
    assert (first.count("Secret shop/web"), first.count("Secret shop/old"), folded.count("Secret shop/old")) == (
        1,
        0,
        40,
    )


def test_the_preview_of_a_change_is_open_and_says_that_nothing_was_changed(tmp_path):
    run = record()
    preview = replace(run, kind="remediate", result=replace(run.result, diagnoses=(), checks=()))
    html = write_report(write_run(tmp_path / "preview", preview)).read_text()
    assert "Nothing was changed: this is a preview." in html
    assert '<details class="notebook" open>' in html


def test_of_a_run_that_changed_something_the_headline_says_what_and_whether_it_helped():
    run = record()
    outcome = Outcome(
        ChangeStatus.APPLIED,
        Preview(Plan("Renew it", "u", ()), ClusterIdentity("u", "https://x"), START, ()),
        answers=(Answer(Question("check"), AnswerState.FIXED, ""),),
    )
    nothing_left = replace(run.result.diagnoses[0], causes=())
    result = replace(run.result, diagnoses=(nothing_left,), checks=(), changes=(outcome,))
    assert headline(replace(run, kind="remediate", result=result)) == "Renew it: applied, fixed"


def test_a_lesson_stands_before_what_it_found(tmp_path):
    html = write_report(write_run(tmp_path / "lesson", replace(record(), kind="walkthrough"))).read_text()
    assert html.index("The runbook as it ran") < html.index("<h2>Conclusions</h2>")


def test_what_is_new_and_gone_since_the_last_run_stands_first(tmp_path):
    run = record()
    [high, low] = run.result.findings
    gone = replace(high, resource="Secret shop/renewed", fingerprint="")
    unseen = replace(high, resource="Secret shop/hidden", fingerprint="")
    told = Since("20261121-x509", START - timedelta(days=1), (low.fingerprint,), (gone,), (unseen,), 1)
    html = write_report(write_run(tmp_path / "second", replace(run, since=told))).read_text()
    assert "1 new, 1 gone, 1 still there, 1 could not be looked for since 2026-11-21 03:00 UTC" in html
    section = text_of(html, "<h2>Since the last run</h2>", "<h2>Conclusions</h2>")
    places = [section.index(words) for words in ("Secret shop/old", ">Gone<", "renewed", "Could not be", "hidden")]
    assert places == sorted(places)
    assert "Secret shop/web" not in section, "what is still there is not told again"


@pytest.mark.parametrize(
    ("recognised", "status", "words"),
    [
        (False, CauseStatus.OPEN, "The message is not one that is known."),
        (True, CauseStatus.OPEN, "No cause could be proven."),
        (True, CauseStatus.RULED_OUT, "Every known cause is ruled out."),
    ],
)
def test_without_a_confirmed_cause_the_headline_says_which_of_the_reasons_it_is(recognised, status, words):
    run = record()
    [diagnosis] = run.result.diagnoses
    causes = tuple(replace(cause, status=status) for cause in diagnosis.causes)
    other = replace(diagnosis, recognised=recognised, causes=causes)
    assert headline(replace(run, result=replace(run.result, diagnoses=(other,), checks=()))) == words


def test_a_question_without_an_answer_is_not_called_ruled_out():
    run = record()
    nothing = replace(run.result.diagnoses[0], symptom="", recognised=False, meaning="Say from where.", causes=())
    assert headline(replace(run, result=replace(run.result, diagnoses=(nothing,), checks=()))) == "Say from where."
    fine = replace(nothing, recognised=True, meaning="Every Service has pods behind it.")
    assert headline(replace(run, result=replace(run.result, diagnoses=(fine,), checks=()))) == fine.meaning


def test_code_is_hidden_and_plots_keep_their_alternative_text(folder):
    html = write_report(folder).read_text()
    assert "secret_code_marker" not in html
    assert 'alt="Bar chart of 2 findings."' in html


def test_prose_and_tables_of_the_notebook_keep_their_structure(folder):
    notebook = write_report(folder).read_text().partition("The runbook as it ran")[2]
    assert "<h1>Title</h1>" in notebook
    assert "<td>shop</td>" in notebook
    assert "&lt;" not in notebook


def test_a_run_that_failed_says_so_first_and_why(tmp_path):
    html = write_report(write_run(tmp_path / "x", record("the kernel died", status=RunStatus.KILLED))).read_text()
    assert "Why it did not finish" in html
    assert "killed" in html


def test_a_run_that_left_no_notebook_still_has_a_page(folder):
    (folder / "notebook.ipynb").unlink()
    assert "The runbook as it ran" not in write_report(folder).read_text()


def test_a_record_that_is_not_json_is_refused_with_its_path(folder):
    (folder / "run.json").write_text('{"schema": ')
    with pytest.raises(InputError, match=r"run\.json"):
        write_report(folder)


@pytest.mark.browser
def test_no_request_leaves_the_page_and_no_string_of_the_cluster_acts(tmp_path, visit):
    folder = write_run(tmp_path / "hostile", record(HOSTILE), HOSTILE)
    page = visit.open(write_report(folder))
    page.locator("details.notebook > summary").click()
    page.wait_for_timeout(300)
    assert visit.requests == [page.url]
    assert visit.dialogs == []
    assert page.locator("script").count() == 1, "only our own script is in the page"
    assert (
        page.evaluate("[...document.querySelectorAll('*')].some(e => [...e.attributes].some(a => /^on/.test(a.name)))")
        is False
    )
    shown = page.inner_text("body")
    assert "<script>alert('k8srun')</script>" in shown, "hostile markup is shown as text"
    assert "\u202e" not in page.content(), "overrides that reorder text are gone"
    assert "\x1b" not in page.content()
    assert "{{ 7*7 }}" in shown, "no template is evaluated twice"
    assert page.locator("a[href^='javascript']").count() == 0


@pytest.mark.browser
def test_a_label_of_a_megabyte_does_not_make_the_page_huge(tmp_path, visit):
    folder = write_run(tmp_path / "long", record("A" * 1_000_000))
    target = write_report(folder)
    assert target.stat().st_size < 1_000_000
    page = visit.open(target)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it does not scroll sideways"


@pytest.mark.browser
def test_a_narrow_window_does_not_scroll_sideways(folder, visit):
    visit.page.set_viewport_size({"width": 360, "height": 800})
    page = visit.open(write_report(folder))
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.browser
def test_tables_sort_by_a_click_on_their_heading_and_by_the_keyboard(folder, visit):
    page = visit.open(write_report(folder))
    head = page.locator("table:has(th:text('Severity')) th").first
    column = "[...document.querySelector('table').tBodies[0].rows].map(row => row.cells[0].textContent.trim())"
    assert page.evaluate(column) == ["high", "low"]
    head.click()
    assert page.evaluate(column) == ["low", "high"], "by severity, not by alphabet"
    head.press("Enter")
    assert page.evaluate(column) == ["high", "low"]
    assert visit.errors == []


@pytest.mark.browser
def test_the_page_follows_the_dark_scheme_and_prints_everything(folder, visit):
    page = visit.open(write_report(folder))
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(background) != light
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("[...document.querySelectorAll('details')].every(one => one.open)")


def test_the_index_lists_runs_newest_first_and_a_broken_record_apart(tmp_path):
    for number in range(3):
        run = record(f"cluster-{number}", started=START + timedelta(days=number))
        write_report(write_run(tmp_path / f"run-{number}", run))
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "run.json").write_text('{"id": 1')
    html = write_index(tmp_path, now=START + timedelta(days=5)).read_text()
    assert html.index("cluster-2") < html.index("cluster-1") < html.index("cluster-0")
    assert "5 days ago" in html
    assert "torn" in text_of(html, "<h2>Not readable</h2>", "<footer>")
    assert 'href="run-1/report.html"' in html


def test_a_record_of_another_version_or_program_is_listed_as_unreadable(tmp_path):
    write_run(tmp_path / "newer", replace(record(), schema="k8srun.dev/run/v2"))
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "run.json").write_text("[]")
    html = write_index(tmp_path).read_text()
    assert "its schema is k8srun.dev/run/v2; this k8srun reads k8srun.dev/run/v1" in html
    assert "foreign" in text_of(html, "<h2>Not readable</h2>", "<footer>")


def test_an_index_of_no_runs_says_how_to_begin(tmp_path):
    assert "k8srun run x509-error --lab" in write_index(tmp_path).read_text()
