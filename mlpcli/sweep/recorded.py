"""Whether the trials that a study's file holds are such as mlp records.

A file with checksums holds nothing else; one of an earlier version has none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

STATES = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


def is_recorded(trial: FrozenTrial, space: Mapping[str, BaseDistribution]) -> bool:
    """Whether a trial of these keys is as mlp records it."""
    process = trial.user_attrs.get("process")
    return (
        _fits(trial.params, space)
        and isinstance(process, dict)
        and type(process.get("number")) is int
        and 0 < process["number"] < 1 << 62
        and type(trial.user_attrs.get("deaths", 0)) is int
        and trial.user_attrs.get("sign", 1) in (1, -1)
        and all(map(_is_number, trial.intermediate_values.values()))
        and (not trial.state.is_finished() or _has_ended(trial))
    )


def _fits(params: Mapping[str, Any], space: Mapping[str, BaseDistribution]) -> bool:
    if params.keys() != space.keys():
        return False
    try:
        values = [(each, each.to_internal_repr(params[key])) for key, each in space.items()]
        return all(each._contains(value) for each, value in values)  # noqa: SLF001
    except (ValueError, TypeError):
        return False


def _has_ended(trial: FrozenTrial) -> bool:
    """Whether a finished trial has a result, which says the same as the trial."""
    result = trial.user_attrs.get("result")
    if not isinstance(result, dict) or STATES.get(str(result.get("state"))) != trial.state:
        return False
    figures, epochs = result.get("figures"), result.get("epochs")
    is_typed = (
        isinstance(result.get("reason"), str)
        and isinstance(figures, list)
        and all(map(_is_number, figures))
        and isinstance(epochs, list)
        and all(type(each) is int for each in epochs)
    )
    if not is_typed or trial.state != TrialState.COMPLETE:
        return is_typed
    values = trial.values
    return bool(figures) and len(values) == 1 and _is_number(values[0])


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
