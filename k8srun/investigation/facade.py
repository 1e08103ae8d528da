"""Begin an investigation, ask what every domain shares, change what a plan says, and finish."""

from __future__ import annotations

import atexit
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from k8srun.apply import Journal, Options, Target, apply, default_path, preview
from k8srun.apply.local import LocalTarget, kubeconfig_views
from k8srun.apply.opening import target_of
from k8srun.assessment.checks import CHECKS
from k8srun.assessment.impact import impact_again
from k8srun.assessment.needs import needs_of
from k8srun.assessment.remedies import plan_of
from k8srun.assessment.symptoms import diagnose
from k8srun.atomic import write_atomically
from k8srun.certificates.expiry_checks import CA_DAYS, LEAF_DAYS, ExpiryWarning, warned_by
from k8srun.change import ChangeStatus, Outcome, Preview
from k8srun.checks import Check, CheckResult, evaluate_all
from k8srun.clock import parse_time
from k8srun.codec import encode
from k8srun.controlplane.distribution import Distribution, distribution
from k8srun.diagnosis import Diagnosis
from k8srun.display import notebook, tables
from k8srun.investigation.authorization import AuthorizationQuestions
from k8srun.investigation.authorization_changes import AuthorizationChanges
from k8srun.investigation.certificate_changes import CertificateChanges
from k8srun.investigation.certificates import CertificateQuestions
from k8srun.investigation.network import NetworkQuestions
from k8srun.investigation.workloads import WorkloadQuestions
from k8srun.lab import Lab, incidents
from k8srun.network.world import World
from k8srun.plan import Plan
from k8srun.record import RESULT_VARIABLE, RunResult
from k8srun.snapshot import Need, Snapshot
from k8srun.sources.collect import cluster_name, collect, opened, read_lab
from k8srun.sources.library import find_runbook
from k8srun.sources.options import SourceOptions

if TYPE_CHECKING:
    import pandas as pd

_PATIENCE_SECONDS = 15.0  # a signer takes seconds on a busy cluster


def start(
    runbook: str = "",
    *,
    snapshot: str = "",
    context: str = "",
    kubeconfig: str = "",
    from_paths: Sequence[str] = (),
    host_root: str = "",
    endpoint: str = "",
    lab: bool = False,
    incident: str = "",
    default_incident: str = "",
    namespaces: Sequence[str] = (),
    allow_exec: bool = False,
    secrets: bool = False,
    now: str = "",
) -> Investigation:
    """Read the sources and begin. Without any source the embedded lab is used, and says so.

    Args:
        runbook: id of the runbook that calls: a live cluster is asked only for what its questions need. Empty: for
            everything that the base tier may read.
        default_incident: the incident of the lab where that is used and none is named.
        now: the time to judge dates by, RFC 3339; empty is the clock. The other arguments are those of
            `k8srun.sources.options.SourceOptions`.

    Raises:
        InputError: an argument cannot be used; the message says which and what to do.
    """
    on_lab = lab or not any((snapshot, context, kubeconfig, from_paths, host_root, endpoint))
    options = SourceOptions(
        snapshot=snapshot,
        context=context,
        kubeconfig=kubeconfig,
        from_paths=tuple(from_paths),
        host_root=host_root,
        endpoint=endpoint,
        lab=on_lab,
        incident=incident or (default_incident if on_lab else ""),
        namespaces=tuple(namespaces),
        allow_exec=allow_exec,
        secrets=secrets,
    )
    needs = needs_of(find_runbook(runbook).calls) if runbook else None
    clock = parse_time(now, where="now") if now else datetime.now(UTC)
    stack = ExitStack()
    observed, served = stack.enter_context(opened(options, needs=needs, now=clock))
    # A notebook may be closed without reaching `finish`: the lab's servers and folder must not outlive the kernel.
    atexit.register(stack.close)
    run = Investigation(observed, clock, cluster_name(options, observed), served, options, stack)
    notebook.show_style()
    tables.show_in_full()
    run.show(observed)
    return run


