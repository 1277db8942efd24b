"""A model applied to a file: which rows are which part, and what a prediction looks like."""

import numpy as np
import pytest

from mlpcli.data.readers import ReadOptions, read_table
from mlpcli.errors import DataError, RunError, UsageError
from mlpcli.runs.evaluate import load_parts, predict
from mlpcli.runs.model_file import load_model

EPOCH = "training: {epochs: 1}\n"


@pytest.fixture(scope="module")
def iris(iris_run):
    return load_model(iris_run.model)


def lengths(parts):
    return {name: len(part) for name, part in parts.items()}


@pytest.mark.parametrize("given", [False, True], ids=["by default", "named"])
def test_the_training_file_is_split_as_it_was(given, iris, iris_run):
    parts, replaced, _ = load_parts(
        iris, str(iris_run.folder / "iris.csv") if given else None, None
    )
    assert lengths(parts) == {"train": 106, "validation": 22, "test": 22}
    for name, part in iris_run.dataset.parts.items():
        np.testing.assert_array_equal(parts[name].X, part.X)
        np.testing.assert_array_equal(parts[name].labels, part.labels)
    assert list(replaced.values()) == [{}]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_one_part_only(split, iris, iris_run):
    parts, *_ = load_parts(iris, None, split)
    assert list(parts) == [split]
    np.testing.assert_array_equal(parts[split].rows, iris_run.dataset.parts[split].rows)


def test_the_same_bytes_under_another_name_are_the_training_file(iris, iris_run, tmp_path):
    copy = tmp_path / "renamed.csv"
    copy.write_bytes((iris_run.folder / "iris.csv").read_bytes())
    assert lengths(load_parts(iris, str(copy), None)[0])["train"] == 106


def test_any_other_file_is_one_part(iris, iris_run, tmp_path):
    lines = (iris_run.folder / "iris.csv").read_text(encoding="utf-8").splitlines()
    other = tmp_path / "other.csv"
    other.write_text("\n".join(lines[:11]) + "\n", encoding="utf-8")
    parts, *_ = load_parts(iris, str(other), None)
    assert lengths(parts) == {"all": 10}
    with pytest.raises(UsageError, match=r"--split test: .*other\.csv is not the file"):
        load_parts(iris, str(other), "test")


def test_a_training_file_that_has_changed_is_refused(make_run, tmp_path):
    rows = [f"{k},{'a' if k % 2 else 'b'}" for k in range(20)]
    (tmp_path / "t.csv").write_text("\n".join(["x,y", *rows]) + "\n", encoding="ascii")
    model = load_model(make_run(tmp_path, f"data: {{path: t.csv, target: y}}\n{EPOCH}").model)
    with (tmp_path / "t.csv").open("a", encoding="ascii") as file:
        file.write("20,a\n")
    with pytest.raises(DataError, match=r"has changed since .* name it: --data") as caught:
        load_parts(model, None, None)
    assert caught.value.exit_code == 3
    parts, *_ = load_parts(model, str(tmp_path / "t.csv"), None)
    assert lengths(parts) == {"all": 21}
    (tmp_path / "t.csv").unlink()
    with pytest.raises(DataError, match="there is no such file"):
        load_parts(model, None, None)


def test_a_split_column_splits_new_files_too(make_run, tmp_path):
    parts = ["train", "val", "test", "train"]
    rows = [f"{k},{k % 2},{parts[k % 4]}" for k in range(20)]
    (tmp_path / "t.csv").write_text("\n".join(["x,y,part", *rows]) + "\n", encoding="ascii")
    text = f"data: {{path: t.csv, target: y, split: {{column: part}}}}\n{EPOCH}"
    model = load_model(make_run(tmp_path, text).model)
    assert lengths(load_parts(model, None, None)[0]) == {"train": 10, "validation": 5, "test": 5}
    new = tmp_path / "new.csv"
    new.write_text("x,y,part\n1,0,test\n2,1,train\n3,1,test\n", encoding="ascii")
    assert lengths(load_parts(model, str(new), None)[0]) == {"train": 1, "test": 2}
    assert lengths(load_parts(model, str(new), "test")[0]) == {"test": 2}
    with pytest.raises(UsageError, match=r"no such part; it has: train, test$"):
        load_parts(model, str(new), "validation")
    new.write_text("x,y\n1,0\n2,1\n", encoding="ascii")
    assert lengths(load_parts(model, str(new), None)[0]) == {"all": 2}


def test_files_of_their_own_are_the_parts(make_run, tmp_path):
    for name, n in (("a", 12), ("b", 5)):
        body = "".join(f"{k},{'yes' if k % 2 else 'no'}\n" for k in range(n))
        (tmp_path / f"{name}.csv").write_text("x,y\n" + body, encoding="ascii")
    text = "data: {target: y, split: {files: {train: a.csv, validation: b.csv}}}\n" + EPOCH
    model = load_model(make_run(tmp_path, text).model)
    assert lengths(load_parts(model, None, None)[0]) == {"train": 12, "validation": 5}
    assert lengths(load_parts(model, None, "validation")[0]) == {"validation": 5}
    with pytest.raises(UsageError, match=r"the spec has no such part; it has: train, validation$"):
        load_parts(model, None, "test")
    (tmp_path / "b.csv").write_text("x,y\n1,no\n", encoding="ascii")
    assert lengths(load_parts(model, None, "train")[0]) == {"train": 12}
    with pytest.raises(DataError, match=r"b\.csv: the file has changed"):
        load_parts(model, None, None)


