"""Augmented rows are made block by block, as training gathers them."""

import numpy as np
import pytest

from mlpcli.data.augmentations import AUGMENTATIONS
from mlpcli.randomness import generator
from mlpcli.spec.load import load_spec
from mlpcli.training import augmented, batches
from mlpcli.training.build import build_augmenter, load_dataset
from mlpcli.training.events import EpochEnded
from mlpcli.training.training import Training

SPEC = """
data: {path: t.csv, target: y, split: {validation: 0, test: 0}, scale: none, categorical: []}
training: {batch_size: 4}
regularization: {augmentation: [jitter]}
runtime: {dtype: float64}
"""


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"{k},{-k},{k % 3}" for k in range(30)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,y", *rows]) + "\n", "ascii")
    (tmp_path / "s.yaml").write_text(SPEC, "ascii")
    return lambda *overrides: load_spec("s.yaml", overrides)


def rows_of(loaded, n):
    dataset = load_dataset(loaded)
    train = dataset.parts["train"]
    augmenter = build_augmenter(loaded.spec, dataset.encoding, train)
    return augmented.augmented_rows(loaded.spec, dataset, augmenter, n)


@pytest.mark.parametrize("n", [1, 8, 9, 30])
def test_blocks_are_whole_batches_as_many_as_fit(loaded, monkeypatch, n):
    # A one-hot row is 24 bytes, a batch 96: two fit into 200 bytes. Each block's noise is drawn
    # when it is gathered: first which rows, then the noise.
    monkeypatch.setattr(batches, "BLOCK_BYTES", 200)
    monkeypatch.setattr(batches, "MIN_TRANSFORMED", 1)
    spec = loaded()
    found = rows_of(spec, n)
    rng = generator(0, "augmentation", 1, 0)
    noise = []
    for rows in (8, 8, 8, 6):
        rng.random(rows)
        noise.append(0.1 * rng.standard_normal((rows, 2)))
    order = generator(0, "shuffle", 1).permutation(30)[:n]
    np.testing.assert_array_equal(found.source, order)
    expected = np.stack([order, -order], axis=1) + np.concatenate(noise)[:n]
    np.testing.assert_allclose(found.raw, expected, rtol=0, atol=1e-13)
    assert (found.n_slots, found.mixes, found.synthetic.any()) == (30, False, False)


def test_a_member_of_the_spec_has_its_own_stream(loaded):
    members = "regularization.augmentation=[{name: mixup, probability: 1e-9}, jitter]"
    spec = loaded(members)
    found = rows_of(spec, 30)
    rng = generator(0, "augmentation", 1, 1)
    rng.random(30)
    noise = 0.1 * rng.standard_normal((30, 2))
    expected = np.stack([found.source, -found.source], axis=1) + noise
    np.testing.assert_allclose(found.raw, expected, rtol=0, atol=1e-13)


def test_the_spec_s_settings_reach_the_members(loaded):
    given = "[smote, {name: mixup, alpha: 0.7}, {name: feature_swap, share: 0.9, probability: 1}]"
    spec = loaded(f"regularization.augmentation={given}")
    dataset = load_dataset(spec)
    augmenter = build_augmenter(spec.spec, dataset.encoding, dataset.parts["train"])
    assert augmenter.augmentations == (
        AUGMENTATIONS["smote"](),
        AUGMENTATIONS["mixup"](alpha=0.7),
        AUGMENTATIONS["feature_swap"](share=0.9, probability=1),
    )


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_targets_of_classes_are_one_hot_once_they_are_gathered(loaded, loss):
    found = rows_of(loaded(f"model.loss={loss}"), 30)
    np.testing.assert_array_equal(found.target, np.eye(3)[found.source % 3])
    assert found.target.dtype == np.float64


STILL = "training.optimizer={name: sgd, learning_rate: 1e-300}"  # the weights stay as they begin


@pytest.mark.parametrize("target", ["y", "a", "z"], ids=["multiclass", "regression", "binary"])
@pytest.mark.parametrize("member", ["mixup", "feature_swap"])
def test_train_metrics_of_mixed_rows_are_held_against_the_mixture(
    loaded, tmp_path, monkeypatch, target, member
):
    monkeypatch.setattr(batches, "BLOCK_BYTES", 150)  # so that an epoch comes in several blocks
    monkeypatch.setattr(batches, "MIN_TRANSFORMED", 1)
    rows = [f"{k},{-k},{k % 3},{k % 2}" for k in range(30)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,y,z", *rows]) + "\n", "ascii")
    mixing = f"regularization.augmentation=[{{name: {member}, probability: 1}}]"
    spec = loaded(f"data.target={target}", mixing, STILL, "training.epochs=1")
    dataset = load_dataset(spec)
    training = Training(spec.spec, dataset)
    W = {name: tensor.copy() for name, tensor in training.network.tensors().items()}
    row = next(event.mean for event in training.run() if isinstance(event, EpochEnded))

    seen = augmented.augmented_rows(spec.spec, dataset, training.prepared[0].augmenter, 30)
    h = np.maximum(seen.raw @ W["hidden.1.weight"] + W["hidden.1.bias"], 0)  # scale: none
    u = h @ W["output.weight"] + W["output.bias"]
    if target == "a":
        rest = np.sum((seen.target - u) ** 2) / np.sum((seen.target - seen.target.mean()) ** 2)
        assert row["train_r2"] == pytest.approx(1 - rest, rel=1e-9)
    elif target == "z":
        assert row["train_accuracy"] == pytest.approx(np.mean((u > 0) == (seen.target > 0.5)))
    else:
        guess = u.argmax(axis=1)
        assert row["train_accuracy"] == pytest.approx(np.mean(guess == seen.target.argmax(axis=1)))
        assert row["train_accuracy"] != pytest.approx(np.mean(guess == seen.source % 3))
