"""`k8srun image`: what an image reference means, and whether its registry hands it out."""

from __future__ import annotations

import click

from k8srun.cli.image_check import check
from k8srun.cli.options import output_option
from k8srun.codec import pretty
from k8srun.workloads.images import parse_image

SCHEMA = "k8srun.dev/image-parse/v1"


@click.group()
def image() -> None:
    """Image references, and whether a registry hands them out.

    \b
    Examples:
      k8srun image parse nginx
      k8srun image check nginx:1.29
    """


@image.command("parse")
@click.argument("reference", metavar="REF")
@output_option("table", "json")
def parse(*, reference: str, output: str) -> None:
    """Read REF as the kubelet does: which registry, repository, tag and digest are pulled.

    \b
    Example:
      k8srun image parse registry.example:5000/shop/web:1.4 -o json
    """
    found = parse_image(reference)
    answer = {
        "reference": reference,
        "domain": found.domain,
        "path": found.path,
        "tag": found.pulled_tag or found.tag,
        "digest": found.digest,
        "name": found.name,
        "canonical": found.canonical,
        "familiar": found.familiar,
    }
    if output == "json":
        click.echo(pretty({"schema": SCHEMA, **answer}))
        return
    for name, value in answer.items():
        click.echo(f"{name:10} {value or '-'}")
    if found.tag and found.digest:
        click.echo("The digest decides what is pulled; the tag is not looked at.")


image.add_command(check)
