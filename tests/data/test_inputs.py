"""Inputs as numbers: as scikit-learn makes them, fitted on the training rows, matched by name."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, StandardScaler

from mlpcli.data.inputs import InputEncoder
from mlpcli.data.readers import ReadOptions, read_table
from mlpcli.errors import DataError

SCALERS = {"standard": StandardScaler, "minmax": MinMaxScaler, "none": FunctionTransformer}
SPLIT = "part"


def numbers_with_gaps(n_rows, seed=0):
    """Return columns of very different sizes, one constant, some with missing values, and parts."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 6)) * [1, 1e-6, 1e6, 3, 0, 1] + [0, 5, -1e7, 0.1, 0.1, 100]
    X[:, 5] = np.round(X[:, 5])
    X[rng.random((n_rows, 6)) < [0, 0.3, 0, 0.6, 0, 0.1]] = np.nan
    parts = rng.choice(["train", "validation", "test"], n_rows, p=[0.6, 0.2, 0.2])
    return X, parts


def as_csv(X, parts, y="0.5"):
    names = ",".join(f"x{j}" for j in range(X.shape[1]))
    lines = [
        ",".join(["NA" if np.isnan(v) else repr(float(v)) for v in row] + [part, y])
        for row, part in zip(X, parts, strict=True)
    ]
    return f"{names},part,y\n" + "\n".join(lines) + "\n"


@pytest.fixture(params=["all rows at once", "few rows at once"])
def blocks(request, monkeypatch):
    """Encode so many rows at a time: of a large table the cache does not hold all."""
    if request.param == "few rows at once":
        monkeypatch.setattr("mlpcli.data.inputs.BLOCK_NUMBERS", 25)  # 4 of 6 numbers


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("scale", SCALERS)
@pytest.mark.parametrize("seed", range(3))
def test_numbers_are_imputed_and_scaled_as_by_scikit_learn(dataset, scale, seed):
    X, parts = numbers_with_gaps(80, seed)
    found = dataset(as_csv(X, parts), split_column=SPLIT, scale=scale)
    oracle = make_pipeline(SimpleImputer(strategy="median"), SCALERS[scale]())
    oracle.fit(X[parts == "train"])
    columns = found.encoding.inputs.columns
    # A column far from zero loses digits before it is scaled: 5 ± 1e-6 keeps ten of them.
    lost = np.array([np.finfo(float).eps * abs(c.shift) / c.scale for c in columns])
    for name, part in found.parts.items():
        expected = oracle.transform(X[parts == name])
        assert part.X.dtype == np.float64
        assert (np.abs(part.X - expected) <= 1e-12 + 8 * lost + 1e-14 * np.abs(expected)).all()


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("missing", [False, True])
def test_categories_are_coded_as_by_scikit_learn(dataset, missing):
    rng = np.random.default_rng(0)
    words = ["red", "green", "Blue", "ä", "10", "9"] + (["", "NA"] if missing else [])
    cells = rng.choice(words, 100)
    cells[:3] = "only in test"
    parts = np.array(["test"] * 3 + ["train"] * 60 + ["validation"] * 37)
    content = "c,part,y\n" + "".join(f"{c},{p},0.5\n" for c, p in zip(cells, parts, strict=True))
    found = dataset(content, split_column=SPLIT)
    column = np.array([None if c in ("", "NA") else c for c in cells], object)[:, np.newaxis]
    oracle = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    oracle.fit(column[parts == "train"])
    for name, part in found.parts.items():
        np.testing.assert_array_equal(part.X, oracle.transform(column[parts == name]))
    assert found.encoding.inputs.feature_names == [
        f"c={w}" for w in ["10", "9", "Blue", "green", "red", "ä"] + ["(missing)"] * missing
    ]
    assert found.replaced == {"data": {"c": 3}}


