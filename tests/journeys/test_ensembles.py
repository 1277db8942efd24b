"""Ensembles through the command: trained, looked at, used, stopped, and of every task."""

import csv
import io
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from mlpcli.nn.losses import LOSSES
from mlpcli.runs.model_file import load_model
from mlpcli.training.spread import bounds

SPEC = """
data: {path: iris.csv, target: species}
model: {layers: [{units: 6, activation: tanh}]}
training: {epochs: 6, early_stopping: {patience: 2}}
ensemble: {kind: bootstrap, replicas: 5}
"""
TASKS = """
data: {path: tasks.csv, target: TARGET, exclude: EXCLUDE, split: {validation: 0.2, test: 0.1}}
model: {layers: [{units: 4}], loss: LOSS}
training: {epochs: 2}
ensemble: {kind: KIND, replicas: 3}
"""
TARGETS = {
    "regression": ["count"],
    "binary": ["kind"],
    "multiclass": ["colour"],
    "multilabel": ["hot", "wet"],
}
COLUMNS = ["count", "kind", "colour", "hot", "wet", "w"]
FILES = ["manifest.json", "metrics.csv", "model.safetensors", "replicas.csv", "spec.yaml"]


def rows_of(path):
    return list(csv.DictReader(io.StringIO(Path(path).read_text("ascii"))))


def but_seconds(path):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows_of(path)]


def write_tasks(folder):
    rng = np.random.default_rng(0)
    lines = ["x,z,count,kind,colour,hot,wet,w"]
    for x, z in rng.normal(size=(60, 2)).round(3).tolist():
        colour = ["red", "green", "blue"][(x > -0.3) + (z > 0)]
        kind, count = "ab"[x + z > 0], rng.poisson(np.exp(x)) + 1
        weight = rng.integers(0, 3) + 0.5
        lines.append(f"{x},{z},{count},{kind},{colour},{int(x > 0)},{int(z > 0)},{weight}")
    (folder / "tasks.csv").write_text("\n".join(lines) + "\n", "ascii")


@pytest.fixture(scope="module")
def made(in_one_process, tmp_path_factory):
    """Return a folder, and what many commands have said there, by their names."""
    folder = tmp_path_factory.mktemp("ensembles")
    iris = Path(__file__).parents[2] / "data" / "iris.csv"
    (folder / "iris.csv").write_bytes(iris.read_bytes())
    (folder / "iris.yaml").write_text(SPEC, "ascii")

    def train(name, *overrides, options=("-q",)):
        given = [word for override in overrides for word in ("--set", override)]
        return ["train", "iris.yaml", "--run-dir", name, *options, *given]

    small = "runtime.memory=100kB"
    commands = {
        "bag": train("bag", options=()),
        "bag one": train("bag1", "runtime.threads=1"),
        "bag small": train("bag2", small, "runtime.threads=1"),
        "seeds": train("seeds", "ensemble.kind=seeds"),
        "folds": train("folds", "ensemble.kind=kfold"),
        "one": train("one", "ensemble=null"),
        "json": train("json", options=("--json",)),
        "none": train("none", "training.epochs=0"),
        "last": train("last", "data.split={validation: 0, test: 0.2}"),
        "smote": train("smote", "regularization.augmentation=[{name: smote}]"),
        "mean": train("mean", "training.weight_averaging=0.9"),
        "all diverge": train(
            "far",
            "training.optimizer.learning_rate=1e30",
            "model.loss=mse",
            "model.output=identity",
        ),
        "too small": train("nothing", "runtime.memory=100"),
        "too many": train("nothing", "ensemble={kind: kfold, replicas: 107}"),
        "force": train("over", options=("-q",)),
        "forced": train("over", "ensemble=null", options=("-q", "--force")),
        "eval": ["eval", "bag", "--interval", "0.9"],
        "eval sure": ["eval", "bag", "--interval", "0.99999999"],
        "eval json": ["eval", "bag", "--interval", "0.9", "--json"],
        "eval alone": ["eval", "bag", "--json"],
        "eval one": ["eval", "one", "--interval", "0.9"],
        "predict": ["predict", "bag", "iris.csv", "--interval", "0.9"],
        "predict json": ["predict", "bag", "iris.csv", "--interval", "0.9", "--json"],
        "predict alone": ["predict", "bag", "iris.csv"],
        "predict seeds": ["predict", "seeds", "iris.csv", "--interval", "0.9"],
        "predict one": ["predict", "one", "iris.csv", "--interval", "0.9"],
        "check": ["check", "iris.yaml"],
        "check json": [
            "check",
            "iris.yaml",
            "--json",
            "--set",
            small,
            "--set",
            "runtime.threads=1",
        ],
        "compare": ["compare", "bag", "one", "--metric", "loss", "--json"],
        "gradcheck": ["gradcheck", "iris.yaml"],
        "find lr": ["train", "iris.yaml", "--find-lr", "-q"],
    }
    done = in_one_process(list(commands.values()), folder)
    return folder, dict(zip(commands, done, strict=True))


