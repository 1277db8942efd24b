"""Baselines beside scikit-learn's, and what they must not see: the rows they are scored on."""

import dataclasses
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, Ridge, RidgeCV
from sklearn.model_selection import GridSearchCV, PredefinedSplit

from mlpcli.data.diagnosis import baseline
from mlpcli.spec.load import load_spec
from mlpcli.training.baselines import boosting, fit_baselines, fitting
from mlpcli.training.baselines.lbfgs import minimize
from mlpcli.training.baselines.linear import STRENGTHS, choose_strength, deviations, fit_linear
from mlpcli.training.baselines.rows import MOST_ROWS, choose_rows, deal_folds, draw_sample
from mlpcli.training.build import load_dataset

CONFIGS = Path(__file__).parents[2] / "configs"


def shipped(name):
    loaded = load_spec(str(CONFIGS / f"{name}.yaml"), ())
    return load_dataset(loaded)


def written(folder, data, columns, more=""):
    """Return the data set of columns written to a file."""
    lines = [
        ",".join(columns),
        *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True)),
    ]
    (folder / "t.csv").write_text("\n".join(lines) + "\n", "ascii")
    (folder / "s.yaml").write_text(f"data: {{path: t.csv, target: y, {data}}}\n{more}", "ascii")
    return load_dataset(load_spec(str(folder / "s.yaml"), ()))


def value(found, name, metric):
    (one,) = [s for s in found.scores if (s.name, s.metric) == (name, metric)]
    return one.value


@pytest.fixture(params=[(80, 6), (30, 200)], ids=["long", "wide"])
def rows(request):
    n, p = request.param
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n, p)) * rng.uniform(0.2, 3, p) + rng.normal(size=p)
    return X, X[:, :2] @ [[1.0, -0.5], [0.3, 1.0]] + rng.normal(size=(n, 2)), rng.uniform(0, 2, n)


@pytest.mark.parametrize("strength", [0.1, 10.0])
def test_ridge_is_that_of_scikit_learn(rows, strength):
    X, y, weight = rows
    model = fit_linear(X, y, weight, "identity", strength)
    peer = Ridge(alpha=strength).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(model.W, peer.coef_.T, atol=1e-8)
    np.testing.assert_allclose(model.predict(X), peer.predict(X), atol=1e-8)


def test_ridge_of_many_columns_by_steps_is_the_same():
    rng = np.random.default_rng(4)
    X = (rng.random((600, 1100)) < 0.05).astype(float)
    y = X[:, :9].sum(axis=1, keepdims=True) + rng.normal(size=(600, 1))
    model = fit_linear(X, y, np.ones(600), "identity", 10.0)
    peer = Ridge(alpha=10.0).fit(X, y)
    np.testing.assert_allclose(model.predict(X), peer.predict(X).reshape(-1, 1), atol=2e-3)


@pytest.mark.parametrize("strength", [0.1, 10.0])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_logistic_regression_is_that_of_scikit_learn(rows, strength, n_classes):
    X, y, weight = rows
    labels = np.digitize(y[:, 0], np.quantile(y[:, 0], np.arange(1, n_classes) / n_classes))
    peer = LogisticRegression(C=1 / strength, tol=1e-10, max_iter=10_000)
    expected = peer.fit(X, labels, sample_weight=weight).predict_proba(X)
    if n_classes == 2:
        model = fit_linear(X, labels[:, np.newaxis] * 1.0, weight, "sigmoid", strength)
        np.testing.assert_allclose(model.predict(X), expected[:, 1:], atol=1e-3)
    else:
        model = fit_linear(X, np.eye(n_classes)[labels], weight, "softmax", strength)
        np.testing.assert_allclose(model.predict(X), expected, atol=1e-3)


def test_labels_are_regressions_of_their_own(rows):
    X, y, weight = rows
    labels = (y > 0).astype(float)
    both = fit_linear(X, labels, weight, "sigmoid", 1.0).predict(X)
    each = [LogisticRegression(tol=1e-10, max_iter=10_000).fit(X, t, weight) for t in labels.T]
    expected = np.column_stack([peer.predict_proba(X)[:, 1] for peer in each])
    np.testing.assert_allclose(both, expected, atol=1e-3)


def test_the_strength_is_that_of_cross_validation(rows):
    X, y, _ = rows
    fold = np.arange(len(X)) % 5
    search = GridSearchCV(
        Ridge(), {"alpha": STRENGTHS}, scoring="neg_mean_squared_error", cv=PredefinedSplit(fold)
    )
    expected = search.fit(X, y[:, 0]).best_params_["alpha"]
    found = choose_strength(X, y[:, :1], np.ones(len(X)), "identity", fold)
    assert found == expected


