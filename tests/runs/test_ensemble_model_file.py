"""Ensembles in one file: the stack, its errors, what is damaged; and what intervals it can give."""

import copy
import json
import struct

import numpy as np
import pytest
from scipy import special, stats

from mlpcli.data.readers import read_table
from mlpcli.errors import RunError, UsageError
from mlpcli.runs.ensemble_result import EnsembleModel
from mlpcli.runs.evaluate import load_parts, predict
from mlpcli.runs.model_file import load_model
from mlpcli.runs.prediction_intervals import check_interval
from mlpcli.training.evaluation import evaluate_held_out

LINE = """
data: {path: line.csv, target: [y, z], task: regression, split: {validation: 0.2, test: 0}}
model: {layers: [{units: 3}]}
training: {epochs: 3}
ensemble: {kind: bootstrap, replicas: 6}
"""


def write(folder, n=300, seed=0, name="line.csv"):
    """y = 2 x with normal noise of deviation 1, z without; kind by a logistic curve."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-3, 3, n)
    y, kind = 2 * x + rng.normal(size=n), rng.random(n) < special.expit(2 * x)
    rows = [
        f"{a:.6f},{b:.6f},{a / 2:.6f},{'yes' if k else 'no'}"
        for a, b, k in zip(x, y, kind, strict=True)
    ]
    (folder / name).write_text("\n".join(["x,y,z,kind", *rows]) + "\n", "ascii")
    return x, y, np.where(kind, "yes", "no")


@pytest.fixture(scope="module")
def run(make_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ensemble")
    write(folder)
    return make_run(folder, LINE)


@pytest.fixture(scope="module")
def classes(make_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("classes")
    write(folder)
    spec = LINE.replace("[y, z], task: regression", "kind").replace(
        "}\nmodel", ", exclude: [y, z]}\nmodel"
    )
    return make_run(folder, spec)


def test_the_file_holds_the_stack(run):
    model = load_model(run.model)
    assert (model.network.vector == run.training.network.vector).all()
    assert model.network.lane_shape == (6,)
    assert model.ensemble.seeds == [lane.seed for lane in run.training.lanes]
    tensors = model.network.tensors()
    assert tensors["hidden.1.weight"].shape == (6, tensors["hidden.1.weight"].shape[1], 3)
    errors = np.array(model.ensemble.errors)
    assert errors.shape[1] == 2
    assert (np.diff(errors, axis=0) >= 0).all()


def test_the_errors_are_those_of_held_out_rows_in_the_targets_unit(run):
    """By hand: each training row predicted by the mean of the replicas that have not drawn it."""
    model, train = load_model(run.model), run.dataset.parts["train"]
    t = {name: tensor.astype(float) for name, tensor in model.network.tensors().items()}
    h = np.maximum(train.X @ t["hidden.1.weight"] + t["hidden.1.bias"][:, np.newaxis], 0)
    each = h @ t["output.weight"] + t["output.bias"][:, np.newaxis]
    target = model.encoding.target
    each = each * np.array(target.scale) + np.array(target.shift)
    errors = []
    for d, label in enumerate(train.labels):
        out = [r for r, lane in enumerate(run.training.lanes) if d not in lane.rows]
        if out:
            errors.append(label - each[out, d].mean(axis=0))
    levels = np.linspace(0, 1, len(model.ensemble.errors))
    expected = np.quantile(errors, levels, axis=0)
    np.testing.assert_allclose(model.ensemble.errors, expected, rtol=1e-3, atol=1e-4)


class File:
    """A model file taken apart, to be put together with something changed."""

    def __init__(self, path):
        content = path.read_bytes()
        (n,) = struct.unpack("<Q", content[:8])
        self.header, self.body = json.loads(content[8 : 8 + n]), content[8 + n :]
        self.told = json.loads(self.header["__metadata__"]["mlp"])

    def joined(self, told):
        header = {**self.header, "__metadata__": {"mlp": json.dumps(told)}}
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + self.body


def set_in(told, path, value):
    *parents, last = path
    for key in parents:
        told = told[key]
    told[last] = value


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("ensemble",), None, "replicas are not those of its spec"),
        (("spec", "ensemble"), None, "replicas are not those of its spec"),
        (("spec", "ensemble", "replicas"), 5, "replicas are not those of its spec"),
        (("spec", "ensemble", "kind"), "bagging", "damaged: spec.ensemble.kind"),
        (("ensemble", "seeds"), [], "damaged: ensemble.seeds"),
        (("ensemble", "seeds"), [1, 2, 3, 4, 5], r"is float32 \(6, .*not float32 \(5, "),
        (("ensemble", "seeds"), [1] * 7, "replicas are not those of its spec"),
        (("ensemble", "seeds"), [0, 1, 2, 3, 4, -1], "damaged: ensemble.seeds"),
        (("ensemble", "seeds"), [0, 1, 2, 3, 4, 1.5], "damaged: ensemble.seeds"),
        (("ensemble", "seeds"), 6, "damaged: ensemble.seeds"),
        (("ensemble", "errors"), None, "damaged: ensemble.errors"),
        (("ensemble", "errors"), [1.0, 2.0], "damaged: ensemble.errors"),
        (("ensemble", "errors"), [[1.0, 2.0], [1.0]], "replicas are not those of its spec"),
        (("ensemble", "errors"), [[1.0], [1.0]], "replicas are not those of its spec"),
        (("ensemble", "errors"), [[], []], "replicas are not those of its spec"),
        (("ensemble", "errors"), [[1.0, float("nan")]], "damaged: ensemble.errors"),
        (("ensemble", "errors"), [[1.0, float("inf")]], "damaged: ensemble.errors"),
        (("ensemble", "more"), 1, "damaged: ensemble.more"),
    ],
)
def test_damaged_files(path, value, words, run, tmp_path):
    file = File(run.model)
    told = copy.deepcopy(file.told)
    set_in(told, path, value)
    (tmp_path / "m").write_bytes(file.joined(told))
    with pytest.raises(RunError, match=words) as caught:
        load_model(tmp_path / "m")
    assert caught.value.exit_code == 5
    assert str(caught.value).startswith(str(tmp_path / "m"))


def test_a_network_that_says_it_is_an_ensemble(iris_run, tmp_path):
    file = File(iris_run.model)
    told = copy.deepcopy(file.told)
    told["ensemble"] = {"seeds": [0], "errors": []}
    (tmp_path / "m").write_bytes(file.joined(told))
    with pytest.raises(RunError, match="replicas are not those of its spec"):
        load_model(tmp_path / "m")
    told["spec"]["ensemble"] = {"kind": "seeds", "replicas": 2}
    (tmp_path / "m").write_bytes(file.joined(told))
    with pytest.raises(RunError, match=r"is float32 \(4, 5\), not float32 \(1, 4, 5\)"):
        load_model(tmp_path / "m")


@pytest.mark.parametrize("errors", [[], [[0.5, 1.0]], [[-1e300, 1e300], [1e300, 1e300]]])
def test_few_errors_or_large_ones_are_usable(errors, run, tmp_path):
    file = File(run.model)
    told = copy.deepcopy(file.told)
    told["ensemble"]["errors"] = errors
    (tmp_path / "m").write_bytes(file.joined(told))
    model = load_model(tmp_path / "m")
    table = read_table(str(run.folder / "line.csv"), model.encoding.read)
    columns, _ = predict(model, table, 0.5)
    assert ("observation_y_low" in columns) == bool(errors)
    if len(errors) == 1:
        assert np.allclose(columns["observation_y_low"], columns["prediction_y"] + 0.5)
        assert np.allclose(columns["observation_z_high"], columns["prediction_z"] + 1.0)


def test_huge_errors_on_held_out_rows_are_no_bug(make_run, tmp_path):
    """Predictions beyond float32, of rows far from those trained on, leave no errors to keep."""
    write(tmp_path, 12)
    rate = "training.optimizer={name: sgd, learning_rate: 1e25}"
    run = make_run(
        tmp_path,
        LINE,
        ["data.split.validation=0", "training.epochs=1", "training.batch_size=99", rate],
    )
    assert load_model(run.model).ensemble.errors == []
    assert run.recorder.result["ensemble"]["held_out"]["spread"]["loss"]["method"] == "none"


# ---------------------------------------------------------------- intervals


@pytest.mark.parametrize("level", [0.0, 1.0, -0.5, 2.0, float("nan"), 1 - 2**-53, float("inf")])
def test_levels_that_are_none(level, run):
    with pytest.raises(UsageError, match="a share between 0 and 1"):
        check_interval(load_model(run.model), level)


def test_a_level_that_the_held_out_errors_do_not_support(run):
    model = load_model(run.model)
    n = len(model.ensemble.errors) - 1
    table = read_table(str(run.folder / "line.csv"), model.encoding.read)
    with pytest.raises(UsageError, match=rf"the errors of {n} held-out rows, .* {n} of {n + 1}$"):
        predict(model, table, 0.999999)
    predict(model, table, n / (n + 1))


def test_no_interval_of_one_network(iris_run):
    with pytest.raises(UsageError, match="the model is one network"):
        check_interval(load_model(iris_run.model), 0.9)


def new_rows(run, name="new.csv"):
    truth = write(run.folder, 3000, seed=1, name=name)
    model = load_model(run.model)
    return model, read_table(str(run.folder / name), model.encoding.read), truth


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_the_coverage_of_observations(level, make_run, tmp_path):
    write(tmp_path)
    overrides = ["data.target=y", "data.exclude=[z, kind]", "training.epochs=30"]
    model, table, (_, y, _) = new_rows(make_run(tmp_path, LINE, overrides))
    columns, _ = predict(model, table, level)
    inside = (columns["observation_low"] <= y) & (y <= columns["observation_high"])
    # of 240 training rows the share itself has a deviation of √(0.09 / 240) = 0.02
    assert inside.mean() == pytest.approx(level, abs=0.06)
    within = (columns["prediction_low"] <= columns["prediction"]) & (
        columns["prediction"] <= columns["prediction_high"]
    )
    assert within.mean() > level  # the mean of six is within their middle


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_the_coverage_of_prediction_sets(level, make_run, tmp_path):
    write(tmp_path)
    spec = LINE.replace("[y, z], task: regression", "kind")
    run = make_run(tmp_path, spec, ["data.exclude=[y, z]", "training.epochs=30"])
    model, table, (_, _, kind) = new_rows(run)
    columns, _ = predict(model, table, level)
    sets = [one.split("|") for one in columns["prediction_set"]]
    # A set is never empty: at levels below the accuracy, here 0.88, sets would hold more.
    right = np.mean([k in one for k, one in zip(kind, sets, strict=True)])
    assert right == pytest.approx(level, abs=0.04)
    assert all(p in one for p, one in zip(columns["prediction"], sets, strict=True))
    assert {len(one) for one in sets} <= {1, 2}


def test_low_and_high_are_quantiles_over_the_networks(run):
    model, table, _ = new_rows(run)
    columns, _ = predict(model, table, 0.8)
    t = {name: tensor.astype(float) for name, tensor in model.network.tensors().items()}
    X, _ = model.encoding.inputs.encode(table, "float64")
    h = np.maximum(X @ t["hidden.1.weight"] + t["hidden.1.bias"][:, np.newaxis], 0)
    each = h @ t["output.weight"] + t["output.bias"][:, np.newaxis]
    each = each * np.array(model.encoding.target.scale) + np.array(model.encoding.target.shift)
    low, high = np.quantile(each, (0.1, 0.9), axis=0)
    for k, name in enumerate("yz"):
        np.testing.assert_allclose(columns[f"prediction_{name}"], each[..., k].mean(0), atol=1e-4)
        np.testing.assert_allclose(columns[f"prediction_{name}_low"], low[:, k], atol=1e-4)
        np.testing.assert_allclose(columns[f"prediction_{name}_high"], high[:, k], atol=1e-4)


def test_a_class_and_its_opposite(classes):
    """Of two classes there is one output: the low end of the one is the high end of the other."""
    model, table, _ = new_rows(classes)
    columns, _ = predict(model, table, 0.9)
    assert list(columns)[:3] == ["prediction", "probability_no", "probability_yes"]
    no, yes = ([columns[f"probability_{k}_{e}"] for e in ("low", "high")] for k in ("no", "yes"))
    np.testing.assert_allclose(no[0], 1 - yes[1])
    np.testing.assert_allclose(no[1], 1 - yes[0])
    assert (no[0] <= no[1]).all()


def test_a_column_is_not_overwritten_by_an_interval(make_run, tmp_path):
    rows = ["x,y,y_low", *(f"{k},{k % 3},{k % 5}" for k in range(40))]
    (tmp_path / "line.csv").write_text("\n".join(rows) + "\n", "ascii")
    model = load_model(make_run(tmp_path, LINE.replace("[y, z]", "[y, y_low]")).model)
    table = read_table(str(tmp_path / "line.csv"), model.encoding.read)
    assert "prediction_y_low" in predict(model, table)[0]
    with pytest.raises(UsageError, match="two columns prediction_y_low"):
        predict(model, table, 0.9)


def test_a_class_that_is_no_probability_has_no_interval(make_run, tmp_path):
    write(tmp_path)
    spec = LINE.replace("[y, z], task: regression", "kind")
    model = load_model(make_run(tmp_path, spec, ["data.exclude=[y, z]", "model.loss=hinge"]).model)
    table = read_table(str(tmp_path / "line.csv"), model.encoding.read)
    with pytest.raises(UsageError, match="what hinge predicts is no probability"):
        predict(model, table, 0.9)


def test_a_count_is_not_below_0(make_run, tmp_path):
    rng = np.random.default_rng(0)
    rows = [f"{x:.3f},{rng.poisson(np.exp(x))}" for x in rng.normal(size=100)]
    (tmp_path / "line.csv").write_text("\n".join(["x,y", *rows]) + "\n", "ascii")
    spec = LINE.replace("[y, z]", "y").replace("units: 3}]", "units: 3}], loss: poisson")
    model = load_model(make_run(tmp_path, spec).model)
    table = read_table(str(tmp_path / "line.csv"), model.encoding.read)
    low = predict(model, table, 0.95)[0]["observation_low"]
    assert low.min() == 0


def test_parts_and_scores_of_a_model_read_back(run):
    parts, *_ = load_parts(load_model(run.model), None, None)
    assert {name: len(part) for name, part in parts.items()} == {"train": 240, "validation": 60}


def test_what_the_result_says(run):
    result = run.recorder.result["ensemble"]
    assert result["kind"] == "bootstrap"
    assert [one["replica"] for one in result["replicas"]] == list(range(6))
    assert all(one["kept"] for one in result["replicas"])
    found = [one["scores"]["validation"]["loss"] for one in result["replicas"]]
    spread = result["spread"]["validation"]["loss"]
    assert spread["mean"] == pytest.approx(np.mean(found))
    assert spread["standard_error"] == pytest.approx(np.std(found, ddof=1) / np.sqrt(6))
    assert isinstance(load_model(run.model).ensemble, EnsembleModel)


def test_the_correction_counts_each_row_once(run):
    """Nadeau and Bengio's n₂/n₁: of 240 rows those out of the bag, and the others."""
    left = np.mean([len(lane.held_out) for lane in run.training.lanes])
    held = run.recorder.result["ensemble"]["held_out"]
    each = held["spread"]["loss"]
    # the figures of each replica are not in the document: the reach is t₅ times the error, and
    # that of the logarithm is a mean-th of it
    assert each["method"] == "corrected resampled t on a log scale"
    reach = each["mean"] * np.log(each["high"] / each["mean"])
    assert reach == pytest.approx(stats.t.ppf(0.975, 5) * each["standard_error"])
    training = run.training
    values = evaluate_held_out(
        training.network, training.dataset, training.spec, training.lanes
    ).each["loss"]
    error = np.std(values, ddof=1) * np.sqrt(1 / 6 + left / (240 - left))
    assert each["standard_error"] == pytest.approx(error)
