"""The only code that writes to a cluster: a plan's preview, its gate, its steps, their journal, their undo."""

from __future__ import annotations

from k8srun.apply.changing import apply, preview, undo
from k8srun.apply.journal import Journal, default_path
from k8srun.apply.options import Options
from k8srun.apply.server import ServerTarget
from k8srun.apply.target import Target

__all__ = ["Journal", "Options", "ServerTarget", "Target", "apply", "default_path", "preview", "undo"]
