"""What the commands about permissions share: who and what is asked about, and the authorization of the sources."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from k8srun.authorization.chain import NEEDS, Authorization
from k8srun.cli.options import console, now_option, output_option, source_options
from k8srun.codec import pretty
from k8srun.controlplane.distribution import distribution
from k8srun.errors import ExitCode, InputError
from k8srun.kinds import CONFIG_MAP, CUSTOM_RESOURCE_DEFINITION, NODE, POD, SERVICE_ACCOUNT
from k8srun.pods import TEMPLATE_PATHS
from k8srun.snapshot import Need
from k8srun.sources.collect import collect
from k8srun.sources.eksfile import read_eks_file
from k8srun.sources.options import SourceOptions

if TYPE_CHECKING:
    from rich.console import Console

F = TypeVar("F", bound=Callable[..., Any])

# Pods tell the API server's flags and who runs as what; nodes and ConfigMaps tell whose cluster it is.
_MORE = tuple(Need.objects(kind) for kind in (POD, NODE, CONFIG_MAP, CUSTOM_RESOURCE_DEFINITION))

eks_option = click.option(
    "--eks-access",
    "eks_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="EKS: a JSON array of what `aws eks describe-access-entry` prints for each principal.",
)


def identity_options(function: F) -> F:
    """Add `--as`, `--as-group` and `--raw`; the command receives `user`, `groups` and `raw`."""
    options = (
        click.option("--as", "user", default="", metavar="USER", help="Who; of a ServiceAccount NS:NAME will do."),
        click.option("--as-group", "groups", multiple=True, metavar="GROUP", help="A group of theirs. Repeatable."),
        click.option("--raw", is_flag=True, help="Do not add the groups that authentication adds."),
    )
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), function)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command found.

    Attributes:
        document: for `-o json`.
        show: prints it on a console as `table` or `csv`.
        unknown: something of it could not be told.
    """

    document: Mapping[str, object]
    show: Callable[[Console, str], None]
    unknown: bool


def question(*, workloads: bool = False) -> Callable[[Callable[..., Answer]], Callable[..., None]]:
    """Make the body of a command out of a function that answers from an Authorization.

    The function gets that, the namespace that is asked about, and the options of its own by name. This adds the
    sources, `--eks-access`, `--now` and `-o`, prints the answer, and ends with 3 where something of it is unknown.

    Args:
        workloads: read them too, to say what runs as whom.
    """

    def decorate(function: Callable[..., Answer]) -> Callable[..., None]:
        @functools.wraps(function)
        def command(*, eks_file: Path | None, sources: SourceOptions, now: datetime, output: str, **own: Any) -> None:
            namespace = namespace_of(sources)
            answer = function(read_authorization(sources, now, eks_file, workloads=workloads), namespace, **own)
            if output == "json":
                click.echo(pretty(answer.document))
            else:
                answer.show(console(), output)
            click.get_current_context().exit(ExitCode.INCOMPLETE if answer.unknown else ExitCode.CLEAN)

        return eks_option(source_options(now_option(output_option("table", "json", "csv")(command))))

    return decorate


def read_authorization(
    sources: SourceOptions, now: datetime, eks_file: Path | None, *, workloads: bool = False
) -> Authorization:
    """The authorization of the sources. With -n all namespaces are read all the same: it says what is asked.

    Args:
        workloads: read them too, to say what runs as whom.
    """
    running = (SERVICE_ACCOUNT, *TEMPLATE_PATHS) if workloads else ()
    needs = (*NEEDS, *_MORE, *map(Need.objects, running))
    snapshot = collect(replace(sources, namespaces=()), needs=needs, now=now)
    eks = read_eks_file(eks_file) if eks_file else None
    return Authorization.of(snapshot, distribution=distribution(snapshot), eks=eks)


def namespace_of(sources: SourceOptions) -> str:
    """The namespace that is asked about; empty for the cluster scope.

    Raises:
        InputError: more than one.
    """
    if len(sources.namespaces) > 1:
        raise InputError("one question is about one namespace", where="--namespace", do="Ask once for each.")
    return sources.namespaces[0] if sources.namespaces else ""
