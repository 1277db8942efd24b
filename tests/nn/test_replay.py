"""Calls that are noted once and made again: which are, in what form, and what is refused."""

from functools import partial

import numpy  # noqa: ICN001  # `np` is what is tested
import pytest

from mlpcli.nn.replay import Replay, call, live, np, put, take


def test_the_first_time_the_function_is_called_then_its_calls_are():
    a, b, out = numpy.array([1.0, 2.0]), numpy.array([3.0, 5.0]), numpy.zeros(2)
    called = []

    def product_and_sum():
        called.append(1)
        np.multiply(a, b, out=out)
        np.add(out, a, out=out)

    replay = Replay(product_and_sum, {})
    replay()
    numpy.testing.assert_array_equal(out, [4.0, 12.0])
    a[...] = [10.0, 0.0]
    replay()
    numpy.testing.assert_array_equal(out, [40.0, 0.0])
    assert called == [1]
    assert len(replay.calls) == 2


def in_every_way(x, y, m, rows, index, out):
    """One call of each kind, given arrays (3, 3), (3,) and what they write."""
    np.copyto(m, x)
    np.dot(x, y, out=out)
    np.maximum(out, 2.0, out=out)
    np.multiply(out, -0.5, out=out)
    np.add.reduce(out, axis=-1, out=rows)
    np.maximum.reduce(m, axis=0, keepdims=True, out=m[:1])
    take(m[1], index, rows)
    put(m[2], index, rows)
    call(m.argmax, -1, index)
    np.copyto(m, m.T, casting="same_kind")


@pytest.mark.parametrize("dtype", [numpy.float32, numpy.float64])
def test_every_kind_of_call_does_the_same_again(dtype):
    rng = numpy.random.default_rng(0)
    found = []
    for replayed in (False, True):
        x, y, m, out = (numpy.zeros((3, 3), dtype) for _ in range(4))
        rows, index = numpy.zeros(3, dtype), numpy.zeros(3, numpy.intp)
        function = partial(in_every_way, x, y, m, rows, index, out)
        take_once = Replay(function, {}) if replayed else function
        rng = numpy.random.default_rng(0)
        for _ in range(3):
            x[...], y[...] = rng.normal(size=(2, 3, 3))
            take_once()
            found.append([each.copy() for each in (m, out, rows, index)])
    for written, made_again in zip(found[:3], found[3:], strict=True):
        for one, other in zip(written, made_again, strict=True):
            numpy.testing.assert_array_equal(one, other)


def test_a_number_is_taken_in_the_type_of_the_arrays():
    # 0.1 is not a float32: as a float64 it would make 1 - 0.1 · 10 another number.
    x = numpy.ones(4, numpy.float32)
    replay = Replay(partial(np_subtract_from_one, x), {})
    replay()
    replay()
    assert x.dtype == numpy.float32
    once = numpy.float32(1) - numpy.float32(0.1)
    numpy.testing.assert_array_equal(x, once - numpy.float32(0.1))


def np_subtract_from_one(x):
    np.subtract(x, 0.1, out=x)


def test_replays_share_calls_of_the_same_arrays_and_numbers_alone():
    x, y = numpy.ones(2), numpy.ones(2)
    known = {}

    def scaled(array, number):
        np.multiply(array, number, out=array)

    noted = []
    for array, number in ((x, 2.0), (x, 3.0), (x, 2.0), (y, 2.0), (x, 0.0), (x, -0.0)):
        replay = Replay(partial(scaled, array, float(repr(number))), known)
        replay()
        noted.append(replay.calls[0])
    assert noted[0] is noted[2]
    assert len({id(each) for each in noted}) == 5


def test_what_leaves_no_result_behind_is_refused():
    x = numpy.ones((2, 2))
    for function in (
        lambda: np.add(x, x),
        lambda: np.add.reduce(x, axis=0),
        lambda: np.dot(x, x),
        lambda: np.sum(x, out=x[0, 0]),
        lambda: np.where(x > 0, x, 0),
    ):
        with pytest.raises(TypeError, match="in a step"):
            Replay(function, {})()
        np.add(x, x)  # and afterwards nothing is noted any more


def test_what_differs_from_time_to_time_is_called_live():
    x, drawn = numpy.zeros(2), iter([1.0, 10.0, 100.0])

    def draw():
        x[...] = next(drawn) + np.add(1.0, 1.0)  # not noted, so it needs no out

    def doubled():
        live(draw)
        np.multiply(x, 2.0, out=x)

    replay = Replay(doubled, {})
    for expected in (6.0, 24.0, 204.0):
        replay()
        numpy.testing.assert_array_equal(x, expected)
    assert len(replay.calls) == 2


def test_an_error_ends_the_noting_and_leaves_the_function_to_be_called_again():
    x, wrong = numpy.zeros(2), [True]

    def step():
        np.add(x, 1.0, out=x)
        if wrong.pop():
            raise KeyboardInterrupt

    replay = Replay(step, {})
    with pytest.raises(KeyboardInterrupt):
        replay()
    assert np.add is numpy.add
    wrong.append(False)
    replay()
    numpy.testing.assert_array_equal(x, 2.0)
    assert len(replay.calls) == 1


def test_outside_of_a_step_it_is_numpys_own():
    for name in ("add", "dot", "maximum", "matmul", "copyto", "where", "float32", "newaxis"):
        assert getattr(np, name) is getattr(numpy, name)
    with pytest.raises(AttributeError):
        np.no_such_function  # noqa: B018


def test_a_call_on_a_new_view_of_the_same_memory_is_the_same_call():
    array, out, known = numpy.ones((4, 4)), numpy.zeros((4, 4)), {}

    def step(first):
        np.dot(array.T, out[:, :2], out=out[:2].reshape(4, 2))
        np.add(array[first], 1.0, out=out[0])
        np.multiply(array[:3], 1.0, out=out[:3])

    replays = [Replay(partial(step, first), known) for first in (0, 1, 0)]
    for replay in replays:
        replay()
    one, other, again = (replay.calls for replay in replays)
    assert [x is y for x, y in zip(one, other, strict=True)] == [True, False, True]
    assert [x is y for x, y in zip(one, again, strict=True)] == [True, True, True]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda a: a[:2], lambda a: a[:3]),
        (lambda a: a[::2], lambda a: a[:2]),
        (lambda a: a[:2], lambda a: a[1:3]),
        (lambda a: a[:2], lambda a: a.view(numpy.int64)[:2]),
        (lambda a: a, lambda a: a.copy()),
    ],
    ids=["longer", "further apart", "elsewhere", "another type", "a copy"],
)
def test_views_that_differ_make_different_calls(one, other):
    array, known = numpy.ones(4), {}
    views = [one(array), other(array)]

    def negate(view):
        np.negative(view, out=view)

    replays = [Replay(partial(negate, view), known) for view in views]
    for replay in replays:
        replay()
    assert replays[0].calls[0] is not replays[1].calls[0]
