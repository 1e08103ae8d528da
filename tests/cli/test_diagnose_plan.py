"""`k8srun diagnose --plan FILE`: the plan for what is diagnosed, and nothing but a file is written."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from k8srun.cli.diagnose import diagnose
from k8srun.errors import ExitCode, InputError, RefusedError
from k8srun.plan import Action
from k8srun.planfile import read_plan
from tests.certificates.planning import copied


@pytest.fixture
def lab(labs, tmp_path):
    return copied(labs["webhook-ca-bundle"], tmp_path / "lab")


@pytest.fixture
def sources(lab):
    return ["--from", str(lab.manifests), "--host-root", str(lab.node_root), "--now", lab.now.isoformat()]


def run(*words):
    return CliRunner().invoke(diagnose, words, catch_exceptions=False)


def test_the_plan_is_written_and_what_comes_next_is_said_beside_the_answer(lab, sources, tmp_path):
    before = {path: path.read_bytes() for path in lab.manifests.iterdir()}
    file = tmp_path / "fix.json"
    done = run(lab.symptom, *sources, "--plan", str(file), "-o", "json")
    assert done.exit_code == ExitCode.CLEAN
    assert json.loads(done.stdout)["schema"] == "k8srun.dev/diagnose/v1"
    assert f"{file}: the plan, 2 steps. Nothing was changed." in done.stderr
    plan = read_plan(file.read_bytes(), where=str(file))
    assert {step.action for step in plan.steps} == {Action.PATCH}
    assert {path: path.read_bytes() for path in lab.manifests.iterdir()} == before


def test_without_a_text_the_plan_is_for_what_the_evidence_confirms(sources, tmp_path):
    assert run(*sources, "--plan", str(tmp_path / "fix.json")).exit_code == ExitCode.CLEAN
    plan = read_plan((tmp_path / "fix.json").read_bytes(), where="fix.json")
    assert [step.target.kind for step in plan.steps] == [
        "ValidatingWebhookConfiguration",
        "MutatingWebhookConfiguration",
    ]


def test_the_glass_is_broken_by_a_plan_too(sources, tmp_path):
    assert run(*sources, "--plan", str(tmp_path / "open.json"), "--break-glass").exit_code == ExitCode.CLEAN
    (step,) = read_plan((tmp_path / "open.json").read_bytes(), where="open.json").steps
    assert step.patch[-1]["value"] == "Ignore"


def test_where_nothing_is_confirmed_there_is_no_plan_and_it_says_so(labs, tmp_path):
    healthy = labs["healthy"]
    file = tmp_path / "fix.json"
    words = ["--from", str(healthy.manifests), "--plan", str(file), "--now", healthy.now.isoformat()]
    done = run("x509: certificate signed by unknown authority", *words)
    assert done.exit_code == ExitCode.INCOMPLETE
    assert "No plan: no cause is confirmed" in done.stderr
    assert not file.exists()


def test_a_file_that_exists_is_not_overwritten(lab, sources, tmp_path):
    file = tmp_path / "fix.json"
    file.write_text("mine")
    with pytest.raises(RefusedError, match="it exists already"):
        run(lab.symptom, *sources, "--plan", str(file))
    assert file.read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["x509: certificate has expired", "--plan", "fix.json"], "a plan needs evidence"),
        (["x509: a", "--lines", "--lab", "--plan", "fix.json"], "a plan is made of one message"),
        (["--lab", "--break-glass"], "it is a plan that is to be written"),
    ],
)
def test_what_cannot_be_planned_is_said_before_anything_is_read(words, said):
    with pytest.raises(InputError, match=said):
        run(*words)
