"""Trainings of ensembles that share weights: one lane each, and lanes of a sweep."""

from dataclasses import replace

import numpy as np
import pytest

from mlpcli.nn.sharing import SHARINGS
from mlpcli.spec.schema import Spec
from mlpcli.training.events import EpochEnded
from mlpcli.training.lanes import Lane, lanes_of, prepare_lanes
from mlpcli.training.training import Training

SPECIES = """
seed: 3
data: {path: iris.csv, target: species, split: {validation: 0.2, test: 0.1}}
model: {layers: [{units: 5, activation: tanh, keep_prob: 0.8}, {units: 4}]}
training: {epochs: 5, batch_size: 16, early_stopping: {patience: 2}}
regularization: {l2: 0.01, noise: {input: 0.1}, augmentation: [{name: mixup}]}
ensemble: {kind: tabm, replicas: 4}
"""

each_kind = pytest.mark.parametrize("kind", SHARINGS)


def run(one):
    """Return each lane's rows of metrics, without the seconds."""
    rows = [[] for _ in one.lanes]
    for event in one.run():
        if isinstance(event, EpochEnded):
            for lane, row in zip(event.lanes, event.rows, strict=True):
                rows[lane].append({k: v for k, v in row.items() if k != "seconds"})
    return rows


@each_kind
def test_an_ensemble_is_one_lane(kind, ensemble):
    one = ensemble(f"ensemble.kind={kind}", spec=SPECIES)
    assert len(lanes_of(one.spec, one.dataset)) == 1
    assert one.plan is None
    assert one.network.lane_shape == ()
    run(one)
    assert one.model.architecture.members.k == 4


@pytest.mark.parametrize("train_loss", ["running", "full"])
@each_kind
def test_a_lane_of_a_sweep_has_the_bits_it_has_alone(kind, train_loss, ensemble):
    words = (f"ensemble.kind={kind}", f"training.train_loss={train_loss}")
    one = ensemble(*words, spec=SPECIES)
    plain = one.spec.model_dump()
    lanes = []
    for seed, rate, l2, p in ((1, 0.1, 0.0, 1.0), (2, 0.01, 0.1, 0.5), (3, 0.3, 0.01, 0.8)):
        plain["training"]["optimizer"]["learning_rate"] = rate
        plain["regularization"]["l2"] = l2 or 0.001
        plain["model"]["layers"][0]["keep_prob"] = p
        lanes.append(Lane(Spec.model_validate(plain), seed))
    # p_k = 1 is no dropout, which all lanes of a stack have or none.
    stack = Training(one.spec, one.dataset, lanes)
    rows = run(stack)
    for r, lane in enumerate(lanes):
        alone = Training(lane.spec, one.dataset, [lane])
        assert run(alone) == [rows[r]]
        np.testing.assert_array_equal(alone.network.vector, stack.vectors[r])
        assert replace(alone.ended[0], seconds=0.0) == replace(stack.ended[r], seconds=0.0)


def test_ensembles_that_share_otherwise_are_no_lanes_of_one_stack(ensemble):
    one = ensemble(spec=SPECIES)
    lanes = []
    for kind, replicas in (("tabm", 4), ("tabm_mini", 4), ("tabm", 3), (None, 0)):
        plain = one.spec.model_dump()
        plain["ensemble"] = None if kind is None else {"kind": kind, "replicas": replicas}
        lanes.append(Lane(Spec.model_validate(plain), 1))
    shapes = {each.shape for each in prepare_lanes(lanes, one.dataset)}
    assert len(shapes) == 4


@each_kind
def test_train_metrics_are_of_the_mean_prediction(kind, ensemble):
    words = (f"ensemble.kind={kind}", "training.epochs=1", "training.optimizer.learning_rate=1e-9")
    found = {}
    for train_loss in ("running", "full"):
        quiet = "regularization={}", "model.layers[0].keep_prob=1"
        one = ensemble(*words, *quiet, f"training.train_loss={train_loss}", spec=SPECIES)
        found[train_loss] = run(one)[0][0]
    running, full = found["running"], found["full"]
    assert running["train_accuracy"] == full["train_accuracy"]
    assert running["val_loss"] == pytest.approx(full["val_loss"])
    # As the batches saw it the loss is the mean of the members', anew it is the mean prediction's.
    assert running["train_loss"] > full["train_loss"]
