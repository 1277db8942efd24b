"""Runs on tables with every kind of encoder: honest figures, eval, predict, model files, spec."""

import copy
import json

import numpy as np
import pytest

from mlpcli.data.encoders import CategoryColumn, DatePart, Frequency, MissingIndicator, TargetMean
from mlpcli.data.fitted_inputs import FittedInputs
from mlpcli.data.readers import read_table
from mlpcli.errors import RunError
from mlpcli.runs.evaluate import load_parts, predict
from mlpcli.runs.model_file import load_model
from mlpcli.spec.load import load_spec
from mlpcli.spec.write import spec_to_yaml
from mlpcli.training.build import load_dataset
from mlpcli.training.evaluation import evaluate, evaluate_held_out
from mlpcli.training.resolve import resolve

# ---------------------------------------------------------------- noise

NOISE = """
seed: 1
data: {path: noise.csv, target: y, max_categories: 100, split: {validation: 0.2, test: 0.2}}
model: {layers: [{units: 32, activation: relu}]}
training: {epochs: 60, batch_size: 32, optimizer: {name: adam, learning_rate: 0.01},
  early_stopping: null}
"""


def noise_run(make_run, folder, *overrides):
    """Return a run on categories of about three rows each, and a target of two random classes."""
    rng = np.random.default_rng(5)
    lines = [f"k{k},{'ab'[v]}" for k, v in zip(rng.integers(0, 500, 1500),
                                                rng.integers(0, 2, 1500), strict=True)]  # fmt: skip
    (folder / "noise.csv").write_text("\n".join(["c,y", *lines]) + "\n", encoding="ascii")
    return make_run(folder, NOISE, overrides)


def accuracies(run):
    training = run.training
    return {
        name: evaluate(training.network, training.encoding, part).metrics["accuracy"]
        for name, part in run.dataset.parts.items()
    }


def test_of_noise_nothing_is_learned_in_training_rows_or_others(make_run, tmp_path):
    found = accuracies(noise_run(make_run, tmp_path))
    assert found["train"] < 0.5 + 4 / np.sqrt(900) / 2  # 4 standard errors of 900 rows
    assert abs(found["validation"] - 0.5) < 4 / np.sqrt(300) / 2
    assert abs(found["test"] - 0.5) < 4 / np.sqrt(300) / 2


def test_with_the_rows_own_target_in_their_numbers_noise_looks_learned(
    make_run, tmp_path, monkeypatch
):
    monkeypatch.setattr(FittedInputs, "write_own", lambda *_: None)
    found = accuracies(noise_run(make_run, tmp_path))
    assert found["train"] > 0.75
    assert abs(found["test"] - 0.5) < 4 / np.sqrt(300) / 2


@pytest.mark.parametrize("kind", ["kfold", "bootstrap"])
@pytest.mark.parametrize("planted", [False, True])
def test_held_out_figures_of_noise(kind, planted, make_run, tmp_path, monkeypatch):
    if planted:
        monkeypatch.setattr(FittedInputs, "write_own", lambda *_: None)
    run = noise_run(make_run, tmp_path, f"ensemble={{kind: {kind}, replicas: 5}}",
                    "training.epochs=20")  # fmt: skip
    training = run.training
    found = evaluate_held_out(training.network, run.dataset, training.spec, training.lanes)
    accuracy = found.scores.metrics["accuracy"]
    n = len(found.rows)
    assert (abs(accuracy - 0.5) < 4 / np.sqrt(n) / 2) is not planted


# ---------------------------------------------------------------- every kind of encoder

EVERY = """
seed: 2
data: {path: every.csv, target: price, rare: 4, max_categories: 20,
  split: {validation: 0.2, test: 0.2}}
model: {layers: [{units: 6}], embedding: {name: piecewise_linear, bins: 3}}
training: {epochs: 4}
"""
N = 300


def every_row(rng, n):
    """Return columns: a number with gaps that tell, dates, few, rare and many categories."""
    price = rng.normal(100, 20, n)
    size = np.where(price > 110, np.nan, rng.normal(size=n).round(3))
    day = np.datetime64("2021-03-01T00:00:00", "s") + rng.integers(0, 10**8, n)
    day[rng.random(n) < 0.1] = np.datetime64("NaT")
    letters = ["u", "v", "w", "x1", "x2"]
    kinds = np.array(letters)[rng.choice(5, n, p=[0.4, 0.3, 0.28, 0.01, 0.01])]
    return {
        "size": ["" if np.isnan(v) else repr(float(v)) for v in size],
        "day": ["" if np.isnat(v) else str(v) for v in day],
        "kind": kinds.tolist(),
        "zip": [f"z{k}" if k else "" for k in rng.integers(0, 40, n)],
        "price": [repr(round(float(v), 2)) for v in price],
    }


