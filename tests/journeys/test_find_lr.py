"""mlp train --find-lr: what it says, that it writes nothing, and what scripts can do with it."""

import json

import pytest

SHORT = ["--set", "training.epochs=10"]


def test_it_says_what_each_rate_reached_and_writes_nothing(mlp, folder):
    before = sorted(folder.rglob("*"))
    done = mlp("train", "iris.yaml", "--find-lr", *SHORT, cwd=folder)
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].split() == ["learning_rate", "train_loss", "val_loss", "worst"]
    candidates, trials = lines[2:27], lines[lines.index("") :]
    assert [line.split()[0] for line in (candidates[0], candidates[-1])] == ["1e-05", "10"]
    assert "means of 4 seeds after 200 steps" in trials[1]
    (header,) = [line for line in trials if line.startswith("learning_rate")]
    assert header.split() == ["learning_rate", "held_out_loss", "lead", "±"]
    (spec,) = [line for line in trials if line.rstrip().endswith("the spec's")]
    assert spec.split()[0] == "0.1"
    (marked,) = [line.split() for line in trials if "<" in line]
    assert lines[-1] == f"suggested: --set training.optimizer.learning_rate={marked[0]}"
    assert "the spec has 0.1" in done.err
    assert sorted(folder.rglob("*")) == before


def test_quiet_gives_a_number_that_the_next_command_takes(mlp, folder):
    rate = mlp("train", "iris.yaml", "--find-lr", "-q", *SHORT, cwd=folder).out.strip()
    assert 0.001 < float(rate) < 1
    key = f"training.optimizer.learning_rate={rate}"
    done = mlp("train", "iris.yaml", "-q", "--set", key, "--set", "training.epochs=2", cwd=folder)
    assert done.code == 0


def test_the_json_document_has_null_for_what_diverged(mlp, folder):
    keys = ["--set", "data.target=petal_width_cm", "--set", "data.exclude=[species]"]
    done = mlp("train", "iris.yaml", "--find-lr", "--json", *keys, *SHORT, cwd=folder)
    document = json.loads(done.out)
    names = {"candidates", "suggested", "untrained", "steps"}
    more = {"seeds", "spec_rate", "edge", "trials", "verdict"}
    assert set(document) == names | more
    last = document["candidates"][-1]
    assert last.pop("diverged") > 0
    assert last == {"learning_rate": 10, "train_loss": None, "val_loss": None, "worst": None}
    assert document["candidates"][8]["worst"] >= document["candidates"][8]["val_loss"] > 0
    # what is suggested is the spec's rate or better than it
    trials = {trial["learning_rate"]: trial for trial in document["trials"]}
    chosen, spec = trials[document["suggested"]], trials[document["spec_rate"]]
    assert document["spec_rate"] == 0.1
    assert chosen is spec or chosen["lead"] > 0
    assert document["verdict"] == ("kept" if chosen is spec else "better")
    assert document["suggested"] <= document["edge"] / 3 or chosen is spec


def test_without_validation_rows_the_training_rows_decide(mlp, folder):
    keys = ["--set", "data.split={validation: 0, test: 0}"]
    done = mlp("train", "iris.yaml", "--find-lr", *keys, *SHORT, cwd=folder)
    assert done.code == 0
    assert done.out.splitlines()[0].split() == ["learning_rate", "train_loss", "worst"]


@pytest.mark.parametrize("optimizer", ["adam", "{name: sgd, momentum: 0.9}"])
def test_it_uses_the_specs_optimizer(mlp, folder, optimizer):
    keys = ["--set", f"training.optimizer={optimizer}", *SHORT]
    done = mlp("train", "iris.yaml", "--find-lr", "-q", *keys, cwd=folder)
    assert 1e-3 < float(done.out) < 1 if "sgd" in optimizer else 1e-4 < float(done.out) <= 0.1


NOISE = """
data: {path: noise.csv, target: y, task: regression}
model: {layers: [{units: 4, activation: tanh}], output_initializer: zeros}
training: {optimizer: {name: sgd, learning_rate: 0.05}}
"""


def test_no_rate_found_keeps_the_specs(mlp, tmp_path):
    # y is 1 or 0 in turns, x the same in each pair of rows: there is nothing to learn
    rows = [f"{k // 2},{k % 2}" for k in range(80)]
    (tmp_path / "noise.csv").write_text("\n".join(["x,y", *rows]) + "\n", encoding="utf-8")
    (tmp_path / "noise.yaml").write_text(NOISE, encoding="utf-8")
    done = mlp("train", "noise.yaml", "--find-lr", cwd=tmp_path)
    assert done.code == 0
    assert "would take" not in done.out
    last = done.err.splitlines()[-1]
    assert last.startswith("no rate found: ")
    assert "keep the spec's, 0.05, and look at the data with mlp check" in last
    assert mlp("train", "noise.yaml", "--find-lr", "-q", cwd=tmp_path).out == "0.05\n"
    document = json.loads(mlp("train", "noise.yaml", "--find-lr", "--json", cwd=tmp_path).out)
    assert (document["suggested"], document["verdict"]) == (None, "none")


def test_where_every_rate_diverges_it_exits_with_4(mlp, folder):
    keys = ["--set", "data.target=petal_width_cm", "--set", "data.exclude=[species]"]
    far = ["--set", "model.output_initializer={name: normal, std: 1e30}"]
    done = mlp("train", "iris.yaml", "--find-lr", "-q", *keys, *far, cwd=folder)
    assert (done.code, done.out) == (4, "")
    assert done.err == "mlp: every learning rate diverged: look at the data with mlp check\n"
