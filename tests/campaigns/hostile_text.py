"""Tables with cells, lines, quotes, headers and columns that no table has."""

from hostile import DATA, DONE, MEMORY, MIB, case, check, train, write_many

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


@case("csv of 100,000 columns, train", DONE, MEMORY, seconds=120, mib=2000, is_cheap=False)
def _(folder):
    wide(folder, 100_000, 20)
    return train(folder, "d.csv")


@case("csv of 100,000 columns, check", DONE, MEMORY, seconds=120, mib=2000, is_cheap=False)
def _(folder):
    wide(folder, 100_000, 20)
    return check(folder, "d.csv")


@case("csv of 100,000 words a row, train", DONE, MEMORY, seconds=120, mib=2000, is_cheap=False)
def _(folder):
    wide(folder, 100_000, 20, lambda k, j: b"w%d" % ((k * j) % 7))
    return train(folder, "d.csv")


@case("csv of 30,000,000 cells, 300 rows", DONE, MEMORY, seconds=120, mib=2000, is_cheap=False)
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


@case("csv of 100,000 categories, one-hot", DATA, is_cheap=False)
def _(folder):
    rows = "".join(f"w{k},{k % 2}\n" for k in range(100_000))
    (folder / "d.csv").write_text("a,y\n" + rows)
    data = ", categorical: [a], rare: 0, max_categories: 1000000"
    return train(folder, "d.csv", data=data)


@case("csv of 40 columns of 9,973 categories, one-hot", MEMORY, seconds=20, is_cheap=False)
def _(folder):
    names = [f"a{j}" for j in range(40)]
    rows = "".join(
        ",".join(f"w{k * (j + 1) % 9973}" for j in range(40)) + f",{k % 2}\n" for k in range(50_000)
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


@case("jsonl of 100,000 keys", DONE, MEMORY, DATA, seconds=120, mib=2000, is_cheap=False)
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
