"""Batches kept one after the other, each by column; and arrays that are."""

import numpy as np
import pytest

from mlpcli.nn.arrays import LINE, empty, empty_like, is_by_column, product_for
from mlpcli.nn.blocks import Blocks

each_lead = pytest.mark.parametrize("lead", [(), (1,), (3,)], ids=str)
BATCHES = ([(0, 4), (4, 4), (8, 4)], [(0, 4), (4, 4), (8, 2)], [(0, 4), (4, 5)], [(0, 7)], [(0, 1)])
each_chunk = pytest.mark.parametrize("batches", BATCHES, ids=str)


@pytest.fixture(params=[False, True], ids=["by row", "by column"])
def filled(request):
    def make(lead, batches):
        return _filled(lead, batches, by_column=request.param)

    return make


def _filled(lead, batches, by_column):
    """Return blocks of twelve rows, and what their batches have been given, row by row."""
    blocks = Blocks((*lead, 12, 3), np.float32, by_column=by_column)
    rows = sum(batches[-1])
    blocks.flat.fill(np.nan)
    numbers = np.arange(rows * 3.0 * max(1, *lead, 1)).reshape(*lead, rows, 3).astype(np.float32)
    for first, n in batches:
        blocks.of_batch(first, n)[...] = numbers[..., first : first + n, :]
    return blocks, numbers


@each_lead
@each_chunk
def test_a_batch_is_one_piece_of_memory_and_so_is_each_column_or_row_of_it(batches, lead, filled):
    blocks, numbers = filled(lead, batches)
    for first, n in batches:
        batch = blocks.of_batch(first, n)
        np.testing.assert_array_equal(batch, numbers[..., first : first + n, :])
        assert batch.base is not None
        assert np.shares_memory(batch, blocks.flat)
        own = batch[0] if lead else batch
        assert (own.mT if blocks.by_column else own).flags.c_contiguous


@each_lead
@each_chunk
def test_the_batches_are_copied_row_by_row(batches, lead, filled):
    blocks, numbers = filled(lead, batches)
    for taken in range(1, len(batches) + 1):
        rows = sum(batches[taken - 1])
        whole = np.full((*lead, 12, 3), -1, np.float32)
        blocks.copy_to(whole[..., :rows, :], batches[:taken])
        np.testing.assert_array_equal(whole[..., :rows, :], numbers[..., :rows, :])
        np.testing.assert_array_equal(whole[..., rows:, :], -1)


@each_lead
@each_chunk
def test_places_find_each_row_s_numbers_in_the_memory(batches, lead, filled):
    blocks, numbers = filled(lead, batches)
    first, apart = blocks.places(batches)
    for column in range(3):
        found = blocks.flat.reshape(-1)[first + column * apart]
        np.testing.assert_array_equal(found, numbers[..., column])


@pytest.mark.parametrize("shape", [(4, 3), (2, 4, 3), (5, 2, 4, 3)])
def test_an_array_by_column_has_the_numbers_of_a_column_side_by_side(shape):
    array = empty(shape, np.float32, by_column=True)
    assert array.shape == shape
    assert array.mT.flags.c_contiguous
    assert array.mT.ctypes.data % LINE == 0
    assert is_by_column(array)
    assert is_by_column(empty_like(array))
    assert empty_like(array, np.float64).dtype == np.float64
    assert not is_by_column(empty(shape))
    assert not is_by_column(empty_like(empty(shape)))
    assert not is_by_column(array[..., 0])


@each_lead
@pytest.mark.parametrize("sizes", [(4, 3, 5), (4, 1, 5), (1, 3, 5), (4, 3, 1)], ids=str)
def test_a_product_into_an_array_by_column_is_the_product(sizes, lead):
    n, inner, m = sizes
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(*lead, n, inner)), rng.normal(size=(*lead, inner, m))
    out = empty((*lead, n, m), by_column=True)
    product_for(lead, by_column=True)(a, b, out)
    np.testing.assert_allclose(out, a @ b, rtol=1e-14)
