"""mlp predict: a column for each question, a row for each row, in the file's order."""

import contextlib
import csv
import io
import json
import subprocess
import sys
import time

import numpy as np
import pytest


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture(scope="module")
def predictions(trained, mlp):
    done = mlp("predict", trained.run, "iris.csv", cwd=trained.folder)
    assert (done.code, done.err) == (0, "")
    return done.out


def test_the_columns_are_named_after_the_classes(predictions):
    assert predictions.splitlines()[0] == (
        "prediction,probability_setosa,probability_versicolor,probability_virginica"
    )


def test_a_row_for_each_row_with_probabilities_that_sum_to_1(predictions):
    rows = table(predictions)
    assert len(rows) == 150
    names = list(rows[0])[1:]
    chances = np.array([[float(row[name]) for name in names] for row in rows])
    np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-6)
    assert chances.min() > 0
    most = [names[k].removeprefix("probability_") for k in chances.argmax(axis=1)]
    assert [row["prediction"] for row in rows] == most


def test_the_rows_keep_their_order(predictions, trained, folder, mlp):
    header, *lines = (folder / "iris.csv").read_text("utf-8").splitlines()
    (folder / "backwards.csv").write_text("\n".join([header, *lines[::-1]]) + "\n", "utf-8")
    done = mlp("predict", trained.run, "backwards.csv", cwd=folder)
    for forth, back in zip(table(predictions), table(done.out)[::-1], strict=True):
        assert forth["prediction"] == back["prediction"]
        # The last chunk of rows runs alone, so that BLAS may round them in another way.
        assert float(forth["probability_setosa"]) == pytest.approx(
            float(back["probability_setosa"]), rel=1e-5
        )


def test_the_accuracy_is_that_of_eval(predictions, trained):
    truth = [
        line.split(",")[-1] for line in (trained.folder / "iris.csv").read_text().splitlines()[1:]
    ]
    right = [
        row["prediction"] == label for row, label in zip(table(predictions), truth, strict=True)
    ]
    parts = trained.manifest["result"]["scores"].values()
    assert sum(right) == round(sum(part["rows"] * part["accuracy"] for part in parts))


def test_json_has_the_same_numbers_and_the_file_is_written_too(predictions, trained, folder, mlp):
    done = mlp("predict", trained.run, "iris.csv", "--json", "-o", "p.csv", cwd=folder)
    assert (done.code, done.err) == (0, "")
    assert (folder / "p.csv").read_text("utf-8") == predictions
    document = json.loads(done.out)
    assert document["rows"] == 150
    as_text = [{k: str(v) for k, v in row.items()} for row in document["predictions"]]
    assert [
        {k: str(float(v)) if k != "prediction" else v for k, v in row.items()}
        for row in table(predictions)
    ] == as_text


def test_from_standard_input_without_the_target(predictions, trained, mlp):
    lines = (trained.folder / "iris.csv").read_text("utf-8").splitlines()
    bare = "\n".join(line.rpartition(",")[0] for line in lines) + "\n"
    done = mlp("predict", trained.run, "-", cwd=trained.folder, stdin=bare)
    assert (done.code, done.err) == (0, "")
    assert done.out == predictions


@pytest.mark.parametrize("stdin", ["", "sepal_length_cm\n", "a,b\n1,2\n"])
def test_what_is_wrong_with_standard_input_is_said(stdin, trained, mlp):
    done = mlp("predict", trained.run, "-", cwd=trained.folder, stdin=stdin)
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("mlp: <stdin>")


def test_a_file_of_predictions_replaces_the_old_one_whole(predictions, trained, folder, mlp):
    (folder / "p.csv").write_text("old and long\n" * 1000, "ascii")
    done = mlp("predict", trained.run, "iris.csv", "-o", "p.csv", cwd=folder)
    assert (done.code, done.out, done.err) == (0, "", "150 predictions in p.csv\n")
    assert (folder / "p.csv").read_text("utf-8") == predictions
    assert sorted(path.name for path in folder.iterdir()) == ["iris.csv", "iris.yaml", "p.csv"]
    # What cannot be predicted leaves the file as it is.
    (folder / "bad.csv").write_text("sepal_length_cm\n1\n", "ascii")
    assert mlp("predict", trained.run, "bad.csv", "-o", "p.csv", cwd=folder).code == 3
    assert (folder / "p.csv").read_text("utf-8") == predictions


