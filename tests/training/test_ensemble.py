"""Ensembles: a replica has the bits it has alone, in any plan; means are of those that count."""

from dataclasses import replace

import numpy as np
import pytest

from mlpcli.data.resampling import bootstrap_rows, folds
from mlpcli.errors import DataError
from mlpcli.randomness import replica_seed
from mlpcli.spec.schema import Spec
from mlpcli.training import plan as plan_module
from mlpcli.training.epoch_means import EpochMeans
from mlpcli.training.events import Ended, EpochEnded, LanesAdvanced, LanesEnded
from mlpcli.training.training import Training

SPECIES = """
seed: 3
data: {{path: iris.csv, target: species, split: {{validation: {validation}, test: 0.1}}}}
model: {{layers: [{{units: 5, activation: tanh, keep_prob: 0.8}}]}}
training:
  epochs: 30
  batch_size: 8
  optimizer: {{name: sgd, learning_rate: 0.05, momentum: 0.9}}
  early_stopping: {{patience: 1}}
regularization: {{l2: 0.001, noise: {{input: 0.1}}}}
ensemble: {{kind: {kind}, replicas: 5}}
"""
NUMBERS = """
data: {path: numbers.csv, target: y, task: regression, split: {validation: 0.2, test: 0}}
model: {layers: [{units: 4}]}
training: {epochs: 5, batch_size: 8}
ensemble: {kind: bootstrap, replicas: 4}
"""


@pytest.fixture
def numbers(tmp_path):
    rng = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},{a - 2 * b:.3f},{int(a > 0)}" for a, b in rng.normal(size=(50, 2))]
    (tmp_path / "numbers.csv").write_text("\n".join(["a,b,y,w", *rows]) + "\n", "ascii")
    return tmp_path


def run(one, stop=lambda: False):
    """Return the epochs with a mean, without lanes and seconds; those of lanes; and the end."""
    epochs, lanes, ended = [], [], None
    for event in one.run(stop):
        if isinstance(event, EpochEnded):
            mean = {**event.mean, "seconds": 0.0}
            epochs.append(replace(event, mean=mean, lanes=[], rows=[]))
            lanes.append(event)
        elif isinstance(event, Ended):
            ended = event
    return epochs, lanes, ended


def alone(one, replica):
    """Train one replica as a spec without an ensemble: its seed, its rows as the training part."""
    spec, n_rows = one.spec, len(one.dataset.parts["train"])
    seed = replica_seed(spec.seed, replica)
    train = one.dataset.parts["train"]
    if spec.ensemble.kind == "bootstrap":
        train = train.take(bootstrap_rows(n_rows, seed))
    if spec.ensemble.kind == "kfold":
        fold = folds(n_rows, spec.ensemble.replicas, spec.seed, train.labels)
        train = train.take(np.flatnonzero(fold != replica))
    dataset = replace(one.dataset, parts={**one.dataset.parts, "train": train})
    plain = {**spec.model_dump(), "seed": seed, "ensemble": None}
    single = Training(Spec.model_validate(plain), dataset)
    rows = [event.mean for event in single.run() if isinstance(event, EpochEnded)]
    return single.network.vector, rows, single.ended[0]


@pytest.mark.parametrize("kind", ["bootstrap", "kfold", "seeds"])
@pytest.mark.parametrize("validation", [0.2, 0])
def test_a_replica_has_the_bits_it_has_alone(kind, validation, ensemble):
    one = ensemble(spec=SPECIES.format(kind=kind, validation=validation))
    _, events, _ = run(one)
    found = {r: [] for r in range(5)}
    for event in events:
        for replica, row in zip(event.lanes, event.rows, strict=True):
            found[replica].append({**row, "seconds": 0.0})
    epochs = set()
    for replica in range(5):
        vector, rows, ended = alone(one, replica)
        assert (one.network.vector[replica] == vector).all()
        assert found[replica] == [{**row, "seconds": 0.0} for row in rows]
        assert replace(one.ended[replica], seconds=0.0) == replace(ended, seconds=0.0)
        epochs.add(ended.epochs)
    assert (len(epochs) > 1) == (validation > 0)  # or nothing has been shown of leaving early
    assert one.kept == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("kind", ["bootstrap", "kfold"])
