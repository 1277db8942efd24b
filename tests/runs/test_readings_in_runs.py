"""Columns that are read as money, dates, booleans: in a run, its model file, and new tables."""

import json

import numpy as np
import pytest

from mlpcli.data.data_options import DataOptions
from mlpcli.data.readers import ReadOptions, read_table
from mlpcli.data.readings import READINGS
from mlpcli.errors import DataError, RunError
from mlpcli.runs.evaluate import predict
from mlpcli.runs.model_file import load_model
from mlpcli.spec.load import load_spec
from mlpcli.spec.write import spec_to_yaml
from mlpcli.training.build import load_dataset
from mlpcli.training.resolve import resolve

SPEC = """
data: {path: t.csv, target: price, delimiter: ';', scale: standard}
model: {layers: [{units: 4}]}
training: {epochs: 2}
runtime: {dtype: float64}
"""
SHORT = "data: {path: t.csv, target: y, scale: standard}\ntraining: {epochs: 2}\n"
ROWS = [
    (k * 1234.5 + 0.25, k * 10.5, "yes" if k % 3 else "no", ("Rome", "Oslo")[k % 2], k)
    for k in range(1, 61)
]


def german(number):
    return f"{number:,.2f}".replace(",", " ").replace(".", ",").replace(" ", ".")


