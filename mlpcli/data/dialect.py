"""How a CSV file is written: the delimiter, the line of its header, the decimal sign.

Found from its first lines, where the spec leaves them open.
"""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from mlpcli.data.cells import is_number
from mlpcli.data.decimal_sign import is_any_number, sample_sign
from mlpcli.data.patterns import Pattern
from mlpcli.data.table import quoted
from mlpcli.errors import DataError

SAMPLE_LINES = 100  # from which the delimiter is found
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
SEVERAL_ROWS = 3  # for the usual delimiter to be overruled
MOST_TITLE_LINES = 20  # above a header, to be named as such
SEP_LINE = Pattern(r'"?sep=([^"\r\n])"?\r?\n?', re.IGNORECASE)  # Excel's own, in line 1
SPACES = Pattern(r"[ \t]+")


@dataclass(frozen=True)
class Dialect:
    """How a text file was written, as it was found or as the spec says.

    encoding   as Python names it
    delimiter  None where the file is no CSV
    decimal    of numbers: a point or a comma; None where the file is no CSV
    header     the line of the header, where nothing but blank lines stands above it: 1
    """

    encoding: str
    delimiter: str | None = None
    decimal: str | None = None
    header: int = 1


@dataclass(frozen=True)
class Sample:
    """The first lines of a text file, with their ends.

    name   of the file, for messages
    whole  whether the file has no more
    """

    name: str
    lines: Sequence[str]
    whole: bool

    @property
    def header(self) -> str:
        """The first line with something in it."""
        return next((line for line in self.lines if line.strip()), "")

    def records(self, delimiter: str) -> list[tuple[int, list[str]]]:
        """Return (line, fields) of each record, as far as the lines are CSV."""
        found, begin = [], 1
        reader = csv.reader(self.lines, delimiter=delimiter, strict=True)
        try:
            for fields in reader:
                if fields:
                    found.append((begin, fields))
                begin = reader.line_num + 1
        except csv.Error:
            return found
        cut = not self.whole and any('"' in line for line in self.lines)  # perhaps in a field
        return found[:-1] if cut else found

    def widths(self, delimiter: str) -> list[int]:
        """Return the number of fields of each record."""
        if any('"' in line for line in self.lines):
            return [len(fields) for _, fields in self.records(delimiter)]
        return [line.count(delimiter) + 1 for line in self.lines if line.rstrip("\r\n")]


def find_dialect(
    sample: Sample,
    encoding: str,
    *,
    usual: str,
    delimiter: str | None = None,
    decimal: str | None = None,
    usual_decimal: str = ".",
) -> tuple[Dialect, str]:
    """Return how a CSV file is written, and a number that shows its decimal sign, if one does.

    encoding       that was found
    usual          the delimiter of the file's ending
    delimiter      None: it is to be found, as the decimal sign is
    usual_decimal  where no number shows the sign, and the delimiter is another
    """
    excel = SEP_LINE.fullmatch(sample.lines[0]) if sample.lines else None
    if delimiter is None and excel is None:
        delimiter = find_delimiter(sample, usual)
        check_comment(sample, delimiter)
        if delimiter not in sample.header:
            check_spaces(sample)
    elif delimiter is None:
        assert excel is not None
        delimiter = excel[1]
    first, example = 1 if excel is None else 2, ""
    if decimal is None:
        decimal, example = _find_decimal(sample, delimiter, first, usual_decimal)
    return Dialect(encoding, delimiter, decimal, first), example


def _find_decimal(sample: Sample, delimiter: str, first: int, usual: str) -> tuple[str, str]:
    """Return the decimal sign that the first rows show, else the usual one; and what shows it."""
    lines = sample.lines[first:]
    quoted_cells = any('"' in line for line in lines)
    if delimiter == "," and not quoted_cells:
        return ".", ""  # a comma within a number would have cut it
    if usual == "." and not any("," in line for line in lines):
        return ".", ""
    rows = [fields for _, fields in sample.records(delimiter)[first:]]
    sign, example = sample_sign(zip(*rows, strict=False))
    return sign or ("." if delimiter == "," else usual), example


