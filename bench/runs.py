"""A whole run of a runbook against the least that papermill can do: an empty notebook that imports pandas, matplotlib.

Both are whole processes, taken in turn, so that a slow moment of the machine hits both.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

ROUNDS = 5
GOAL = 1.5
PEER = "import sys, papermill; papermill.execute_notebook(sys.argv[1], sys.argv[2], progress_bar=False)"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder, "empty.ipynb")
        nbformat.write(new_notebook(cells=[new_code_cell("import pandas\nimport matplotlib.pyplot")]), empty)
        floor = [sys.executable, "-c", PEER, str(empty), f"{folder}/out.ipynb"]
        ours = [sys.executable, "-m", "k8srun.cli.main", "run", "x509-error", "--lab", "--out", f"{folder}/reports"]
        pairs = [(_seconds(ours), _seconds(floor)) for _ in range(ROUNDS + 1)][1:]  # the first warms the caches
    run, peer = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    print(f"  a run of x509-error on the lab, report included   {run:6.2f} s")
    print(f"  an empty notebook with pandas and matplotlib      {peer:6.2f} s")
    print(f"  ratio, median of {ROUNDS} pairs                         {ratio:6.2f}    goal ≤ {GOAL}")


def _seconds(command: list[str]) -> float:
    started = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1):  # 1 = findings: the lab is broken on purpose
        raise SystemExit(f"{' '.join(command)} failed with {done.returncode}:\n{done.stderr}")
    return time.monotonic() - started


if __name__ == "__main__":
    main()
