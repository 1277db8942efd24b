"""A sweep's page, from a study whose figures are given: trial k has 0.9 − 0.1 k on two folds."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlpcli.errors import RunError
from mlpcli.report.page import render
from mlpcli.report.study.axes import key_scale
from mlpcli.report.study.history import best_so_far, history
from mlpcli.report.study.importances import importances
from mlpcli.report.study.page import study_page
from mlpcli.report.study.parallel import parallel
from mlpcli.report.study.reported_study import ReportedStudy, load_reported_study
from mlpcli.report.study.slices import slices
from mlpcli.report.study.trials import trials
from mlpcli.report.study.verdict import verdict
from mlpcli.spec.load import load_spec
from mlpcli.spec.sweep import ParameterSpec, SweepSpec
from mlpcli.sweep.board import Row
from mlpcli.sweep.stored_study import load_study
from mlpcli.sweep.study import Result, Study
from mlpcli.sweep.study_file import find_study
from mlpcli.training.build import load_dataset

IRIS = Path(__file__).parents[2] / "data" / "iris.csv"
RATE, UNITS = "training.optimizer.learning_rate", "model.layers[0].units"
SPEC = {
    "data": {"path": str(IRIS), "target": "species"},
    "model": {"layers": [{"units": 6, "activation": "tanh"}]},
    "training": {"epochs": 4},
}
GRID = {RATE: {"values": [0.1, 0.01, 0.001]}, UNITS: {"int": [4, 6, 2]}}


def begin(folder, parameters=GRID, **sweep):
    """Return a study of which nothing is finished, with all its trials claimed."""
    sections = SPEC | {"sweep": {"parameters": parameters, "method": "grid", "folds": 2, **sweep}}
    (folder / "spec.yaml").write_text(json.dumps(sections))
    loaded = load_spec(str(folder / "spec.yaml"))
    path = folder / "runs" / "spec-sweep" / "study.log"
    study = Study(path, loaded, load_dataset(loaded), loaded.spec.sweep.n_trials)
    return study, study.claim()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Return the log of six trials: the last but one failed, the last is under way."""
    study, claims = begin(tmp_path_factory.mktemp("study"), metric="log_loss")
    for claim in claims[:4]:
        figure = 0.9 - 0.1 * claim.number
        figures = [figure - 0.01, figure + 0.01]
        study.record(Result(claim.number, "complete", figures, epochs=[4, 3]))
    study.record(Result(4, "failed", reason="the loss is nan in epoch 2"))
    return study.path


@pytest.fixture(scope="module")
def study(path):
    return load_reported_study("spec-sweep", path)


def test_a_study_is_known_by_its_directory_or_file(path, tmp_path):
    assert find_study(str(path)) == path
    assert find_study(str(path.parent)) == path
    (tmp_path / "study.log").write_text("")
    (tmp_path / "other.log").write_text("epoch 1\n")
    for other in ("", "study.log", "other.log", "none"):
        assert find_study(str(tmp_path / other)) is None
    assert find_study("a\0b") is None


def test_reading_a_study_writes_nothing_and_needs_no_permission_to(path, tmp_path):
    copy = tmp_path / "study.log"
    copy.write_bytes(path.read_bytes())
    copy.chmod(0o400)
    stored = load_study(copy)
    assert list(tmp_path.iterdir()) == [copy]
    assert copy.read_bytes() == path.read_bytes()
    assert [trial.number for trial in stored.trials()] == [0, 1, 2, 3, 4, 5]
    assert stored.direction == "minimize"
    assert list(stored.sweep.parameters) == [RATE, UNITS]
    assert stored.spec["model"]["layers"][0]["units"] == 6


def test_a_damaged_study_is_refused_without_advice_for_a_sweep(path, tmp_path):
    lines = path.read_bytes().splitlines(keepends=True)
    damaged = tmp_path / "study.log"
    damaged.write_bytes(b"".join([*lines[:3], lines[3].replace(b"0", b"1", 1), *lines[4:]]))
    with pytest.raises(RunError) as error:
        load_study(damaged)
    said = "is not the study of a sweep, or it is damaged in line 4"
    assert str(error.value) == f"{damaged}: {said}"


