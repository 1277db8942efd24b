"""What is refused before memory is taken for it: packed files, lines, arrays, columns."""

import gzip
import io
import os
import socket
import struct
import zipfile

import numpy as np
import pytest

from mlpcli import memory
from mlpcli.data import lines, npz
from mlpcli.data.columns import column_of, series_column
from mlpcli.data.inputs import InputEncoder
from mlpcli.data.readers import ReadOptions, read_table
from mlpcli.data.room import Room
from mlpcli.data.source import Source
from mlpcli.errors import DataError, OutOfMemoryError

MIB = 1 << 20
ROWS = b"1,2\n" * MIB  # 4 MiB, which are 4 kB packed


@pytest.fixture(autouse=True)
def way(monkeypatch):
    """Run each test once, with a bound of 1 MiB instead of 64."""
    monkeypatch.setattr("mlpcli.data.unpacking.FEW", MIB)
    monkeypatch.setattr(npz, "FEW", MIB)


@pytest.fixture
def free(monkeypatch):
    """Let so many bytes be free."""

    def set_free(n_bytes):
        monkeypatch.setattr(memory, "allocatable_memory", lambda: n_bytes)
        monkeypatch.setattr(memory, "FEW", 0)

    return set_free


def read(path, **options):
    return read_table(str(path), ReadOptions(**options))


def refusal(error, path, **options):
    with pytest.raises(error) as raised:
        read(path, **options)
    return str(raised.value)


# ------------------------------------------------------------ asking


def test_what_is_not_free_is_refused_with_both_numbers(free):
    free(2 * MIB)
    memory.require(2 * MIB, "it", "do less")
    with pytest.raises(OutOfMemoryError) as raised:
        memory.require(3 * MIB, "it", "do less")
    assert str(raised.value) == "it: about 3.0 MiB are needed, and 2.0 MiB are free; do less"
    assert raised.value.exit_code == 6


def test_little_is_granted_without_looking(monkeypatch):
    monkeypatch.setattr(memory, "allocatable_memory", lambda: 0)
    memory.require(64 * MIB, "it", "")
    with pytest.raises(OutOfMemoryError):
        memory.require(64 * MIB + 1, "it", "")


def test_rows_are_asked_for_as_they_come(free):
    free(1000 * MIB)
    room = Room("d.csv", MIB, 900)  # 900 MiB are granted
    room.add(900)
    free(289 * MIB)  # 901 / 4 and 64 more
    with pytest.raises(OutOfMemoryError, match=r"d\.csv: 901 rows, and more to come"):
        room.add(1)
    free(290 * MIB)
    room.add(1)
    free(0)
    room.add(289)  # within what was granted
    with pytest.raises(OutOfMemoryError):
        room.add(1)


def test_as_many_rows_as_the_file_has_are_asked_for_at_once(free):
    free(899 * MIB)
    with pytest.raises(OutOfMemoryError, match="about 900 rows: about 900"):
        Room("d.csv", MIB, 900)


# ------------------------------------------------------------ packed files


def packed(path, text, *, parts=1):
    """Write a text packed by gzip, in so many parts."""
    each = len(text) // parts
    pieces = [text[k * each : (k + 1) * each] for k in range(parts)]
    path.write_bytes(b"".join(gzip.compress(piece) for piece in pieces))
    return path


@pytest.mark.parametrize("parts", [1, 4])
def test_a_file_that_unpacks_to_1000_times_as_much_is_refused(tmp_path, parts):
    path = packed(tmp_path / "d.csv.gz", b"a,y\n" + ROWS, parts=parts)
    said = refusal(OutOfMemoryError, path)
    assert "over 500 times as much" in said
    assert said.endswith(f"gunzip -k {path}")


def test_one_that_says_less_than_it_unpacks_to_is_refused_too(tmp_path):
    path = packed(tmp_path / "d.csv.gz", b"a,y\n" + ROWS)
    path.write_bytes(path.read_bytes()[:-4] + struct.pack("<I", 80))
    assert "over 500 times as much" in refusal(OutOfMemoryError, path)


