"""What every schedule promises: the factor its formula states, from the epoch alone."""

import math
import re

import pytest

from mlpcli.nn.schedules import SCHEDULES, Constant, Exponential, InverseTime

each_schedule = pytest.mark.parametrize(
    "schedule", [member() for member in SCHEDULES.values()], ids=repr
)


@pytest.mark.parametrize(
    ("schedule", "epoch", "factor"),
    [
        (Constant(), 1, 1),
        (Constant(), 1000, 1),
        (Exponential(gamma=0.5), 1, 1),
        (Exponential(gamma=0.5), 2, 1 / 2),
        (Exponential(gamma=0.5), 4, 1 / 8),
        (Exponential(), 3, 0.9025),  # 0.95²
        (InverseTime(decay=0.5), 1, 1),
        (InverseTime(decay=0.5), 2, 2 / 3),
        (InverseTime(decay=0.5), 3, 1 / 2),
        (InverseTime(), 101, 1 / 2),  # 1 / (1 + 0.01 · 100)
        (InverseTime(decay=0.0), 50, 1),
    ],
    ids=str,
)
def test_factor_by_hand(schedule, epoch, factor):
    assert schedule.factor(epoch) == pytest.approx(factor, rel=1e-15)


@each_schedule
def test_factors_are_finite_floats_from_the_epoch_alone(schedule):
    epochs = [1, 2, 3, 10, 100_000]
    factors = [schedule.factor(epoch) for epoch in epochs]
    assert all(type(f) is float and math.isfinite(f) and f >= 0 for f in factors)
    backwards = [type(schedule)().factor(epoch) for epoch in reversed(epochs)]
    assert factors == backwards[::-1]


@each_schedule
def test_docstring_has_formula_and_source(schedule):
    assert re.search(r"λ\(t\) = \S", schedule.__doc__)
    assert re.search(r"Source: \w", schedule.__doc__)
