"""From what the caller gave to a request that can run: runbook, parameters and sources, all checked beforehand."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from k8srun.clock import parse_time
from k8srun.codec import parse_json
from k8srun.errors import InputError, RefusedError
from k8srun.lab import incident
from k8srun.parameters import from_texts, validate
from k8srun.runbook import Runbook, RunbookKind
from k8srun.runner.execute import Request
from k8srun.sources.library import find_runbook
from k8srun.sources.options import SourceOptions

SOURCE_NAMES = tuple(field.name for field in dataclasses.fields(SourceOptions))
# Those that say where to look; the others say more about one of them. A runbook without any brings its own cluster.
_PLACES = ("snapshot", "context", "kubeconfig", "from_paths", "host_root", "endpoint", "lab")


def prepare(
    runbook: Runbook,
    *,
    texts: Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
    sources: SourceOptions | None = None,
    now: str = "",
) -> Request:
    """A request with every value checked.

    Args:
        texts: `NAME=VALUE` words of a command line; they win over `values`.
        values: parameters as JSON values, of the very types.
        sources: what is to be looked at, from the options that all commands share.
        now: the time to judge dates by; empty is the clock.

    Raises:
        InputError: something given cannot be used, or there is no source.
    """
    given = validate(runbook.parameters, {**(values or {}), **from_texts(runbook.parameters, texts or {})})
    options = {name: value for name, value in dataclasses.asdict(sources or SourceOptions()).items() if value}
    if now:
        options["now"] = now
    if runbook.kind is RunbookKind.WALKTHROUGH and runbook.parameter("lab") is None:
        options.pop("lab", None)  # it runs on the lab whatever is said
    for name in options:
        if runbook.parameter(name) is None:
            usable = [option_of(other) for other in SOURCE_NAMES if runbook.parameter(other)]
            raise InputError(
                f"{runbook.id} cannot use {option_of(name)}: it has no parameter {name}",
                do=f"It can use: {', '.join(usable)}." if usable else "It takes no source.",
            )
        if name in given:
            raise InputError(f"{name} is given twice: as {option_of(name)} and as a parameter")
    chosen = {**given, **{name: _plain(value) for name, value in options.items()}}
    if any(runbook.parameter(name) for name in _PLACES):
        chosen.update(_all_sources(runbook, chosen))
        # The notebook refuses them too, but only once it has been started.
        if chosen.get("now"):
            parse_time(str(chosen["now"]), where="now")
        if chosen.get("incident"):
            incident(str(chosen["incident"]))
    return Request(runbook, validate(runbook.parameters, chosen))


def requests_from_lines(text: str, sources: SourceOptions, *, now: str, where: str) -> Iterator[Request]:
    """The requests of JSON lines, `{"runbook": "x509-error", "parameters": {"endpoint": "127.0.0.1:6443"}}` each.

    Raises:
        InputError: a line cannot be used; the message names it.
    """
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        place = f"{where}, line {number}"
        entry = parse_json(line, where=place)
        if not isinstance(entry, dict) or not entry.keys() <= {"runbook", "parameters"}:
            raise InputError('a line is {"runbook": NAME, "parameters": {…}}', where=place)
        if not isinstance(entry.get("runbook"), str) or not isinstance(entry.get("parameters", {}), dict):
            raise InputError("runbook is a text and parameters an object", where=place)
        try:
            runbook = find_runbook(entry["runbook"])
            yield prepare(runbook, values=entry.get("parameters"), sources=sources, now=now)
        except InputError as error:
            where_in = f"{place}: {error.where}" if error.where else place
            raise InputError(error.what, where=where_in, do=error.do) from None


def admit(requests: list[Request]) -> None:
    """Hold back what must not run in a batch.

    Raises:
        RefusedError: a runbook that can change a cluster.
        InputError: several read standard input, which only one can.
    """
    for request in requests:
        if request.runbook.changes_cluster:
            raise RefusedError(
                f"{request.runbook.id} can change a cluster, so it does not run in a batch",
                do=f"Run it alone and read its preview: k8srun run {request.runbook.id}",
            )
    if sum("-" in (request.parameters.get("from_paths") or ()) for request in requests) > 1:
        raise InputError(
            "only one run can read standard input", where="--from -", do="Save it to a file first, and give its path."
        )


def _all_sources(runbook: Runbook, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Every source parameter that the runbook has, those that were not given empty: its defaults look elsewhere."""
    given: dict[str, Any] = {}
    for name in SOURCE_NAMES:
        if value := chosen.get(name):
            given[name] = tuple(value) if isinstance(value, list) else value
    options = SourceOptions(**given)
    options.require()
    return {
        name: _plain(value)
        for name, value in dataclasses.asdict(options).items()
        if runbook.parameter(name) is not None
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def option_of(name: str) -> str:
    """The option of the command line for a source parameter: `from_paths` is `--from`."""
    special = {"from_paths": "--from", "namespaces": "--namespace"}
    return special.get(name, "--" + name.replace("_", "-"))
