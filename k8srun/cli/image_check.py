"""`k8srun image check`: would the registry hand out this image to this pod?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from k8srun.cli.options import output_option, source_options
from k8srun.codec import pretty
from k8srun.errors import ExitCode, InputError
from k8srun.sources.options import SourceOptions

if TYPE_CHECKING:
    from k8srun.pods import PodTemplate
    from k8srun.snapshot import Snapshot
    from k8srun.sources.registry.check import ImageCheck

SCHEMA = "k8srun.dev/image-check/v1"
_MARKS = {True: "yes", False: "NO", None: "not known"}


@click.command("check")
@click.argument("reference", metavar="REF")
@click.option("--pod", default="", metavar="NS/NAME", help="Pull with the pull secrets of this pod (or workload).")
@click.option("--docker-config", default="", metavar="FILE", help="Credentials to offer too: a config.json of Docker.")
@click.option("--ca", default="", metavar="FILE", help="Trust this CA (PEM) in place of the system's.")
@click.option("--plain-http", is_flag=True, help="Speak HTTP to the registry, as a runtime does that was told so.")
@click.option("--key", default="", metavar="FILE", help="Verify signatures with this public key (cosign.pub).")
@click.option("--timeout", default=10.0, show_default=True, help="Seconds for each request.")
@source_options
@output_option("table", "json")
@click.pass_context
def check(ctx: click.Context, /, *, reference: str, pod: str, sources: SourceOptions, output: str, **how: Any) -> None:
    """Ask the registry of REF whether it grants the pull, and say which step fails and why.

    With --pod and --secrets the pod's own pull secrets are used, matched as its kubelet does; they are used in memory
    and shown nowhere. Asked from this machine: a node may reach the registry where this machine does not, or not.
    Exit code 0: answered, whatever the answer. 3: the answer is not known.

    \b
    Examples:
      k8srun image check registry.example/shop/web:1.4 --pod shop/web-0 --context prod --secrets
      k8srun image check nginx:1.29 --docker-config ~/.docker/config.json -o json
    """
    if pod and not sources.given:
        raise InputError("--pod needs the cluster that it is in", do="Add --context NAME --secrets.")
    snapshot, template = _pod(sources, pod) if pod else (None, None)
    found = _asked(reference, how, snapshot, template, sources)
    if output == "json":
        click.echo(pretty({"schema": SCHEMA, "pod": template.ref if template else "", **_document(found)}))
    else:
        _print(found)
    ctx.exit(ExitCode.INCOMPLETE if found.answer.granted is None else ExitCode.CLEAN)


def _pod(sources: SourceOptions, name: str) -> tuple[Snapshot, PodTemplate]:
    """The pod (or workload) of that name, and the cluster."""
    from k8srun.sources.collect import collect  # noqa: PLC0415 - `k8srun image parse` needs none of this
    from k8srun.workloads.diagnosis import DIAGNOSIS_NEEDS  # noqa: PLC0415
    from k8srun.workloads.fixes import find_workload  # noqa: PLC0415

    snapshot = collect(sources, needs=DIAGNOSIS_NEEDS, now=datetime.now(UTC))
    return snapshot, find_workload(snapshot, name)


def _asked(
    reference: str,
    how: dict[str, Any],
    snapshot: Snapshot | None,
    template: PodTemplate | None,
    sources: SourceOptions,
) -> ImageCheck:
    from k8srun.sources.registry.check import Asking, check_image, read_ca, read_file  # noqa: PLC0415 - as above
    from k8srun.sources.registry.wire import Wire  # noqa: PLC0415
    from k8srun.workloads.signatures import read_public_key  # noqa: PLC0415

    wire = Wire(how["timeout"], read_ca(how["ca"]) if how["ca"] else b"", how["plain_http"])
    key = read_public_key(read_file(how["key"]), where=how["key"]) if how["key"] else None
    asking = Asking(wire, how["docker_config"], key)
    return check_image(reference, asking, snapshot=snapshot, template=template, sources=sources)


def _document(found: ImageCheck) -> dict[str, Any]:
    answer = found.answer
    return {
        "image": found.image,
        "registry": answer.registry,
        "granted": answer.granted,
        "failed_at": answer.failed_at,
        "cause": answer.cause,
        "advice": answer.advice,
        "credential": answer.credential,
        "digest": answer.digest,
        "attempts": [
            {"credential": one.credential, "granted": one.granted, "cause": one.cause, "steps": one.steps}
            for one in found.attempts
        ],
        "signatures": found.signatures,
        "searched": found.searched,
        "running": found.running,
        "notes": found.notes,
    }


def _print(found: ImageCheck) -> None:
    answer = found.answer
    click.echo(f"{found.image} of {answer.registry}: pull granted: {_MARKS[answer.granted]}")
    for attempt in found.attempts:
        click.echo(f"\nWith the credential: {attempt.credential}")
        for step in attempt.steps:
            click.echo(f"  {'ok  ' if step.passed else 'FAIL'} {step.step:10} {step.detail}")
    if answer.cause:
        click.echo(f"\nCause: {answer.cause}. {answer.advice}")
    for note in found.notes:
        click.echo(f"Note: {note}")
    for signature in found.signatures:
        click.echo(f"Signature at {signature.where}: {signature.reason}")
    if answer.granted and not found.signatures:
        click.echo(f"No signature ({'; '.join(found.searched)})")
    for one in found.running:
        same = {True: "the same digest", False: "ANOTHER digest than the tag has now", None: "digest not known"}[
            one.same
        ]
        click.echo(f"{one.pod} ({one.container}): {same} {one.digest}")
