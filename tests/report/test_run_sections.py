"""Curves, network, layers, data and reproduction: what they say is what the run holds."""

import copy
import csv
import math
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mlpcli.data.diagnosis import Oddity
from mlpcli.nn.evaluation import Evaluation, losses_of
from mlpcli.nn.network import Network
from mlpcli.report.page import render
from mlpcli.report.records import read_records
from mlpcli.report.run_page import SECTIONS, run_page
from mlpcli.report.sections.curves import curves, thinned
from mlpcli.report.sections.data import data
from mlpcli.report.sections.layers import gradients, layers
from mlpcli.report.sections.network import Column, network
from mlpcli.report.sections.reproduce import again_paths, reproduce
from mlpcli.report.sections.worst_rows import shown_cell, worst_rows
from mlpcli.training.build import loss_target

pytest.importorskip("matplotlib")


def charts(section):
    return {block.title: block for block in section.blocks if block.kind == "chart"}


def words_of(section):
    return " ".join(block.text for block in section.blocks if block.kind == "text")


def texts_of(svg):
    return [each.text for each in ET.fromstring(svg).iter("text")]


def file_of(run, name):
    with (Path(run.name) / name).open() as lines:
        return list(csv.DictReader(lines))


# ------------------------------------------------------------ curves


def test_the_table_below_a_curve_has_the_numbers_of_the_file(reported):
    run = reported("classes")
    rows = file_of(run, "metrics.csv")
    table = charts(curves(run))["Loss"].table
    assert table.header == ["epoch", "training rows", "validation rows"]
    assert table.rows == [
        [int(r["epoch"]), float(r["train_loss"]), float(r["val_loss"])] for r in rows
    ]


def test_the_best_epoch_and_the_end_are_said_and_marked(reported):
    run = reported("classes")
    losses = [float(row["val_loss"]) for row in file_of(run, "metrics.csv")]
    best = 1 + int(np.argmin(losses))
    chart = charts(curves(run))["Loss"]
    assert f"lowest {min(losses):.4g} in epoch {best}." in chart.description
    assert f"The line marks the best epoch, {best}." in chart.description
    assert "stroke-dasharray" in chart.svg
    assert words_of(curves(run)).startswith(
        f"The best epoch by val_loss is {best}; training stopped after {len(losses)} epochs, when "
        "3 epochs had brought no better one."
    )


def test_a_rate_that_changes_is_drawn_and_one_that_does_not_is_said(reported):
    assert "The learning rate λ is" in words_of(curves(reported("classes")))
    run = reported("numbers")
    chart = charts(curves(run))["Learning rate λ"]
    rates = [float(row["learning_rate"]) for row in file_of(run, "metrics.csv")]
    assert [row[1] for row in chart.table.rows] == rates
    assert chart.description.startswith("Schedule cosine: from ")


def test_the_bands_are_the_replicas(reported):
    run = reported("ensemble")
    table = charts(curves(run))["Loss"].table
    for row in table.rows:
        each = [
            float(r["val_loss"]) for r in file_of(run, "replicas.csv") if int(r["epoch"]) == row[0]
        ]
        assert len(each) == 5
        assert row[-2:] == pytest.approx([np.quantile(each, 0.1), np.quantile(each, 0.9)])
    assert "Each of the 5 replicas is that of its own best epoch (" in words_of(curves(run))
    assert "The line marks" not in charts(curves(run))["Loss"].description


def test_a_replica_that_diverged_is_in_no_band(reported):
    run = reported("ensemble")
    lost = [{**row, "val_loss": math.nan} if row["replica"] == 1 else row for row in run.replicas]
    table = charts(curves(replace(run, replicas=lost)))["Loss"].table
    others = [r["val_loss"] for r in run.replicas if r["epoch"] == 1 and r["replica"] != 1]
    assert len(others) == 4
    assert table.rows[0][-2:] == pytest.approx(np.quantile(others, [0.1, 0.9]).tolist())


def test_a_model_file_alone_has_no_curves(reported):
    assert curves(replace(reported("classes"), history=[])) is None


def test_a_long_history_is_thinned_with_its_ends_and_the_best_epoch():
    kept = thinned(100_000, 60, (777,))
    assert len(kept) == 61
    assert {0, 777, 99_999} <= set(kept.tolist())
    assert thinned(5, 60).tolist() == [0, 1, 2, 3, 4]


def test_a_loss_that_is_infinite_for_a_while_is_drawn(reported):
    run = reported("classes")
    history = [dict(row) for row in run.history]
    history[1]["val_loss"] = math.inf
    history[2]["val_loss"] = history[2]["train_loss"] = math.nan
    chart = charts(curves(replace(run, history=history)))["Loss"]
    assert "inf" not in chart.description + chart.svg
    assert "nan" not in chart.description + chart.svg


