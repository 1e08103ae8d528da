"""k8srun: security runbooks for Kubernetes, from a symptom to its cause, with evidence."""

from __future__ import annotations

__version__ = "0.1.0"
