"""The server is cut off at every request of a run: before it passes, in its midst, after it was answered."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from k8srun.apply import Journal, apply, preview
from k8srun.change import ChangeStatus, StepState
from tests.apply.clusters import QUICK, carried_out, taken_back, target_of
from tests.live.plans.cutting import Cut, cutting_proxy
from tests.live.plans.scenario import Scenario

OPTIONS = replace(QUICK, patience=0.3)
STEPS = (1, 2, 3, 6)  # a patch, a create, a token, a delete


@pytest.fixture(scope="module")
def proxy(control_plane):
    with cutting_proxy(control_plane.port) as running:
        yield running


class Scissors:
    """Cut the request of a number, counted from the first line of the journal."""

    def __init__(self, proxy, journal, number, where, *, stays_down):
        self._proxy, self._journal, self._where, self._stays_down = proxy, journal, where, stays_down
        self._left = number
        self.cut = False

    def hold(self, target):
        """Watch the requests of a target."""
        make = target._writer._open

        def opened():
            connection = make()
            send = connection.request
            connection.request = lambda *args, **kwargs: (self._count(), send(*args, **kwargs))
            return connection

        target._writer._open = opened
        return target

    def _count(self):
        if self.cut or not self._journal.entries():
            return
        if self._left == 0:
            self.cut = True
            self._proxy.cut(self._where, stays_down=self._stays_down)
        self._left -= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "cut",
    list(itertools.product(Cut, [False, True])),
    ids=lambda cut: f"{cut[0].name.lower()}, {'until later' if cut[1] else 'for a moment'}",
)
def test_wherever_the_server_is_cut_off_the_journal_is_true_and_the_run_goes_on_and_back(
    control_plane, admin, proxy, tmp_path, cut
):
    kubeconfig = control_plane.kubeconfig(server=f"https://127.0.0.1:{proxy.port}")
    where, stays_down = cut
    seen = set()
    for number in itertools.count():
        scenario = Scenario(control_plane, admin, tmp_path / str(number), STEPS)
        journal = Journal(tmp_path / f"{number}.jsonl")
        caller = target_of(kubeconfig)
        confirm = preview(scenario.plan, caller, journal=journal, options=OPTIONS).confirm
        scissors = Scissors(proxy, journal, number, where, stays_down=stays_down)
        outcome = apply(scenario.plan, scissors.hold(target_of(kubeconfig)), confirm, journal=journal, options=OPTIONS)
        proxy.restore()
        if not scissors.cut:
            break
        seen |= {step.state for step in outcome.steps}
        complete = scenario.require_agreement(admin, journal, OPTIONS)
        if number % 2 and not complete:
            assert carried_out(scenario.plan, admin, journal, OPTIONS).run == outcome.run
            assert all(scenario.truth())
        if any(scenario.truth()):
            assert taken_back(outcome.run, admin, journal, OPTIONS).status is ChangeStatus.APPLIED
        assert scenario.is_as_before(), number
    assert outcome.status is ChangeStatus.APPLIED
    # A look, a dry run and the request for each step; no dry run for the token.
    assert number == 4 * 3 - 1
    # Only where a request may have passed and nobody can look is there a doubt.
    assert (StepState.IN_DOUBT in seen) == stays_down
