"""Changes of files that a fuzzer makes: of bytes, of text, of plain data, of safetensors files."""

import copy
import json
import struct

PIECES = [
    *(b"\0", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\x80", b"\xff" * 8),
    *(b'"', b'""', b"'", b"`", b"\n", b"\r", b"\r\n", b",", b";", b"\t", b"|", b" ", b"\x1a"),
    *(b"1e999", b"-1e-999", b"NaN", b"inf", b"-", b"+", b".", b"9" * 400, b"1_000", b"1,000.5"),
    *(b"0x1f", b"1e5", b"007", b"2020-02-30", b"99:99", b"12%", b"-0", b"\xd9\xa1\xd9\xa2"),
    *("\u2028\u0085\u200b".encode(), "🙂é日本".encode(), "\x1b[2J\x9b".encode(), b"e\xcc\x81"),
    *(b"{", b"}", b"[", b"]", b"{}", b"[]", b"null", b"true", b"[" * 2000, b"{a: " * 300, b"!!x "),
    *(b"&a ", b"*a", b"<<: ", b"? ", b"- ", b": ", b"---\n", b"...\n", b"#", b"|\n", b">\n", b"%"),
    *(b"\x1f\x8b", b"PAR1", b"PK\x03\x04", b"\x93NUMPY", b"sep=;\n", b"=cmd()", b"A" * 70_000),
]
VALUES = [
    *(None, True, False, 0, -1, 1, 2, 3, 0.5, 1e300, -1e-300, 10**30, -(10**30), 2**63, 2**31),
    *("", " ", "auto", "name", "text", "\n", "\0", "\ud800", "x" * 10_000, "[0]", "a.b", "NaN"),
    *(
        [],
        {},
        [None],
        [[]],
        [{}],
        {"name": None},
        {"name": []},
        {"": 0},
        [1, 2, 3],
        ["a"],
        {"a": 1},
    ),
    *(float("nan"), float("inf"), [0] * 2000, "sgd", "../../x", "-", "/dev/zero", "/", "."),
]


def mutate_bytes(dice, content):
    """Return bytes that differ in a few places."""
    found = bytearray(content)
    for _ in range(dice.choice([1, 1, 1, 2, 3, 6])):
        i = dice.randrange(len(found) + 1)
        j = min(len(found), i + dice.choice([1, 1, 2, 8, 60]))
        kind = dice.randrange(8)
        if kind == 0 and i < len(found):
            found[i] ^= 1 << dice.randrange(8)
        elif kind == 1:
            found[i:j] = dice.randbytes(j - i)
        elif kind == 2:
            found[i:i] = dice.choice(PIECES)
        elif kind == 3:
            found[i:j] = dice.choice(PIECES)
        elif kind == 4:
            del found[i:j]
        elif kind == 5:
            found[i:i] = found[i:j] * dice.choice([1, 2, 50])
        elif kind == 6 and dice.random() < 0.3:
            del found[i:]
        else:
            k = dice.randrange(len(found) + 1)
            found[k:k] = found[i:j]
    return bytes(found)


CELLS = [
    *("", " ", "NA", "?", "-", "0", "1", "-1", "1e999", "-1e308", "1e-320", "nan", "inf", "1,5"),
    *("1 000", "12%", "€5", "1_0", "9" * 400, "007", "2020-02-30", "2020-01-01", "12:61", "TRUE"),
    *("yes", "x" * 5000, "é", "日本", "\u200b", "\x1b[2J", "a'b", "=1+1", "٣", "1/2", "0x10", "1e"),
    *("9007199254740993", "18446744073709551616", "0.1e1", "+5", "(5)", "5-", "1.2.3", "train"),
]


def mutate_cells(dice, text, separator):
    """Return a table as text of which some cells, rows or columns are changed."""
    rows = [line.split(separator) for line in text.splitlines()]
    for _ in range(dice.choice([1, 1, 1, 2, 5])):
        k = dice.randrange(len(rows))
        j = dice.randrange(len(rows[k])) if rows[k] else 0
        kind = dice.randrange(12)
        if kind < 6 and rows[k]:
            rows[k][j] = dice.choice(CELLS)
        elif kind == 6:
            rows = [[*row[:j], dice.choice(CELLS), *row[j:]] for row in rows]
        elif kind == 7:
            cell = dice.choice(CELLS)
            rows = [rows[0], *([*row[:j], cell, *row[j + 1 :]] for row in rows[1:])]
        elif kind == 8 and len(rows) > 1:
            del rows[k]
        elif kind == 9:
            rows[k:k] = [rows[k][:]] * dice.choice([1, 30])
        elif kind == 10:
            rows = [row[:j] + row[j + 1 :] for row in rows]
        elif kind == 11:
            rows = rows[: dice.choice([1, 2, 3, 5, 10])]
    return dice.choice(["\n", "\n", "\r\n"]).join(separator.join(row) for row in rows) + "\n"


def places_in(value, path=()):
    """Yield the path of every value in plain data."""
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places_in(value[key], (*path, key))


def _at(value, path):
    for key in path:
        value = value[key]
    return value


def mutate_plain(dice, value):
    """Return plain data that differ in a few places."""
    found = copy.deepcopy(value)
    for _ in range(dice.choice([1, 1, 1, 2, 4])):
        places = list(places_in(found))
        path, other = dice.choice(places), dice.choice(places)
        if not path:
            continue
        inside, key = _at(found, path[:-1]), path[-1]
        kind = dice.randrange(7)
        if kind <= 2:
            inside[key] = copy.deepcopy(dice.choice(VALUES))
        elif kind == 3:
            del inside[key]
        elif kind == 4:
            inside[key] = copy.deepcopy(_at(found, other))
        elif kind == 5:
            inside[key] = dice.choice([[inside[key]], {"name": inside[key]}, str(inside[key])])
        elif isinstance(inside, dict):
            inside[dice.choice(["name", "x", str(key) + "s", "", "0"])] = inside.pop(key)
        else:
            inside.insert(key, copy.deepcopy(inside[key]))
    return found


def take_apart(content):
    """Return the header and the tensors' bytes of a safetensors file, without its seal."""
    (n,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + n])
    header["__metadata__"].pop("sha256", None)
    return header, content[8 + n :]


def put_together(header, body, seal):
    """Return a safetensors file, with its seal again where there can be one."""
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    content = struct.pack("<Q", len(text)) + text + body
    try:
        return seal(content)
    except ValueError:
        return content


def mutate_safetensors(dice, content, seal):
    """Return a safetensors file with a part changed; mostly sealed again, so that it is parsed."""
    header, body = take_apart(content)
    kind = dice.randrange(5)
    if kind == 0:
        return mutate_bytes(dice, content)
    if kind == 1:
        return put_together(header, mutate_bytes(dice, body), seal)
    if kind == 2:
        tensors = {k: v for k, v in header.items() if k != "__metadata__"}
        changed = mutate_plain(dice, tensors)
        return put_together({"__metadata__": header["__metadata__"], **changed}, body, seal)
    (name,) = header["__metadata__"]
    told = mutate_plain(dice, json.loads(header["__metadata__"][name]))
    text = json.dumps(told)
    if dice.random() < 0.1:
        text = mutate_bytes(dice, text.encode()).decode("latin-1")
    return put_together({**header, "__metadata__": {name: text}}, body, seal)