def test_numbers_in_the_targets_unit(folder, mlp):
    words = ["--set", "data.target=[petal_width_cm, sepal_length_cm]", "--run-dir", "run", "-q"]
    assert mlp("train", "iris.yaml", *words, cwd=folder).code == 0
    rows = table(mlp("predict", "run", "iris.csv", cwd=folder).out)
    assert list(rows[0]) == ["prediction_petal_width_cm", "prediction_sepal_length_cm"]
    lengths = np.array([float(row["prediction_sepal_length_cm"]) for row in rows])
    assert 4 < lengths.min() < lengths.max() < 9  # in cm, 4.3 … 7.9; standardized, about 0


@pytest.mark.parametrize("name", ["iris.csv", "./iris.csv", "link.csv", "model.safetensors"])
def test_what_is_read_is_not_written_over(name, trained, folder, mlp):
    (folder / "link.csv").symlink_to("iris.csv")
    model = folder / "model.safetensors"
    model.write_bytes(trained.model.read_bytes())
    before = (folder / "iris.csv").read_bytes(), model.read_bytes()
    done = mlp("predict", "model.safetensors", "iris.csv", "-o", name, cwd=folder)
    assert (done.code, done.out) == (2, "")
    what = "the model" if name == model.name else "the data"
    assert done.err == f"mlp: --output {name}: that is {what}; choose another file\n"
    assert ((folder / "iris.csv").read_bytes(), model.read_bytes()) == before


def test_a_dash_is_standard_output(predictions, trained, folder, mlp):
    done = mlp("predict", trained.run, "iris.csv", "-o", "-", cwd=folder)
    assert (done.code, done.out) == (0, predictions)
    assert not (folder / "-").exists()


@pytest.mark.parametrize("verb", ["predict", "eval", "compare"])
def test_a_model_with_other_numbers_than_were_written_is_refused(verb, trained, folder, mlp):
    content = bytearray(trained.model.read_bytes())
    content[-1] ^= 1
    (folder / "damaged.safetensors").write_bytes(content)
    words = {"predict": ["iris.csv"], "eval": ["--json"], "compare": ["damaged.safetensors"]}
    done = mlp(verb, "damaged.safetensors", *words[verb], cwd=folder)
    said = "the model file is damaged: its checksum does not match"
    assert (done.code, done.out) == (5, "")
    assert done.err == f"mlp: damaged.safetensors: {said}\n"


BAD = "sepal_length_cm,sepal_width_cm,petal_length_cm,petal_width_cm,note\n"
BAD += "5.1,3.5,1.4,0.2,first\n5.1,tall,1.4,0.2,second\n5.1,3.5,1.4\n5.1,3.5,1.4,0.2,last\n"


@pytest.mark.parametrize(
    ("how", "code", "notes"),
    [
        ("fail", 3, ["first"]),
        ("skip", 0, ["first", "last"]),
        ("blank", 0, ["first", "second", "", "last"]),
    ],
)
def test_a_bad_row_stops_is_skipped_or_stays_blank(how, code, notes, trained, folder, mlp):
    (folder / "bad.csv").write_text(BAD, "ascii")
    words = ["bad.csv", "--keep", "note", "--on-bad-row", how]
    done = mlp("predict", trained.run, *words, cwd=folder)
    assert done.code == code
    assert [row["note"] for row in table(done.out)] == notes
    assert [bool(row["prediction"]) for row in table(done.out)] == [
        note in ("first", "last") for note in notes
    ]
    first = (
        "bad.csv:3:5: sepal_width_cm: 'tall' is not a number; the model was trained on numbers here"
    )
    if how == "fail":
        assert done.err == f"mlp: {first}\n"
    else:
        what = {"skip": "left out", "blank": "without a prediction"}[how]
        lines = done.err.splitlines()
        assert lines[:2] == [f"bad.csv: 2 rows could not be read, {what}:", f"  {first}"]
        assert lines[2].startswith("  bad.csv:4:12: the row is too short: 3 fields")
    document = mlp("predict", trained.run, *words, "--json", cwd=folder)
    found = json.loads(document.out)
    assert document.code == code
    assert [row["note"] or "" for row in found["predictions"]] == notes
    assert found.get("error", "") == (first if how == "fail" else "")
    assert found.get("bad_rows", {}).get("count", 0) == (0 if how == "fail" else 2)


