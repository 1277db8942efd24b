"""Numeric inputs scaled by asinh: by hand, there and back; and the scale that `auto` chooses."""

from math import log, sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from mlpcli.data import csv_values
from mlpcli.data.data_options import DataOptions
from mlpcli.data.encoders import NumericColumn
from mlpcli.data.inputs import InputEncoder
from mlpcli.data.loading import load_dataset
from mlpcli.data.readers import ReadOptions, read_table
from mlpcli.data.scaling import Scaling, choose_scale

SHIPPED = Path(__file__).parents[2] / "data"


def text_of(X, parts, y="0.5"):
    names = ",".join(f"x{j}" for j in range(X.shape[1]))
    lines = [
        ",".join(["NA" if np.isnan(v) else repr(float(v)) for v in row] + [part, y])
        for row, part in zip(X, parts, strict=True)
    ]
    return f"{names},part,y\n" + "\n".join(lines) + "\n"


def skewed(n, columns=4):
    """Return columns of a log-normal distribution, whose largest values are far out."""
    return np.random.default_rng(0).lognormal(0, 3, (n, columns))


# ---------------------------------------------------------------- asinh


def test_asinh_by_hand(dataset):
    # Training rows 0, 2, 2, 8: mean 3, deviation 3; the gap is set to their median, 2.
    rows = "0,train\n2,train\nNA,train\n8,train\n3,test\n33,test\n"
    text = "x,part,y\n" + rows.replace("\n", ",0.5\n")
    found = dataset(text, split_column="part", scale="asinh")
    # asinh(t) = ln(t + √(t² + 1)) of t = z/3, z = −1, −1/3, −1/3, 5/3; 0 and 10.
    one, two = -3 * log((1 + sqrt(10)) / 3), -3 * log((1 + sqrt(82)) / 9)
    expected = [one, two, two, 3 * log((5 + sqrt(106)) / 9), 0.0, 3 * log((10 + sqrt(109)) / 3)]
    X = np.concatenate([found.parts["train"].X, found.parts["test"].X])
    np.testing.assert_allclose(X[:, 0], expected, rtol=1e-14, atol=1e-15)
    (column,) = found.encoding.inputs.columns
    assert column == NumericColumn("x", 2.0, 3.0, 3.0, 3.0)
    np.testing.assert_allclose(found.encoding.inputs.raw(X)[:, 0], [0, 2, 2, 8, 3, 33], atol=1e-12)


@pytest.mark.parametrize("gaps", [0.0, 0.2])
def test_asinh_as_by_scikit_learn_and_numpy(dataset, gaps):
    rng = np.random.default_rng(1)
    X = skewed(90)
    X[rng.random(X.shape) < gaps] = np.nan
    parts = np.array(["train"] * 60 + ["test"] * 30)
    found = dataset(text_of(X, parts), split_column="part", scale="asinh")
    oracle = make_pipeline(
        SimpleImputer(strategy="median"),
        StandardScaler(),  # of the training rows alone
        FunctionTransformer(lambda z: 3 * np.arcsinh(z / 3)),
    ).fit(X[:60])
    for name, rows in (("train", X[:60]), ("test", X[60:])):
        np.testing.assert_allclose(found.parts[name].X, oracle.transform(rows), rtol=1e-12)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.floats(0.1, 10), st.floats(-50, 50))
def test_raw_undoes_scaled_and_scaled_undoes_raw(shift, scale, width, z):
    one = Scaling(*(np.array([value, value]) for value in (shift, scale)), np.array([0.0, width]))
    raw = np.full((3, 2), shift + scale * z)
    X = one.scaled(raw.copy())
    lost = 1e-13 * (1 + abs(shift) / scale + abs(z))  # what shift + scale z rounds away
    np.testing.assert_allclose(X[:, 0], z, rtol=0, atol=lost)
    np.testing.assert_allclose(X[:, 1], width * np.arcsinh(z / width), rtol=0, atol=lost)
    np.testing.assert_allclose(one.raw(X), raw, rtol=1e-9, atol=scale * lost * 1e2)


def test_far_values_stay_finite_and_apart(dataset):
    # 999 values of deviation 1, and inputs of 46, 1e6 and 1e30 deviations at prediction.
    X = np.random.default_rng(0).normal(size=(999, 1))
    far = np.array([[46.0], [1e6], [1e30], [-1e30]])
    parts = ["train"] * 999 + ["test"] * 4
    found = dataset(
        text_of(np.vstack([X, far]), parts), split_column="part", scale="asinh", dtype="float32"
    )
    test = found.parts["test"].X[:, 0]
    assert np.isfinite(test).all()
    assert np.abs(found.parts["train"].X).max() < 4
    assert 9 < test[0] < 11
    assert 35 < test[1] < 45
    assert 200 < test[2] < 212
    assert test[3] == pytest.approx(-test[2], rel=1e-6)


def test_one_outlier_among_the_training_rows(dataset, way, monkeypatch):
    if way == "large":
        monkeypatch.setattr(csv_values, "BLOCK_ROWS", 500)
    # One value of n, all others alike: √(n − 1) deviations out, which 3 asinh(z / 3) makes small.
    X = np.zeros((10_000, 1))
    X[0] = 1e30
    found = dataset(text_of(X, ["train"] * 10_000), split_column="part", scale="asinh")
    train = found.parts["train"].X
    assert train[0, 0] == pytest.approx(3 * np.log(2 * np.sqrt(9999) / 3), rel=1e-3)
    assert np.abs(train[1:]).max() < 0.011


@pytest.mark.parametrize("value", [0.0, 0.1, -1e30])
def test_a_constant_column_is_0_and_another_value_later_finite(dataset, value):
    X = np.array([[value]] * 5 + [[1e30]])
    found = dataset(text_of(X, ["train"] * 5 + ["test"]), split_column="part", scale="asinh")
    np.testing.assert_allclose(found.parts["train"].X, 0, atol=1e-15)
    assert 200 < found.parts["test"].X[0, 0] < 210