def test_the_exit_codes(made):
    _, done = made
    codes = {name: code for name, (code, _, _) in done.items() if code}
    assert codes == {
        "all diverge": 4,
        "too small": 3,
        "too many": 3,
        "eval one": 2,
        "predict one": 2,
    }


def test_what_is_said_of_a_training(made):
    _, done = made
    _, out, err = done["bag"]
    assert "ensemble of 5 bootstrap samples, in one stack of 5; about " in err
    assert "out of bag: training rows, each predicted by the replicas that were not" in out
    assert "corrected resampled t" in out
    assert out.splitlines()[-1] == "run: bag"
    assert done["seeds"][1] == "seeds\n"
    assert "ensemble.replicas: 107 folds of 106 training rows" in done["too many"][2]
    assert (
        "runtime.memory: 100 bytes are not enough for one network, which takes about "
        in done["too small"][2]
    )
    assert "train it with an `ensemble`" in done["predict one"][2]


def test_the_files_of_a_run(made):
    folder, _ = made
    for name in ("bag", "seeds", "folds", "none", "last", "smote", "far"):
        assert sorted(path.name for path in (folder / name).iterdir()) == FILES
    metrics, replicas = rows_of(folder / "bag/metrics.csv"), rows_of(folder / "bag/replicas.csv")
    assert list(replicas[0]) == ["replica", *metrics[0]]
    assert {row["replica"] for row in replicas} == set("01234")
    first = [float(row["val_loss"]) for row in replicas if row["epoch"] == "1"]
    assert float(metrics[0]["val_loss"]) == pytest.approx(np.mean(first))
    assert rows_of(folder / "none/metrics.csv") == rows_of(folder / "none/replicas.csv") == []
    told = json.loads((folder / "bag/manifest.json").read_text("utf-8"))
    assert told["status"] == "done"
    assert [one["replica"] for one in told["result"]["ensemble"]["replicas"]] == [0, 1, 2, 3, 4]


def test_the_run_before_leaves_no_replicas_behind(made):
    folder, _ = made
    names = sorted(path.name for path in (folder / "over").iterdir())
    assert names == [name for name in FILES if name != "replicas.csv"]


@pytest.mark.parametrize("other", ["bag1", "bag2", "json"])
def test_neither_processes_nor_memory_change_a_byte(other, made):
    folder, _ = made
    for name in ("metrics.csv", "replicas.csv"):
        found, expected = but_seconds(folder / other / name), but_seconds(folder / "bag" / name)
        assert found == expected
    one, two = (load_model(folder / name / "model.safetensors") for name in ("bag", other))
    assert (one.network.vector == two.network.vector).all()
    assert one.ensemble == two.ensemble
    assert one.training == two.training


SHARED = "from mlpcli.training import plan; plan.WORTH_A_PROCESS = 0.0\n"  # short work too


def test_two_processes_write_the_same_bytes(in_one_process, made):
    folder, _ = made
    commands = [
        ["train", "iris.yaml", "--run-dir", f"long{n}", "--set", f"runtime.threads={n}"]
        for n in (1, 2)
    ]
    done = in_one_process(commands, folder, SHARED)
    for n, (code, _, err) in enumerate(done, 1):
        assert code == 0, err
        assert ("2 at a time" in err) == (n == 2)
    one, two = ((folder / f"long{n}" / "model.safetensors").read_bytes() for n in (1, 2))
    said = rb"\"threads\": %d"  # the spec is in it
    assert one.replace(said % 1, said % 2) == two
    assert but_seconds(folder / "long1/metrics.csv") == but_seconds(folder / "long2/metrics.csv")
    one, two = (but_seconds(folder / f"long{n}/replicas.csv") for n in (1, 2))
    assert one == two
    order = [(int(row["epoch"]), int(row["replica"])) for row in one]
    assert order == sorted(order)  # whichever stack was first


