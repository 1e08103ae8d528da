"""`k8srun csr submit|approve|deny`: what changes the cluster, each a plan that is previewed and then confirmed."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click

from k8srun.apply.opening import live_target
from k8srun.certificates.request_plans import decision_plan, request_object, submit_plan
from k8srun.certificates.requests import CLIENT_SIGNER
from k8srun.certificates.reviews import NEEDS, Review, reviews
from k8srun.cli.changing import Change, carry_out, change_options
from k8srun.cli.options import now_option, output_option, source_options
from k8srun.errors import ExitCode, InputError
from k8srun.kinds import CERTIFICATE_SIGNING_REQUEST
from k8srun.pki.identity import read_file
from k8srun.snapshot import Need, Snapshot
from k8srun.sources.collect import collect
from k8srun.sources.options import CURRENT_CONTEXT, SourceOptions
from k8srun.text import visible

REQUESTS = Need.objects(CERTIFICATE_SIGNING_REQUEST)
_SPAN = re.compile(r"(\d{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_ALLOW = click.option(
    "--allow", multiple=True, metavar="NAME", help="Go on although this user or group is critical. Repeatable."
)


@click.command("submit")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--name", required=True, metavar="NAME", help="Name of the CertificateSigningRequest.")
@click.option("--signer", default=CLIENT_SIGNER, show_default=True, help="Who is to sign.")
@click.option("--usage", "usages", multiple=True, default=("client auth",), show_default=True, help="Repeatable.")
@click.option("--expires", default="24h", show_default=True, metavar="SPAN", help="How long: 600s, 90m, 24h, 30d.")
@_ALLOW
@source_options
@change_options
@output_option("table", "json")
@click.pass_context
def submit_command(
    context: click.Context,
    *,
    file: Path,
    name: str,
    signer: str,
    usages: tuple[str, ...],
    expires: str,
    allow: tuple[str, ...],
    sources: SourceOptions,
    change: Change,
    output: str,
) -> None:
    """Submit the request in FILE to the cluster: a preview first, then with what that prints.

    \b
    Example:
      k8srun csr submit jane.csr --name jane --expires 8h --context
    """
    body = request_object(name, read_file(file), expiration_seconds=_seconds(expires), signer=signer, usages=usages)
    target = live_target(sources)
    who = target.identity()
    plan = submit_plan(body, cluster=who.uid, allow=allow, username=who.username, groups=who.groups)
    words = ["submit", str(file), "--name", name, "--signer", signer, "--expires", expires]
    words += [word for usage in usages for word in ("--usage", usage)]
    again = _again(words, allow, change, sources)
    context.exit(carry_out(plan, target, change, output, schema="k8srun.dev/csr-submit/v1", again=again))


@click.command("approve")
@click.argument("name", metavar="NAME")
@click.option("--reason", default="", metavar="TEXT", help="Why; stands in the request for everybody to read.")
@_ALLOW
@source_options
@change_options
@output_option("table", "json")
@now_option
@click.pass_context
def approve_command(
    context: click.Context,
    *,
    name: str,
    reason: str,
    allow: tuple[str, ...],
    sources: SourceOptions,
    change: Change,
    output: str,
    now: datetime,
) -> None:
    """Approve the request NAME: a preview with its risks first, then with what that prints.

    What is critical, such as the group system:masters, is refused unless --allow names it.

    \b
    Example:
      k8srun csr approve jane --context
    """
    decision = _Decision(name, reason, allow)
    context.exit(_decide(decision, sources, now, change, output))


@click.command("deny")
@click.argument("name", metavar="NAME")
@click.option("--reason", default="", metavar="TEXT", help="Why; stands in the request for everybody to read.")
@source_options
@change_options
@output_option("table", "json")
@now_option
@click.pass_context
def deny_command(
    context: click.Context,
    *,
    name: str,
    reason: str,
    sources: SourceOptions,
    change: Change,
    output: str,
    now: datetime,
) -> None:
    """Deny the request NAME, for good: a preview first, then with what that prints.

    \b
    Example:
      k8srun csr deny jane --reason "not hers" --context
    """
    decision = _Decision(name, reason, deny=True)
    context.exit(_decide(decision, sources, now, change, output))


def find_review(snapshot: Snapshot, name: str) -> Review:
    """The request of a name. Raises InputError, naming those that there are, when there is none."""
    found = reviews(snapshot)
    for review in found:
        if review.request.name == name:
            return review
    gaps = snapshot.unmet(REQUESTS)
    raise InputError(
        f"there is no CertificateSigningRequest {visible(name, limit=80)!r}",
        where=f"not all of them could be read: {gaps[0]}" if gaps else "",
        do=f"There are: {', '.join(visible(other.request.name, limit=80) for other in found[:20]) or 'none'}.",
    )


@dataclass(frozen=True, slots=True)
class _Decision:
    name: str
    reason: str
    allow: tuple[str, ...] = ()
    deny: bool = False


def _decide(decision: _Decision, sources: SourceOptions, now: datetime, change: Change, output: str) -> ExitCode:
    target = live_target(sources)
    review = find_review(collect(sources, needs=NEEDS, now=now), decision.name)
    who = target.identity()
    plan = decision_plan(
        review.request,
        review.risks,
        cluster=who.uid,
        deny=decision.deny,
        reason=decision.reason,
        allow=decision.allow,
        planned_by=who.username,
    )
    verb = "deny" if decision.deny else "approve"
    words = [verb, decision.name, *(["--reason", decision.reason] if decision.reason else [])]
    again = _again(words, decision.allow, change, sources)
    return carry_out(plan, target, change, output, schema=f"k8srun.dev/csr-{verb}/v1", again=again)


def _again(words: list[str], allow: tuple[str, ...], change: Change, sources: SourceOptions) -> str:
    """The command line that leads to the same plan."""
    words = ["k8srun", "csr", *words, *(word for name in allow for word in ("--allow", name))]
    if change.ticket:
        words += ["--ticket", change.ticket]
    if sources.kubeconfig:
        words += ["--kubeconfig", sources.kubeconfig]
    if sources.allow_exec:
        words.append("--allow-exec")
    if sources.context:
        words += ["--context"] if sources.context == CURRENT_CONTEXT else ["--context", sources.context]
    return shlex.join(words)


def _seconds(text: str) -> int:
    match = _SPAN.fullmatch(text)
    if match is None:
        raise InputError(
            f"{visible(text, limit=40)!r} is no span of time", where="--expires", do="Write 90m, 24h or 30d."
        )
    return int(match[1]) * _SECONDS[match[2]]
