"""`k8srun permissions`: the ClusterRole to grant before looking at a cluster."""

from __future__ import annotations

import click
import yaml

from k8srun.cli.options import output_option
from k8srun.codec import pretty
from k8srun.permissions import WARNINGS, Tier, role_of


@click.command()
@click.option(
    "--tier",
    type=click.Choice([tier.value for tier in Tier]),
    default=Tier.BASE.value,
    show_default=True,
    help="base: everything but Secrets; secrets: Secrets too; nodes: also what you need to ask kubelets by hand.",
)
@output_option("yaml", "json")
def permissions(tier: str, output: str) -> None:
    """Print the read-only ClusterRole that k8srun needs to look at a cluster.

    \b
    Example:
      k8srun permissions --tier base | kubectl apply -f -
    """
    chosen = Tier(tier)
    role = role_of(chosen)
    name = role["metadata"]["name"]
    notes = [
        f"Read-only: what looking at a live cluster takes at the tier {chosen}, and no more.",
        *WARNINGS[chosen],
        f"Then: kubectl create clusterrolebinding {name} --clusterrole={name} --user=NAME",
    ]
    if output == "json":
        for note in WARNINGS[chosen]:
            click.echo(note, err=True)
        click.echo(pretty(role))
        return
    for note in notes:
        click.echo(f"# {note}")
    click.echo(yaml.safe_dump(role, sort_keys=False, default_flow_style=False), nl=False)