def test_the_first_of_the_seeds_is_the_network_without_an_ensemble(made):
    folder, _ = made
    stack = load_model(folder / "seeds/model.safetensors").network.vector
    one = load_model(folder / "one/model.safetensors").network.vector
    assert (stack[0] == one).all()
    rows = [row for row in but_seconds(folder / "seeds/replicas.csv") if row.pop("replica") == "0"]
    assert rows == but_seconds(folder / "one/metrics.csv")


def test_eval_gives_the_average_and_the_spread(made):
    _, done = made
    told = json.loads(done["eval json"][1])
    alone = json.loads(done["eval alone"][1])
    assert told["scores"] == alone["scores"]
    assert "spread" not in alone
    one = told["spread"]["test"]["accuracy"]
    assert (one["level"], one["method"]) == (0.9, "Wilson")
    assert 0 <= one["low"] <= one["mean"] <= one["high"] <= 1
    one = told["spread"]["test"]["loss"]
    assert (one["level"], one["method"]) == (0.9, "t on a log scale")
    assert 0 < one["low"] <= one["mean"] <= one["high"]
    assert "90 % from" in done["eval"][1]
    assert "99.999999 % from" in done["eval sure"][1]


def test_predict_gives_intervals_and_sets(made):
    _, done = made
    plain = list(csv.DictReader(io.StringIO(done["predict alone"][1])))
    found = list(csv.DictReader(io.StringIO(done["predict"][1])))
    assert len(found) == 150
    species = ("setosa", "versicolor", "virginica")
    for row, same in zip(found, plain, strict=True):
        assert same.items() <= row.items()
        assert row["prediction"] in row["prediction_set"].split("|")
        for name in species:
            low, high = (float(row[f"probability_{name}_{end}"]) for end in ("low", "high"))
            assert low <= high
    told = json.loads(done["predict json"][1])
    assert told["rows"] == len(told["predictions"]) == 150
    header = done["predict seeds"][1].splitlines()[0]
    assert "_low" in header
    assert "prediction_set" not in header  # nothing was held out of seeds


def test_check_says_the_plan(made):
    _, done = made
    assert "ensemble of 5 bootstrap samples, in one stack of 5" in done["check"][1]
    told = json.loads(done["check json"][1])["ensemble"]
    assert told["kind"] == "bootstrap"
    assert sum(told["stacks"]) == 5
    assert len(told["stacks"]) > 1
    assert told["memory_bytes"] <= 100_000
    assert told["processes"] == 1


def test_an_ensemble_is_compared_with_one_network(made):
    _, done = made
    told = json.loads(done["compare"][1])
    assert told["comparisons"][0]["same_rows"]
    each = {run["run"]: run["scores"]["loss"] for run in told["runs"]}
    difference = told["comparisons"][0]["difference"]
    assert difference == pytest.approx(each["one"] - each["bag"], rel=1e-5)


def spreads_of(run):
    """Yield part, name and interval of each figure over the replicas of a run."""
    found = json.loads((run / "manifest.json").read_text("utf-8"))["result"]["ensemble"]
    parts = {**found["spread"], "held out": found["held_out"]["spread"]}
    for part, figures in parts.items():
        for name, one in figures.items():
            yield part, name, one


def within_bounds(run, loss):
    """Return how many intervals there are; each holds its mean and keeps to the bounds."""
    n = 0
    for part, name, one in spreads_of(run):
        if one["low"] is not None:
            n += 1
            low, high = bounds(name, loss)
            assert low <= one["low"] <= one["mean"] <= one["high"] <= high, (part, name, one)
    return n


