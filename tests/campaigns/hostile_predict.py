"""Hostile files to predict: the columns are those of a model, so that all of a file is read."""

import json
import zipfile

from hostile import DATA, DONE, MEMORY, MIB, SPEC, case, model, write_many, write_packed
from hostile_packed import npy, write_npz


def predict(folder, name, *words):
    file = folder / name
    if file.is_file():  # the model is trained on a d.csv of its own
        name = f"new-{name}"
        file.rename(folder / name)
    return ["predict", model(folder), name, "-o", "p.csv", *words]


@case("predict gz of 305 kB: 75,000,000 rows", MEMORY, says="gunzip")
def _(folder):
    write_packed(folder / "d.csv.gz", b"a,b\n", b"1,2\n" * (MIB // 4), 300)
    return predict(folder, "d.csv.gz")


@case("predict gz of 305 kB: 300 MB of blank lines", MEMORY, DATA)
def _(folder):
    write_packed(folder / "d.csv.gz", b"a,b\n1,2\n", b"\n" * MIB, 300)
    return predict(folder, "d.csv.gz")


@case("predict gz of one line, jsonl", MEMORY, DATA)
def _(folder):
    write_packed(folder / "d.jsonl.gz", b"", b'{"a":1,"b":2}\n' * 75_000, 300)
    return predict(folder, "d.jsonl.gz")


@case("predict gz with something behind it", DATA)
def _(folder):
    write_packed(folder / "d.csv.gz", b"a,b\n", b"1,2\n", 1000)
    with (folder / "d.csv.gz").open("ab") as file:
        file.write(b"more")
    return predict(folder, "d.csv.gz")


@case("predict npz of 0.6 MB: 600 MB", MEMORY, says="savez", is_cheap=False)
def _(folder):
    rows = 300 * MIB
    write_npz(folder, {n: (npy(f"({rows},)", "|i1"), b"\0" * MIB, 300) for n in "ab"})
    return predict(folder, "d.npz")


@case("predict npz of texts of 0.4 GB each", MEMORY, DATA)
def _(folder):
    write_npz(folder, {n: npy("(4,)", "<U100000000") for n in "ab"})
    return predict(folder, "d.npz")


@case("predict npz by columns, 400 MB unpacked", DONE, MEMORY, seconds=60, is_cheap=False)
def _(folder):
    rows = 20 * MIB
    text = f"{{'descr': '|i1', 'fortran_order': True, 'shape': ({rows}, 20), }}"
    head = npy("()", "|i1")[:8]
    text += " " * (63 - (len(text) + 10) % 64) + "\n"
    head += len(text).to_bytes(2, "little") + text.encode()
    each = {"X": (head, b"\1" * MIB, 400), "a": (npy(f"({rows},)", "|i1"), b"\1" * MIB, 20)}
    each["b"] = each["a"]
    write_npz(folder, each, zipfile.ZIP_STORED)
    return predict(folder, "d.npz")


@case("predict parquet of a constant, 50,000,000 rows", MEMORY, says="CSV", is_cheap=False)
def _(folder):
    import pyarrow as pa
    import pyarrow.parquet

    piece = pa.table({n: pa.array([1] * 1_000_000, pa.int64()) for n in "ab"})
    with pyarrow.parquet.ParquetWriter(folder / "d.parquet", piece.schema) as file:
        for _ in range(50):
            file.write_table(piece)
    return predict(folder, "d.parquet")


TEXTS = {
    "a line of 300 MB": (b"a,b\n1,", b"0" * MIB, b"\n"),
    "300 MB without a line end, behind good rows": (b"a,b\n" + b"1,2\n" * 10**6, b"0" * MIB, b""),
    "300 MB of blank lines": (b"a,b\n1,2\n", b"\n" * MIB, b"1,2\n"),
    "a quote that is never closed": (
        b"a,b\n" + b"1,2\n" * 10**6 + b'"1,',
        b"0,2\n" * (MIB // 4),
        b"",
    ),
    "zero bytes": (b"a,b\n1,2\n", b"\0" * MIB, b"\n"),
    "no line end but returns": (b"a,b\r1,2\r", b"1,2\r" * (MIB // 80), b""),
}
for _what, _pieces in TEXTS.items():

    @case(f"predict csv: {_what}", DATA, MEMORY, DONE, SPEC, seconds=40, is_cheap=False)
    def _(folder, pieces=_pieces):
        write_many(folder / "d.csv", *pieces[:2], 300, pieces[2])
        return predict(folder, "d.csv")


@case("predict csv of zero bytes in 1 MB", DATA)
def _(folder):
    write_many(folder / "d.csv", b"a,b\n1,2\n", b"\0" * MIB, 1)
    return predict(folder, "d.csv")


BAD = {
    "texts": lambda k: f"much {k},2\n",
    "ragged": lambda k: f"{k}\n",
    "infinite": lambda _: "inf,2\n",
    "of 5000 digits": lambda k: "9" * 5000 + ",2\n" if k < 2000 else "x,2\n",
    "quoted": lambda k: f'"1{k}"x,2\n',
    "too large, in both columns": lambda k: f"1e300,{k}e301\n",
}
for _what, _row in BAD.items():
    for _how in ("skip", "blank", "fail"):

        @case(f"predict 200,000 bad rows, {_what}: {_how}", DATA, DONE, is_cheap=_how == "skip")
        def _(folder, row=_row, how=_how):
            bad = "".join(map(row, range(200_000)))
            (folder / "d.csv").write_text("a,b\n1,2\n" + bad + "1,2\n")
            return predict(folder, "d.csv", "--on-bad-row", how)


@case("predict bad json lines: skip", DONE)
def _(folder):
    rows = ["{", "[]", '{"a": 1}', '{"a": "x", "b": 2}', '{"a": 1, "b": 1e999}', "[" * 9999]
    rows += [json.dumps({"a": 1, "b": {"c": 2}}), '{"a": 1, "a": 2, "b": 3}', "9" * 5000]
    text = '{"a": 1, "b": 2}\n' + "".join(f"{row}\n" for row in rows * 3000)
    (folder / "d.jsonl").write_text(text)
    return predict(folder, "d.jsonl", "--on-bad-row", "skip")


@case("predict 100,000 columns, all kept", DONE, seconds=20)
def _(folder):
    names = ",".join(f"c{k}" for k in range(100_000))
    row = ",".join(["1"] * 100_000)
    (folder / "d.csv").write_text(f"a,b,{names}\n" + f"1,2,{row}\n" * 20)
    return predict(folder, "d.csv", "--keep", "all")


@case("predict kept texts of 1 MB", DONE, MEMORY, seconds=20, is_cheap=False)
def _(folder):
    write_many(folder / "d.csv", b"a,b,c\n", b"1,2," + b"x" * (MIB - 5) + b"\n", 300)
    return predict(folder, "d.csv", "--keep", "all")


@case("predict -o in a folder that is none", 6)
def _(folder):
    (folder / "d.csv").write_text("a,b\n1,2\n")
    return ["predict", model(folder), "d.csv", "-o", "none/p.csv"]


@case("predict a device", DATA)
def _(folder):
    return predict(folder, "/dev/zero")


@case("predict a folder", DATA, 6)
def _(folder):
    return predict(folder, ".")
