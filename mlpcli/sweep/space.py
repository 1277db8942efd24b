"""The values that trials try: what Optuna knows of each key, and which trial takes which.

Trials come in blocks. What a block tries depends on the seed, the trials' numbers, and, for tpe,
on what the trials of earlier blocks have come to: never on which of them ended first, how many
processes there were, or how often they were killed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from mlpcli.spec.sweep import ParameterSpec, SweepSpec

Direction = Literal["minimize", "maximize"]
BLOCK = {"grid": 64, "random": 64, "tpe": 16}  # trials proposed at a time, by the method


def distribution(parameter: ParameterSpec) -> BaseDistribution:
    """Return what Optuna draws a key's values from; a list as the labels of its entries."""
    if parameter.uniform is not None:
        return FloatDistribution(parameter.uniform[0], parameter.uniform[1])
    if parameter.log_uniform is not None:
        return FloatDistribution(parameter.log_uniform[0], parameter.log_uniform[1], log=True)
    if parameter.int is not None:
        options = (*parameter.int, 1)[:3]
        low, high, step = options
        return IntDistribution(low, low + (high - low) // step * step, step=step)
    return CategoricalDistribution(labels(parameter))


def labels(parameter: ParameterSpec) -> list[Any]:
    """Return the entries of a list as Optuna can store them: as they are, or as JSON."""
    options = parameter.options
    plain = all(each is None or isinstance(each, str | int | float) for each in options)
    if plain and len(set(options)) == len(options):  # true and 1 are equal to Python
        return options
    return [json.dumps(each) for each in options]


def values_of(sweep: SweepSpec, params: dict[str, Any]) -> dict[str, Any]:
    """Return the values for the spec that Optuna's stand for."""
    found = {}
    for key, parameter in sweep.parameters.items():
        value = params[key]
        if parameter.choice is not None or parameter.values is not None:
            value = parameter.options[labels(parameter).index(value)]
        found[key] = value
    return found


def propose(
    sweep: SweepSpec,
    seed: int,
    direction: Direction,
    numbers: Sequence[int],
    earlier: Sequence[FrozenTrial],
) -> list[dict[str, Any]]:
    """Return what Optuna stores of the trials with these numbers, which are of one block.

    direction  minimize or maximize
    earlier    the finished trials of the blocks before, by number; only tpe looks at them
    """
    if sweep.method == "grid":
        return [_setting(sweep, number) for number in numbers]
    start = numbers[0] - numbers[0] % BLOCK[sweep.method]
    study = optuna.create_study(direction=direction)
    if sweep.method == "tpe":
        study.add_trials([_seen(trial) for trial in earlier])
    space = {key: distribution(parameter) for key, parameter in sweep.parameters.items()}
    asked = {}
    # From the block's first: those that are there already would be drawn again as they are.
    for number in range(start, numbers[-1] + 1):
        study.sampler = _sampler(sweep, seed, number)
        asked[number] = study.ask(space).params
    return [asked[number] for number in numbers]


def _sampler(sweep: SweepSpec, seed: int, number: int) -> BaseSampler:
    trial_seed = int(np.random.SeedSequence((seed, number)).generate_state(1)[0])
    if sweep.method == "tpe":
        # Trials of a block do not know each other's results: assuming they are bad spreads them.
        return TPESampler(seed=trial_seed, constant_liar=True)
    return RandomSampler(trial_seed)


def _setting(sweep: SweepSpec, number: int) -> dict[str, Any]:
    """Return the setting with this number of the grid; the last key changes fastest."""
    found = {}
    for key, parameter in reversed(sweep.parameters.items()):
        number, k = divmod(number, parameter.count)
        options = labels(parameter) if parameter.choice or parameter.values else parameter.options
        found[key] = options[k]
    return {key: found[key] for key in sweep.parameters}


def _seen(trial: FrozenTrial) -> FrozenTrial:
    """Return a finished trial as the sampler of later ones sees it: without its number and times.

    The figures of a pruned one are turned where the monitored figure and what decides are not
    better in the same direction.
    """
    sign = trial.user_attrs.get("sign", 1)
    return create_trial(
        state=trial.state,
        value=trial.value if trial.state == TrialState.COMPLETE else None,
        params=trial.params,
        distributions=trial.distributions,
        intermediate_values={
            step: sign * figure
            for step, figure in trial.intermediate_values.items()
            if math.isfinite(figure)
        },
    )
