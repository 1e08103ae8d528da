"""`k8srun certs list`, `show` and `verify`: the certificates of a cluster, of a file, and whether one is accepted."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Literal

import click

from k8srun.certificates.case import World
from k8srun.certificates.connection import Connection, Trust
from k8srun.certificates.contents import Contents
from k8srun.certificates.inventory import Bundle, Holder, inventory
from k8srun.certificates.listing import listing
from k8srun.certificates.needs import LIST_NEEDS
from k8srun.certificates.verification import VerificationVerdict
from k8srun.cli.certs_documents import answer_document, contents_document, list_document
from k8srun.cli.options import console, now_option, output_option, source_options
from k8srun.codec import pretty
from k8srun.distribution import Distribution
from k8srun.errors import ExitCode, InputError
from k8srun.hostfiles import HostFile
from k8srun.pem import UNDECIDED
from k8srun.snapshot import GapReason, Snapshot
from k8srun.sources.certificates import read_certificates, read_password
from k8srun.sources.collect import collect
from k8srun.sources.options import SourceOptions
from k8srun.text import visible
from k8srun.x509 import Certificate

_PASSWORD = click.option(
    "--password-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The password of a PKCS #12 file; never given as an argument, where every process could see it.",
)


@click.group()
def certs() -> None:
    """Certificates: all of a cluster, all of a file, and whether one is accepted as Go does it.

    \b
    Examples:
      k8srun certs list --lab
      k8srun certs show server.pem
      k8srun certs verify server.pem --roots ca.crt --name api.example.com
    """


@certs.command("list")
@source_options
@now_option
@output_option("table", "json", "csv")
@click.pass_context
def list_command(context: click.Context, *, sources: SourceOptions, now: datetime, output: str) -> None:
    """List every certificate and key of the sources, the soonest to end first, then open requests and what
    cert-manager keeps issued.

    Exit code 3: not everything could be read; what could not is named.

    \b
    Examples:
      k8srun certs list --lab
      k8srun certs list --host-root / --context
      k8srun certs list --snapshot prod.k8srun -o csv > prod.csv
    """
    snapshot = collect(sources, needs=LIST_NEEDS, now=now)
    rows = listing(snapshot, now)
    gaps = [gap for gap in snapshot.gaps if any(gap.touches(need) for need in LIST_NEEDS)]
    from k8srun.cli import certs_output  # noqa: PLC0415 - rich and csv are not needed for -o json

    if output == "json":
        click.echo(pretty(list_document(snapshot, rows, gaps, now)))
    elif output == "csv":
        certs_output.print_csv(sys.stdout, rows)
    else:
        certs_output.print_list(console(), snapshot, rows)
    if output != "json":
        certs_output.print_gaps(console(stderr=output == "csv"), gaps)
    # What nobody supplied was not asked for; what was asked for and could not be read leaves the list incomplete.
    failed = any(gap.reason is not GapReason.NOT_SUPPLIED for gap in gaps)
    context.exit(ExitCode.INCOMPLETE if failed else ExitCode.CLEAN)


@certs.command("show")
@click.argument("file", metavar="FILE|-")
@_PASSWORD
@now_option
@output_option("table", "json")
@click.pass_context
def show_command(context: click.Context, *, file: str, password_file: Path | None, now: datetime, output: str) -> None:
    """Show every certificate in FILE (PEM, DER, PKCS #12 or a kubeconfig), and which key belongs to which.

    Of a private key nothing is shown but its type and its public key's hash. Exit code 3: a block could not be read.

    \b
    Examples:
      k8srun certs show /etc/kubernetes/pki/apiserver.crt
      k8srun certs show ~/.kube/config -o json
      k8srun certs show store.p12 --password-file store.password
      openssl s_client -showcerts -connect HOST:443 </dev/null | k8srun certs show -
    """
    read = read_certificates(file, password=read_password(password_file) if password_file else None)
    bundles = inventory(_snapshot(now, read.file)).bundles
    contents = Contents(bundles)
    errors = [bundle for bundle in bundles if bundle.error]
    if output == "json":
        click.echo(pretty(contents_document(read, contents, errors, now)))
    else:
        from k8srun.cli import certs_output  # noqa: PLC0415 - rich is not needed for -o json

        certs_output.print_contents(console(), read, contents, errors, now)
    context.exit(ExitCode.INCOMPLETE if contents.broken or errors else ExitCode.CLEAN)


@certs.command("verify")
@click.argument("leaf", metavar="LEAF|-")
@click.option("--roots", required=True, metavar="FILE", help="The CAs that are trusted; those of the system are not.")
@click.option("--intermediates", default="", metavar="FILE", help="CAs between, beside those behind the leaf.")
@click.option("--name", default="", metavar="NAME", help="The host name or address that is dialled; else not checked.")
@click.option(
    "--usage",
    type=click.Choice(["server", "client"]),
    default="server",
    show_default=True,
    help="As a client judges a server, or the API server a client.",
)
@_PASSWORD
@now_option
@output_option("table", "json")
@click.pass_context
def verify_command(
    context: click.Context,
    *,
    leaf: str,
    roots: str,
    intermediates: str,
    name: str,
    usage: Literal["server", "client"],
    password_file: Path | None,
    now: datetime,
    output: str,
) -> None:
    """Say whether Go, and so kubectl, the kubelet and the API server, accepts the first certificate in LEAF.

    The certificates behind it are its intermediates, as a server sends them. LEAF may be a kubeconfig (its user's
    certificate is taken), and so may --roots (its cluster's CA). Exit code 3: it cannot be told.

    \b
    Examples:
      k8srun certs verify apiserver.crt --roots ca.crt --name 10.96.0.1
      k8srun certs verify admin.conf --roots ca.crt --usage client -o json
    """
    given = [path for path in (leaf, roots, intermediates) if path]
    if given.count("-") > 1:
        raise InputError("standard input can be read only once", do="Give the others as files.")
    if not name.isprintable():
        raise InputError(f"{visible(name, limit=80)!r} is no host name and no address", where="--name")
    password = read_password(password_file) if password_file else None
    files = {path: read_certificates(path, password=password).file for path in dict.fromkeys(given)}
    snapshot = _snapshot(now, *files.values())
    presented = _bundle(snapshot, files[leaf].path, Holder.KUBECONFIG_USER)
    trusted = _bundle(snapshot, files[roots].path, Holder.KUBECONFIG_CA)
    between = _bundle(snapshot, files[intermediates].path, Holder.KUBECONFIG_CA) if intermediates else None
    connection = Connection(
        usage,
        presenter="",
        verifier="",
        chain=(*_from_leaf(presented), *(between.certificates if between else ())),
        place=presented.place,
        trust=Trust(trusted),
        name=name,
    )
    authorities = (trusted, *((between,) if between else ()))
    answer = answer_document(World(snapshot, now, Distribution("unknown")), connection, presented, authorities)
    if output == "json":
        click.echo(pretty(answer))
    else:
        from k8srun.cli import certs_output  # noqa: PLC0415 - rich is not needed for -o json

        certs_output.print_answer(console(), answer)
    context.exit(ExitCode.INCOMPLETE if answer["verdict"] is VerificationVerdict.UNKNOWN else ExitCode.CLEAN)


def _snapshot(now: datetime, *files: HostFile) -> Snapshot:
    return Snapshot(taken_at=now, files=files)


def _bundle(snapshot: Snapshot, path: str, holder: Holder) -> Bundle:
    """The one bundle of a file that holds certificates; of a kubeconfig the one of that kind."""
    found = [
        bundle
        for bundle in inventory(snapshot).bundles
        if bundle.path == path
        and bundle.holder in {Holder.FILE, holder}
        and (bundle.certificates or bundle.broken or bundle.error)
    ]
    if len(found) > 1:
        raise InputError(
            f"holds {len(found)} of them: {', '.join(visible(item.place, limit=120) for item in found[:5])}",
            where=path,
            do="Take out the one that is meant: kubectl config view --minify --raw --context NAME",
        )
    if not found or not (found[0].certificates or any(block.error == UNDECIDED for block in found[0].broken)):
        broken = next((block for bundle in found for block in bundle.broken), None)
        reason = broken.error if broken else next((bundle.error for bundle in found), "")
        raise InputError(f"no certificate{f': {reason}' if reason else ''}", where=path)
    return found[0]


def _from_leaf(bundle: Bundle) -> tuple[Certificate, ...]:
    """The chain as it would be sent. One whose first certificate cannot be read has no leaf: the second is none."""
    first = next(item for item in Contents([bundle]).items if item.block.is_certificate)
    if first.certificate is None and first.block.error != UNDECIDED:
        raise InputError(
            f"the first certificate, which would be verified, cannot be read: {first.block.error}",
            where=f"{bundle.place}, line {first.line}",
            do="Mend it, or take it out if it is not the one that is meant.",
        )
    return bundle.certificates