def test_the_least_of_a_quadratic_function():
    # ½ xᵀ A x − bᵀ x is least at A⁻¹ b = (1/1, 2/10, 3/100).
    A, b = np.diag([1.0, 10.0, 100.0]), np.array([1.0, 2.0, 3.0])
    found = minimize(lambda x: (0.5 * x @ A @ x - b @ x, A @ x - b), np.full(3, 5.0), 1.0)
    np.testing.assert_allclose(found, [1.0, 0.2, 0.03], atol=1e-5)


def test_unscaled_numbers_are_divided_by_their_deviation():
    X = np.array([[1.0, 5.0, 0.0], [3.0, 5.0, 1.0]])
    wanted = np.array([True, True, False])
    np.testing.assert_array_equal(deviations(X, np.ones(2), wanted), [1.0, 1.0, 1.0])
    np.testing.assert_array_equal(deviations(3 * X, np.ones(2), wanted), [3.0, 1.0, 1.0])


PEERS = {
    "breast_cancer": LogisticRegressionCV(Cs=[0.01, 0.1, 1, 10], max_iter=5000),
    "penguins": LogisticRegression(max_iter=5000),
    "digits": LogisticRegression(max_iter=5000),
    "iris": LogisticRegression(max_iter=5000),
}


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.filterwarnings("ignore")  # scikit-learn's, of its own settings
def test_on_shipped_classes_as_good_as_scikit_learn(name, monkeypatch):
    monkeypatch.setattr(fitting, "find_library", lambda: None)
    dataset = shipped(name)
    train, test = dataset.parts["train"], dataset.parts["test"]
    peer = PEERS[name].fit(train.X, train.labels).score(test.X, test.labels)
    found = value(fit_baselines(dataset, 0), "linear", "accuracy")
    noise = math.sqrt(peer * (1 - peer) / len(test) + 1 / len(test) ** 2)  # and one row
    assert found >= peer - noise


def test_on_shipped_numbers_as_good_as_scikit_learn(monkeypatch):
    monkeypatch.setattr(fitting, "find_library", lambda: None)
    dataset = shipped("diabetes")
    train, test = dataset.parts["train"], dataset.parts["test"]
    peer = RidgeCV(STRENGTHS).fit(train.X, train.labels).predict(test.X).reshape(-1, 1)
    found = value(fit_baselines(dataset, 0), "linear", "rmse")
    assert found == pytest.approx(np.sqrt(np.mean((peer - test.labels) ** 2)), rel=0.02)


def test_gradient_boosting_is_that_of_scikit_learn():
    settings = {"l2_regularization": 1.0, "early_stopping": False, "random_state": 0}
    for name, kind in (
        ("diabetes", HistGradientBoostingRegressor),
        ("penguins", HistGradientBoostingClassifier),
    ):
        dataset = shipped(name)
        train, test = dataset.parts["train"], dataset.parts["test"]
        peer = kind(**settings).fit(train.X, train.labels.ravel()).predict(test.X)
        found = fit_baselines(dataset, 0)
        if name == "penguins":
            expected = np.mean(peer == test.labels)
            assert value(found, "gradient_boosting", "accuracy") == expected
        else:
            expected = np.sqrt(np.mean((peer - test.labels[:, 0]) ** 2))
            got = value(found, "gradient_boosting", "rmse")
            assert got == pytest.approx(expected, rel=0.02)  # its y is scaled: bits differ


@pytest.mark.parametrize("name", ["penguins", "diabetes", "breast_cancer"])
def test_the_constant_is_the_one_that_runs_are_compared_with(name, monkeypatch):
    monkeypatch.setattr(fitting, "find_library", lambda: None)
    dataset = shipped(name)
    constant, found = baseline(dataset), fit_baselines(dataset, 0)
    assert value(found, "constant", constant.metric) == pytest.approx(constant.scores["test"])


# What must not be seen.


def noise(task, n=60, p=200):
    rng = np.random.default_rng(1)
    columns = {f"x{k}": rng.normal(size=n).round(4) for k in range(p)}
    columns["y"] = rng.normal(size=n).round(4) if task == "regression" else np.arange(n) % 2
    return columns


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_a_target_of_noise_is_not_predicted(task, tmp_path):
    # 200 columns tell 42 rows apart: fitted to the test rows, a model would have them all right.
    dataset = written(tmp_path, "split: {validation: 0.1, test: 0.3}", noise(task))
    found = fit_baselines(dataset, 0)
    for name in ("linear", "gradient_boosting"):
        if task == "regression":
            assert value(found, name, "r2") < 0.2
        else:
            assert 0.2 < value(found, name, "roc_auc") < 0.8
            assert value(found, name, "accuracy") < 0.85