@pytest.mark.parametrize(
    ("task", "kind"),
    list(zip(TARGETS, ["bootstrap", "kfold", "bootstrap", "kfold"], strict=True)),
)
def test_every_loss(task, kind, in_one_process, tmp_path):
    write_tasks(tmp_path)
    target = TARGETS[task]
    exclude = [name for name in COLUMNS if name not in target]
    losses = [name for name, member in LOSSES.items() if task in member.tasks]
    commands = []
    for name in losses:
        loss = "{name: quantile, levels: [0.1, 0.5, 0.9]}" if name == "quantile" else name
        given = {"TARGET": target, "EXCLUDE": exclude, "LOSS": loss, "KIND": kind}
        spec = TASKS.replace("path", f"task: {task}, path")
        for word, value in given.items():
            spec = spec.replace(word, str(value).replace("'", ""))
        (tmp_path / f"{name}.yaml").write_text(spec, "ascii")
        commands.append(["train", f"{name}.yaml", "--run-dir", name, "--progress", "none"])
        commands.append(["eval", name, "--interval", "0.9"])
        commands.append(["predict", name, "tasks.csv", "--interval", "0.9"])
    done = in_one_process(commands, tmp_path)
    for name, trained, scored, predicted in zip(
        losses, done[::3], done[1::3], done[2::3], strict=True
    ):
        assert (trained[0], scored[0]) == (0, 0), (name, trained, scored)
        assert within_bounds(tmp_path / name, LOSSES[name]()) >= 4
        if predicted[0]:
            assert "is no probability" in predicted[2]
            assert LOSSES[name].link == "identity"
            continue
        for row in csv.DictReader(io.StringIO(predicted[1])):
            for column in [column for column in row if column.endswith("_low")]:
                assert float(row[column]) <= float(row[column.replace("_low", "_high")])


def far_out_table(folder):
    """A regression in which one row's input is 2,000 standard deviations out."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 2))
    x[7, 0] = 2000.0
    y = x @ [1.0, 2.0] * (np.abs(x[:, 0]) < 9) + 0.3 * rng.normal(size=60)
    lines = ["x,z,y", *(f"{a:.3f},{b:.3f},{c:.3f}" for (a, b), c in zip(x, y, strict=True))]
    (folder / "far.csv").write_text("\n".join(lines) + "\n", "ascii")
    (folder / "far.yaml").write_text(
        "data: {path: far.csv, target: y, scale: none, split: {validation: 0, test: 0.15}}\n"
        "model: {layers: [{units: 8}]}\n"
        "training: {epochs: 40, optimizer: {name: adam, learning_rate: 0.01}}\n"
        "ensemble: {kind: kfold, replicas: 5}\n",
        "ascii",
    )


def test_one_fold_far_out(in_one_process, tmp_path):
    """Student's interval of it begins far below an rmse of 0; ours keeps to it, and says why."""
    far_out_table(tmp_path)
    train, score = in_one_process(
        [
            ["train", "far.yaml", "--run-dir", "far", "--progress", "none"],
            ["eval", "far", "--interval", "0.9", "--json"],
        ],
        tmp_path,
    )
    assert (train[0], score[0]) == (0, 0), (train, score)
    assert within_bounds(tmp_path / "far", LOSSES["mse"]()) == 9
    found = {(part, name): one for part, name, one in spreads_of(tmp_path / "far")}
    rmse = found["held out", "rmse"]
    reach = stats.t.ppf(0.975, 4) * rmse["standard_error"]
    assert rmse["mean"] - reach < 0
    expected = rmse["mean"] * np.exp([-reach / rmse["mean"], reach / rmse["mean"]])
    assert [rmse["low"], rmse["high"]] == pytest.approx(expected)
    assert found["held out", "r2"]["high"] < 1
    far, others = (f"{rmse['far_out'][key]:.4g}" for key in ("replica", "others"))
    said = f"out of fold: one replica's rmse is {far}, the mean of the others' {others}"
    assert [line for line in train[1].splitlines() if line.startswith("out of fold: one")] == [said]
    assert "loss, rmse, r2: 95 % by corrected resampled t on a log scale" in train[1]
    # of the same rows for all: the numbers are in the document
    result = json.loads((tmp_path / "far/manifest.json").read_text("utf-8"))["result"]
    each = [one["scores"]["test"]["rmse"] for one in result["ensemble"]["replicas"]]
    mean, error = np.mean(each), stats.sem(each)
    told = json.loads(score[1])["spread"]["test"]["rmse"]
    ratio = np.exp(stats.t.ppf(0.95, 4) * error / mean)
    assert [told["low"], told["high"]] == pytest.approx([mean / ratio, mean * ratio], rel=1e-5)


