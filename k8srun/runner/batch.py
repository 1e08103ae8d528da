"""Several runs at once, a bounded number of them at a time, and what ends them early."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

from k8srun.runner.execute import Limits, Request, Run, execute

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stopped_by_signals() -> Iterator[Event]:
    """An event that Ctrl-C, SIGTERM and a closed terminal set, in place of what they do otherwise.

    An exception out of nowhere could hit between the end of a run and its record; an event is looked at when it suits.
    """
    stop = Event()

    def set_stop(_number: int, _frame: Any) -> None:
        stop.set()

    # What was ignored stays so: that is how `nohup` keeps a batch going.
    numbers = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, set_stop) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def execute_all(
    requests: Sequence[Request],
    out: Path,
    limits: Limits,
    stop: Event,
    *,
    jobs: int,
    on_start: Callable[[Request], None],
) -> Iterator[Run]:
    """Run all of them, `jobs` at a time, and yield each as it ends. Those that `stop` finds waiting never begin.

    Args:
        on_start: called, from another thread, when a run begins.
    """

    def begin(request: Request) -> Run:
        if stop.is_set():
            raise CancelledError
        on_start(request)
        return execute(request, out, limits, stop)

    with ThreadPoolExecutor(max_workers=jobs) as pool:
        try:
            for future in as_completed([pool.submit(begin, request) for request in requests]):
                if not isinstance(future.exception(), CancelledError):
                    yield future.result()
        finally:
            stop.set()  # Whoever leaves early, by an error say, does not wait for what still runs.