@dataclass(slots=True)
class Investigation(
    CertificateQuestions,
    CertificateChanges,
    AuthorizationQuestions,
    AuthorizationChanges,
    WorkloadQuestions,
    NetworkQuestions,
):
    """One run of a runbook: the snapshot, and what has been asked of it so far.

    Attributes:
        snapshot: everything observed.
        now: the clock that dates are judged by.
        cluster: how people call what is looked at.
        lab: the embedded lab while it serves; None for a real cluster.
    """

    snapshot: Snapshot
    now: datetime
    cluster: str
    lab: Lab | None
    _options: SourceOptions
    _stack: ExitStack
    _diagnoses: list[Diagnosis] = field(default_factory=list)
    _checks: dict[str, CheckResult] = field(default_factory=dict)
    _changes: list[Outcome] = field(default_factory=list)
    _worlds: list[World] = field(default_factory=list)

    def diagnose(self, symptom: str = "", domain: str = "") -> Diagnosis:
        """The cause of an error message; without one, what is wrong as far as the evidence shows.

        Args:
            symptom: the message; on the lab an empty one stands for the incident's own.
            domain: without a message, whose troubles come before those of the others: `workloads`, `authorization`, …
        """
        if not symptom and self.lab and self.lab.incident:
            symptom = self.lab.symptom
        return self._told(diagnose(symptom, self.snapshot, self.now, domain))

    def evaluate(self, soon_days: int = LEAF_DAYS, ca_soon_days: int = CA_DAYS) -> tuple[CheckResult, ...]:
        """The verdict of every check.

        Args:
            soon_days, ca_soon_days: how long before its end a certificate, and a CA, is reported.

        Raises:
            InputError: such a number is below zero or absurd.
        """
        return self.evaluated(warned_by(CHECKS, ExpiryWarning.of_days(soon_days, ca_soon_days)))

    def evaluated(self, checks: Sequence[Check]) -> tuple[CheckResult, ...]:
        """The verdicts of some checks; they count among the findings of this run."""
        results = evaluate_all(checks, self.snapshot, self.now)
        self._checks.update((result.check, result) for result in results)
        return results

    def distribution(self) -> Distribution:
        """Which Kubernetes this is, who manages its control plane, and by what that was recognised."""
        return distribution(self.snapshot)

    def incidents(self) -> pd.DataFrame:
        """The incidents that the lab can be broken with."""
        return tables.incidents(incidents())

    def plot_findings(self) -> None:
        """Display how many findings there are of each severity."""
        # matplotlib takes longer to load than most runbooks take to run, and few of them plot.
        from k8srun.display import plots  # noqa: PLC0415

        plots.show_figure(*plots.findings_by_severity(self.result().severities()))

    def plan(self, symptom: str = "") -> Plan | None:
        """The plan that mends what a message was confirmed to come from, and what it hides; None if nothing was.

        On the lab an empty symptom stands for the incident's own.
        """
        if not symptom and self.lab and self.lab.incident:
            symptom = self.lab.symptom
        return plan_of(symptom, self.snapshot, self.now, kubeconfig_views(self.snapshot))

    @property
    def can_change(self) -> bool:
        """Whether there is a cluster, or the lab, that a plan could be applied to; files and snapshots are none."""
        return self.lab is not None or self._options.live

    def can_apply(self, plan: Plan | None) -> bool:
        """Whether there is a plan, and what it could be applied to: one that touches no cluster needs none."""
        return plan is not None and (self.can_change or plan.is_local)

    def preview(self, plan: Plan) -> Preview:
        """What applying a plan would do now, and the confirmation for exactly that. Changes nothing."""
        options = Options(impact=self._impact)
        return preview(plan, self._target(plan), journal=Journal(default_path(os.environ)), options=options)

    def apply(self, plan: Plan, *, confirm: str, done: Sequence[int] = ()) -> Outcome:
        """Apply a plan that was previewed; an empty `confirm` only previews it.

        Args:
            done: numbers of the host steps whose commands a person has run.

        Raises:
            RefusedError: the confirmation is not the one for what would be done now; nothing was changed.
        """
        target = self._target(plan)
        options = Options(
            checks=CHECKS,
            snapshot=self._again,
            by_hand=frozenset(done),
            patience=_PATIENCE_SECONDS,
            impact=self._impact,
        )
        outcome = apply(plan, target, confirm, journal=Journal(default_path(os.environ)), options=options)
        if outcome.status is not ChangeStatus.PREVIEWED:
            self._changes.append(outcome)
        return outcome

    def _target(self, plan: Plan) -> Target:
        return LocalTarget() if plan.is_local and not self.lab else target_of(self._options, self.lab)

    def _again(self, needs: Sequence[Need]) -> Snapshot:
        """The same sources, read anew: what a plan's questions are asked of."""
        now = datetime.now(UTC)
        return read_lab(self.lab, now) if self.lab else collect(self._options, needs=needs, now=now)

    def _impact(self, plan: Plan) -> tuple[str, ...]:
        """What a plan brings about as the cluster is now."""
        return impact_again(plan, self._again)

    def show(self, value: object, view: str = "") -> None:
        """Display a diagnosis, check results, gaps or a snapshot; `view` picks one where there are several."""
        notebook.show(value, view)

    def finish(self) -> None:
        """Stop the lab, and hand what was found to the runner if one is waiting for it."""
        self._stack.close()
        target = os.environ.get(RESULT_VARIABLE)
        if target:
            write_atomically(Path(target), encode(self.result()))
        self.show(self.snapshot.gaps, "Everything that was looked for could be read.")

    def result(self) -> RunResult:
        """What this run found so far, as the run record holds it."""
        return RunResult(
            cluster=self.cluster,
            lab=self.snapshot.lab,
            taken_at=self.snapshot.taken_at,
            now=self.now,
            origin=self.snapshot.origin,
            server=self.snapshot.server,
            objects={str(kind): len(items) for kind, items in sorted(self.snapshot.objects.items())},
            diagnoses=tuple(self._diagnoses),
            checks=tuple(self._checks.values()),
            gaps=self.snapshot.gaps,
            changes=tuple(self._changes),
        )