def find_delimiter(sample: Sample, usual: str) -> str:
    """Return the delimiter that cuts the first lines into as many fields as the header has.

    The usual one of the file's ending where that does, unless another one leaves nothing but
    numbers in several rows and it does not; else the one that leaves the most numbers. Where none
    does, the one most lines agree on; else the usual one.
    """
    others = [d for d in DELIMITERS if d != usual and d in sample.header]
    widths = {d: sample.widths(d) for d in (usual, *others)}
    regular = [d for d, each in widths.items() if each and min(each) == max(each) > 1]
    if len(regular) == 1:
        return regular[0]
    if regular:
        share = {d: _share_of_numbers(sample, d) for d in regular}
        best = max(regular, key=lambda d: (share[d], d == usual, widths[d][0]))
        is_plain = share[best] == 1 and len(widths[best]) > SEVERAL_ROWS
        return usual if usual in regular and not is_plain else best
    agreeing = {d: each.count(each[0]) for d, each in widths.items() if each and each[0] > 1}
    best = max(agreeing, key=lambda d: (d == usual, agreeing[d]), default=usual)
    if max(agreeing.values(), default=0) <= len(widths[usual]) // 2:
        check_first_line(sample, [usual, *(d for d in DELIMITERS if d != usual)])
    return best if agreeing.get(best, 0) > 1 or best == usual else usual


def _share_of_numbers(sample: Sample, delimiter: str) -> float:
    cells = [cell for _, fields in sample.records(delimiter)[1:] for cell in fields]
    return sum(map(is_any_number, cells)) / max(len(cells), 1)


def check_first_line(sample: Sample, delimiters: Sequence[str]) -> None:
    """Raise DataError where titles or comments stand above the header.

    They are shorter than the header, a record of names above records with numbers.
    """
    for delimiter in delimiters:
        records = sample.records(delimiter)
        for k in range(1, min(MOST_TITLE_LINES + 1, len(records) - 1)):
            width = len(records[k][1])
            if width > max(len(fields) for _, fields in records[:k]) and _is_header(records[k:]):
                raise _title_error(sample, records[0], records[k])


def check_comment(sample: Sample, delimiter: str) -> None:
    """Raise DataError where lines that begin with # stand above the header."""
    if not sample.lines or not sample.lines[0].startswith("#"):
        return
    records = sample.records(delimiter)
    k = next((k for k, (_, fields) in enumerate(records) if not fields[0].startswith("#")), 0)
    if k and _is_header(records[k:]):
        raise _title_error(sample, records[0], records[k])


def _is_header(records: Sequence[tuple[int, list[str]]]) -> bool:
    """Whether records of equal length are names above rows with a column of numbers."""
    names, rows = records[0][1], [fields for _, fields in records[1:]]
    if not rows or any(len(fields) != len(names) for fields in rows):
        return False
    if not all(name.strip() for name in names) or any(map(is_any_number, names)):
        return False
    return any(all(map(is_any_number, cells)) for cells in zip(*rows, strict=True))


def _title_error(
    sample: Sample, first: tuple[int, list[str]], header: tuple[int, list[str]]
) -> DataError:
    text, how = quoted(sample.lines[first[0] - 1].strip()), f"tail -n +{header[0]}"
    if sample.name != "<stdin>":
        path = PurePath(sample.name)
        copy = path.with_name(f"{path.stem}-table{path.suffix}")
        how += f" {shlex.quote(str(path))} > {shlex.quote(str(copy))}"
    return DataError(
        f"{sample.name}:{first[0]}: {text} stands above the header, which seems to be line "
        f"{header[0]}; remove what is above it, as in: {how}"
    )


def check_spaces(sample: Sample) -> None:
    """Raise DataError where it is spaces that separate the columns, numbers in the rows."""
    rows = [SPACES.split(line.strip()) for line in sample.lines if line.strip()]
    width = len(rows[0]) if rows else 0
    if width < 2 or len(rows) < 2 or any(len(row) != width for row in rows):  # noqa: PLR2004
        return
    if all(is_number(cell) for row in rows[1:] for cell in row):
        single = all(line.count(" ") == width - 1 for line in sample.lines if line.strip())
        what = "data.delimiter: ' '" if single else "commas in their place"
        raise DataError(
            f"{sample.name}:1: the columns seem to be separated by spaces; write {what}"
        )
