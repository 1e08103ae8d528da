"""`k8srun pod-security`: manifests judged by the Pod Security Standards, as the server would."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from k8srun.cli.options import console, output_option
from k8srun.codec import encode
from k8srun.errors import ExitCode, InputError
from k8srun.kinds import kind_of
from k8srun.pods import TEMPLATE_PATHS, PodTemplate, pod_template
from k8srun.sources.apitypes import check_fields
from k8srun.sources.yamlreader import MAX_BYTES, read_documents
from k8srun.text import plural, visible
from k8srun.workloads.policy import LATEST, Level, LevelVersion, Version, parse_version
from k8srun.workloads.standards.evaluate import Failure, evaluate
from k8srun.workloads.standards.subject import read_subject

SCHEMA = "k8srun.dev/pod-security/v1"
_CARRIERS = frozenset(kind.kind.lower() for kind in TEMPLATE_PATHS)
_OWN_GROUPS = frozenset({"", "apps", "batch", "extensions"})  # others may have kinds of the same names


@click.group("pod-security")
def pod_security() -> None:
    """Pods and pod templates against the Pod Security Standards, in the server's words.

    \b
    Example:
      k8srun pod-security evaluate deployment.yaml
    """


@pod_security.command("evaluate")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option(
    "--level",
    type=click.Choice((Level.BASELINE.value, Level.RESTRICTED.value)),
    default=Level.RESTRICTED.value,
    show_default=True,
    help="The level to judge by.",
)
@click.option(
    "--version",
    "version",
    default="latest",
    show_default=True,
    metavar="vX.Y",
    help="The version of the policy; one newer than known is judged as the newest known.",
)
@output_option("table", "jsonl")
def evaluate_command(*, files: tuple[str, ...], level: str, version: str, output: str) -> int:
    """Say of every pod and pod template in FILE… whether the level allows it, and what it violates.

    FILE is YAML or JSON; - reads standard input. Pods are judged as the server does when they are created, with its
    defaults; a template as it is. Exit code 2 means that something could not be read: it is named, and the rest is
    judged all the same.

    \b
    Examples:
      k8srun pod-security evaluate --level baseline --version v1.30 web.yaml
      helm template . | k8srun pod-security evaluate - -o jsonl
    """
    policy = LevelVersion(Level(level), parse_version(version))
    judged = broken = 0
    for file in files:
        for item in _judged(file, policy):
            if isinstance(item, InputError):
                broken += 1
                click.echo(f"k8srun: {file}: {item}", err=True)
            else:
                judged += 1
                _print(file, *item, output=output)
    if not judged and not broken:
        raise InputError(
            "no pod and no pod template in it",
            where=", ".join(files),
            do="Pods, Deployments, StatefulSets, DaemonSets, ReplicaSets, Jobs and CronJobs carry one.",
        )
    if output == "table":
        summary = (
            f"{plural(judged, 'pod or template', 'pods and templates')} judged by {_named(policy.version, policy)}"
        )
        click.echo(f"{summary}{f'; {broken} could not be read' if broken else ''}")
    return ExitCode.BAD_INPUT if broken else ExitCode.CLEAN


def _named(version: Version, policy: LevelVersion) -> str:
    newest = f" (that is v1.{version.evaluated})" if version == LATEST or version.evaluated != version.minor else ""
    return f"{policy}{newest}"


def _judged(file: str, policy: LevelVersion) -> Iterator[tuple[PodTemplate, tuple[Failure, ...]] | InputError]:
    """Every pod and template of a file with what it violates; an error for each that cannot be read."""
    for item in _objects(file):
        try:
            if isinstance(item, InputError):
                raise item
            template = _template(item)
            if template is not None:
                yield template, evaluate(read_subject(template), policy)
        except InputError as error:
            yield error


def _objects(file: str) -> Iterator[Any]:
    """The objects of a file, those of lists one by one; an error for each document that is broken."""
    try:
        data = _content(file)
    except OSError as error:
        yield InputError(error.strerror or "cannot be read", do="Give a manifest, or - for a pipe.")
        return
    found = False
    for document in read_documents(data, file):
        found = True
        if document.error:
            yield InputError(document.error.removeprefix(f"{file}:"))
            continue
        values = document.value if isinstance(document.value, list) else [document.value]
        for value in values:
            yield from _flattened(value)
    if not found:
        yield InputError("the file is empty", do="Was it written to its end?")


def _flattened(value: Any) -> Iterator[Any]:
    """An object, or those of a list, also of lists within it; in a typed list they need not repeat what they are."""
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str) or not kind.endswith("List") or "items" not in value:
        yield value
        return
    items, metadata = value["items"], value.get("metadata")
    if not isinstance(items, list | None):
        yield InputError(f"items is not a list (of a {visible(kind, limit=80)})")
        return
    if isinstance(metadata, dict) and metadata.get("continue"):
        shown = f"one page of a longer {visible(kind, limit=80)} (metadata.continue is set)"
        yield InputError(shown, do="Read the pages that follow too.")
    element = kind.removesuffix("List")
    identity = {"apiVersion": value.get("apiVersion"), "kind": element} if element else {}
    for item in items or ():
        yield from _flattened({**identity, **item} if isinstance(item, dict) else item)


def _content(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    with Path(file).open("rb") as opened:
        return opened.read(MAX_BYTES + 1)


def _template(item: Any) -> PodTemplate | None:
    if not isinstance(item, dict) or not isinstance(item.get("kind"), str):
        raise InputError("no Kubernetes object: it has no kind", do="Every object says apiVersion and kind.")
    metadata = item.get("metadata")
    if not isinstance(metadata, dict | None):
        raise InputError(f"metadata is not a mapping (of a {visible(item['kind'], limit=80)})")
    api_version = item.get("apiVersion")
    if not isinstance(api_version, str) or not api_version:
        raise InputError(f"it has no apiVersion (a {visible(item['kind'], limit=80)})", do="A Pod's is v1.")
    kind = kind_of(api_version, item["kind"])
    if kind not in TEMPLATE_PATHS and kind.kind.lower() in _CARRIERS and kind.group in _OWN_GROUPS:
        # Passed over, it would look as if nothing were wrong with its pods.
        shown = f"{visible(api_version, limit=80)} has no kind {kind.kind}"
        raise InputError(shown, do="A Pod is of v1, a Deployment of apps/v1, a Job of batch/v1.")
    template = pod_template(kind, item)
    if template is not None:
        check_fields(kind, item)
    return template


def _print(file: str, template: PodTemplate, failures: tuple[Failure, ...], *, output: str) -> None:
    if output == "jsonl":
        line = {
            "schema": SCHEMA,
            "file": file,
            "ref": template.ref,
            "allowed": not failures,
            "checks": failures,
        }
        click.echo(encode(line))
        return
    screen = console()
    screen.print(f"{visible(file)}: {visible(template.ref)}: {'violates' if failures else 'allowed'}")
    for failure in failures:
        screen.print(f"  {failure.id}: {visible(str(failure))}")
