"""A model's temperature: fitted on validation rows, stored, read back, applied once everywhere."""

import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from scipy import special, stats
from sklearn.metrics import log_loss

from mlpcli.data.readers import read_table
from mlpcli.errors import RunError
from mlpcli.nn.calibration import fit_temperature
from mlpcli.runs.compare import _row_losses, load_contender
from mlpcli.runs.evaluate import load_parts, predict
from mlpcli.runs.model_file import load_model
from mlpcli.runs.prediction_intervals import coverage
from mlpcli.training.evaluation import evaluate, evaluate_held_out
from mlpcli.training.evaluation import predict as probabilities

IRIS = Path(__file__).parents[2] / "data" / "iris.csv"
SPECIES = """
data: {path: iris.csv, target: species, split: {validation: 0.4, test: 0.2}}
model: {layers: [{units: 8, activation: tanh}], loss: {name: cross_entropy, label_smoothing: 0.4}}
training: {epochs: 30, optimizer: {name: sgd, learning_rate: 0.1}}
runtime: {dtype: float64}
"""
SMOOTHED = """
data: {path: two.csv, target: y, split: {validation: 0.4, test: 0.2}}
model: {layers: [{units: 6}], loss: {name: binary_cross_entropy, label_smoothing: 0.4}}
training: {epochs: 30, optimizer: {name: sgd, learning_rate: 0.1}}
runtime: {dtype: float64}
"""
SEVERAL = SPECIES + "ensemble: {kind: bootstrap, replicas: 5}\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a function that makes a folder with the tables, and a spec's run in it."""

    def make(make_run, spec, *overrides):
        folder = tmp_path_factory.mktemp("run")
        shutil.copy(IRIS, folder / "iris.csv")
        rng = np.random.default_rng(0)
        x = rng.normal(size=(600, 2))
        y = np.where(rng.random(600) < special.expit(3 * x[:, 0]), "yes", "no")
        rows = [f"{a!r},{b!r},{c}" for a, b, c in zip(*x.T.tolist(), y, strict=True)]
        (folder / "two.csv").write_text("\n".join(["a,b,y", *rows]) + "\n", "ascii")
        return make_run(folder, spec, overrides)

    return make


@pytest.fixture(scope="module", params=[SPECIES, SMOOTHED, SEVERAL], ids=["many", "two", "stack"])
def run(request, place, make_run):
    return place(make_run, request.param)


def scaled(y_hat, temperature):
    """softmax(log p / T) of the classes' probabilities, a column a class."""
    p = np.hstack([1 - y_hat, y_hat]) if y_hat.shape[1] == 1 else y_hat
    return special.softmax(np.log(p) / temperature, axis=1)


def raw(run, part):
    """Return the predictions at T = 1."""
    return probabilities(run.training.network, part.X)


def test_it_is_fitted_on_the_validation_rows_and_stored(run):
    loss = run.training.architecture.loss
    fitted = {
        name: fit_temperature(loss, raw(run, part), part.labels)
        for name, part in run.dataset.parts.items()
    }
    found = run.recorder.result["calibration"]
    assert found["kept"]
    assert found["temperature"] == found["fitted"] == pytest.approx(fitted["validation"])
    assert abs(fitted["train"] / fitted["validation"] - 1) > 1e-3
    assert abs(fitted["test"] / fitted["validation"] - 1) > 1e-3
    assert abs(found["temperature"] - 1) > 0.1
    assert load_model(run.model).temperature == found["temperature"]
    part = run.dataset.parts["validation"]
    before, after = (log_loss(part.labels, scaled(raw(run, part), t)) for t in (1, found["fitted"]))
    assert found["rows"] == len(part)
    assert found["log_loss"] == pytest.approx(before)
    assert found["log_loss_fitted"] == pytest.approx(after)


def test_predictions_of_the_file_are_scaled_once(run):
    model = load_model(run.model)
    table = read_table(str(run.dataset.tables["data"].name), model.encoding.read)
    columns, _ = predict(model, table)
    p = np.column_stack([v for k, v in columns.items() if k.startswith("probability_")])
    for part in run.dataset.parts.values():
        np.testing.assert_allclose(
            p[part.rows], scaled(raw(run, part), model.temperature), rtol=1e-9
        )


