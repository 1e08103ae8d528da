"""`k8srun csr`: certificates of users by the Certificates API, from the key to a kubeconfig."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from k8srun.apply.opening import own_cluster
from k8srun.certificates.reviews import NEEDS, reviews
from k8srun.cli.csr_changes import REQUESTS, approve_command, deny_command, find_review, submit_command
from k8srun.cli.csr_output import LIST_SCHEMA, print_reviews, review_document
from k8srun.cli.options import now_option, output_option, source_options
from k8srun.codec import pretty
from k8srun.errors import ExitCode, InputError
from k8srun.pki.identity import keep_certificate, keep_kubeconfig, keep_request
from k8srun.sources.collect import collect
from k8srun.sources.options import SourceOptions
from k8srun.text import visible

_PATH = click.Path(path_type=Path)


@click.group()
def csr() -> None:
    """Certificates of users by the Certificates API: request, judge, approve, fetch, use.

    \b
    Examples:
      k8srun csr make jane --group developers
      k8srun csr submit jane.csr --name jane --context
      k8srun csr list --context
      k8srun csr approve jane --context
      k8srun csr fetch jane --key jane.key --to jane.crt --context
      k8srun csr kubeconfig jane.crt --key jane.key --to jane.conf --context
      k8srun csr list --lab
    """


@csr.command("make")
@click.argument("user", metavar="USER")
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="A group to be in (O). Repeatable.")
@click.option("--to", "stem", default="", metavar="PATH", help="Where, without suffix; ./USER by default.")
@output_option("table", "json")
def make_command(user: str, groups: tuple[str, ...], stem: str, output: str) -> None:
    """Make a key (mode 0600, never shown) and a request for USER, once: what is there already is used again.

    \b
    Example:
      k8srun csr make jane --group developers --to ./jane
    """
    if not stem and ("/" in user or user.startswith(".")):
        raise InputError(f"{visible(user, limit=80)!r} is no file's name", do="Say where: --to PATH")
    kept = keep_request(Path(stem or user), user, groups)
    answer = {
        "schema": "k8srun.dev/csr-make/v1",
        "key": str(kept.key),
        "request": str(kept.path),
        "user": kept.request.common_name,
        "groups": kept.request.organizations,
        "key_type": kept.request.key_type,
        "public_key_sha256": kept.request.public_key_sha256,
        "reused": kept.reused,
    }
    if output == "json":
        click.echo(pretty(answer))
        return
    in_groups = f" in {', '.join(kept.request.organizations)}" if groups else ""
    click.echo(f"{kept.key}: the key, {kept.request.key_type}. Keep it; only its owner can read it.")
    click.echo(f"{kept.path}: the request of {kept.request.common_name}{in_groups}.")
    click.echo("Both were there and are used again." if kept.reused else "Next: k8srun csr submit, by whoever may.")


@csr.command("list")
@source_options
@output_option("table", "json")
@now_option
@click.pass_context
def list_command(context: click.Context, *, sources: SourceOptions, output: str, now: datetime) -> None:
    """List the requests with what approving each would risk. Exit code 3: not all of them could be read.

    \b
    Examples:
      k8srun csr list --lab
      kubectl get csr -o yaml | k8srun csr list --from -
    """
    snapshot = collect(sources, needs=NEEDS, now=now)
    found, gaps = reviews(snapshot), snapshot.unmet(REQUESTS)
    if output == "json":
        documents = [review_document(review) for review in found]
        click.echo(pretty({"schema": LIST_SCHEMA, "requests": documents, "gaps": gaps}))
    else:
        print_reviews(found, gaps)
    context.exit(ExitCode.INCOMPLETE if gaps else ExitCode.CLEAN)


@csr.command("fetch")
@click.argument("name", metavar="NAME")
@click.option("--key", required=True, type=_PATH, metavar="FILE", help="The key that the request was made with.")
@click.option("--to", "path", required=True, type=_PATH, metavar="FILE", help="Where to write the certificate.")
@source_options
@output_option("table", "json")
@now_option
def fetch_command(*, name: str, key: Path, path: Path, sources: SourceOptions, output: str, now: datetime) -> None:
    """Write the certificate that was issued for NAME, once it is seen to belong to the key.

    \b
    Example:
      k8srun csr fetch jane --key jane.key --to jane.crt --context
    """
    request = find_review(collect(sources, needs=NEEDS, now=now), name).request
    pem = request.certificate_pem
    if not pem:
        raise InputError(
            f"there is no certificate: the request is {request.state}",
            where=f"CertificateSigningRequest {visible(name, limit=80)}",
            do="Approve it first: k8srun csr approve" if request.is_open else "",
        )
    leaf = keep_certificate(path, pem, key)
    if output == "json":
        answer = {
            "schema": "k8srun.dev/csr-fetch/v1",
            "path": str(path),
            "user": leaf.common_name,
            "groups": leaf.organizations,
            "not_before": leaf.not_before,
            "not_after": leaf.not_after,
            "sha256": leaf.sha256,
        }
        click.echo(pretty(answer))
        return
    click.echo(f"{path}: the certificate of {visible(leaf.subject, limit=200)}. It belongs to {key}.")
    click.echo(f"Valid from {leaf.not_before:%Y-%m-%d %H:%M} to {leaf.not_after:%Y-%m-%d %H:%M} UTC.")


@csr.command("kubeconfig")
@click.argument("certificate", metavar="CERTIFICATE", type=_PATH)
@click.option("--key", required=True, type=_PATH, metavar="FILE", help="The key of the certificate.")
@click.option("--to", "path", required=True, type=_PATH, metavar="FILE", help="Where to write the kubeconfig.")
@click.option("--default-namespace", default="", metavar="NS", help="The namespace of its context.")
@source_options
@output_option("table", "json")
@now_option
def kubeconfig_command(
    *,
    certificate: Path,
    key: Path,
    path: Path,
    default_namespace: str,
    sources: SourceOptions,
    output: str,
    now: datetime,
) -> None:
    """Write a kubeconfig (mode 0600) with CERTIFICATE and its key in it; server and CA are those of --context.

    \b
    Example:
      k8srun csr kubeconfig jane.crt --key jane.key --to jane.conf --context
    """
    name, cluster = own_cluster(sources)
    made = keep_kubeconfig(path, key, certificate, cluster, now, cluster_name=name, namespace=default_namespace)
    if output == "json":
        click.echo(pretty({"schema": "k8srun.dev/csr-kubeconfig/v1", **made}))
        return
    click.echo(
        f"{path}: the kubeconfig of {made['user']} for {made['server']}, until {made['not_after']:%Y-%m-%d %H:%M} UTC."
    )
    click.echo("It holds the key: hand it over on a way that nobody else can read.")


for command in (submit_command, approve_command, deny_command):
    csr.add_command(command)