def test_the_full_train_loss_of_a_replica_is_of_its_own_rows(kind, ensemble):
    full = ("training.train_loss=full", "training.epochs=3")
    one = ensemble(*full, spec=SPECIES.format(kind=kind, validation=0))
    _, events, _ = run(one)
    for replica in range(5):
        _, rows, _ = alone(one, replica)
        for name in ("train_loss", "train_accuracy"):
            found = [event.rows[replica][name] for event in events]
            assert found == pytest.approx([row[name] for row in rows], rel=1e-6)


@pytest.mark.parametrize("kind", ["bootstrap", "kfold", "seeds"])
def test_no_plan_changes_a_bit(kind, ensemble, monkeypatch):
    spec = SPECIES.format(kind=kind, validation=0.2)
    first = ensemble("runtime.threads=1", spec=spec)
    assert [len(stack) for stack in first.plan.stacks] == [5]
    told, _, ended = run(first)
    monkeypatch.setattr(plan_module, "WORTH_A_PROCESS", 0.0)
    each = first.plan.memory // 5
    for overrides, stacks in {
        ("runtime.threads=2",): [3, 2],
        ("runtime.threads=1", f"runtime.memory={each}"): [1, 1, 1, 1, 1],
        ("runtime.threads=2", f"runtime.memory={2 * each}"): [1, 1, 1, 1, 1],
        ("runtime.threads=1", f"runtime.memory={2 * each}"): [2, 2, 1],
    }.items():
        other = ensemble(*overrides, spec=spec)
        assert sorted(map(len, other.plan.stacks), reverse=True) == stacks
        again, _, how = run(other)
        assert (other.network.vector == first.network.vector).all()
        assert again == told
        assert replace(how, seconds=0.0) == replace(ended, seconds=0.0)


def test_the_means_of_what_each_replica_has_become(ensemble):
    """A replica that has stopped goes on counting with the figures of its best epoch."""
    one = ensemble(spec=SPECIES.format(kind="bootstrap", validation=0.2))
    epochs, events, ended = run(one)
    rows = {r: {} for r in range(5)}
    for event in events:
        for replica, row in zip(event.lanes, event.rows, strict=True):
            rows[replica][event.epoch] = row
    assert [event.epoch for event in epochs] == list(range(1, ended.epochs + 1))
    best = np.inf
    for event in epochs:
        for name in ("train_loss", "val_loss", "val_accuracy", "learning_rate"):
            each = [
                rows[r].get(event.epoch, rows[r][one.ended[r].best_epoch])[name] for r in range(5)
            ]
            assert event.mean[name] == pytest.approx(np.mean(each), rel=1e-12)
        assert event.improved == (event.mean["val_loss"] < best)
        best = min(best, event.mean["val_loss"])
    assert ended.best_epoch == max(event.epoch for event in epochs if event.improved)


def test_an_epoch_is_told_as_soon_as_the_last_replica_has_done_it(ensemble):
    """Early stopping of one does not hold the others' rows back, nor are rows hoarded."""
    one = ensemble(spec=SPECIES.format(kind="bootstrap", validation=0.2))
    epochs = [event for event in one.run() if isinstance(event, EpochEnded)]
    assert len(one.plan.stacks) == 1
    assert [event.epoch for event in epochs] == list(range(1, len(epochs) + 1))
    assert all(event.lanes and event.mean is not None for event in epochs)


def test_seeds_and_the_first_replica_is_the_network_itself(ensemble, training):
    one = ensemble(spec=SPECIES.format(kind="seeds", validation=0.2))
    run(one)
    seeds = [lane.seed for lane in one.lanes]
    assert seeds[0] == one.spec.seed
    assert len(set(seeds)) == 5
    single = training("ensemble=null", spec=SPECIES.format(kind="seeds", validation=0.2))
    list(single.run())
    assert (one.network.vector[0] == single.network.vector).all()