def test_scores_of_the_run_and_of_the_file_are_those_of_its_predictions(run):
    model = load_model(run.model)
    parts, *_ = load_parts(model, None, None)
    table = read_table(str(run.dataset.tables["data"].name), model.encoding.read)
    columns, _ = predict(model, table)
    p = np.column_stack([v for k, v in columns.items() if k.startswith("probability_")])
    for name, part in parts.items():
        expected = log_loss(part.labels, p[part.rows])
        scores = evaluate(model.network, model.encoding, part, model.temperature)
        assert scores.metrics["log_loss"] == pytest.approx(expected, rel=1e-9)
        told = dict(run.recorder.result["scores"][name])
        assert told.pop("rows") == len(part)
        assert told == scores.metrics
        contender = load_contender(str(run.model), None, name)
        assert contender.scores.metrics == scores.metrics
        assert np.mean(_row_losses(contender)) == pytest.approx(scores.metrics["loss"], rel=1e-12)
        plain = evaluate(model.network, model.encoding, part)
        assert abs(plain.metrics["log_loss"] / expected - 1) > 0.01
        assert plain.metrics["accuracy"] == scores.metrics["accuracy"]


@pytest.mark.parametrize(
    "changes",
    [
        ["training.calibration=none"],
        ["data.split={validation: 0, test: 0.2}"],
        ["training.epochs=0"],
        ["model.loss=hinge"],
    ],
)
def test_where_there_is_none(changes, place, make_run):
    run = place(make_run, SPECIES, *changes)
    assert run.recorder.result["calibration"] is None
    assert load_model(run.model).temperature == 1


def test_metrics_csv_is_what_training_saw(place, make_run):
    with_it, without = (
        place(make_run, SPECIES, f"training.calibration={value}")
        for value in ("temperature", "none")
    )
    rows = [
        [line.rsplit(",", 1)[0] for line in (each.directory / "metrics.csv").read_text().split()]
        for each in (with_it, without)
    ]
    assert rows[0] == rows[1]
    assert with_it.training.network.vector.tobytes() == without.training.network.vector.tobytes()
    assert with_it.recorder.result["scores"] != without.recorder.result["scores"]


# ---------------------------------------------------------------- the file


def changed(run, tmp_path, change):
    content = run.model.read_bytes()
    (n,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + n])
    told = json.loads(header["__metadata__"]["mlp"])
    change(told)
    header["__metadata__"] = {"mlp": json.dumps(told)}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path = tmp_path / "m.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + n :])
    return path


def test_a_file_from_before_there_was_one_has_1(run, tmp_path):
    assert load_model(changed(run, tmp_path, lambda told: told.pop("temperature"))).temperature == 1


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf"), "2", None, [2.0]])
def test_what_is_no_temperature_is_refused(value, run, tmp_path):
    path = changed(run, tmp_path, lambda told: told.update(temperature=value))
    with pytest.raises(RunError, match="description is damaged: temperature: "):
        load_model(path)


def test_a_loss_without_probabilities_has_none(mixed_run, tmp_path):
    path = changed(mixed_run, tmp_path, lambda told: told.update(temperature=2.0))
    with pytest.raises(RunError, match="description is damaged: mse has no temperature"):
        load_model(path)


# ---------------------------------------------------------------- ensembles


@pytest.fixture(scope="module")
def stack(place, make_run):
    return place(make_run, SEVERAL)


def test_held_out_errors_are_of_the_scaled_mean(stack):
    model, training = load_model(stack.model), stack.training
    held = evaluate_held_out(
        training.network, training.dataset, training.spec, training.lanes, model.temperature
    )
    plain = evaluate_held_out(training.network, training.dataset, training.spec, training.lanes)
    p = scaled(plain.y_hat, model.temperature)
    np.testing.assert_allclose(held.y_hat, p, rtol=1e-9)
    labels = stack.dataset.parts["train"].labels[held.rows]
    errors = 1 - p[np.arange(len(p)), labels]
    found = np.array(model.ensemble.errors)[:, 0]
    assert (found[0], found[-1]) == (pytest.approx(errors.min()), pytest.approx(errors.max()))
    told = stack.recorder.result["ensemble"]["held_out"]
    assert told["log_loss"] == pytest.approx(log_loss(labels, p))


