"""A model file gives back what was saved: the same bits, the same encoding, in named tensors."""

import hashlib
import json

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save

from mlpcli.data.readers import read_table
from mlpcli.nn.evaluation import Evaluation
from mlpcli.runs.model_file import load_model
from mlpcli.spec.write import with_paths
from mlpcli.training.resolve import resolve

RUNS = ["iris_run", "mixed_run"]


@pytest.fixture(params=RUNS)
def run(request):
    return request.getfixturevalue(request.param)


def test_theta_has_the_same_bits(run):
    model = load_model(run.model)
    assert model.network.theta.dtype == run.training.network.theta.dtype
    assert model.network.theta.tobytes() == run.training.network.theta.tobytes()


def test_the_encoding_is_equal_and_codes_the_rows_to_the_same_bits(run):
    model = load_model(run.model)
    assert model.encoding == run.dataset.encoding
    table = read_table(str(run.dataset.tables["data"].name), model.encoding.read)
    part, replaced = model.encoding.encode(table, model.network.dtype)
    assert replaced == run.dataset.replaced["data"]
    for name, trained_on in run.dataset.parts.items():
        np.testing.assert_array_equal(part.X[trained_on.rows], trained_on.X, err_msg=name)
        np.testing.assert_array_equal(part.y[trained_on.rows], trained_on.y, err_msg=name)


def test_a_file_scales_as_the_training_rows_said_by_hand(iris_run, tmp_path):
    # z of the training rows' mean and deviation, 3 asinh(z / 3), from the file alone.
    model = load_model(iris_run.model)
    rows = (iris_run.folder / "iris.csv").read_text("ascii").splitlines()
    raw = np.array([line.split(",")[:4] for line in rows[1:]], float)
    train = raw[model.codes == 0]
    z = (raw - train.mean(axis=0)) / train.std(axis=0)
    (tmp_path / "new.csv").write_text("\n".join(rows), "ascii")
    table = read_table(str(tmp_path / "new.csv"), model.encoding.read)
    X, _ = model.encoding.inputs.encode(table, "float64")
    np.testing.assert_allclose(X, 3 * np.arcsinh(z / 3), rtol=1e-12, atol=1e-13)
    assert model.spec.data.scale == "asinh"


def test_the_outputs_have_the_same_bits(run):
    model = load_model(run.model)
    X = run.dataset.parts["train"].X
    outputs = [
        Evaluation(network).predict(X, np.empty((len(X), network.architecture.n_outputs), X.dtype))
        for network in (model.network, run.training.network)
    ]
    np.testing.assert_array_equal(*outputs)


def test_the_spec_the_split_and_the_sha256_come_back(run):
    model = load_model(run.model)
    assert model.spec == with_paths(resolve(run.training.spec, run.training.dataset), run.folder)
    assert model.sha256 == run.dataset.sha256
    np.testing.assert_array_equal(model.codes, run.dataset.codes)
    ended = run.events[-1]
    assert model.training == {
        "reason": "finished",
        "epochs": run.training.spec.training.epochs,
        "best_epoch": ended.best_epoch,
        "last_epoch": ended.last_epoch,
        "cause": "",
    }


# From the design, section 7: (fan_in, fan_out), hidden layers counted from 1, the output by name.
TENSORS = {
    "iris_run": {
        "hidden.1.weight": (4, 5),
        "hidden.1.bias": (5,),
        "hidden.2.weight": (5, 4),
        "hidden.2.bias": (4,),
        "output.weight": (4, 3),
        "output.bias": (3,),
    },
    # length, and the categories blué, red and (missing)
    "mixed_run": {
        "hidden.1.weight": (4, 3),
        "hidden.1.bias": (3,),
        "output.weight": (3, 2),
        "output.bias": (2,),
    },
}


@pytest.mark.parametrize("name", RUNS)
def test_tensors_are_named_and_shaped_as_the_design_says(name, request):
    run = request.getfixturevalue(name)
    with safe_open(run.model, framework="numpy") as file:
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        assert sorted(file.metadata()) == ["mlp", "sha256"]
    assert {name: tensor.shape for name, tensor in found.items()} == TENSORS[name]
    for own, tensor in run.training.network.tensors().items():
        np.testing.assert_array_equal(found[own], tensor)


def test_a_layer_by_hand_from_the_tensors_alone(iris_run):
    # What a reader of the file does who knows nothing of mlp but the names of the tensors.
    with safe_open(iris_run.model, framework="numpy") as file:
        t = {name: file.get_tensor(name).astype(float) for name in file.keys()}  # noqa: SIM118
        told = json.loads(file.metadata()["mlp"])
    columns = told["encoding"]["inputs"]
    cells = dict(zip([c["name"] for c in columns], [5.1, 3.5, 1.4, 0.2], strict=True))
    x = np.array([(cells[c["name"]] - c["shift"]) / c["scale"] for c in columns])
    h = np.tanh(x @ t["hidden.1.weight"] + t["hidden.1.bias"])
    h = np.maximum(h @ t["hidden.2.weight"] + t["hidden.2.bias"], 0)  # every unit, unscaled
    u = h @ t["output.weight"] + t["output.bias"]
    by_hand = np.exp(u) / np.exp(u).sum()
    model = load_model(iris_run.model)
    y_hat = Evaluation(model.network).predict(x[np.newaxis].astype("f4"), np.empty((1, 3), "f4"))
    np.testing.assert_allclose(y_hat[0], by_hand, rtol=1e-5)


def test_the_description_is_one_json_document_of_this_format(iris_run):
    with safe_open(iris_run.model, framework="numpy") as file:
        told = json.loads(file.metadata()["mlp"], parse_constant=pytest.fail)
    assert told["format"] == 1
    keys = ["data", "encoding", "format", "mlp_version", "spec", "temperature", "tensors_sha256"]
    assert sorted(told) == [*keys, "training"]
    assert told["encoding"]["target"]["classes"] == ["setosa", "versicolor", "virginica"]
    assert told["data"]["rows"] == {"data": 150}


def test_what_the_tensors_hold_has_a_checksum(run):
    with safe_open(run.model, framework="numpy") as file:
        told = json.loads(file.metadata()["mlp"])
        held = b"".join(file.get_tensor(name).tobytes() for name in sorted(file.keys()))
    assert told["tensors_sha256"] == hashlib.sha256(held).hexdigest()


@pytest.mark.parametrize("place", [-1, -2, -50, -100])
def test_one_bit_of_a_number_that_is_another_is_seen_in_files_without_a_seal(
    iris_run, tmp_path, place
):
    with safe_open(iris_run.model, framework="numpy") as file:
        told = {"mlp": file.metadata()["mlp"]}
    content = bytearray(save(load_file(iris_run.model), metadata=told))
    (tmp_path / "m").write_bytes(content)
    assert not load_model(tmp_path / "m").changed
    content[place] ^= 1
    (tmp_path / "m").write_bytes(content)
    assert load_model(tmp_path / "m").changed


def test_it_may_be_called_anything_and_lie_anywhere(iris_run, tmp_path):
    copy = tmp_path / "my model.bin"
    copy.write_bytes(iris_run.model.read_bytes())
    np.testing.assert_array_equal(load_model(copy).network.theta, iris_run.training.network.theta)
