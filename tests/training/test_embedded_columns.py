"""Which columns are embedded, and on which rows their edges are fitted."""

import numpy as np
import pytest

from mlpcli.errors import DataError, RunError
from mlpcli.nn.evaluation import Evaluation
from mlpcli.runs.model_file import load_model, save_model
from mlpcli.spec.load import load_spec
from mlpcli.training.build import build_architecture, load_dataset
from mlpcli.training.cost import cost_of
from mlpcli.training.lanes import Lane, lanes_of, prepare_lanes
from mlpcli.training.resolve import resolve
from mlpcli.training.training import Training

ROWS = 90
SPEC = """
data: {path: rows.csv, target: y, task: regression, scale: none, split: {test: 0},
  missing_indicator: []}
model: {layers: [{units: 4, activation: tanh}], embedding: {name: piecewise_linear, bins: 3}}
training: {epochs: 3}
"""


@pytest.fixture
def load(tmp_path):
    """Return a function that loads the spec: two numbers, a flag, a constant and a category."""
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(2, ROWS)).round(3)
    lines = ["flag,a,one,kind,b,y"]
    for k in range(ROWS):
        flag = ["", "0", "1"][k % 3]
        lines.append(f"{flag},{a[k]},1.5,{'uvw'[k % 3]},{b[k]},{a[k] + k % 3}")
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")

    def make(*overrides):
        (tmp_path / "spec.yaml").write_text(SPEC)
        return load_spec(str(tmp_path / "spec.yaml"), overrides)

    return make


def edges(prepared):
    return prepared.architecture.initial_values["embedding.edges"]


def test_auto_is_every_number_of_more_than_two_values(load):
    loaded = load()
    dataset = load_dataset(loaded)
    assert dataset.encoding.inputs.feature_names[1::5] == ["a", "b"]
    columns = build_architecture(loaded.spec, dataset.encoding).embedding
    assert columns.numbers == (1, 6)
    assert columns.units == 7 + 2 * 3
    assert resolve(loaded.spec, dataset).model.embedding.columns == ("a", "b")


def test_chosen_columns_may_be_any_numbers_and_stand_in_the_order_of_the_table(load):
    loaded = load("model.embedding={name: periodic, columns: [b, one, flag], keep_value: false}")
    columns = build_architecture(loaded.spec, load_dataset(loaded).encoding).embedding
    assert columns.numbers == (0, 2, 6)
    assert columns.kept == [1, 3, 4, 5]


def test_a_name_that_is_no_number_is_refused_with_the_nearest(load):
    loaded = load("model.embedding={name: periodic, columns: [a, kind]}")
    with pytest.raises(DataError, match=r"columns\[1\]: 'kind' is not a numeric input; there are"):
        load_dataset(loaded)
    loaded = load("model.embedding={name: periodic, columns: [flog]}")
    with pytest.raises(DataError, match="did you mean 'flag'"):
        load_dataset(loaded)


@pytest.mark.parametrize("override", ["data.exclude=[a, b]", "model.embedding.columns=[]"])
def test_without_a_column_to_embed_the_network_has_no_embedding(load, override):
    loaded = load(override)
    dataset = load_dataset(loaded)
    assert build_architecture(loaded.spec, dataset.encoding).embedding is None
    assert resolve(loaded.spec, dataset).model.embedding.columns == ()
    list(Training(loaded.spec, dataset).run())


@pytest.mark.parametrize("kind", ["kfold", "bootstrap"])
def test_edges_are_fitted_on_the_rows_of_the_lane_alone(load, kind):
    loaded = load(f"ensemble={{kind: {kind}, replicas: 4}}")
    dataset = load_dataset(loaded)
    X = dataset.parts["train"].X[:, [1, 6]].astype(float)
    prepared = prepare_lanes(lanes_of(loaded.spec, dataset), dataset)
    for each in prepared:
        rows = X[each.lane.rows]
        expected = np.quantile(rows, np.arange(4) / 3, axis=0).T
        np.testing.assert_allclose(edges(each), expected, rtol=1e-12)
    assert not np.array_equal(edges(prepared[0]), edges(prepared[1]))