def test_samples_of_unequal_length_are_in_stacks_of_their_own(ensemble):
    smote = "regularization.augmentation=[{name: smote}]"
    one = ensemble(smote, spec=SPECIES.format(kind="bootstrap", validation=0.2))
    assert len(one.plan.stacks) > 1
    epochs, _, ended = run(one)
    assert [event.epoch for event in epochs] == list(range(1, ended.epochs + 1))
    for replica in range(5):
        assert (one.network.vector[replica] == alone(one, replica)[0]).all()


def test_running_means_of_the_numbers(ensemble):
    one = ensemble("training.weight_averaging=0.9", spec=SPECIES.format(kind="kfold", validation=0))
    run(one)
    for replica in range(5):
        assert (one.network.vector[replica] == alone(one, replica)[0]).all()


def diverging(monkeypatch, which):
    """Make some replicas begin with numbers so large that they diverge in the first epoch."""
    plain = Training.__init__

    def exploding(self, *arguments):
        plain(self, *arguments)
        if len(self.lanes) > 1:
            self.vectors[list(which)] = 1e30

    monkeypatch.setattr(Training, "__init__", exploding)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.usefixtures("numbers")
def test_diverged_replicas_are_left_out(threads, ensemble, monkeypatch):
    sound = ensemble(spec=NUMBERS)
    _, events, _ = run(sound)
    rows = {r: [] for r in range(4)}
    for event in events:
        for replica, row in zip(event.lanes, event.rows, strict=True):
            rows[replica].append(row)
    diverging(monkeypatch, [0, 2])
    monkeypatch.setattr(plan_module, "WORTH_A_PROCESS", 0.0)
    one = ensemble(f"runtime.threads={threads}", spec=NUMBERS)
    epochs, _, ended = run(one)
    assert one.kept == [1, 3]
    assert (one.network.vector == sound.network.vector[[1, 3]]).all()
    assert ended.reason == "diverged"
    assert ended.cause == "the training loss"
    assert [replica.reason for replica in one.ended][::2] == ["diverged"] * 2
    # Two replicas are left to be the mean of.
    assert len(epochs) == 5
    for event in epochs[1:]:
        each = [rows[r][event.epoch - 1]["val_loss"] for r in (1, 3)]
        assert event.mean["val_loss"] == pytest.approx(np.mean(each), rel=1e-12)


def event_of(epoch, lanes, losses):
    rows = [{"epoch": epoch, "train_loss": loss, "seconds": 1.0} for loss in losses]
    return EpochEnded(epoch, lanes, rows)


def test_one_that_diverges_later_counts_until_then():
    means = EpochMeans(["epoch", "train_loss", "seconds"], 3)
    first = event_of(1, [0, 1, 2], [6.0, 4.0, 2.0])
    means.add(first)
    ends = [Ended(reason, 1, 1, 0.0) for reason in ("diverged", "patience")]
    means.end(LanesEnded([0, 1], ends, np.zeros((2, 1)), [None, first.rows[1]]))
    means.add(event_of(2, [2], [1.0]))
    # of 6, 4 and 2; then replica 1 keeps its row, and 0 is no part of it any more
    found = [
        (list(rows), mean["epoch"], mean["train_loss"], mean["seconds"])
        for _, rows, mean in means.completed()
    ]
    assert found == [([0, 1, 2], 1, 4.0, 3.0), ([2], 2, 2.5, 1.0)]


def test_means_do_not_depend_on_which_stack_was_first():
    losses, found = np.random.default_rng(0).normal(size=(50, 6)).tolist(), set()
    for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        means = EpochMeans(["epoch", "train_loss", "seconds"], 6)
        for epoch, each in enumerate(losses, 1):
            for k in order:
                some = [2 * k, 2 * k + 1]
                means.add(event_of(epoch, some, [each[r] for r in some]))
        found.add(tuple(mean["train_loss"] for _, _, mean in means.completed()))
    assert len(found) == 1


