"""Longer trials of learning rates: on folds of the training rows, side by side."""

import math

import numpy as np
import pytest

from mlpcli.nn.network import Network
from mlpcli.randomness import replica_seed
from mlpcli.training import plan as planning
from mlpcli.training import rate_trials as module
from mlpcli.training.evaluation import row_losses
from mlpcli.training.events import Ended
from mlpcli.training.lanes import Lane
from mlpcli.training.rate_trials import Course, compare, make_folds, with_rate
from mlpcli.training.trainer import never
from mlpcli.training.training import Training

SPLIT = "data.split={validation: 0.2, test: 0}"


@pytest.fixture
def one(training):
    return training(SPLIT, "training={batch_size: 16, epochs: 3}")


def test_a_trial_is_the_specs_training_on_each_fold_judged_by_the_rows_left_out(one):
    spec, other = compare(one, [0.1, 0.01], never)
    assert (spec.learning_rate, other.learning_rate) == (0.1, 0.01)
    each = {0.1: [], 0.01: []}
    train = one.dataset.parts["train"]
    held = []
    for k, (rows, out) in enumerate(make_folds(one, 10_000)):
        held += out.tolist()
        assert not {*rows.tolist()} & {*out.tolist()}
        for rate, losses in each.items():
            lane = Lane(with_rate(one.spec, rate), replica_seed(one.spec.seed, k), rows)
            alone = Training(lane.spec, one.dataset, [lane])
            list(alone.run())
            network = Network(alone.architecture, alone.network.vector)
            losses.append(row_losses(network, one.encoding, train.take(out)).astype(float))
    assert sorted(held) == list(range(120))  # each training row judges once
    assert spec.loss == pytest.approx(np.mean(each[0.1]), rel=1e-12)
    assert other.loss == pytest.approx(np.mean(each[0.01]), rel=1e-12)
    leads = np.mean(np.array(each[0.1]) - np.array(each[0.01]), axis=1)
    assert other.lead == pytest.approx(leads.mean(), abs=1e-12)
    assert other.least == pytest.approx(leads.min(), abs=1e-12)
    assert (spec.lead, spec.error) == (0, 0)


def test_several_stacks_say_what_one_says(one, monkeypatch):
    whole = compare(one, [0.1, 0.01], never)
    monkeypatch.setattr(module, "best_lanes", lambda *_: 3)
    assert compare(one, [0.1, 0.01], never) == whole


def test_rows_weigh_what_they_weigh_in_the_loss(training, tmp_path):
    lines = (tmp_path / "iris.csv").read_text("utf-8").splitlines()
    rows = [f"{line},{0 if k % 2 else 3}" for k, line in enumerate(lines[1:])]
    (tmp_path / "iris.csv").write_text("\n".join([lines[0] + ",w", *rows]) + "\n", "utf-8")
    keys = ("data.sample_weight=w", SPLIT, "training={epochs: 0}")
    (trial,) = compare(training(*keys), [0.1], never)
    one = training(*keys)
    train, losses, weights = one.dataset.parts["train"], [], []
    for k, (_, out) in enumerate(make_folds(one, 10_000)):
        alone = Training(one.spec, one.dataset, [Lane(one.spec, replica_seed(one.spec.seed, k))])
        losses.append(row_losses(alone.network, one.encoding, train.take(out)))
        weights.append(train.weight[out])
    expected = np.average(np.concatenate(losses), weights=np.concatenate(weights))
    assert trial.loss == pytest.approx(expected, rel=1e-6)


def test_a_rate_that_diverges_on_a_fold_has_no_loss_and_no_lead(training):
    one = training("data.target=petal_width_cm", "data.exclude=[species]", SPLIT)
    spec, lost = compare(one, [0.1, 1e9], never)
    assert math.isfinite(spec.loss)
    assert (spec.diverged, lost.diverged, lost.loss) == (0, 5, math.inf)
    assert math.isnan(lost.lead)
    assert math.isnan(compare(one, [1e9, 0.1], never)[1].lead)


