"""Sections about predictions: their numbers are those of eval, or worked out here from the rows."""

import csv
import importlib
import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from mlpcli.plain import format_number
from mlpcli.report.blocks import Chart, Table
from mlpcli.report.reported_run import load_run
from mlpcli.report.sections.calibration import calibration
from mlpcli.report.sections.confusion import confusion
from mlpcli.report.sections.importance import importance
from mlpcli.report.sections.intervals import intervals
from mlpcli.report.sections.ranking import ranking
from mlpcli.report.sections.residuals import residuals
from mlpcli.report.sections.worst_rows import worst_rows

pytest.importorskip("matplotlib")
SMALL = {"layers": [{"units": 5, "activation": "tanh"}]}
TRAINING = {"epochs": 6, "optimizer": {"name": "sgd", "learning_rate": 0.2}}
EVIL = ["a\x1b[31m", "two\nlines", "<b>$x$</b>", "=1+1", "x" * 100]


def draw_table(rng, n=240):
    """Return columns: two numbers that matter, a text that does not, and targets."""
    x, z = rng.normal(size=n).round(3), rng.normal(size=n).round(3)
    noise = rng.normal(size=(3, n))
    return {
        "x": [f"{value:+.3f}" if k % 9 else "NA" for k, value in enumerate(x)],
        "z": [f"{value:.3f}" for value in z],
        "text": [EVIL[k % 5] for k in range(n)],
        "is <it>": np.where(x + 0.3 * noise[0] > 0.8, "yes & so", "no"),
        "big": (x + 0.7 * noise[1] > 0).astype(int),
        "wide": (z + 0.7 * noise[2] > 0.5).astype(int),
        "mass": (x + noise[0] / 4).round(4),
        "price": (100 * z + noise[1]).round(3),
        "one of 40": [f"class number {int(k)}" for k in np.clip((x + 2.5) * 8, 0, 39)],
    }


