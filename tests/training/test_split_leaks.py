"""Leaks planted in tables: the figures of groups and times are honest, those of rows are not.

Each group, or each day of six hours, has a label of its own, drawn at random, and its rows look
alike. A network that has seen some rows of it knows the label of the others; of a new group, or of
a day after the last one that it has seen, it can know nothing.
"""

from dataclasses import replace

import numpy as np
import pytest

from mlpcli.nn.network import Network
from mlpcli.randomness import replica_seed
from mlpcli.runs.ensemble_result import ensemble_result
from mlpcli.spec.load import load_spec
from mlpcli.sweep.runner import Runner
from mlpcli.sweep.study import Claim
from mlpcli.training.build import load_dataset
from mlpcli.training.evaluation import evaluate
from mlpcli.training.lanes import lanes_of
from mlpcli.training.training import Training

SPEC = """
data: {{path: {table}.csv, target: y, split: {{{split}, validation: 0, test: 0.4}}}}
model: {{layers: [{{units: 64}}]}}
training: {{epochs: {epochs}, batch_size: 16, optimizer: {{name: adam, learning_rate: 0.01}}}}
"""
KEYS = {"customers": "group: customer", "days": "time: hour"}
KNOWN = 0.9  # of the rows are right, at least, where the split lets the answer through
# At most, where it does not: chance is 0.5, and three standard errors of 40 groups.
UNKNOWN = 0.5 + 3 * 0.5 / np.sqrt(40)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Return a folder with customers.csv and days.csv: 100 groups of 6 rows, in random order."""
    folder, rng = tmp_path_factory.mktemp("leaks"), np.random.default_rng(1)
    label, center = rng.permutation(np.arange(100) % 2), rng.normal(size=(100, 6))
    customers, days = ["a,b,c,d,e,f,customer,y"], ["a,b,c,d,e,f,hour,y"]
    for row in rng.permutation(600):
        group = row // 6
        numbers = ",".join(f"{v:.4f}" for v in center[group] + 0.01 * rng.normal(size=6))
        customers.append(f"{numbers},C{group},{['no', 'yes'][label[group]]}")
        days.append(f"{numbers},{row},{['no', 'yes'][label[group]]}")
    (folder / "customers.csv").write_text("\n".join(customers) + "\n", "ascii")
    (folder / "days.csv").write_text("\n".join(days) + "\n", "ascii")
    return folder


@pytest.fixture
def load(tables):
    """Return a function that loads a spec of a table, split by its key or by rows drawn freely."""

    def load(table, more="", *, honest):
        split = KEYS[table] if honest else "stratify: false"
        text = SPEC.format(table=table, split=split, epochs=60)
        if not honest:  # the same inputs
            text = text.replace("target: y,", f"target: y, exclude: [{KEYS[table].split()[1]}],")
        path = tables / "spec.yaml"
        path.write_text(text + more, "ascii")
        return load_spec(str(path))

    return load


def trained(loaded):
    training = Training(loaded.spec, load_dataset(loaded))
    for _ in training.run():
        pass
    return training


def check(value, *, honest):
    if honest:
        assert value <= UNKNOWN
    else:
        assert value >= KNOWN


@pytest.mark.parametrize("honest", [True, False])
@pytest.mark.parametrize("table", ["customers", "days"])
def test_the_test_rows(load, table, honest):
    training = trained(load(table, honest=honest))
    part = training.dataset.parts["test"]
    found = evaluate(training.network, training.encoding, part).metrics["accuracy"]
    check(found, honest=honest)


@pytest.mark.parametrize("honest", [True, False])
@pytest.mark.parametrize(
    ("table", "kind"), [("customers", "kfold"), ("customers", "bootstrap"), ("days", "kfold")]
)
def test_the_rows_held_out_of_an_ensemble(load, table, kind, honest):
    more = f"ensemble: {{kind: {kind}, replicas: 4}}\n"
    result, model = ensemble_result(trained(load(table, more, honest=honest)))
    check(result["held_out"]["accuracy"], honest=honest)
    assert len(model.errors) > 0


@pytest.mark.parametrize("honest", [True, False])
@pytest.mark.parametrize("table", ["customers", "days"])
def test_the_folds_of_a_sweep(load, table, honest):
    parameters = "parameters: {training.optimizer.learning_rate: {choice: [0.01]}}"
    sweep = f"sweep: {{method: grid, folds: 4, metric: accuracy, {parameters}}}\n"
    loaded = load(table, sweep, honest=honest)
    runner = Runner(loaded, load_dataset(loaded))
    (result,) = runner.run([Claim(0, {"training.optimizer.learning_rate": 0.01})])
    assert (result.state, len(result.figures)) == ("complete", 4)
    check(np.mean(result.figures), honest=honest)


# ------------------------------------------------------------ which rows


def test_a_bootstrap_of_groups_may_have_any_number_of_rows(load):
    """Replicas of one number of rows share a stack; each has the bits that it has alone."""
    loaded = load("customers", "ensemble: {kind: bootstrap, replicas: 6}\n", honest=True)
    dataset = load_dataset(loaded)
    # One group is large: the samples differ in length.
    train = dataset.parts["train"]
    groups = np.minimum(dataset.split_key.groups, 40)
    dataset = replace(dataset, split_key=replace(dataset.split_key, groups=groups))
    lanes = lanes_of(loaded.spec, dataset)
    assert len({len(lane.rows) for lane in lanes}) > 1
    training = Training(loaded.spec, dataset)
    assert sorted(lane for stack in training.stacks for lane in stack) == list(range(6))
    for _ in training.run():
        pass
    assert training.kept == list(range(6))
    for r, lane in enumerate(lanes):
        assert lane.seed == replica_seed(loaded.spec.seed, r)
        assert set(groups[lane.rows]).isdisjoint(groups[lane.held_out])
        alone = Training(loaded.spec, dataset, [lane])
        for _ in alone.run():
            pass
        assert (alone.network.vector == training.network.vector[r]).all()
    result, _ = ensemble_result(training)
    assert result["held_out"]["rows"] == len(np.unique(np.concatenate([x.held_out for x in lanes])))
    assert len(train) == len(groups)


def test_the_error_of_folds_in_time_counts_the_rows_that_each_was_trained_on(load):
    """s² (1/k + held out / trained on): of 360 rows in 5 blocks 72 each, and 72 to 288 of them."""
    more = "ensemble: {kind: kfold, replicas: 4}\n"
    training = trained(load("days", more, honest=True))
    assert [len(lane.rows) for lane in training.lanes] == [72, 144, 216, 288]
    assert [len(lane.held_out) for lane in training.lanes] == [72] * 4
    hours = training.dataset.split_key.times
    for lane in training.lanes:
        assert hours[lane.rows].max() < hours[lane.held_out].min()
    result, _ = ensemble_result(training)
    losses = [
        evaluate(
            Network(training.architecture, vector),
            training.encoding,
            training.dataset.parts["train"].take(lane.held_out),
        ).metrics["loss"]
        for vector, lane in zip(training.network.vector, training.lanes, strict=True)
    ]
    found = result["held_out"]["spread"]["loss"]
    assert result["held_out"]["rows"] == 288
    assert found["mean"] == pytest.approx(np.mean(losses))
    expected = np.std(losses, ddof=1) * np.sqrt(1 / 4 + 72 / np.mean([72, 144, 216, 288]))
    assert found["standard_error"] == pytest.approx(expected)
