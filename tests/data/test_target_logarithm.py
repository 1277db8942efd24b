"""Regression targets as standardized logarithms, and back: by hand, and by scipy's log-normal."""

import math

import numpy as np
import pytest
from scipy import stats

from mlpcli.data.target_logarithm import LARGEST, skewness
from mlpcli.data.targets import RegressionTarget, target_from_plain, target_to_plain
from mlpcli.errors import DataError

LOG = {"scale_target": "log", "validation": 0, "test": 0, "task": "regression"}


def column(*values):
    return "x,y\n" + "".join(f"{k},{value}\n" for k, value in enumerate(values))


def test_the_logarithm_is_standardized(dataset):
    found = dataset(column(1, 100, 10, 1000), **LOG)  # logarithms (0, 2, 1, 3) log 10
    target = found.encoding.target
    assert target.log_offset == (0.0,)
    assert target.shift[0] == pytest.approx(1.5 * math.log(10))
    assert target.scale[0] == pytest.approx(math.sqrt(1.25) * math.log(10))
    expected = (np.array([0, 2, 1, 3]) - 1.5) / math.sqrt(1.25)
    np.testing.assert_allclose(found.parts["train"].y[:, 0], expected, rtol=1e-14)
    assert found.parts["train"].labels[:, 0].tolist() == [1, 100, 10, 1000]  # their own unit
    np.testing.assert_allclose(target.decode(found.parts["train"].y)[:, 0], [1, 100, 10, 1000])


def test_where_0_occurs_half_the_least_is_added(dataset):
    found = dataset(column(0, 8, 4, 20), **LOG)  # c = 2: the logarithms of 2, 10, 6, 22
    target = found.encoding.target
    assert target.log_offset == (2.0,)
    logs = np.log([2, 10, 6, 22])
    assert target.shift[0] == pytest.approx(logs.mean())
    assert target.scale[0] == pytest.approx(logs.std())
    y = found.parts["train"].y
    np.testing.assert_allclose(y[:, 0], (logs - logs.mean()) / logs.std(), rtol=1e-14)
    np.testing.assert_allclose(target.decode(y)[:, 0], [0, 8, 4, 20], atol=1e-14)


def test_what_is_added_is_of_the_training_rows(dataset):
    content = "x,part,y\n1,train,8\n2,train,4\n3,test,0\n4,test,1\n"
    target = dataset(content, split_column="part", **LOG).encoding.target
    assert target.log_offset == (2.0,)  # the test part has a 0, and it says no more than that
    assert target.shift[0] == pytest.approx((math.log(10) + math.log(6)) / 2)


def test_each_of_several_targets_has_its_own(dataset):
    content = "x,a,b\n1,1,0\n2,10,6\n3,100,12\n"
    target = dataset(content, **{**LOG, "targets": ["a", "b"]}).encoding.target
    assert target.log_offset == (0.0, 3.0)
    assert target.shift == pytest.approx((math.log(10), (np.log([3, 9, 15])).mean()))


def test_a_prediction_is_never_below_0_and_always_finite():
    target = RegressionTarget(("y",), (0.0,), (1.0,), (2.0,))
    y_hat = np.array([[-50.0], [math.log(2)], [math.log(5)], [1e30], [-1e30]])
    assert target.decode(y_hat)[:, 0] == pytest.approx([0, 0, 3, math.exp(LARGEST), 0])
    assert np.isfinite(target.decode(y_hat)).all()
    assert np.isnan(target.decode(np.array([[np.nan]])))[0, 0]


@pytest.mark.parametrize(("mean", "deviation"), [(0, 0.5), (2, 1.5), (-3, 0.01), (1, 1e-9)])
def test_the_deviation_is_that_of_the_log_normal(mean, deviation):
    # y = (log(v + 2) − 0.7) / 3
    target = RegressionTarget(("y",), (0.7,), (3.0,), (2.0,))
    width, center = np.array([[deviation / 3]]), np.array([[(mean - 0.7) / 3]])
    expected = stats.lognorm(s=deviation, scale=math.exp(mean)).std()
    if deviation == 1e-9:
        expected = math.exp(mean) * deviation  # scipy's exp(t²) − 1 is 0
    assert target.decode_width(width, center)[0, 0] == pytest.approx(expected, rel=1e-9)
    assert target.decode_width(np.array([[0.0]]), center)[0, 0] == 0
    assert np.isfinite(target.decode_width(np.array([[1e3]]), center)).all()


