"""`make bench`: every measurement, one after another, each as a ratio against a peer or a floor of the same run."""

from __future__ import annotations

import importlib
import sys
import time

MEASUREMENTS = ("collection", "memory", "certificates", "authorization", "podsecurity", "connectivity", "runs")


def main(names: list[str]) -> None:
    started = time.monotonic()
    for name in names or MEASUREMENTS:
        print(f"== {name}", flush=True)
        importlib.import_module(f"bench.{name}").main()
        print(flush=True)
    print(f"make bench took {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