@pytest.mark.parametrize("says_so", [True, False])
def test_nothing_is_read_of_what_can_be_known(tmp_path, monkeypatch, says_so):
    def never(_):
        raise AssertionError("read what could have been refused")

    path = packed(tmp_path / "d.csv.gz", b"a,y\n" + ROWS)
    if says_so:
        monkeypatch.setattr("mlpcli.data.unpacking.TRIED", 0)
    else:
        path.write_bytes(path.read_bytes()[:-4] + struct.pack("<I", 80))
    monkeypatch.setattr(Source, "open", never)
    refusal(OutOfMemoryError, path)


def test_one_that_is_too_large_to_be_tried_is_refused_as_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("mlpcli.data.unpacking.TRIED", 0)
    path = packed(tmp_path / "d.npz.gz", b"PK" + b"\0" * (4 * MIB), parts=2)
    with pytest.raises(OutOfMemoryError, match="over 500 times as much"):
        Source.of_file(str(path)).read()


def test_a_pipe_is_counted_as_it_comes(monkeypatch):
    class Stdin:
        buffer = io.BufferedReader(io.BytesIO(gzip.compress(b"a,y\n" + ROWS)))

    monkeypatch.setattr("sys.stdin", Stdin())
    with pytest.raises(OutOfMemoryError, match="has to be unpacked by gunzip before mlp reads it"):
        read_table("-", ReadOptions())


def test_a_table_that_packs_well_is_read(tmp_path):
    rng = np.random.default_rng(0)
    text = b"a,y\n" + b"".join(b"%d,%d\n" % tuple(row) for row in rng.integers(0, 9, (9000, 2)))
    path = packed(tmp_path / "d.csv.gz", text + b"1,2\n" * MIB)  # 300 to 1
    table = read(path)
    assert len(table) == 9000 + MIB
    assert table.data["a"].values[-1] == 1


def test_a_file_that_ends_early_is_no_bomb(tmp_path):
    rng = np.random.default_rng(0)
    text = b"a,y\n" + b"".join(b"%d,%d\n" % tuple(row) for row in rng.integers(0, 99, (9000, 2)))
    path = packed(tmp_path / "d.csv.gz", text)
    # Its last bytes are others then: let them say what a bomb's say.
    path.write_bytes(path.read_bytes()[:2996] + struct.pack("<I", 700 * 3000))
    assert refusal(DataError, path).endswith("the compressed file ends early")


def test_the_whole_of_a_file_is_asked_for(tmp_path, free):
    path = tmp_path / "d.npz"
    np.savez(path, a=np.zeros(1000), y=np.zeros(1000))
    free(15_000)
    assert "the whole file: about 16" in refusal(OutOfMemoryError, path)


# ------------------------------------------------------------ lines


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("d.csv", b"a,y\n1,2\n" + b"x" * 600 + b",1\n", 3),
        ("d.csv", b"x" * 600, 1),
        ("d.csv", b"a,y\n" + b"1,2\n" * 4000 + b"1" * 600 + b",2\n", 4002),
        ("d.csv", b"a,y\r1,2\r" + b"x" * 600 + b"\r", 3),
        ("d.csv", b'a,y\n1,2\n"' + b"x" * 600 + b'",1\n', 3),
        ("d.csv", b"a,y\n1,2\n" + b"\xe9" * 600 + b",1\n", 3),
        ("d.jsonl", b'{"a":1,"y":2}\n{"a":"' + b"x" * 600 + b'","y":2}\n', 2),
    ],
)
@pytest.mark.parametrize("small", [1 << 21, 0])
def test_a_line_that_is_too_long_is_named(tmp_path, monkeypatch, name, text, line, small):
    monkeypatch.setattr(lines, "LONGEST", 512)
    monkeypatch.setattr("mlpcli.data.readers.SMALL", small)
    monkeypatch.setattr("mlpcli.data.csv_structure.BLOCK_BYTES", 64)
    path = tmp_path / name
    path.write_bytes(text)
    assert refusal(DataError, path).startswith(f"{path}:{line}: the line is longer than 512 bytes")