# ------------------------------------------------------------ network


def test_the_layers_of_the_drawing_are_the_networks(reported):
    section = network(reported("classes"))
    (chart,) = charts(section).values()
    assert chart.title == "4 – 8 – 3: 67 parameters"  # (4 + 1) 8 + (8 + 1) 3
    texts = texts_of(chart.svg)
    below = [text for text in texts if text.isalnum() or "keep" in text]
    assert below[:7] == ["4", "inputs", "8", "tanh", "keep 0.9", "3", "softmax"]
    assert {"setosa", "versicolor", "virginica"} <= set(texts)
    rows = [row[0:2] + row[-1:] for row in chart.table.rows]
    assert rows == [["hidden.1", "4 → 8", 40], ["output", "8 → 3", 27]]


def test_of_a_wide_layer_the_ends_are_drawn():
    assert Column(7, ()).places == [0, 1, 2, 3, 4, 5, 6]
    assert Column(100, ()).places == [0, 1, 2, None, 97, 98, 99]


def test_an_ensemble_says_how_many_networks_it_is(reported):
    words = words_of(network(reported("ensemble")))
    assert words == "The model is the mean of 5 such networks (bootstrap)."


# ------------------------------------------------------------ layers


def objective(architecture, vector, part, encoding):
    """J, the mean of the rows' losses, by forward propagation alone."""
    found = Evaluation(Network(architecture, vector))
    target = loss_target(encoding, part.y, np.float64)
    if architecture.members is None:
        return float(np.mean(found.row_losses(part.X.astype(np.float64), target)))
    y_hat = np.empty((*architecture.member_shape, len(part), architecture.n_outputs))
    found.predict_each(part.X.astype(np.float64), y_hat)
    return float(np.mean([losses_of(architecture.loss, each, target) for each in y_hat]))


TABM = {
    "data": {"path": "iris.csv", "target": "species"},
    "model": {
        "layers": [{"units": 5, "activation": "tanh", "norm": "batch", "keep_prob": 0.8}],
        "loss": {"name": "cross_entropy", "label_smoothing": 0.1},
    },
    "training": {"epochs": 3},
    "ensemble": {"kind": "tabm", "replicas": 3},
}


