"""The answer to one question for people: the verdict first, then why, then what else is on the way."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from k8srun.network.asking import Answer
from k8srun.network.cni import Enforcement
from k8srun.network.decision import DirectionAnswer, Verdict
from k8srun.text import visible

_STYLES = {Verdict.ALLOWED: "bold green", Verdict.DENIED: "bold red", Verdict.UNKNOWN: "bold yellow"}


def print_answer(console: Console, answer: Answer) -> None:
    """Print it. Readable at 80 columns."""
    console.print()
    port = f"{answer.port}/{answer.protocol}" if answer.port else answer.protocol
    title = Text(f"{answer.verdict.upper()}  ", style=_STYLES[answer.verdict])
    title.append(visible(f"{answer.source} → {answer.destination} {port}"), style="default")
    console.print(title)
    blocking = [one for one in answer.obstacles if one.blocks]
    for one in blocking:
        _line(console, f"blocked: {one.where}: {one.message}", "bold red")
        if one.do:
            _line(console, one.do, "", 4)
    _direction(console, "egress ", answer.egress)
    _direction(console, "ingress", answer.ingress)
    for one in answer.obstacles:
        if not one.blocks:
            _line(console, f"note    {one.where}: {one.message} [{one.id}]", "yellow")
    if answer.enforcement is Enforcement.UNKNOWN:
        _line(console, "note    whether the network plugin enforces policies could not be told", "dim")
    console.print()


def _direction(console: Console, name: str, answer: DirectionAnswer) -> None:
    rule = f" ({answer.rule})" if answer.rule else ""
    _line(console, f"{name} {answer.verdict}: {answer.reason}{rule}", _STYLES[answer.verdict].removeprefix("bold "))
    for miss in answer.near_misses:
        _line(console, f"nearly: {miss.policy} {miss.rule}", "", 4)
        for failed in miss.failed:
            _line(console, f"{failed.field} {failed.detail}", "", 6)
        if miss.hint:
            _line(console, miss.hint, "dim", 6)


def _line(console: Console, text: str, style: str, indent: int = 2) -> None:
    console.print(Padding(Text(visible(text), style=style), (0, 0, 0, indent), expand=False))
