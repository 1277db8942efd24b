"""Every loss in a whole run: trained, kept, read back, scored; and what its predictions say."""

import csv
import math

import numpy as np
import pytest

from mlpcli.data.readers import read_table
from mlpcli.errors import DataError
from mlpcli.nn.losses import LOSSES
from mlpcli.runs.evaluate import crossing_line, load_parts, predict
from mlpcli.runs.model_file import load_model
from mlpcli.spec.load import load_spec
from mlpcli.training.build import load_dataset
from mlpcli.training.evaluation import evaluate
from mlpcli.training.gradcheck import check_spec

N = 60
TARGET = {
    "regression": "[count, amount]",
    "binary": "kind",
    "multiclass": "colour",
    "multilabel": "[hot, wet]",
}
SETTINGS = {
    "huber": "{name: huber, delta: 0.5}",
    "quantile": "{name: quantile, levels: [0.2, 0.5, 0.7]}",
    "binary_cross_entropy": "{name: binary_cross_entropy, label_smoothing: 0.1}",
    "cross_entropy": "{name: cross_entropy, label_smoothing: 0.1}",
}
CASES = [
    pytest.param(task, SETTINGS.get(name, name), id=f"{task}-{name}")
    for name, member in LOSSES.items()
    for task in member.tasks
]
CASES += [
    pytest.param("regression", f"{name}, output: softplus", id=f"{name}-softplus")
    for name in ("poisson", "gamma")
]
CASES += [
    pytest.param(task, f"{{name: focal, label_smoothing: 0.1{alpha}}}", id=f"{task}-smoothed-focal")
    for task, alpha in [("binary", ", alpha: 0.3"), ("multilabel", ""), ("multiclass", "")]
]


