"""Permutation importance: by shuffled files, by hand, and by scikit-learn."""

import csv
import math
from types import SimpleNamespace

import numpy as np
import pytest

from mlpcli.data.readers import read_table
from mlpcli.nn.network import Network
from mlpcli.randomness import generator
from mlpcli.training import importance as module
from mlpcli.training.evaluation import evaluate
from mlpcli.training.importance import feature_groups, permutation_importance
from mlpcli.training.intervals import t_interval

N = 60
SPEC = """
data: {path: houses.csv, target: price, split: {validation: 0, test: 0}}
model: {layers: [{units: 6, activation: tanh}]}
training: {epochs: 20, batch_size: 20, early_stopping: null}
"""
HEADER = ["area", "town", "sold", "noise", "price"]


@pytest.fixture
def houses(tmp_path, training):
    """Return a training on a number with gaps, a category and a date; its rows, and their RMSE."""
    rng = np.random.default_rng(5)
    rows = []
    for day in range(N):
        area, town = rng.normal(100, 20), int(rng.integers(0, 3))
        price = area + 30 * town + 0.5 * day + rng.normal(0, 5)
        shown = f"{area:.1f}" if day % 5 else ""
        date = f"2024-{1 + day // 28:02}-{1 + day % 28:02}"
        rows.append([shown, "abc"[town], date, f"{rng.normal():.2f}", f"{price:.1f}"])
    write(tmp_path / "houses.csv", rows)
    one = training(spec=SPEC)
    list(one.run())

    def rmse(cells):
        path, encoding = tmp_path / "shuffled.csv", one.dataset.encoding
        write(path, cells)
        table = read_table(str(path), encoding.reading(targets=True))
        part, _ = encoding.encode(encoding.read_columns(table), one.network.dtype)
        return evaluate(one.network, encoding, part).metrics["rmse"]

    return SimpleNamespace(training=one, rows=rows, rmse=rmse)


def write(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])


def importance_of(training, part="train", **options):
    found = training.dataset
    return permutation_importance(
        training.network, found.encoding, found.parts[part], seed=3, **options
    )


def test_a_shuffled_column_is_that_column_shuffled_in_the_file(houses, monkeypatch):
    monkeypatch.setattr(module, "REPEATS", 2)
    found = importance_of(houses.training)
    assert (found.metric, found.n_rows, found.n_all, found.screened) == ("rmse", N, N, [])
    own = houses.rmse(houses.rows)
    assert found.value == pytest.approx(own, rel=1e-5)
    names = houses.training.dataset.encoding.inputs.names
    assert sorted(names) == ["area", "noise", "sold", "town"]
    changes = {}
    for k, name in enumerate(names):
        column, changes[name] = HEADER.index(name), 0.0
        for repeat in (1, 2):
            order = generator(3, "importance", repeat, k).permutation(N)
            # All inputs that come of the column move together: 3 of the town, 2 of the area.
            cells = [row.copy() for row in houses.rows]
            for row, other in zip(cells, order, strict=True):
                row[column] = houses.rows[other][column]
            changes[name] += (houses.rmse(cells) - own) / 2
    got = {column.name: column.interval.estimate for column in found.columns}
    assert got == pytest.approx(changes, rel=1e-3, abs=1e-4)
    assert list(got.values()) == sorted(got.values(), reverse=True)
    assert {*list(got)[:2]} == {"area", "town"}


def test_it_changes_no_row(houses):
    X = houses.training.dataset.parts["train"].X
    before = X.copy()
    importance_of(houses.training)
    np.testing.assert_array_equal(X, before)


def test_it_is_that_of_scikit_learn(training):
    inspection = pytest.importorskip("sklearn.inspection")
    one = training("training.epochs=40", "training.optimizer.learning_rate=0.3")
    list(one.run())
    part = one.dataset.parts["train"]

    class Estimator:
        def fit(self, X, y):
            raise NotImplementedError

        def score(self, X, y):
            shuffled = type(part)(X, part.y, part.labels, part.rows)
            return evaluate(one.network, one.dataset.encoding, shuffled).metrics["accuracy"]

    theirs = inspection.permutation_importance(
        Estimator(), part.X, part.labels, n_repeats=40, random_state=0
    )
    ours = {column.name: column for column in importance_of(one).columns}
    for name, mean, spread in zip(
        one.dataset.encoding.inputs.names,
        theirs.importances_mean,
        theirs.importances_std,
        strict=True,
    ):
        error = spread * math.sqrt(1 / 40 + 1 / module.REPEATS)
        assert abs(ours[name].interval.estimate - mean) < 3 * error + 1e-9
    assert max(theirs.importances_mean) > 0.1


