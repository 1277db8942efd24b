"""Hostile files and specs, each with the exit codes that `mlp` may end with: `limits.py` runs them.

Made anew in a temporary folder; none of them is larger than 0.6 GB.
"""

import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass

DONE, SPEC, DATA, RUN, MEMORY = 0, 2, 3, 5, 6
MIB = 1 << 20
CASES = []


@dataclass(frozen=True)
class Case:
    """What is made, and what the command may do with it.

    make      (folder) -> the words of the command
    says      what its message has to have in it
    seconds, mib   bounds of its own; None: those of the campaign
    during    (process, folder), called while it runs
    is_cheap  whether it takes less than a second or so
    """

    name: str
    make: Callable
    codes: tuple
    says: str = ""
    seconds: float | None = None
    mib: float | None = None
    during: Callable | None = None
    is_cheap: bool = True


def case(name, *codes, **more):
    def add(make):
        CASES.append(Case(name, make, codes, **more))
        return make

    return add


def spec(folder, path, *, target="y", extra="", data=""):
    """Write a spec for a file; return its name."""
    text = f"data: {{path: {path}, target: {target}{data}}}\ntraining: {{epochs: 1}}\n{extra}"
    (folder / "s.yaml").write_text(text)
    return "s.yaml"


def check(folder, path, **more):
    return ["check", spec(folder, path, **more), "-q"]


def train(folder, path, *words, **more):
    return ["train", spec(folder, path, **more), "-q", *words]


def small(folder, extra="", *words, verb="train", data=""):
    """A small sound table, with a spec that asks for too much of it."""
    rows = "".join(f"{k % 7},{k % 5},{k % 3}\n" for k in range(60))
    (folder / "d.csv").write_text("a,b,y\n" + rows)
    return [verb, spec(folder, "d.csv", extra=extra, data=data), "-q", *words]


def write_packed(path, head, piece, times, tail=b""):
    """Write a gzip file of head, a piece many times, tail, without holding it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    with path.open("wb") as file:
        file.write(packer.compress(head))
        for _ in range(times):
            file.write(packer.compress(piece))
        file.write(packer.compress(tail) + packer.flush())


def write_many(path, head, piece, times, tail=b""):
    with path.open("wb") as file:
        file.write(head)
        for _ in range(times):
            file.write(piece)
        file.write(tail)


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
    write_packed(folder / "d.parquet.gz", b"PAR1", b"\0" * MIB, 1500)
    return check(folder, "d.parquet.gz")


@case("gz of zeros, npz", MEMORY, DATA)
def _(folder):
    write_packed(folder / "d.npz.gz", b"PK\x03\x04", b"\0" * MIB, 1500)
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


def model(folder):
    """Train on a small table; return the model's name."""
    import os
    import subprocess
    import sys
    from pathlib import Path

    words = small(folder, "", "--run-dir", "r")
    root = str(Path(__file__).parents[2])
    subprocess.run(
        [sys.executable, "-m", "mlpcli", *words],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": root},
    )
    return "r"


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


@case("npz of 0.8 MB: 800 MB of int8", MEMORY, says="savez")
def _(folder):
    rows = 800 * MIB // 100
    write_npz(folder, {"X": (npy(f"({rows}, 100)", "|i1"), b"\0" * MIB, 800)})
    return check(folder, "d.npz", target="X_0")


@case("npz of 0.8 MB: 800 MB, one row", MEMORY, DATA)
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


@case("npz with 100,000 arrays", DONE, DATA, MEMORY, seconds=20, is_cheap=False)
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


@case("npz packed by bzip2, 1 GB", MEMORY, DATA)
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


# ------------------------------------------------------------ text


@case("csv with a cell of 0.3 GB", DATA, MEMORY, is_cheap=False)
def _(folder):
    write_many(folder / "d.csv", b"a,y\n1,2\n", b"x" * MIB, 300, b",1\n2,2\n")
    return check(folder, "d.csv")


@case("csv with a quoted cell of 0.3 GB", DATA, MEMORY, is_cheap=False)
def _(folder):
    write_many(folder / "d.csv", b'a,y\n1,2\n"', b"x" * MIB, 300, b'",1\n2,2\n')
    return check(folder, "d.csv")


@case("csv with a number of 0.3 GB", DATA, MEMORY, is_cheap=False)
def _(folder):
    write_many(folder / "d.csv", b"a,y\n1,2\n", b"1" * MIB, 300, b",1\n2,2\n")
    return check(folder, "d.csv")