@pytest.mark.parametrize("name", ["d.csv", "d.jsonl"])
@pytest.mark.parametrize("small", [1 << 21, 0])
def test_blank_lines_without_an_end_are_no_table(tmp_path, monkeypatch, name, small):
    monkeypatch.setattr("mlpcli.data.csv_structure.MOST_BLANK", 30)
    monkeypatch.setattr("mlpcli.data.json_lines.MOST_BLANK", 30)
    monkeypatch.setattr("mlpcli.data.readers.SMALL", small)
    rows = [b"a,y\n", b"1,2\n", b"3,4\n"] if name == "d.csv" else [b'{"a":1,"y":2}\n'] * 3
    path = tmp_path / name
    path.write_bytes((b"\n" * 30).join(rows) + b"\n" * 30)
    assert len(read(path)) == (2 if name == "d.csv" else 3)
    path.write_bytes(rows[0] + rows[1] + b"\n" * 31 + rows[2])
    assert refusal(DataError, path).startswith(f"{path}:33: more than 2,097,152 blank lines")


@pytest.mark.parametrize("length", [511, 512])
def test_a_line_of_the_most_bytes_is_read(tmp_path, monkeypatch, length):
    monkeypatch.setattr(lines, "LONGEST", 512)
    path = tmp_path / "d.csv"
    path.write_bytes(b"a,y\n" + b"x" * (length - 3) + b",1\nz,2\n")  # with the line's end
    assert len(read(path)) == 2


# ------------------------------------------------------------ arrays


def npy(shape, descr, data):
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}}}\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


@pytest.mark.parametrize(
    ("shape", "descr", "why"),
    [
        ("(5,)", "<f8", "an array's header says 40 bytes, and there are 32"),
        ("(4294967296, 4294967296)", "<f8", "says 147,573,952,589,676,412,928 bytes"),
        ("(-1,)", "<f8", "no array has the shape (-1,)"),
        ("(-2, -2)", "<f8", "no array has the shape (-2, -2)"),
        ("(4,)", "|S0", "no array has the shape (4,) and the type |S0"),
        ("(4,)", "|O", "it holds Python objects"),
        ("(4,)", "<U9", "an array's header says 144 bytes"),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path, monkeypatch, shape, descr, why):
    def never(*_, **__):
        raise AssertionError("read an array whose header is wrong")

    monkeypatch.setattr(npz, "read_array", never)
    path = tmp_path / "d.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.npy", npy(shape, descr, b"\0" * 32))
    assert why in refusal(DataError, path)


def test_arrays_that_unpack_to_1000_times_as_much_are_refused(tmp_path):
    path = tmp_path / "d.npz"
    np.savez_compressed(path, X=np.zeros((4, MIB), np.int8))
    said = refusal(OutOfMemoryError, path)
    assert "unpack to 4.0 MiB, over 500 times as much" in said
    assert said.endswith("numpy.savez")


def test_arrays_that_do_not_fit_are_refused(tmp_path, free):
    path = tmp_path / "d.npz"
    np.savez_compressed(path, a=np.arange(10_000) % 7, y=np.arange(10_000) % 3)
    free(300_000)
    assert "arrays of 156.5 KiB: about 313.0 KiB are needed" in refusal(OutOfMemoryError, path)


def test_no_memory_is_no_fault_of_the_file(tmp_path, monkeypatch):
    def no_memory(*_, **__):
        raise MemoryError

    path = tmp_path / "d.npz"
    np.savez(path, a=np.arange(4), y=np.arange(4))
    monkeypatch.setattr(npz, "read_array", no_memory)
    with pytest.raises(MemoryError):
        read(path)


