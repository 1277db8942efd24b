"""A model of a table with every kind of column, and the same rows in every other dress.

Trained on income.csv: money, per cent, dates with times, booleans of mixed spelling, a column of
many categories, rare categories, numbers with gaps, names in Latin-1, an identifier, free text.
"""

import csv
import io
import json
import random
import subprocess

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

N = 600
CITIES = ("Köln", "Düren", "Málaga", "Orléans")
YES, NO = ("yes", "True", "Y"), ("no", "False", "N")
INPUTS = ["id", "when", "income", "rate", "garden", "shop", "city", "age", "size", "note"]
TARGETS = {
    "price": "target: price, exclude: [sold], scale_target: log",
    "sold": "target: sold, exclude: [price]",
}
SHORT = ["--set", "training.epochs=3", "--set", "model.layers=[{units: 8}]", "-q"]


def rows():
    """Return the table's rows as values: numbers as numbers, dates as pandas has them."""
    draw = random.Random(11)
    begin = pd.Timestamp("2021-01-04 08:30")
    made = []
    for k in range(N):
        income = round(draw.uniform(900, 9000), 2)
        shop = f"shop {draw.randrange(150):03}"
        size, old = round(draw.uniform(20, 200), 1), draw.randrange(1, 90)
        garden = draw.random() < 0.5
        price = 900 * size + 5 * income + 20_000 * garden + 400 * int(shop[5:])
        made.append(
            {
                "id": f"{draw.getrandbits(64):016x}",
                "when": begin + pd.Timedelta(hours=11 * k),
                "income": None if k % 13 == 5 else income,
                "rate": round(draw.uniform(0, 30), 1),
                "garden": garden,
                "shop": shop,
                "city": CITIES[draw.randrange(4)] if k % 40 else f"Dörfchen {k}",
                "age": None if draw.random() < 0.2 else old,
                "size": size,
                "note": " ".join(draw.choices(("bright", "quiet", "near", "the", "sea"), k=9)),
                "price": round(price * draw.uniform(0.9, 1.1), 2),
                "sold": "yes" if price > 200_000 else "no",
            }
        )
    return made


def written(row, number, *, comma=False):
    """Return a row as texts, as people type them; with a decimal comma and points, or without."""

    def mark(text):
        return text.translate(str.maketrans(",.", ".,")) if comma else text

    spelling = (YES if row["garden"] else NO)[number % 3]
    return row | {
        "when": f"{row['when']:%Y-%m-%d %H:%M}",
        "income": "" if row["income"] is None else "$" + mark(f"{row['income']:,.2f}"),
        "rate": mark(f"{row['rate']:.1f}") + " %",
        "garden": spelling,
        "age": "" if row["age"] is None else str(row["age"]),
        "size": mark(f"{row['size']:.1f}"),
        "price": "$" + mark(f"{row['price']:,.2f}"),
    }


