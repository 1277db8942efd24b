"""docs/quality.md is of the stored runs, and its figures are those of independent formulas."""

import importlib
import json
import math
import os
import statistics
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import log_loss

from mlpcli.spec.load import load_spec

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "quality.md").read_text("utf-8")
STORED = json.loads((ROOT / "benchmarks" / "quality.json").read_text("utf-8"))
NAMES = ("settings", "catalog", "tables", "peer", "runs", "figures", "page")


@pytest.fixture(scope="module")
def script():
    """Return the script's modules; what they put into the process is not to reach other tests."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield SimpleNamespace(**{n: importlib.import_module(f"quality_{n}") for n in NAMES})
        for name in set(sys.modules) - before:
            if name.startswith(("quality", "performance")):
                del sys.modules[name]


def run(tool, table, split, loss=None, **more):
    """Return a run as it is stored."""
    one = {"tool": tool, "table": table, "split": split, "status": "done", "cpu_seconds": 2.0}
    one |= {"seconds": 3.0, "memory_mb": 90, "fit_cpu_seconds": 1.0}
    return one | ({} if loss is None else {"loss": loss}) | more


def stored(runs, *names, held_back=()):
    """Return a small campaign."""
    return {"runs": runs, "tables": {name: {"held_back": name in held_back} for name in names}}


def cells_of(title):
    """Return {first cell: the others} of a table of the page."""
    lines = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0].splitlines()
    rows = [[c.strip() for c in line.strip("|").split("|")] for line in lines if line[:1] == "|"]
    return {row[0]: row[1:] for row in rows[2:]}


# --- the page ----------------------------------------------------------------------------------


def test_the_page_names_its_command_and_the_command_is_there():
    assert "python benchmarks/quality.py" in PAGE
    assert "python benchmarks/quality.py" in (ROOT / "justfile").read_text("utf-8")


def test_the_page_is_that_of_the_stored_runs(script):
    assert script.page.page(STORED) == PAGE


def losses(tool, names):
    """Return {table: {split: loss}} of the stored runs that were done, at most the constant's."""
    most, found = {}, {}
    for one in STORED["runs"]:
        key = one["table"], one["split"]
        if one["tool"] == "constant":
            most[key] = one["loss"]
        if one["tool"] == tool and one["table"] in names and one["status"] == "done":
            found[key] = one["loss"]
    tables = {}
    for (table, split), loss in found.items():
        tables.setdefault(table, {})[split] = min(loss, most.get((table, split), math.inf))
    return tables


@pytest.mark.parametrize("held_back", [False, True])
def test_ratios_and_intervals_are_those_of_a_t_test_of_the_logs(held_back):
    names = {n for n, about in STORED["tables"].items() if about["held_back"] or not held_back}
    ours, theirs = losses("lightgbm", names), losses("scikit-learn", names)
    logs = [
        statistics.fmean(math.log(ours[n][k] / theirs[n][k]) for k in ours[n] if k in theirs[n])
        for n in ours
        if n in theirs
    ]
    low, high = stats.ttest_1samp(logs, 0).confidence_interval()
    value, low, high = (math.exp(v) for v in (statistics.fmean(logs), low, high))
    row = cells_of("Held-back tables" if held_back else "All tables")["LightGBM"]
    assert row[2] == f"{value:.3f} ({low:.3f} to {high:.3f})"


def test_no_goal_is_missing_and_none_is_said_to_be_met_that_is_not():
    rows = cells_of("Goals")
    bounds = [cells[0] for cells in rows.values()]
    assert bounds == ["≤ 0.92", "≤ 0.92", "≤ 0.95", "≤ 1", "≤ 0.1", "0"]
    for what, cells in rows.items():
        bound = float(cells[0].lstrip("≤ "))
        for measured, verdict in (cells[1:3], cells[3:5]):
            if measured == "–":
                assert verdict == "not measured", what
            else:
                met = float(measured.split(" (")[0]) <= bound
                assert verdict.startswith("met") == met, what
                assert met or verdict.startswith("**not met**"), what


def test_every_failed_run_of_mlp_is_counted():
    failed = [
        one for one in STORED["runs"] if one["tool"] == "mlp smallest" and one["status"] != "done"
    ]
    row = cells_of("Goals")["mlp smallest: runs that ended with another exit code than 0"]
    if any(one["tool"] == "mlp smallest" for one in STORED["runs"]):
        assert row[1] == str(len(failed))


# --- figures -----------------------------------------------------------------------------------


