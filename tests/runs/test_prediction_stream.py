"""Predictions of a file as it streams: the bytes of the file read whole, whatever its blocks."""

import gzip
import itertools
import json

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

from mlpcli.cli.csv_text import csv_text
from mlpcli.data import streaming, unpacking
from mlpcli.data.blocks import StreamOptions
from mlpcli.data.inputs import InputEncoder
from mlpcli.data.readers import read_table
from mlpcli.data.streaming import open_stream
from mlpcli.errors import DataError, OutOfMemoryError, RunError, UsageError
from mlpcli.nn.evaluation import Evaluation
from mlpcli.runs import prediction_stream
from mlpcli.runs.evaluate import predict
from mlpcli.runs.model_file import load_model
from mlpcli.runs.prediction_files import CsvOutput, JsonLinesOutput, JsonOutput, ParquetOutput
from mlpcli.runs.prediction_parts import ColumnPartStream, PartStream, own_data
from mlpcli.runs.prediction_stream import PredictionStream

N = 150
SPEC = """
data: {path: d.csv, target: y}
model: {layers: [{units: 5}]}
training: {epochs: 1}
"""
INPUTS = ["size", "when", "price", "shop", "open"]
BLOCKS = {"one row": (1, 1), "seven rows": (1, 230), "a few": (2000, 900), "whole": (1 << 21, 1)}


