"""What `mlp train` says of a training that diverged: printed, in the manifest, with --json."""

import contextlib
import json
import shutil
from pathlib import Path

from mlpcli.cli.training_run import RunOptions, train_into
from mlpcli.spec.load import load_spec
from mlpcli.training.build import load_dataset

IRIS = Path(__file__).parents[2] / "data" / "iris.csv"

FAR = """
data: {path: far.csv, target: y, task: regression, split: {validation: 0, test: 0}, scale: none}
model: {layers: []}
training: {epochs: 80, batch_size: 100, optimizer: {name: sgd, learning_rate: 1}}
"""


def test_the_report_and_its_advice(in_one_process, tmp_path):
    rows = ["x,y", "46,0", *(f"{k % 2},{k % 5}" for k in range(99))]
    (tmp_path / "far.csv").write_text("\n".join(rows) + "\n", "ascii")
    (tmp_path / "far.yaml").write_text(FAR, "ascii")
    printed, document = in_one_process(
        [
            ["train", "far.yaml", "--run-dir", "run"],
            ["train", "far.yaml", "--run-dir", "again", "-q", "--json"],
        ],
        tmp_path,
    )
    assert printed[0] == document[0] == 4
    lines = printed[2].splitlines()
    at = next(k for k, line in enumerate(lines) if line.startswith("mlp: the training loss is no"))
    began, cause, advice = lines[at + 1 :]
    manifest = json.loads((tmp_path / "run/manifest.json").read_text("utf-8"))
    report = manifest["result"]["divergence"]
    assert report == json.loads(document[1])["divergence"]
    grew = f"  the loss grew from epoch {report['grew_from']} on; not finite in epoch "
    where = f"{report['epoch']}, step 1: the loss; norms in the step before: weights "
    assert began.startswith(grew + where)
    assert cause.startswith("  cause: far.csv:2:1: x: the value 46 lies ")
    options = report["try"][0]["options"]
    assert advice == f"  try: {'; or '.join(each['options'] for each in report['try'])}"
    followed, *_ = in_one_process(
        [["train", "far.yaml", "--run-dir", "run", "--force", *options.split()]], tmp_path
    )
    assert followed[0] == 0


STEEP = """
data: {path: iris.csv, target: sepal_length_cm, exclude: [species], scale: standard}
model: {layers: []}
training:
  epochs: 20
  batch_size: 16
  early_stopping: null
  on_divergence: reduce-lr
  optimizer: {name: sgd, learning_rate: 3}
runtime: {checkpoint_seconds: 0}
"""


class AfterSteps:
    """What a signal does: it is asked after each step, and says yes from the n-th on."""

    def __init__(self, n):
        self.left = n

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def leave_time(self, seconds):
        pass

    def patience(self):
        return contextlib.nullcontext()

    def __call__(self):
        self.left -= 1
        return self.left < 0


def run(folder, name, steps=1e9):
    """Train into a directory, or go on with it; return the result and the rows without seconds."""
    loaded = load_spec(str(folder / "steep.yaml"))
    options = RunOptions("steep.yaml", str(folder / name), resume=True)
    directory, result = train_into(loaded, load_dataset(loaded), options, AfterSteps(steps))
    rows = (directory / "metrics.csv").read_text("ascii").splitlines()
    return result, [row.split(",")[:-1] for row in rows]


def test_rates_are_halved_to_the_same_bits_where_it_is_stopped_and_resumed(tmp_path):
    shutil.copy(IRIS, tmp_path)
    (tmp_path / "steep.yaml").write_text(STEEP, "ascii")
    whole, rows = run(tmp_path, "whole")
    reduced = whole["learning_rate_reductions"]
    assert reduced[0] == {"epoch": 1, "learning_rate": 1.5, "lane": 0}
    assert [each["learning_rate"] for each in reduced] == [3 / 2**k for k in range(1, 6)]
    assert [row[0] for row in rows[1:]] == [str(epoch) for epoch in range(1, 21)]  # none twice
    column = rows[0].index("learning_rate")
    assert float(rows[-1][column]) == reduced[-1]["learning_rate"]
    stopped = 0
    for steps in (1, 3, 5, 2, 4, 7, 6, 11):
        result, _ = run(tmp_path, "run", steps)
        stopped += result["status"] == "interrupted"
    assert stopped == 8
    result, found = run(tmp_path, "run")
    assert (result["status"], found) == ("done", rows)
    assert result["learning_rate_reductions"] == reduced
    models = {(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "run")}
    assert len(models) == 1