@pytest.mark.parametrize("scale", SCALERS)
def test_an_outlier_outside_the_training_rows_changes_nothing(dataset, scale):
    X, parts = numbers_with_gaps(60)
    words = np.array(["u", "v", ""])[np.arange(60) % 3]
    y = np.arange(60) * 0.25

    def encoding(X, words, y):
        lines = as_csv(X, parts).splitlines()
        rows = [f"{w},{line.rsplit(',', 1)[0]},{v!r}" for w, line, v in
                zip(words, lines[1:], y.tolist(), strict=True)]  # fmt: skip
        return dataset("\n".join(["c," + lines[0], *rows]) + "\n", split_column=SPLIT, scale=scale)

    before = encoding(X, words, y)
    X, words, y = X.copy(), words.astype(object), y.copy()
    X[parts != "train"] = 1e12
    X[np.flatnonzero(parts != "train")[:2]] = np.nan
    words[parts != "train"] = "never seen"
    y[parts != "train"] = -1e12
    after = encoding(X, words, y)
    assert after.encoding == before.encoding
    np.testing.assert_array_equal(after.parts["train"].X, before.parts["train"].X)
    np.testing.assert_array_equal(after.parts["train"].y, before.parts["train"].y)
    assert after.parts["test"].X.max() > before.parts["test"].X.max()


def test_a_missing_number_becomes_the_median_of_the_training_rows_by_hand(dataset):
    content = "x,part,y\n1,train,.5\n,train,.5\n4,train,.5\n7,train,.5\n100,test,.5\n,test,.5\n"
    found = dataset(content, split_column=SPLIT, scale="minmax")
    np.testing.assert_array_equal(found.parts["train"].X[:, 0], [0, 0.5, 0.5, 1])  # median 4
    np.testing.assert_array_equal(found.parts["test"].X[:, 0], [16.5, 0.5])
    assert found.replaced == {"data": {"x": 2}}


@pytest.mark.parametrize("value", ["5", "0", "0.1", "-1e-300", "1e100", "-7.3", "1e15"])
@pytest.mark.parametrize("scale", ["standard", "minmax"])
def test_a_constant_column_is_zero_and_stays_finite(dataset, value, scale):
    # 0.1 ten times has, by rounding, a standard deviation of 1e-17.
    parts = ["train"] * 10 + ["test"]
    content = "x,part,y\n" + "".join(f"{value},{part},0.5\n" for part in parts)
    found = dataset(content, split_column=SPLIT, scale=scale)
    (column,) = found.encoding.inputs.columns
    assert column.scale == 1
    assert np.abs(found.parts["test"].X).max() <= 1e-12 * max(1, abs(float(value)))


@pytest.mark.parametrize("scale", SCALERS)
def test_numbers_too_large_to_be_averaged(no_dataset, scale):
    # The median of two values is their mean, and their sum is beyond the largest number.
    content = "x,part,y\n1.7e308,train,0.5\n1.6e308,train,0.5\n,train,0.5\n"
    assert no_dataset(content, split_column=SPLIT, scale=scale) == (
        "d.csv: x: the numbers are too large to be scaled"
    )


def test_numbers_so_small_that_their_spread_is_none_are_constant(dataset):
    content = "x,part,y\n" + "".join(f"{i}e-300,train,0.5\n" for i in range(9))
    assert dataset(content, split_column=SPLIT).encoding.inputs.columns[0].scale == 1


def test_a_column_without_a_value_in_the_training_rows(dataset):
    content = "x,part,y\n,train,0.5\n,train,0.5\n3,test,0.5\n"
    found = dataset(content, split_column=SPLIT)
    assert found.parts["train"].X.tolist() == [[0], [0]]
    assert found.replaced == {"data": {"x": 2}}


def test_a_missing_category_is_one_of_its_own_only_if_the_training_rows_have_it(dataset):
    rows = "u,train,0.5\nv,train,0.5\n,test,0.5\nu,test,0.5\n"
    found = dataset("c,part,y\n" + rows, split_column=SPLIT)
    assert found.parts["test"].X.tolist() == [[0, 0], [1, 0]]
    assert found.replaced == {"data": {"c": 1}}
    found = dataset("c,part,y\n,train,0.5\n" + rows, split_column=SPLIT)
    assert found.parts["test"].X.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert found.replaced == {"data": {}}