def test_edges_by_target_use_the_lanes_own_targets(load):
    overrides = "model.embedding.by=target", "model.embedding.bins=2"
    loaded = load(*overrides)
    dataset = load_dataset(loaded)
    train = dataset.parts["train"]
    rows = np.flatnonzero(train.X[:, 1] < np.median(train.X[:, 1]))
    whole, half = prepare_lanes([Lane(loaded.spec, 0), Lane(loaded.spec, 0, rows)], dataset)
    assert edges(half)[0, -1] == train.X[rows, 1].max()
    assert edges(whole)[0, 1] != edges(half)[0, 1]


@pytest.mark.parametrize(
    "member", ["piecewise_linear", "{name: piecewise_linear, units: 2}", "periodic"]
)
def test_a_lane_of_an_ensemble_has_the_same_bits_alone(load, member):
    loaded = load("ensemble={kind: kfold, replicas: 3}", f"model.embedding={member}")
    dataset = load_dataset(loaded)
    together = Training(loaded.spec, dataset)
    list(together.run())
    for lane, vector in zip(together.lanes, together.vectors, strict=True):
        alone = Training(loaded.spec, dataset, [lane])
        list(alone.run())
        np.testing.assert_array_equal(alone.network.vector, vector)


@pytest.mark.parametrize(
    "override", ["training.weight_averaging=0.9", "regularization.noise.weights=0.1"]
)
def test_edges_stay_what_they_are_whatever_a_step_copies(load, override):
    loaded = load(override, "training.epochs=2")
    training = Training(loaded.spec, load_dataset(loaded))
    before = training.network.tensors()["embedding.edges"].copy()
    assert np.ptp(before) > 0
    list(training.run())
    for network in (training.network, training.model):
        np.testing.assert_array_equal(network.tensors()["embedding.edges"], before)


def test_decay_and_max_norm_leave_an_embedding_alone(load):
    member = "model.embedding={name: piecewise_linear, units: 2, relu: false}"
    found = []
    for strength in ("regularization.max_norm=1e-3", "regularization.max_norm=2e-3"):
        loaded = load(member, strength, "training.epochs=1", "training.batch_size=90")
        training = Training(loaded.spec, load_dataset(loaded))
        list(training.run())
        tensors = training.network.tensors()
        found.append([tensors["embedding.weight"], tensors["hidden.1.weight"]])
    np.testing.assert_array_equal(found[0][0], found[1][0])  # one step, from the same weights
    assert not np.array_equal(found[0][1], found[1][1])


@pytest.mark.parametrize("member", ["piecewise_linear", "{name: periodic, lite: true}"])
def test_a_model_file_predicts_as_the_network_it_is_of(load, member, tmp_path):
    loaded = load(f"model.embedding={member}")
    dataset = load_dataset(loaded)
    training = Training(loaded.spec, dataset)
    list(training.run())
    path = tmp_path / "model.safetensors"
    save_model(path, resolve(loaded.spec, dataset), dataset, training.network, {})
    again = load_model(path)
    assert not again.changed
    X = dataset.parts["train"].X
    found = [Evaluation(one.network).predict(X, np.empty((len(X), 1))) for one in (again, training)]
    np.testing.assert_array_equal(*found)


def test_edges_that_do_not_ascend_are_refused(load, tmp_path):
    loaded = load("training.epochs=0")
    dataset = load_dataset(loaded)
    training = Training(loaded.spec, dataset)
    list(training.run())
    training.network.tensors()["embedding.edges"][1, 2] = -9
    path = tmp_path / "model.safetensors"
    save_model(path, resolve(loaded.spec, dataset), dataset, training.network, {})
    with pytest.raises(RunError, match=r"the tensor embedding\.edges has edges that do not ascend"):
        load_model(path)


def test_the_cost_counts_the_embedding(load):
    overrides = ("model.embedding={name: piecewise_linear, bins: 3, units: 5}",)
    loaded = load(*overrides)
    dataset = load_dataset(loaded)
    architecture = build_architecture(loaded.spec, dataset.encoding)
    cost = cost_of(loaded.spec, architecture, dataset)
    first, *rest = cost.layers
    assert (first.name, first.fan_in, first.fan_out) == ("embedding", 7, 7 + 2 * 5)
    assert first.parameters == 2 * (3 * 5 + 5)
    assert [layer.fan_in for layer in rest] == [17, 4]
    assert sum(layer.parameters for layer in cost.layers) == architecture.layout.n_params
    # Forward 2 · 3 · 5 of the maps, 17 · 4 and 4 · 1; twice that back.
    n = len(dataset.parts["train"])
    assert cost.multiply_adds_per_epoch == n * 3 * (30 + 68 + 4)
