"""The facade that notebooks use: `run = k8srun.start(...)`, one call a question, `run.finish()`."""

from __future__ import annotations

import atexit
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from k8srun.apply import Journal, Options, apply, default_path, preview
from k8srun.apply.opening import target_of
from k8srun.assessment.checks import CHECKS
from k8srun.assessment.needs import needs_of
from k8srun.assessment.symptoms import diagnose
from k8srun.atomic import write_atomically
from k8srun.certificates.card import card
from k8srun.certificates.chains import chains
from k8srun.certificates.checks import CHECKS as CERTIFICATE_CHECKS
from k8srun.certificates.connections import connections
from k8srun.certificates.inventory import inventory
from k8srun.certificates.listing import listing
from k8srun.certificates.reviews import reviews
from k8srun.certificates.verification import Usage, verify
from k8srun.change import ChangeStatus, Outcome, Preview
from k8srun.checks import Check, CheckResult, evaluate_all
from k8srun.clock import parse_time
from k8srun.codec import encode
from k8srun.controlplane.distribution import Distribution, distribution
from k8srun.diagnosis import Diagnosis
from k8srun.display import notebook, tables
from k8srun.errors import InputError
from k8srun.lab import Lab, incidents
from k8srun.pki.layout import Node, Wanted, layout
from k8srun.pki.openssl import commands
from k8srun.plan import Plan
from k8srun.record import RESULT_VARIABLE, RunResult
from k8srun.snapshot import Need, Snapshot
from k8srun.sources.collect import cluster_name, collect, opened, read_lab
from k8srun.sources.library import find_runbook
from k8srun.sources.options import SourceOptions