def test_intervals_are_of_the_replicas_as_they_are_scaled(stack):
    model = load_model(stack.model)
    table = read_table(str(stack.dataset.tables["data"].name), model.encoding.read)
    columns, _ = predict(model, table, 0.9)
    part = stack.dataset.parts["test"]
    each = np.stack(
        [scaled(probabilities(lane, part.X), model.temperature) for lane in lanes(model.network)]
    )
    for k, label in enumerate(model.encoding.target.classes):
        for end, level in (("low", 0.05), ("high", 0.95)):
            found = columns[f"probability_{label}_{end}"][part.rows]
            np.testing.assert_allclose(found, np.quantile(each[..., k], level, axis=0), rtol=1e-9)


def lanes(network):
    return [type(network)(network.architecture, vector) for vector in network.vector]


def test_prediction_sets_are_counted(stack):
    model = load_model(stack.model)
    table = read_table(str(stack.dataset.tables["data"].name), model.encoding.read)
    part = stack.dataset.parts["test"]
    seen = evaluate(model.network, model.encoding, part, model.temperature).outcome
    found = coverage(model, seen)
    assert [one["level"] for one in found] == [0.9, 0.95]
    labels = np.array(model.encoding.target.classes)[part.labels]
    for one in found:
        sets = predict(model, table, one["level"])[0]["prediction_set"]
        sets = [sets[row].split("|") for row in part.rows]
        assert one["inside"] == sum(l in s for l, s in zip(labels, sets, strict=True))
        assert one["classes"] == pytest.approx(np.mean([len(s) for s in sets]))
        assert (one["target"], one["rows"]) == ("species", len(part))


LINES = """
data: {path: lines.csv, target: [y, z], split: {validation: 0.2, test: 0.4}}
model: {layers: []}
training: {epochs: 30, optimizer: {name: sgd, learning_rate: 0.1}}
ensemble: {kind: bootstrap, replicas: 8}
"""


@pytest.mark.parametrize("kind", ["bootstrap", "kfold", "seeds"])
def test_observation_intervals_are_counted(kind, make_run, tmp_path):
    rng = np.random.default_rng(2)
    x = rng.normal(size=400)
    y, z = x + rng.normal(size=400), 100 * x + 500 * rng.normal(size=400)
    rows = [
        f"{a!r},{b!r},{c!r}" for a, b, c in zip(*map(np.ndarray.tolist, (x, y, z)), strict=True)
    ]
    (tmp_path / "lines.csv").write_text("\n".join(["x,y,z", *rows]) + "\n", "ascii")
    run = make_run(tmp_path, LINES, [f"ensemble.kind={kind}"])
    model = load_model(run.model)
    part = run.dataset.parts["test"]
    found = coverage(model, evaluate(model.network, model.encoding, part).outcome)
    if kind == "seeds":
        assert found == []
        return
    assert [(one["target"], one["level"]) for one in found] == [
        *(("y", 0.9), ("z", 0.9)),
        *(("y", 0.95), ("z", 0.95)),
    ]
    table = read_table(str(tmp_path / "lines.csv"), model.encoding.read)
    for one in found:
        columns, _ = predict(model, table, one["level"])
        low, high = (columns[f"observation_{one['target']}_{end}"] for end in ("low", "high"))
        value = {"y": y, "z": z}[one["target"]]
        inside = int(np.sum(((low <= value) & (value <= high))[part.rows]))
        interval = stats.binomtest(inside, 160).proportion_ci(0.95, method="wilson")
        assert (one["rows"], one["inside"], one["share"]) == (160, inside, inside / 160)
        assert (one["low"], one["high"]) == (
            pytest.approx(interval.low),
            pytest.approx(interval.high),
        )
        assert one["low"] < one["level"] < one["high"]


def test_one_network_has_none(iris_run):
    model = load_model(iris_run.model)
    part = iris_run.dataset.parts["test"]
    assert coverage(model, evaluate(model.network, model.encoding, part).outcome) == []