def test_its_interval_is_that_of_the_rows_mean(training, monkeypatch):
    # A jackknife that leaves out one row at a time gives s/√n of a mean.
    one = training("training.epochs=40", "training.optimizer.learning_rate=0.3")
    list(one.run())
    monkeypatch.setattr(module, "GROUPS", 22)
    part, encoding = one.dataset.parts["test"], one.dataset.encoding
    assert len(part) == 22
    right = evaluate(one.network, encoding, part).outcome
    changes, features = [], feature_groups(encoding)["petal_length_cm"]
    k = encoding.inputs.names.index("petal_length_cm")
    for repeat in range(1, module.REPEATS + 1):
        order = generator(3, "importance", repeat, k).permutation(22)
        X = part.X.copy()
        X[:, features] = X[order][:, features]
        moved = type(part)(X, part.y, part.labels, part.rows)
        wrong = evaluate(one.network, encoding, moved).outcome
        changes.append((right.predicted == right.target) * 1.0 - (wrong.predicted == wrong.target))
    expected = t_interval(np.mean(changes, axis=0))
    found = {column.name: column.interval for column in importance_of(one, "test").columns}
    got = found["petal_length_cm"]
    assert (got.estimate, got.low, got.high) == pytest.approx(
        (expected.estimate, expected.low, expected.high), rel=1e-9
    )
    assert got.low < got.estimate > 0


def test_a_column_without_weight_has_exactly_none(training):
    one = training("training.epochs=1")
    list(one.run())
    one.network.tensors()["hidden.1.weight"][1] = 0.0
    name = one.dataset.encoding.inputs.feature_names[1]
    interval = {column.name: column.interval for column in importance_of(one).columns}[name]
    assert (interval.estimate, interval.low, interval.high) == (0.0, 0.0, 0.0)


def test_two_classes_are_judged_by_their_ranking_where_both_are_there(tmp_path, training):
    rows = [f"{k % 7},{k % 3},{'yes' if k % 7 > 3 else 'no'}" for k in range(80)]
    (tmp_path / "two.csv").write_text("\n".join(["a,b,y", *rows]))
    spec = SPEC.replace("houses.csv", "two.csv").replace("price", "y")
    one = training(spec=spec)
    list(one.run())
    assert importance_of(one).metric == "roc_auc"
    part = one.dataset.parts["train"]
    of_one = part.take(np.flatnonzero(part.labels == 0))
    found = permutation_importance(one.network, one.dataset.encoding, of_one, seed=3)
    assert found.metric == "accuracy"
    assert permutation_importance(one.network, one.dataset.encoding, part.take([0]), seed=3) is None


@pytest.mark.parametrize(
    ("n_rows", "n_columns", "multiply_adds", "expected"),
    [
        (100, 4, 1e9, (100, 10, 4)),
        (10**6, 4, 1e9, (5000, 10, 4)),
        # 1e7 / 2000 = 5000 predictions of a row: 4 columns, 10 times, 200 rows are the fewest …
        (10**6, 4, 1e7, (200, 6, 4)),
        # … then fewer repeats, then fewer columns.
        (10**6, 4, 4e6, (200, 3, 4)),
        (10**6, 50, 1e7, (200, 3, 8)),
        (10**6, 400, 4.2e7, (200, 3, 35)),
        (10**6, 401, 4e7, None),  # each once with 200 rows: 4 times the budget and more
        (10**6, 784, 2.4e9, (2400, 10, 50)),
        (90, 784, 2.4e9, (90, 10, 784)),
    ],
)
def test_its_cost_is_bounded(n_rows, n_columns, multiply_adds, expected, monkeypatch):
    monkeypatch.setattr(module, "MULTIPLY_ADDS", multiply_adds)
    architecture = SimpleNamespace(layout=SimpleNamespace(n_numbers=0), member_shape=())
    network = SimpleNamespace(lane_shape=(), architecture=architecture)
    plan = module._Plan.within_budget(network, n_rows, n_columns)
    got = None if plan is None else (plan.n_rows, plan.repeats, plan.n_columns)
    assert got == expected


def test_of_many_columns_those_that_matter_are_kept(houses, monkeypatch):
    n_numbers = houses.training.network.architecture.layout.n_numbers + module.OVERHEAD
    monkeypatch.setattr(module, "FEWEST_COLUMNS", 2)
    monkeypatch.setattr(module, "MULTIPLY_ADDS", 2 * 3 * N * n_numbers)
    found = importance_of(houses.training)
    assert {column.name for column in found.columns} == {"area", "town"}
    assert {*found.screened} == {"sold", "noise"}
    assert found.repeats == 3


def test_of_many_rows_some_are_drawn(houses, monkeypatch):
    monkeypatch.setattr(module, "MOST_ROWS", 20)
    found = importance_of(houses.training)
    assert (found.n_rows, found.n_all) == (20, N)
    again = importance_of(houses.training)
    assert again == found


def test_an_ensemble_is_predicted_by_its_mean(houses):
    one = houses.training
    stack = Network(one.network.architecture, np.stack([one.network.vector] * 3))
    part = one.dataset.parts["train"]
    found = permutation_importance(stack, one.dataset.encoding, part, seed=3)
    alone = importance_of(one)
    for ours, theirs in zip(found.columns, alone.columns, strict=True):
        assert ours.interval.estimate == pytest.approx(theirs.interval.estimate, rel=1e-4, abs=1e-5)
