"""The sweep over learning rates: each lane is the training that has that rate alone."""

import numpy as np
import pytest

from mlpcli.nn.evaluation import Evaluation
from mlpcli.nn.network import Network
from mlpcli.training import find_rate as module
from mlpcli.training.build import loss_target
from mlpcli.training.find_rate import CANDIDATES, find_rate


@pytest.fixture
def one(training):
    return training("data.split={validation: 0.2, test: 0}", "training.batch_size=16")


def test_the_candidates_are_four_a_decade():
    assert (CANDIDATES[0], CANDIDATES[4], CANDIDATES[-1], len(CANDIDATES)) == (1e-5, 1e-4, 10, 25)
    ratios = np.array(CANDIDATES[1:]) / np.array(CANDIDATES[:-1])
    np.testing.assert_allclose(ratios, 10**0.25, rtol=0.03)  # rounded to two digits


def test_a_candidate_reaches_what_a_training_with_that_rate_alone_reaches(one):
    found = find_rate(one, steps=20)
    for candidate in (found.candidates[8], found.candidates[16]):
        network = Network(one.architecture, one.network.vector.copy())
        trainer, taken = one.trainer(network, [one.spec.seed]), iter(range(1, 100))
        for epoch in (1, 2, 3):
            if not trainer.stopped:
                list(trainer.epoch(epoch, candidate.learning_rate, lambda t=taken: next(t) == 20))
        part = one.dataset.parts["validation"]
        out = np.empty((len(part), one.architecture.n_outputs))
        target = loss_target(one.encoding, part.y, network.dtype)
        loss = Evaluation(network).loss(part.X, target, out)
        assert candidate.val_loss == loss


def test_several_stacks_find_what_one_finds(one, monkeypatch):
    whole = find_rate(one, steps=5)
    monkeypatch.setattr(module, "STACK_BYTES", 6 * 3 * one.network.vector.nbytes)  # three lanes
    assert find_rate(one, steps=5) == whole


def test_the_network_itself_is_left_alone(one):
    before = one.network.vector.copy()
    find_rate(one, steps=5)
    np.testing.assert_array_equal(one.network.vector, before)


def test_asked_to_stop_it_finds_nothing(one):
    assert find_rate(one, lambda: True) is None


def test_a_smaller_rate_within_a_hundredth_of_the_best_is_taken():
    losses = {0.01: 0.5, 0.03: 0.2019, 0.1: 0.2, 0.3: np.inf}
    candidates = [module.Candidate(rate, 0.1, loss) for rate, loss in losses.items()]
    assert module._suggested(candidates) == 0.03
    # a loss of 0 on a few validation rows is luck where the training rows say otherwise
    assert module._suggested([*candidates, module.Candidate(3.0, 0.4, 0.0)]) == 0.03
    assert module._suggested([module.Candidate(1.0, np.inf, None)]) is None
