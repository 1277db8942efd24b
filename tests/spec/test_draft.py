"""A first spec: what it decides of an unknown table, and that it trains as it stands."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from jsonschema import Draft202012Validator

from mlpcli.data.diagnosis import oddities
from mlpcli.errors import DataError
from mlpcli.nn.embeddings import EMBEDDINGS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.spec.draft.candidates import list_columns
from mlpcli.spec.draft.decisions import ACTED_ON, reason
from mlpcli.spec.draft.draft import Draft
from mlpcli.spec.draft.examine import examine
from mlpcli.spec.draft.layout import commented, remark
from mlpcli.spec.draft.settings import settings_for
from mlpcli.spec.draft.writing import member, spec_text
from mlpcli.spec.json_schema import json_schema
from mlpcli.spec.load import load_spec
from mlpcli.training.build import load_dataset

N = 240


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def rows_of(**columns):
    names = list(columns)
    return names, list(zip(*(columns[name] for name in names), strict=True))


def write(delimiter=",", encoding="utf-8", name="t.csv", **columns):
    names, rows = rows_of(**columns)
    lines = [delimiter.join(map(str, row)) for row in [names, *rows]]
    Path(name).write_text("\n".join(lines) + "\n", encoding)
    return name


def draft_of(path, *targets):
    found = examine(path, targets)
    return Draft(path, "t.yaml", found.dataset, found.decisions, settings_for(found.dataset), 32)


def trained_on(path, *targets):
    """Return the draft, and the data set that the written spec stands for."""
    draft = draft_of(path, *targets)
    Path("t.yaml").write_text(spec_text(draft), "utf-8")
    loaded = load_spec("t.yaml")
    return draft, loaded.spec, load_dataset(loaded)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def messy(rng):
    """Return a table of European decimals, dates, money, codes for no value, a leak, and more."""
    x, day = rng.normal(size=N), rng.integers(1, 28, N)
    y = x + rng.normal(size=N) > 0
    return {
        "Kunde": [f"K{i:05d}" for i in range(N)],
        "Nr": range(1000, 1000 + 7 * N, 7),
        "Tag": [f"{d:02d}.{m:02d}.2021" for d, m in zip(day, rng.integers(1, 13, N), strict=True)],
        "Betrag": [f"{v:.2f} €".replace(".", ",") for v in rng.uniform(1, 900, N)],
        "Punkte": np.where(np.arange(N) % 9 == 0, -999, rng.integers(20, 70, N)),
        "Fehler": ["kaputt" if i == 5 else f"{v:.1f}" for i, v in enumerate(rng.normal(size=N))],
        "Dauer": ["?" if i % 30 == 0 else str(v) for i, v in enumerate(rng.integers(1, 90, N))],
        "Notiz": [f"der Kunde sagte am Telefon Satz {i}" for i in range(N)],
        "Land": ["Köln"] * N,
        "x": np.round(x, 3),
        "doppelt": np.round(x, 3),
        "Kopie": y.astype(int) + 5,
        "Ziel": np.where(y, "ja", "nein"),
    }


def test_each_finding_is_in_the_spec(messy):
    messy["Fehler"] = [str(v).replace(".", ",") for v in messy["Fehler"]]
    messy["x"] = messy["doppelt"] = [str(v).replace(".", ",") for v in messy["x"]]
    draft, spec, _ = trained_on(write(";", "latin-1", **without_euro(messy)), "Ziel")
    data = spec.data
    assert (data.encoding, data.delimiter, data.decimal) == ("cp1252", ";", ",")
    assert data.task == "binary"
    assert data.exclude == ["Kunde", "Nr", "Notiz", "Land", "doppelt", "Kopie"]
    assert data.columns["Tag"].model_dump()["first"] == "day"
    assert data.columns["Punkte"].model_dump()["missing"] == ("-999",)
    assert data.columns["Fehler"].model_dump()["missing"] == ("kaputt",)
    assert data.columns["Dauer"].model_dump()["missing"] == ("?",)
    assert draft.decisions.exclude["Kopie"].startswith("a leak?")


def without_euro(columns):
    """Return columns that Latin-1 can write."""
    return {name: [str(v).replace("€", "EUR") for v in values] for name, values in columns.items()}


def test_nothing_is_found_any_more(messy):
    _, _, dataset = trained_on(write("\t", name="t.tsv", **messy), "Ziel")
    assert [g.text for g in dataset.guesses] == []
    assert {o.kind for o in oddities(dataset)} & ACTED_ON == set()
    assert {o.kind for o in oddities(dataset)} == {"missing"}


def test_each_reason_stands_beside_its_column(messy):
    text = spec_text(draft_of(write(";", **messy), "Ziel"))
    assert re.search(r"^    - Notiz +# free text", text, re.MULTILINE)
    assert re.search(r"^    - Land +# one and the same text in every row", text, re.MULTILINE)
    assert re.search(r"^    - Kopie +# a leak\? ", text, re.MULTILINE)
    assert re.search(r"Dauer: .*# '\?' taken for missing values \(8 cells\)", text)
    assert max(map(len, text.splitlines())) <= 100


def test_the_data_set_of_the_spec_is_the_one_that_was_examined(messy):
    draft, _, dataset = trained_on(write(";", **messy), "Ziel")
    assert dataset.encoding.inputs == draft.dataset.encoding.inputs
    assert dataset.encoding.target == draft.dataset.encoding.target
    for part, other in zip(dataset.parts.values(), draft.dataset.parts.values(), strict=True):
        np.testing.assert_array_equal(part.X, other.X)
        np.testing.assert_array_equal(part.rows, other.rows)


def test_an_editor_accepts_the_spec(messy):
    text = spec_text(draft_of(write(";", **messy), "Ziel"))
    # With YAML 1.1's scalars too, as some editors read them: no text turns into something else.
    Draft202012Validator(json_schema()).validate(yaml.safe_load(text))


def test_a_clean_table_has_a_plain_spec(rng):
    path = write(a=rng.normal(size=N).round(3), b=rng.normal(size=N).round(3), y=["u", "v"] * 120)
    draft, spec, _ = trained_on(path, "y")
    assert spec.data.exclude == []
    assert spec.data.columns == {}
    assert not draft.decisions.notes
    assert "found" not in spec_text(draft).lower()


def test_a_leak_behind_a_leak_is_found(rng):
    y = rng.normal(size=N).round(4)
    path = write(a=rng.normal(size=N).round(3), b=2 * y, c=(2 * y + 1).round(4), y=y)
    assert {*trained_on(path, "y")[1].data.exclude} == {"b", "c"}


def test_the_last_input_stays(rng):
    y = rng.normal(size=N).round(4)
    draft, spec, _ = trained_on(write(b=2 * y, y=y), "y")
    assert spec.data.exclude == []
    assert any("2 times it" in note or "0.5 times it" in note for note in draft.decisions.notes)


def test_rows_in_the_order_of_time_are_split_by_it(rng):
    days = np.arange(N) + np.datetime64("2020-01-01")
    table = {"day": days, "x": rng.normal(size=N).round(3), "y": rng.normal(size=N).round(3)}
    spec = trained_on(write(**table), "y")[1]
    assert spec.data.split.time == "day"
    for name in ("x", "y"):
        assert spec.data.split.column is None, name
    order = rng.permutation(N)
    shuffled = {name: np.asarray(values)[order] for name, values in table.items()}
    assert trained_on(write(**shuffled), "y")[1].data.split.time is None
    few = {**table, "day": np.sort(np.resize(days[: N // 2 - 1], N))}  # many rows of a day
    assert trained_on(write(**few), "y")[1].data.split.time is None


def test_rows_of_one_customer_stay_together(rng):
    ids = rng.integers(1, 40, N)
    table = {"customer_id": ids, "x": rng.normal(size=N).round(3), "y": rng.integers(0, 2, N)}
    _, spec, dataset = trained_on(write(**table), "y")
    assert spec.data.split.group == "customer_id"
    seen = [set(ids[part.rows].tolist()) for part in dataset.parts.values()]
    assert sum(map(len, seen)) == len(set.union(*seen))


def test_films_and_their_viewers_are_names(rng):
    table = {k: rng.integers(1, 40, N) for k in ("movieId", "userId")}
    table |= {"x": rng.normal(size=N).round(3), "y": rng.normal(size=N).round(3)}
    spec = trained_on(write(**table), "y")[1]
    assert spec.data.split.group is None
    assert {name: each.name for name, each in spec.data.columns.items()} == {
        "movieId": "text",
        "userId": "text",
    }


@pytest.mark.parametrize(
    ("name", "values", "is_left_out"),
    [
        ("payment", np.arange(N) * 3 + 70_000, True),
        ("payment", np.arange(N) * 4 + 70_000, False),
        ("timestamp", np.arange(N) + 70_000, False),
        ("payment", np.append(np.arange(N - 1), 0) + 70_000, False),
        ("payment", np.arange(N) + 70_000.5, False),
    ],
)
def test_numbers_that_name_the_rows(rng, name, values, is_left_out):
    table = {name: rng.permutation(values), "x": rng.normal(size=N).round(3)}
    spec = trained_on(write(**table, y=rng.integers(0, 2, N)), "y")[1]
    assert (name in spec.data.exclude) == is_left_out


def test_constant_pixels_stay(rng):
    image = rng.integers(0, 256, (N, 64)) * (np.arange(64) % 5 > 0)
    table = {f"pixel{k}": image[:, k] for k in range(64)}
    draft, spec, _ = trained_on(write(**table, y=rng.integers(0, 10, N)), "y")
    assert spec.data.exclude == []
    assert any(note.startswith("constant in the training rows") for note in draft.decisions.notes)


def test_zero_may_be_a_value(rng):
    x = rng.uniform(20, 40, N).round(2)
    x[::9] = 0
    path = write(x=x, z=rng.normal(size=N).round(3), y=rng.integers(0, 2, N))
    draft, spec, _ = trained_on(path, "y")
    assert not spec.data.columns
    assert any(note.startswith("x: 0 in 27 of 240 rows") for note in draft.decisions.notes)


def test_a_column_of_parts_is_the_split(rng):
    parts = rng.choice(["train", "val", "test"], N, p=[0.6, 0.2, 0.2])
    table = {"split": parts, "x": rng.normal(size=N).round(3), "y": rng.integers(0, 2, N)}
    assert trained_on(write(**table), "y")[1].data.split.column == "split"


def test_names_that_could_end_a_comment_or_a_value(rng):
    import csv

    names = ['a: b, "c"', "d\ne # f", "-", "null", "[g]"]
    values = rng.normal(size=(N, len(names))).round(3)
    with Path("t.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "k: #", "y: #"])
        writer.writerows([*row, 1, "no" if i % 2 else "ye\ns: #"] for i, row in enumerate(values))
    _, spec, dataset = trained_on("t.csv", "y: #")
    assert spec.data.exclude == ["k: #"]
    assert spec.data.targets == ["y: #"]
    assert dataset.encoding.inputs.names == names


def test_no_character_ends_a_comment():
    assert remark("a\x1b\u2028b\x85c\rd") == [r"# a\x1b\u2028b\x85c\rd"]
    assert commented("x: 1", "a\nb")[0].endswith(r"# a\nb")


def test_several_targets(rng):
    table = {k: rng.integers(0, 2, N) for k in "pq"} | {"x": rng.normal(size=N).round(3)}
    draft, spec, _ = trained_on(write(**table), "p", "q")
    assert (draft.task, spec.data.targets) == ("multilabel", ["p", "q"])


def test_a_target_that_no_spec_can_take(rng):
    path = write(x=rng.normal(size=N).round(3), y=["u"] * N)
    with pytest.raises(DataError, match="every row has the same class"):
        examine(path, ["y"])


def test_a_target_with_a_mistake_is_read_without_it(rng):
    y = [f"{v:.2f}" for v in rng.normal(size=N)]
    y[3] = "oops"
    draft, _, dataset = trained_on(write(x=rng.normal(size=N).round(3), y=y), "y")
    assert draft.task == "regression"
    assert sum(map(len, dataset.parts.values())) == N - 1
    assert member(draft.decisions.readings["y"]) == "{name: number, missing: [oops]}"


@pytest.mark.parametrize(
    ("n_train", "units", "embeds", "replicas"), [(168, (64,), False, 4), (700, (128, 64), True, 4)]
)
def test_the_network_grows_with_the_rows(rng, n_train, units, embeds, replicas):
    n = round(n_train / 0.7)
    path = write(
        x=rng.normal(size=n).round(3), z=rng.normal(size=n).round(3), y=["u", "v"] * (n // 2)
    )
    _, spec, dataset = trained_on(path, "y")
    assert len(dataset.parts["train"]) == n_train
    assert tuple(layer.units for layer in spec.model.layers) == units
    assert (spec.model.embedding is not None) == embeds
    assert spec.ensemble.replicas == replicas
    assert spec.model.loss is None


def test_reasons():
    dates = "a: read as dates, day first: '27.12.2022' is 2022-12-27; if not, write data.columns: …"
    assert reason(dates) == "read as dates, day first: '27.12.2022' is 2022-12-27"
    money = "b: read as numbers (thousands separated by '.'; unit €): '1,5' is 1.5; if not, write …"
    assert reason(money) == "read as numbers (thousands separated by '.'; unit €): '1,5' is 1.5"
    leak = "c: the target y is 2 times it: a leak? To leave it out: data.exclude: [c]"
    assert reason(leak) == "the target y is 2 times it"


def test_what_columns_would_be(messy):
    listing = list_columns(write(";", **messy))
    found = {column.facts.name: column for column in listing.columns}
    assert listing.rows == N
    assert [(n, c.task, c.classes) for n, c in found.items() if c.task] == [
        ("Betrag", "regression", 0),
        ("Punkte", "regression", 0),
        ("Fehler", "regression", 0),
        ("Dauer", "regression", 0),
        ("x", "regression", 0),
        ("doppelt", "regression", 0),
        ("Kopie", "binary", 2),
        ("Ziel", "binary", 2),
    ]
    assert found["Tag"].facts.kind == "dates"
    assert found["Tag"].no_target == "dates"
    assert found["Nr"].no_input.startswith("an identifier")
    assert [c.role for c in found.values()] == [
        *("identifier", "identifier", "date", "number", "number", "number", "number"),
        *("text", "constant", "number", "number", "number", "category"),
    ]
    assert found["Notiz"].no_input == "free text"
    assert found["Dauer"].facts.missing == 8
    assert listing.suggestion == "Ziel"


@pytest.mark.parametrize(
    ("columns", "target"),
    [
        (["y", "a", "b"], "y"),
        (["a", "b", "c"], "c"),
        (["a", "Price (EUR)", "b"], "Price (EUR)"),
        (["price", "target", "b"], "target"),
        (["a", "b", "customer_id"], "b"),
    ],
)
def test_the_likely_target(rng, columns, target):
    values = {name: rng.normal(size=N).round(3) for name in columns}
    if "customer_id" in values:
        values["customer_id"] = np.arange(N) + 500
    assert list_columns(write(**values)).suggestion == target


def test_infinite_numbers_are_missing(rng):
    a = [f"{v:.3f}" for v in rng.normal(size=N)]
    a[4], a[9] = "inf", "-Infinity"
    path = write(a=a, b=rng.normal(size=N).round(3), y=["u", "v"] * (N // 2))
    facts = {column.facts.name: column.facts for column in list_columns(path).columns}
    assert facts["a"].missing == 2
    assert "inf" not in facts["a"].values
    draft, _, _ = trained_on(path, "y")
    assert member(draft.decisions.readings["a"]) == '{name: number, missing: ["-inf", "inf"]}'


def test_blanks_between_the_fields(rng):
    path = write(
        " ", a=rng.normal(size=N).round(3), b=rng.normal(size=N).round(3), y=["u", "v"] * 120
    )
    assert list_columns(path).suggestion == "y"
    assert trained_on(path, "y")[1].data.delimiter == " "


def test_a_task_that_is_asked_for(rng):
    path = write(a=rng.normal(size=N).round(3), grade=rng.integers(1, 6, N))
    draft = draft_of(path, "grade")
    assert draft.task == "multiclass"
    said = " ".join(line.partition("# ")[2] for line in spec_text(draft).splitlines())
    assert "so taken as classes (multiclass); if they are counts, scores or amounts: regr" in said
    assert examine(path, ["grade"], "regression").dataset.encoding.task == "regression"


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass", "multilabel"])
def test_each_member_that_a_comment_names_exists_and_fits_the_task(rng, task):
    """Of a loss also for the task; `or`, `such as` and `find one` are not names."""
    values = {
        "regression": rng.normal(size=N),
        "binary": rng.integers(0, 2, N),
        "multiclass": rng.choice(["a", "b", "c"], N),
        "multilabel": rng.integers(0, 2, N),
    }[task]
    more = {"z": rng.integers(0, 2, N)} if task == "multilabel" else {}
    path = write(x=rng.normal(size=N), y=values, **more)
    draft = draft_of(path, "y", *more)
    assert draft.task == task
    losses = [name for name, loss in LOSSES.items() if task in loss.tasks]
    tables = {"loss": losses, "optimizer": OPTIMIZERS, "embedding": EMBEDDINGS}
    found = dict.fromkeys(tables, 0)
    for line in spec_text(draft).splitlines():
        key, _, comment = line.partition("#")
        table = tables.get(key.strip().partition(":")[0])
        if table is None or ("null" in comment and "embedding" in key):
            continue
        named = re.sub(r"of numbers, before the first layer:|; find one:.*|…|\bor\b", "", comment)
        for name in re.findall(r"\w+", named):
            assert name in table, line
            found[key.strip().partition(":")[0]] += 1
    assert found["loss"] >= 2
    assert found["optimizer"] >= 2


def test_floats_too_large_to_be_whole_by_more_than_chance_are_no_classes(rng):
    path = write(x=rng.normal(size=N), y=[f"{k + 1}e30" for k in range(N)])
    text = spec_text(draft_of(path, "y"))
    assert "if they are" not in text
    assert "Inputs, 1 number to the network" in text