def test_an_error_is_one_of_the_logarithm():
    target = RegressionTarget(("y",), (5.0,), (7.0,), (1.0,))
    label, predicted = np.array([[7.0], [0.0]]), np.array([[3.0], [4.0]])
    error = target.error(label, predicted)
    np.testing.assert_allclose(error[:, 0], [math.log(8 / 4), math.log(1 / 5)])
    np.testing.assert_allclose(target.add_error(predicted, error), label, atol=1e-15)
    assert target.add_error(np.array([[3.0]]), np.array([-9.0]))[0, 0] == 0  # 4 e^−9 − 1 < 0
    plain = RegressionTarget(("y",), (5.0,), (7.0,))
    assert plain.error(label, predicted)[:, 0].tolist() == [4, -4]
    assert plain.add_error(predicted, np.array([-9.0]))[:, 0].tolist() == [-6, -5]


ADVICE = "; write data.scale_target: standard"


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ((1, -3, 0), "d.csv:3:3: y: -3 has no logarithm, which data.scale_target asks for"),
        ((0, 0, 0), "d.csv: y: no training row is above 0, so none has a logarithm"),
    ],
)
def test_targets_without_a_logarithm(no_dataset, values, problem):
    assert no_dataset(column(*values), **LOG) == problem + ADVICE


def test_targets_too_large_for_metrics_in_their_unit(no_dataset):
    assert no_dataset(column("1e300", "2e300", "1e200"), **LOG) == (
        "d.csv: y: the numbers are too large to be scaled"
    )


@pytest.mark.parametrize("values", [[5.5] * 9, [0.1] * 25, [7]])
def test_one_value_alone_is_not_divided_by_its_rounding(dataset, values):
    found = dataset(column(*values), **LOG)
    target = found.encoding.target
    assert target.scale == (1.0,)
    np.testing.assert_allclose(found.parts["train"].y, 0, atol=1e-14)
    np.testing.assert_allclose(target.decode(np.zeros((1, 1))), values[0], rtol=1e-14)


def test_a_zero_that_the_training_data_have_not(dataset, table):
    target = dataset(column(1, 2, 3.5), **LOG).encoding.target
    with pytest.raises(DataError, match="y: 0 has no logarithm, and the training data have no 0"):
        target.labels(table(column(1, 0, 3.5)))


def test_a_model_file_has_it_and_older_ones_have_none():
    target = RegressionTarget(("y",), (0.5,), (2.0,), (0.25,))
    assert target_from_plain(target_to_plain(target)) == target
    plain = target_to_plain(RegressionTarget(("y",), (0.5,), (2.0,)))
    assert plain == {"task": "regression", "names": ("y",), "shift": (0.5,), "scale": (2.0,)}
    assert target_from_plain(plain).log_offset is None


def hints(found):
    return [guess.text for guess in found.guesses if guess.kind == "target"]


def lognormal(n):
    return np.exp(np.random.default_rng(1).normal(10, 1, n)).round(2)


def test_a_skewed_target_is_told_of_the_logarithm(dataset):
    found = dataset(column(*lognormal(60)), suggest_logarithm=True)
    (hint,) = hints(found)
    assert hint == (
        "y: all above 0, with a long tail of large values, as prices and incomes are; their "
        "logarithm is more even, and data.scale_target: log predicts that"
    )
    assert found.encoding.target.log_offset is None  # a hint, and no more
    assert hints(dataset(column(*lognormal(60)))) == []  # where the spec says how it is scaled


@pytest.mark.parametrize(
    "values",
    [
        lognormal(60) - 30_000,  # some below 0
        np.random.default_rng(1).normal(10, 1, 60),
        [k**6 + 0.5 for k in range(60)],  # the logarithms are as skewed the other way
        lognormal(20),  # 14 training rows
        [5.5] * 60,
    ],
)
def test_others_are_not(dataset, values):
    assert hints(dataset(column(*values), suggest_logarithm=True)) == []


def test_the_skewness_is_scipy_s():
    values = lognormal(50)
    assert skewness(values) == pytest.approx(stats.skew(values))
    assert skewness(values * 1e250) == pytest.approx(stats.skew(values))