def test_the_verdict(study):
    first, counts, *_ = [block.text for block in verdict(study).blocks]
    # (0.59, 0.61): s = 0.01 √2, SE = 0.01; the next figure is 0.1 away
    assert first == (
        "Trial 3 is the best of 4 complete trials: log_loss 0.6 ± 0.01, with learning_rate 0.01, "
        "units 6. No other trial lies within its standard error."
    )
    assert counts == (
        "6 trials by the method grid: 4 complete, 1 failed, 1 running. Each figure is log_loss of "
        "2 folds, with its standard error; less is better."
    )


def test_the_table_of_trials(study):
    table, failed = trials(study).blocks
    assert table.header == (
        ["rank", "trial", "log_loss", "± SE", "learning_rate", "units", "epochs", "state"]
    )
    figures = [[row[0], row[1], row[4], row[5], row[6], row[7]] for row in table.rows]
    assert figures == [
        [1, 3, 0.01, 6, 4, "complete"],
        [2, 2, 0.01, 4, 4, "complete"],
        [3, 1, 0.1, 6, 4, "complete"],
        [4, 0, 0.1, 4, 4, "complete"],
        [None, 4, 0.001, 4, None, "failed"],
        [None, 5, 0.001, 6, None, "running"],
    ]
    assert [row[2] for row in table.rows[:4]] == pytest.approx([0.6, 0.7, 0.8, 0.9])
    assert [row[3] for row in table.rows[:4]] == pytest.approx([0.01] * 4)
    assert table.sortable
    assert failed.text == "Trial 4 failed: the loss is nan in epoch 2"


def test_the_history_is_in_the_trials_order(study):
    chart = history(study).blocks[0]
    assert [row[0] for row in chart.table.rows] == [0, 1, 2, 3]
    assert [row[2] for row in chart.table.rows] == pytest.approx([0.9, 0.8, 0.7, 0.6])
    assert chart.description == (
        "The first trial came to 0.9; the last one, trial 3, is the best with 0.6."
    )


def test_the_best_so_far(study):
    rows = [study.complete[k] for k in (1, 3, 0, 2)]  # 0.7, 0.9, 0.6, 0.8
    assert best_so_far(rows, maximizes=False) == pytest.approx([0.7, 0.7, 0.6, 0.6])
    assert best_so_far(rows, maximizes=True) == pytest.approx([0.7, 0.9, 0.9, 0.9])


def test_slices_name_the_best_figure_of_each_setting(study):
    rates, units = slices(study).blocks
    assert rates.title == f"log_loss by {RATE}"
    assert rates.description == (
        "The best trial has learning_rate 0.01. The best figure of each setting: 0.01 0.6, 0.1 0.8."
    )
    assert "The best trial has units 6." in units.description
    assert [row[:1] + row[2:] for row in units.table.rows] == [[6, 3], [4, 2], [6, 1], [4, 0]]


def test_parallel_coordinates_say_what_the_best_quarter_is_like(study):
    chart = parallel(study).blocks[0]
    assert chart.description == (
        "Each line is a trial: the thickest the best, in colour the best quarter. Their settings: "
        "learning_rate 0.01; units 6."
    )
    assert chart.svg.count("var(--series-1)") == 0  # the best alone is the best quarter of four


def test_few_trials_have_no_importances(study):
    assert importances(study).blocks[0].text == (
        "No importances: fewer than 10 trials are complete."
    )


def test_importances_are_the_sweeps(tmp_path):
    # The figure is the rate alone: of 12 trials the best three have the least rates.
    rates = [round(0.01 * (k + 1), 2) for k in range(12)]
    parameters = {RATE: {"values": rates}, UNITS: {"int": [4, 6]}}
    study, claims = begin(tmp_path, parameters, metric="accuracy")
    for claim in claims:
        figure = 1 - claim.values[RATE]
        study.record(Result(claim.number, "complete", [figure, figure], epochs=[4, 4]))
    found = load_reported_study("x", study.path)
    assert found.maximizes
    chart, formula = importances(found).blocks
    assert chart.table.rows[0][0] == RATE
    assert chart.table.rows[0][1] > 0.9
    assert sum(row[1] for row in chart.table.rows) == pytest.approx(1)
    assert "Watanabe" in formula.text
    assert found.complete[0].parameters[RATE] == 0.01
    # Three trials have that rate, whatever their units, and all their figures are the best.
    assert "2 other trials lie within its standard error" in verdict(found).blocks[0].text