def test_every_fold_right(in_one_process, tmp_path):
    """All 48 rows right in five folds is not certainty; of replicas that agree none is known."""
    rows = [f"{(-1) ** k * (9 + k % 5)},{'ab'[k % 2]}" for k in range(60)]
    (tmp_path / "apart.csv").write_text("\n".join(["x,kind", *rows]) + "\n", "ascii")
    (tmp_path / "apart.yaml").write_text(
        "data: {path: apart.csv, target: kind, split: {validation: 0, test: 0.2}}\n"
        "model: {layers: []}\n"
        "training: {epochs: 60, optimizer: {name: adam, learning_rate: 0.1}}\n"
        "ensemble: {kind: kfold, replicas: 5}\n",
        "ascii",
    )
    (train,) = in_one_process(
        [["train", "apart.yaml", "--run-dir", "apart", "--progress", "none"]], tmp_path
    )
    assert train[0] == 0, train
    found = {(part, name): one for part, name, one in spreads_of(tmp_path / "apart")}
    one = found["held out", "accuracy"]
    assert (one["mean"], one["high"]) == (1, 1)
    assert one["low"] == pytest.approx(48 / (48 + stats.t.ppf(0.975, 4) ** 2))
    assert "accuracy: 95 % by corrected resampled Wilson" in train[1]
    one = found["test", "accuracy"]
    assert (one["mean"], one["low"], one["high"], one["method"]) == (1, None, None, "none")
    assert "–: no interval: the numbers are one alone, all equal, or not all finite" in train[1]
    assert max(map(len, train[1].split("replica by replica", 1)[1].splitlines())) <= 80


def test_weights(in_one_process, tmp_path):
    """The loss of eval is the weighted one, of the average and of each; without them it says so."""
    write_tasks(tmp_path)
    spec = TASKS.replace("TARGET", "count, sample_weight: w").replace("LOSS", "mse")
    spec = spec.replace("EXCLUDE", "[kind, colour, hot, wet]").replace("KIND", "bootstrap")
    (tmp_path / "w.yaml").write_text(spec.replace("data: {", "data: {task: regression, "), "ascii")
    table = rows_of(tmp_path / "tasks.csv")
    lines = ["x,z,count", *(f"{r['x']},{r['z']},{r['count']}" for r in table)]
    (tmp_path / "without.csv").write_text("\n".join(lines) + "\n", "ascii")
    zero = ["x,z,count,w", *(line + ",0" for line in lines[1:])]
    (tmp_path / "zero.csv").write_text("\n".join(zero) + "\n", "ascii")
    train, *others = in_one_process(
        [
            ["train", "w.yaml", "--run-dir", "w", "-q"],
            ["eval", "w", "--interval", "0.9", "--json"],
            ["eval", "w", "--interval", "0.9", "--data", "without.csv"],
            ["eval", "w", "--interval", "0.9", "--data", "zero.csv"],
        ],
        tmp_path,
    )
    assert train[0] == 0, train
    assert [code for code, _, _ in others[:2]] == [0, 0]
    assert "the loss is not weighted" in others[1][2]
    assert others[2][0] in (0, 3)


def test_some_replicas_diverge(in_one_process, tmp_path):
    """A row far out, in the sample of two of three folds: with λ = 1 they diverge, by 1 − λ x²."""
    rows = ["x,y", "1e4,0", *(f"{k % 7},{k % 5}" for k in range(59))]
    (tmp_path / "far.csv").write_text("\n".join(rows) + "\n", "ascii")
    (tmp_path / "far.yaml").write_text(
        "data: {path: far.csv, target: y, task: regression, split: {validation: 0, test: 0},\n"
        "  scale: standard}\n"
        "model: {layers: []}\n"
        "training: {epochs: 60, batch_size: 1, optimizer: {name: sgd, learning_rate: 1}}\n"
        "ensemble: {kind: kfold, replicas: 3}\n",
        "ascii",
    )
    train, score, predict = in_one_process(
        [
            ["train", "far.yaml", "--run-dir", "far", "--json"],
            ["eval", "far", "--interval", "0.9"],
            ["predict", "far", "far.csv", "--interval", "0.9"],
        ],
        tmp_path,
    )
    assert [train[0], score[0], predict[0]] == [4, 0, 0]
    assert "mlp: 2 of 3 replicas diverged: " in train[2]
    assert "the model in far is of the others" in train[2]
    told = json.loads(train[1])
    assert told["status"] == told["reason"] == "diverged"
    kept = [one["kept"] for one in told["ensemble"]["replicas"]]
    assert sorted(kept) == [False, False, True]
    assert load_model(tmp_path / "far/model.safetensors").network.lane_shape == (1,)
    metrics, each = rows_of(tmp_path / "far/metrics.csv"), rows_of(tmp_path / "far/replicas.csv")
    sound = [row for row in each if row["replica"] == str(kept.index(True))]
    assert len(metrics) == len(sound) == 60
    assert metrics[-1]["train_loss"] == sound[-1]["train_loss"]  # of the one that is left
    assert "–: no interval: the numbers are one alone" in score[1]