def test_data_from_standard_input_must_be_given(iris):
    data = iris.spec.data.model_copy(update={"path": "-"})
    spec = iris.spec.model_copy(update={"data": data})
    model = type(iris)(spec, iris.encoding, iris.network, iris.sha256, iris.codes, iris.training)
    with pytest.raises(UsageError, match="--data"):
        load_parts(model, None, None)


def test_a_split_of_other_rows_than_the_files(iris):
    codes = np.zeros(149, np.uint8)
    model = type(iris)(iris.spec, iris.encoding, iris.network, iris.sha256, codes, iris.training)
    with pytest.raises(RunError, match="of 149 rows, not 150"):
        load_parts(model, None, None)


# ---------------------------------------------------------------- predictions


def predicted(run, model=None):
    model = model or load_model(run.model)
    table = read_table(model.spec.data.path, model.encoding.read)
    return predict(model, table)[0]


def test_classes_by_name_and_their_probabilities(iris_run):
    columns = predicted(iris_run)
    names = ["setosa", "versicolor", "virginica"]
    assert list(columns) == ["prediction", *(f"probability_{name}" for name in names)]
    chances = np.column_stack([columns[f"probability_{name}"] for name in names])
    np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-6)
    most = [names[k] for k in chances.argmax(axis=1)]
    assert columns["prediction"].tolist() == most


def test_targets_by_name_in_their_own_unit(mixed_run):
    columns = predicted(mixed_run)
    assert list(columns) == ["prediction_price", "prediction_weight"]
    # Standardized, all would lie about 0; prices are 1000 … 1117.
    assert (columns["prediction_price"] > 900).all()
    assert (np.abs(columns["prediction_weight"]) < 500).all()


def small_run(make_run, folder, target, body, more=""):
    header, *rows = body
    text = "\n".join([header, *rows]) + "\n"
    (folder / "t.csv").write_text(text, encoding="utf-8")
    spec = f"data: {{path: t.csv, target: {target}, split: {{test: 0, validation: 0}}}}\n{more}"
    return make_run(folder, spec + "training: {epochs: 30, batch_size: 4}\n")


BINARY = ["x,y", *(f"{k},{'no' if k < 10 else 'yes'}" for k in range(20))]


def test_two_classes_have_two_probabilities(make_run, tmp_path):
    columns = predicted(small_run(make_run, tmp_path, "y", BINARY))
    assert list(columns) == ["prediction", "probability_no", "probability_yes"]
    yes = columns["probability_yes"]
    np.testing.assert_allclose(yes + columns["probability_no"], 1, atol=1e-7)
    assert columns["prediction"].tolist() == ["yes" if p > 0.5 else "no" for p in yes]
    assert columns["prediction"].tolist()[:3] == ["no"] * 3
    assert columns["prediction"].tolist()[-3:] == ["yes"] * 3


def test_an_output_that_is_no_probability_is_not_called_one(make_run, tmp_path):
    columns = predicted(small_run(make_run, tmp_path, "y", BINARY, "model: {loss: mse}\n"))
    assert list(columns) == ["prediction"]
    assert set(columns["prediction"].tolist()) == {"no", "yes"}


def test_labels_each_with_its_probability(make_run, tmp_path):
    body = ["x,hot,wet", *(f"{k},{int(k > 9)},{k % 2}" for k in range(20))]
    columns = predicted(small_run(make_run, tmp_path, "[hot, wet]", body))
    names = ["prediction_hot", "prediction_wet", "probability_hot", "probability_wet"]
    assert list(columns) == names
    hot = columns["probability_hot"]
    assert columns["prediction_hot"].tolist() == [int(p > 0.5) for p in hot]
    assert hot[-1] > 0.5 > hot[0]


def test_whole_numbers_stay_the_classes_they_were(make_run, tmp_path):
    body = ["x,y", *(f"{k},{k // 5}" for k in range(20))]
    columns = predicted(small_run(make_run, tmp_path, "y", body))
    assert set(columns["prediction"].tolist()) <= {0, 1, 2, 3}
    assert list(columns)[1:] == [f"probability_{k}" for k in range(4)]


def test_the_target_need_not_be_there_and_columns_are_found_by_name(iris, iris_run, tmp_path):
    rows = [line.split(",") for line in open_lines(iris_run.folder / "iris.csv")]
    order = [3, 1, 0, 2]  # the inputs in another order, a column more, and no target
    shuffled = [",".join([*(row[k] for k in order), "7"]) for row in rows[1:]]
    header = ",".join([*(rows[0][k] for k in order), "noise"])
    (tmp_path / "new.csv").write_text("\n".join([header, *shuffled]) + "\n", encoding="utf-8")
    new, _ = predict(iris, read_table(str(tmp_path / "new.csv"), ReadOptions()))
    old = predicted(iris_run)
    np.testing.assert_array_equal(new["prediction"], old["prediction"])
    np.testing.assert_array_equal(new["probability_setosa"], old["probability_setosa"])


def open_lines(path):
    return path.read_text(encoding="utf-8").splitlines()


def test_what_has_to_be_replaced_is_counted(mixed_run, tmp_path):
    model = load_model(mixed_run.model)
    text = "length,colour\n1,red\nNA,green\n2,NA\n,blue\n"
    (tmp_path / "new.csv").write_text(text, encoding="utf-8")
    _, replaced = predict(model, read_table(str(tmp_path / "new.csv"), model.encoding.read))
    assert replaced == {"length": 2, "colour": 2}  # green, and blue without its accent


def test_an_input_that_is_missing_is_named(iris, tmp_path):
    (tmp_path / "new.csv").write_text("sepal_length_cm,other\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match="no column 'sepal_width_cm'"):
        predict(iris, read_table(str(tmp_path / "new.csv"), ReadOptions()))