def test_na_is_a_category_where_the_spec_says_so(dataset):
    content = "c,part,y\nNA,train,0.5\nEU,train,0.5\n,train,0.5\n"
    names = dataset(content, split_column=SPLIT).encoding.inputs.feature_names
    assert names == ["c=EU", "c=(missing)"]
    found = dataset(content, split_column=SPLIT, read=ReadOptions(missing=[""]))
    assert found.encoding.inputs.feature_names == ["c=EU", "c=NA", "c=(missing)"]
    found = dataset(content, split_column=SPLIT, read=ReadOptions(missing=[]))
    assert found.encoding.inputs.feature_names == ["c=", "c=EU", "c=NA"]


def test_marks_of_missing_values_that_other_programs_use(dataset):
    content = "x,part,y\n1,train,0.5\n-999,train,0.5\n?,train,0.5\n3,train,0.5\n"
    found = dataset(content, split_column=SPLIT, read=ReadOptions(missing=["-999", "?"]))
    assert found.replaced == {"data": {"x": 2}}
    assert found.encoding.inputs.columns[0].fill == 2


TRAINED = "n,c,flag,part,y\n1,u,true,train,0.5\n2,v,false,train,0.5\n,u,true,train,0.5\n"


def test_columns_are_found_by_name_in_any_order_and_others_are_ignored(dataset, write):
    encoding = dataset(TRAINED, split_column=SPLIT).encoding
    read = lambda text: read_table(write(text, "e.csv"), encoding.read)  # noqa: E731
    expected, _ = encoding.inputs.encode(read("n,c,flag\n2,v,true\n1,u,false\n"), "float64")
    X, replaced = encoding.inputs.encode(
        read('extra,flag,c,more,n\nx,True,v,1,2.0\n"y,z",FALSE,u,2,1\n'), "float64"
    )
    np.testing.assert_array_equal(X, expected)
    assert X[:, 3:].tolist() == [[0, 1], [1, 0]]
    assert replaced == {}


def test_an_unseen_category_sets_no_column_and_is_counted(dataset, write):
    encoding = dataset(TRAINED, split_column=SPLIT).encoding
    table = read_table(write("n,c,flag\n1,w,true\n,u,\n,W,maybe\n", "e.csv"), encoding.read)
    X, replaced = encoding.inputs.encode(table, "float32")
    assert X.dtype == np.float32
    assert X[:, 1:].tolist() == [[0, 0, 0, 1], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert replaced == {"n": 2, "c": 2, "flag": 2}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("n,flag\n1,true\n", "e.csv has no column 'c'; its columns: n, flag"),
        (
            "N,c,flag\n1,u,true\n",
            ("e.csv has no column 'n'; its columns: N, c, flag; did you mean 'N'?"),
        ),
        (
            "n,c,flag\n1,u,true\noops,u,true\n",
            ("e.csv:3:1: n: 'oops' is not a number; the model was trained on numbers here"),
        ),
        (
            "n,c,flag\n1,u,true\ninf,u,true\n",
            ("e.csv:3:1: n: the number is infinite; remove the row or the value"),
        ),
        (
            "n,c,flag\n1,u,true\n-1e400,u,true\n",
            ("e.csv:3:1: n: the number is infinite; remove the row or the value"),
        ),
        (
            "n,c,flag\n1,u,true\n1e300,u,true\n",
            ("e.csv:3:1: n: 1e+300 is too large for float32, scaled as the training rows are"),
        ),
    ],
)
def test_a_file_that_does_not_fit_the_model(dataset, write, content, problem):
    encoding = dataset(TRAINED, split_column=SPLIT, scale="standard").encoding
    with pytest.raises(DataError) as caught:
        encoding.inputs.encode(read_table(write(content, "e.csv"), encoding.read), "float32")
    assert str(caught.value) == problem


@given(st.data())
def test_an_encoder_goes_through_json_and_comes_back_the_same(data):
    numbers = st.floats(allow_nan=False, allow_infinity=False)
    names = st.text(max_size=5)
    plain = data.draw(st.lists(
        st.fixed_dictionaries(
            {"name": names, "fill": numbers, "shift": numbers, "scale": numbers},
            optional={"linear_width": numbers},  # files of earlier versions have none
        )
        | st.fixed_dictionaries({"name": names, "categories": st.lists(names | st.none())}),
        max_size=4,
    ))  # fmt: skip
    encoder = InputEncoder.from_plain(plain)
    again = InputEncoder.from_plain(json.loads(json.dumps(encoder.to_plain())))
    assert again == encoder
    kinds = ({"kind": "category" if "categories" in c else "numeric"} for c in plain)
    expected = [kind | c for kind, c in zip(kinds, plain, strict=True)]
    assert json.loads(json.dumps(again.to_plain())) == expected


