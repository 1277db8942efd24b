"""mlp compare: real runs side by side, on the same rows and on others."""

import json
import shutil

import numpy as np
import pytest

COLUMN = """
seed: {seed}
data: {{path: two.csv, target: kind, split: {{column: part}}}}
model: {{layers: [{{units: {units}}}]}}
training: {{epochs: {epochs}, optimizer: {{name: sgd, learning_rate: {rate}}}}}
"""
NUMBERS = """
data: {{path: line.csv, target: y, task: regression}}
model: {{layers: [], loss: {loss}}}
training: {{epochs: {epochs}, optimizer: {{name: sgd, learning_rate: 0.1}}}}
"""


def write_tables(folder):
    """Two classes that a line parts; 200 rows of them are test rows. And y = 3 x, with noise."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2))
    kind = np.where(x[:, 0] + x[:, 1] + 0.3 * rng.normal(size=400) > 0, "yes", "no")
    part = ["test", "train", "test", "val"] * 100
    rows = [f"{a:.4f},{b:.4f},{k},{p}" for (a, b), k, p in zip(x, kind, part, strict=True)]
    (folder / "two.csv").write_text("\n".join(["a,b,kind,part", *rows]) + "\n", "ascii")
    y = 3 * x[:, 0] + rng.normal(size=400)
    rows = [f"{a:.4f},{v:.4f}" for a, v in zip(x[:, 0], y, strict=True)]
    (folder / "line.csv").write_text("\n".join(["x,y", *rows]) + "\n", "ascii")


@pytest.fixture(scope="module")
def runs(in_one_process, tmp_path_factory):
    """Return a folder with runs: good, other (another seed), bad, and of numbers line, abs."""
    folder = tmp_path_factory.mktemp("compare")
    write_tables(folder)
    specs = {
        "good": COLUMN.format(seed=0, units=4, epochs=20, rate=0.1),
        "other": COLUMN.format(seed=1, units=4, epochs=20, rate=0.1),
        "bad": COLUMN.format(seed=0, units=4, epochs=0, rate=0.1),
        "line": NUMBERS.format(loss="mse", epochs=20),
        "abs": NUMBERS.format(loss="mae", epochs=20),
        "short": NUMBERS.format(loss="mse", epochs=1),
    }
    for name, text in specs.items():
        (folder / f"{name}.yaml").write_text(text, "ascii")
    commands = [["train", f"{name}.yaml", "-q", "--run-dir", name] for name in specs]
    line = ["train", "line.yaml", "-q", "--seed", "1"]
    commands.append([*line, "--run-dir", "seed1"])
    commands.append([*line, "--set", "training.epochs=0", "--run-dir", "seed1bad"])
    bag = ["--set", "ensemble={kind: bootstrap, replicas: 3}"]
    commands.append(["train", "good.yaml", "-q", *bag, "--run-dir", "bag"])
    weighted = ["-q", "--set", "data.class_weight={yes: 3, no: 1}"]
    commands += [
        ["train", f"{name}.yaml", *weighted, "--run-dir", f"weighted_{name}"]
        for name in ("good", "bad")
    ]
    assert [code for code, _, _ in in_one_process(commands, folder)] == [0] * 11
    return folder


def document(mlp, *words, cwd, code=0):
    done = mlp("compare", *words, "--json", cwd=cwd)
    assert (done.code, done.err) == (code, "")
    return json.loads(done.out, parse_constant=pytest.fail)


def right(mlp, run, folder):
    """Return whether each test row is right, from the predictions of the file as a whole."""
    done = mlp("predict", run, "two.csv", "--json", cwd=folder)
    found = json.loads(done.out)["predictions"]
    predicted = found["prediction"] if isinstance(found, dict) else [r["prediction"] for r in found]
    rows = [line.split(",") for line in (folder / "two.csv").read_text().splitlines()[1:]]
    both = zip(rows, predicted, strict=True)
    return np.array([row[2] == guess for row, guess in both if row[3] == "test"])


def test_the_difference_is_that_of_the_rows_with_bonett_and_prices_interval(runs, mlp):
    found = document(mlp, "good", "bad", cwd=runs)
    good, bad = right(mlp, "good", runs), right(mlp, "bad", runs)
    p, q = (np.sum(bad & ~good) + 1) / 202, (np.sum(good & ~bad) + 1) / 202
    reach = 1.959963985 * np.sqrt((p + q - (p - q) ** 2) / 202)
    (one,) = found["comparisons"]
    assert one["difference"] == pytest.approx(bad.mean() - good.mean())
    assert one["interval"] == pytest.approx([p - q - reach, p - q + reach])
    assert one["difference"] < -0.1
    assert (one["run"], one["same_rows"], one["level"]) == ("bad", True, 0.95)
    assert (one["method"], one["verdict"]) == ("adjusted Wald", "worse")
    assert (found["metric"], found["greater_is_better"], found["base"]) == (
        "accuracy",
        True,
        "good",
    )
    assert found["differs"] == {"training.epochs": [20, 0]}


def test_every_figure_is_that_of_the_manifest_and_the_best_is_first(runs, mlp):
    found = document(mlp, "bad", "good", cwd=runs)
    assert [each["run"] for each in found["runs"]] == ["good", "bad"]
    assert [each["verdict"] for each in found["comparisons"]] == ["better"]
    for each in found["runs"]:
        told = json.loads((runs / each["run"] / "manifest.json").read_text())["result"]
        assert {"rows": each["rows"], **each["scores"]} == told["scores"]["test"]
        assert each["seconds"] == told["seconds"]
        assert each["best_epoch"] == told["best_epoch"]
        assert (each["rows"], each["split"], each["parameters"]) == (200, "test", 4 * 3 + 5)


def test_a_metric_that_is_better_when_it_is_less(runs, mlp):
    found = document(mlp, "line", "short", "--metric", "mse", cwd=runs)
    assert [each["run"] for each in found["runs"]] == ["line", "short"]
    (one,) = found["comparisons"]
    scores = {each["run"]: each["scores"] for each in found["runs"]}
    assert one["difference"] == pytest.approx(scores["short"]["mse"] - scores["line"]["mse"])
    assert one["difference"] > 0
    assert (one["verdict"], found["greater_is_better"]) == ("worse", False)
    assert one["method"] in ("paired t", "BCa")


def test_r2_by_bootstrap_and_the_loss_by_rows(runs, mlp):
    found = document(mlp, "line", "short", cwd=runs)
    assert (found["metric"], found["comparisons"][0]["method"]) == ("r2", "BCa")
    assert found["comparisons"][0]["verdict"] == "worse"
    found = document(mlp, "line", "short", "--metric", "loss", cwd=runs)
    scores = {each["run"]: each["scores"]["loss"] for each in found["runs"]}
    one = found["comparisons"][0]
    assert one["difference"] == pytest.approx(scores["short"] - scores["line"], rel=1e-5)


def test_the_weighted_loss_by_rows(runs, mlp):
    found = document(mlp, "weighted_good", "weighted_bad", "--metric", "loss", cwd=runs)
    scores = {each["run"]: each["scores"]["loss"] for each in found["runs"]}
    expected = scores["weighted_bad"] - scores["weighted_good"]
    assert found["comparisons"][0]["difference"] == pytest.approx(expected, rel=1e-5)
    plain = document(mlp, "good", "bad", "--metric", "loss", cwd=runs)["comparisons"][0]
    assert abs(plain["difference"] / expected - 1) > 1e-3
    done = mlp("compare", "good", "weighted_good", "--metric", "loss", cwd=runs)
    assert (done.code, done.out) == (2, "")


def test_the_same_run_twice_shows_nothing(runs, mlp):
    done = mlp("compare", "good", "good", "--fail-if-worse", cwd=runs)
    assert (done.code, done.err) == (0, "")
    assert "no difference shown" in done.out


def test_fail_if_worse(runs, mlp):
    for words, code in (
        (["good", "bad"], 1),
        (["bad", "good"], 0),
        (["good", "other", "bad"], 1),
        (["bad", "other", "good"], 0),
    ):
        done = mlp("compare", *words, "--fail-if-worse", "-q", cwd=runs)
        assert (done.code, done.out, done.err) == (code, "", ""), words
    # The last of the table cannot be compared, yet another is worse.
    done = mlp("compare", "line", "short", "seed1bad", "--fail-if-worse", cwd=runs)
    assert (done.code, done.err) == (1, "")
    assert mlp("compare", "good", "bad", cwd=runs).code == 0
    document(mlp, "good", "bad", "--fail-if-worse", cwd=runs, code=1)
    done = mlp("compare", "good", "--fail-if-worse", cwd=runs)
    assert (done.code, done.out) == (2, "")
    assert done.err == "mlp: --fail-if-worse: name two runs or more\n"


def test_two_seeds_of_a_random_split_have_other_rows(runs, mlp):
    done = mlp("compare", "line", "seed1", "--fail-if-worse", cwd=runs)
    assert done.code == 5
    advice = "to give seed1 the rows of line, train it again with --set data.split.seed=0\n"
    told = "mlp: seed1: --fail-if-worse: not compared with line: other rows; "
    assert done.err == told + advice
    assert advice in done.out
    assert "seed1 and line: not compared: other rows" in done.out
    assert "--data FILE" in done.out
    (one,) = document(mlp, "line", "seed1", cwd=runs)["comparisons"]
    nothing = ("difference", "interval", "level", "method")
    assert [one[key] for key in nothing] == [None] * 4
    assert one["same_rows"] is False
    # A file that neither has seen makes them comparable.
    text = (runs / "line.csv").read_text()
    (runs / "unseen.csv").write_text(text.replace("\n-", "\n-1", 30), "ascii")
    done = mlp("compare", "line", "seed1", "--data", "unseen.csv", cwd=runs)
    assert (done.code, done.err) == (0, "")
    assert "all rows" in done.out
    assert "against line, on the same 400 rows: r2, run minus line" in done.out


def test_two_seeds_with_one_split_are_compared(runs, mlp):
    found = document(mlp, "good", "other", cwd=runs)
    assert found["comparisons"][0]["same_rows"] is True
    assert found["differs"] == {}
    assert {each["run"]: each["seed"] for each in found["runs"]} == {"good": 0, "other": 1}


def test_the_advice_on_seeds_works_when_it_is_typed(runs, mlp):
    command = ["train", "line.yaml", "-q", "--seed", "1", "--run-dir", "typed", "--force"]
    assert mlp(*command, "--set", "data.split.seed=0", cwd=runs).code == 0
    found = document(mlp, "line", "typed", cwd=runs)
    assert found["comparisons"][0]["same_rows"] is True
    assert {each["run"]: each["seed"] for each in found["runs"]} == {"line": 0, "typed": 1}
    assert found["differs"] == {}
    # And the other networks are others: their random numbers are of another seed.
    assert found["runs"][0]["scores"] != found["runs"][1]["scores"]
    assert "data.split.seed" not in mlp("compare", "line", "typed", cwd=runs).out


def test_a_seed_is_not_advised_where_it_would_not_help(runs, mlp):
    other = ["train", "line.yaml", "-q", "--seed", "1", "--run-dir", "shares", "--force"]
    assert mlp(*other, "--set", "data.split={test: 0.3}", cwd=runs).code == 0
    done = mlp("compare", "line", "shares", cwd=runs)
    assert "--data FILE" in done.out
    assert "train it again" not in done.out


def test_the_table_for_people(runs, mlp):
    done = mlp("compare", "good", "bad", cwd=runs, env={"COLUMNS": "60"})
    assert (done.code, done.err) == (0, "")
    lines = [line.split() for line in done.out.splitlines()]
    head = ["run", "training.epochs", "seed", "parameters", "epoch", "test", "rows"]
    assert [*head, "accuracy", "loss", "seconds"] in lines
    assert [line[0] for line in lines if line[:1] in (["good"], ["bad"])] == ["good", "bad", "bad"]
    assert "against good, on the same 200 test rows: accuracy, run minus good" in done.out
    # `bad` has no epoch, so there are no curves: they are of runs that all have some.
    assert "epochs 1 to" not in done.out


def test_the_curves(runs, mlp):
    done = mlp("compare", "good", "other", cwd=runs, env={"COLUMNS": "60"})
    assert "val_loss of epochs 1 to 20; " in done.out
    strips = [line for line in done.out.splitlines() if line.startswith(" |")]
    assert len(strips) == 12
    assert max(map(len, strips)) == 42  # 2 columns an epoch, and the margin
    assert "█" in done.out
    plain = mlp("compare", "good", "other", cwd=runs, env={"PYTHONIOENCODING": "ascii"})
    assert plain.out.isascii()
    assert "epochs 1 to 20" in plain.out
    assert "epochs" not in mlp("compare", "good", "other", "-q", cwd=runs).out.replace(
        ".epochs", ""
    )
    done = mlp("compare", "line", "abs", cwd=runs)
    assert done.err == (
        "the runs have different losses: only the shapes of their curves can be compared\n"
    )


def test_model_files_copied_elsewhere_with_the_data(runs, mlp, tmp_path):
    for name in ("good", "bad"):
        shutil.copy(runs / name / "model.safetensors", tmp_path / f"{name}.bin")
    shutil.copy(runs / "two.csv", tmp_path / "moved.csv")
    found = document(mlp, "good.bin", "bad.bin", "--data", "moved.csv", cwd=tmp_path)
    here = document(mlp, "good", "bad", cwd=runs)
    for key in ("difference", "interval", "verdict"):
        assert found["comparisons"][0][key] == here["comparisons"][0][key]
    assert [each["seconds"] for each in found["runs"]] == [None, None]
    done = mlp("compare", "good.bin", "bad.bin", "--data", "moved.csv", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert " |" not in done.out


def test_data_that_moved_or_changed(runs, mlp, tmp_path):
    folder = tmp_path / "here"
    shutil.copytree(runs, folder)
    # The model names its file by its whole path: it is trained again, where it can be taken away.
    assert mlp("train", "good.yaml", "-q", "--run-dir", "mine", cwd=folder).code == 0
    (folder / "two.csv").rename(folder / "away.csv")
    done = mlp("compare", "mine", "mine", cwd=folder)
    assert (done.code, done.out) == (3, "")
    assert "if it has moved, name it with --data" in done.err
    assert mlp("compare", "mine", "mine", "--data", "away.csv", cwd=folder).code == 0
    (folder / "two.csv").write_text((folder / "away.csv").read_text() + "0,0,yes,test\n", "ascii")
    done = mlp("compare", "mine", "mine", cwd=folder)
    assert (done.code, done.out) == (3, "")
    assert "the file has changed since the model was trained on it" in done.err


def test_one_run_and_ten(runs, mlp):
    done = mlp("compare", "good", cwd=runs)
    assert (done.code, done.err) == (0, "")
    assert "against" not in done.out
    ten = ["good", "other"] * 5
    done = mlp("compare", *ten, cwd=runs)
    assert (done.code, done.err) == (0, "")
    assert "1 in 20 such intervals leaves out 0 by chance: of these 9, 0.45 on average" in done.out
    assert len([line for line in done.out.splitlines() if line.startswith(" |")]) == 10
    assert len(document(mlp, *ten, cwd=runs)["comparisons"]) == 9


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["good", "nowhere"], 5, "nowhere: there is no such run directory or model file"),
        (["two.csv"], 5, "two.csv: not a model file"),
        (["line", "good"], 2, "good is binary on kind and line is regression on y: they cannot be"),
        (["good", "bad", "--metric", "acuracy"], 2, "did you mean accuracy?"),
        (["good", "--metric", "r2"], 2, "--metric r2: not all of these runs have this metric"),
        (["line", "abs", "--metric", "loss"], 2, "the losses of these runs are not one function"),
        (["good", "bad", "--data", "-"], 2, "standard input can be read only once; name a file"),
        (["good", "--data", "line.csv"], 3, "line.csv has no column"),
        (["good", "--split", "none"], 2, "none"),
        ([], 2, "Missing argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_compared_is_a_sentence(runs, mlp, words, code, told):
    for more in ([], ["--json", "-q"]):
        done = mlp("compare", *words, *more, cwd=runs)
        assert (done.code, done.out) == (code, "")
        assert told in done.err


def test_a_split_that_is_not_there(runs, mlp):
    (runs / "none.yaml").write_text(
        "data: {path: line.csv, target: y, split: {test: 0}}\ntraining: {epochs: 1}\n", "ascii"
    )
    assert mlp("train", "none.yaml", "-q", "--run-dir", "none", cwd=runs).code == 0
    done = mlp("compare", "none", "none", cwd=runs)
    assert (done.code, done.out) == (5, "")
    assert "none: it has no test rows; choose others with --split, or name a file" in done.err
    done = mlp("compare", "none", "none", "--split", "test", cwd=runs)
    assert (done.code, done.out) == (2, "")
    assert "--split test: " in done.err
    assert "has no such part; it has: train, validation" in done.err
    assert mlp("compare", "none", "none", "--split", "validation", cwd=runs).code == 0
    done = mlp("compare", "none", "--data", "line.csv", cwd=runs)
    assert done.code == 2
    assert "choose with --split: train, validation" in done.err


def test_the_shell_takes_what_it_wants(runs, shell):
    done = shell("mlp compare good bad | head -1", runs)
    assert (done.code, done.err) == (0, "")
    assert done.out.split()[0] == "run"
    done = shell("mlp compare good bad --fail-if-worse -q || echo no", runs)
    assert (done.code, done.out, done.err) == (0, "no\n", "")


def test_a_killed_runs_last_line_and_a_missing_manifest(runs, mlp, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(runs / "good", run)
    with (run / "metrics.csv").open("a", encoding="ascii") as file:
        file.write("21,0.1,0.")
    (run / "manifest.json").write_text("{", "ascii")
    done = mlp("compare", run, cwd=runs)
    assert (done.code, done.err) == (0, "")
    assert "epochs 1 to 20; " in done.out
    seconds = [
        float(line.split(",")[-1]) for line in (run / "metrics.csv").read_text().split()[1:21]
    ]
    assert document(mlp, run, cwd=runs)["runs"][0]["seconds"] == pytest.approx(sum(seconds))


def test_an_ensemble_is_told_from_one_network(runs, in_one_process):
    """2 - 4 - 1: 2·4 + 4 + 4·1 + 1 = 17 parameters; the three networks have 51."""
    ((code, out, _), (_, text, _)) = in_one_process(
        [["compare", "good", "bag"], ["compare", "good", "bag", "--json"]], runs
    )
    assert code == 0
    header, _, *rows = out.splitlines()
    assert " ensemble " in header
    assert header.index("seed") < header.index("networks") < header.index("parameters")
    shown = {row.split()[0]: row for row in rows[:2]}
    assert shown["bag"].split()[1:8] == ["kind", "bootstrap,", "replicas", "3", "0", "3", "51"]
    assert shown["good"].split()[1:5] == ["null", "0", "1", "17"]
    found = {run["run"]: run for run in json.loads(text)["runs"]}
    assert [(found[k]["networks"], found[k]["parameters"]) for k in ("good", "bag")] == [
        (1, 17),
        (3, 51),
    ]
    assert "a mapping" not in out


def test_one_network_beside_another_has_no_column_of_networks(runs, in_one_process):
    ((_, out, _),) = in_one_process([["compare", "good", "bad"]], runs)
    assert "networks" not in out


def test_a_run_on_standard_input_needs_data(runs, mlp):
    spec = "data: {path: line.csv, target: y}\ntraining: {epochs: 1}\n"
    (runs / "piped.yaml").write_text(spec, "ascii")
    words = ("train", "piped.yaml", "-q", "--run-dir", "piped", "--set", "data.path='-'")
    assert mlp(*words, cwd=runs, stdin=(runs / "line.csv").read_text("ascii")).code == 0
    done = mlp("compare", "piped", "piped", cwd=runs)
    assert (done.code, done.out) == (2, "")
    assert "the model was trained on standard input; give the data with --data" in done.err


def test_layers_that_differ_are_shown_by_their_units(runs, mlp):
    deeper = ["--set", "model.layers=[{units: 6}, {units: 3}]", "--run-dir", "deeper", "--force"]
    linear = ["--set", "model.layers=[]", "--run-dir", "linear", "--force"]
    for more in (deeper, linear):
        assert mlp("train", "good.yaml", "-q", *more, cwd=runs).code == 0
    done = mlp("compare", "good", "deeper", "linear", cwd=runs)
    cells = {line.split()[0]: line.split()[1] for line in done.out.splitlines()[2:5]}
    assert cells == {"good": "4", "deeper": "6-3", "linear": "none"}


@pytest.fixture
def mixed(runs, tmp_path):
    """Return a folder with two runs, and what else may lie beside runs."""
    for name in ("good", "bad"):
        shutil.copytree(runs / name, tmp_path / name)
    shutil.copy(runs / "two.csv", tmp_path)
    (tmp_path / "a-sweep").mkdir()
    (tmp_path / "a-sweep" / "study.log").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.md").write_text("good is good\n", "ascii")
    return tmp_path


def test_runs_of_another_task_are_left_out_and_named(mixed, runs, mlp):
    shutil.copytree(runs / "line", mixed / "line")
    done = mlp("compare", "good", "line", "bad", cwd=mixed)
    assert done.code == 0
    note = "line is regression on y and good is binary on kind"
    assert done.err.splitlines()[0] == f"{note}; left out"
    done = mlp("compare", "good", "line", "bad", "--fail-if-worse", cwd=mixed)
    assert (done.code, done.err) == (5, f"mlp: {note}: they cannot be compared\n")


def test_what_is_no_run_is_left_out_and_named(mixed, mlp):
    names = ["a-sweep", "bad", "empty", "good", "notes.md"]
    done = mlp("compare", *names, cwd=mixed)
    assert done.code == 0
    left_out = [
        "a-sweep: a sweep's study, which mlp report a-sweep shows; left out",
        "empty: there is no model.safetensors in this directory; left out",
        "notes.md: not a model file; left out",
    ]
    assert done.err.splitlines()[:3] == left_out
    found = json.loads(mlp("compare", *names, "--json", cwd=mixed).out)
    assert found["notes"] == left_out
    assert found["base"] == "bad"
    assert [each["run"] for each in found["runs"]] == ["good", "bad"]
    assert mlp("compare", *names, "-q", cwd=mixed).err == ""


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["good", "a-sweep", "--fail-if-worse"], "there is no model.safetensors"),
        (["good", "notes.md", "--fail-if-worse"], "not a model file"),
        (["good", "gone"], "there is no such run directory"),
        (["a-sweep", "empty"], "there is no model.safetensors"),
    ],
)
def test_but_not_where_the_answer_could_be_wrong(names, sentence, mixed, mlp):
    done = mlp("compare", *names, cwd=mixed)
    assert (done.code, done.out) == (5, "")
    assert sentence in done.err


def test_a_run_that_was_killed_has_the_seconds_of_its_epochs_and_a_note(mixed, mlp):
    manifest = json.loads((mixed / "bad" / "manifest.json").read_text())
    shutil.copy(mixed / "good" / "metrics.csv", mixed / "bad" / "metrics.csv")
    manifest |= {"status": "running", "pid": 2**22 + 1, "result": None}
    (mixed / "bad" / "manifest.json").write_text(json.dumps(manifest))
    done = mlp("compare", "good", "bad", "--json", cwd=mixed)
    found = json.loads(done.out)
    assert [note.startswith("bad: the run was killed after") for note in found["notes"]] == [True]
    shutil.rmtree(mixed / "bad")
    shutil.copytree(mixed / "good", mixed / "bad")
    (mixed / "bad" / "manifest.json").write_text(json.dumps(manifest))
    found = json.loads(mlp("compare", "good", "bad", "--json", cwd=mixed).out)
    lines = (mixed / "bad" / "metrics.csv").read_text().splitlines()
    at = lines[0].split(",").index("seconds")
    spent = sum(float(line.split(",")[at]) for line in lines[1:])
    seconds = {each["run"]: each["seconds"] for each in found["runs"]}
    assert seconds["bad"] == pytest.approx(spent)
    assert 0 < seconds["bad"] <= seconds["good"] * 1.5