def write_table(folder):
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, N)).round(3)
    columns = {
        "x": x,
        "z": z,
        "count": rng.poisson(np.exp(x)),
        "amount": (rng.gamma(2.0, np.exp(z)) + 0.01).round(3),
        "kind": np.where(x + 0.3 * z > 0, "b", "a"),
        "colour": np.array(["red", "green", "blue"])[(x > -0.3).astype(int) + (z > 0)],
        "hot": (x > 0).astype(int),
        "wet": (z > 0).astype(int),
    }
    lines = [
        ",".join(columns),
        *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True)),
    ]
    (folder / "t.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return columns


def spec_of(task, loss, epochs=3):
    others = {"count", "amount", "kind", "colour", "hot", "wet"} - set(
        TARGET[task].strip("[]").split(", ")
    )
    return (
        f"data: {{path: t.csv, target: {TARGET[task]}, task: {task}, "
        f"exclude: [{', '.join(sorted(others))}]}}\n"
        f"model: {{loss: {loss}, layers: [{{units: 4, activation: tanh}}]}}\n"
        f"training: {{epochs: {epochs}, batch_size: 8, optimizer: {{learning_rate: 0.01}}}}\n"
    )


@pytest.mark.parametrize(("task", "loss"), CASES)
def test_trained_kept_read_back_and_scored(make_run, tmp_path, task, loss):
    if task == "regression" and loss.startswith("gamma"):
        columns = write_table(tmp_path)  # counts are not above 0
        text = spec_of(task, loss).replace("[count, amount]", "amount")
        text = text.replace("exclude: [", "exclude: [count, ")
        assert columns["amount"].min() > 0
    else:
        write_table(tmp_path)
        text = spec_of(task, loss)
    run = make_run(tmp_path, text)
    assert run.events[-1].reason == "finished"
    assert run.events[-1].best_epoch > 0
    with (run.directory / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    assert all(math.isfinite(float(v)) for row in rows for v in row.values())
    model = load_model(run.model)
    assert model.network.architecture.loss == run.training.architecture.loss
    parts, *_ = load_parts(model, None, None)
    scores = {
        name: evaluate(model.network, model.encoding, part, model.temperature).metrics
        for name, part in parts.items()
    }
    kept = run.recorder.result["scores"]
    assert scores == {name: {k: v for k, v in f.items() if k != "rows"} for name, f in kept.items()}
    columns, _ = predict(model, read_table(str(tmp_path / "t.csv"), model.encoding.read))
    assert all(len(values) == N for values in columns.values())
    resolved = load_spec(str(run.directory / "spec.yaml"))
    assert load_dataset(resolved).encoding == model.encoding


@pytest.mark.parametrize(("task", "loss"), CASES)
def test_its_gradient_on_made_up_data(tmp_path, task, loss):
    (tmp_path / "spec.yaml").write_text(spec_of(task, loss), encoding="utf-8")
    result = check_spec(load_spec(str(tmp_path / "spec.yaml")), synthetic=True, samples=None)
    assert result.step.passed, result


# ---------------------------------------------------------------- predictions, by hand


def linear(make_run, folder, target, loss, body, *, weight, bias, scale_target="auto"):
    """Return a model u = x W + b on inputs as they are, its parameters put in by hand."""
    (folder / "t.csv").write_text("\n".join(body) + "\n", encoding="utf-8")
    text = (
        f"data: {{path: t.csv, target: {target}, scale: none, scale_target: {scale_target}, "
        "split: {test: 0, validation: 0}}\n"
        f"model: {{loss: {loss}, layers: []}}\n"
        "training: {epochs: 0}\nruntime: {dtype: float64}\n"
    )
    model = load_model(make_run(folder, text).model)
    tensors = model.network.tensors()
    tensors["output.weight"][...] = weight
    tensors["output.bias"][...] = bias
    return model, read_table(str(folder / "t.csv"), model.encoding.read)


VALUES = ["x,y", *(f"{k},{10 * k + 5}.5" for k in range(8))]


def test_a_normal_distribution_has_its_mean_and_its_width_in_the_target_s_unit(make_run, tmp_path):
    s = np.log(np.expm1(4 - 1e-6))  # so that the variance is 4
    model, table = linear(
        make_run, tmp_path, "y", "gaussian_nll", VALUES, weight=[[1, 0]], bias=[0, s]
    )
    y = 10 * np.arange(8) + 5.5
    columns, _ = predict(model, table)
    assert list(columns) == ["prediction", "prediction_std"]
    np.testing.assert_allclose(columns["prediction"], np.arange(8) * y.std() + y.mean(), rtol=1e-12)
    np.testing.assert_allclose(columns["prediction_std"], 2 * y.std(), rtol=1e-12)  # not shifted


def test_quantiles_in_the_target_s_unit_and_how_many_cross(make_run, tmp_path):
    body = ["x,a,b", *(f"{k},{k}.5,{100 * k}.5" for k in range(8))]
    # levels 0.1, 0.6: a's rise by 1; b's by x − 3, so they fall in rows 0, 1, 2
    model, table = linear(
        make_run,
        tmp_path,
        "[a, b]",
        "{name: quantile, levels: [0.1, 0.6]}",
        body,
        weight=[[0, 0, 0, 1]],
        bias=[1, 4, 2, 1],
    )
    columns, _ = predict(model, table)
    suffixes = ["", "_q0.1", "_q0.6"]
    assert list(columns) == [f"prediction_{t}{s}" for t in "ab" for s in suffixes]
    a, b = np.arange(8) + 0.5, 100 * np.arange(8) + 0.5
    np.testing.assert_allclose(columns["prediction_a_q0.1"], a.std() + a.mean())
    np.testing.assert_allclose(columns["prediction_b_q0.1"], 4 * b.std() + b.mean())
    np.testing.assert_allclose(
        columns["prediction_b_q0.6"], (np.arange(8) + 1) * b.std() + b.mean()
    )
    np.testing.assert_array_equal(columns["prediction_b"], columns["prediction_b_q0.6"])
    assert crossing_line(model, columns) == (
        "in 3 of 16 predictions a quantile is below one of a lower level: "
        "they are written as they are"
    )
    parts, *_ = load_parts(model, None, None)
    figures = evaluate(model.network, model.encoding, parts["train"]).metrics
    assert figures["crossings"] == 3 / 16
    # the level nearest to 0.5 is 0.6; absolute errors in the targets' own units
    missed = [np.abs(a - columns["prediction_a_q0.6"]), np.abs(b - columns["prediction_b_q0.6"])]
    assert figures["mae"] == pytest.approx(np.mean(missed), rel=1e-12)
    # in its own unit: a's median is missed by 2 deviations and the mean, and so on
    short = np.array([a - columns[f"prediction_a_q{q}"] for q in (0.1, 0.6)])
    short = np.stack([short, [b - columns[f"prediction_b_q{q}"] for q in (0.1, 0.6)]])
    q = np.array([[0.1], [0.6]])
    expected = np.mean(np.maximum(q * short, (q - 1) * short))
    assert figures["pinball"] == pytest.approx(expected, rel=1e-12)
    one = {name: values + 1000 * name.endswith("_q0.6") for name, values in columns.items()}
    assert crossing_line(model, one) == ""


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_a_positive_mean_begins_near_the_targets_mean(make_run, tmp_path, loss):
    model, table = linear(make_run, tmp_path, "y", loss, VALUES, weight=[[0.0]], bias=[0])
    assert model.spec.data.scale_target == "mean"
    columns, _ = predict(model, table)
    np.testing.assert_allclose(columns["prediction"], np.mean(10 * np.arange(8) + 5.5))


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_a_positive_mean_in_its_own_unit(make_run, tmp_path, loss):
    model, table = linear(
        make_run, tmp_path, "y", loss, VALUES, weight=[[0.5]], bias=[1], scale_target="none"
    )
    assert model.spec.data.scale_target == "none"
    assert (model.encoding.target.shift, model.encoding.target.scale) == ((0.0,), (1.0,))
    columns, _ = predict(model, table)
    np.testing.assert_allclose(columns["prediction"], np.exp(0.5 * np.arange(8) + 1), rtol=1e-14)
    assert crossing_line(model, columns) == ""


def test_a_score_above_0_is_a_yes(make_run, tmp_path):
    body = ["x,y", *(f"{k},{'no' if k < 4 else 'yes'}" for k in range(8))]
    model, table = linear(make_run, tmp_path, "y", "hinge", body, weight=[[0.25]], bias=[-0.8])
    columns, _ = predict(model, table)
    assert list(columns) == ["prediction"]  # a score is no probability
    assert columns["prediction"].tolist() == ["no"] * 4 + ["yes"] * 4  # −0.05 and 0.2 about it
    parts, *_ = load_parts(model, None, None)
    figures = evaluate(model.network, model.encoding, parts["train"]).metrics
    assert figures["accuracy"] == 1
    assert "log_loss" not in figures


def test_scores_of_labels(make_run, tmp_path):
    body = ["x,a,b", *(f"{k},{int(k >= 4)},{int(k < 4)}" for k in range(8))]
    model, table = linear(
        make_run, tmp_path, "[a, b]", "hinge", body, weight=[[0.25, -0.25]], bias=[-0.8, 0.8]
    )
    columns, _ = predict(model, table)
    assert list(columns) == ["prediction_a", "prediction_b"]
    assert columns["prediction_a"].tolist() == [0] * 4 + [1] * 4
    assert columns["prediction_b"].tolist() == [1] * 4 + [0] * 4


# ---------------------------------------------------------------- targets that are refused


PARTS = ("train", "validation", "test")


def refused(folder, loss, bad_row, bad="-1"):
    rows = [f"{k},{k + 1},{PARTS[k % 3]}" for k in range(12)]
    rows[bad_row] = f"{bad_row},{bad},{PARTS[bad_row % 3]}"
    (folder / "t.csv").write_text("\n".join(["x,y,part", *rows]) + "\n", encoding="utf-8")
    text = (
        "data: {path: t.csv, target: y, task: regression, split: {column: part}}\n"
        f"model: {{loss: {loss}, layers: []}}\ntraining: {{epochs: 1}}\n"
    )
    (folder / "spec.yaml").write_text(text, encoding="utf-8")
    return load_spec(str(folder / "spec.yaml"))


@pytest.mark.parametrize("row", [3, 4, 5], ids=["train", "validation", "test"])
@pytest.mark.parametrize(
    ("loss", "bad", "told"),
    [("poisson", "-1", "below 0, such as -1"), ("gamma", "0", "of 0 or below, such as 0")],
)
def test_a_target_that_the_loss_refuses_is_told_with_its_place(tmp_path, loss, bad, told, row):
    with pytest.raises(DataError) as error:
        load_dataset(refused(tmp_path, loss, row, bad))
    assert str(error.value).endswith(
        f"t.csv:{row + 2}:{len(str(row)) + 2}: y: {loss} takes no target {told}"
    )
    assert error.value.exit_code == 3


def test_the_first_of_several_in_the_file_and_of_several_files(tmp_path):
    refused(tmp_path, "poisson", 6)
    text = (tmp_path / "t.csv").read_text("utf-8").replace("9,10", "9,-7").replace("3,4", "3,-5")
    (tmp_path / "t.csv").write_text(text, "utf-8")
    with pytest.raises(DataError, match=r"t\.csv:5:3: y: .* such as -5$"):
        load_dataset(load_spec(str(tmp_path / "spec.yaml")))
    (tmp_path / "train.csv").write_text("x,y\n1,2\n2,3\n3,1\n", "utf-8")
    (tmp_path / "test.csv").write_text("x,y\n1,2\n2,-3\n", "utf-8")
    files = (
        "data: {target: y, task: regression, split: {files: {train: train.csv, test: test.csv}}}\n"
        "model: {loss: poisson}\n"
    )
    (tmp_path / "spec.yaml").write_text(files, "utf-8")
    with pytest.raises(DataError, match=r"test\.csv:3:3: y: poisson takes no target below 0"):
        load_dataset(load_spec(str(tmp_path / "spec.yaml")))


def test_new_data_is_held_to_the_same(make_run, tmp_path):
    model, _ = linear(make_run, tmp_path, "y", "poisson", VALUES, weight=[[0.5]], bias=[1])
    (tmp_path / "new.csv").write_text("x,y\n1,0\n2,-0.5\n", "utf-8")
    with pytest.raises(DataError, match=r"new\.csv:3:3: y: poisson takes no target below 0"):
        load_parts(model, str(tmp_path / "new.csv"), None)


def test_what_a_loss_alone_is_measured_by_may_be_monitored(make_run, tmp_path):
    write_table(tmp_path)
    text = spec_of("regression", "quantile", epochs=4).replace(
        "training: {", "training: {early_stopping: {monitor: val_pinball}, "
    )
    run = make_run(tmp_path, text)
    pinball = [event.mean["val_pinball"] for event in run.events if hasattr(event, "mean")]
    assert run.events[-1].best_epoch == 1 + int(np.argmin(pinball))
    assert "val_crossings" in run.training.columns