def test_a_fitted_encoder_comes_back_to_the_last_bit(dataset):
    X, parts = numbers_with_gaps(40)
    found = dataset(as_csv(X, parts), split_column=SPLIT)
    inputs = found.encoding.inputs
    again = InputEncoder.from_plain(json.loads(json.dumps(inputs.to_plain())))
    assert again == inputs
    encoded, _ = again.encode(found.tables["data"], "float64")
    np.testing.assert_array_equal(encoded[found.codes == 0], found.parts["train"].X)


# ---------------------------------------------------------------- back to raw values


MIXED = "a,colour,b,y\n1,red,10,0\n2,blue,30,1\n6,red,50,0\n"


def test_raw_values_from_x(dataset):
    found = dataset(MIXED, validation=0, test=0, scale="minmax")
    inputs, X = found.encoding.inputs, found.parts["train"].X
    assert inputs.feature_names == ["a", "colour=blue", "colour=red", "b"]
    assert inputs.numeric.tolist() == [True, False, False, True]
    assert inputs.column_numbers.tolist() == [0, 1, 1, 2]
    assert inputs.scaling.shift.tolist() == [1, 0, 0, 10]
    assert inputs.scaling.scale.tolist() == [5, 1, 1, 40]
    assert inputs.scaling.width.tolist() == [0, 0, 0, 0]
    expected = [[1, 0, 1, 10], [2, 1, 0, 30], [6, 0, 1, 50]]
    np.testing.assert_allclose(inputs.raw(X), expected, rtol=1e-15)
    assert inputs.raw(X.astype("f4")).dtype == np.float64


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        ((2, 2, 1), "2 · 2 · 1 is 4 numbers, and a row has 2 numeric columns beside the target"),
        ((1, 1, 1), "1 · 1 · 1 is 1 numbers, and a row has 2 numeric columns beside the target"),
    ],
)
def test_rows_that_are_no_image(dataset, image, sentence):
    with pytest.raises(DataError) as caught:
        dataset("a,b,y\n1,2,0\n2,3,1\n", image=image, validation=0, test=0)
    assert (str(caught.value), caught.value.key) == (sentence, ("data", "image"))


def test_a_column_of_categories_is_no_pixel(dataset, no_dataset):
    assert no_dataset(MIXED, image=(1, 4, 1), validation=0, test=0) == (
        "colour is a column of categories; an image is numbers only: write data.exclude: [colour]"
    )
    dataset(MIXED, image=(1, 2, 1), exclude=["colour"], validation=0, test=0)


@pytest.mark.parametrize("scale", ["auto", "standard", "asinh", "minmax", "none"])
def test_all_pixels_of_a_channel_are_scaled_alike(dataset, scale):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 200, (20, 8)).astype(float)  # 2 x 2 pixels of 2 channels
    pixels[:, 3] = 7.0  # one that never changes
    names = [f"p{k}" for k in range(8)]
    rows = [
        ",".join([*map(str, row), "ab"[d % 2], "test" if d > 15 else "train"])
        for d, row in enumerate(pixels)
    ]
    content = ",".join([*names, "y", "part"]) + "\n" + "\n".join(rows) + "\n"
    found = dataset(content, split_column="part", scale=scale, image=(2, 2, 2))
    train = pixels[:16].reshape(16, 4, 2)
    if scale in ("auto", "standard", "asinh"):
        shift, spread = train.mean(axis=(0, 1)), train.std(axis=(0, 1))
    elif scale == "minmax":
        shift, spread = train.min(axis=(0, 1)), np.ptp(train, axis=(0, 1))
    else:
        shift, spread = np.zeros(2), np.ones(2)
    for name, part in (("train", pixels[:16]), ("test", pixels[16:])):
        expected = ((part.reshape(-1, 4, 2) - shift) / spread).reshape(len(part), 8)
        expected = 3 * np.arcsinh(expected / 3) if scale == "asinh" else expected
        np.testing.assert_allclose(found.parts[name].X, expected, rtol=0, atol=1e-6)
