"""Small notebooks for runs, written to disk as a runbook is."""

from __future__ import annotations

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from k8srun.sources.library import load_runbook

FINISH = """\
import json, os
result = {"cluster": "test", "lab": False, "taken_at": "2026-01-01T00:00:00Z", "now": "2026-01-01T00:00:00Z"}
with open(os.environ["K8SRUN_RESULT"], "w") as file:
    json.dump(result | globals().get("extra", {}), file)
"""
"""What `run.finish()` comes down to, for a runner: a result at the path that it named."""


def write_runbook(folder, name, *cells, parameters="", changes_cluster=False):
    """A notebook of `cells` behind a heading (cell 1) and the parameters (cell 2), and what the library reads of it."""
    path = folder / "investigate" / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    notebook = new_notebook(
        cells=[
            new_markdown_cell(f"# The runbook {name}"),
            new_code_cell(parameters, metadata={"tags": ["parameters"]}),
            *map(new_code_cell, cells),
        ]
    )
    notebook.metadata.k8srun = {"kind": "investigate", "changes_cluster": changes_cluster, "summary": "A test."}
    nbformat.write(notebook, path)
    return load_runbook(path)