# ---------------------------------------------------------------- stopped, or killed

ENDLESS = """
data: {path: iris.csv, target: species}
model: {layers: [{units: 6}]}
training: {epochs: 10000000, early_stopping: null}
ensemble: {kind: bootstrap, replicas: 4}
"""


@pytest.fixture
def start(folder, program):
    """Return a function that starts an endless training; what still runs at the end is killed."""
    begun = []

    def start_(*overrides, one_by_one=False):
        (folder / "spec.yaml").write_text(ENDLESS, "ascii")
        words = ["train", "spec.yaml", "--run-dir", "run"]
        words += [word for override in overrides for word in ("--set", override)]
        process = subprocess.Popen(
            [*program.words, *words],
            cwd=folder,
            env=program.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        begun.append(process)
        if one_by_one:  # replicas.csv waits for the last of them
            assert any(": epoch " in line for line in process.stderr)
            return process
        deadline = time.monotonic() + 30
        replicas = folder / "run" / "replicas.csv"
        while not replicas.exists() or replicas.read_text("ascii").count("\n") < 20:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return process

    yield start_
    for process in begun:
        process.kill()
        process.communicate()


def children(process):
    return Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("ascii").split()


@pytest.mark.parametrize(
    ("number", "code", "threads"),
    [(signal.SIGINT, 130, 1), (signal.SIGTERM, 143, 2), (signal.SIGINT, 130, 2)],
)
def test_a_signal_ends_it_after_the_step(number, code, threads, start, folder, program):
    process = start(f"runtime.threads={threads}")
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    program.check(out + err)
    assert process.returncode == code
    assert out.splitlines()[-1] == "run: run"
    last, advice = err.splitlines()[-2:]
    assert last.startswith("mlp: interrupted in epoch ")
    assert advice == "mlp: to go on: mlp train --resume run"
    told = json.loads((folder / "run/manifest.json").read_text("utf-8"))
    assert told["status"] == "interrupted"
    assert load_model(folder / "run/model.safetensors").network.lane_shape == (4,)
    rows, means = rows_of(folder / "run/replicas.csv"), rows_of(folder / "run/metrics.csv")
    assert {row["replica"] for row in rows} == set("0123")
    assert [int(row["epoch"]) for row in means] == list(range(1, len(means) + 1))
    assert told["result"]["epochs"] == max(int(row["epoch"]) for row in rows)


def test_interrupted_while_others_wait_for_their_turn(start, folder, program):
    process = start("runtime.threads=1", "runtime.memory=100kB", one_by_one=True)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    program.check(out + err)
    assert process.returncode == 130
    model = load_model(folder / "run/model.safetensors")
    last = f"the model so far of {model.network.lane_shape[0]} of 4 replicas is in run"
    assert err.splitlines()[-2].endswith(last)
    assert model.network.lane_shape[0] < 4


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no /proc to find children in")
def test_a_killed_child_ends_the_run(start, folder, program, mlp):
    process = start("runtime.threads=2")
    first, *others = children(process)
    assert len(others) == 1
    os.kill(int(first), signal.SIGKILL)
    out, err = process.communicate(timeout=30)
    program.check(out + err)
    assert (process.returncode, out) == (6, "")
    assert "a process that trained was killed" in err.splitlines()[-1]
    told = json.loads((folder / "run/manifest.json").read_text("utf-8"))
    assert told["status"] == "failed"
    evaluated = mlp("eval", "run", cwd=folder)
    why = err.splitlines()[-1].removeprefix("mlp: ")  # as it was said then
    assert (evaluated.code, evaluated.out, evaluated.err) == (
        5,
        "",
        f"mlp: run: there is no model.safetensors in this directory; the run failed: {why}\n",
    )
    assert not Path(f"/proc/{others[0]}").exists()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no /proc to find children in")
def test_children_do_not_outlive_a_killed_command(start):
    process = start("runtime.threads=2")
    found = children(process)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{child}/exe").exists() for child in found):
        assert time.monotonic() < deadline
        time.sleep(0.02)
