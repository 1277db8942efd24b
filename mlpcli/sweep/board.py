"""What a study shows: its trials, best first, which keys mattered, and the winning spec."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any, Protocol

import optuna
from optuna.trial import FrozenTrial, TrialState

from mlpcli.spec.load import LoadedSpec, with_values
from mlpcli.spec.sweep import SweepSpec
from mlpcli.spec.write import spec_to_yaml, with_paths
from mlpcli.sweep.space import Direction, values_of
from mlpcli.sweep.study import Study, standard_error

FEWEST = 10  # complete trials, below which importances say nothing
QUANTILE = 0.25  # what counts as a good trial


class Trials(Protocol):
    """The trials of a sweep, of one that goes on or one that is read."""

    @property
    def sweep(self) -> SweepSpec:
        """The spec's section."""

    @property
    def direction(self) -> Direction:
        """Which figures are better."""

    @property
    def study(self) -> optuna.Study:
        """Optuna's own."""

    def trials(self) -> list[FrozenTrial]:
        """Return every trial, by its number."""


@dataclass(frozen=True)
class Row:
    """A trial of the leaderboard.

    state  complete, pruned, failed or running
    value  the mean of its figures, and
    error  its standard error; None where there is one figure
    """

    trial: int
    state: str
    value: float | None
    error: float | None
    figures: list[float]
    parameters: dict[str, Any]
    epochs: list[int]
    reason: str


def leaderboard(study: Trials) -> list[Row]:
    """Return every trial: the complete ones, best first, then the others by their numbers."""
    sign = -1.0 if study.direction == "maximize" else 1.0
    rows = [_row(study, trial) for trial in study.trials()]
    return sorted(rows, key=lambda r: (r.value is None, sign * (r.value or 0.0), r.trial))


def _row(study: Trials, trial: FrozenTrial) -> Row:
    result = trial.user_attrs.get("result", {}) if trial.state.is_finished() else {}
    figures = result.get("figures", [])
    is_complete = trial.state == TrialState.COMPLETE
    return Row(
        trial=trial.number,
        state=result.get("state", "running"),
        value=statistics.fmean(figures) if is_complete else None,
        error=standard_error(figures) if is_complete else None,
        figures=figures,
        parameters=values_of(study.sweep, trial.params),
        epochs=result.get("epochs", []),
        reason=result.get("reason", ""),
    )


def parameter_importances(study: Trials) -> dict[str, float] | None:
    """Return each key's share in what tells the best quarter of the trials from all; or None.

    Source: Watanabe, Bansal and Hutter, PED-ANOVA, 2023. It needs no more than NumPy.
    """
    values = [t.value for t in study.trials() if t.state == TrialState.COMPLETE]
    if len(values) < FEWEST or len(set(values)) == 1:
        return None
    if sum(value == _edge(study, values) for value in values) > len(values) / 2:
        return None  # half of them are as good as the best: there is nothing to tell apart
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    evaluator = PedAnovaImportanceEvaluator(target_quantile=QUANTILE)
    return dict(get_param_importances(study.study, evaluator=evaluator))


def _edge(study: Trials, values: list[Any]) -> Any:
    return max(values) if study.direction == "maximize" else min(values)


def winner(study: Study, loaded: LoadedSpec) -> str | None:
    """Return the best trial's spec as YAML, its paths absolute; None where no trial is complete."""
    best = study.best()
    if best is None:
        return None
    spec = with_values(loaded, values_of(study.sweep, best.params)).spec
    return spec_to_yaml(with_paths(spec, loaded.folder))
