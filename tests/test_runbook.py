"""What a notebook says of itself, and the rules that the collection keeps."""

from __future__ import annotations

import copy

import pytest

from k8srun.errors import InputError
from k8srun.runbook import RunbookKind, problems, read_runbook

PATH = "/somewhere/investigate/x509-error.ipynb"


def cell(kind, source, **more):
    extra = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {}, "source": source} | extra | more


GOOD = {
    "metadata": {
        "k8srun": {
            "kind": "investigate",
            "summary": "Names the cause.",
            "symptoms": ["x509: …"],
            "references": ["https://kubernetes.io/docs/"],
            "changes_cluster": False,
        }
    },
    "cells": [
        cell("markdown", ["# An x509 error\n", "When to use it."]),
        cell("code", 'error: str = ""  # the text\n', metadata={"tags": ["parameters"]}),
        cell("code", ["import k8srun\n", "run = k8srun.start(error)"]),
        cell("markdown", "## The cause"),
        cell("code", "diagnosis = run.diagnose(error)\nrun.show(diagnosis)\nother.ask()"),
        cell("code", "run.finish()"),
    ],
}


@pytest.fixture
def notebook():
    return copy.deepcopy(GOOD)


def test_a_runbook_is_what_its_notebook_says(notebook):
    runbook = read_runbook(notebook, PATH)
    assert (runbook.id, runbook.kind, runbook.title) == ("x509-error", RunbookKind.INVESTIGATE, "An x509 error")
    assert (runbook.summary, runbook.symptoms) == ("Names the cause.", ("x509: …",))
    assert (runbook.references, runbook.changes_cluster) == (("https://kubernetes.io/docs/",), False)
    assert [parameter.name for parameter in runbook.parameters] == ["error"]
    assert runbook.path == PATH


def test_its_calls_are_the_questions_that_it_asks_of_the_run(notebook):
    assert read_runbook(notebook, PATH).calls == ("diagnose", "finish", "show")


def test_a_parameter_is_found_by_name(notebook):
    runbook = read_runbook(notebook, PATH)
    assert runbook.parameter("error").help == "the text"
    assert runbook.parameter("nothing") is None


def test_a_notebook_without_parameters_has_none(notebook):
    del notebook["cells"][1]
    assert read_runbook(notebook, PATH).parameters == ()


@pytest.mark.parametrize("document", [[], {}, {"cells": "x"}, {"cells": [1]}, None])
def test_what_is_no_notebook_is_refused_with_its_path(document):
    with pytest.raises(InputError, match=r"x509-error\.ipynb: is not a Jupyter notebook"):
        read_runbook(document, PATH)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("kind", "magic", "k8srun.kind is 'magic', not one of investigate"),
        ("kind", None, "k8srun.kind is None"),
        ("changes_cluster", None, "changes_cluster must be true or false"),
        ("changes_cluster", "false", "changes_cluster must be true or false"),
        ("symptoms", "x509", "symptoms must be a list"),
        ("references", [1], "references must be a list"),
    ],
)
def test_metadata_of_another_form_is_refused(notebook, name, value, complaint):
    notebook["metadata"]["k8srun"][name] = value
    with pytest.raises(InputError, match=complaint):
        read_runbook(notebook, PATH)


def test_a_notebook_that_keeps_the_rules_has_no_problems(notebook):
    assert problems(notebook, PATH) == ()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda n, c, m: m.update(summary=""), "summary is empty"),
        (lambda n, c, m: m.update(references=[]), "references is empty"),
        (lambda n, c, m: m.update(symptoms=[]), "symptoms is empty"),
        (lambda n, c, m: m.update(kind="report"), "of kind report and in another folder"),
        (lambda n, c, m: m.update(kind="magic"), "k8srun.kind"),
        (lambda n, c, m: c[0].update(source="An x509 error"), "no heading of the first level"),
        (lambda n, c, m: c.insert(0, cell("code", "pass")), "the first cell is not text"),
        (lambda n, c, m: c.insert(1, cell("code", "pass")), "the first code cell must be the only one tagged"),
        (lambda n, c, m: c[1].update(metadata={}), "the first code cell must be the only one tagged"),
        (lambda n, c, m: c[4].update(metadata={"tags": ["parameters"]}), "the only one tagged"),
        (lambda n, c, m: c[1].update(source='error: str = ""'), "error has no comment"),
        (lambda n, c, m: c[2].update(source="pass"), "must call k8srun.start"),
        (lambda n, c, m: c.append(cell("code", "pass")), "must call run.finish"),
        (lambda n, c, m: c[4].update(source="pass\n" * 9), "cell 5 has more than 8 lines"),
        (lambda n, c, m: c[4].update(source="def f(): pass"), "cell 5 defines something"),
        (lambda n, c, m: c[4].update(source="f = lambda: 1"), "cell 5 defines something"),
        (lambda n, c, m: c[4].update(source="class C: pass"), "cell 5 defines something"),
        (lambda n, c, m: c[4].update(source="%matplotlib inline"), "cell 5 is not plain Python"),
        (lambda n, c, m: c[4].update(outputs=[{"output_type": "stream"}]), "cell 5 has outputs"),
        (lambda n, c, m: c[4].update(execution_count=1), "cell 5 has an execution count"),
    ],
)
def test_a_broken_rule_is_a_problem_that_names_file_and_cell(notebook, change, complaint):
    change(notebook, notebook["cells"], notebook["metadata"]["k8srun"])
    found = problems(notebook, PATH)
    assert [problem for problem in found if complaint in problem], found
    assert all(problem.startswith(PATH) for problem in found)


def test_eight_lines_are_allowed_and_more_in_the_parameters(notebook):
    notebook["cells"][4]["source"] = "pass\n" * 8
    notebook["cells"][1]["source"] = "".join(f"p{number}: int = 1  # one\n" for number in range(20))
    assert problems(notebook, PATH) == ()


def test_a_walkthrough_needs_no_symptoms(notebook):
    notebook["metadata"]["k8srun"].update(kind="walkthrough", symptoms=[])
    assert problems(notebook, "runbooks/walkthrough/start.ipynb") == ()