def test_a_failed_run_of_mlp_counts_as_the_constant_and_one_of_a_peer_not_at_all(script):
    runs = [run("constant", "a", k, 8.0) for k in (0, 1)]
    runs += [run("mlp smallest", "a", 0, 2.0), run("mlp smallest", "a", 1, status="exit 4")]
    runs += [run("lightgbm", "a", 0, 2.0), run("lightgbm", "a", 1, status="stopped")]
    results = script.figures.Results(stored(runs, "a"))
    assert results.figure("mlp smallest", "a") == {0: 2.0, 1: 8.0}
    assert results.figure("lightgbm", "a") == {0: 2.0}
    found = results.ratios("mlp smallest", "constant", ["a"])
    assert found["a"] == pytest.approx(0.5)  # √(2/8 · 8/8)


def test_a_loss_above_the_constants_counts_as_that_and_is_shown_as_it_is(script):
    runs = [run("constant", "a", 0, 2.0), run("lightgbm", "a", 0, 30.0), run("x", "a", 0, 1.0)]
    results = script.figures.Results(stored(runs, "a"))
    assert results.ratios("lightgbm", "x", ["a"]) == {"a": pytest.approx(2.0)}
    assert results.loss("lightgbm", "a") == 30.0
    assert [results.above_constant(tool) for tool in ("lightgbm", "x")] == [["a"], []]


def test_a_ratio_is_of_the_splits_that_both_have(script):
    runs = [run("lightgbm", "a", 0, 3.0), run("lightgbm", "a", 1, 50.0)]
    runs += [run("tabm-d", "a", 0, 6.0)]
    results = script.figures.Results(stored(runs, "a", "b"))
    assert results.ratios("tabm-d", "lightgbm", ["a", "b"]) == {"a": pytest.approx(2.0)}
    assert math.isnan(results.ratio("tabm-d", "lightgbm", ["a", "b"]).value)  # one table alone


def test_ranks_are_means_over_the_tables_that_all_have(script):
    table = {"a": (1.0, 2.0, 2.0), "b": (3.0, 1.0, 2.0), "c": (1.0, 2.0, None)}
    tools = ("x", "y", "z")
    runs = [
        run(tool, name, 0, loss)
        for name, row in table.items()
        for tool, loss in zip(tools, row, strict=True)
        if loss is not None
    ]
    ranks, count = script.figures.Results(stored(runs, *table)).ranks(tools, table)
    expected = np.mean([stats.rankdata(table[name]) for name in "ab"], axis=0)
    assert (list(ranks.values()), count) == (pytest.approx(list(expected)), 2)


@pytest.mark.parametrize(
    ("value", "low", "high", "words"),
    [
        (0.9, 0.8, 0.94, "met"),
        (0.9, 0.8, 1.1, "met, interval beyond"),
        (0.96, 0.9, 1.0, "**not met**, interval reaches it"),
        (1.1, 1.0, 1.2, "**not met**"),
        (math.nan, math.nan, math.nan, "not measured"),
    ],
)
def test_a_verdict_is_of_the_mean_and_says_where_the_interval_lies(script, value, low, high, words):
    assert script.page.verdict(script.figures.Ratio(value, low, high, 5), 0.95) == words


# --- tables and runs ---------------------------------------------------------------------------


def test_there_are_enough_tables_and_a_third_is_held_back(script):
    catalog = script.catalog.CATALOG
    names = [table.name for table in catalog]
    assert len(set(names)) == len(names) >= 24
    assert sum(table.held_back for table in catalog) == pytest.approx(len(catalog) / 3, abs=1)
    for task in ("regression", "binary", "multiclass"):
        assert {table.held_back for table in catalog if table.task == task} == {False, True}
    assert not any(table.target in table.drop for table in catalog)
    assert list(STORED["tables"]) == names


def test_stored_tables_have_no_column_that_was_left_out():
    for about in STORED["tables"].values():
        assert about["rows"] <= 20_000
        assert not set(about["categorical"]) & (set(about["drop"]) | {about["target"]})


def test_splits_are_fixed_stratified_and_of_all_rows(script, tmp_path):
    (table,) = (t for t in script.catalog.CATALOG if t.name == "breast_cancer")
    about = script.tables.write(table, tmp_path)
    assert (about["rows"], about["numeric"], about["categorical"], about["classes"]) == (
        569,
        30,
        [],
        2,
    )
    whole = pd.read_csv(tmp_path / "breast_cancer.csv")
    parts = []
    for seed in (0, 1, 2):
        frame = pd.read_csv(tmp_path / f"breast_cancer.split{seed}.csv")
        parts.append(frame.pop("split"))
        pd.testing.assert_frame_equal(frame, whole)
        counts = parts[-1].value_counts()
        assert (counts["test"], counts["validation"]) == (86, 86)  # ⌈0.15 · 569⌉
        shares = whole.groupby(parts[-1])["target"].mean()
        assert shares.max() - shares.min() < 0.01
    assert not parts[0].equals(parts[1])
    frame, _ = script.tables.prepare(table)
    assert script.tables.split(frame, table, 2).equals(parts[2])


