"""The weights of a model file: saved, read back, and refused where they are not its spec's."""

import json
import struct

import numpy as np
import pytest

from mlpcli.data.readers import read_table
from mlpcli.errors import RunError
from mlpcli.runs.evaluate import load_parts
from mlpcli.runs.model_file import load_model

ROWS = [f"{x},{x % 5 + 0.5},{'no' if x % 3 else 'yes'}" for x in range(40)]
SPEC = """
data:
  path: table.csv
  target: y
  sample_weight: w
  class_weight: {"yes": 3}
  image: {height: 1, width: 1}
model: {layers: [{units: 3}]}
training: {epochs: 1}
regularization: {augmentation: [smote, {name: mixup, alpha: 0.4}, {name: cutout, size: 1}]}
"""


@pytest.fixture(scope="module")
def run(make_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weighted")
    (folder / "table.csv").write_text("\n".join(["x,w,y", *ROWS]) + "\n", "ascii")
    return make_run(folder, SPEC)


def changed(content, path, value):
    """Return a model file with one thing in its description changed."""
    (n,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + n])
    told = inside = json.loads(header["__metadata__"]["mlp"])
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    header["__metadata__"] = {"mlp": json.dumps(told)}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + n :]


def test_the_weights_come_back(run):
    model = load_model(run.model)
    weights = model.encoding.weights
    assert model.encoding == run.dataset.encoding
    assert (weights.column, weights.by_class) == ("w", (1.0, 3.0))
    assert model.spec.data.class_weight == {"yes": 3}
    assert [m.name for m in model.spec.regularization.augmentation] == ["smote", "mixup", "cutout"]
    parts, *_ = load_parts(model, None, None)
    for name, part in run.dataset.parts.items():
        np.testing.assert_array_equal(parts[name].weight, part.weight)
        assert parts[name].weight.dtype == np.float32
    # From the file's cells: x % 5 + 0.5, three times that where x is a multiple of 3.
    raw = np.array([(x % 5 + 0.5) * (1 if x % 3 else 3) for x in range(40)])
    train = run.dataset.parts["train"]
    expected = raw[train.rows] / raw[train.rows].mean()
    np.testing.assert_allclose(train.weight, expected, rtol=1e-6)


def test_a_file_without_the_column_is_evaluated_without_weights(run, tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("x,y\n1,no\n2,yes\n", "ascii")
    parts, *_ = load_parts(load_model(run.model), str(path), None)
    assert parts["all"].weight is None


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("encoding", "weights"), None, "weights are not those of its spec"),
        (("encoding", "weights", "column"), "x", "weights are not those of its spec"),
        (("encoding", "weights", "column"), None, "weights are not those of its spec"),
        (("encoding", "weights", "by_class"), None, "weights are not those of its spec"),
        (("encoding", "weights", "by_class"), [1.0], "weights are not those of its spec"),
        (("encoding", "weights", "by_class"), [1.0, -1.0], "by_class"),
        (("encoding", "weights", "by_class"), [1.0, "3"], "by_class"),
        (("encoding", "weights", "mean"), 0.0, "mean.*greater than 0"),
        (("encoding", "weights", "mean"), -1.0, "mean"),
        (("encoding", "weights", "mean"), float("nan"), "mean"),
        (("encoding", "weights", "mean"), float("inf"), "mean"),
        (("encoding", "weights", "more"), 1, "more"),
        (("encoding", "weights"), [], "weights"),
        (("spec", "data", "sample_weight"), None, "weights are not those of its spec"),
        (("spec", "data", "class_weight"), None, "weights are not those of its spec"),
        (("spec", "data", "class_weight"), "balance", "class_weight"),
        (("spec", "data", "image"), {"height": 2, "width": 1, "channels": 1}, "is 2 numbers"),
        (("spec", "regularization", "augmentation"), [{"name": "smot"}], "augmentation"),
        (("spec", "regularization", "augmentation", 2, "size"), 2, "does not fit into 1 × 1"),
    ],
)
def test_weights_that_do_not_fit_are_refused(run, tmp_path, path, value, words):
    file = tmp_path / "model.safetensors"
    file.write_bytes(changed(run.model.read_bytes(), path, value))
    with pytest.raises(RunError, match=words) as caught:
        load_model(file)
    assert str(caught.value).startswith(f"{file}: the model's description is damaged: ")


def test_a_model_file_from_before_there_were_weights(iris_run, tmp_path):
    content = iris_run.model.read_bytes()
    (n,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + n])
    told = json.loads(header["__metadata__"]["mlp"])
    assert told["encoding"].pop("weights") is None
    del told["spec"]["data"]["image"]
    header["__metadata__"] = {"mlp": json.dumps(told)}
    text = json.dumps(header).encode()
    (tmp_path / "old.safetensors").write_bytes(
        struct.pack("<Q", len(text)) + text + content[8 + n :]
    )
    model = load_model(tmp_path / "old.safetensors")
    assert model.encoding == iris_run.dataset.encoding
    table = read_table(str(iris_run.folder / "iris.csv"), model.encoding.read)
    assert model.encoding.encode(table, "float32")[0].weight is None
