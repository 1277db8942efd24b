"""A form that leaves work to the chunk trains as the form it stands for does.

To the same bits, where it has the same products: one that takes columns has others with U, and
comes as near as float64 rounds.
"""

import numpy as np
import pytest
from loss_forms import FORMS

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES, Loss, cross_entropy
from mlpcli.nn.losses.cross_entropy import FEW
from mlpcli.nn.network import Architecture, Layer, initialize, initialize_stack
from mlpcli.nn.optimizers import Sgd
from mlpcli.training import feed
from mlpcli.training.trainer import Trainer

TANH = ACTIVATIONS["tanh"]()
IN_CHUNKS = [loss for loss in FORMS if loss.in_chunks(6, 7) is not loss]

each_lead = pytest.mark.parametrize("lanes", [0, 3], ids=["alone", "stack"])


def train(loss, lanes, draw_target, *, n_outputs=6, weighted=False, kept=False, output=None):
    """Return what two epochs of 103 rows leave, in batches of 8, several chunks of them."""
    rng = np.random.default_rng(5)
    architecture = Architecture(5, (Layer(7, TANH),), n_outputs, loss, output=output)
    by_column = loss.name == "cross_entropy" and cross_entropy.SMALL
    dtype = np.float64 if by_column else np.float32
    seeds = range(max(lanes, 1))
    network = (initialize_stack if lanes else initialize)(
        architecture, seeds if lanes else 0, dtype
    )
    trainer = Trainer(
        network,
        Sgd(),
        rng.normal(size=(103, 5)).astype(dtype),
        draw_target(loss, rng, (103, n_outputs), dtype),
        batch_size=8,
        seeds=seeds,
        weight=rng.uniform(0.5, 1.5, 103).astype(np.float32) if weighted else None,
        keep_outputs=kept,
    )
    assert trainer.feed.chunk == 40
    found = []
    for epoch in (1, 2):
        list(trainer.epoch(epoch, 0.1))
        found += [trainer.losses.copy(), network.vector.copy()]
    return trainer, [*found, trainer.outputs] if kept else found


@pytest.fixture
def assert_same(monkeypatch, draw_target):
    def check(*arguments, **options):
        monkeypatch.setattr(feed, "MOST_BATCHES", 5)
        trainer, in_chunks = train(*arguments, draw_target, **options)
        assert trainer.loss_form is not trainer.network.architecture.loss
        with monkeypatch.context() as patch:
            for form in {type(loss) for loss in IN_CHUNKS}:
                patch.setattr(form, "in_chunks", Loss.in_chunks)
            plain, step_by_step = train(*arguments, draw_target, **options)
        assert plain.loss_form is plain.network.architecture.loss
        rounded = 1e-12 if trainer.loss_form.takes_columns else 0.0
        for one, other in zip(in_chunks, step_by_step, strict=True):
            np.testing.assert_allclose(one, other, rtol=rounded, atol=rounded)

    return check


def test_three_losses_have_such_a_form():
    assert [loss.name for loss in IN_CHUNKS] == ["mse", "binary_cross_entropy", "cross_entropy"]


@each_lead
@pytest.mark.parametrize("kept", [False, True], ids=["", "outputs kept"])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("loss", IN_CHUNKS, ids=repr)
def test_the_numbers_are_those_of_the_plain_form(loss, weighted, kept, lanes, assert_same):
    assert_same(loss, lanes, weighted=weighted, kept=kept)


@each_lead
@pytest.mark.parametrize("loss", IN_CHUNKS, ids=repr)
@pytest.mark.parametrize("n_outputs", [2, FEW])
def test_of_two_outputs_and_of_many(loss, n_outputs, lanes, assert_same):
    assert_same(loss, lanes, n_outputs=n_outputs)


@each_lead
@pytest.mark.parametrize("loss", IN_CHUNKS[:2], ids=repr)
def test_of_one_output(loss, lanes, assert_same):
    assert_same(loss, lanes, n_outputs=1)


@each_lead
@pytest.mark.parametrize("output", ["sigmoid", "relu"])
def test_the_outputs_of_a_stage_of_its_own_are_left_there_too(output, lanes, assert_same):
    assert_same(LOSSES["mse"](), lanes, output=ACTIVATIONS[output]())


@each_lead
@pytest.mark.parametrize("kept", [False, True], ids=["", "outputs kept"])
@pytest.mark.parametrize("n_outputs", [2, 6, FEW])
def test_classes_by_row_have_the_bits_of_the_plain_form(
    n_outputs, kept, lanes, assert_same, monkeypatch
):
    monkeypatch.setattr(cross_entropy, "SMALL", 0)
    assert_same(LOSSES["cross_entropy"](), lanes, n_outputs=n_outputs, kept=kept)


@pytest.mark.parametrize(("n_last", "by_column"), [(1 << 14, True), ((1 << 14) + 1, False)])
def test_classes_are_by_column_where_the_last_layer_is_small(n_last, by_column):
    assert LOSSES["cross_entropy"]().in_chunks(10, n_last).takes_columns == by_column


def test_of_many_classes_each_step_takes_the_losses():
    loss = LOSSES["cross_entropy"]()
    assert loss.in_chunks(FEW + 1, 7) is loss


@pytest.mark.parametrize("loss", IN_CHUNKS, ids=repr)
def test_an_epoch_that_ends_in_a_chunk_has_the_losses_of_its_rows(loss, draw_target, monkeypatch):
    monkeypatch.setattr(feed, "MOST_BATCHES", 5)
    whole, _ = train(loss, 0, draw_target)
    stopped, _ = train(loss, 0, draw_target)
    steps = iter([False] * 6 + [True])
    list(whole.epoch(3, 0.1))
    list(stopped.epoch(3, 0.1, lambda: next(steps)))
    assert (stopped.rows_done, stopped.stopped) == (7 * 8, True)
    np.testing.assert_array_equal(stopped.losses[:56], whole.losses[:56])
    assert stopped.loss == pytest.approx(whole.losses[:56].mean(dtype=float), rel=1e-12)
