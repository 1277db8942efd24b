"""What a training allocates: a step nothing that grows, an epoch nothing that the network makes.

Every optimizer and every loss, of one network and of a stack; test_everything_at_once.py has all
regularizers at once.
"""

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, initialize, initialize_stack
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.nn.sharing import SHARINGS, Members
from mlpcli.training.batches import MAX_BATCHES
from mlpcli.training.trainer import Trainer
from mlpcli.workers import Workers

OUTPUTS = 12
SMALL, LARGE, TALL = (8, 8), (400, 250), (8, 6000)  # units of a layer, rows of a batch
# Views, frames, bound methods: a few hundred bytes each, whatever the network; and the buffer of
# 8,192 numbers through which NumPy adds a wide layer's bias.
A_STEP, AN_EPOCH = 4 * 8192 + 8_000, 4 * 8192 + 40_000
BUFFERS = 2 * 4 * 8192  # of comparisons that a loss writes as numbers
OF_VALUE = 5  # arrays like u of a block, for its rows' losses
PERMUTATION = 8  # bytes a row: each epoch draws its order anew

each_lane_shape = pytest.mark.parametrize("lanes", [0, 3], ids=["alone", "stack"])
each_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS)
each_loss = pytest.mark.parametrize("loss", LOSSES)


def trainer_of(
    draw_target, size, *, optimizer="sgd", loss="mse", lanes=0, n_batches=3, members=None, **options
):
    """Return a trainer of two hidden layers, with a shorter last batch."""
    units, batch = size
    form = LOSSES[loss]().for_task(LOSSES[loss].tasks[0])
    layers = tuple(Layer(units, ACTIVATIONS[name]()) for name in ("relu", "tanh"))
    architecture = Architecture(5, layers, OUTPUTS, form, members=members)
    rng = np.random.default_rng(0)
    n_rows = n_batches * batch - 2
    X = rng.normal(size=(n_rows, 5)).astype(np.float32)
    target = draw_target(form, rng, (n_rows, OUTPUTS), np.float32)
    seeds = list(range(lanes or 1))
    network = initialize_stack(architecture, seeds) if lanes else initialize(architecture, 0)
    return Trainer(
        network, OPTIMIZERS[optimizer](), X, target, batch_size=batch, seeds=seeds, **options
    )


def of_a_step(trainer, peak_bytes):
    """Return the peak of one step on the first batch."""
    list(trainer.epoch(1, 1e-3))
    batch = trainer.loader.load(0, trainer.loader.batch_size).batches[0]
    return peak_bytes(lambda: trainer.step(batch))


def of_an_epoch(trainer, peak_bytes):
    """Return the peak of an epoch, the first one aside."""
    list(trainer.epoch(1, 1e-3))
    return peak_bytes(lambda: list(trainer.epoch(2, 1e-3)))


@each_lane_shape
@each_optimizer
def test_a_step_of_every_optimizer_allocates_nothing_that_grows(
    optimizer, lanes, draw_target, peak_bytes
):
    for size in (SMALL, LARGE):
        trainer = trainer_of(draw_target, size, optimizer=optimizer, lanes=lanes)
        assert of_a_step(trainer, peak_bytes) < A_STEP, size
    assert trainer.network.theta.nbytes > 10 * A_STEP  # one vector like it would show


@each_lane_shape
@each_loss
def test_a_step_of_every_loss_allocates_nothing_that_grows(loss, lanes, draw_target, peak_bytes):
    for size in (SMALL, LARGE, TALL):
        trainer = trainer_of(draw_target, size, loss=loss, lanes=lanes)
        assert of_a_step(trainer, peak_bytes) < A_STEP + BUFFERS, size
    # One array like the delta would show.
    assert trainer.step.backprop[TALL[1]].delta.nbytes > 2 * (A_STEP + BUFFERS)


@each_lane_shape
@pytest.mark.parametrize("kind", SHARINGS)
def test_a_step_of_members_allocates_nothing_that_grows(kind, lanes, draw_target, peak_bytes):
    for size in (SMALL, (400, 100), (8, 2000)):
        members = Members(3, SHARINGS[kind]())
        trainer = trainer_of(draw_target, size, lanes=lanes, members=members)
        assert of_a_step(trainer, peak_bytes) < A_STEP + BUFFERS, size
    assert trainer.step.backprop[size[1]].delta.nbytes > 2 * (A_STEP + BUFFERS)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_step_of_members_by_every_loss_allocates_nothing_that_grows(
    loss, draw_target, peak_bytes
):
    for size in (SMALL, (8, 2000)):
        members = Members(3, SHARINGS["tabm"]())
        trainer = trainer_of(draw_target, size, loss=loss, members=members)
        assert of_a_step(trainer, peak_bytes) < A_STEP + BUFFERS, size
    assert trainer.step.backprop[size[1]].delta.nbytes > 2 * (A_STEP + BUFFERS)


@each_lane_shape
@pytest.mark.parametrize("kind", [None, "tabm"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_step_in_shards_allocates_nothing_that_grows(
    threads, kind, lanes, draw_target, peak_bytes
):
    members = None if kind is None else Members(3, SHARINGS[kind]())
    bound = threads * A_STEP + BUFFERS
    for size in (SMALL, (400, 100), (8, 6000)):
        trainer = trainer_of(
            draw_target,
            size,
            optimizer="adam",
            lanes=lanes,
            members=members,
            shards=3,
            workers=Workers(threads),
        )
        assert trainer.step.update.begins_with_pieces
        assert of_a_step(trainer, peak_bytes) < bound, size
        if size[0] == 400:
            assert trainer.network.theta.nbytes > 4 * bound  # one vector like it would show
    assert trainer.step.backprop[6000].weights[1].h.nbytes > 1.2 * bound  # and one array like h


@each_lane_shape
@each_optimizer
def test_an_epoch_of_every_optimizer_allocates_its_order_and_the_losses_of_a_block(
    optimizer, lanes, draw_target, peak_bytes
):
    for size in (SMALL, LARGE):
        trainer = trainer_of(draw_target, size, optimizer=optimizer, lanes=lanes)
        bound = AN_EPOCH + PERMUTATION * trainer.n_rows
        bound += OF_VALUE * trainer.loader.block_of(trainer.loader.capacity).u.nbytes
        assert of_an_epoch(trainer, peak_bytes) < bound, size
    assert trainer.network.theta.nbytes > 2 * bound  # one vector like it would show


@each_lane_shape
@each_loss
def test_an_epoch_of_every_loss_allocates_its_order_and_the_losses_of_a_block(
    loss, lanes, draw_target, peak_bytes
):
    for size in (SMALL, LARGE):
        trainer = trainer_of(draw_target, size, loss=loss, lanes=lanes)
        bound = AN_EPOCH + PERMUTATION * trainer.n_rows
        bound += OF_VALUE * trainer.loader.block_of(trainer.loader.capacity).u.nbytes
        assert of_an_epoch(trainer, peak_bytes) < bound, size
    assert trainer.network.theta.nbytes > 2 * bound  # one vector like it would show


@each_lane_shape
def test_more_steps_allocate_no_more(lanes, draw_target, peak_bytes):
    few, many = (
        trainer_of(draw_target, SMALL, lanes=lanes, n_batches=n_blocks * MAX_BATCHES - 2)
        for n_blocks in (2, 24)
    )
    assert few.loader.rows_per_block == many.loader.rows_per_block < few.n_rows
    peak = [of_an_epoch(one, peak_bytes) - PERMUTATION * one.n_rows for one in (few, many)]
    assert peak[1] < peak[0] + A_STEP
