"""Whether there are rows that a sweep can decide on; without Optuna, so that `mlp check` asks."""

from __future__ import annotations

from mlpcli.data.dataset import Dataset
from mlpcli.errors import DataError
from mlpcli.spec.load import LoadedSpec
from mlpcli.training.lane_state import is_watched, monitor_of
from mlpcli.training.lanes import check_folds


def check_rows(loaded: LoadedSpec, dataset: Dataset) -> None:
    """Check that there are rows to decide on. Raises DataError, with the spec's position."""
    sweep, has_validation = loaded.spec.sweep, "validation" in dataset.parts
    assert sweep is not None
    with loaded.locating():
        if sweep.folds is None and not has_validation:
            problem = "there are no validation rows to compare trials on; set folds, such as 5"
            raise DataError(problem, ("sweep",))
        if sweep.folds is not None:
            check_folds(sweep.folds, dataset, ("sweep", "folds"))
        watched = is_watched(loaded.spec, has_validation=has_validation)
        if sweep.pruning is not None and not watched:
            problem = f"trials are compared by {monitor_of(loaded.spec)}: it needs validation rows"
            raise DataError(problem, ("sweep", "pruning"))