# ------------------------------------------------------------ parquet


def test_parquet_of_a_billion_rows_is_refused_by_its_metadata(tmp_path):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "d.parquet"
    parquet.write_table(
        pa.table({"a": [1, 2] * 3827, "y": [3, 4] * 3827}), path, compression="none"
    )
    raw = path.read_bytes()
    size = struct.unpack("<I", raw[-8:-4])[0]
    claims = raw[-8 - size : -8].replace(zigzag(7654), zigzag(10**9))
    path.write_bytes(raw[: -8 - size] + claims + struct.pack("<I", len(claims)) + b"PAR1")
    said = refusal(OutOfMemoryError, path)
    assert "1,000,000,000 rows of 2 columns in a file of" in said
    assert "take 14.9 GiB, over 500 times as much" in said


def zigzag(n):
    """Return a number as Thrift's compact protocol writes it."""
    n, out = 2 * n, b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


@pytest.mark.parametrize(
    "values",
    [
        ["b", "a", None, "b", "NA", "c"],
        [3, 1, 3, 2, 1, 1],
        [3, None, 1],
        [True, False, True],
        [None, None],
        ["1", "2", "1"],
    ],
)
def test_categories_are_the_column_that_their_values_are(values):
    pd = pytest.importorskip("pandas")
    categories = pd.Categorical(
        values, categories=[*{v for v in values if v is not None}, *[99] * 0]
    )
    found = series_column(pd.Series(categories), {"NA"})
    expected = column_of(values, {"NA"})
    assert type(found) is type(expected)
    assert [found.cell(k) for k in range(len(values))] == values_without(values)
    if hasattr(expected, "codes"):
        assert (list(found.values), found.codes.tolist()) == (
            list(expected.values),
            expected.codes.tolist(),
        )
    else:
        assert found.values.dtype == expected.values.dtype


def values_without(values):
    return [None if value == "NA" else value for value in values]


# ------------------------------------------------------------ inputs


class Wide:
    name, width, feature_names, is_text = "a", 1000, [], False


def test_inputs_are_asked_for_before_they_are_made(tmp_path, free):
    path = tmp_path / "d.csv"
    path.write_text("a\n" + "1\n" * 500)
    table, encoder = read(path), InputEncoder((Wide(),))
    free(2_400_000)  # 500 rows, and a block of 131, of 4,000 bytes
    with pytest.raises(OutOfMemoryError, match="500 rows of 1,000 inputs: about 2"):
        encoder.encode(table, "float32")
    with pytest.raises(OutOfMemoryError):
        encoder.encode_parts(table, "float32", [np.arange(500)])


# ------------------------------------------------------------ places, columns


def test_what_is_no_file_is_refused_at_once(tmp_path):
    with socket.socket(socket.AF_UNIX) as one:
        os.chdir(tmp_path)  # the name of a socket may have 107 bytes
        one.bind("d.csv")
        assert refusal(DataError, "d.csv") == "d.csv: is a socket, not a file"
    link = tmp_path / "zero.csv"
    link.symlink_to("/dev/zero")
    assert refusal(DataError, link) == f"{link}: is a device, not a file"
    link.unlink()
    link.symlink_to(os.devnull)
    assert "empty" in refusal(DataError, link)


def test_columns_without_a_name_take_no_more_than_their_number(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text(
        "y" + "," * 10_000 + "\n" + "1" + "," * 10_000 + "\n"
    )  # of k letters, they were
    assert read(path).columns == ["y"]


def test_a_key_that_stands_twice_is_found_among_many(tmp_path):
    path = tmp_path / "d.jsonl"
    keys = ",".join(f'"c{k}":1' for k in range(10_000))
    path.write_text("{" + keys + ',"c9999":2}\n')
    assert "the key 'c9999' stands twice" in refusal(DataError, path)