def write(path, columns, order=None):
    names = order or [*columns]
    rows = zip(*(columns[name] for name in names), strict=True)
    path.write_text("\n".join(",".join(r) for r in [names, *rows]) + "\n", encoding="ascii")
    return str(path)


@pytest.fixture(scope="module", params=["target", "frequency"])
def every(request, make_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("every")
    write(folder / "every.csv", every_row(np.random.default_rng(0), N))
    return make_run(folder, EVERY, [f"data.high_cardinality={request.param}"])


def test_every_kind_is_there(every):
    kinds = {type(column) for column in every.training.encoding.inputs.columns}
    high = TargetMean if every.training.spec.data.high_cardinality == "target" else Frequency
    assert {CategoryColumn, MissingIndicator, high, DatePart} <= kinds
    guesses = [guess.kind for guess in every.dataset.guesses]
    assert guesses.count("category") == 2
    assert guesses.count("indicator") == 1


def test_a_model_file_encodes_validation_and_test_rows_as_the_run_did(every):
    model = load_model(every.model)
    parts = load_parts(model, None, None)[0]
    is_target = every.training.spec.data.high_cardinality == "target"
    for name, part in every.dataset.parts.items():
        same = (parts[name].X == part.X).all()
        assert same == (name != "train" or not is_target)
        if same:
            found = evaluate(model.network, model.encoding, parts[name])
            expected = evaluate(every.training.network, every.training.encoding, part)
            assert found.metrics == expected.metrics
    # Of training rows eval has the means of all of them, their own target too.
    inputs = every.training.encoding.inputs
    others = ~np.isin(inputs.feature_names, ["zip.target"])
    np.testing.assert_array_equal(
        parts["train"].X[:, others], every.dataset.parts["train"].X[:, others]
    )


def test_predictions_by_name_in_another_order_with_new_and_missing_values(every, tmp_path):
    model = load_model(every.model)
    columns = every_row(np.random.default_rng(1), 40)
    columns["kind"][:3] = ["new", "x1", ""]
    columns["zip"][:3] = ["nowhere", "", "z3"]
    columns["size"][:2] = ["", "0.5"]
    columns["day"][:2] = ["", "2021-03-01T00:00:00"]
    columns["more"] = ["?"] * 40
    tables = [
        read_table(write(tmp_path / f"{k}.csv", columns, order), model.encoding.read)
        for k, order in enumerate([None, ["more", "zip", "kind", "day", "size"]])
    ]
    found = [predict(model, table)[0]["prediction"] for table in tables]
    np.testing.assert_array_equal(*found)
    assert np.isfinite(found[0]).all()
    one_by_one = [
        predict(model, read_table(
            write(tmp_path / "one.csv", {name: [cells[k]] for name, cells in columns.items()}),
            model.encoding.read))[0]["prediction"][0]
        for k in range(3)
    ]  # fmt: skip
    np.testing.assert_allclose(one_by_one, found[0][:3], rtol=1e-5)


def test_the_resolved_spec_gives_the_same_inputs(every):
    resolved = resolve(every.training.spec, every.dataset)
    assert resolved.data.rare == 4
    assert resolved.data.max_categories == 20
    assert "size" in resolved.data.missing_indicator
    assert {"kind", "zip"} <= {*resolved.data.categorical}
    (every.folder / "again.yaml").write_text(spec_to_yaml(resolved), encoding="utf-8")
    again = load_dataset(load_spec(str(every.folder / "again.yaml"), ()))
    for name, part in every.dataset.parts.items():
        np.testing.assert_array_equal(again.parts[name].X, part.X)
    assert again.encoding.inputs == every.dataset.encoding.inputs
    assert resolve(resolved, again) == resolved


def test_what_is_resolved_where_the_spec_says_nothing(make_run, tmp_path):
    write(tmp_path / "every.csv", every_row(np.random.default_rng(0), N))
    run = make_run(tmp_path, "data: {path: every.csv, target: price, exclude: [day]}\n"
                   "training: {epochs: 1}\n")  # fmt: skip
    data = resolve(run.training.spec, run.dataset).data
    assert (data.rare, data.max_categories, data.missing_indicator) == (2, 100, ["size"])
    listed = load_dataset(load_spec(
        str(tmp_path / "spec.yaml"), ["data.categorical=[kind, zip]"]))  # fmt: skip
    spec = load_spec(str(tmp_path / "spec.yaml"), ["data.categorical=[kind, zip]"]).spec
    data = resolve(spec, listed).data
    assert (data.rare, data.max_categories, data.missing_indicator) == (0, None, [])


# ---------------------------------------------------------------- damaged descriptions


@pytest.fixture(scope="module")
def inputs(every):
    """Return the encoders in the model file, by kind, and a function that changes one of them."""
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file

    with safe_open(every.model, framework="numpy") as file:
        document = json.loads(file.metadata()["mlp"])
    tensors = load_file(every.model)
    kinds = [column["kind"] for column in document["encoding"]["inputs"]]

    def changed(of, **fields):
        told = copy.deepcopy(document)
        told["encoding"]["inputs"][kinds.index(of)].update(fields)
        path = every.folder / "changed.safetensors"
        save_file(tensors, path, metadata={"mlp": json.dumps(told)})
        return path

    return kinds, changed


ENCODED = [
    ({"values": [[0.5]]}, "its values are not those of its categories"),
    ({"values": [["x"]]}, "valid number"),
    ({"values": [[0.0, 1.0]]}, "not one for each input"),
    ({"unknown": []}, "at least 1"),
    ({"unknown": [0.0, 1.0]}, "input"),
    ({"unknown": [float("nan")]}, "finite"),
    ({"shift": []}, "not one for each input"),
    ({"scale": [0.0]}, "greater than 0"),
    ({"scale": [-1.0]}, "greater than 0"),
    ({"linear_width": 0.0}, "greater than 0"),
    ({"categories": []}, "categories"),
    ({"categories": [1]}, "valid string"),
    ({"name": None}, "valid string"),
    ({"more": 1}, "not permitted"),
]
DAMAGED = [
    *(("target_mean", *each) for each in ENCODED),
    ("target_mean", {"outputs": ["a", "b"]}, "its inputs are not those of its outputs"),
    *(("frequency", *each) for each in ENCODED),
    ("frequency", {"outputs": ["a"]}, "not permitted"),
    ("date_part", {"part": "minute"}, "'number', 'year'"),
    ("date_part", {"part": "__class__"}, "'number', 'year'"),
    ("date_part", {"scale": 0.0}, "greater than 0"),
    ("date_part", {"fill": None}, "valid number"),
    ("category", {"rare": [None]}, "valid string"),
    ("category", {"rare": "u"}, "valid list"),
    ("missing", {"fill": 1.0}, "not permitted"),
    ("missing", {"name": 1}, "valid string"),
    ("numeric", {"kind": "other"}, "tag 'other'"),
    ("numeric", {"kind": ["numeric"]}, "tag"),
    ("numeric", {"kind": None}, "tag|discriminator"),
    ("numeric", {"part": "year"}, "not permitted"),
]


@pytest.mark.parametrize(("kind", "fields", "words"), DAMAGED)
def test_a_damaged_encoder_is_refused_in_a_sentence(kind, fields, words, inputs):
    kinds, changed = inputs
    if kind not in kinds:
        pytest.skip("the other of two")
    with pytest.raises(RunError, match=words) as caught:
        load_model(changed(kind, **fields))
    assert caught.value.exit_code == 5
    assert "\n" not in str(caught.value)


def test_target_means_of_another_number_of_outputs(every, inputs):
    kinds, changed = inputs
    if "target_mean" not in kinds:
        pytest.skip("there are none")
    mean = next(c for c in every.training.encoding.inputs.columns if isinstance(c, TargetMean))
    two = {"shift": [0.0, 0.0], "scale": [1.0, 1.0], "unknown": [0.0, 0.0], "outputs": ["a", "b"]}
    with pytest.raises(RunError, match="its inputs are not those of its target"):
        load_model(changed("target_mean", **two, values=[[0.0, 0.0]] * len(mean.categories)))
