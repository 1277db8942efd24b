"""mlp train --find-lr: what it says, that it writes nothing, and what scripts can do with it."""

import json

import pytest


def test_it_says_what_each_rate_reached_and_writes_nothing(mlp, folder):
    before = sorted(folder.rglob("*"))
    done = mlp("train", "iris.yaml", "--find-lr", cwd=folder)
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].split() == ["learning_rate", "train_loss", "val_loss"]
    assert len(lines) == 2 + 25 + 3
    (marked,) = [line.split() for line in lines if line.rstrip().endswith("<")]
    assert lines[-1] == f"would take: --set training.optimizer.learning_rate={marked[0]}"
    assert "the spec has 0.1" in done.err
    assert sorted(folder.rglob("*")) == before


def test_quiet_gives_a_number_that_the_next_command_takes(mlp, folder):
    rate = mlp("train", "iris.yaml", "--find-lr", "-q", cwd=folder).out.strip()
    assert 0.001 < float(rate) < 10  # the largest that is tried
    key = f"training.optimizer.learning_rate={rate}"
    done = mlp("train", "iris.yaml", "-q", "--set", key, "--set", "training.epochs=2", cwd=folder)
    assert done.code == 0


def test_the_json_document_has_null_for_what_diverged(mlp, folder):
    keys = ["--set", "data.target=petal_width_cm", "--set", "data.exclude=[species]"]
    done = mlp("train", "iris.yaml", "--find-lr", "--json", *keys, cwd=folder)
    document = json.loads(done.out)
    assert set(document) == {"candidates", "suggested", "untrained", "steps"}
    losses = {}
    for c in document["candidates"]:
        diverged = c["val_loss"] is None or c["train_loss"] is None
        losses[c["learning_rate"]] = None if diverged else max(c["val_loss"], c["train_loss"])
    assert losses[10.0] is None
    best = min(loss for loss in losses.values() if loss is not None)
    # the smallest within 1 % of the best
    assert document["suggested"] == min(
        rate for rate, loss in losses.items() if loss is not None and loss <= 1.01 * best
    )


def test_without_validation_rows_the_training_rows_decide(mlp, folder):
    keys = ["--set", "data.split={validation: 0, test: 0}"]
    done = mlp("train", "iris.yaml", "--find-lr", *keys, cwd=folder)
    assert done.code == 0
    assert done.out.splitlines()[0].split() == ["learning_rate", "train_loss"]


@pytest.mark.parametrize("optimizer", ["adam", "{name: sgd, momentum: 0.9}"])
def test_it_uses_the_specs_optimizer(mlp, folder, optimizer):
    keys = ["--set", f"training.optimizer={optimizer}"]
    done = mlp("train", "iris.yaml", "--find-lr", "-q", *keys, cwd=folder)
    assert 1e-3 < float(done.out) < 1
