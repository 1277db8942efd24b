"""A CSV file from its first line to a table: dialect, header, values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from mlpcli.data.advice import as_yaml
from mlpcli.data.cells import CellRules
from mlpcli.data.columns import Column, Numbers
from mlpcli.data.csv_structure import CsvFile, first_lines
from mlpcli.data.csv_values import read_large, read_small
from mlpcli.data.decimal_sign import overruled
from mlpcli.data.dialect import DELIMITERS, SEP_LINE, Dialect, Sample, find_dialect
from mlpcli.data.encodings import NotUtf8Error, TextFile
from mlpcli.data.guesses import Guess
from mlpcli.data.header import NAMELESS, column_names
from mlpcli.data.lines import read_line
from mlpcli.data.table import Table, absence, absent, quoted
from mlpcli.errors import DataError

if TYPE_CHECKING:
    from mlpcli.data.readers import ReadOptions


def read_csv(text: TextFile, options: ReadOptions, usual: str, small: int) -> Table:
    """Return the table in a CSV file.

    usual  the delimiter of the file's ending
    small  bytes of the largest file that the csv module reads
    Raises DataError for whatever the file has wrong, NotUtf8Error where it may be encoded
    otherwise.
    """
    source = text.source
    spelt = {*options.spelt, *options.text, *options.required}
    if source.spool is not None and options.required:
        check_header_line(text, options, usual)
    text, sample = sampled(text)
    dialect, example = find_dialect(
        sample,
        text.encoding,
        usual=usual,
        delimiter=options.delimiter,
        decimal=options.decimal,
        usual_decimal=options.usual_decimal,
    )
    assert dialect.delimiter is not None
    assert dialect.decimal is not None
    file = CsvFile(source.name, dialect.delimiter, text.open, 0, dialect.header)
    header = file.header(spelt)
    names = header.names
    missing = absent(names, options.required)
    if missing:
        named = [name for name in names if not name.startswith(NAMELESS)]
        raise DataError(absence(source.name, missing, named))
    file = replace(file, n_bytes=source.n_bytes())
    is_small = len(source.read(small + 1)) <= small
    as_text = frozenset({*options.text, *(name.strip() for name in options.text)})

    def read(decimal: str) -> dict[str, Column]:
        rules = CellRules(frozenset(options.missing), as_text, decimal, options.codes)
        return (read_small if is_small else read_large)(file, names, rules)

    columns = read(dialect.decimal)
    shown = "" if options.decimal else overruled(columns.values(), dialect.decimal)
    if shown:
        dialect = replace(dialect, decimal="," if dialect.decimal == "." else ".")
        columns, example = read(str(dialect.decimal)), shown
    guesses = dialect_guesses(source.name, dialect, options, usual, example)
    nameless = [name for name in names if name.startswith(NAMELESS)]
    for name in nameless:
        if not is_empty(columns.pop(name)):
            raise file.nameless(names.index(name) + 1)
    if nameless:
        guesses.append(dropped_columns(source.name, len(nameless)))
    return Table(
        columns,
        source.name,
        source.sha256(),
        lambda row, column: file.locate(row, names.index(column)),
        (*header.guesses, *guesses),
        dialect,
    )


def dialect_guesses(
    name: str, dialect: Dialect, options: ReadOptions, usual: str, example: str
) -> list[Guess]:
    """Return what was found where the options leave it open, and is not the usual."""
    guesses = []
    is_tsv = dialect.delimiter == "\t" and ".tsv" in PurePath(name.lower()).suffixes
    if options.delimiter is None and dialect.delimiter != usual and not is_tsv:
        sign = DELIMITERS.get(str(dialect.delimiter), repr(dialect.delimiter))
        why = "as its first line says" if dialect.header > 1 else "as its first lines show"
        other = f"where that is wrong, set data.delimiter: {as_yaml(usual)}"
        text = f"{name}: the delimiter is a {sign}, {why}; {other}"
        guesses.append(Guess("delimiter", text))
    if options.decimal is None and dialect.decimal != ".":
        why = f"as {quoted(example)} shows" if example else "as in the training rows"
        other = f"where that is wrong, set data.decimal: {as_yaml('.')}"
        guesses.append(Guess("decimal", f"{name}: the decimal sign is a comma, {why}; {other}"))
    return guesses


def dropped_columns(name: str, n: int) -> Guess:
    """Return what was found of n columns at the end of each line without a name and a value."""
    what = "1 column that has" if n == 1 else f"{n} columns that have"
    return Guess("header", f"{name}: left out at the end of each line: {what} no name and no value")


def is_empty(column: Column) -> bool:
    """Whether no cell has more than blanks."""
    if isinstance(column, Numbers):
        return bool(column.missing.all())
    return not any(str(value).strip() for value in column.values)


def sampled(text: TextFile) -> tuple[TextFile, Sample]:
    """Return the file, read with the line ends that its first lines show; and those lines."""
    with text.open() as stream:
        sample = first_lines(text.source.name, stream)
    if sample is not None:
        return text, sample
    return sampled(replace(text, returns=True))


def check_header_line(text: TextFile, options: ReadOptions, usual: str) -> None:
    """Raise DataError where no delimiter makes the header of a pipe have the required columns.

    Nothing is read beyond the first line with something in it, so that a pipe is refused while it
    is being written; what delimiter it has is found from more lines.
    """
    with text.open() as stream:
        start = read_line(stream).decode("utf-8", "replace")
    excel = SEP_LINE.fullmatch(start.removeprefix("\ufeff"))
    first = 1 if excel is None else 2
    given = options.delimiter or (excel and excel[1])
    found: list[Sequence[str]] = []
    for delimiter in [given] if given else [usual, *(d for d in DELIMITERS if d != usual)]:
        file = CsvFile(text.source.name, delimiter, text.open, 0, first)
        try:
            record = next(file.records(), None)
            fields = [] if record is None else record.fields
            found.append(column_names(file.name, fields, {*options.spelt, *options.required}).names)
        except NotUtf8Error:
            check_header_line(replace(text, encoding="cp1252"), options, usual)
            return
        except DataError:
            continue  # cut elsewhere it may be a header; else the reading says what is wrong
    best = min(found, key=lambda names: len(absent(names, options.required)), default=())
    missing = absent(best, options.required)
    if missing and len(best) > 1:
        raise DataError(absence(text.source.name, missing, best))
