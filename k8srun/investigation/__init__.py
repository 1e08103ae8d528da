"""The facade that notebooks use: `run = k8srun.start(...)`, one call a question, `run.finish()`."""

from k8srun.investigation.facade import Investigation as Investigation
from k8srun.investigation.facade import start as start
