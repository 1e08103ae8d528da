"""Options of `k8srun plan`: which cluster a plan is for, and how it is to be applied."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from k8srun.apply import Journal, Options, Target, default_path
from k8srun.apply.local import LocalTarget
from k8srun.apply.opening import live_target
from k8srun.apply.signing import Signer
from k8srun.assessment.checks import CHECKS
from k8srun.assessment.impact import impact_again
from k8srun.errors import InputError
from k8srun.plan import Plan
from k8srun.snapshot import Need, Snapshot
from k8srun.sources.options import CURRENT_CONTEXT, SourceOptions

F = TypeVar("F", bound=Callable[..., Any])

_PATH = click.Path(path_type=Path)
_PATIENCE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a plan is to be applied: a cluster, or the folder of a lab."""

    context: str
    kubeconfig: str
    allow_exec: bool
    lab: Path | None

    def target(self, plan: Plan) -> Target:
        """What the plan is for; one that touches no cluster needs none.

        Raises:
            InputError: none was named, or two were.
        """
        if plan.is_local and self.lab is None:
            return LocalTarget()
        live = bool(self.context or self.kubeconfig)
        if live == bool(self.lab):
            raise InputError(
                "name one cluster" if live else "no cluster was named",
                do="Say where: --context [NAME], --kubeconfig FILE, or --lab-dir DIR for a lab that you have built.",
            )
        if self.lab is None:
            return live_target(self._live())
        from k8srun.apply.lab import LabTarget  # noqa: PLC0415 - a lab takes longer to import than a cluster to ask
        from k8srun.lab import load  # noqa: PLC0415

        labs = load(self.lab)
        if len(labs) > 1:
            raise InputError("holds several labs", where=str(self.lab), do=f"Name one: {labs[0].directory}")
        return LabTarget(labs[0])

    def snapshot(self, needs: Sequence[Need]) -> Snapshot:
        """What is there now of what a question needs."""
        from k8srun.sources.collect import collect  # noqa: PLC0415 - as above; most plans ask nothing that needs it

        if self.lab is None and not (self.context or self.kubeconfig):
            raise InputError("no cluster was named that could be asked")
        sources = self._live() if self.lab is None else SourceOptions(from_paths=(str(self.lab / "manifests"),))
        return collect(sources, needs=needs, now=datetime.now(UTC))

    def impact(self, plan: Plan) -> tuple[str, ...]:
        """What a plan brings about as the cluster is now."""
        return impact_again(plan, self.snapshot)

    def _live(self) -> SourceOptions:
        return SourceOptions(context=self.context, kubeconfig=self.kubeconfig, allow_exec=self.allow_exec)

    def words(self) -> list[str]:
        """The options that name it again."""
        words = [] if not self.context else ["--context"] + [self.context] * (self.context != CURRENT_CONTEXT)
        words += ["--kubeconfig", self.kubeconfig] if self.kubeconfig else []
        words += ["--allow-exec"] if self.allow_exec else []
        return words + (["--lab-dir", str(self.lab)] if self.lab else [])


@dataclass(frozen=True, slots=True)
class Choices:
    """How it is to be applied, the journal, and the words of the command line that say so."""

    options: Options
    journal: Journal
    words: tuple[str, ...]

    def at(self, place: Place) -> Options:
        """The choices, with what the place can be asked afterwards."""
        return replace(self.options, snapshot=place.snapshot, checks=CHECKS, impact=place.impact)


_PLACE = (
    click.option(
        "--context", is_flag=False, flag_value=CURRENT_CONTEXT, default="", metavar="[NAME]", help="The cluster."
    ),
    click.option("--kubeconfig", default="", metavar="FILE", help="The kubeconfig to use in place of your own."),
    click.option("--allow-exec", is_flag=True, help="Let a file given with --kubeconfig run its exec plugin."),
    click.option(
        "--lab-dir", "lab", type=_PATH, metavar="DIR", help="A lab that was built there, in place of a cluster."
    ),
)
_CHOICES = (
    click.option("--direct", is_flag=True, help="Also change what GitOps, Helm or a controller keeps."),
    click.option("--ticket", default="", metavar="REF", help="A reference that the journal keeps."),
    click.option(
        "--second-person",
        is_flag=True,
        envvar="K8SRUN_SECOND_PERSON",
        help="Refuse if who applies is who planned. Also: K8SRUN_SECOND_PERSON=1.",
    ),
    click.option("--done", multiple=True, type=int, metavar="N", help="Host step N was done by hand. Repeatable."),
    click.option("--journal", type=_PATH, metavar="FILE", help="The journal. Also: K8SRUN_JOURNAL."),
    click.option(
        "--sign-key",
        type=_PATH,
        envvar="K8SRUN_SIGN_KEY",
        metavar="FILE",
        help="Sign the journal with this Ed25519 key. Also: K8SRUN_SIGN_KEY.",
    ),
)


def place_options(function: F) -> F:
    """Add the options that name a cluster; the command receives them as `place`."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        names = ("context", "kubeconfig", "allow_exec", "lab")
        return function(*args, place=Place(**{name: kwargs.pop(name) for name in names}), **kwargs)

    for option in reversed(_PLACE):
        wrapper = option(wrapper)
    return wrapper  # type: ignore[return-value]


def choice_options(function: F) -> F:
    """Add the options of how to apply; the command receives them as `choices`."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        names = ("direct", "ticket", "second_person", "done", "journal", "sign_key")
        return function(*args, choices=_choices(**{name: kwargs.pop(name) for name in names}), **kwargs)

    for option in reversed(_CHOICES):
        wrapper = option(wrapper)
    return wrapper  # type: ignore[return-value]


def _choices(
    *,
    direct: bool,
    ticket: str,
    second_person: bool,
    done: tuple[int, ...],
    journal: Path | None,
    sign_key: Path | None,
) -> Choices:
    words = ["--direct"] * direct + (["--ticket", ticket] if ticket else []) + ["--second-person"] * second_person
    words += [word for number in done for word in ("--done", str(number))]
    words += ["--journal", str(journal)] if journal else []
    words += ["--sign-key", str(sign_key)] if sign_key else []
    options = Options(
        direct=direct,
        ticket=ticket,
        second_person=second_person,
        by_hand=frozenset(done),
        patience=_PATIENCE_SECONDS,
    )
    signer = Signer.from_file(sign_key) if sign_key else None
    return Choices(options, Journal(journal or default_path(os.environ), signer=signer), tuple(words))