def test_of_many_rows_so_many_are_drawn_that_there_are_eight_epochs(one):
    (rows, held), *others = make_folds(one, 32)
    assert (len(rows), len(held)) == (4 * 16, 24)  # 32 steps: 8 epochs of 4
    assert {len(each) for each, _ in others} == {64}
    assert [len(each) for each, _ in make_folds(one, 10_000)] == [96] * 5


def test_with_too_few_rows_there_is_no_trial(training):
    few = training("data.split={validation: 0, test: 0.9}")  # 15 rows, 3 a fold
    assert len(few.dataset.parts["train"]) == 15
    assert compare(few, [0.1, 0.01], never) == []


def test_large_networks_take_fewer_steps(training):
    layer = "{units: 2000, activation: tanh}"
    small, large = training(), training(f"model.layers=[{layer}, {layer}]")
    assert module.steps_of_trial(small, 20) == 10_000
    assert 500 <= module.steps_of_trial(large, 20) < 10_000


def course(reason, steps=(100, 200, 400, 800), losses=(1.0, 0.8, 0.7, 0.65)):
    return Course(list(steps), list(losses), Ended(reason, 4, 4, 1.0))


def test_what_is_left_out_may_gain_as_much_with_each_doubling_as_the_last_one():
    # from 400 to 800 steps 0.05; from 800 to 6400 there are three more doublings
    assert course("interrupted").catch_up(6400) == pytest.approx(0.15)
    assert course("interrupted", losses=(0.5, 0.6, 0.7, 0.7)).catch_up(6400) == 0
    assert course("patience").catch_up(6400) == 0
    assert course("interrupted", steps=(), losses=()).catch_up(6400) == math.inf
    assert course("interrupted", steps=(800,), losses=(0.7,)).catch_up(6400) == math.inf


def test_only_larger_rates_are_held_to_it(training):
    keys = (SPLIT, "training={batch_size: 16, epochs: 200}")
    one = training(*keys)
    patched = pytest.MonkeyPatch()
    with patched.context() as m:
        m.setattr(module, "steps_of_trial", lambda *_: 60)
        trials = compare(one, [0.01, 0.1, 0.001], never)
    assert trials[1].catch_up > 0
    assert trials[0].catch_up == trials[2].catch_up == 0


@pytest.mark.parametrize(
    ("threads", "steps", "width", "n_stacks", "processes"),
    [
        (1, 1000, 64, 1, 1),
        (2, 1000, 64, 2, 2),
        (2, 1000, 4, 6, 2),  # 5 stacks of 4 would leave one process without work at the end
        (64, 1000, 64, 20, 20),  # a network each
        (2, 1, 64, 1, 1),  # too short for a process
    ],
)
def test_as_many_stacks_for_each_process(
    training, monkeypatch, threads, steps, width, n_stacks, processes
):
    monkeypatch.setattr(module, "best_lanes", lambda *_: width)
    monkeypatch.setattr(planning, "STEP_SECONDS", 1e-3)  # 20 seconds of 20 × 1000 steps
    plan = module.share_out(training(SPLIT, f"runtime.threads={threads}"), 20, 96, steps)
    assert (len(plan.stacks), plan.processes) == (n_stacks, processes)
    assert sorted(k for stack in plan.stacks for k in stack) == list(range(20))
    assert max(map(len, plan.stacks)) <= width


def test_no_more_processes_than_the_memory_has_room_for(training, monkeypatch):
    one = training(SPLIT, "runtime.threads=8")
    monkeypatch.setattr(planning, "STEP_SECONDS", 1.0)
    monkeypatch.setattr(module, "_bytes_per_network", lambda *_: 1000)
    monkeypatch.setattr(module, "memory_for", lambda _: 3500)
    plan = module.share_out(one, 20, 96, 100)
    assert plan.processes == 3
    assert max(map(len, plan.stacks)) == 1
    assert plan.memory == 3000
    monkeypatch.setattr(module, "memory_for", lambda _: 10)  # one network is not refused
    assert module.share_out(one, 20, 96, 100).processes == 1
