"""k8srun: security runbooks for Kubernetes, from a symptom to its cause, with evidence.

In a notebook: `import k8srun; run = k8srun.start(...)`; see `k8srun.investigation`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from k8srun.investigation import start as start

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Imported on first use: the command line must not load pandas to print its help.
    if name == "start":
        from k8srun.investigation import start  # noqa: PLC0415

        return start
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
