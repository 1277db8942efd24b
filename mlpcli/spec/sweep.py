"""The `sweep` section of a spec: which keys are searched, how, and what decides."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from mlpcli.spec.members import Section, or_auto

Whole = int  # a parameter's kind is called int, which hides the type's name in its class
KINDS = ("uniform", "log_uniform", "int", "choice", "values")
DEFAULT_TRIALS = 50  # of random and tpe
MAX_TRIALS = 100_000


class ParameterSpec(Section):
    """What one key is searched over: exactly one of the kinds."""

    uniform: list[float] | None = Field(
        None, min_length=2, max_length=2, description="[low, high], any number between them"
    )
    log_uniform: list[float] | None = Field(
        None, min_length=2, max_length=2, description="[low, high], evenly on the log scale"
    )
    int: list[Whole] | None = Field(
        None, min_length=2, max_length=3, description="[low, high] or [low, high, step]"
    )
    choice: list[Any] | None = Field(None, min_length=1, description="a list of any values")
    values: list[float] | None = Field(None, min_length=1, description="a list of numbers")
    steps: Whole | None = Field(
        None, ge=2, le=10_000, description="of a range on a grid: how many values, both ends too"
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            problem = f"must have one of {', '.join(KINDS)}"
            raise ValueError(problem + (f", not {' and '.join(given)}" if given else ""))
        if self.steps is not None and self.kind not in ("uniform", "log_uniform"):
            raise ValueError(f"steps are of uniform and log_uniform; {self.kind} has its own")
        return self

    @field_validator("uniform", "log_uniform", "int")
    @classmethod
    def _in_order(cls, value: Any, field: ValidationInfo) -> Any:
        if value is None or len(value) < 2:  # noqa: PLR2004  another fault says so
            return value
        low, high, step = (*value, 1)[:3]
        if not low < high:
            raise ValueError(f"low must be less than high, not {low:g} and {high:g}")
        if field.field_name == "log_uniform" and low <= 0:
            raise ValueError(f"low must be greater than 0 on a log scale, not {low:g}")
        if step < 1:
            raise ValueError(f"step must be at least 1, not {step}")
        return value

    @field_validator("choice", "values")
    @classmethod
    def _each_once(cls, value: Any) -> Any:
        texts = [json.dumps(each, sort_keys=True) for each in value or []]
        for k, text in enumerate(texts):
            if text in texts[:k]:
                raise ValueError(f"{text} stands twice")
        return value

    @property
    def kind(self) -> str:
        """The kind that is given."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def options(self) -> list[Any]:
        """The values on a grid, the ends of a range as they are written; [] without `steps`."""
        if self.int is not None:
            low, high, step = (*self.int, 1)[:3]
            return list(range(low, high + 1, step))
        ends = self.uniform or self.log_uniform
        if ends is None:
            return list(self.choice or self.values or [])
        if self.steps is None:
            return []
        first, last = ends
        shares = [k / (self.steps - 1) for k in range(1, self.steps - 1)]
        if self.uniform is not None:
            return [first, *(first + share * (last - first) for share in shares), last]
        ratio = math.log(last / first)
        return [first, *(float(f"{first * math.exp(x * ratio):.6g}") for x in shares), last]

    @property
    def count(self) -> Whole:
        """How many values there are on a grid; 0 where it would need `steps`."""
        if self.int is not None:
            low, high, step = (*self.int, 1)[:3]
            return (high - low) // step + 1
        return len(self.choice or self.values or ()) or self.steps or 0

    @property
    def probes(self) -> list[tuple[Whole, Any]]:
        """The values that stand for all of them, with their indices in the list: ends, choices."""
        found = list(getattr(self, self.kind))
        return list(enumerate(found[:2] if self.kind == "int" else found))

    def __str__(self) -> str:
        """In a few words."""
        found = getattr(self, self.kind)
        if self.kind in ("choice", "values"):
            return f"{len(found)} values"
        ends = f"{found[0]:g} to {found[1]:g}"
        by = f" by {found[2]}" if self.kind == "int" and len(found) > 2 else ""  # noqa: PLR2004
        log = " (log)" if self.kind == "log_uniform" else ""
        return ends + by + log + (f" in {self.steps} steps" if self.steps else "")


class PruningSpec(Section):
    """Successive halving: after min_epochs, and factor times as many, and so on, 1/factor goes on.

    Source: Jamieson and Talwalkar, Non-stochastic best arm identification, 2016.
    """

    name: Literal["successive_halving"] = "successive_halving"
    min_epochs: int = Field(5, ge=1, description="epochs that every trial trains")
    factor: int = Field(3, ge=2, le=100, description="of a block of trials 1 in so many goes on")


def _spelled_out(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class SweepSpec(Section):
    """The search: `mlp sweep` runs it; other verbs leave it alone."""

    method: Literal["grid", "random", "tpe"] = Field(
        "tpe", description="every setting; drawn at random; or where good ones were (Optuna)"
    )
    trials: or_auto(int) = Field("auto", description="auto: the whole grid; of the others 50")
    metric: str = Field("val_loss", description="what decides: val_loss, or a metric")
    direction: Literal["auto", "minimize", "maximize"] = Field(
        "auto", description="auto: as the metric is meant"
    )
    folds: int | None = Field(
        None, ge=2, le=1000, description="each trial trains so often, scored on the rows left out"
    )
    seeds: int | None = Field(
        None, ge=1, le=1000, description="each trial trains so often, scored on validation rows"
    )
    pruning: Annotated[PruningSpec, BeforeValidator(_spelled_out)] | None = Field(
        None, description="stop the trials that are behind: successive_halving"
    )
    parameters: dict[str, ParameterSpec] = Field(
        min_length=1,
        max_length=100,
        description="{key: {log_uniform: [1e-4, 1]}}, keys as in --set; of model, training, "
        "regularization, and of data how columns become numbers",
    )

    @field_validator("trials")
    @classmethod
    def _some(cls, value: Whole | None) -> Whole | None:
        if value is not None and not 1 <= value <= MAX_TRIALS:
            raise ValueError(f"must be from 1 to {MAX_TRIALS}, or auto")
        return value

    @property
    def grid_size(self) -> Whole:
        """How many settings the grid has."""
        return math.prod(parameter.count for parameter in self.parameters.values())

    @property
    def n_trials(self) -> Whole:
        """How many trials there will be."""
        if self.method == "grid":
            return min(self.trials or self.grid_size, self.grid_size)
        return self.trials or DEFAULT_TRIALS

    @property
    def n_lanes(self) -> Whole:
        """How many networks a trial trains."""
        return self.folds or self.seeds or 1

    @property
    def figure(self) -> str:
        """The metric's name without `val_`."""
        return self.metric.removeprefix("val_")

    def __str__(self) -> str:
        """The plan in a line."""
        over = "folds" if self.folds else "seeds"
        each = f" × {self.n_lanes} {over}" if self.n_lanes > 1 else ""
        first = self.pruning.min_epochs if self.pruning else 0
        pruned = f", successive halving from epoch {first}" if first else ""
        keys = "; ".join(f"{key} {parameter}" for key, parameter in self.parameters.items())
        return f"{self.method}, {self.n_trials:,} trials{each}, by {self.metric}{pruned}: {keys}"