TARGETS = ["is <it>", "big", "wide", "mass", "price", "one of 40"]
SPECS = {
    "binary": {"target": "is <it>"},
    "labels": {"target": ["big", "wide"]},
    "targets": {"target": ["mass", "price"]},
    "classes of 40": {"target": "one of 40", "task": "multiclass"},
    "quantiles": {"target": "mass"},
    "bagged": {"target": "mass"},
}
MORE = {
    "quantiles": {"model": {**SMALL, "loss": {"name": "quantile", "levels": [0.1, 0.5, 0.9]}}},
    "bagged": {"ensemble": {"kind": "bootstrap", "replicas": 3}},
}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Return the path of a table, and its rows as a CSV reader gives them."""
    path = tmp_path_factory.mktemp("table") / "table.csv"
    columns = draw_table(np.random.default_rng(2))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        lines, start = {}, 2
        for row in reader:
            lines[start] = row
            start = reader.line_num + 1
    return path, lines


@pytest.fixture(scope="module")
def of(table, train_run):
    """Return a function that gives the run of that name in SPECS."""
    found = {}

    def run(name):
        if name not in found:
            data = {"path": str(table[0]), **SPECS[name]}
            targets = [data["target"]] if isinstance(data["target"], str) else data["target"]
            data["exclude"] = [each for each in TARGETS if each not in targets]
            spec = {"data": data, "model": SMALL, "training": TRAINING, **MORE.get(name, {})}
            found[name] = load_run(str(train_run("of", spec)))
        return found[name]

    return run


def only(section, kind):
    return [block for block in section.blocks if isinstance(block, kind)]


def outcome(run):
    return run.scores[run.judged].outcome


def test_a_confusion_matrix_is_that_of_eval(reported):
    run = reported("classes")
    (chart,) = confusion(run).blocks
    counts = run.document["confusion"]["test"]
    rows = chart.table.rows
    assert chart.table.header == ["actual", "setosa", "versicolor", "virginica", "rows", "recall"]
    assert [row[1:4] for row in rows[:3]] == counts
    seen = outcome(run)
    for k, row in enumerate(rows[:3]):
        assert row[4] == np.sum(seen.target == k)
        assert row[5] == np.mean(seen.predicted[seen.target == k] == k)
        called = seen.target[seen.predicted == k]
        assert rows[4][1 + k] == (np.mean(called == k) if len(called) else None)
    right = sum(counts[k][k] for k in range(3))
    assert chart.description.startswith(f"{right} of 22 rows are on the diagonal")
    texts = [each.text for each in ET.fromstring(chart.svg).iter("text")]
    assert {"setosa", "versicolor", "virginica", "predicted", "actual"} <= set(texts)
    flat = [str(count) for row in counts for count in row]
    assert [text for text in texts if text in flat] == flat


def test_of_many_classes_the_largest_confusions_are_listed(of):
    run = of("classes of 40")
    frequent, weakest = only(confusion(run), Table)
    counts = np.array(run.document["confusion"]["test"])
    names = run.document["classes"]
    found = {(row[0], row[1]): row[2:] for row in frequent.rows}
    assert len(frequent.rows) == min(25, np.sum((counts > 0) & ~np.eye(len(names), dtype=bool)))
    for (actual, predicted), (count, share) in found.items():
        i, j = names.index(actual), names.index(predicted)
        assert i != j
        assert count == counts[i, j]
        assert share == counts[i, j] / counts[i].sum()
    least = min(row[2] for row in frequent.rows)
    off = np.where(np.eye(len(names), dtype=bool), 0, counts)
    assert np.sum(off > least) <= 25
    recalls = [row[3] for row in weakest.rows]
    assert recalls == sorted(recalls)
    assert f"{np.trace(counts)} of 36 test rows" in confusion(run).blocks[0].text


def test_labels_have_their_hits_and_misses(of):
    run = of("labels")
    (table,) = confusion(run).blocks
    seen = outcome(run)
    for k, row in enumerate(table.rows):
        target, said = seen.target[:, k], seen.predicted[:, k]
        hits = [int(np.sum((said == s) & (target == t))) for s, t in ((1, 1), (1, 0), (0, 1))]
        assert row[:4] == [["big", "wide"][k], *hits]
    scores = run.document["scores"]["test"]
    assert np.mean([row[-1] for row in table.rows]) == pytest.approx(scores["f1"])
    curves = only(ranking(run), Chart)
    areas = [row[2] for row in curves[0].table.rows]
    assert np.mean(areas) == pytest.approx(scores["roc_auc"])
    assert areas == sorted(areas)


def test_the_curves_of_two_classes_have_the_point_that_decides(of):
    run = of("binary")
    roc, pr = ranking(run).blocks
    counts, seen = np.array(run.document["confusion"]["test"]), outcome(run)
    recall = counts[1, 1] / counts[1].sum()
    alarm, precision = counts[0, 1] / counts[0].sum(), counts[1, 1] / counts[:, 1].sum()
    decides = next(row for row in roc.table.rows if row[0] == 0.5)
    assert decides == [0.5, counts[:, 1].sum(), recall, alarm, precision]
    for threshold, called, *_ in roc.table.rows:
        assert called == np.sum(seen.score[:, 0] > threshold)
    area = run.document["scores"]["test"]["roc_auc"]
    assert f"area under the curve is {area:.4g}: so often a row of yes & so" in roc.description
    assert pr.table == roc.table


def test_several_classes_have_a_curve_each(reported, of):
    run = reported("classes")
    roc, pr = ranking(run).blocks
    area = run.document["scores"]["test"]["roc_auc"]
    assert np.mean([row[2] for row in roc.table.rows]) == pytest.approx(area)
    assert {row[0]: row[1] for row in roc.table.rows} == {
        "setosa": 7, "versicolor": 8, "virginica": 7
    }  # fmt: skip
    for chart in (roc, pr):
        texts = [each.text for each in ET.fromstring(chart.svg).iter("text")]
        assert {"setosa", "versicolor", "virginica"} <= set(texts)
    of_40 = ranking(of("classes of 40"))
    assert "Drawn are the 6 hardest" in of_40.blocks[0].description
    assert "have no curve" in of_40.blocks[-1].text  # a class that no test row has


def test_calibration_is_that_of_eval(of):
    run = of("binary")
    chart = calibration(run).blocks[0]
    bins = run.document["reliability"]["test"]
    got = [row[1:] for row in chart.table.rows]
    assert got == [[b["rows"], b["predicted"], b["observed"], *b["interval"]] for b in bins]
    assert sum(row[1] for row in chart.table.rows) == 36
    error = run.document["scores"]["test"]["calibration_error"]
    assert f"calibration error is {error:.4g}" in chart.description


def test_residuals_have_the_metrics_of_eval(reported):
    run = reported("numbers")
    against, left = residuals(run).blocks
    scores = run.document["scores"]["test"]
    numbers = [f"{scores[name]:.4g}" for name in ("rmse", "mae", "r2")]
    assert f"RMSE {numbers[0]}, MAE {numbers[1]}, R² {numbers[2]}" in against.description
    seen = outcome(run)
    residual = (seen.target - seen.score)[:, 0]
    assert f"The median is {np.median(residual):.4g}" in left.description
    rows = against.table.rows
    assert sum(row[0] for row in rows) == len(residual)
    squares = sum(row[0] * row[4] ** 2 for row in rows)
    assert math.sqrt(squares / len(residual)) == pytest.approx(scores["rmse"])
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)
    assert len(re.findall("<use ", against.svg)) >= len(residual)  # a point for each row


def test_each_of_several_targets_is_drawn(of):
    run = of("targets")
    section = residuals(run)
    (table,) = only(section, Table)
    scores = run.document["scores"]["test"]
    for column, name in enumerate(("rmse", "mae", "r2"), start=1):
        mean = np.mean([row[column] for row in table.rows])
        assert mean == pytest.approx(scores[name])
    charts, seen = only(section, Chart), outcome(run)
    assert len(charts) == 4
    for k, name in enumerate(("mass", "price")):
        error = np.sqrt(np.mean((seen.target - seen.score)[:, k] ** 2))
        assert charts[2 * k].title.startswith(f"{name}: predicted")
        assert f"RMSE {format_number(float(error))}," in charts[2 * k].description
        groups = charts[2 * k + 1].table.rows
        squares = sum(row[0] * row[4] ** 2 for row in groups) / len(seen.target)
        assert math.sqrt(squares) == pytest.approx(error)


def test_many_rows_are_drawn_as_their_density(reported, monkeypatch):
    run = reported("numbers")
    module = importlib.import_module("mlpcli.report.sections.residuals")
    monkeypatch.setattr(module, "MOST_POINTS", 10)
    against, left = residuals(run).blocks
    assert (
        f"The stronger the colour, the more of the {len(run.parts['test'])} rows."
        in against.description
    )
    shades = {float(each) for each in re.findall(r"fill-opacity: ([\d.]+)", against.svg)}
    assert len(shades) > 1
    assert all(0 < shade <= 1 for shade in shades)
    assert "beyond the histogram" in left.description


def test_the_coverage_is_that_of_eval(of, reported):
    run = of("bagged")
    chart = intervals(run).blocks[0]
    names = ("target", "level", "rows", "inside", "share", "low", "high")
    expected = [[one[name] for name in names] for one in run.document["coverage"]["test"]]
    assert chart.table.rows == expected
    (sets, _) = intervals(reported("ensemble")).blocks
    coverage = reported("ensemble").document["coverage"]["test"]
    assert [row[-1] for row in sets.table.rows] == [one["classes"] for one in coverage]
    assert intervals(of("binary")) is None


def test_so_many_rows_lie_below_a_quantile(of):
    run = of("quantiles")
    (chart,) = intervals(run).blocks
    seen = outcome(run)
    below = [int(np.sum(seen.target[:, 0] <= seen.quantiles[:, q, 0])) for q in range(3)]
    assert [row[3] for row in chart.table.rows] == below
    assert [row[1] for row in chart.table.rows] == [0.1, 0.5, 0.9]
    assert [row[4] for row in chart.table.rows] == [each / 36 for each in below]


def test_the_columns_that_matter_come_first(of):
    run = of("targets")
    chart, how = importance(run).blocks
    assert {row[0] for row in chart.table.rows} == {"x", "z", "text"}
    assert chart.table.rows[-1][0] == "text"
    r2 = run.document["scores"]["test"]["r2"]
    assert chart.description.startswith(f"R² is {r2:.4g}. With {chart.table.rows[0][0]} shuffled")
    assert "among 36 rows" in how.text


@pytest.mark.parametrize("name", [*SPECS])
def test_the_worst_rows_are_as_they_are_in_the_file(name, of, table):
    run = of(name)
    _, shown = worst_rows(run).blocks
    lines = table[1]
    losses = [dict(zip(shown.header, row, strict=True)) for row in shown.rows]
    assert len(losses) == 10
    assert [row["loss"] for row in losses] == sorted((row["loss"] for row in losses), reverse=True)
    for row in losses:
        cells = lines[row["line"]]
        assert (row["x"], row["z"]) == (cells["x"], cells["z"])  # NA, +0.125: letter by letter
        text = cells["text"].replace("\x1b", "\\x1b").replace("\n", "\\n")
        assert row["text"] == (text if len(text) < 40 else text[:39] + "…")


def test_the_worst_rows_of_classes_have_the_probability_of_the_truth(of, table):
    run = of("binary")
    text, shown = worst_rows(run).blocks
    for row in (dict(zip(shown.header, each, strict=True)) for each in shown.rows):
        assert row["actual"] == table[1][row["line"]]["is <it>"]
        chance = row["probability of the actual"]
        assert row["loss"] == pytest.approx(-math.log(chance))
        right = row["actual"] == row["predicted"]
        assert row["its probability"] == pytest.approx(chance if right else 1 - chance)
    mean = run.document["scores"]["test"]["log_loss"]
    share = sum(row[shown.header.index("loss")] for row in shown.rows) / (36 * mean)
    assert f"have {100 * share:.0f}" in text.text


def test_the_worst_rows_of_numbers_are_the_farthest_off(of, table):
    run = of("bagged")
    _, shown = worst_rows(run).blocks
    seen = outcome(run)
    worst = np.abs(seen.target - seen.score)[:, 0].max()
    first = dict(zip(shown.header, shown.rows[0], strict=True))
    assert abs(first["residual"]) == worst
    assert first["actual"] == float(table[1][first["line"]]["mass"])
    assert first["residual"] == first["actual"] - first["predicted"]


def test_rows_of_a_file_that_has_gone_are_numbered(of, table, tmp_path):
    run = of("binary")
    copy = tmp_path / "copy.csv"
    copy.write_bytes(table[0].read_bytes())
    other = load_run(str(run.path.parent), str(copy))
    copy.unlink()
    _, shown = worst_rows(other).blocks
    assert shown.header[0] == "row"
    assert "x" not in shown.header


def test_of_a_regression_there_are_no_classes_and_of_classes_no_residuals(of):
    for section in (confusion, ranking, calibration):
        assert section(of("bagged")) is None
    assert residuals(of("binary")) is None
