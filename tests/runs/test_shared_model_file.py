"""Runs of ensembles that share weights: one network in one file, evaluated by its mean."""

import csv
import json
import struct

import numpy as np
import pytest

from mlpcli.data.readers import read_table
from mlpcli.errors import RunError
from mlpcli.nn.sharing import SHARINGS
from mlpcli.runs.evaluate import load_parts, predict
from mlpcli.runs.model_file import load_model
from mlpcli.training.evaluation import evaluate, evaluate_each, row_losses

SPEC = """
data: {{path: rows.csv, target: {target}, split: {{validation: 0.2, test: 0.2}}}}
model: {{layers: [{{units: 5, activation: tanh, norm: batch}}, {{units: 4, keep_prob: 0.9}}]}}
training: {{epochs: 6, batch_size: 16, calibration: none, early_stopping: {{patience: 2}}}}
ensemble: {{kind: {kind}, replicas: 5}}
"""


def write(folder, n=120):
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, n))
    rows = [
        f"{a:.5f},{b:.5f},{'nsw'[k]},{3 * a - b:.5f},{'yes' if a > b else 'no'}"
        for a, b, k in zip(x, z, rng.integers(0, 3, n), strict=True)
    ]
    (folder / "rows.csv").write_text("\n".join(["x,z,side,y,kind", *rows]) + "\n", "ascii")


@pytest.fixture(scope="module", params=[(k, t) for k in SHARINGS for t in ("y", "kind")], ids=str)
def run(request, make_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shared")
    write(folder)
    kind, target = request.param
    return make_run(folder, SPEC.format(kind=kind, target=target))


def test_a_run_has_the_files_of_one_network(run):
    names = {path.name for path in run.directory.iterdir()}
    assert names == {"manifest.json", "metrics.csv", "model.safetensors", "spec.yaml"}
    result = json.loads((run.directory / "manifest.json").read_text("utf-8"))["result"]
    assert "ensemble" not in result
    assert len(run.training.lanes) == 1


def test_the_file_holds_the_network(run):
    model = load_model(run.model)
    np.testing.assert_array_equal(model.network.vector, run.training.network.vector)
    assert model.network.lane_shape == ()
    assert model.ensemble is None
    assert model.network.architecture.members == run.training.architecture.members


def test_a_category_has_one_scaling_at_first(run):
    columns = run.training.architecture.members.columns
    names = run.training.encoding.inputs.feature_names
    assert len(columns) == len(names)
    sides = [c for c, name in zip(columns, names, strict=True) if name.startswith("side")]
    assert len(sides) == 3
    assert len(set(sides)) == 1
    assert len(set(columns)) == len(run.training.encoding.inputs.columns) < len(columns)


def test_scores_and_row_losses_are_those_of_the_mean_prediction(run):
    model = load_model(run.model)
    network, encoding = model.network, model.encoding
    parts, *_ = load_parts(model, None, None)
    for name, part in parts.items():
        scores = evaluate(network, encoding, part).metrics
        assert scores == {
            k: pytest.approx(v)
            for k, v in run.recorder.result["scores"][name].items()
            if k != "rows"
        }
        assert np.mean(row_losses(network, encoding, part)) == pytest.approx(scores["loss"])
        each = evaluate_each(network, encoding, model.spec, part)["loss"]
        assert each.shape == (5,)
        assert scores["loss"] < each.mean()  # the loss is convex, and no two members are one


def test_the_best_epoch_is_the_best_of_the_mean_prediction(run):
    with (run.directory / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    losses = [float(row["val_loss"]) for row in rows]
    result = run.recorder.result
    assert result["best_epoch"] == 1 + int(np.argmin(losses))
    found = result["scores"]["validation"]["loss"]
    assert found == pytest.approx(min(losses), rel=1e-6)


def test_intervals_are_over_the_members_and_none_of_observations(run):
    model = load_model(run.model)
    table = read_table(str(run.folder / "rows.csv"), model.encoding.read)
    columns, _ = predict(model, table, 0.9)
    assert not [name for name in columns if name.startswith("observation") or "set" in name]
    name = "prediction" if "prediction_low" in columns else "probability_yes"
    low, high = columns[f"{name}_low"], columns[f"{name}_high"]
    assert np.all(low < high)
    assert np.mean((low <= columns[name]) & (columns[name] <= high)) > 0.9


def rewritten(run, path, change):
    """Write the model file with its description changed, tensors as they are."""
    raw = run.model.read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + size])
    document = json.loads(header["__metadata__"]["mlp"])
    change(document)
    header["__metadata__"] = {"mlp": json.dumps(document)}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + size :])
    return path


def test_a_file_with_replicas_beside_shared_weights_is_refused(run, tmp_path):
    path = rewritten(
        run, tmp_path / "m.safetensors", lambda d: d.update(ensemble={"seeds": [1], "errors": []})
    )
    with pytest.raises(RunError, match="its replicas are not those of its spec"):
        load_model(path)


def test_a_file_with_another_number_of_members_is_refused(run, tmp_path):
    path = rewritten(
        run, tmp_path / "m.safetensors", lambda d: d["spec"]["ensemble"].update(replicas=6)
    )
    with pytest.raises(RunError, match=r"the tensor \S+ is float32 \(5, .*not float32 \(6, "):
        load_model(path)
