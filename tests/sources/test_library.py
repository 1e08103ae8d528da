"""Finding runbooks by name and by path."""

from __future__ import annotations

import pytest

from k8srun.errors import InputError
from k8srun.sources.library import find_runbook, find_runbooks, runbooks_folder
from tests.runner.notebooks import write_runbook


def test_the_collection_is_found_beside_the_package():
    assert {"x509-error", "cluster-overview", "start-here"} <= {runbook.id for runbook in find_runbooks()}
    assert runbooks_folder().name in {"runbooks", "_runbooks"}


@pytest.mark.parametrize("name", ["x509-error", "investigate/x509-error"])
def test_a_runbook_is_found_by_its_id_with_or_without_its_kind(name):
    assert find_runbook(name).id == "x509-error"


def test_a_notebook_of_ones_own_is_found_by_its_path(tmp_path):
    made = write_runbook(tmp_path, "mine")
    assert find_runbook(made.path) == made


@pytest.mark.parametrize("name", ["x509-eror", "report/x509-error"])
def test_an_unknown_name_is_refused_with_the_nearest(name):
    with pytest.raises(InputError, match="there is no runbook") as refused:
        find_runbook(name)
    assert "x509-error" in refused.value.do


def test_an_unknown_name_with_nothing_near_says_how_to_list_them():
    with pytest.raises(InputError) as refused:
        find_runbook("\x1b[31mqqqqqq")
    assert "k8srun list" in refused.value.do
    assert "\x1b" not in str(refused.value)


def test_a_missing_file_is_refused_with_its_path(tmp_path):
    with pytest.raises(InputError, match=r"none\.ipynb: cannot be read: No such file"):
        find_runbook(str(tmp_path / "none.ipynb"))


def test_a_file_that_is_no_notebook_is_refused(tmp_path):
    (tmp_path / "x.ipynb").write_text("{")
    with pytest.raises(InputError, match=r"x\.ipynb: is not valid JSON"):
        find_runbook(str(tmp_path / "x.ipynb"))


def test_a_broken_runbook_does_not_stand_in_the_way_of_another(tmp_path):
    made = write_runbook(tmp_path, "good")
    (tmp_path / "investigate" / "bad.ipynb").write_text("{")
    assert find_runbook("good", tmp_path) == made
    with pytest.raises(InputError, match=r"bad\.ipynb"):
        find_runbooks(tmp_path)


def test_a_walkthrough_of_the_same_name_is_found_by_its_kind_and_never_in_place_of_the_other(tmp_path):
    made = write_runbook(tmp_path, "same")
    (tmp_path / "walkthrough").mkdir()
    taught = tmp_path / "walkthrough" / "same.ipynb"
    taught.write_bytes((tmp_path / "investigate" / "same.ipynb").read_bytes().replace(b"investigate", b"walkthrough"))
    assert find_runbook("same", tmp_path) == made
    assert find_runbook("walkthrough/same", tmp_path).path == taught.as_posix()
    assert len(find_runbooks(tmp_path)) == 2