def rows(n=N):
    """Return a table with missing values, dates, money, categories, yes and no, a quote."""
    found = []
    for k in range(n):
        shop = f"shop {k % 5}" if k % 50 else 'the "old" shop, 1'
        found.append(
            {
                "size": "" if k % 17 == 3 else f"{(k * 37 % 101) / 8}",
                "when": f"2021-{k % 12 + 1:02}-{k % 27 + 1:02}",
                "price": "?" if k % 40 == 39 else f"${k * 7919 % 9000:,}.50",
                "shop": "NA" if k % 61 == 5 else shop,
                "open": "yes" if k * k % 7 < 3 else "no",
                "y": ("low", "mid", "high")[(k * 37 % 101) // 34],
            }
        )
    return found


def as_csv(table, *, quoted=True, delimiter=",", end="\n"):
    frame = pd.DataFrame(table)
    if not quoted:
        frame["price"] = frame["price"].str.replace(",", "")
        frame["shop"] = frame["shop"].str.replace('the "old" shop, 1', "old")
    return frame.to_csv(index=False, sep=delimiter, lineterminator=end)


@pytest.fixture(scope="module")
def run(make_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("streams")
    (folder / "d.csv").write_text(as_csv(rows()), "utf-8")
    done = make_run(folder, SPEC)
    done.loaded = load_model(done.model)
    assert done.loaded.encoding.inputs.names == INPUTS
    return done


@pytest.fixture(autouse=True)
def small_groups(monkeypatch):
    """Predict 64 rows at once, so that 150 rows are three groups, the last one shorter."""
    monkeypatch.setattr(Evaluation, "BLOCK_BYTES", 1)
    monkeypatch.setattr(prediction_stream, "GROUP_ROWS", 64)


def streamed(model, path, blocks=(1 << 21, 1 << 20), kind=CsvOutput, **options):
    """Return what is written, the stream of predictions, and the error it ends with, or None."""
    keep, part = options.get("keep", ()), options.get("rows")
    pieces, error = [], None
    reading = model.encoding.reading(targets=False)
    column = [part] if isinstance(part, str) else []
    wanted = StreamOptions(keep, *blocks, block_rows=blocks[1], optional=column)
    with open_stream(str(path), reading, wanted) as stream:
        chosen = stream if part is None else _chosen(stream, part)
        predictions = PredictionStream(model, chosen, on_bad_row=options.get("bad", "fail"))
        output = kind(pieces.append, predictions)
        output.begin()
        try:
            for predicted in predictions:
                output.rows(predicted)
        except DataError as failed:
            error = str(failed)
        output.end({})
        return b"".join(pieces), predictions, error


def _chosen(stream, part):
    return (
        ColumnPartStream(stream, part, "test")
        if isinstance(part, str)
        else PartStream(stream, part)
    )


def whole(model, path):
    columns, replaced = predict(model, read_table(str(path), model.encoding.reading(targets=False)))
    return csv_text(columns.items(), "%.9g").encode(), replaced


def written(folder, kind):
    """Write the inputs as a file of one kind; return its path."""
    table = [{name: row[name] for name in INPUTS} for row in rows()]
    plain = [{**row, "size": float(row["size"]) if row["size"] else None} for row in table]
    frame = pd.DataFrame(plain)
    path = folder / f"inputs.{kind}"
    match kind:
        case "csv":
            path.write_text(as_csv(table), "utf-8")
        case "plain.csv":
            path.write_text(as_csv(table, quoted=False, end="\r\n"), "utf-8")
        case "utf-16.tsv":
            path.write_bytes(as_csv(table, delimiter="\t").encode("utf-16"))
        case "csv.gz":
            path.write_bytes(gzip.compress(as_csv(table, quoted=False).encode()))
        case "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in plain), "utf-8")
        case "parquet":
            frame["when"] = pd.to_datetime(frame["when"]).dt.tz_localize("Europe/Berlin")
            frame.to_parquet(path)
        case "npz" | "npz.gz":
            arrays = {name: frame[name].to_numpy() for name in ("size",)}
            arrays |= {n: frame[n].to_numpy(str) for n in ("price", "shop", "open")}
            arrays["when"] = frame["when"].to_numpy("M8[s]")
            with (folder / "inputs.npz").open("wb") as file:
                np.savez_compressed(file, **arrays)
            if kind == "npz.gz":
                path.write_bytes(gzip.compress((folder / "inputs.npz").read_bytes()))
    return path


KINDS = ["csv", "plain.csv", "utf-16.tsv", "csv.gz", "jsonl", "parquet", "npz", "npz.gz"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_bytes_are_those_of_the_file_read_whole(run, tmp_path, kind):
    path = written(tmp_path, kind)
    expected, replaced = whole(run.loaded, path)
    assert len(expected.splitlines()) == N + 1
    # What a text file's first block has to show is its delimiter, in UTF-16 too.
    for blocks in list(BLOCKS.values())[2 * kind.startswith("utf-16") :]:
        found, predictions, error = streamed(run.loaded, path, blocks)
        assert (found, error) == (expected, None)
        assert dict(predictions.replaced) == replaced
        assert predictions.n_rows == N


@pytest.mark.parametrize("blocks", BLOCKS)
def test_groups_are_those_in_which_all_rows_are_predicted(run, tmp_path, blocks):
    # BLAS may round the rows of another group in another way.
    path = written(tmp_path, "csv")
    reading = run.loaded.encoding.reading(targets=False)
    with open_stream(str(path), reading, StreamOptions((), *BLOCKS[blocks])) as stream:
        predictions = PredictionStream(run.loaded, stream)
        assert predictions.predictor.block == 64
        assert [predicted.n_rows for predicted in predictions] == [64, 64, 22]


@pytest.mark.parametrize("blocks", BLOCKS)
@pytest.mark.parametrize("bad", ["fail", "skip", "blank"])
@pytest.mark.parametrize("quoted", [True, False])
def test_a_bad_row_is_named_and_those_before_it_are_out(run, tmp_path, blocks, bad, quoted):
    lines = as_csv(rows(), quoted=quoted).splitlines()
    good = tmp_path / "good.csv"
    good.write_text("\n".join(lines) + "\n", "utf-8")
    expected = whole(run.loaded, good)[0].splitlines()
    lines[70] = lines[70].rpartition(",")[0]  # line 71, row 70 of the file: too short
    lines[120] = "so large" + lines[120][lines[120].index(",") :]
    path = tmp_path / "bad.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    found, predictions, error = streamed(run.loaded, path, BLOCKS[blocks], bad=bad)
    found = found.decode().splitlines()
    expected = [line.decode() for line in expected]
    short = f"{path}:71:"
    text = f"{path}:121:1: size: 'so large' is not a number; the model was trained on numbers here"
    if bad == "fail":
        assert error.startswith(short)
        assert "the row is too short: 5 fields" in error
        assert [line.split(",")[0] for line in found] == [
            line.split(",")[0] for line in expected[:70]
        ]
        return
    assert error is None
    assert predictions.bad.n == 2
    assert predictions.bad.first[0].startswith(short)
    assert predictions.bad.first[1] == text
    if bad == "skip":
        del expected[120], expected[70]
    else:
        expected[70] = expected[120] = ",,,"
    # Which rows are multiplied together is other than of the good file: the last bit may be.
    assert [line.split(",")[0] for line in found] == [line.split(",")[0] for line in expected]


def test_each_kind_of_bad_json_line_is_a_bad_row(run, tmp_path):
    lines = written(tmp_path, "jsonl").read_text("utf-8").splitlines()
    lines[10:14] = ["{", '{"size": 1}', lines[12].replace("shop 2", "\\ud800"), "[]"]
    path = tmp_path / "bad.jsonl"
    path.write_text("\n".join(lines), "utf-8")
    found, predictions, error = streamed(run.loaded, path, (1, 300), bad="blank")
    assert error is None
    assert [place.split(": ")[0] for place in predictions.bad.first] == [
        f"{path}:11:2",
        f"{path}:12",
        f"{path}:13",
        f"{path}:14",
    ]
    assert found.decode().splitlines()[11:15] == [",,,"] * 4


@pytest.mark.parametrize("bad", ["fail", "skip"])
def test_many_bad_rows_are_found_a_column_at_a_time(run, tmp_path, monkeypatch, bad):
    monkeypatch.setattr(prediction_stream, "LISTED", N)
    table = rows()
    for k, row in enumerate(table[30:], start=30):
        if k % 3:
            row["when"] = f"never {k}"
        if k % 4 == 1:
            row["price"] = f"much {k}"
        if k % 5 == 1:
            row["size"] = "inf"
    path = tmp_path / "bad.csv"
    path.write_text(as_csv(table, quoted=False), "utf-8")
    each = streamed(run.loaded, path, (1000, 1), bad=bad)  # a row at a time
    calls = []
    encode = InputEncoder.encode
    monkeypatch.setattr(
        InputEncoder, "encode", lambda self, *args: calls.append(1) or encode(self, *args)
    )
    found, predictions, error = streamed(run.loaded, path, (1000, 1 << 20), bad=bad)
    assert (found.splitlines()[:30], error) == (each[0].splitlines()[:30], each[2])
    assert predictions.bad.first == each[1].bad.first
    n_bad = sum(k % 3 > 0 or k % 4 == 1 or k % 5 == 1 for k in range(30, N))
    assert (predictions.bad.n, predictions.n_rows) == (
        (n_bad, N - n_bad) if bad == "skip" else (0, 31)
    )
    assert len(calls) <= 5  # of 1000 bytes, and of the rest


def test_a_line_that_ends_in_a_return_ends_the_head(run, tmp_path):
    path = tmp_path / "mac.csv"
    path.write_text(as_csv(rows(), quoted=False, end="\r"), "utf-8", newline="")
    reading = run.loaded.encoding.reading(targets=False)
    with open_stream(str(path), reading, StreamOptions((), 1000, 500)) as stream:
        assert len(stream.bytes.head) <= 1000
        assert len([*stream.blocks()]) > 2
    assert streamed(run.loaded, path, (1000, 500))[0] == whole(run.loaded, path)[0]


def test_what_a_parquet_says_of_itself_may_be_damaged(run, tmp_path):
    path = written(tmp_path, "parquet")
    table = pyarrow.parquet.read_table(path)
    expected = streamed(run.loaded, path)[0]
    pyarrow.parquet.write_table(table.replace_schema_metadata({"pandas": b"\xc9{"}), path)
    assert streamed(run.loaded, path)[0] == expected


@pytest.mark.parametrize("is_pipe", [False, True])
def test_what_is_packed_too_well_is_refused(run, tmp_path, monkeypatch, is_pipe):
    monkeypatch.setattr(unpacking, "FEW", 10_000)
    path = tmp_path / "d.csv.gz"
    path.write_bytes(gzip.compress(b"size,when,price,shop,open\n" + b"1,,2,,\n" * 300_000))
    monkeypatch.setattr(streaming, "is_pipe", lambda _: is_pipe)
    with pytest.raises(OutOfMemoryError, match="over 500 times as much"):
        streamed(run.loaded, path)


def test_no_row_at_all_can_be_read(run, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("size,when,price,shop,open\n" + "1,2\n" * 9, "ascii")
    assert "no row could be read; the first: " in streamed(run.loaded, path, bad="skip")[2]


def test_a_word_for_no_value_may_come_first_in_a_later_block(run, tmp_path):
    lines = as_csv([{**row, "size": "2"} for row in rows()], quoted=False).splitlines()
    lines[112] = "n.a." + lines[112][1:]
    path = tmp_path / "d.csv"
    path.write_text("\n".join(lines) + "\n", "ascii")
    found, predictions, error = streamed(run.loaded, path, (1, 500))
    assert error is None
    assert predictions.replaced["size"] == 1
    assert found == whole(run.loaded, path)[0]


@pytest.mark.parametrize("word", ["Köln", "Köln\x81"])
def test_letters_beyond_ascii_that_come_late_show_the_encoding(run, tmp_path, word):
    lines = as_csv(rows(), quoted=False).splitlines()
    lines[112] = lines[112].replace("shop", word)
    path = tmp_path / "d.csv"
    path.write_bytes(("\n".join(lines) + "\n").encode("latin-1"))
    found, predictions, error = streamed(run.loaded, path, (1, 500), keep=["shop"])
    assert error is None
    assert word in found.decode().splitlines()[112]
    assert [guess.kind for guess in predictions.stream.guesses] == ["encoding"]


def test_missing_columns_are_named_before_anything_is_read(run, tmp_path):
    path = tmp_path / "d.csv"
    path.write_text("size,when,prise,shop\n" + "x\n" * 99, "ascii")
    with pytest.raises(DataError, match=r"no columns 'price', 'open'.*'prise' for 'price'"):
        streamed(run.loaded, path)
    path.write_text("size,when,price,shop,open\nx\n", "ascii")
    with pytest.raises(DataError, match=r"no column 'opens'.*did you mean 'open'"):
        streamed(run.loaded, path, keep=["opens"])


def test_kept_columns_are_as_in_the_file(run, tmp_path):
    path = written(tmp_path, "csv")
    expected = pd.read_csv(path, dtype=str, keep_default_na=False)
    for blocks, keep in itertools.product(BLOCKS.values(), (["shop", "size"], None)):
        found, *_ = streamed(run.loaded, path, blocks, keep=keep)
        (tmp_path / "out.csv").write_bytes(found)
        frame = pd.read_csv(tmp_path / "out.csv", dtype=str, keep_default_na=False)
        names = keep or list(expected)
        assert list(frame)[: len(names)] == names
        assert frame[names].equals(expected[names])


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "npz"])
def test_json_lines_have_numbers_as_numbers(run, tmp_path, kind):
    path = written(tmp_path, kind)
    found, *_ = streamed(run.loaded, path, (3000, 500), JsonLinesOutput, keep=["size", "shop"])
    each = [json.loads(line) for line in found.decode().splitlines()]
    sizes = [float(row["size"]) if row["size"] else None for row in rows()]
    assert [row["size"] for row in each] == sizes
    assert isinstance(each[0]["shop"], str)


def test_one_json_document(run, tmp_path):
    path = written(tmp_path, "csv")
    lines, *_ = streamed(run.loaded, path, (500, 500), JsonLinesOutput)

    def document(write, predictions):
        return JsonOutput(write, predictions, {"data": "d"})

    found, *_ = streamed(run.loaded, path, (500, 500), document)
    expected = [json.loads(line) for line in lines.decode().splitlines()]
    assert json.loads(found) == {"data": "d", "predictions": expected}


def test_parquet_has_types_and_nothing_where_a_row_is_bad(run, tmp_path):
    path = written(tmp_path, "csv")
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([*lines[:100], "1,2", *lines[101:]]) + "\n", "utf-8")
    found, *_ = streamed(
        run.loaded, path, (3000, 500), ParquetOutput, keep=["size", "open"], bad="blank"
    )
    (tmp_path / "p.parquet").write_bytes(found)
    table = pyarrow.parquet.read_table(tmp_path / "p.parquet")
    assert table.num_rows == N
    types = {field.name: str(field.type) for field in table.schema}
    assert types == {"size": "double", "open": "string", "prediction": "string"} | dict.fromkeys(
        ("probability_high", "probability_low", "probability_mid"), "double"
    )
    assert table["prediction"].null_count == table["probability_low"].null_count == 1
    assert table["prediction"][99].as_py() is None


def test_a_kept_column_that_a_prediction_has_the_name_of(run, tmp_path):
    path = tmp_path / "d.csv"
    path.write_text(as_csv([{**row, "prediction": 1} for row in rows()]), "utf-8")
    with pytest.raises(UsageError, match="'prediction' would be there twice"):
        streamed(run.loaded, path, keep=None)


@pytest.mark.parametrize("blocks", BLOCKS)
def test_a_part_has_its_rows(run, blocks):
    model, path = run.loaded, str(run.folder / "d.csv")
    file, wanted = own_data(model, path, "test")
    assert file == path
    found, *_ = streamed(model, path, BLOCKS[blocks], keep=["price", "y"], rows=wanted)
    numbers = run.dataset.parts["test"].rows
    assert len(numbers) == 22  # 15 % of 150, by classes
    each = [row.decode().split(",")[-5:-3] for row in found.splitlines()[1:]]
    assert [y for y, _ in each] == [rows()[k]["y"] for k in numbers]


def test_a_part_of_another_file_is_refused(run, tmp_path):
    path = tmp_path / "d.csv"
    path.write_text(as_csv(rows()) + "\n", "utf-8")
    with pytest.raises(UsageError, match="not, byte for byte, the file"):
        own_data(run.loaded, str(path), "test")
    with pytest.raises(UsageError, match="standard input or a pipe"):
        own_data(run.loaded, "-", "test")
    with pytest.raises(RunError, match="split is of 149 rows"):
        streamed(run.loaded, run.folder / "d.csv", rows=np.ones(N - 1, bool))


def with_parts(parts):
    """Return rows that say which part each is of, and their number."""
    names = itertools.cycle(parts)
    return [{**row, "use": next(names), "k": k} for k, row in enumerate(rows())]


def save(table, path):
    """Write a table, as the ending of the path says."""
    if path.suffix != ".csv":
        table = [{**row, "size": float(row["size"] or 0)} for row in table]
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in table), "utf-8")
    elif path.suffix == ".parquet":
        pd.DataFrame(table).to_parquet(path)
    elif path.suffix == ".npz":
        np.savez(path, **{k: np.array(v.tolist()) for k, v in pd.DataFrame(table).items()})
    else:
        path.write_text(as_csv(table), "utf-8")


