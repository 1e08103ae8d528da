"""How papermill executes a run's notebook: as ever, but saved once a code cell in place of twice a cell."""

from __future__ import annotations

from typing import Any

from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines

ENGINE = "k8srun"


class _SparingManager(NotebookExecutionManager):  # type: ignore[misc]  # papermill has no annotations
    """Saves before each code cell: whenever a run is ended by force, all that was done before that cell is there."""

    _passes = False

    def save(self, **kwargs: Any) -> None:
        if not self._passes:
            super().save(**kwargs)

    def cell_start(self, cell: Any, *args: Any, **kwargs: Any) -> None:
        self._without_saving(super().cell_start, cell, *args, **kwargs)
        if cell.cell_type == "code":
            self.save()

    def cell_complete(self, cell: Any, *args: Any, **kwargs: Any) -> None:
        self._without_saving(super().cell_complete, cell, *args, **kwargs)

    def _without_saving(self, call: Any, *args: Any, **kwargs: Any) -> None:
        self._passes = True
        try:
            call(*args, **kwargs)
        finally:
            self._passes = False


class _SparingEngine(NBClientEngine):  # type: ignore[misc]
    @classmethod
    def execute_notebook(cls, nb: Any, kernel_name: str, output_path: str | None = None, **kwargs: Any) -> Any:
        kwargs.pop("progress_bar", None)
        manager = _SparingManager(nb, output_path=output_path, progress_bar=False)
        manager.notebook_start()
        try:
            cls.execute_managed_notebook(manager, kernel_name, **kwargs)
        finally:
            manager.notebook_complete()
        return manager.nb


papermill_engines.register(ENGINE, _SparingEngine)
