"""What every schedule promises: the factors its formula states, from the epoch and its state."""

import dataclasses
import math
import re

import numpy as np
import pytest

from mlpcli.nn.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    Exponential,
    InverseTime,
    OneCycle,
    Plateau,
    StepDecay,
)

MEMBERS = [member() for member in SCHEDULES.values()] + [
    Cosine(period=2),
    Cosine(period=1, growth=2),
]
each_schedule = pytest.mark.parametrize("schedule", MEMBERS, ids=repr)
EPOCHS, STEPS = 12, 4


def steps_of(state, epochs=EPOCHS, steps=STEPS):
    """Return the factor of every step of a training."""
    every = [np.broadcast_to(state.factors(epoch), steps) for epoch in range(1, epochs + 1)]
    return np.concatenate(every)


@pytest.mark.parametrize(
    ("schedule", "epoch", "factor"),
    [
        (Constant(), 1, 1),
        (Constant(), 1000, 1),
        (StepDecay(every=3, gamma=0.5), 3, 1),
        (StepDecay(every=3, gamma=0.5), 4, 1 / 2),
        (StepDecay(every=3, gamma=0.5), 6, 1 / 2),
        (StepDecay(every=3, gamma=0.5), 7, 1 / 4),
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
    found = schedule.start(1000, 7).factors(epoch)
    assert type(found) is float  # one number: nothing is written in a step
    assert found == pytest.approx(factor, rel=1e-15)


HALF = math.sqrt(0.5)


@pytest.mark.parametrize(
    ("schedule", "epochs", "factors"),
    [
        # two steps an epoch; cos of 0, π/4, π/2, 3π/4
        (Cosine(), 2, [1, (1 + HALF) / 2, 1 / 2, (1 - HALF) / 2]),
        (Cosine(floor=0.5), 2, [1, (3 + HALF) / 4, 3 / 4, (3 - HALF) / 4]),
        # cycles of 2 steps: cos of 0 and π/2, again and again
        (Cosine(period=1), 3, [1, 1 / 2] * 3),
        # cycles of 1, 2 and 4 steps, the last cut
        (
            Cosine(period=0.5, growth=2),
            3,
            [1, 1, 1 / 2, 1, (1 + HALF) / 2, 1 / 2],
        ),
        # 0.5 · 6 − 1 = 2 steps up from 1/4 to 1, 3 steps down to 1/4/5: cos of π/3, 2π/3
        (
            OneCycle(rise=0.5, div=4.0, final_div=5.0),
            3,
            [1 / 4, 5 / 8, 1, 0.05 + 0.95 * 3 / 4, 0.05 + 0.95 / 4, 0.05],
        ),
        # the rise has ended before the first step, at 0.25 · 2 − 1 = −1/2, one and a half before
        # the last: cos of π/3 and π
        (OneCycle(rise=0.25, div=4.0, final_div=5.0), 1, [0.05 + 0.95 * 3 / 4, 0.05]),
        (OneCycle(rise=0.5, div=4.0, final_div=5.0), 1, [1, 0.05]),
    ],
    ids=str,
)
def test_factors_of_steps_by_hand(schedule, epochs, factors):
    found = steps_of(schedule.start(epochs, 2), epochs, 2)
    np.testing.assert_allclose(found, factors, rtol=1e-14)


@pytest.mark.parametrize(
    ("schedule", "metrics", "factors"),
    [
        # one epoch may pass without improvement, the second lowers the rate
        (Plateau(factor=0.5, patience=1), [3, 2, 2, 2, 2, 2], [1, 1, 1, 1, 0.5, 0.5, 0.25]),
        # better by no more than the threshold is not better; the best stays 3
        (Plateau(factor=0.5, patience=0, threshold=1), [3, 2, 2.5, 1.9], [1, 1, 0.5, 0.25, 0.25]),
        # of a negated metric too
        (Plateau(factor=0.5, patience=0, threshold=1), [-3, -4, -4.1], [1, 1, 0.5, 0.5]),
        # after a fall two epochs are not counted
        (
            Plateau(factor=0.5, patience=0, cooldown=2),
            [1, 1, 1, 1, 1, 1],
            [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25],
        ),
        (Plateau(factor=0.5, patience=0, floor=0.3), [1] * 4, [1, 1, 0.5, 0.3, 0.3]),
        # not a number is no improvement
        (Plateau(factor=0.5, patience=0), [1, math.nan, 0], [1, 1, 0.5, 0.5]),
    ],
    ids=str,
)
def test_a_plateau_by_hand(schedule, metrics, factors):
    state = schedule.start(10, 3)
    found = [state.factors(1)]
    for epoch, metric in enumerate(metrics, 2):
        state.observe(metric)
        found.append(state.factors(epoch))
    assert found == factors


# ---------------------------------------------------------------- warm-up


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        # 6 of 4 steps an epoch; then epochs of its own, which begin in the middle of ours
        (
            Exponential(gamma=0.5, warmup=1.5),
            [1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1, 1, 1, 1, 1, 0.5],
        ),
        (Exponential(gamma=0.5, warmup=1), [1 / 4, 2 / 4, 3 / 4, 1, 1, 1, 1, 1, 0.5]),
        (Constant(warmup=0.75), [1 / 3, 2 / 3, 1, 1, 1, 1]),
        (Constant(warmup=0.1), [1, 1]),  # less than half a step
        (Cosine(period=0.5, warmup=0.5), [1 / 2, 1, 1, 1 / 2, 1, 1 / 2]),
        (OneCycle(warmup=0.5, div=4), [1 / 2, 1, 1 / 4]),
    ],
    ids=str,
)
def test_a_warm_up_by_hand(schedule, factors):
    found = steps_of(schedule.start(EPOCHS, STEPS))
    np.testing.assert_allclose(found[: len(factors)], factors, rtol=1e-14)