@pytest.mark.parametrize("name", ["classes", "numbers", "tabm"])
def test_the_gradient_is_that_of_the_mean_loss(reported, train_run, name):
    if name == "tabm":
        from mlpcli.report.reported_run import load_run

        run = load_run(str(train_run("tabm", TABM)))
    else:
        run = reported(name)
    model, part = run.model, run.parts["train"].take(np.arange(40))
    architecture = model.network.architecture
    vector = model.network.vector.astype(np.float64)
    found = gradients(Network(architecture, vector.copy()), run, part)
    for tensor in architecture.layout.weights:
        gradient = found[tensor.name.removesuffix(".weight")]
        assert len(gradient) == tensor.stop - tensor.start
        for k in np.argsort(-np.abs(gradient))[[0, 1, len(gradient) // 2]]:
            change = np.zeros_like(vector)
            change[tensor.start + k] = 1e-5
            above, below = (
                objective(architecture, vector + sign * change, part, model.encoding)
                for sign in (1, -1)
            )
            assert gradient[k] == pytest.approx((above - below) / 2e-5, rel=1e-4, abs=1e-8)


def test_the_quantiles_are_those_of_the_weights(reported):
    run = reported("ensemble")
    table = charts(layers(run))["Weights by layer"].table
    tensor = run.model.network.tensors()["hidden.1.weight"]
    assert tensor.shape[0] == 5
    expected = np.quantile(tensor, [0.05, 0.25, 0.5, 0.75, 0.95])
    assert table.rows[0][:2] == ["hidden.1", tensor.size]
    assert table.rows[0][2:7] == pytest.approx(expected.tolist())
    rms = math.sqrt(float(np.mean(tensor.astype(np.float64) ** 2)))
    assert table.rows[0][-1] == pytest.approx(rms)


# ------------------------------------------------------------ data, reproduction, the page


def test_the_parts_and_columns_of_the_data(reported):
    run = reported("classes")
    rows, columns = (block for block in data(run).blocks if block.kind == "table")
    assert [row[:2] for row in rows.rows] == [["train", 106], ["validation", 22], ["test", 22]]
    assert columns.caption == "4 columns as 4 inputs"
    facts = next(block.items for block in data(run).blocks if block.kind == "facts")
    assert facts[0] == ("file", "iris.csv", "utf-8, delimiter comma, decimal point")
    assert facts[1][1] == "rows drawn at random, with the classes' shares in each part; seed 0"
    assert words_of(data(run)) == "mlp check finds nothing odd in the data."


def test_what_is_odd_is_said_as_check_says_it(reported):
    run = replace(reported("classes"))
    run.__dict__["dataset"] = reported("classes").dataset
    run.__dict__["oddities"] = [Oddity("missing", "x: missing in 3 of 9 rows", ("x",))]
    section = data(run)
    assert "1 thing is odd in the data" in words_of(section)
    points = [block.texts for block in section.blocks if block.kind == "points"]
    assert points == [["x: missing in 3 of 9 rows."]]


def test_the_command_is_one_that_a_shell_takes(reported):
    run = reported("classes")
    command = ["/somewhere/mlp", "train", "my spec.yaml", "--set", "a='b'"]
    section = reproduce(replace(run, manifest={**run.manifest, "command": command}))
    codes = [block.text for block in section.blocks if block.kind == "text" and block.code]
    assert codes[0] == "mlp train 'my spec.yaml' --set 'a='\"'\"'b'\"'\"''"
    assert codes[1].startswith("mlp replay ")
    assert codes[2] == (Path(run.name) / "spec.yaml").read_text()
    facts = next(block.items for block in section.blocks if block.kind == "facts")
    assert ("SHA-256 of iris.csv", run.model.sha256["data"]) in [item[:2] for item in facts]


@pytest.mark.parametrize("name", ["classes", "numbers", "ensemble"])
def test_a_usual_page_is_small(reported, name):
    content = render(run_page(reported(name)))
    assert len(content) <= 400_000


def test_the_sections_stand_in_the_order_in_which_they_are_read():
    names = [make.__name__ for make in SECTIONS]
    assert names[:3] == ["verdict", "network", "curves"]
    assert names[-4:] == ["worst_rows", "layers", "data", "reproduce"]


def test_no_row_is_shown_where_none_may_be(reported, monkeypatch):
    monkeypatch.setattr("mlpcli.report.run_page.SECTIONS", (network, worst_rows, reproduce))
    for rows, names in (
        (True, ["network", "worst-rows", "reproduce"]),
        (False, ["network", "reproduce"]),
    ):
        page = run_page(reported("classes"), rows=rows)
        assert [section.name for section in page.sections] == names


# ------------------------------------------------------------ what a run has lost; no rows


def test_the_commands_are_of_where_the_user_is(reported):
    folder = Path(reported("classes").name)
    for name, seen in (
        ("runs/a/", ("runs/a", "runs/a/spec.yaml", "runs/a-again")),
        ("./a", ("a", "a/spec.yaml", "a-again")),
        (".", (".", "spec.yaml", f"../{Path.cwd().name}-again")),
        (f"{folder}/", (str(folder), f"{folder}/spec.yaml", f"{folder}-again")),
    ):
        assert again_paths(name) == seen


def test_an_ensembles_networks_have_a_best_epoch_each(reported):
    run = replace(reported("ensemble"), manifest=copy.deepcopy(reported("ensemble").manifest))
    replicas = run.manifest["result"]["ensemble"]["replicas"]
    for k, one in enumerate(replicas):
        one["best_epoch"] = 4 - k % 3
    run.manifest["result"] |= {"reason": "interrupted"}
    run.manifest["status"] = "interrupted"
    page = render(run_page(run)).decode()
    assert "<small>best: 2 to 4</small>" in page
    assert "best epoch (2 to 4)" in page
    assert "<small>interrupted</small>" in page


def test_records_that_are_lost_are_said(reported, tmp_path):
    run = reported("ensemble")
    assert not read_records(Path(run.name), run.model).lost
    assert not read_records(run.path, run.model).lost
    lines = (Path(run.name) / "metrics.csv").read_text().splitlines(keepends=True)
    (tmp_path / "metrics.csv").write_text("".join(lines[:3]) + lines[3][:9])
    (tmp_path / "replicas.csv").write_text("a,b\n1,2\n")
    (tmp_path / "manifest.json").write_text("[]")
    found = read_records(tmp_path, run.model)
    assert len(found.history) == 2
    assert not found.replicas
    said = [each.removeprefix(f"{tmp_path}/").partition(":")[0] for each in found.lost]
    assert said == [
        "metrics.csv has 2 of the 4 epochs of the model",
        "replicas.csv cannot be read",
        "manifest.json cannot be read",
    ]
    assert said[0] in render(run_page(replace(run, lost=found.lost))).decode()


def test_without_rows_there_is_no_mark_of_one_and_no_path(reported):
    run = reported("numbers")
    page = render(run_page(run, rows=False)).decode()
    folder = str(Path(run.model.spec.data.path).parent)
    assert folder in render(run_page(run)).decode()
    assert folder not in page
    assert page.count("<use") < render(run_page(run)).decode().count("<use") - len(
        run.parts["test"]
    )
    text, full = str(shown_cell("-0,10000000000000003")), shown_cell("-0,10000000000000003").full
    assert (text, full) == ("-0,1", "-0,10000000000000003")
