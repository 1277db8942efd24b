"""The page of several runs: what it says is what `mlp compare` finds, in the right words."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from mlpcli.cli.main import main
from mlpcli.errors import UsageError
from mlpcli.report.comparison.compared_runs import compare_runs
from mlpcli.report.comparison.curves import curves
from mlpcli.report.comparison.differences import differences, interval_text
from mlpcli.report.comparison.page import comparison_page
from mlpcli.report.comparison.runs_table import runs_table, specs
from mlpcli.report.comparison.verdict import sentence, verdict
from mlpcli.runs.files import Folder
from mlpcli.runs.recorder import Recorder
from mlpcli.spec.load import load_spec
from mlpcli.training.build import load_dataset
from mlpcli.training.intervals import Interval
from mlpcli.training.training import Training

IRIS = Path(__file__).parents[2] / "data" / "iris.csv"
SPEC = {
    "data": {"path": str(IRIS), "target": "species", "split": {"test": 0.5, "validation": 0.1}},
    "model": {"layers": [{"units": 8, "activation": "tanh"}]},
    "training": {"epochs": 12, "batch_size": 8},
}
RUNS = {
    "good": [],
    "other": ["model.layers[0].units=9"],
    "untrained": ["training.epochs=1", "training.optimizer.learning_rate=1e-6"],
    "seed": ["seed=1"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with the runs: two trained alike, one as it was drawn, one of other rows."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "spec.yaml").write_text(json.dumps(SPEC))
    for name, overrides in RUNS.items():
        loaded = load_spec(str(folder / "spec.yaml"), overrides)
        training = Training(loaded.spec, load_dataset(loaded))
        (folder / name).mkdir()
        recorder = Recorder(Folder(folder / name), training, loaded.folder)
        for event in training.run(due=recorder.checkpointing.clock.due):
            recorder.record(event)
    return folder


@pytest.fixture(scope="module")
def compared(folder):
    """Return a function that compares runs by their names."""
    return lambda *names, **options: compare_runs([str(folder / n) for n in names], **options)


@pytest.fixture(scope="module")
def three(compared):
    return compared("untrained", "good", "other")


def test_every_number_is_that_of_compare(three, monkeypatch, capsys):
    words = ["mlp", "compare", *(run.run for run in three.runs), "--json"]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    document = json.loads(capsys.readouterr().out)
    table = runs_table(three).blocks[0]
    for row, run in zip(table.rows, document["runs"], strict=True):
        shown = dict(zip(table.header, row, strict=True))
        assert shown["run"] == Path(run["run"]).name
        assert {name: shown[name] for name in run["scores"]} == run["scores"]
        assert shown["rows"] == run["rows"] == 75
        assert shown["best epoch"] == run["best_epoch"]
    differing = differences(three).blocks[0].table
    for row, found in zip(differing.rows, document["comparisons"], strict=True):
        ends = [found["difference"], *found["interval"], 0.95, found["method"], found["verdict"]]
        assert row[1:] == ends
    keys = specs(three).blocks[0]
    assert {row[0]: row[1:] for row in keys.rows} == document["differs"]


def test_the_best_is_compared_with_the_first_named_and_the_next(three):
    said = sentence(three)
    best, second = (Path(run.run).name for run in three.ranked[:2])
    assert {best, second} == {"good", "other"}
    assert said.startswith(f"Of 3 runs, {best} has the best accuracy: 0.")
    assert ", on the same 75 test rows. Its difference to untrained, the first" in said
    assert "adjusted Wald): it is shown to be better." in said
    assert f"Its difference to {second}, the next best, is" in said
    assert said.endswith("no difference is shown.")
    values = [three.value(run) for run in (*three.ranked[:2], three.base)]
    for other, value in zip(
        ("untrained, the first named,", f"{second}, the next best,"), values[:0:-1], strict=True
    ):
        written = said.partition(f"Its difference to {other} is ")[2].partition(" (")[0]
        assert float(written) == pytest.approx(values[0] - value, abs=5e-4)


def test_the_first_named_is_the_best(compared):
    best, second = (Path(r.run).name for r in compared("good", "other").ranked)
    said = sentence(compared(best, "untrained", second))
    assert said.endswith(
        f"Shown to be worse than {best}: untrained. No difference to {best} is shown: {second}."
    )


def test_runs_that_are_level(folder, tmp_path):
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes((folder / "good" / "model.safetensors").read_bytes())
    runs = compare_runs([str(folder / "good"), str(copy)])
    assert sentence(runs).startswith(
        "Of 2 runs, good and copy.safetensors have the best accuracy: "
    )
    assert sentence(runs).endswith("No difference to good is shown: copy.safetensors.")
    assert curves(runs).blocks[-1].text == (
        "Without a record of epochs, as a model file is: copy.safetensors."
    )
    assert specs(runs).blocks[0].text == "Nothing but seeds and where the data lies."


def test_the_words_on_an_interval_are_not_crossed_by_the_line_at_0(compared):
    [chart] = [
        each for each in differences(compared("good", "other")).blocks if each.kind == "chart"
    ]
    drawn = chart.svg.partition("no difference shown")[0]
    assert "var(--surface)" in drawn[drawn.rindex("<path") :]


def test_other_rows_are_not_compared(compared):
    runs = compared("good", "seed")
    assert "on their own test rows, which are not the same." in sentence(runs)
    texts = [block.text for block in differences(runs).blocks]
    assert texts[0] == "seed and good: not compared: other rows."
    assert "--data FILE" in texts[1]


def test_a_figure_that_is_not_defined(three):
    undefined = [
        replace(
            run, scores=replace(run.scores, metrics=run.scores.metrics | {"accuracy": math.nan})
        )
        for run in three.ranked
    ]
    found = replace(three, runs=undefined, ranked=undefined, comparisons=[])
    assert sentence(found).startswith("accuracy is not defined on the same 75 test rows")


def test_the_curves_are_those_of_metrics_csv(three):
    loss, accuracy = curves(three).blocks
    assert (loss.title, accuracy.title) == ("val_loss by epoch", "val_accuracy by epoch")
    _, *columns = zip(*loss.table.rows, strict=True)
    for rows, column in zip(three.histories.values(), columns, strict=True):
        assert list(column[: len(rows)]) == [row["val_loss"] for row in rows]
    best = three.best.model.training["best_epoch"]
    name = Path(three.best.run).name
    assert f"{name} " in loss.description
    assert f"in its best epoch, {best} of 12" in loss.description


def test_the_command_to_see_it_again(three, folder):
    code = verdict(three).blocks[-1]
    assert code.code
    words = " ".join(str(folder / name) for name in ("untrained", "good", "other"))
    assert code.text == f"mlp compare {words} --metric accuracy"


def test_a_run_named_twice_is_one(compared):
    assert len(compared("good", "good", "other").runs) == 2


def test_a_metric_that_none_has(compared):
    with pytest.raises(UsageError, match="did you mean accuracy"):
        compared("good", "other", metric="acuracy")


def test_the_sections(three):
    names = [section.name for section in comparison_page(three).sections]
    assert names == ["verdict", "runs", "differences", "specs", "curves"]


def test_an_interval_in_words():
    found = Interval(-0.02, -0.05, 0.01, "BCa")
    assert interval_text(found) == "−0.02 (95 % interval −0.05 to +0.01, BCa)"