def test_a_schedule_of_steps_has_the_steps_that_the_warm_up_leaves_it():
    for warmup in (0, 1, 2.5):
        state = OneCycle(warmup=warmup, div=10.0, final_div=10.0).start(EPOCHS, STEPS)
        factors = steps_of(state)
        assert factors[-1] == pytest.approx(0.01)
        assert np.count_nonzero(factors < 0.0101) == 1


@each_schedule
def test_after_a_warm_up_it_begins_at_its_start(schedule):
    plain = steps_of(schedule.start(EPOCHS, STEPS))
    for warm_steps in (1, 4, 7, 8):
        warm = dataclasses.replace(schedule, warmup=warm_steps / STEPS)
        found = steps_of(warm.start(EPOCHS + 2, STEPS), EPOCHS + 2)
        expected = [(i + 1) / warm_steps for i in range(warm_steps)]
        np.testing.assert_allclose(found[:warm_steps], expected, rtol=1e-15)
        if warm_steps == 8:  # the same number of steps is left to it
            np.testing.assert_array_equal(found[8:], plain)
        assert found[warm_steps] == plain[0]


@each_schedule
def test_a_warm_up_longer_than_the_training_is_no_error(schedule):
    factors = steps_of(dataclasses.replace(schedule, warmup=1000.0).start(EPOCHS, STEPS))
    np.testing.assert_allclose(factors, np.arange(1, 49) / 4000)


def test_figures_of_the_warm_up_do_not_count():
    state = Plateau(factor=0.5, patience=0, warmup=1.5).start(10, 4)
    for metric in (0, 5, 4):  # in epochs 1 and 2 the rate was still rising
        state.observe(metric)
    assert state.factors(4) == 1.0
    state.observe(4)
    assert state.factors(5) == 0.5


@pytest.mark.parametrize(
    "schedule", [Constant(warmup=1.5), Plateau(warmup=1.5), StepDecay(warmup=1)]
)
def test_after_a_warm_up_a_factor_that_does_not_change_is_one_number(schedule):
    state = schedule.start(10, 4)
    assert np.shape(state.factors(2)) == ((4,) if schedule.warmup > 1 else ())
    assert type(state.factors(3)) is float


# ---------------------------------------------------------------- all of them


@each_schedule
@pytest.mark.parametrize("warmup", [0.0, 0.6, 3.0])
def test_factors_are_finite_and_of_the_epoch_alone(schedule, warmup):
    schedule = dataclasses.replace(schedule, warmup=warmup)
    epochs = [1, 2, 3, 7, EPOCHS]
    state = schedule.start(EPOCHS, STEPS)
    factors = [state.factors(epoch) for epoch in epochs]
    for factor in factors:
        assert type(factor) is float or (factor.shape, factor.dtype) == ((STEPS,), np.float64)
        assert np.all(np.isfinite(factor))
        assert np.all(np.asarray(factor) >= 0)
        assert np.all(np.asarray(factor) <= 1)
    other = schedule.start(EPOCHS, STEPS)
    for epoch, factor in zip(reversed(epochs), reversed(factors), strict=True):
        np.testing.assert_array_equal(other.factors(epoch), factor)


@each_schedule
@pytest.mark.parametrize("warmup", [0.0, 1.5])
@pytest.mark.parametrize("interrupted", range(EPOCHS))
def test_it_goes_on_from_its_state(schedule, warmup, interrupted):
    schedule = dataclasses.replace(schedule, warmup=warmup)
    if isinstance(schedule, Plateau):
        schedule = dataclasses.replace(schedule, patience=1, cooldown=2, factor=0.5)
    metrics = np.random.default_rng(0).normal(size=EPOCHS)
    whole, first = schedule.start(EPOCHS, STEPS), schedule.start(EPOCHS, STEPS)
    for metric in metrics[:interrupted]:
        whole.observe(metric)
        first.observe(metric)
    second = schedule.start(EPOCHS, STEPS)
    second.state = dict(first.state)
    assert all(type(key) is str for key in first.state)
    for epoch, metric in enumerate(metrics[interrupted:], interrupted + 1):
        np.testing.assert_array_equal(second.factors(epoch), whole.factors(epoch))
        whole.observe(metric)
        second.observe(metric)
    assert second.state == whole.state


@each_schedule
def test_one_step_and_no_epochs_are_no_error(schedule):
    assert np.all(np.isfinite(schedule.start(1, 1).factors(1)))
    schedule.start(0, 1)


@pytest.mark.parametrize(
    ("schedule", "problem"),
    [
        (Cosine(growth=2), "growth needs a period: without one there is a single cycle"),
        (Cosine(growth=2, period=1), None),
        (Cosine(), None),
    ],
)
def test_settings_that_contradict_each_other(schedule, problem):
    assert schedule.problem() == problem


@each_schedule
def test_docstring_has_formula_and_source(schedule):
    assert re.search(r"λ\(t\) = \S", schedule.__doc__)
    assert re.search(r"Source: \w", schedule.__doc__)


@each_schedule
@pytest.mark.parametrize("warmup", [0.0, 1.5])
def test_one_whose_factors_depend_on_the_number_of_epochs_says_so(schedule, warmup):
    schedule = dataclasses.replace(schedule, warmup=warmup)
    few, many = (steps_of(schedule.start(n, STEPS)) for n in (EPOCHS, 2 * EPOCHS))
    assert schedule.depends_on_epochs == (not np.array_equal(few, many))