def test_a_file_does_not_appear_where_a_row_is_bad(trained, folder, mlp):
    (folder / "bad.csv").write_text(BAD, "ascii")
    before = sorted(folder.iterdir())
    done = mlp("predict", trained.run, "bad.csv", "-o", "out.parquet", cwd=folder)
    assert (done.code, done.out) == (3, "")
    assert sorted(folder.iterdir()) == before


def test_a_part_of_the_runs_own_data(trained, mlp):
    words = ["--split", "test", "--keep", "species"]
    done = mlp("predict", trained.run, *words, cwd=trained.folder)
    assert (done.code, done.err) == (0, "")
    assert mlp("predict", trained.run, "iris.csv", *words, cwd=trained.folder).out == done.out
    scores = trained.manifest["result"]["scores"]["test"]
    rows = table(done.out)
    assert len(rows) == scores["rows"]
    right = sum(row["species"] == row["prediction"] for row in rows)
    assert right / len(rows) == pytest.approx(scores["accuracy"])


PARTS_SPEC = """
data: {path: parts.csv, target: species, split: {column: use}}
training: {epochs: 3}
"""


def test_a_part_of_another_file_is_what_eval_takes_for_it(folder, mlp):
    header, *lines = (folder / "iris.csv").read_text("utf-8").splitlines()
    for name, k, places in (("parts", 0, lines), ("new", 1, lines[::-1])):
        uses = ["test" if i % 5 == k else "val" if i % 5 == 3 else "train" for i in range(150)]
        text = [f"{header},use", *map(",".join, zip(places, uses, strict=True))]
        (folder / f"{name}.csv").write_text("\n".join(text) + "\n", "utf-8")
    (folder / "parts.yaml").write_text(PARTS_SPEC)
    assert mlp("train", "parts.yaml", "--run-dir", "parted", "-q", cwd=folder).code == 0
    words = ["--split", "test", "--keep", "species,use"]
    done = mlp("predict", "parted", "new.csv", *words, cwd=folder)
    assert (done.code, done.err) == (0, "")
    rows = table(done.out)
    assert [row["species"] for row in rows] == [line.split(",")[-1] for line in lines[::-1][1::5]]
    assert {row["use"] for row in rows} == {"test"}
    right = sum(row["species"] == row["prediction"] for row in rows) / len(rows)
    scores = mlp("eval", "parted", "--data", "new.csv", "--split", "test", "--json", cwd=folder)
    assert right == pytest.approx(json.loads(scores.out)["scores"]["test"]["accuracy"])
    piped = (folder / "new.csv").read_text("utf-8")
    assert mlp("predict", "parted", "-", *words, cwd=folder, stdin=piped).out == done.out
    own = mlp("predict", "parted", *words, cwd=folder)
    piped = (folder / "parts.csv").read_text("utf-8")
    assert mlp("predict", "parted", "-", *words, cwd=folder, stdin=piped).out == own.out
    assert [row["species"] for row in table(own.out)] == [x.split(",")[-1] for x in lines[::5]]
    refused = mlp("predict", "parted", "iris.csv", *words[:2], cwd=folder)
    assert refused.code == 2
    assert "has no column 'use', so it has no such part" in refused.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "FILE is missing: name the data, or --split test for the run's own"),
        (
            ["iris.csv", "-o", "p.xlsx"],
            "--output p.xlsx: predictions are written to files that end in",
        ),
        (["-", "--split", "test"], "--split test: standard input or a pipe is not the file that"),
    ],
)
def test_what_cannot_be_asked_for(words, message, trained, folder, mlp):
    done = mlp("predict", trained.run, *words, cwd=folder)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"mlp: {message}")


def test_the_ending_says_what_is_written(predictions, trained, folder, mlp):
    for ending in ("tsv", "jsonl"):
        done = mlp("predict", trained.run, "iris.csv", "-o", f"p.{ending}", "-q", cwd=folder)
        assert (done.code, done.out, done.err) == (0, "", "")
    assert (folder / "p.tsv").read_text("utf-8") == predictions.replace(",", "\t")
    rows = [json.loads(line) for line in (folder / "p.jsonl").read_text("utf-8").splitlines()]
    assert [str(row["prediction"]) for row in rows] == [
        row["prediction"] for row in table(predictions)
    ]


