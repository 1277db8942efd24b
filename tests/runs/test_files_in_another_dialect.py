"""A model applied to files that are written otherwise than those it was trained on."""

import json

import numpy as np
import pytest
import yaml
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from mlpcli.data.readers import read_table
from mlpcli.errors import DataError
from mlpcli.runs.evaluate import load_parts, predict
from mlpcli.runs.model_file import load_model

ROWS = [(k / 4 - 3, k % 7, "groß" if k % 3 else "klein") for k in range(40)]
SPEC = "data: {{path: d.csv, target: y{}}}\ntraining: {{epochs: 2}}\n"


def text(delimiter=";", decimal=",", header=("a", "b", "y"), rows=ROWS):
    lines = [delimiter.join((str(a).replace(".", decimal), str(b), y)) for a, b, y in rows]
    return "\n".join([delimiter.join(header), *lines]) + "\n"


@pytest.fixture
def run(make_run, tmp_path):
    """Return a function that trains on a file with these bytes; gives the run."""

    def run(content, more=""):
        (tmp_path / "d.csv").write_bytes(content)
        return make_run(tmp_path, SPEC.format(more))

    return run


def predictions(model, path):
    columns, _ = predict(model, read_table(str(path), model.encoding.reading(targets=False)))
    return np.column_stack([columns["probability_groß"], columns["probability_klein"]])


GERMAN = text().encode("cp1252")


def test_the_same_rows_written_otherwise_have_the_same_predictions(run, tmp_path):
    found = run(GERMAN)
    model = load_model(found.model)
    expected = predictions(model, tmp_path / "d.csv")
    path = tmp_path / "new.csv"
    for content in (
        text(",", ".").encode(),
        text("\t", ".").encode("utf-16"),
        text("|", ",").encode("utf-8-sig"),
        text(header=(" a", "b ", "y")).replace("\n", "\r").encode("utf-16-be"),
        "\n".join(
            f"{b};{a}".replace(".", ",") for b, a in [("b", "a"), *((b, a) for a, b, _ in ROWS)]
        ).encode(),
    ):
        path.write_bytes(content)
        np.testing.assert_array_equal(predictions(model, path), expected)


def test_where_a_file_shows_no_decimal_sign_that_of_training_counts(run, tmp_path):
    model = load_model(run(GERMAN).model)
    path = tmp_path / "new.csv"
    path.write_text("a;b\n1,234;2\n")  # with a point as the decimal sign it would be thousands
    table = read_table(str(path), model.encoding.read)
    assert table.column("a").cell(0) == 1.234
    path.write_text("a;b\n1,234;2\n1.5;2\n2.5;2\n")
    assert read_table(str(path), model.encoding.read).dialect.decimal == "."


def test_what_was_found_is_in_the_resolved_spec_and_not_in_the_model_s_reading(run):
    found = run(GERMAN)
    data = yaml.safe_load((found.directory / "spec.yaml").read_text("utf-8"))["data"]
    assert (data["encoding"], data["delimiter"], data["decimal"]) == ("cp1252", ";", ",")
    read = load_model(found.model).encoding.read
    assert (read.encoding, read.delimiter, read.decimal) == (None, None, None)
    assert read.usual_decimal == ","


def test_what_the_spec_says_is_of_its_own_file_and_new_files_may_be_written_otherwise(
    run, tmp_path
):
    found = run(GERMAN, ", encoding: latin-1, delimiter: ';', decimal: ','")
    model = load_model(found.model)
    read = model.encoding.read
    assert (read.encoding, read.delimiter, read.decimal) == (None, None, None)
    (tmp_path / "new.csv").write_text(text(",", "."), "utf-8")
    np.testing.assert_array_equal(
        predictions(model, tmp_path / "new.csv"), predictions(model, tmp_path / "d.csv")
    )


def test_the_resolved_spec_trains_the_same_network(run, make_run, tmp_path):
    found = run(GERMAN)
    again = tmp_path / "again"
    again.mkdir()
    resolved = (found.directory / "spec.yaml").read_text("utf-8")
    second = make_run(again, resolved.replace("path: d.csv", f"path: {tmp_path / 'd.csv'}"))
    first, other = (load_file(each.model) for each in (found, second))
    assert {n: t.tobytes() for n, t in first.items()} == {n: t.tobytes() for n, t in other.items()}
    kinds = {guess.kind for guess in second.dataset.guesses}
    assert not kinds & {"encoding", "delimiter", "decimal"}


def test_a_model_file_from_before_reads_as_its_spec_has_written_out(run, tmp_path):
    """Without the new keys, the decimal sign is the spec's, and nothing of it is found."""
    found = run(text(",", ".").encode())
    with safe_open(found.model, framework="numpy") as file:
        document = json.loads(file.metadata()["mlp"])
    for key in ("decimal", "encoding"):
        del document["encoding"][key]
    old = tmp_path / "old.safetensors"
    save_file(load_file(found.model), old, {"mlp": json.dumps(document)})
    read = load_model(old).encoding.read
    assert (read.usual_encoding, read.usual_delimiter, read.usual_decimal) == (None, ",", ".")
    np.testing.assert_array_equal(
        predictions(load_model(old), tmp_path / "d.csv"),
        predictions(load_model(found.model), tmp_path / "d.csv"),
    )


def test_columns_that_a_model_lacks_are_refused_at_the_header(run, tmp_path):
    """The row below it is broken, and is not looked at."""
    model = load_model(run(GERMAN).model)
    path = str(tmp_path / "new.csv")
    (tmp_path / "new.csv").write_text("A;y\n1\n")
    with pytest.raises(DataError) as caught:
        read_table(path, model.encoding.reading(targets=False))
    assert str(caught.value) == (
        f"{path} has no columns 'a', 'b'; its columns: A, y; did you mean 'A' for 'a'?"
    )
    (tmp_path / "new.csv").write_text("a;b\n1\n")
    with pytest.raises(DataError, match=r"has no column 'y'; its columns: a, b"):
        load_parts(model, path, None)


def test_names_that_a_spec_has_with_blanks_go_on_working(run):
    found = run(text(",", ".", header=("a", " b", "y")).encode(), ", exclude: [' b']")
    assert found.dataset.encoding.inputs.feature_names == ["a"]