@pytest.fixture(scope="module")
def run(make_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("money")
    lines = ["price;size;garden;city;age"]
    lines += [
        f"{german(price)} €;{german(size)};{garden};{city} ;{'?' if age % 7 == 0 else age}"
        for price, size, garden, city, age in ROWS
    ]
    (folder / "t.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return make_run(folder, SPEC)


def table(folder, text, delimiter=";", model=None):
    (folder / "new.csv").write_text(text, encoding="utf-8")
    options = model.encoding.read if model else ReadOptions()
    options = ReadOptions(options.missing, delimiter, options.text)
    return read_table(str(folder / "new.csv"), options)


def test_the_values_are_those_that_are_written(run):
    data = run.dataset.tables["data"]
    assert run.dataset.encoding.task == "regression"
    np.testing.assert_array_equal(data.numbers("price", ""), [row[0] for row in ROWS])
    np.testing.assert_array_equal(data.numbers("size", ""), [row[1] for row in ROWS])
    age = [np.nan if row[4] % 7 == 0 else row[4] for row in ROWS]
    np.testing.assert_array_equal(data.numbers("age", ""), age)
    assert run.dataset.encoding.inputs.feature_names == [
        "size", "garden=no", "garden=yes", "city=Oslo", "city=Rome", "age",
    ]  # fmt: skip


def test_the_model_file_keeps_the_readings(run):
    assert load_model(run.model).encoding.readings == {
        "price": READINGS["number"](",", ".", "€", ()),
        "garden": READINGS["boolean"]("yes", "no"),
        "city": READINGS["text"](),
        "age": READINGS["number"](",", "", "", ("?",)),
    }


SAME = {
    "as in training": "price;size;garden;city;age\n1 €;1.050,5;yes;Rome;?\n1 €;21,0;no;Oslo;9",
    "plain": "size,garden,city,age\n1050.5,yes,Rome,\n21.0,no,Oslo,9",
    "other signs": 'size,garden,city,age\n"1,050.50",Y,Rome,-\n21.00,FALSE,Oslo,9.0',
    "other spellings": "age;city; garden;size\nNaN; Rome; YES ;1 050,5\n 9 ;Oslo ;No;21".replace(
        "; garden", ";garden"
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_values_written_in_another_way_are_predicted_the_same(run, name, tmp_path):
    model, text = load_model(run.model), SAME[name]
    found = table(tmp_path, text + "\n", "," if "size," in text else ";", model)
    columns, _ = predict(model, found)
    first = table(tmp_path, SAME["as in training"] + "\n", model=model)
    expected, _ = predict(model, first)
    np.testing.assert_array_equal(columns["prediction"], expected["prediction"])


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("$5", "new.csv:2:1: size: '$5' is not a number"),
        ("large", "new.csv:2:1: size: 'large' is not a number; the model was trained on numbers"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(run, tmp_path, cell, problem):
    model = load_model(run.model)
    if cell == "$5":  # a unit where training had none is only a unit
        new = table(tmp_path, "size;garden;city;age\n$5;yes;Rome;1\n", model=model)
        plain = table(tmp_path, "size;garden;city;age\n5;yes;Rome;1\n", model=model)
        assert predict(model, new)[0]["prediction"] == predict(model, plain)[0]["prediction"]
        return
    with pytest.raises(DataError) as caught:
        predict(model, table(tmp_path, f"size;garden;city;age\n{cell};yes;Rome;1\n", model=model))
    assert str(caught.value).startswith(f"{tmp_path}/{problem}")


def test_the_resolved_spec_gives_the_same_rows(run, tmp_path):
    loaded = load_spec(str(run.folder / "spec.yaml"))
    dataset = load_dataset(loaded)
    (tmp_path / "t.csv").write_bytes((run.folder / "t.csv").read_bytes())
    (tmp_path / "again.yaml").write_text(spec_to_yaml(resolve(loaded.spec, dataset)), "utf-8")
    again = load_dataset(load_spec(str(tmp_path / "again.yaml")))
    assert not [guess for guess in again.guesses if guess.kind in ("reading", "missing")]
    assert again.encoding == dataset.encoding
    for name, part in dataset.parts.items():
        assert again.parts[name].X.tobytes() == part.X.tobytes()
        assert again.parts[name].y.tobytes() == part.y.tobytes()


def test_a_table_that_is_read_is_read_as_it_is(run):
    encoding, data = run.dataset.encoding, run.dataset.tables["data"]
    again = encoding.read_columns(data)
    for name in data.columns:
        assert [again.column(name).cell(k) for k in range(len(data))] == [
            data.column(name).cell(k) for k in range(len(data))
        ]


def test_plain_numbers_in_training_may_be_written_in_another_way_later(make_run, tmp_path):
    lines = ["a,y", *(f"{k * 100.5},{k / 3}" for k in range(60))]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    spec = SPEC.replace("price, delimiter: ';'", "y")
    model = load_model(make_run(tmp_path, spec).model)
    assert model.encoding.readings == {}
    plain, _ = predict(model, table(tmp_path, "a\n1234.5\n1000\n", ",", model))
    money, _ = predict(model, table(tmp_path, "a\n€ 1.234,5\n1.000\n", ";", model))
    np.testing.assert_array_equal(plain["prediction"], money["prediction"])
    with pytest.raises(DataError, match="'oops' is not a number; the model was trained on numbers"):
        predict(model, table(tmp_path, "a\n1.000,5\noops\n", ";", model))


def test_a_model_file_without_readings_takes_texts_as_they_are(run, tmp_path):
    model = load_model(without_readings(run.model, tmp_path / "old.safetensors"))
    assert model.encoding.readings == {}
    new = table(tmp_path, "size;garden;city;age\n5;yes; Rome;1\n", model=model)
    assert new.texts("city").tolist() == [" Rome"]
    _, replaced = predict(model, new)
    assert replaced == {"city": 1}  # no category of training


def without_readings(path, to):
    """Write a model file as it was before there were readings."""
    return changed(path, to, lambda encoding: encoding.pop("readings"))


def changed(path, to, change):
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    document = json.loads(header["__metadata__"]["mlp"])
    change(document["encoding"])
    header["__metadata__"] = {"mlp": json.dumps(document)}
    text = json.dumps(header).encode()
    to.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + size :])
    return to


@pytest.mark.parametrize(
    "reading",
    [{"name": "numbers"}, {"name": "number", "unit": 5}, 5, {"name": "date", "first": ""}],
)
def test_a_model_file_with_a_damaged_reading(run, tmp_path, reading):
    path = changed(
        run.model, tmp_path / "m.safetensors", lambda e: e["readings"].update(size=reading)
    )
    with pytest.raises(RunError, match="description is damaged"):
        load_model(path)


def test_files_of_parts_are_read_alike(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"{german(k * 1000.5)};{k}" for k in range(20)]
    (tmp_path / "a.csv").write_text("\n".join(["x;y", *rows]) + "\n", "utf-8")
    (tmp_path / "b.csv").write_text("x;y\n1.234;5\n", "utf-8")  # by itself 1.234
    from mlpcli.data.loading import load_dataset as load

    read = ReadOptions(delimiter=";")
    files = {"train": "a.csv", "test": "b.csv"}
    found = load(DataOptions(targets=["y"], files=files, read=read, task="regression"))
    assert found.tables["test"].numbers("x", "").tolist() == [1234]


def test_the_order_of_day_and_month_is_not_taken_over_into_other_signs(make_run, tmp_path):
    days = [f"{k % 12 + 1}/{k % 28 + 1}/23" for k in range(60)]  # month first, as 13 to 28 show
    lines = ["when,x,y", *(f"{day},{k % 7}.5,{k % 5}.5" for k, day in enumerate(days))]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n", "utf-8")
    model = load_model(make_run(tmp_path, SHORT).model)

    def predicted(text):
        new = tmp_path / "new.csv"
        new.write_text(f"when,x\n{text},1.5\n", "utf-8")
        return predict(model, read_table(str(new), model.encoding.read))[0]["prediction"][0]

    assert predicted("4/5/23") == predicted("2023-04-05") == predicted("04/05/2023")
    assert predicted("13.04.2023") == predicted("2023-04-13")
    with pytest.raises(DataError, match=r"'05.04.2023' could have the day or the month first"):
        predicted("05.04.2023")


def test_a_number_that_may_be_thousands_or_a_fraction_is_refused(make_run, tmp_path):
    lines = ["volt,x,y", *(f"{1 + k % 7}.{345 + k},{k % 7}.5,{k % 5}.5" for k in range(60))]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n", "utf-8")
    model = load_model(make_run(tmp_path, SHORT).model)
    new = tmp_path / "new.csv"
    new.write_text("volt;x\n3,345;1\n", "utf-8")
    table = read_table(str(new), model.encoding.read)
    with pytest.raises(DataError, match="'3,345' could be thousands or a fraction"):
        predict(model, table)
    new.write_text("volt;x\n3,345;1,5\n", "utf-8")
    told = predict(model, read_table(str(new), model.encoding.read))[0]["prediction"]
    new.write_text("volt,x\n3.345,1.5\n", "utf-8")
    plain = predict(model, read_table(str(new), model.encoding.read))[0]["prediction"]
    np.testing.assert_array_equal(told, plain)


def test_dates_of_a_parquet_file_may_be_texts_elsewhere(make_run, tmp_path):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    when = pd.date_range("2024-01-01", periods=60, freq="13h")
    frame = pd.DataFrame({"when": when, "x": np.arange(60) % 7, "y": np.arange(60) % 5 + 0.5})
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_csv(tmp_path / "t.csv", index=False)
    model = load_model(make_run(tmp_path, SHORT.replace("t.csv", "t.parquet")).model)
    each = [
        predict(model, read_table(str(tmp_path / name), model.encoding.read))[0]["prediction"]
        for name in ("t.parquet", "t.csv")
    ]
    np.testing.assert_array_equal(*each)