def test_a_full_disk_closes_the_document_beside_the_file(trained, folder, program):
    header, *lines = (folder / "iris.csv").read_text("utf-8").splitlines(keepends=True)
    (folder / "long.csv").write_text(header + "".join(lines * 400), "utf-8")
    limit = ["bash", "-c", 'ulimit -f 1500; exec "$@"', "mlp"]  # KiB: 60,000 rows take 2,600
    words = ["predict", str(trained.run), "long.csv", "--json", "-o", "long-p.csv"]
    done = subprocess.run(
        [*limit, *program.words, *words],
        cwd=folder,
        env=program.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout)
    assert done.returncode == 6
    assert done.stderr == f"mlp: {found['error']}\n"
    assert "long-p.csv" in found["error"]
    assert 0 < found["rows"] == len(found["predictions"]) < 60_000
    assert not [*folder.glob("*long-p*")]


def endless(trained):
    """Return the lines of a table that does not end."""
    header, line, *_ = (trained.folder / "iris.csv").read_text("utf-8").splitlines()
    write = f"sys.stdout.write({header!r} + '\\n')\nwhile 1: sys.stdout.write({line!r} + '\\n')"
    return f"import sys\n{write}"


@contextlib.contextmanager
def predicting(trained, program, *words, **streams):
    """Start predictions of a table that does not end; both processes are gone at the end."""
    pipe = subprocess.PIPE
    writer = [sys.executable, "-c", endless(trained)]
    command = [*program.words, "predict", str(trained.run), "-", *words]
    with subprocess.Popen(writer, stdout=pipe, stderr=subprocess.DEVNULL) as rows:
        streams = {"stdin": rows.stdout, "stderr": pipe, **streams}
        with subprocess.Popen(command, env=program.environment(), **streams) as done:
            rows.stdout.close()
            try:
                yield done
            finally:
                done.kill()
                rows.kill()


def test_a_reader_that_has_enough_ends_it(trained, program):
    with predicting(trained, program, stdout=subprocess.PIPE) as done:
        assert done.stdout.readline().startswith(b"prediction,")
        done.stdout.close()
        assert done.wait(timeout=60) == 141
        assert done.stderr.read() == b""


def test_a_signal_leaves_nothing_of_the_file(trained, folder, program):
    before = sorted(folder.iterdir())
    with predicting(trained, program, "-o", "out.csv", cwd=folder) as done:
        end = time.monotonic() + 60
        while not any(p.suffix == ".tmp" and p.stat().st_size for p in folder.iterdir()):
            assert time.monotonic() < end
            time.sleep(0.01)
        done.terminate()
        assert done.wait(timeout=60) == 143
        assert done.stderr.read() == b"mlp: interrupted\n"
    assert sorted(folder.iterdir()) == before


KEPT = "sepal_length_cm;sepal_width_cm;petal_length_cm;petal_width_cm;n;code\n"
KEPT += "5;3.5;1.4;0.2;181;1\n5;3.0;xx;0.2;;2\n6;3.0;1.4;0.2;7;abc\n"


def test_kept_columns_have_the_types_of_their_numbers(trained, folder, mlp):
    (folder / "kept.csv").write_text(KEPT, "ascii")
    words = ["kept.csv", "--keep", "all", "--on-bad-row", "blank", "-o", "kept.jsonl"]
    done = mlp("predict", trained.run, *words, cwd=folder)
    found = [json.loads(line) for line in (folder / "kept.jsonl").read_text().splitlines()]
    assert [repr(row["n"]) for row in found] == ["181", "None", "7"]
    assert [row["petal_length_cm"] for row in found] == [1.4, None, 1.4]
    assert [row["code"] for row in found] == ["1", "2", "abc"]
    assert "code: --keep has it as text, as some of its values are no numbers: 'abc'" in done.err
    # What was found is said, not what a spec could say of it; a tab in a .tsv is no finding.
    assert "kept.csv: the delimiter is a semicolon, as its first lines show\n" in done.err
    # Lost rows are said even quietly.
    done = mlp("predict", trained.run, "kept.csv", "-q", "--on-bad-row", "skip", cwd=folder)
    assert done.err == "kept.csv: 1 row could not be read, left out\n"
    (folder / "tab.tsv").write_text(KEPT.replace(";", "\t").replace("xx", "1"), "ascii")
    assert mlp("predict", trained.run, "tab.tsv", cwd=folder).err == ""
    (folder / "one.csv").write_text(KEPT.replace(";", "|"), "ascii")
    assert "data." not in mlp("predict", trained.run, "one.csv", cwd=folder).err
