"""The search for a learning rate: each lane is the training that has that rate and seed alone."""

import math
import os

import numpy as np
import pytest

from mlpcli.nn.evaluation import Evaluation
from mlpcli.nn.network import Network, initial_vector
from mlpcli.randomness import replica_seed
from mlpcli.training import find_rate as module
from mlpcli.training import lanes, rate_trials
from mlpcli.training.build import loss_target
from mlpcli.training.find_rate import CANDIDATES, SEEDS, find_rate
from mlpcli.training.rate_choice import Shortlist
from mlpcli.workers import SHARED


@pytest.fixture
def one(training):
    return training("data.split={validation: 0.2, test: 0}", "training.batch_size=16")


def test_the_candidates_are_four_a_decade():
    assert (CANDIDATES[0], CANDIDATES[4], CANDIDATES[-1], len(CANDIDATES)) == (1e-5, 1e-4, 10, 25)
    ratios = np.array(CANDIDATES[1:]) / np.array(CANDIDATES[:-1])
    np.testing.assert_allclose(ratios, 10**0.25, rtol=0.03)  # rounded to two digits


def alone(one, seed, rate, steps):
    """Return the validation loss of one network trained by itself."""
    vector = initial_vector(one.architecture, seed).astype(np.float32)
    network = Network(one.architecture, vector)
    trainer, taken, epoch = one.trainer(network, [seed]), iter(range(1, steps + 1)), 0
    while epoch == 0 or not trainer.stopped:
        epoch += 1
        list(trainer.epoch(epoch, rate, lambda: next(taken) == steps))
    part = one.dataset.parts["validation"]
    out = np.empty((len(part), one.architecture.n_outputs))
    target = loss_target(one.encoding, part.y, network.dtype)
    return Evaluation(network).loss(part.X, target, out)


def test_a_candidate_reaches_what_trainings_with_that_rate_alone_reach(one):
    found = find_rate(one, steps=20)
    seeds = [replica_seed(one.spec.seed, s) for s in range(SEEDS)]
    assert len({*seeds}) == 4
    for candidate in (found.candidates[8], found.candidates[16]):
        losses = [alone(one, seed, candidate.learning_rate, 20) for seed in seeds]
        assert np.std(losses) > 0.001  # the seeds differ
        assert candidate.val_loss == pytest.approx(np.mean(losses), rel=1e-12)
        assert candidate.worst >= max(losses)


def test_several_stacks_find_what_one_finds(one, monkeypatch):
    whole = find_rate(one, steps=5)
    monkeypatch.setattr(rate_trials, "best_lanes", lambda *_: 3)
    assert repr(find_rate(one, steps=5)) == repr(whole)  # in words: NaN differs from itself


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no processes to fork")
@pytest.mark.parametrize("processes", [2, 3])
def test_several_processes_find_what_one_finds(training, monkeypatch, processes):
    keys = "data.split={validation: 0.2, test: 0}", "training={batch_size: 16, epochs: 3}"
    whole = find_rate(training(*keys, "runtime.threads=1"), steps=5)
    used, run = [], module.run_tasks

    def counted(work, tasks, n, stop):
        used.append((n, len(tasks)))
        return run(work, tasks, n, stop)

    monkeypatch.setattr(rate_trials, "WORTH_A_PROCESS", 0.0)
    for each in (module, rate_trials):
        monkeypatch.setattr(each, "run_tasks", counted)
    shared = find_rate(training(*keys, f"runtime.threads={processes}"), steps=5)
    assert repr(shared) == repr(whole)
    assert [n for n, _ in used] == [processes, processes]  # short trials, and longer ones
    assert all(n_tasks % processes == 0 for _, n_tasks in used)


def test_steps_are_not_cut_unless_the_spec_says_so(one, monkeypatch):
    monkeypatch.setattr(lanes, "shards_of", lambda spec, *_: spec.runtime.shards or 4)
    assert module.training_of_rates(one.spec, one.dataset).shards == 1
    runtime = one.spec.runtime.model_copy(update={"shards": 2})
    spec = one.spec.model_copy(update={"runtime": runtime})
    assert module.training_of_rates(spec, one.dataset).shards == 2


def test_no_more_threads_evaluate_than_the_spec_allows(training, monkeypatch):
    monkeypatch.setattr(SHARED, "n", 7)
    one = training("data.split={validation: 0.2, test: 0}")
    module.training_of_rates(one.spec, one.dataset)
    assert SHARED.n == 7
    one = training("data.split={validation: 0.2, test: 0}", "runtime.threads=2")
    module.training_of_rates(one.spec, one.dataset)
    assert SHARED.n == 2