def test_a_study_that_has_just_begun(tmp_path):
    study, _ = begin(tmp_path)
    found = load_reported_study("x", study.path)
    sections = study_page(found).sections
    assert [section.name for section in sections] == ["verdict", "trials", "importances"]
    assert sections[0].blocks[0].text == "No trial has come to a figure yet."


def test_a_study_without_a_trial_is_refused(path, tmp_path):
    first = path.read_bytes().splitlines(keepends=True)[:2]  # the study, and what it is about
    (tmp_path / "study.log").write_bytes(b"".join(first))
    with pytest.raises(RunError, match="no trial of this sweep has begun yet"):
        load_reported_study("x", tmp_path / "study.log")


def many(n_trials, n_keys):
    """Return a study of so many trials, drawn by a formula, of which some failed."""
    keys = [f"regularization.key_{k}" for k in range(n_keys)]
    sweep = SweepSpec(parameters={key: ParameterSpec(uniform=[0, 1]) for key in keys})
    rows = []
    for trial in range(n_trials):
        drawn = {key: (trial * (k + 7) * 0.618034) % 1 for k, key in enumerate(keys)}
        value = 0.1 + drawn[keys[0]] + 20.0 * (trial % 50 == 0)
        row = Row(trial, "complete", value, 0.01, [value], drawn, [50], "")
        rows.append(row if trial % 40 else replace(row, state="failed", reason=f"loss {trial}"))
    rows.sort(key=lambda r: (r.state != "complete", r.value if r.state == "complete" else r.trial))
    stored = SimpleNamespace(sweep=sweep, direction="minimize", path=Path("many/study.log"))
    return ReportedStudy("many", stored, rows, dict.fromkeys(keys, 1 / n_keys))


def test_a_large_study_is_no_large_page():
    study = many(400, 12)
    page = study_page(study)
    assert len(render(page)) <= 400_000
    by_name = {section.name: section for section in page.sections}
    assert by_name["trials"].blocks[0].caption == (
        "400 trials, the best first: the first 100 of them."
    )
    assert [block.text for block in by_name["trials"].blocks[1:]] == [
        f"Trial {trial} failed: loss {trial}" for trial in range(0, 400, 40)
    ]
    assert "Left out: 2 keys that mattered least." in by_name["parallel"].blocks[0].description
    steps = by_name["history"].blocks[0].table.rows
    assert len(steps) < 20
    assert steps[-1][0] == study.complete[0].trial


def test_trials_within_the_standard_error_are_counted():
    study = many(30, 1)
    best = replace(study.complete[0], value=0.5, error=0.1, figures=[0.4, 0.6])
    others = [replace(best, trial=k, value=v) for k, v in ((50, 0.58), (51, 0.6), (52, 0.61))]
    found = replace(study, rows=[best, *others])
    assert (
        verdict(found)
        .blocks[0]
        .text.endswith(
            "2 other trials lie within its standard error: the search does not tell it from them."
        )
    )


def test_axes_of_keys():
    log = key_scale(ParameterSpec(log_uniform=[1e-4, 1]))
    assert [log.position(x) for x in (1e-4, 1e-2, 1)] == pytest.approx([0, 0.5, 1])
    assert log.names[0] == "0.0001"
    whole = key_scale(ParameterSpec(int=[4, 32, 4]))
    assert whole.position(18) == pytest.approx(0.5)
    choice = key_scale(ParameterSpec(choice=["relu", "tanh", None]))
    assert [choice.position(x) for x in ("relu", "tanh", None)] == [0, 0.5, 1]
    assert choice.names == ["relu", "tanh", "null"]
    assert key_scale(ParameterSpec(choice=["one"])).position("one") == 0.5
