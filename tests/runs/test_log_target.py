"""Runs with data.scale_target: log: all that is written is in the target's own unit."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from mlpcli.data.readers import read_table
from mlpcli.runs.evaluate import load_parts, predict
from mlpcli.runs.model_file import load_model
from mlpcli.runs.prediction_intervals import coverage
from mlpcli.training import evaluation

SPEC = """
seed: 2
data: {path: t.csv, target: price, scale_target: log}
model: {layers: [{units: 6}], loss: LOSS}
training: {epochs: 3}
runtime: {dtype: float64}
"""


def write(folder):
    """Write prices between 0 and a million, every ninth of them 0."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=90)
    price = np.exp(9 + 1.5 * x + rng.normal(0, 0.3, 90)).round(2)
    price[::9] = 0
    rows = "".join(f"{a!r},{b!r}\n" for a, b in zip(x.tolist(), price.tolist(), strict=True))
    (folder / "t.csv").write_text("x,price\n" + rows, encoding="ascii")
    return price


def run_of(make_run, folder, loss, more=""):
    price = write(folder)
    run = make_run(folder, SPEC.replace("LOSS", loss) + more)
    model = load_model(run.model)
    return price, run, model, read_table(str(folder / "t.csv"), model.encoding.read)


def by_hand(price, run, y_hat):
    """Return exp(s ŷ + m) − c, s, m and c, worked out anew from the training rows' prices."""
    train = price[run.dataset.parts["train"].rows]
    c = train[train > 0].min() / 2
    logs = np.log(train + c)
    return np.maximum(np.exp(logs.std() * y_hat + logs.mean()) - c, 0), logs.std(), logs.mean(), c


def test_predictions_and_metrics_are_prices(make_run, tmp_path):
    price, run, model, table = run_of(make_run, tmp_path, "mse")
    X, _ = model.encoding.inputs.encode(table, "float64")
    columns, _ = predict(model, table)
    expected, *_ = by_hand(price, run, evaluation.predict(model.network, X)[:, 0])
    np.testing.assert_allclose(columns["prediction"], expected, rtol=1e-12, atol=1e-9)
    parts, *_ = load_parts(model, None, None)
    for name, part in parts.items():
        found = evaluation.evaluate(model.network, model.encoding, part).metrics
        errors = expected[part.rows] - price[part.rows]
        assert found["rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)))
        assert found["mae"] == pytest.approx(np.mean(np.abs(errors)))
        saved = json.loads((run.directory / "manifest.json").read_text("utf-8"))
        assert found["rmse"] == pytest.approx(saved["result"]["scores"][name]["rmse"])


def test_a_standard_deviation_is_that_of_the_log_normal(make_run, tmp_path):
    price, run, model, table = run_of(make_run, tmp_path, "gaussian_nll")
    X, _ = model.encoding.inputs.encode(table, "float64")
    mean, width = evaluation.predict(model.network, X).T
    columns, _ = predict(model, table)
    expected, s, m, _ = by_hand(price, run, mean)
    np.testing.assert_allclose(columns["prediction"], expected, rtol=1e-12, atol=1e-9)
    found = stats.lognorm(s=s * width, scale=np.exp(s * mean + m)).std()
    np.testing.assert_allclose(columns["prediction_std"], found, rtol=1e-9)


def test_quantiles_go_back_one_by_one(make_run, tmp_path):
    price, run, model, table = run_of(make_run, tmp_path, "quantile")
    X, _ = model.encoding.inputs.encode(table, "float64")
    y_hat = evaluation.predict(model.network, X)
    columns, _ = predict(model, table)
    for k, level in enumerate((0.1, 0.5, 0.9)):
        expected, *_ = by_hand(price, run, y_hat[:, k])
        np.testing.assert_allclose(columns[f"prediction_q{level}"], expected, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("kind", ["bootstrap", "kfold"])
def test_intervals_are_prices_never_below_0(make_run, tmp_path, kind):
    ensemble = f"ensemble: {{kind: {kind}, replicas: 6}}\n"
    price, run, model, table = run_of(make_run, tmp_path, "mse", ensemble)
    columns, _ = predict(model, table, 0.8)
    for low, high in (
        ("prediction_low", "prediction_high"),
        ("observation_low", "observation_high"),
    ):
        assert (columns[low] >= 0).all()
        assert (columns[low] <= columns[high]).all()
    X, _ = model.encoding.inputs.encode(table, "float64")
    each = np.stack(
        [
            by_hand(price, run, y_hat[:, 0])[0]
            for y_hat in evaluation._predictions_of_each(model.network, X)
        ]
    )
    # Quantiles of the logarithms, so between the same two networks' prices.
    assert (columns["prediction_low"] >= each.min(axis=0) - 1e-9).all()
    assert (columns["prediction_high"] <= each.max(axis=0) + 1e-9).all()
    *_, c = by_hand(price, run, 0.0)
    errors = np.array(model.ensemble.errors)[:, 0]
    low = np.interp(0.1, np.linspace(0, 1, len(errors)), errors)
    expected = np.maximum((columns["prediction"] + c) * np.exp(low) - c, 0)
    np.testing.assert_allclose(columns["observation_low"], expected, rtol=1e-9, atol=1e-9)
    parts, *_ = load_parts(model, None, None)
    seen = evaluation.evaluate(model.network, model.encoding, parts["test"]).outcome
    high = np.interp([0.05, 0.95], np.linspace(0, 1, len(errors)), errors)
    ends = (seen.score + c) * np.exp(high) - c
    inside = (np.maximum(ends[:, 0], 0) <= seen.target[:, 0]) & (seen.target[:, 0] <= ends[:, 1])
    assert coverage(model, seen)[0]["inside"] == np.count_nonzero(inside)


def test_the_resolved_spec_trains_the_same_network(make_run, tmp_path):
    _, run, model, _ = run_of(make_run, tmp_path, "mse")
    assert model.spec.data.scale_target == "log"
    folder = tmp_path / "again"
    folder.mkdir()
    write(folder)
    spec = (run.directory / "spec.yaml").read_text("utf-8").replace(str(tmp_path), str(folder))
    again = load_model(make_run(folder, spec).model)
    np.testing.assert_array_equal(again.network.vector, model.network.vector)


def test_a_description_whose_target_is_not_its_spec_s(make_run, tmp_path):
    from mlpcli.runs.model_file import _fits

    _, _, model, _ = run_of(make_run, tmp_path, "mse")
    target = model.encoding.target
    assert _fits(target, model.spec)
    assert not _fits(replace(target, log_offset=None), model.spec)
    assert not _fits(replace(target, log_offset=(1.0, 2.0)), model.spec)
