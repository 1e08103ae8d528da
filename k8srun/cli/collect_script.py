"""`k8srun collect-script`: print the script that packs a node's evidence where there is no Python."""

from __future__ import annotations

from importlib.resources import files

import click


@click.command("collect-script")
def collect_script() -> None:
    """Print a shell script that packs what the runbooks need to know of a node into one archive.

    It runs as root on the node and needs sh, sed, grep, find, tar and openssl; private keys, tokens and passwords stay
    there. Read it before you run it.

    \b
    On the node, with the archive written to your machine alone:
      k8srun collect-script | ssh NODE sudo sh -s -- -o - > node.tar.gz
      k8srun run x509-error --host-root node.tar.gz
    """
    click.echo(files("k8srun.sources").joinpath("collect.sh").read_text(), nl=False)