if TYPE_CHECKING:
    import pandas as pd


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
    namespaces: Sequence[str] = (),
    allow_exec: bool = False,
    secrets: bool = False,
    now: str = "",
) -> Investigation:
    """Read the sources and begin. Without any source the embedded lab is used, and says so.

    Args:
        runbook: id of the runbook that calls: a live cluster is asked only for what its questions need. Empty: for
            everything that the base tier may read.
        now: the time to judge dates by, RFC 3339; empty is the clock. The other arguments are those of
            `k8srun.sources.options.SourceOptions`.

    Raises:
        InputError: an argument cannot be used; the message says which and what to do.
    """
    options = SourceOptions(
        snapshot=snapshot,
        context=context,
        kubeconfig=kubeconfig,
        from_paths=tuple(from_paths),
        host_root=host_root,
        endpoint=endpoint,
        lab=lab or not any((snapshot, context, kubeconfig, from_paths, host_root, endpoint)),
        incident=incident,
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
class Investigation:
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

    def diagnose(self, symptom: str = "") -> Diagnosis:
        """The cause of an error message; without one, what is wrong as far as the evidence shows.

        On the lab an empty symptom stands for the incident's own.
        """
        if not symptom and self.lab and self.lab.incident:
            symptom = self.lab.symptom
        found = diagnose(symptom, self.snapshot, self.now)
        self._diagnoses.append(found)
        return found

    def evaluate(self) -> tuple[CheckResult, ...]:
        """The verdict of every check."""
        return self._evaluated(CHECKS)

    def evaluate_certificates(self) -> tuple[CheckResult, ...]:
        """The verdict of every check of certificates and of the requests for them."""
        return self._evaluated(CERTIFICATE_CHECKS)

    def _evaluated(self, checks: Sequence[Check]) -> tuple[CheckResult, ...]:
        results = evaluate_all(checks, self.snapshot, self.now)
        self._checks.update((result.check, result) for result in results)
        return results

    def certificates(self, within_days: int | None = None) -> pd.DataFrame:
        """Every certificate of the snapshot and where it lives, the first to end first.

        Args:
            within_days: only those that have ended or will within so many days.
        """
        return tables.certificates(inventory(self.snapshot).held, self.now, within_days)

    def chains(self) -> pd.DataFrame:
        """Who signed what: each certificate once, indented below the one that signed it."""
        return tables.chains(chains(self.snapshot), self.now)

    def keys(self) -> pd.DataFrame:
        """Every private key that was found, and the certificates that it belongs to; of the key itself nothing."""
        return tables.keys(listing(self.snapshot, self.now))

    def card(self, place: str) -> pd.DataFrame:
        """The first certificate of a place in full.

        Args:
            place: as `certificates` lists it, or the path of a file.

        Raises:
            InputError: nothing that can be read is there.
        """
        return tables.pairs(card(inventory(self.snapshot).find(place).leaf, self.now))

    def verify(
        self, place: str, trusting: str, *, name: str = "", usage: Usage = "server", now: str = ""
    ) -> pd.DataFrame:
        """What Go says of the certificates of one place, presented to somebody who trusts those of another.

        Args:
            place, trusting: places as `certificates` lists them, or paths of files.
            name: by which a server is reached; empty = not checked.
            usage: whether it is presented as a server's or as a client's.
            now: another time to judge by, RFC 3339.

        Raises:
            InputError: nothing that can be read is there, or `now` is no time.
        """
        found = inventory(self.snapshot)
        presented, roots = found.find(place), found.find(trusting).certificates
        clock = parse_time(now, where="now") if now else self.now
        sent = presented.certificates[1:]
        answer = verify(presented.leaf, roots=roots, intermediates=sent, name=name, usage=usage, now=clock)
        return tables.verification(answer)

    def roles(self) -> pd.DataFrame:
        """The certificates that kubeadm makes, and those of each role that were found."""
        return tables.roles(inventory(self.snapshot))

    def connections(self) -> pd.DataFrame:
        """Who presents which certificate to whom, and what Go says of it there."""
        return tables.connections(connections(self.snapshot, inventory(self.snapshot)), self.now)

    def flags(self) -> pd.DataFrame:
        """The flags of the control plane's programs that name certificates and keys."""
        return tables.flags(inventory(self.snapshot))

    def openssl(self, certificate: str) -> pd.DataFrame:
        """The openssl commands that make one certificate of a cluster by hand, as `k8srun pki` prints them.

        Args:
            certificate: its path in the folder, without the suffix: `ca`, `apiserver`, `etcd/server`, `admin`.

        Raises:
            InputError: there is none of that name.
        """
        made = commands(layout(Wanted((Node("node01", ("192.0.2.11",)),))))
        if certificate not in made:
            raise InputError("no such certificate", where=certificate, do=f"One of: {', '.join(made)}")
        return tables.pairs((str(step), command) for step, command in enumerate(made[certificate], 1))

    def requests(self) -> pd.DataFrame:
        """The certificate requests, each with what approving it would risk."""
        return tables.requests(reviews(self.snapshot))

    def endpoints(self) -> pd.DataFrame:
        """Every handshake that was made: how it ended and what the peer presented."""
        return tables.endpoints(self.snapshot)

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

    def plot_certificates(self) -> None:
        """Display when certificates end, by the CA that signed them."""
        from k8srun.display import plots, timeline  # noqa: PLC0415 - as above

        plots.show_figure(*timeline.expiries_by_ca(chains(self.snapshot), self.now))

    def preview(self, plan: Plan) -> Preview:
        """What applying a plan would do now, and the confirmation for exactly that. Changes nothing."""
        return preview(plan, target_of(self._options, self.lab), journal=Journal(default_path(os.environ)))

    def apply(self, plan: Plan, *, confirm: str) -> Outcome:
        """Apply a plan that was previewed; an empty `confirm` only previews it.

        Raises:
            RefusedError: the confirmation is not the one for what would be done now; nothing was changed.
        """
        target = target_of(self._options, self.lab)
        options = Options(checks=CHECKS, snapshot=self._again)
        outcome = apply(plan, target, confirm, journal=Journal(default_path(os.environ)), options=options)
        if outcome.status is not ChangeStatus.PREVIEWED:
            self._changes.append(outcome)
        return outcome

    def _again(self, needs: Sequence[Need]) -> Snapshot:
        """The same sources, read anew: what a plan's questions are asked of."""
        now = datetime.now(UTC)
        return read_lab(self.lab, now) if self.lab else collect(self._options, needs=needs, now=now)

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