# ---------------------------------------------------------------- model files


def test_a_column_of_a_file_without_a_width_is_linear_and_is_written_as_it_was(write):
    plain = [{"name": "x", "fill": 2.0, "shift": 3.0, "scale": 4.0}]
    encoder = InputEncoder.from_plain(plain)
    assert encoder.to_plain() == [{"kind": "numeric"} | plain[0]]
    X, _ = encoder.encode(read_table(write("x\n11\nNA\n"), ReadOptions()), "float64")
    assert X.tolist() == [[2.0], [-0.25]]
    bent = InputEncoder.from_plain([plain[0] | {"linear_width": 5.0}])  # whatever is the default
    X, _ = bent.encode(read_table(write("x\n11\nNA\n"), ReadOptions()), "float64")
    np.testing.assert_allclose(X[:, 0], [5 * np.arcsinh(0.4), 5 * np.arcsinh(-0.05)], rtol=1e-15)
    np.testing.assert_allclose(bent.raw(X)[:, 0], [11, 2], rtol=1e-14)


# ---------------------------------------------------------------- auto


@pytest.mark.parametrize(
    ("name", "target", "scale", "reason"),
    [
        ("digits", "digit", "standard", "all 64 numeric columns are whole numbers in one range"),
        ("iris", "species", "asinh", "not like pixels"),
        ("diabetes", "progression", "asinh", "not like pixels"),
        ("breast_cancer", "diagnosis", "asinh", "not like pixels"),
        ("penguins", "species", "asinh", "not like pixels"),
    ],
)
def test_the_scale_of_shipped_data(name, target, scale, reason, way, monkeypatch):
    if way == "large":
        monkeypatch.setattr(csv_values, "BLOCK_ROWS", 500)
    found = load_dataset(DataOptions(targets=[target], path=str(SHIPPED / f"{name}.csv")))
    assert found.scale.name == scale
    assert reason in found.scale.reason
    widths = found.encoding.inputs.scaling.width[found.encoding.inputs.numeric]
    assert set(widths) == {3.0 if scale == "asinh" else 0.0}


def pixels(n_columns=64, top=255, n=200):
    """Return pixels as they are: dark at the rim, the middle over the whole range."""
    rng = np.random.default_rng(0)
    ends = np.linspace(0, 1.9, n_columns).clip(0, 1) * top  # the last half reach the top
    return np.round(rng.uniform(0, 1, (n_columns, n)) ** 2 * ends[:, np.newaxis])


@pytest.mark.parametrize("top", [1, 16, 255])
def test_whole_numbers_in_one_range_are_like_pixels(top):
    columns = (
        pixels(top=top)
        if top > 1
        else np.random.default_rng(0).integers(0, 2, (64, 200)).astype(float)
    )
    assert choose_scale(columns, 64).name == "standard"
    assert choose_scale(columns, 64).reason.endswith(f"0 to {top}, like pixels")
    columns[:10] = 0.0  # the rim
    columns[5, 3] = np.nan  # a gap says nothing
    assert choose_scale(columns, 64).name == "standard"


def changed(columns, row, value):
    columns = columns.copy()
    columns[row] = value
    return columns


@pytest.mark.parametrize(
    "columns",
    [
        pixels(64)[-15:],  # too few
        changed(pixels(), (40, 7), 0.5),  # one value between
        changed(pixels(), (40, 7), -1.0),
        changed(pixels(), (40, 7), 1000.0),  # what all others are far from
        np.round(np.random.default_rng(0).lognormal(0, 3, (20, 200))),  # counts of unlike things
        np.zeros((20, 200)),
        np.full((20, 200), np.nan),
        np.random.default_rng(0).uniform(0, 1, (20, 200)),
    ],
    ids=["few", "fraction", "negative", "outlier", "counts", "constant", "missing", "shares"],
)
def test_columns_that_are_not_like_pixels(columns):
    assert choose_scale(columns, len(columns)).name == "asinh"


def test_an_image_is_pixels_whatever_its_numbers(dataset):
    rows = "".join(f"{a / 7},{a * a},0.5\n" for a in range(20))
    text = "a,b,y\n" + rows
    assert dataset(text, validation=0, test=0).scale.name == "asinh"
    found = dataset(text, validation=0, test=0, image=(1, 2, 1))
    assert found.scale.name == "standard"
    assert found.scale.reason == "data.image says that the columns are pixels"
    np.testing.assert_allclose(found.parts["train"].X.std(), 1, rtol=1e-12)  # one channel


def test_the_training_rows_alone_decide(dataset):
    # Pixels, but for one fraction in the test rows.
    X = np.vstack([pixels(16).T, np.full((1, 16), 0.5)])
    train = text_of(X, ["train"] * 200 + ["test"])
    assert dataset(train, split_column="part").scale.name == "standard"
    assert dataset(train.replace("test", "train"), split_column="part").scale.name == "asinh"


def test_categories_are_not_counted_among_the_numbers(dataset):
    X = pixels(17)[1:].T
    content = text_of(X, ["train"] * 200)
    assert dataset(content, split_column="part").scale.name == "standard"
    found = dataset(content, split_column="part", categorical=["x0"])
    assert found.scale.name == "asinh"  # 15 are left


def test_a_named_scale_has_no_reason(dataset):
    found = dataset("x,y\n1,0.5\n2,0.6\n3,0.7\n", validation=0, test=0, scale="minmax")
    assert (found.scale.name, found.scale.reason) == ("minmax", "")
    assert found.parts["train"].X.tolist() == [[0], [0.5], [1]]
