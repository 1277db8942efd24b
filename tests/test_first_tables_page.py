"""docs/first_tables.md is of the stored runs, and its figures are those of independent formulas."""

import importlib
import json
import math
import statistics
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "first_tables.md").read_text("utf-8")
STORED = json.loads((ROOT / "benchmarks" / "first_tables.json").read_text("utf-8"))
NAMES = ("form", "real", "made", "pipeline", "runs", "figures", "page")
TABLES = STORED["tables"]
NETWORK = "MLP pipeline"


@pytest.fixture(scope="module")
def script():
    """Return the script's modules; what they put into the process is not to reach other tests."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        found = {name: importlib.import_module(f"first_tables_{name}") for name in NAMES}
        yield SimpleNamespace(**found)
        for name in set(sys.modules) - before:
            if name.startswith("first_tables"):
                del sys.modules[name]


def rows_of(title):
    """Return {first cell: the others} of the first table below a title of the page."""
    lines = PAGE.split(f"\n## {title}\n")[1].strip().splitlines()
    table = []
    for line in lines:
        if line[:1] != "|":
            break
        table.append([cell.strip() for cell in line.strip("|").split("|")])
    return {row[0]: row[1:] for row in table[2:]}


# --- the page ----------------------------------------------------------------------------------


def test_the_page_names_its_command_and_is_that_of_the_stored_runs(script):
    command = "python benchmarks/first_tables.py"
    assert command in PAGE
    assert command in (ROOT / "justfile").read_text("utf-8")
    assert script.page.page(STORED) == PAGE


def test_there_are_25_tables_none_of_which_chose_a_default(script):
    names = [table.name for table in (*script.real.REAL, *script.made.MADE)]
    assert list(TABLES) == [name for name in names if name in TABLES]
    assert len(set(names)) == script.page.MANY == 25
    missing = f"- Not measured again since the last change: {25 - len(TABLES)} of 25 tables."
    assert (missing in PAGE) == (len(TABLES) < 25)
    known = (ROOT / "benchmarks" / "quality_catalog.py").read_text("utf-8")
    assert not [table.source for table in script.real.REAL if f'"{table.source}"' in known]


def test_no_command_of_mlp_was_left_out_and_each_one_ended_well():
    named = [word for word in ("init", "train", "report") if f"`mlp {word}`" in PAGE[:800]]
    assert named[:2] == ["init", "train"]
    for name, table in TABLES.items():
        for one in table["runs"]:
            steps = [(step["command"], step["status"]) for step in one["mlp"]["steps"]]
            assert steps == [(command, 0) for command in (*named, "predict")], name


def test_the_counts_are_of_ratios_and_intervals():
    for tool, cells in rows_of("In short").items():
        ratios = {name: table["ratios"][tool] for name, table in TABLES.items()}
        ahead = [name for name, (_, _, high) in ratios.items() if high < 1]
        behind = [name for name, (r, low, _) in ratios.items() if low > 1 and r > 1.01]
        even = len(TABLES) - len(ahead) - len(behind)
        assert cells[1:4] == [str(len(ahead)), str(even), str(len(behind))], tool
        assert cells[4] == (", ".join(behind) or "–")


def test_the_mean_ratio_is_that_of_a_t_test_of_the_logs():
    logs = [math.log(table["ratios"][NETWORK][0]) for table in TABLES.values()]
    low, high = stats.ttest_1samp(logs, 0).confidence_interval()
    mean = statistics.fmean(logs)
    value, low, high = (f"{math.exp(v):.3f}" for v in (mean, low, high))
    assert rows_of("In short")[NETWORK][0] == f"{value} ({low} to {high})"


def test_a_tables_ratio_is_that_of_the_losses_of_its_runs():
    """The root of a mean of squares, where a table has several seeds and a regression."""
    for name, cells in rows_of("Every table").items():
        table = TABLES[name]
        power = 2 if table["task"] == "regression" else 1
        ours, theirs = (
            statistics.fmean(one[tool]["loss"] ** power for one in table["runs"])
            for tool in ("mlp", NETWORK)
        )
        assert cells[1].split(" (")[0] == f"{(ours / theirs) ** (1 / power):.3f}", name


def test_seconds_are_of_all_commands_and_slow_tables_are_named():
    slow = []
    for name, cells in rows_of("Seconds").items():
        runs = TABLES[name]["runs"]
        each = [
            sum(s["cpu_seconds"] for s in one["mlp"]["steps"] if s["command"] != "predict")
            for one in runs
        ]
        assert cells[5] == f"{statistics.fmean(each):.1f}", name
        rows = int(cells[0].replace(",", ""))
        if statistics.fmean(each) > 60 * max(1, rows / 50_000):
            slow.append(name)
    line = next(line for line in PAGE.splitlines() if line.startswith("- Slower than 60 s"))
    assert all(name in line for name in slow)
    assert slow or line.endswith(": none.")


# --- figures -----------------------------------------------------------------------------------


def test_the_interval_of_a_ratio_is_that_of_scipys_bootstrap(script):
    rng = np.random.default_rng(0)
    a, b = rng.gamma(2, 1, 300), rng.gamma(2, 1.1, 300)

    def statistic(a, b, axis=-1):
        return np.sqrt(a.mean(axis=axis) / b.mean(axis=axis))

    expected = stats.bootstrap(
        (a, b), statistic, paired=True, method="percentile", random_state=1, n_resamples=4000
    ).confidence_interval
    value, low, high = script.figures.ratio(a, b, None, root=True)
    assert value == pytest.approx(statistic(a, b))
    assert (low, high) == pytest.approx(tuple(expected), abs=0.006)


def test_rows_of_one_group_are_drawn_together(script):
    """Two groups: a resample is one, the other or both, so the ends are 1/2 and 2."""
    a, b = np.array([1.0, 1.0, 4.0]), np.array([2.0, 2.0, 2.0])
    value, low, high = script.figures.ratio(a, b, np.array(["x", "x", "y"]), root=False)
    assert (value, low, high) == (1.0, 0.5, 2.0)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([0.9, 0.8, 0.99], "ahead"),
        ([0.9, 0.8, 1.01], "even"),
        ([1.2, 0.9, 1.4], "even"),
        ([1.009, 1.005, 1.012], "even"),
        ([1.02, 1.001, 1.04], "behind"),
    ],
)
def test_an_outcome_is_of_the_interval(script, found, said):
    assert script.page.outcome(found) == said


def test_the_log_loss_is_of_the_true_class_whatever_the_columns_order(script):
    predicted = script.pipeline.Predicted(np.array([[0.2, 0.8], [0.0, 1.0]]), ("b", "a"), 0.0)
    truth = pd.Series(["a", "b"])
    expected = [-math.log(0.8), -math.log(np.finfo(np.float32).eps)]
    assert script.runs.row_losses(predicted, truth) == pytest.approx(expected)
    assert script.runs.right(predicted, truth) == 0.5


def test_a_class_that_a_model_does_not_know_costs_the_most(script):
    predicted = script.pipeline.Predicted(np.array([[1.0, 0.0]]), ("a", "b"), 0.0)
    assert script.runs.row_losses(predicted, pd.Series(["c"]))[0] == pytest.approx(15.94, abs=0.01)


# --- files -------------------------------------------------------------------------------------


def test_a_file_is_written_as_its_form_says(script, tmp_path):
    form = script.form.Form(
        delimiter=";",
        decimal=",",
        thousands=".",
        encoding="latin-1",
        money={"Preis": "{} €"},
        dates={"Tag": "%d.%m.%Y"},
        codes={"Größe": "-999"},
        truths={"neu": ("ja", "nein")},
        index="",
    )
    frame = pd.DataFrame(
        {
            "Preis": [1234.5, np.nan],
            "Tag": pd.to_datetime(["2020-01-31", "2020-12-01"]),
            "Größe": [1.5, np.nan],
            "neu": [1, 0],
        }
    )
    form.write(frame, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text("latin-1").splitlines() == [
        ";Preis;Tag;Größe;neu",
        "1;1.234,50 ?;31.01.2020;1,5;ja",  # € is not in Latin-1
        "2;;01.12.2020;-999;nein",
    ]


def test_new_rows_have_no_target_no_leak_and_other_groups(script, tmp_path):
    tables = {table.name: table for table in script.made.MADE}
    known, new = tables["loans"].write(tmp_path)
    later = pd.read_csv(new)
    assert "status" not in later
    assert later[["recovered", "collections"]].isna().all(axis=None)
    assert pd.read_csv(known)[["recovered", "collections"]].notna().all(axis=None)
    rows, others = tables["patients"].rows()
    assert not set(rows["patient_id"]) & set(others["patient_id"])
    assert len(rows) + len(others) == 4200


def test_a_pipeline_gets_no_leak_and_every_other_column(script):
    (table,) = (table for table in script.made.MADE if table.name == "churn")
    rows, _ = table.rows()
    columns = script.pipeline.Columns(table, rows)
    assert columns.numbers == ["Tenure", "Monthly Fee", "Calls", "Discount", "Paperless"]
    assert (columns.categories, columns.dates, columns.many) == (["Plan"], ["Joined"], [])