def test_weights_have_the_mean_1_over_each_sample(ensemble, numbers):
    table = (numbers / "numbers.csv").read_text("ascii").splitlines()
    lines = [f"{line[:-1]}{k % 4 + 1}" for k, line in enumerate(table[1:])]
    (numbers / "numbers.csv").write_text("\n".join([table[0], *lines]) + "\n", "ascii")
    one = ensemble("data.sample_weight=w", spec=NUMBERS)
    weight = one.dataset.parts["train"].weight.astype(float)
    assert len(set(weight)) == 4
    means = [weight[prepared.lane.rows].mean() for prepared in one.prepared]
    assert max(abs(mean - 1) for mean in means) > 0.01
    for prepared, mean in zip(one.prepared, means, strict=True):
        np.testing.assert_allclose(prepared.weight, weight / mean, rtol=1e-6)


@pytest.mark.usefixtures("numbers")
def test_all_replicas_diverged(ensemble, monkeypatch):
    diverging(monkeypatch, range(4))
    one = ensemble(spec=NUMBERS)
    epochs, _, ended = run(one)
    assert (ended.reason, ended.best_epoch, ended.last_epoch) == ("diverged", 0, 1)
    assert one.kept == [0, 1, 2, 3]
    assert np.isfinite(one.network.vector).all()  # the random beginnings
    assert epochs == []


def test_no_epochs_at_all(ensemble):
    one = ensemble("training.epochs=0", spec=SPECIES.format(kind="seeds", validation=0.2))
    epochs, replicas, ended = run(one)
    assert (epochs, replicas) == ([], [])
    assert replace(ended, seconds=0.0) == Ended("finished", 0, 0, 0.0)
    assert one.network.lane_shape == (5,)
    assert len(np.unique(one.network.vector[:, 0])) == 5


@pytest.mark.parametrize("threads", [1, 2])
def test_interrupted_in_the_first_epoch(threads, ensemble, monkeypatch):
    monkeypatch.setattr(plan_module, "WORTH_A_PROCESS", 0.0)
    spec = SPECIES.format(kind="bootstrap", validation=0.2)
    one = ensemble(f"runtime.threads={threads}", "training.batch_size=1", spec=spec)
    epochs, _, ended = run(one, lambda: True)
    if threads == 1:
        assert epochs == []
        assert (ended.reason, ended.epochs, ended.last_epoch) == ("interrupted", 0, 1)
        assert one.kept == [0, 1, 2, 3, 4]
    assert ended.reason == "interrupted"
    begun = [r for r in range(5) if one.ended[r].epochs]
    assert one.kept == (begun or [0, 1, 2, 3, 4])


def test_interrupted_before_the_turn_of_the_last_stacks(ensemble):
    """A network of one step is no part of the model where others have trained for epochs."""
    spec = SPECIES.format(kind="bootstrap", validation=0)
    memory = ensemble(spec=spec).plan.memory // 5
    one = ensemble(f"runtime.memory={2 * memory}", "runtime.threads=1", spec=spec)
    assert [len(stack) for stack in one.plan.stacks] == [2, 2, 1]
    first, second, third = one.plan.stacks
    begun = set()

    def stop():
        return bool(begun)

    epochs = []
    for event in one.run(stop):
        if isinstance(event, LanesAdvanced) and event.epoch == 4 and second[0] in event.lanes:
            begun.add(second[0])
        elif isinstance(event, EpochEnded):
            epochs.append(event)
    assert one.kept == sorted([*first, *second])
    assert [one.ended[r].epochs for r in first] == [30, 30]
    assert {one.ended[r].reason for r in [*second, *third]} == {"interrupted"}
    assert one.ended[third[0]].epochs == 0
    assert [event.epoch for event in epochs] == list(range(1, 31))
    assert all(np.isfinite(event.mean["train_loss"]) for event in epochs)


