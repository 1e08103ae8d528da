"""Options that several commands share, and how they print."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from k8srun.clock import parse_time
from k8srun.sources.options import CURRENT_CONTEXT, SourceOptions

if TYPE_CHECKING:
    from rich.console import Console

F = TypeVar("F", bound=Callable[..., Any])

_UNFOLDED = 100_000  # columns

_SOURCES = (
    click.option("--snapshot", "snapshot_file", default="", metavar="FILE", help="A snapshot saved earlier."),
    click.option(
        "--context",
        is_flag=False,
        flag_value=CURRENT_CONTEXT,
        default="",
        metavar="[NAME]",
        help="A live cluster, by context of the kubeconfig; without NAME the current one.",
    ),
    click.option("--kubeconfig", default="", metavar="FILE", help="The kubeconfig to use in place of your own."),
    click.option(
        "--from",
        "from_paths",
        multiple=True,
        metavar="PATH",
        help="Manifests: a file, a folder, a cluster dump, or - for standard input. Repeatable.",
    ),
    click.option("--host-root", default="", metavar="DIR", help="A node's files: /, a copy, or a collected archive."),
    click.option("--endpoint", default="", metavar="HOST:PORT", help="A TLS endpoint to shake hands with."),
    click.option("--lab", is_flag=True, help="The embedded lab: a broken cluster that needs no cluster."),
    click.option(
        "--incident", default="", metavar="NAME", help="With --lab: which incident (see k8srun lab incidents)."
    ),
    click.option(
        "--namespace", "-n", "namespaces", multiple=True, metavar="NS", help="With --context: only these. Repeatable."
    ),
    click.option("--allow-exec", is_flag=True, help="Let a file given with --kubeconfig run its exec plugin."),
    click.option(
        "--secrets", is_flag=True, help="With --context: read Secrets too; only what is public of them stays."
    ),
)


def source_options(function: F) -> F:
    """Add the source options; the command receives them as one `SourceOptions` named `sources`."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        sources = SourceOptions(
            snapshot=kwargs.pop("snapshot_file"),
            context=kwargs.pop("context"),
            kubeconfig=kwargs.pop("kubeconfig"),
            from_paths=kwargs.pop("from_paths"),
            host_root=kwargs.pop("host_root"),
            endpoint=kwargs.pop("endpoint"),
            lab=kwargs.pop("lab"),
            incident=kwargs.pop("incident"),
            namespaces=kwargs.pop("namespaces"),
            allow_exec=kwargs.pop("allow_exec"),
            secrets=kwargs.pop("secrets"),
        )
        return function(*args, sources=sources, **kwargs)

    for option in reversed(_SOURCES):
        wrapper = option(wrapper)
    return wrapper  # type: ignore[return-value]


def output_option(*formats: str) -> Callable[[F], F]:
    """Add `-o/--output` with these formats, the first by default; the command receives it as `output`."""
    return click.option(
        "-o", "--output", type=click.Choice(formats), default=formats[0], show_default=True, help="How to print."
    )


def now_option(function: F) -> F:
    """Add `--now`; the command receives `now` as an aware datetime."""
    return click.option(
        "--now",
        callback=lambda _context, _option, value: parse_time(value, where="--now") if value else datetime.now(UTC),
        default="",
        metavar="TIME",
        help="Judge dates by this time (RFC 3339) in place of the clock.",
    )(function)


def console(*, stderr: bool = False) -> Console:
    """A console with colour and the width of the terminal for people; pipes get neither, so that no line is folded."""
    from rich.console import Console  # noqa: PLC0415 - not needed for -o json

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _UNFOLDED
    # Markup and emoji codes are off: text from a cluster must not be able to style or hide itself.
    return Console(stderr=stderr, width=width, markup=False, emoji=False, highlight=False, soft_wrap=False)
