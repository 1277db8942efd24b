"""What threads are expected to gain: the model of a step's time, by hand."""

from dataclasses import asdict, replace

import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer
from mlpcli.nn.sharing import SHARINGS, Members
from mlpcli.training import speed_up
from mlpcli.training.speed_up import StepCosts, expected_speed_up, step_time

# Of numbers that make the arithmetic easy: a multiply-add takes a second.
EASY = StepCosts(
    rate=1.0,
    packing_rows=0.5,
    unit_bytes=64.0,
    vector_bytes=78.0,
    memory_bytes=39.0,
    shared_bytes=26.0,
    cache_bytes=208.0,
    gather_bytes=32.0,
    step_calls=3.0,
    shard_calls=5.0,
    beside=1.5,
    hand_over=7.0,
)
WIDTHS, ROWS = (2, 3, 1), 4


def network(*widths):
    """Return a classifier of relu layers."""
    layers = tuple(Layer(units, ACTIVATIONS["relu"]()) for units in widths[1:-1])
    return Architecture(widths[0], layers, widths[-1], LOSSES["cross_entropy"]())


# A row takes 6 + 3 multiply-adds forward and 3 back to the hidden layer; the gradients of W take
# 6 + 3 a row of the batch. W is copied as if half a row more went through each product, and each
# piece of hᵀ δ copies δ of 4 rows and 3 + 1 units. Activations are 12 arrays of 3 units, 16 of a
# cut step. θ has 9 weights and 4 biases, 52 bytes, passed 15 times: 780.
@pytest.mark.parametrize(
    ("shards", "threads", "expected"),
    [
        # 4 · 12 + 4 · 9; 0.5 (12 + 16); 4 · 3 · 12 · 4 / 64; 780 / 78; 2 · 4 · 2 · 4 / 32; 3 + 5
        (1, 1, {"products": 84, "packing": 14, "activations": 9, "vectors": 10, "calls": 8}),
        # Twice the copies and the calls, 16 arrays in place of 12.
        (2, 1, {"products": 84, "packing": 28, "activations": 12, "vectors": 10, "calls": 13}),
        # Of two threads each has half of that, 1.5 times as long, but for the step's calls.
        (
            *(2, 2),
            {"products": 63, "packing": 21, "activations": 9, "vectors": 7.5, "calls": 8}
            | {"hand_over": 14},
        ),
        # Three shards have at most 2 rows; one thread of two has two of them, so two thirds of θ.
        (
            *(3, 2),
            {"products": 1.5 * (4 * 12 + 24), "packing": 42, "activations": 18, "vectors": 10}
            | {"calls": 13, "hand_over": 14},
        ),
        # A shard has a row at least: as with 4 shards and threads.
        (
            *(9, 9),
            {"products": 1.5 * (12 + 9), "packing": 21, "activations": 4.5, "vectors": 3.75}
            | {"calls": 8, "hand_over": 14},
        ),
    ],
)
def test_a_step_by_hand(shards, threads, expected):
    found = step_time(WIDTHS, ROWS, shards, threads, EASY)
    every = {"gather": 2.0, "hand_over": 0.0, "lock": 0.0} | expected
    assert asdict(found) == pytest.approx(every)
    assert found.total == pytest.approx(sum(every.values()))


def test_vectors_that_do_not_fit_into_the_cache():
    """θ, gradient, v and α θ are 4 · 52 bytes: 208 fit, one byte less is too little."""
    small = replace(EASY, cache_bytes=207.0)
    assert step_time(WIDTHS, ROWS, 1, 1, small).vectors == 780 / 26  # not 780 / 39: all have that
    quick = replace(small, shared_bytes=1e9)
    assert step_time(WIDTHS, ROWS, 1, 1, quick).vectors == 780 / 39
    assert step_time(WIDTHS, ROWS, 2, 2, quick).vectors == 1.5 * 780 / 39 / 2


def test_no_step_is_shorter_than_the_calls_of_all_threads():
    slow = replace(EASY, shard_calls=100.0)  # 3 + 4 · 100 of all; one thread makes 3 + 100
    found = step_time(WIDTHS, ROWS, 4, 4, slow)
    assert found.calls == 103
    assert found.total == 403
    assert found.lock == pytest.approx(403 - 103 - (31.5 + 21 + 4.5 + 3.75 + 2 + 14))


def test_the_speed_up_by_hand(monkeypatch):
    monkeypatch.setattr(speed_up, "COSTS", EASY)
    # One thread: 84 + 14 + 9 + 10 + 2 + 8 = 127. Two: 63 + 21 + 9 + 7.5 + 2 + 8 + 14 = 124.5.
    assert expected_speed_up(network(*WIDTHS), ROWS, 2, 2) == pytest.approx(127 / 124.5)
    # Nothing is taken to be quicker than its threads, whatever the constants.
    ideal = replace(EASY, beside=0.1, hand_over=0.0)
    monkeypatch.setattr(speed_up, "COSTS", ideal)
    assert expected_speed_up(network(*WIDTHS), ROWS, 2, 2) == 2
    assert expected_speed_up(network(*WIDTHS), ROWS, 4, 2) == 2


@pytest.mark.parametrize(("rows", "shards", "threads"), [(256, 1, 8), (256, 8, 1), (1, 2, 2)])
def test_where_nothing_is_shared_out_it_is_one(rows, shards, threads):
    assert expected_speed_up(network(512, 1024, 1024, 10), rows, shards, threads) == 1


@pytest.mark.parametrize("widths", [(8, 8, 3), (784, 512, 256, 10), (512, 1536, 1536, 10)])
@pytest.mark.parametrize("shards", [2, 5, 16, 64])
def test_more_threads_are_never_slower_and_never_more_than_their_number(widths, shards):
    found = [expected_speed_up(network(*widths), 2048, shards, t) for t in range(2, 70)]
    assert found == sorted(found)
    assert all(0 < each <= min(shards, t) for t, each in enumerate(found, 2))


def test_small_networks_lose_and_wide_ones_gain():
    """As measured (docs/threads.md): 64-64-64-10 had 0.39 of one thread's rate, with 128 rows."""
    assert expected_speed_up(network(64, 64, 64, 10), 128, 2, 2) < 0.7
    assert 1.5 < expected_speed_up(network(512, 1024, 1024, 10), 256, 2, 2) < 2


def test_each_member_has_rows_of_its_own():
    """Eight members with 32 rows each go through W as 256 rows of one network do."""
    one = network(512, 1024, 1024, 10)
    members = Members(8, SHARINGS["tabm_mini"]())
    eight = replace(one, members=members)
    assert expected_speed_up(eight, 32, 4, 4) == expected_speed_up(one, 256, 4, 4)
    assert expected_speed_up(eight, 32, 4, 4) != expected_speed_up(one, 32, 4, 4)