@pytest.mark.parametrize("task", ["regression", "binary"])
def test_only_training_rows_are_looked_at(task, tmp_path):
    # With something to learn, so that the strength that suits other rows is another.
    columns = noise(task, p=10)
    columns["x0"] = (np.asarray(columns["y"]) + 0.7 * columns["x1"]).round(4)
    dataset = written(tmp_path, "split: {validation: 0.1, test: 0.3}", columns)
    rng, parts = np.random.default_rng(0), dict(dataset.parts)
    X = parts["train"].X[:9]
    for name in ("validation", "test"):
        part, order = parts[name], rng.permutation(len(parts[name]))
        parts[name] = dataclasses.replace(
            part, X=-3 * part.X[order], y=part.y[order], labels=part.labels[order]
        )
    other = dataclasses.replace(dataset, parts=parts)
    for fit in fitting.FITS.values():
        mine, theirs = fit(fitting.Job(dataset, 0)), fit(fitting.Job(other, 0))
        np.testing.assert_array_equal(mine(X), theirs(X))


# Which rows.


def test_rare_classes_are_kept_whole_and_the_others_stand_for_more():
    labels = np.repeat([0, 1], [990, 10])
    rows, count = choose_rows(labels, 100, 0, classes=True)
    kept = labels[rows]
    assert len(rows) <= 100
    assert (kept == 1).sum() == 10
    assert count[kept == 1].tolist() == [1.0] * 10
    assert count.sum() == pytest.approx(1000)
    assert (np.diff(rows) > 0).all()


def test_numbers_are_drawn_at_random_and_by_the_seed():
    labels = np.arange(1000.0)[:, np.newaxis]
    rows, count = choose_rows(labels, 100, 0, classes=False)
    assert len(np.unique(rows)) == 100
    assert set(count) == {10.0}
    assert 350 < rows.mean() < 650
    np.testing.assert_array_equal(rows, choose_rows(labels, 100, 0, classes=False)[0])
    assert (rows != choose_rows(labels, 100, 1, classes=False)[0]).any()


def test_folds_hold_groups_out_whole_and_each_class_in_turn():
    groups = np.repeat(np.arange(12), 5)
    fold = deal_folds(60, 5, 0, None, groups)
    assert all(len(set(fold[groups == g])) == 1 for g in range(12))
    labels = np.repeat([0, 1], [50, 10])
    fold = deal_folds(60, 5, 0, labels, None)
    assert [int((labels[fold == k]).sum()) for k in range(5)] == [2] * 5


def test_groups_are_those_of_a_column_and_rows_without_one_stand_alone(tmp_path):
    columns = {
        "x": [1, 2, 3, 4, 5, 6],
        "g": ["a", "b", "a", "", "", "b"],
        "y": [0.5] * 6,
        "p": ["train"] * 2 + ["test"] * 4,
    }
    dataset = written(tmp_path, "split: {column: p}, exclude: [g]", columns)
    assert fitting._groups(dataset, "test", None) is None
    a, first, second, b = fitting._groups(dataset, "test", "g")
    assert len({a, first, second, b}) == 4
    assert fitting._groups(dataset, "train", "g").tolist() == [a, b]


def test_groups_widen_the_interval(tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "find_library", lambda: None)
    group = np.arange(400) // 20
    x = np.random.default_rng(0).normal(size=20)[group].round(3)
    dataset = written(tmp_path, "exclude: [g]", {"x": x, "g": group, "y": (group * 7 % 5).round(1)})
    alone, grouped = fit_baselines(dataset, 0).best, fit_baselines(dataset, 0, "g").best
    assert grouped.high - grouped.low > alone.high - alone.low


def test_many_rows_are_sampled_and_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "find_library", lambda: None)
    n = MOST_ROWS + 20_000
    x = np.random.default_rng(0).normal(size=n).round(3)
    parts = np.where(np.arange(n) < MOST_ROWS + 10_000, "train", "test")
    columns = {"x": x, "y": (2 * x).round(3), "p": parts}
    found = fit_baselines(written(tmp_path, "split: {column: p}", columns), 0)
    assert found.notes[0] == (
        "linear model: fitted to 50,000 rows drawn from the 60,000 training rows, to be quick"
    )
    assert value(found, "linear", "r2") > 0.97  # but for asinh's bend it is exact
    assert found.rows == 10_000