def csv_text(table, names, delimiter=","):
    stream = io.StringIO()
    writer = csv.DictWriter(
        stream, names, extrasaction="ignore", delimiter=delimiter, lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(table)
    return stream.getvalue()


def plain_frame():
    """Return the inputs as a program would save them: typed, money and shares as numbers."""
    return pd.DataFrame(rows())[INPUTS]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder with the table, a spec for each target, and the rows in every dress."""
    folder = tmp_path_factory.mktemp("round")
    typed = [written(row, k) for k, row in enumerate(rows())]
    comma = [written(row, k, comma=True) for k, row in enumerate(rows())]
    extra = [row | {"extra": k, "more": "ü"} for k, row in enumerate(typed)]
    backwards = ["extra", *INPUTS[::-1], "more"]
    files = {
        "income.csv": csv_text(typed, [*INPUTS, *TARGETS]).encode("latin-1"),
        "inputs.csv": csv_text(typed, INPUTS).encode("latin-1"),
        "utf_8.csv": csv_text(typed, INPUTS).encode("utf-8-sig"),
        "backwards.csv": csv_text(extra, backwards).encode("latin-1"),
        "utf_16.csv": csv_text(typed, INPUTS, "\t").encode("utf-16"),
        "comma.csv": csv_text(comma, INPUTS, ";").encode("latin-1"),
        "comma.tsv": csv_text(comma, INPUTS, "\t").encode("utf-8"),
        "typed.jsonl": "".join(
            json.dumps({name: row[name] or None for name in INPUTS}) + "\n" for row in typed
        ).encode(),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    frame = plain_frame()
    frame.to_parquet(folder / "plain.parquet")
    frame.to_json(folder / "plain.jsonl", orient="records", lines=True, date_format="iso")
    for target, keys in TARGETS.items():
        (folder / f"{target}.yaml").write_text(f"data: {{path: income.csv, {keys}}}\n", "utf-8")
    return folder


DRESSES = (
    *("inputs.csv", "utf_8.csv", "backwards.csv", "utf_16.csv", "comma.csv", "comma.tsv"),
    *("typed.jsonl", "plain.jsonl", "plain.parquet"),
)


@pytest.fixture(scope="module", params=TARGETS)
def target(request):
    return request.param


@pytest.fixture(scope="module")
def done(place, target, in_one_process):
    """Return what each command has given: training, predictions, evaluation, training again."""
    run, again = f"run_{target}", f"again_{target}"
    commands = {
        "train": ["train", f"{target}.yaml", "--run-dir", run, *SHORT],
        "itself": ["predict", run, "income.csv", "-q"],
        **{name: ["predict", run, name, "-q"] for name in DRESSES},
        "eval": ["eval", run, "--json"],
        "again": ["train", f"{run}/spec.yaml", "--run-dir", again, "-q"],
    }
    found = in_one_process(list(commands.values()), place)
    return dict(zip(commands, found, strict=True))


def test_the_table_trains_with_every_kind_of_column(done, place, target):
    code, _, err = done["train"]
    assert (code, err) == (0, "")
    text = (place / f"run_{target}" / "spec.yaml").read_text("utf-8")
    assert all(name in text for name in ("income", "rate", "when", "garden"))


def test_its_own_rows(done):
    code, out, err = done["itself"]
    assert (code, err) == (0, "")
    assert len(list(csv.reader(io.StringIO(out)))) == N + 1
    assert len(set(out.splitlines())) > N // 2


@pytest.mark.parametrize("name", DRESSES)
def test_the_same_rows_give_the_same_predictions(done, name):
    assert done[name] == done["itself"]


def test_evaluation_gives_the_figures_of_the_run(done, place, target):
    code, out, err = done["eval"]
    assert (code, err) == (0, "")
    told = json.loads((place / f"run_{target}" / "manifest.json").read_text("utf-8"))
    scores, of_the_run = json.loads(out)["scores"], told["result"]["scores"]
    assert [scores[part]["rows"] for part in scores] == [420, 90, 90]
    for part in ("validation", "test"):
        assert scores[part] == of_the_run[part]
    # While it trains, the column of many categories gives a row the numbers of the others.
    assert scores["train"]["loss"] == pytest.approx(of_the_run["train"]["loss"], rel=0.2)


def test_the_resolved_spec_trained_again_is_the_same_model(done, place, target):
    code, _, err = done["again"]
    assert (code, err) == (0, "")
    first = load_file(place / f"run_{target}" / "model.safetensors")
    second = load_file(place / f"again_{target}" / "model.safetensors")
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        np.testing.assert_array_equal(second[name], tensor, err_msg=name)


STRANGE = {
    "a new city, shop, and word for yes": {"city": "Łódź", "shop": "shop 999", "garden": "TRUE"},
    "nothing at all": dict.fromkeys(INPUTS, ""),
    "a date beyond all others": {"when": "2099-12-31 23:59"},
    "an amount without its currency": {"income": "1,234.50"},
    "words for no value": {"income": "N/A", "age": "?", "size": "-", "rate": "n/a"},
}
UNFIT = {
    "a share without its sign": ("rate", "12.5"),
    "another currency": ("income", "€1,234.50"),
    "a word among numbers": ("size", "large"),
    "a word among dates": ("when", "soon"),
    "a day that does not exist": ("when", "2021-02-30 10:00"),
}


@pytest.fixture(scope="module")
def strange(done, place, target, in_one_process):
    """Return what predictions of rows with one strange row give."""
    assert done["train"][0] == 0
    typed = [written(row, k) for k, row in enumerate(rows()[:8])]
    commands = {}
    changes = STRANGE | {name: {column: text} for name, (column, text) in UNFIT.items()}
    for number, (name, change) in enumerate(changes.items()):
        table = csv_text([*typed[:3], typed[3] | change, *typed[4:]], INPUTS)
        (place / f"strange {number}.csv").write_text(table, "utf-8")
        commands[name] = ["predict", f"run_{target}", f"strange {number}.csv", "-q"]
    return dict(zip(commands, in_one_process(list(commands.values()), place), strict=True))


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_new_or_missing_is_predicted(strange, name):
    code, out, err = strange[name]
    assert (code, err) == (0, "")
    assert len(out.splitlines()) == 9
    assert "nan" not in out.lower()


@pytest.mark.parametrize("name", UNFIT)
def test_what_does_not_fit_is_refused_at_its_cell(strange, name):
    code, out, err = strange[name]
    column, text = UNFIT[name]
    assert code == 3
    assert len(out.splitlines()) == 1 + 3  # the rows before it are predicted
    assert len(err.splitlines()) == 1
    assert ":5:" in err
    assert column in err
    assert text in err


def test_a_header_without_the_models_columns_is_refused_while_the_pipe_is_open(
    done, place, target, program
):
    assert done["train"][0] == 0
    process = subprocess.Popen(
        [*program.words, "predict", f"run_{target}", "-"],
        cwd=place,
        env=program.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdin.write(b"id,when,income\n1,2021-01-04 08:30,$5.00\n")
    process.stdin.flush()
    assert process.wait(timeout=30) == 3
    message = process.stderr.read().decode()
    for stream in (process.stdin, process.stdout, process.stderr):
        stream.close()
    assert "rate" in message
    assert "<stdin>" in message
