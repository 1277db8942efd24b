"""A block's columns as pandas reads them, and as the csv module does: the same."""

import numpy as np

from mlpcli.data.blocks import StreamOptions
from mlpcli.data.columns import Numbers
from mlpcli.data.readers import ReadOptions
from mlpcli.data.streaming import open_stream

ROWS = [
    (f"{k}.5", ("west", "NA", "", "öst", "east")[k * k % 5], f"t{k % 97}", str(k))
    for k in range(150)
]


def columns(path, head_bytes):
    names = ("size", "shop", "other", "id")
    reading = ReadOptions(missing=("", "NA"), text=("id",), required=names)
    with open_stream(str(path), reading, StreamOptions((), head_bytes, 1000)) as stream:
        found = [block.table.data for block in stream.blocks()]
        return found, getattr(stream, "repeated", set())


def test_texts_that_come_often_are_the_same_in_the_same_order(tmp_path):
    path = tmp_path / "d.csv"
    text = "".join(",".join(row) + "\n" for row in [("size", "shop", "other", "id"), *ROWS])
    path.write_text(text, "utf-8")
    (whole,), _ = columns(path, 1 << 20)  # no longer than the head: by the csv module
    blocks, repeated = columns(path, 1000)
    assert len(blocks) > 2
    assert repeated == {"shop"}
    start = 0
    for block in blocks:
        end = start + len(block["shop"])
        for name, column in block.items():
            expected = whole[name].take(np.arange(start, end))
            if isinstance(column, Numbers):
                np.testing.assert_array_equal(column.values, expected.values)
                continue
            np.testing.assert_array_equal(column.written_out(), expected.written_out())
            used = dict.fromkeys(column.codes.tolist())  # in the order in which they come
            assert [k for k in used if k >= 0] == [*range(len(column.values))]
        start = end
    assert start == len(ROWS)
