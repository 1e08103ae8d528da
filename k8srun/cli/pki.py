"""`k8srun pki`: the keys and certificates of a cluster that is set up by hand."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from k8srun.cli.options import console, now_option, output_option
from k8srun.codec import pretty
from k8srun.pki.folder import MadeCertificate, make_pki
from k8srun.pki.layout import DEFAULT_CLUSTER, DEFAULT_SERVICE_IP, LONGEST_DAYS, Wanted, layout, parse_node
from k8srun.pki.openssl import SERVICE_ACCOUNTS, preparation, script

SCHEMA = "k8srun.dev/pki/v1"
_RIGHTS = (
    "kubectl create clusterrolebinding kube-apiserver-kubelet-client"
    " --clusterrole=system:kubelet-api-admin --user=kube-apiserver-kubelet-client"
)

_ONE_CA = (
    "One CA for everything: whoever is issued a client certificate for the API server can open etcd with it, past RBAC."
    " Leave --one-ca out for a cluster that is to last."
)


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--node",
    "nodes",
    multiple=True,
    metavar="NAME=IP[,IP]",
    help="A node; the first runs the control plane. Repeatable.",
)
@click.option(
    "--apiserver-san", "sans", multiple=True, metavar="NAME|IP", help="A name that the API server is reached by, too."
)
@click.option(
    "--service-ip", default=DEFAULT_SERVICE_IP, show_default=True, metavar="IP", help="First address of the services."
)
@click.option(
    "--days", default=365, show_default=True, help=f"How long the certificates are valid, up to {LONGEST_DAYS}."
)
@click.option(
    "--cluster-name", default=DEFAULT_CLUSTER, show_default=True, metavar="NAME", help="Part of the CAs' names."
)
@click.option("--one-ca", is_flag=True, help="One CA for everything, as short guides do; see the warning it prints.")
@click.option("--script", "only_script", is_flag=True, help="Make nothing: print the openssl commands as a script.")
@output_option("table", "json")
@now_option
def pki(
    *,
    directory: Path,
    nodes: tuple[str, ...],
    sans: tuple[str, ...],
    service_ip: str,
    days: int,
    cluster_name: str,
    one_ca: bool,
    only_script: bool,
    output: str,
    now: datetime,
) -> None:
    """Make every key and certificate of a cluster in DIR, and say how openssl makes the same.

    Keys are written with mode 0600. Nothing is overwritten: DIR must not exist, or be empty.

    \b
    Examples:
      k8srun pki ./pki --node node01=192.0.2.11 --apiserver-san api.example.com
      k8srun pki ./pki --node node01=192.0.2.11 --script > pki.sh
    """
    wanted = Wanted(tuple(map(parse_node, nodes)), sans, service_ip, days, cluster_name, one_ca)
    if only_script:
        click.echo(script(layout(wanted)), nl=False)
        return
    made = make_pki(directory, wanted, now)
    warnings = _warnings(one_ca)
    if output == "json":
        answer = {
            "schema": SCHEMA,
            "directory": str(directory),
            "certificates": made,
            "service_accounts": {"key": "sa.key", "public_key": "sa.pub", "commands": SERVICE_ACCOUNTS},
            "warnings": warnings,
        }
        click.echo(pretty(answer))
        return
    _print(directory, made, warnings)


def _warnings(one_ca: bool) -> tuple[str, ...]:
    return (_ONE_CA,) if one_ca else ()


def _print(directory: Path, made: tuple[MadeCertificate, ...], warnings: tuple[str, ...]) -> None:
    from rich.table import Table  # noqa: PLC0415 - not needed for -o json

    table = Table(box=None, pad_edge=False)
    for column in ("Certificate", "Subject", "For", "CA"):
        table.add_column(column, overflow="fold")
    for one in made:
        subject = ", ".join((f"CN={one.common_name}", *(f"O={group}" for group in one.organizations)))
        purpose = "CA" if one.is_ca else "both" if len(one.usages) > 1 else one.usages[0]
        table.add_row(_stem(one.certificate), subject, purpose, _stem(one.issuer))
    console().print(table)
    click.echo()
    for one in made:
        if one.sans and not one.is_ca:
            click.echo(f"{one.certificate} is valid for {', '.join(one.sans)}")
    leaf = next(one for one in made if not one.is_ca)
    click.echo(f"\n{len(made)} certificates with their keys, and sa.key with sa.pub, are in {directory}.")
    click.echo(f"They end on {leaf.not_after:%Y-%m-%d}, the CAs on {made[0].not_after:%Y-%m-%d}.")
    for warning in warnings:
        click.echo(f"Warning: {warning}")
    click.echo("\nThe same with openssl, in an empty folder (as one script: --script):\n")
    click.echo("\n".join(preparation(one.certificate for one in made)))
    for one in made:
        click.echo("\n".join(("", f"# {one.certificate}", *one.commands)))
    click.echo("\n".join(("", "# the keys of service account tokens", *SERVICE_ACCOUNTS)))
    click.echo(f"\nOnce the API server runs, let it reach the kubelets:\n{_RIGHTS}")


def _stem(file: str) -> str:
    return file.removesuffix(".crt")