def test_the_network_itself_is_left_alone(one):
    before = one.network.vector.copy()
    find_rate(one, steps=5)
    np.testing.assert_array_equal(one.network.vector, before)


def test_asked_to_stop_it_finds_nothing(one):
    asked = []
    assert find_rate(one, lambda: bool(asked.append(1)), steps=5) is not None
    for share in (0, 0.05, 0.5, 0.9):  # before it begins, in the short trials, in the longer ones
        left = iter([False] * int(share * len(asked)))
        assert find_rate(one, lambda left=left: next(left, True), steps=5) is None


def test_of_many_rows_those_are_drawn_that_the_steps_can_see(training):
    lanes = module._seed_lanes(training("training.batch_size=10"), 3, 2)
    assert [len(lane.source) for lane in lanes] == [30, 30]
    assert len({*lanes[0].source.tolist()}) == 30
    assert {*lanes[0].source.tolist()} != {*lanes[1].source.tolist()}
    assert module._seed_lanes(training("training.batch_size=64"), 3, 1)[0].source is None


def test_the_specs_rate_is_tried_beside_the_best_and_two_lower_ones(one, monkeypatch):
    tried = []
    monkeypatch.setattr(module, "compare", lambda _, rates, __: tried.append(rates) or [])
    module._longer_trials(one, Shortlist(16, None), module.never)
    assert one.optimizer.learning_rate == CANDIDATES[16] == 0.1
    module._longer_trials(one, Shortlist(12, None), module.never)
    module._longer_trials(one, Shortlist(3, None), module.never)
    assert tried == [[0.1, 0.032, 0.01], [0.1, 0.01, 0.0032, 0.001], [0.1, 5.6e-5, 1.8e-5]]


# --------------------------------------------------------------- end to end

WINE = """
data: {path: wine.csv, target: cultivar}
model: {layers: [{units: 16, activation: relu}]}
training: {epochs: 20, optimizer: adam}
"""


@pytest.fixture
def wine(training, tmp_path):
    """Return a function that makes a training on 178 rows of three classes, easy to tell apart."""
    rng = np.random.default_rng(7)
    classes = np.repeat([0, 1, 2], [59, 71, 48])
    X = rng.normal(size=(178, 13)) + rng.normal(scale=1.2, size=(3, 13))[classes]
    X *= rng.lognormal(size=13)
    lines = [",".join(map(str, [*row, f"c{k}"])) for row, k in zip(X, classes, strict=True)]
    header = ",".join([*(f"x{j}" for j in range(13)), "cultivar"])
    (tmp_path / "wine.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return lambda *overrides: training(*overrides, spec=WINE)


def test_on_a_small_easy_table_the_rate_of_adam_is_small_and_the_same_for_any_seed(wine):
    found = [find_rate(wine(f"seed={seed}")) for seed in range(4)]
    rates = [each.suggested for each in found]
    assert max(rates) <= 0.05  # once it was 10, where the test loss is 2370 in place of 0.29
    assert max(rates) / min(rates) <= 10
    assert all(each.edge <= 5.6 for each in found)


@pytest.mark.parametrize("rate", [1.0, 1e-6])
def test_a_rate_that_is_far_off_is_replaced(wine, rate):
    found = find_rate(wine(f"training.optimizer.learning_rate={rate}"))
    assert found.verdict == "better"
    assert 1e-4 <= found.suggested <= 0.05
    first, *others = found.trials
    assert (first.learning_rate, first.lead) == (rate, 0.0)
    assert min(other.loss for other in others) < first.loss / 2


def test_no_rate_is_found_where_there_is_nothing_to_learn_from_the_rows(training, tmp_path):
    rng = np.random.default_rng(0)
    lines = [f"{a},{b}" for a, b in rng.normal(size=(80, 2))]
    (tmp_path / "noise.csv").write_text("\n".join(["x,y", *lines]) + "\n", encoding="utf-8")
    spec = "data: {path: noise.csv, target: y}\nmodel: {layers: [{units: 4, activation: tanh}]}\n"
    keys = "model.output_initializer=zeros", "training.optimizer=sgd", "training.batch_size=32"
    found = find_rate(training(*keys, spec=spec))
    assert (found.suggested, found.verdict, found.trials) == (None, "none", [])
    assert found.spec_rate == 0.1  # of sgd


def test_where_every_rate_diverges_it_says_so(training):
    far = "model.output_initializer={name: normal, std: 1e30}"
    found = find_rate(training("data.target=petal_width_cm", "data.exclude=[species]", far))
    assert (found.suggested, found.verdict) == (None, "diverged")
    assert all(math.isinf(each.worst) for each in found.candidates)
