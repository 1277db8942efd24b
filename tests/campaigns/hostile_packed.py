"""Files that hold much more than their bytes: gzip, npz, parquet."""

import struct
import zipfile

from hostile import DATA, DONE, MEMORY, MIB, case, check, model, spec, write_packed

# ------------------------------------------------------------ gzip


@case("gz of 305 kB: 300 MB of one line", MEMORY, DATA)
def _(folder):
    write_packed(folder / "d.csv.gz", b"a,y\n", b"0" * MIB, 300, b",1\n")
    return check(folder, "d.csv.gz")


@case("gz of 305 kB: 75,000,000 rows", MEMORY, says="gunzip")
def _(folder):
    write_packed(folder / "d.csv.gz", b"a,y\n", b"1,2\n" * (MIB // 4), 300)
    return check(folder, "d.csv.gz")


@case("gz of 305 kB: 300 MB of blank lines", MEMORY, DATA)
def _(folder):
    write_packed(folder / "d.csv.gz", b"a,y\n1,2\n2,1\n3,1\n", b"\n" * MIB, 300)
    return check(folder, "d.csv.gz")


@case("gz of zeros, jsonl", MEMORY, DATA)
def _(folder):
    write_packed(folder / "d.jsonl.gz", b"", b'{"a":1,"y":2}\n' * 75_000, 300)
    return check(folder, "d.jsonl.gz")


@case("gz of zeros, parquet", MEMORY, DATA)
def _(folder):
    write_packed(folder / "d.parquet.gz", b"PAR1", b"\0" * MIB, 300)
    return check(folder, "d.parquet.gz")


@case("gz of zeros, npz", MEMORY, DATA)
def _(folder):
    write_packed(folder / "d.npz.gz", b"PK\x03\x04", b"\0" * MIB, 300)
    return check(folder, "d.npz.gz")


@case("gz in UTF-16", MEMORY, DATA)
def _(folder):
    rows = ("1,2\n" * (MIB // 8)).encode("utf-16-le")
    write_packed(folder / "d.csv.gz", "a,y\n".encode("utf-16"), rows, 300)
    return check(folder, "d.csv.gz")


@case("gz in Latin-1", MEMORY, DATA)
def _(folder):
    write_packed(folder / "d.csv.gz", b"a,y\n", b"\xe9,2\n" * (MIB // 4), 300)
    return check(folder, "d.csv.gz")


@case("gz for predict", MEMORY, DATA)
def _(folder):
    write_packed(folder / "d.csv.gz", b"sepal_length,sepal_width\n", b"1,2\n" * (MIB // 4), 300)
    return ["predict", model(folder), "d.csv.gz"]


@case("a large gz that is sound", DONE, seconds=20, is_cheap=False)
def _(folder):
    import random

    rng = random.Random(0)
    lines = "".join(f"{rng.random():.6f},{rng.random():.6f}\n" for _ in range(100_000))
    write_packed(folder / "d.csv.gz", b"a,y\n", lines.encode(), 10)
    return ["check", spec(folder, "d.csv.gz"), "-q"]


# ------------------------------------------------------------ npz


def npy(shape, dtype, data=b""):
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (63 - (len(header) + 10) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def write_npz(folder, members, how=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(folder / "d.npz", "w", how) as file:
        for name, content in members.items():
            if isinstance(content, bytes):
                file.writestr(f"{name}.npy", content)
                continue
            head, piece, times = content
            with file.open(f"{name}.npy", "w", force_zip64=True) as out:
                out.write(head)
                for _ in range(times):
                    out.write(piece)


Y = npy("(4,)", "<i8", struct.pack("<4q", 0, 1, 0, 1))


@case("npz of 0.8 MB: 800 MB of int8", MEMORY, says="savez", is_cheap=False)
def _(folder):
    rows = 800 * MIB // 100
    write_npz(folder, {"X": (npy(f"({rows}, 100)", "|i1"), b"\0" * MIB, 800)})
    return check(folder, "d.npz", target="X_0")


@case("npz of 0.8 MB: 800 MB, one row", MEMORY, DATA, is_cheap=False)
def _(folder):
    n = 800 * MIB
    write_npz(folder, {"X": (npy(f"(1, {n})", "|i1"), b"\0" * MIB, 800), "y": Y})
    return check(folder, "d.npz")


@case("npz of texts of 1 GB each", MEMORY, DATA)
def _(folder):
    write_npz(folder, {"a": npy("(4,)", "<U250000000"), "y": Y})
    return check(folder, "d.npz")


SHAPES = {
    "larger than the data": "(1000000000,)",
    "larger than any machine": "(1000000000000000,)",
    "that overflows": "(4294967296, 4294967296, 16)",
    "negative": "(-1,)",
    "negative, twice": "(-4, -1)",
    "of words": "('a',)",
    "of 40 axes": "(" + "1, " * 39 + "4)",
    "that is no tuple": "4",
    "of no rows, 10^15 columns": "(0, 1000000000000000)",
    "of 10^15 rows of nothing": "(1000000000000000, 0)",
}
for _what, _shape in SHAPES.items():

    @case(f"npz with a shape {_what}", MEMORY, DATA)
    def _(folder, shape=_shape):
        write_npz(folder, {"a": npy(shape, "<f8", b"\0" * 32), "y": Y})
        return check(folder, "d.npz")


DTYPES = {
    "of objects": "|O",
    "of huge items": "|V1000000000",
    "of 10^12 letters": "<U1000000000000",
    "of nothing": "|S0",
    "that is none": "nonsense",
    "of fields": [("a", "<f8"), ("b", "|O")],
}
for _what, _dtype in DTYPES.items():

    @case(f"npz with a dtype {_what}", MEMORY, DATA)
    def _(folder, dtype=_dtype):
        write_npz(folder, {"a": npy("(4,)", dtype, b"\0" * 32), "y": Y})
        return check(folder, "d.npz")


@case("npz with a header of 60 kB of brackets", DATA)
def _(folder):
    head = b"(" * 60_000
    raw = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head
    write_npz(folder, {"a": raw, "y": Y})
    return check(folder, "d.npz")


@case("npz with a header of 4 GB", DATA)
def _(folder):
    raw = b"\x93NUMPY\x02\x00" + struct.pack("<I", 0xFFFFFFF0) + b"{" * 1000
    write_npz(folder, {"a": raw, "y": Y})
    return check(folder, "d.npz")


@case("npz with 100,000 arrays", DONE, DATA, MEMORY, seconds=120, mib=2000, is_cheap=False)
def _(folder):
    write_npz(folder, {f"a{k}": Y for k in range(100_000)} | {"y": Y}, zipfile.ZIP_STORED)
    return check(folder, "d.npz")


@case("npz whose directory lies of the size", DONE, DATA, MEMORY)
def _(folder):
    write_npz(folder, {"a": npy("(4,)", "<f8", b"\0" * 32), "y": Y})
    raw = bytearray((folder / "d.npz").read_bytes())
    at = raw.index(b"PK\x01\x02")
    raw[at + 24 : at + 28] = struct.pack("<I", 0xFFFFFFF0)
    (folder / "d.npz").write_bytes(raw)
    return check(folder, "d.npz")


@case("npz packed by bzip2, 1 GB", MEMORY, DATA, is_cheap=False)
def _(folder):
    n = 1000 * MIB
    write_npz(folder, {"a": (npy(f"({n},)", "|i1"), b"\0" * MIB, 100), "y": Y}, zipfile.ZIP_BZIP2)
    return check(folder, "d.npz")


@case("npz with members that overlap", DATA, MEMORY)
def _(folder):
    n = 60 * MIB
    write_npz(folder, {"X": (npy(f"({n},)", "|i1"), b"\0" * MIB, 60)})
    raw = (folder / "d.npz").read_bytes()
    start = raw.index(b"PK\x01\x02")
    end = raw.index(b"PK\x05\x06")
    entry = raw[start:end]
    entries = b"".join(entry.replace(b"X.npy", b"%c.npy" % (97 + k)) for k in range(20))
    tail = bytearray(raw[end:])
    tail[8:12] = struct.pack("<HH", 20, 20)
    tail[12:16] = struct.pack("<I", len(entries))
    (folder / "d.npz").write_bytes(raw[:start] + entries + bytes(tail))
    return check(folder, "d.npz", target="a")


# ------------------------------------------------------------ parquet


def parquet(folder, table, **how):
    import pyarrow.parquet

    pyarrow.parquet.write_table(table, folder / "d.parquet", **how)


@case("parquet of 20,000,000 texts of 20 GB", DONE, DATA, seconds=40, mib=2500, is_cheap=False)
def _(folder):
    import pyarrow as pa

    n = 20_000_000
    codes = pa.array([0]).take(zeros(n))
    texts = pa.DictionaryArray.from_arrays(codes.cast(pa.int32()), pa.array(["x" * 1000]))
    parquet(folder, pa.table({"a": texts, "y": zeros(n)}))
    return check(folder, "d.parquet")


def zeros(n):
    import numpy as np
    import pyarrow as pa

    return pa.array(np.zeros(n, np.int64))


@case("parquet of 100,000,000 zeros", DONE, MEMORY, DATA, is_cheap=False)
def _(folder):
    import pyarrow as pa

    parquet(folder, pa.table({"a": zeros(100_000_000), "y": zeros(100_000_000)}))
    return check(folder, "d.parquet")


@case("parquet whose metadata claim 10^12 rows", DATA, MEMORY)
def _(folder):
    import pyarrow as pa

    parquet(folder, pa.table({"a": zeros(7654), "y": zeros(7654)}), compression="none")
    raw = (folder / "d.parquet").read_bytes()
    large = varint(10**12)
    size = struct.unpack("<I", raw[-8:-4])[0]
    footer = raw[-8 - size : -8].replace(varint(7654), large)
    (folder / "d.parquet").write_bytes(
        raw[: -8 - size] + footer + struct.pack("<I", len(footer)) + b"PAR1"
    )
    return check(folder, "d.parquet")


def varint(n):
    n, out = 2 * n, b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


@case("parquet whose footer is longer than the file", DATA)
def _(folder):
    (folder / "d.parquet").write_bytes(b"PAR1" + b"\0" * 100 + struct.pack("<I", 2**31) + b"PAR1")
    return check(folder, "d.parquet")


@case("parquet of 10,000 columns", DONE, MEMORY, seconds=20, is_cheap=False)
def _(folder):
    import pyarrow as pa

    parquet(folder, pa.table({f"c{j}": [1, 2, 3, j] for j in range(10_000)} | {"y": [0, 1, 0, 1]}))
    return check(folder, "d.parquet")