def test_more_folds_than_rows(ensemble):
    with pytest.raises(DataError, match="1000 folds of 106 training rows") as caught:
        ensemble("ensemble={kind: kfold, replicas: 1000}")
    assert caught.value.key == ("ensemble", "replicas")


def test_a_sample_without_any_weight(ensemble, numbers):
    rows = ["a,y,w", *(f"{k},{k % 5},{int(k < 1)}" for k in range(60))]
    (numbers / "numbers.csv").write_text("\n".join(rows) + "\n", "ascii")
    weighted = ("data.sample_weight=w", "data.split.validation=0")
    with pytest.raises(DataError, match="every row of a replica has the weight 0") as caught:
        ensemble(*weighted, "ensemble.replicas=20", spec=NUMBERS)
    assert caught.value.key == ("ensemble",)


def test_a_fold_too_small_for_batch_normalization(ensemble, numbers):
    (numbers / "numbers.csv").write_text("a,y\n1,2\n2,5\n", "ascii")
    split = ("data.split.validation=0", "ensemble={kind: kfold, replicas: 2}")
    ensemble(*split, spec=NUMBERS)
    with pytest.raises(DataError, match="needs 2 training rows, and a replica has 1"):
        ensemble(*split, "model.layers[0].norm=batch", spec=NUMBERS)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_monitored_figure_that_is_not_defined(threads, ensemble, numbers, monkeypatch):
    monkeypatch.setattr(plan_module, "WORTH_A_PROCESS", 0.0)
    (numbers / "numbers.csv").write_text("a,y\n1,2\n2,5\n", "ascii")
    one = ensemble(
        "data.split.validation=0",
        "training.early_stopping.monitor=train_r2",
        "ensemble={kind: kfold, replicas: 2}",
        f"runtime.threads={threads}",
        spec=NUMBERS,
    )
    with pytest.raises(DataError, match="train_r2 is not defined"):
        run(one)


def test_smote_says_whether_the_data_or_a_sample_has_too_few_rows(ensemble, training, tmp_path):
    """Two rows of a class are neighbours; of 20 bootstrap samples some have one of them once."""
    spec = "data: {path: two.csv, target: c, split: {validation: 0, test: 0}}\n"
    smote = "regularization.augmentation=[{name: smote}]"
    bag = "ensemble={kind: bootstrap, replicas: 20}"
    alone = "smote: the class 'b' has one training row"
    rows = [f"{x},{'b' if x < 2 else 'a'}\n" for x in range(30)]
    (tmp_path / "two.csv").write_text("x,c\n" + "".join(rows), "ascii")
    training(smote, spec=spec)
    with pytest.raises(
        DataError, match=f"^among the 30 rows of one replica or fold, of 30: {alone}"
    ):
        ensemble(smote, bag, spec=spec)
    (tmp_path / "two.csv").write_text("x,c\n" + "".join(rows[1:]), "ascii")
    with pytest.raises(DataError, match=f"^{alone}"):
        training(smote, spec=spec)


def test_folds_of_unequal_size_that_smote_makes_equal(ensemble, tmp_path):
    """Ten of one class and five of the other, in two folds: 5 + 2 or 5 + 3 rows become 5 + 5."""
    rng = np.random.default_rng(0)
    rows = [f"{x:.3f},{'ab'[k % 3 == 0]}" for k, x in enumerate(rng.normal(size=15))]
    (tmp_path / "two.csv").write_text("\n".join(["x,y", *rows]) + "\n", "ascii")
    spec = """
data: {path: two.csv, target: y, split: {validation: 0, test: 0}}
model: {layers: [{units: 3}]}
training: {epochs: 2, train_loss: full}
regularization: {augmentation: [{name: smote, k: 1}]}
ensemble: {kind: kfold, replicas: 2}
"""
    one = ensemble(spec=spec)
    assert {len(lane.rows) for lane in one.lanes} == {7, 8}
    _, _, ended = run(one)
    assert ended.reason == "finished"