@case("csv with a quote never closed, 0.3 GB", DATA, MEMORY, is_cheap=False)
def _(folder):
    write_many(folder / "d.csv", b'a,y\n1,2\n"', b"1,2\n" * (MIB // 4), 300)
    return check(folder, "d.csv")


@case("csv with a quote never closed at row 10^6", DATA, MEMORY)
def _(folder):
    write_many(folder / "d.csv", b"a,y\n", b"1,2\n" * 100_000, 10, b'"1,2\n' + b"1,2\n" * 100_000)
    return check(folder, "d.csv")


@case("csv of 0.3 GB without a line's end", DATA, MEMORY, is_cheap=False)
def _(folder):
    write_many(folder / "d.csv", b"", b"1234567," * (MIB // 8), 300)
    return check(folder, "d.csv")


@case("csv of 0.5 GB of zero bytes", DATA, MEMORY, is_cheap=False)
def _(folder):
    with (folder / "d.csv").open("wb") as file:
        file.truncate(500 * MIB)
    return check(folder, "d.csv")


@case("csv of 0.3 GB in bytes that are no UTF-8", DATA, MEMORY, is_cheap=False)
def _(folder):
    write_many(folder / "d.csv", b"a,y\n1,2\n", b"\xe9" * MIB, 300)
    return check(folder, "d.csv")


def wide(folder, n, rows, cell=lambda k, j: b"%d" % ((k * j) % 7)):
    with (folder / "d.csv").open("wb") as file:
        file.write(b",".join(b"c%d" % j for j in range(n)) + b",y\n")
        for k in range(rows):
            file.write(b",".join(cell(k, j) for j in range(n)) + b",%d\n" % (k % 2))


@case("csv of 100,000 columns, train", DONE, MEMORY, seconds=20, mib=1500, is_cheap=False)
def _(folder):
    wide(folder, 100_000, 20)
    return train(folder, "d.csv")


@case("csv of 100,000 columns, check", DONE, MEMORY, seconds=20, mib=1500, is_cheap=False)
def _(folder):
    wide(folder, 100_000, 20)
    return check(folder, "d.csv")


@case("csv of 100,000 columns of words, train", DONE, MEMORY, seconds=20, is_cheap=False)
def _(folder):
    wide(folder, 100_000, 20, lambda k, j: b"w%d" % ((k * j) % 7))
    return train(folder, "d.csv")


@case("csv of 100,000 columns, 300 rows", DONE, MEMORY, seconds=40, mib=2000, is_cheap=False)
def _(folder):
    wide(folder, 100_000, 300)
    return train(folder, "d.csv")


@case("csv of 100,000 columns of one name", DATA)
def _(folder):
    (folder / "d.csv").write_bytes(b",".join([b"c"] * 100_000) + b",y\n" + b"1," * 100_000 + b"1\n")
    return check(folder, "d.csv")


@case("csv of 100,000 columns without the target", DATA)
def _(folder):
    wide(folder, 100_000, 1)
    return check(folder, "d.csv", target="nowhere")


@case("csv of 100,000 columns without a name", DATA)
def _(folder):
    (folder / "d.csv").write_bytes(b"y" + b"," * 100_000 + b"\n" + b"1," * 100_000 + b"1\n")
    return check(folder, "d.csv")


@case("csv of 1,000,000 columns", DATA, MEMORY, seconds=20, is_cheap=False)
def _(folder):
    wide(folder, 1_000_000, 2)
    return check(folder, "d.csv")


@case("csv of 100,000 categories, one-hot", DONE, MEMORY, is_cheap=False)
def _(folder):
    rows = "".join(f"w{k},{k % 2}\n" for k in range(100_000))
    (folder / "d.csv").write_text("a,y\n" + rows)
    data = ", categorical: [a], rare: 0, max_categories: 1000000"
    return train(folder, "d.csv", data=data)


@case("csv of 20 columns of 50,000 categories, one-hot", MEMORY, seconds=20, is_cheap=False)
def _(folder):
    names = [f"a{j}" for j in range(20)]
    rows = "".join(
        ",".join(f"w{k * (j + 1)}" for j in range(20)) + f",{k % 2}\n" for k in range(50_000)
    )
    (folder / "d.csv").write_text(",".join(names) + ",y\n" + rows)
    data = f", categorical: [{', '.join(names)}], rare: 0, max_categories: 1000000"
    return train(folder, "d.csv", data=data)


@case("csv of 100,000 classes", DONE, DATA, MEMORY, seconds=20, mib=2000, is_cheap=False)
def _(folder):
    rows = "".join(f"{k % 17},w{k // 4}\n" for k in range(400_000))
    (folder / "d.csv").write_text("a,y\n" + rows)
    return train(folder, "d.csv", data=", task: multiclass")


@case("csv of 10,000,000 rows", DONE, seconds=40, mib=2500, is_cheap=False)
def _(folder):
    write_many(folder / "d.csv", b"a,y\n", b"1,2\n3,1\n2,2\n5,7\n" * 2500, 1000)
    return train(folder, "d.csv", extra="runtime: {checkpoint_seconds: 1000}\n")


@case("csv whose header has fewer names", DATA)
def _(folder):
    write_many(folder / "d.csv", b"a,y\n", b"1,2,3\n" * 100_000, 10)
    return check(folder, "d.csv")


@case("csv whose header has more names", DATA)
def _(folder):
    write_many(folder / "d.csv", b"a,b,c,y\n", b"1,2,3\n" * 100_000, 10)
    return check(folder, "d.csv")


@case("csv with a zero byte in row 10^6", DATA)
def _(folder):
    write_many(folder / "d.csv", b"a,y\n", b"1,2\n" * 100_000, 10, b"1\0,2\n1,2\n")
    return check(folder, "d.csv")


@case("csv of 0.3 GB of quotes", DATA, MEMORY, is_cheap=False)
def _(folder):
    write_many(folder / "d.csv", b"a,y\n", b'"' * MIB, 300)
    return check(folder, "d.csv")


@case("csv of 0.3 GB of carriage returns", DATA, MEMORY, is_cheap=False)
def _(folder):
    write_many(folder / "d.csv", b"a,y\r1,2\r", b"\r" * MIB, 300)
    return check(folder, "d.csv")


@case("jsonl nested 10^6 deep", DATA)
def _(folder):
    text = b'{"a":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b',"y":1}\n'
    (folder / "d.jsonl").write_bytes(text)
    return check(folder, "d.jsonl")


@case("jsonl of one line of 0.5 GB", DATA, MEMORY, is_cheap=False)
def _(folder):
    write_many(folder / "d.jsonl", b'{"a":"', b"x" * MIB, 500, b'","y":1}\n')
    return check(folder, "d.jsonl")


@case("jsonl of one line of 0.3 GB of numbers", DATA, MEMORY, is_cheap=False)
def _(folder):
    write_many(folder / "d.jsonl", b'{"y":1,"a":[', b"1," * (MIB // 2), 300, b"1]}\n")
    return check(folder, "d.jsonl")


@case("jsonl of 100,000 keys", DONE, MEMORY, DATA, seconds=20, is_cheap=False)
def _(folder):
    row = b"{" + b",".join(b'"c%d":%d' % (j, j % 7) for j in range(100_000))
    (folder / "d.jsonl").write_bytes(b"".join(row + b',"y":%d}\n' % (k % 2) for k in range(6)))
    return check(folder, "d.jsonl")


@case("jsonl of 100,000 keys, one of them twice", DATA)
def _(folder):
    row = b"{" + b",".join(b'"c%d":%d' % (j % 99_999, j % 7) for j in range(100_000))
    (folder / "d.jsonl").write_bytes(row + b',"y":1}\n')
    return check(folder, "d.jsonl")


@case("jsonl with a number of 10^6 digits", DATA, DONE)
def _(folder):
    (folder / "d.jsonl").write_bytes(b'{"a":' + b"1" * 1_000_000 + b',"y":1}\n')
    return check(folder, "d.jsonl")


# ------------------------------------------------------------ places


@case("/dev/zero", DATA)
def _(folder):
    return check(folder, "/dev/zero")


@case("a link to /dev/zero", DATA)
def _(folder):
    (folder / "d.csv").symlink_to("/dev/zero")
    return check(folder, "d.csv")


@case("/dev/urandom", DATA)
def _(folder):
    (folder / "d.csv").symlink_to("/dev/urandom")
    return check(folder, "d.csv")


@case("/dev/null", DATA)
def _(folder):
    return check(folder, "/dev/null")


@case("a folder", DATA)
def _(folder):
    (folder / "d.csv").mkdir()
    return check(folder, "d.csv")


@case("a socket", DATA, MEMORY)
def _(folder):
    import socket

    socket.socket(socket.AF_UNIX).bind(str(folder / "d.csv"))
    return check(folder, "d.csv")


def feeding(text, times, then=b""):
    def feed(_process, folder):
        import contextlib
        import threading

        def write():
            with contextlib.suppress(BrokenPipeError), (folder / "d.csv").open("wb") as pipe:
                for _ in range(times):
                    pipe.write(text)
                pipe.write(then)

        threading.Thread(target=write, daemon=True).start()

    return feed


def pipe(folder):
    import os

    os.mkfifo(folder / "d.csv")


@case("a named pipe", DONE, during=feeding(b"a,y\n" + b"1,2\n2,3\n3,1\n" * 100, 1))
def _(folder):
    pipe(folder)
    return train(folder, "d.csv")


@case("a named pipe without an end", MEMORY, DATA, during=feeding(b"y" * MIB, 3000))
def _(folder):
    pipe(folder)
    return check(folder, "d.csv")


def interrupt(number, after):
    def during(process, _folder):
        import time

        time.sleep(after)
        process.send_signal(number)

    return during


@case("a named pipe that nobody writes, SIGTERM", 143, during=interrupt(15, 1.5))
def _(folder):
    pipe(folder)
    return check(folder, "d.csv")


@case("a named pipe that nobody writes, SIGINT", 130, during=interrupt(2, 1.5))
def _(folder):
    pipe(folder)
    return check(folder, "d.csv")


@case("a spec of 1 GB", SPEC, is_cheap=False)
def _(folder):
    with (folder / "s.yaml").open("wb") as file:
        file.write(b"a: ")
        file.truncate(1 << 30)
    return ["check", "s.yaml"]


@case("a spec that is /dev/zero", SPEC)
def _(_folder):
    return ["check", "/dev/zero"]


@case("a spec that is a link to /dev/urandom", SPEC)
def _(folder):
    (folder / "s.yaml").symlink_to("/dev/urandom")
    return ["check", "s.yaml"]


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


# ------------------------------------------------------------ models


def safetensors(header, data=b""):
    return struct.pack("<Q", len(header)) + header + data


HEADERS = {
    "a header of 2^63 bytes": lambda: struct.pack("<Q", 2**63) + b"{}",
    "a header of 90 MB": lambda: safetensors(b" " * 90_000_000),
    "a tensor of exabytes": lambda: safetensors(
        b'{"a":{"dtype":"F32","shape":[1000000000,1000000000],'
        b'"data_offsets":[0,4000000000000000000]}}',
        b"\0" * 64,
    ),
    "a shape that overflows": lambda: safetensors(
        b'{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}'
    ),
    "a description nested 10^6 deep": lambda: safetensors(
        b'{"__metadata__":{"mlp":"' + b"[" * 1_000_000 + b'"}}'
    ),
    "a description of 50 MB": lambda: safetensors(
        b'{"__metadata__":{"mlp":"[' + b"1," * 25_000_000 + b'1]"}}'
    ),
}
for _what, _content in HEADERS.items():

    @case(f"model with {_what}", RUN, MEMORY)
    def _(folder, content=_content):
        (folder / "m.safetensors").write_bytes(content())
        (folder / "d.csv").write_text("a\n1\n")
        return ["predict", "m.safetensors", "d.csv"]


@case("model that is a file of 3 GB", RUN, MEMORY)
def _(folder):
    with (folder / "m.safetensors").open("wb") as file:
        file.write(safetensors(b'{"__metadata__":{"mlp":"{}"}}'))
        file.truncate(3 << 30)
    (folder / "d.csv").write_text("a\n1\n")
    return ["predict", "m.safetensors", "d.csv"]


@case("model that is /dev/zero", RUN, MEMORY, SPEC)
def _(folder):
    (folder / "d.csv").write_text("a\n1\n")
    return ["predict", "/dev/zero", "d.csv"]


# ------------------------------------------------------------ specs

SPECS = {
    "a layer of 10^9 units": (SPEC, "model: {layers: [{units: 1000000000}]}"),
    "layers of 10^6 units": (
        MEMORY,
        "model: {layers: [{units: 1000000}, {units: 1000000}]}",
    ),
    "200 layers of 10,000 units": (
        MEMORY,
        f"model: {{layers: [{'{units: 10000}, ' * 200}]}}",
    ),
    "1000 layers of 10^6 units": (
        MEMORY,
        f"model: {{layers: [{'{units: 1000000}, ' * 1000}]}}",
    ),
    "10,000 layers": (SPEC, f"model: {{layers: [{'{units: 9}, ' * 10_000}]}}"),
    "10^18 rows a step": (DONE, "training: {epochs: 1, batch_size: 1000000000000000000}"),
    "10^30 rows a step": (DONE, f"training: {{epochs: 1, batch_size: 1{'0' * 30}}}"),
    "10^9 replicas": (SPEC, "ensemble: {kind: seeds, replicas: 1000000000}"),
    "10,000 wide replicas": (
        MEMORY,
        "model: {layers: [{units: 3000}, {units: 3000}]}\nensemble: {kind: seeds, replicas: 10000}",
    ),
    "10,000 wide members": (
        MEMORY,
        "model: {layers: [{units: 9000}, {units: 9000}]}\nensemble: {kind: tabm, replicas: 10000}",
    ),
    "an embedding of 1024 × 1024": (
        DONE,
        "model: {embedding: {name: periodic, frequencies: 1024, units: 1024}}",
    ),
    "λ of 10^400": (SPEC, f"training: {{optimizer: {{name: sgd, learning_rate: 1{'0' * 400}}}}}"),
    "λ of 10^300": (4, "training: {epochs: 1, optimizer: {name: sgd, learning_rate: 1e300}}"),
    "a seed of 10^40": (SPEC, f"seed: 1{'0' * 40}"),
    "patience of 10^40": (
        DONE,
        f"training: {{epochs: 1, early_stopping: {{patience: 1{'0' * 40}}}}}",
    ),
    "10^40 threads": (DONE, f"runtime: {{threads: 1{'0' * 40}}}"),
    "memory of 10^17 TB": (DONE, "runtime: {memory: 99999999999999999TB}"),
    "checkpoints every 10^300 s": (DONE, "runtime: {checkpoint_seconds: 1e300}"),
}
for _what, (_code, _text) in SPECS.items():

    @case(f"spec with {_what}", _code)
    def _(folder, text=_text):
        return (
            small(folder, "" if text.startswith("training") else text)
            if not text.startswith("training")
            else with_training(folder, text)
        )


def with_training(folder, text):
    words = small(folder)
    (folder / "s.yaml").write_text(f"data: {{path: d.csv, target: y}}\n{text}\n")
    return words


@case("spec with 10^18 epochs, SIGTERM", 143, during=interrupt(15, 2.5))
def _(folder):
    text = "training: {epochs: 1000000000000000000, early_stopping: null}"
    return with_training(folder, text)


@case("spec with images of 10^5 × 10^5", DATA, SPEC)
def _(folder):
    return small(folder, data=", image: {height: 100000, width: 100000}")


@case("spec with images of 10^6 × 10^6", SPEC)
def _(folder):
    return small(folder, data=", image: {height: 1000000, width: 1000000}")


@case("spec nested 10^5 deep", SPEC)
def _(folder):
    return small(folder, "model: " + "[" * 100_000)


@case("spec of 2^18 commas", SPEC)
def _(folder):
    return small(folder, "model: [" + "a," * 130_000 + "]")


@case("spec with 200,000 keys", SPEC)
def _(folder):
    return small(folder, "".join(f"a{k}: 1\n" for k in range(25_000)))


@case("spec with a sweep of 10^12 trials", SPEC)
def _(folder):
    sweep = "sweep: {method: grid, parameters: {" + ", ".join(
        f"{key}: {{log_uniform: [0.001, 1], steps: 10000}}"
        for key in ("regularization.l2", "regularization.l1", "training.optimizer.learning_rate")
    )
    return small(folder, sweep + "}}", verb="sweep")


def many_set(n, text):
    return [word for _ in range(n) for word in ("--set", text)]


@case("--set of 100 kB", SPEC)
def _(folder):
    return small(folder, "", "--set", "data.exclude=[" + "a," * 60_000 + "]")


@case("1,000 times --set", DONE, SPEC)
def _(folder):
    return small(folder, "", *many_set(1000, "training.epochs=1"))
