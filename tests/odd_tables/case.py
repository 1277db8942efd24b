"""One odd table: how it is written, the spec a new analyst would write, and what must come out.

Writers are deterministic: the same bytes on every machine, the container formats' own stamps aside.
"""

import csv
import io
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

CASES = {}


@dataclass(frozen=True)
class Case:
    """A table, the spec for it, and what must come out.

    write     writes the table, t.csv unless the spec says otherwise, into a folder
    data      the spec's section `data`
    more      its other sections
    code      exit code of `check`, and of `train`
    task      that is chosen
    columns   the table's columns that are inputs, all of them
    unused    some of the table's columns that are no inputs
    features  inputs of the network that there must be, as `check` names them
    most      how many inputs the network has at most
    n_rows    of the table, and how many of them, left_out, are in no part; None: not looked at
    read      column -> number, date, boolean or text: how its texts were read
    values    column -> its values in the first rows, as numbers
    split     what the resolved spec's data.split says
    rows      rows of each part
    resolved  what the resolved spec's section data says
    again     whether its resolved spec is checked, too: of thousands of columns that takes long
    says      patterns, each of which one line about the data, or the error's sentence, must match;
              capitals are all the same
    never     patterns that none of them may match
    """

    name: str
    write: Callable[[Path], None]
    data: str = "path: t.csv, target: price"
    more: str = ""
    code: int = 0
    task: str | None = None
    columns: set[str] | None = None
    unused: set[str] = field(default_factory=set)
    features: set[str] = field(default_factory=set)
    most: int | None = None
    n_rows: int | None = None
    left_out: int = 0
    read: dict = field(default_factory=dict)
    values: dict = field(default_factory=dict)
    split: dict = field(default_factory=dict)
    rows: dict = field(default_factory=dict)
    resolved: dict = field(default_factory=dict)
    again: bool = True
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()

    @property
    def spec(self):
        return f"data: {{{self.data}}}\n{self.more}"

    def write_all(self, folder):
        """Write the table and the spec into a new folder."""
        folder.mkdir(parents=True)
        self.write(folder)
        (folder / "spec.yaml").write_text(self.spec, "utf-8")


def add(name, write, **expected):
    """Enter a case; `write` is a function of the folder, or the columns of t.csv."""
    assert name not in CASES, name
    if not callable(write):
        columns, write = write, csv_file(write)
        expected.setdefault("n_rows", len(next(iter(columns.values()))))
    CASES[name] = Case(name, write, **expected)


def houses(n=80, seed=1, **more):
    """Return columns of a sound table: sizes, ages and kinds of houses, and what they cost.

    more  further columns, between those and the price: values, or a function of a random generator
          that draws one
    """
    draw = random.Random(seed)
    size = [round(draw.uniform(20, 220), 1) for _ in range(n)]
    age = [draw.randrange(1, 60) for _ in range(n)]
    kind = [draw.choice(("flat", "house", "villa")) for _ in range(n)]
    extra = {"flat": 0, "house": 20_000, "villa": 50_000}
    price = [
        round(1000 * s - 400 * a + extra[k] + draw.gauss(30_000, 9_000), 2)
        for s, a, k in zip(size, age, kind, strict=True)
    ]
    made = {
        name: [values(draw) for _ in range(n)] if callable(values) else list(values)
        for name, values in more.items()
    }
    return {"size": size, "age": age, "kind": kind, **made, "price": price}


def answers(n=80, seed=1, target="sold", words=("no", "yes"), **more):
    """Return `houses` with a target of two words instead of the price."""
    columns = houses(n, seed, **more)
    price = columns.pop("price")
    draw = random.Random(seed + 1)
    middle = sorted(price)[n // 2]
    columns[target] = [words[(value > middle) != (draw.random() < 0.1)] for value in price]
    return columns


def csv_text(columns, delimiter=",", newline="\n", *, quote_all=False):
    """Return columns as the text of a CSV file."""
    stream = io.StringIO()
    quoting = csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=newline, quoting=quoting)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return stream.getvalue()


def csv_file(columns, name="t.csv", encoding="utf-8", **how):
    """Return a function that writes columns as a CSV file into a folder."""
    return text_file(csv_text(columns, **how), name, encoding)


def text_file(text, name="t.csv", encoding="utf-8"):
    """Return a function that writes a text, or bytes, as a file into a folder."""
    content = text if isinstance(text, bytes) else text.encode(encoding)
    return lambda folder: (folder / name).write_bytes(content) and None


def comma(values):
    """Return numbers with a decimal comma."""
    return [str(value).replace(".", ",") for value in values]


def thousands(value, point=".", separator=","):
    """Return a number with two decimals and separated thousands."""
    return f"{value:,.2f}".replace(",", "\0").replace(".", point).replace("\0", separator)
