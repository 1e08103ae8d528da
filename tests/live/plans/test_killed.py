"""The process is killed at every point between two acts: lines of the journal, requests, files."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
from dataclasses import replace

import pytest

from k8srun.apply import Journal, apply, edit, preview, undo
from k8srun.apply.journal import Log
from k8srun.apply.runs import runs_of
from k8srun.change import ChangeStatus
from tests.apply.clusters import QUICK, carried_out, taken_back, target_of
from tests.live.plans.scenario import Scenario

FORK = multiprocessing.get_context("fork")
OPTIONS = replace(QUICK, patience=0.3)


class Fuse:
    """Kills its own process before the act of a number, and counts the acts on the way there.

    After one act is before the next, so this is every point between two.
    """

    def __init__(self, number: int) -> None:
        self._left = number
        Log.append = self._before(Log.append)
        edit.write_new = self._before(edit.write_new)
        edit.edit_kubeconfig = self._before(edit.edit_kubeconfig)

    def burn(self) -> None:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1

    def guarded(self, target):
        """A target whose requests that change something are acts."""
        write = target.write
        guarded = self._before(write)
        target.write = lambda request, *, dry_run: (write if dry_run else guarded)(request, dry_run=dry_run)
        return target

    def _before(self, function):
        def burning(*args, **kwargs):
            self.burn()
            return function(*args, **kwargs)

        return burning


def dies_at(number, kubeconfig, act) -> bool:
    """Let a child do something with a target; False if it came to its end before the act of that number."""

    def run():
        fuse = Fuse(number)
        act(fuse.guarded(target_of(kubeconfig)))
        fuse.burn()

    child = FORK.Process(target=run)
    child.start()
    child.join()
    assert child.exitcode in {0, -signal.SIGKILL}
    return child.exitcode != 0


@pytest.mark.slow
@pytest.mark.parametrize("end", ["resumed", "undone"])
def test_wherever_the_process_is_killed_the_journal_is_true_and_the_run_goes_on_and_back(
    control_plane, admin, tmp_path, end
):
    kubeconfig = control_plane.kubeconfig()
    for number in itertools.count():
        scenario = Scenario(control_plane, admin, tmp_path / str(number))
        journal = Journal(tmp_path / f"{number}.jsonl")
        confirm = preview(scenario.plan, admin, journal=journal, options=OPTIONS).confirm
        if not dies_at(number, kubeconfig, applied(scenario.plan, confirm, journal)):
            break
        complete = scenario.require_agreement(admin, journal, OPTIONS)
        if end == "resumed" and not complete:
            outcome = carried_out(scenario.plan, admin, journal, OPTIONS)
            assert outcome.status is ChangeStatus.APPLIED
            assert all(scenario.truth())
        runs = runs_of(journal.entries())
        assert len(runs) == (number > 0 or end == "resumed")  # what goes on is the same run
        if any(scenario.truth()):
            assert taken_back(runs[0].id, admin, journal, OPTIONS).status is ChangeStatus.APPLIED
        assert scenario.is_as_before(), number
    # Begun and ended; for each of seven steps an intent, an act and a done; one more act for the token's file.
    assert number == 2 + 7 * 3 + 1 + 1
    assert all(scenario.truth())


def applied(plan, confirm, journal):
    return lambda target: apply(plan, target, confirm, journal=journal, options=OPTIONS)


@pytest.mark.slow
def test_an_undo_that_is_killed_goes_on(control_plane, admin, tmp_path):
    kubeconfig = control_plane.kubeconfig()
    for number in itertools.count():
        scenario = Scenario(control_plane, admin, tmp_path / str(number))
        journal = Journal(tmp_path / f"{number}.jsonl")
        run = carried_out(scenario.plan, admin, journal, OPTIONS).run
        confirm = undo(run, admin, "", journal=journal, options=OPTIONS).preview.confirm
        if not dies_at(number, kubeconfig, undone(run, confirm, journal)):
            break
        if runs_of(journal.entries())[0].is_taken_back:
            assert scenario.is_as_before()
            continue
        assert taken_back(run, admin, journal, OPTIONS).status is ChangeStatus.APPLIED
        assert scenario.is_as_before(), number
    # Begun, verified and ended, and three for each step but that of the token, which has none.
    assert number == 3 + 6 * 3 + 1
    assert scenario.is_as_before()


def undone(run, confirm, journal):
    return lambda target: undo(run, target, confirm, journal=journal, options=OPTIONS)