def test_a_block_of_bad_rows_alone_has_blank_kept_values(run, tmp_path):
    lines = as_csv(rows()).splitlines(keepends=True)
    lines[41:121] = ["short\n"] * 80
    (tmp_path / "new.csv").write_text("".join(lines), "utf-8")
    options = {"keep": ["y"], "bad": "blank"}
    found, *_ = streamed(run.loaded, tmp_path / "new.csv", (500, 100), **options)
    kept = [row.decode().split(",")[0] for row in found.splitlines()[1:]]
    assert kept == ["" if 40 <= k < 120 else row["y"] for k, row in enumerate(rows())]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "npz"])
@pytest.mark.parametrize("blocks", BLOCKS)
def test_a_column_says_which_part_a_row_is_of(run, blocks, ending, tmp_path):
    save(with_parts(["train", " Testing", "val", "test"]), tmp_path / f"new.{ending}")
    path = tmp_path / f"new.{ending}"
    found, predictions, error = streamed(run.loaded, path, BLOCKS[blocks], keep=["k"], rows="use")
    assert (error, predictions.bad.n) == (None, 0)
    numbers = [int(row.decode().split(",")[0]) for row in found.splitlines()[1:]]
    assert numbers == list(range(1, N, 2))


@pytest.mark.parametrize("bad", ["fail", "skip", "blank"])
@pytest.mark.parametrize("blocks", BLOCKS)
def test_a_row_that_names_no_part_is_a_bad_row(run, blocks, bad, tmp_path):
    table = with_parts(["train", "test"])
    table[41]["use"], table[80]["use"] = "tset", ""
    save(table, tmp_path / "new.csv")
    lines = (tmp_path / "new.csv").read_text("utf-8").splitlines(keepends=True)
    lines[31] = "short\n"  # row 30
    (tmp_path / "new.csv").write_text("".join(lines), "utf-8")
    options = {"keep": ["k"], "rows": "use", "bad": bad}
    found, predictions, error = streamed(
        run.loaded, tmp_path / "new.csv", BLOCKS[blocks], **options
    )
    cells = [row.decode().split(",")[:2] for row in found.splitlines()[1:]]
    odd = [str(k) for k in range(1, N, 2)]
    if bad == "fail":
        assert [k for k, _ in cells] == odd[:15]
        assert error.startswith(f"{tmp_path}/new.csv:32:6: the row is too short: 1 fields")
        return
    assert error is None
    assert [k for k, y in cells if y] == [k for k in odd if k != "41"]
    assert [i for i, (_, y) in enumerate(cells) if not y] == (
        [15, 21, 41] if bad == "blank" else []
    )
    assert predictions.bad.n == 3
    allowed = "allowed: train, validation (or valid, val, dev), test"
    assert predictions.bad.first[1].endswith(f": use: 'tset' is not a part; {allowed}")
    assert predictions.bad.first[1].startswith(f"{tmp_path}/new.csv:43:")
    assert predictions.bad.first[2].endswith(f": use: an empty cell is not a part; {allowed}")


def test_a_file_without_the_column_or_the_part_has_no_such_part(run, tmp_path):
    save(with_parts(["train", "val"]), tmp_path / "new.csv")
    with pytest.raises(UsageError, match=r"new.csv has no such part; it has: train, validation$"):
        streamed(run.loaded, tmp_path / "new.csv", rows="use")
    with pytest.raises(UsageError, match="has no column 'usage', so it has no such part"):
        streamed(run.loaded, tmp_path / "new.csv", rows="usage")
