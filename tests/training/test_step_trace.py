"""The step that is traced is the training's own: its state before, its rows, masks and λ."""

from pathlib import Path

import numpy as np
import pytest

from mlpcli.errors import UsageError
from mlpcli.spec.load import load_spec
from mlpcli.training.build import load_dataset
from mlpcli.training.lanes import lanes_of
from mlpcli.training.reach_step import reach_step
from mlpcli.training.step_trace import take_step
from mlpcli.training.training import Training

IRIS = Path(__file__).parents[2] / "data" / "iris.csv"
SPEC = f"""
data: {{path: {IRIS}, target: species, split: {{validation: 0.2, test: 0}}}}
model: {{input_keep_prob: 0.9, layers: [{{units: 5, activation: tanh, keep_prob: 0.6}}]}}
training:
  epochs: 4
  batch_size: 32
  optimizer: adam
  schedule: {{name: cosine, warmup: 1}}
  weight_averaging: 0.9
regularization: {{l2: 0.01, noise: {{input: 0.1, weights: 0.1, gradients: 0.1}}}}
runtime: {{dtype: float64}}
"""
STEPS = 4  # of an epoch: 120 rows


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Return the spec and its data."""
    path = tmp_path_factory.mktemp("traced") / "spec.yaml"
    path.write_text(SPEC, encoding="utf-8")
    loaded = load_spec(str(path))
    return loaded.spec, load_dataset(loaded)


def reached(prepared, number):
    spec, dataset = prepared
    return reach_step(lanes_of(spec, dataset)[0], dataset, number, None)


def trained(prepared, n_steps):
    """Return the trainer of a training that is stopped after some steps, and θ there."""
    training, thetas = Training(*prepared), []

    def stop():
        thetas.append(training._trainer.network.theta.copy())
        return len(thetas) == n_steps

    for _ in training.run(stop=stop):
        pass
    return training._trainer, thetas[-1]


@pytest.mark.parametrize("n_steps", [1, STEPS - 1, STEPS, 2 * STEPS + 1])
def test_a_step_begins_where_training_stands_after_those_before(prepared, n_steps):
    trainer, theta = trained(prepared, n_steps)
    found = reached(prepared, n_steps + 1)
    update, ours = trainer.step.update, found.trainer.step.update
    assert np.array_equal(ours.state.vectors, update.state.vectors)
    assert np.array_equal(ours.average.average, update.average.average)
    assert np.array_equal(found.trainer.network.theta, theta)
    assert found.epoch == n_steps // STEPS + 1


def test_all_rows_make_the_step_that_training_takes(prepared):
    _, theta = trained(prepared, 7)
    assert np.array_equal(take_step(reached(prepared, 7), None).after, theta)


def test_fewer_rows_are_the_first_of_the_batch_with_their_masks(prepared):
    whole, few = (take_step(reached(prepared, 6), n) for n in (None, 3))
    assert few.n_rows == 3
    assert whole.n_rows == 32
    for name in ("X", "y", "input.mask", "hidden.1.mask", "hidden.1.h"):
        assert np.array_equal(few.arrays[name], whole.arrays[name][:3]), name
    assert {0.0} < set(np.unique(few.arrays["hidden.1.mask"]))
    assert pytest.approx(np.mean(whole.arrays["losses"][:3])) == few.J
    assert few.learning_rate == whole.learning_rate
    assert np.array_equal(few.noisy, whole.noisy)


def test_the_learning_rate_is_that_of_the_step(prepared):
    """The warm-up's step i of 4 has i/4 of λ."""
    rates = [take_step(reached(prepared, number), 1).learning_rate for number in (1, 3)]
    assert rates == pytest.approx([0.001 / 4, 0.003 / 4])


def test_a_step_that_never_comes_is_refused(prepared):
    with pytest.raises(UsageError, match=r"--step 17: this training ends after 16 steps"):
        reached(prepared, 17)
