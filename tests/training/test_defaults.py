"""What the smallest spec becomes, and that it trains: also where columns have long tails."""

import numpy as np
import pytest

from mlpcli.spec.load import load_spec
from mlpcli.spec.write import spec_to_yaml
from mlpcli.training.batches import auto_batch_size
from mlpcli.training.build import load_dataset
from mlpcli.training.events import Ended
from mlpcli.training.lanes import Lane, build_trainer, lanes_of, prepare_lanes
from mlpcli.training.resolve import resolve
from mlpcli.training.training import Training


@pytest.fixture
def made(tmp_path):
    """Return a function that loads the smallest spec of a table (rows, columns), y the last."""

    def make(table, *overrides):
        names = [*(f"x{j}" for j in range(table.shape[1] - 1)), "y"]
        lines = [",".join(map(repr, row)) for row in table.tolist()]
        (tmp_path / "t.csv").write_text("\n".join([",".join(names), *lines]) + "\n")
        (tmp_path / "spec.yaml").write_text("data: {path: t.csv, target: y}\n")
        loaded = load_spec(str(tmp_path / "spec.yaml"), overrides)
        return loaded, load_dataset(loaded)

    return make


def rows(n, columns=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, columns))


# ---------------------------------------------------------------- what it becomes


@pytest.mark.parametrize(
    ("n_train", "size"),
    # n/32 = 0.03, 45, 91, 181, 363: the nearest power of 2 by its logarithm, 32 to 256
    [(1, 32), (1448, 32), (1449, 64), (2896, 64), (2897, 128), (5793, 256), (10**7, 256)],
)
def test_a_batch_is_about_one_of_32_parts(n_train, size):
    assert auto_batch_size(n_train) == size


def test_the_resolved_spec_has_what_the_data_decided(made):
    loaded, dataset = made(rows(8000))
    plain = resolve(loaded.spec, dataset).model_dump()
    assert len(dataset.parts["train"]) == 5600  # all 8,000 would have batches of 256
    assert plain["data"]["scale"] == "asinh"
    assert plain["training"]["batch_size"] == 128
    assert plain["training"]["optimizer"]["name"] == "adam"
    assert plain["model"]["layers"][0]["initializer"] == {"name": "glorot_uniform"}
    assert plain["model"]["output_initializer"] == {"name": "normal", "std": 0.01}
    assert "auto" not in [plain["data"][key] for key in ("task", "scale", "scale_target")]


def test_what_a_spec_names_stays(made):
    overrides = ["data.scale=minmax", "training.batch_size=7", "training.optimizer=sgd"]
    loaded, dataset = made(rows(50), *overrides, "model.output_initializer=zeros")
    plain = resolve(loaded.spec, dataset).model_dump()
    assert (plain["data"]["scale"], plain["training"]["batch_size"]) == ("minmax", 7)
    assert plain["training"]["optimizer"]["name"] == "sgd"
    assert plain["model"]["output_initializer"] == {"name": "zeros"}


def test_the_resolved_spec_trains_to_the_same_numbers(made, tmp_path):
    loaded, dataset = made(np.exp(2 * rows(8000)), "training.epochs=2")
    one = Training(loaded.spec, dataset)
    list(one.run())
    (tmp_path / "again.yaml").write_text(spec_to_yaml(resolve(loaded.spec, dataset)))
    again = load_spec(str(tmp_path / "again.yaml"))
    assert again.spec.training.batch_size == 128
    other = Training(again.spec, load_dataset(again))
    list(other.run())
    np.testing.assert_array_equal(other.network.theta, one.network.theta)


@pytest.mark.parametrize("kind", ["kfold", "bootstrap", "seeds"])
def test_replicas_have_the_batch_of_the_whole_training_part(made, kind):
    # 3,000 training rows have batches of 128; the 1,500 of a fold by themselves would have 64.
    split = ["data.split.validation=0", "data.split.test=0"]
    loaded, dataset = made(rows(3000), *split, f"ensemble={{kind: {kind}, replicas: 2}}")
    prepared = prepare_lanes(lanes_of(loaded.spec, dataset), dataset)
    network = Training(loaded.spec, dataset).network
    assert build_trainer(prepared, dataset, network).loader.batch_size == 128


def test_a_lane_of_the_spec_s_batch_and_one_that_names_it_are_not_taken_for_each_other(made):
    loaded, dataset = made(rows(3000, 2))
    named, _ = made(rows(3000, 2), "training.batch_size=16")
    lanes = [Lane(each.spec, 0) for each in (loaded, named)]
    assert len({each.shape for each in prepare_lanes(lanes, dataset)}) == 2


# ---------------------------------------------------------------- that it trains


def long_tails(n=600, seed=0):
    """Return log-normal columns, one of them times a million, and a house's price."""
    rng = np.random.default_rng(seed)
    X = rng.lognormal(0, 3, (n, 5)) * [1, 1e6, 1e-6, 1, 1]
    price = np.exp(12 + 0.3 * np.log(X[:, 0]) + 0.2 * np.log(X[:, 3]) + rng.normal(0, 0.3, n))
    return np.column_stack([X, price])


def one_far_out(n=600, far=46.0):
    table = rows(n, 5)
    table[:, -1] = table[:, 0] * 3 + table[:, 1]
    table[::60, 2] = far
    table[7, 3] = 1e30
    table[:, 4] = np.exp(table[:, 4])
    return table


def constant_columns(n=300):
    table = rows(n, 4)
    table[:, 0], table[:, 1] = 0.1, 0.0
    table[5, 1] = 1.0
    return table


TABLES = {
    "long tails": long_tails(),
    "few rows": long_tails(40, seed=1),
    "far out": one_far_out(),
    "constant": constant_columns(),
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_smallest_spec_trains(made, name, seed):
    loaded, dataset = made(TABLES[name], f"seed={seed}")
    training = Training(loaded.spec, dataset)
    ended = [event for event in training.run() if isinstance(event, Ended)][-1]
    assert ended.reason in ("patience", "finished")
    assert np.isfinite(training.network.theta).all()
    assert np.abs(dataset.parts["train"].X).max() < 60