def test_a_peer_sees_no_test_row_and_its_log_loss_is_scikit_learns(script, tmp_path):
    (table,) = (t for t in script.catalog.CATALOG if t.name == "breast_cancer")
    script.tables.write(table, tmp_path)
    rows = script.peer.Rows(tmp_path, "breast_cancer", 1)
    whole = pd.read_csv(tmp_path / "breast_cancer.split1.csv")
    assert list(rows.test.index) == list(whole.index[whole["split"] == "test"])
    assert set(rows.known.index) == set(whole.index[whole["split"] != "test"])
    assert (rows.is_validation.sum(), "split" in rows.known) == (86, False)
    p = np.random.default_rng(0).random((86, 1))
    p = np.hstack([p, 1 - p])
    assert rows.loss(p) == pytest.approx(log_loss(rows.y_test, p))
    certain = np.array([[1.0, 0.0]] * 86)
    wrong = (rows.y_test == "1").mean()
    bound = -math.log(np.finfo(np.float32).eps)
    assert rows.loss(certain) == pytest.approx(wrong * bound, rel=1e-5)


@pytest.mark.skipif(os.name != "posix", reason="forks")
def test_a_peer_is_run_stopped_or_failed_in_a_process_of_its_own(script, tmp_path, monkeypatch):
    (table,) = (t for t in script.catalog.CATALOG if t.name == "breast_cancer")
    script.tables.write(table, tmp_path)
    peer = script.runs.Peer(sys.executable, tmp_path, "constant")
    found = peer.run("breast_cancer", 0, 60)
    missing = peer.run("nowhere", 0, 60)
    peer.close()
    rows = script.peer.Rows(tmp_path, "breast_cancer", 0)
    share = (rows.y_known == "1").mean()
    expected = log_loss(rows.y_test, np.tile([1 - share, share], (86, 1)))
    assert (found["status"], found["test_rows"]) == ("done", 86)
    assert found["loss"] == pytest.approx(expected)
    assert found["cpu_seconds"] > found["fit_cpu_seconds"]
    assert missing["status"] == "failed"
    assert "nowhere" in missing["why"]

    def forever():
        while True:
            pass

    monkeypatch.setattr(script.peer, "measure", forever)
    assert script.peer.in_child(1)["status"] == "stopped"


def test_specs_are_valid_and_the_smallest_has_four_lines(script, tmp_path):
    for tool, said in script.settings.SPECS.items():
        text = script.settings.spec_text(said, tmp_path / "a.csv", "y", 2)
        file = tmp_path / "spec.yaml"
        file.write_text(text, encoding="utf-8")
        spec = load_spec(str(file), []).spec
        assert (spec.data.target, spec.data.split.column) == ("y", "split")
        if tool == "mlp smallest":
            assert len(text.splitlines()) == 4
        else:
            assert spec.seed == 2


def test_a_campaign_goes_on_where_it_stopped_and_the_last_run_counts(script, tmp_path):
    before = [run("x", "a", 0, 1.0)]
    log = script.runs.Log(tmp_path / "runs.jsonl", before)
    assert (log.has(("a", 0, "x")), log.has(("a", 1, "x"))) == (True, False)
    wanted = [("a", 0, "x"), ("a", 1, "x")]
    script.runs.campaign(log, wanted, lambda table, split: run("x", table, split, 5.0 + split))
    again = script.runs.Log(log.path, before)
    assert [again.runs[key]["loss"] for key in wanted] == [5.0, 6.0]


def test_a_run_of_mlp_with_another_spec_is_made_again(script, tmp_path):
    tool = "mlp strong"
    log = script.runs.Log(tmp_path / "runs.jsonl")
    log.append(run(tool, "a", 0, 1.0, spec={"model": {}}))
    log.append(run(tool, "a", 1, 1.0, spec=script.settings.SPECS[tool]))
    assert [log.has(("a", split, tool)) for split in (0, 1, 2)] == [False, True, False]


@pytest.mark.skipif(os.name != "posix", reason="limits of processor time")
def test_a_run_that_takes_too_long_is_stopped_and_its_children_are_counted(script):
    busy = [sys.executable, "-c", "while True: pass"]
    found = script.runs.run(busy, 1)
    assert found.status < 0
    assert 0.5 <= found.cpu_seconds < 2.5  # the limit and what is counted have other clocks
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'sum(range(10**7))'])"
    alone = script.runs.run([sys.executable, "-c", "sum(range(10**7))"], 60)
    # What starting it takes is a tenth of that: by itself, it is far below.
    assert script.runs.run([sys.executable, "-c", child], 60).cpu_seconds > alone.cpu_seconds / 2