def test_rows_without_weight_are_not_fitted_to(tmp_path):
    n = np.arange(40)
    columns = {"x": n % 10, "y": np.where(n < 20, n % 10, 99.5 - n % 10), "w": (n < 20) * 1}
    dataset = written(
        tmp_path, "task: regression, sample_weight: w, split: {validation: 0, test: 0.2}", columns
    )
    sample = draw_sample(dataset, 1000, 0, folds=5)
    assert len(sample) == (dataset.parts["train"].weight > 0).sum()
    columns["w"] = 1 + n % 3
    heavier = written(tmp_path, "task: regression, sample_weight: w", columns)
    np.testing.assert_array_equal(
        draw_sample(heavier, 1000, 0, folds=5).weight, heavier.parts["train"].weight
    )
    test = dataset.parts["test"]
    right = test.labels[:, 0] < 50  # those that weigh; the others' line goes the other way
    y_hat = dataset.encoding.target.decode(fitting._fit_linear(fitting.Job(dataset, 0))(test.X))
    assert np.abs(y_hat - test.labels)[right].max() < 3


# Odd data.


def test_classes_without_training_rows_get_no_probability(tmp_path):
    n = 30
    columns = {
        "x": np.arange(n) % 7,
        "y": ["a", "b"] * 10 + ["a", "c"] * 5,
        "p": ["train"] * 20 + ["test"] * 10,
    }
    dataset = written(tmp_path, "split: {column: p}", columns)
    for fit in fitting.FITS.values():
        y_hat = fit(fitting.Job(dataset, 0))(dataset.parts["test"].X)
        assert y_hat.shape == (10, 3)
        np.testing.assert_allclose(y_hat.sum(axis=1), 1)
        assert (y_hat[:, 2] == 0).all()


@pytest.mark.parametrize(
    ("data", "columns"),
    [
        ("split: {validation: 0, test: 0}", {"x": [1], "y": [1.5]}),
        ("split: {validation: 0, test: 0}", {"x": [1, 2], "y": ["a", "b"]}),
        ("split: {validation: 0, test: 0.5}", {"x": [1, 2, 3, 4], "y": [2.5] * 4}),
        (
            "split: {column: p}",
            {"x": [1, 2, 3], "y": ["a", "a", "b"], "p": ["train", "train", "test"]},
        ),
        (
            "scale: none",
            {"x": [1e37, -1e37] * 10, "z": [1e-30, 2e-30, 3e-30, 0] * 5, "y": [0, 1, 1, 0] * 5},
        ),
    ],
)
def test_odd_tables_have_baselines_too(data, columns, tmp_path):
    found = fit_baselines(written(tmp_path, data, columns), 0)
    assert [s.name for s in found.scores[::2]] == ["constant", "linear", "gradient_boosting"]
    assert all(0 <= s.value <= 1 for s in found.scores if s.metric == "accuracy")


def test_what_decides_where_one_class_has_nearly_all_rows(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=400).round(3)
    few, many = (x > 1.7).astype(int), (x > 0.5).astype(int)
    found = fit_baselines(written(tmp_path, "task: auto", {"x": x, "y": few}), 0)
    assert (found.best.metric, found.best.name) == ("roc_auc", "linear")
    found = fit_baselines(written(tmp_path, "task: auto", {"x": x, "y": many}), 0)
    assert found.best.metric == "accuracy"


@pytest.mark.parametrize(
    ("split", "part", "note"),
    [
        ("{validation: 0.3, test: 0}", "validation", "there are no test rows"),
        ("{validation: 0, test: 0}", "train", "so too good"),
    ],
)
def test_the_rows_that_baselines_are_scored_on(split, part, note, tmp_path):
    x = np.random.default_rng(0).normal(size=50).round(3)
    found = fit_baselines(written(tmp_path, f"split: {split}", {"x": x, "y": (3 * x).round(2)}), 0)
    assert {score.part for score in found.scores} == {part}
    assert note in found.notes[0]


def test_without_a_library_a_line_says_what_to_install(monkeypatch):
    for module in boosting.LIBRARIES.values():
        monkeypatch.setitem(sys.modules, module, None)
    found = fit_baselines(shipped("penguins"), 0)
    assert {score.name for score in found.scores} == {"constant", "linear"}
    assert found.notes == (
        'no gradient boosting: pip install "mlpcli[baselines]", or lightgbm, adds it',
    )


def test_fewer_trees_where_there_are_many_outputs_or_features():
    choose = boosting.Boosting.choose
    assert (choose("", "", 20, 1, 0).n_trees, choose("", "", 20, 1, 0).rate) == (100, 0.1)
    assert choose("", "", 20, 10, 0).n_trees == 60
    assert choose("", "", 20_000, 1, 0).n_trees == 25
    assert choose("", "", 10**7, 60, 0).n_trees == 10


def test_the_same_seed_gives_the_same_figures():
    def figures():
        found = fit_baselines(shipped("penguins"), 0)
        return [dataclasses.replace(score, seconds=0.0) for score in found.scores]

    assert repr(figures()) == repr(figures())  # NaN is not equal to itself
