"""JSON lines: one object a line."""

from __future__ import annotations

import json
import sys
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mlpcli.data.columns import column_of
from mlpcli.data.csv_structure import BLANK, MOST_BLANK
from mlpcli.data.dialect import Dialect
from mlpcli.data.encodings import NotUtf8Error, TextFile
from mlpcli.data.lines import check_length, lines_of
from mlpcli.data.room import Room
from mlpcli.data.table import Table, absence, absent, quoted
from mlpcli.errors import DataError, listing

ROWS = 1024  # after which memory is asked for
PLACE = 16  # bytes of a value's place in two lists


def read_json_lines(text: TextFile, missing: Collection[str], required: Sequence[str]) -> Table:
    """Return the table in a file of JSON lines.

    missing   texts that mean: no value
    required  columns that have to be there; the first line says whether they are
    Raises DataError for whatever the file has wrong, NotUtf8Error where it may be encoded
    otherwise.
    """
    name = text.source.name
    records: list[Mapping[str, Any]] = []
    lines: list[int] = []
    with text.open() as stream:
        for number, line in enumerate(lines_of(stream), start=1):
            check_length(name, line, number)
            if not line.strip():
                if number > MOST_BLANK + (lines[-1] if lines else 0):
                    raise DataError(f"{name}:{number}: {BLANK}")
                continue
            record = record_of(line, f"{name}:{number}")
            if not records and absent(record, required):
                raise DataError(absence(name, absent(record, required), list(record)))
            if records:
                check_keys(record, records[0], f"{name}:{number}")
            if not records:
                room = Room(name, _bytes_of(record), 0)
            records.append(record)
            if len(records) % ROWS == 0:
                room.add(ROWS)
            lines.append(number)
    if not records or not records[0]:
        raise DataError(f"{name}: the file is empty")
    return Table(
        {key: column_of([record[key] for record in records], missing) for key in records[0]},
        name,
        text.source.sha256(),
        lambda row, _column: f"{name}:{lines[row]}",
        dialect=Dialect(text.encoding),
    )


def check_keys(record: Mapping[str, Any], first: Collection[str], where: str) -> None:
    """Raise DataError where a record's keys are not those of the first line."""
    if record.keys() != set(first):
        odd = listing(sorted(record.keys() ^ set(first)))
        raise DataError(f"{where}: the keys differ from the first line's: {odd}")


def _bytes_of(record: Mapping[str, Any]) -> int:
    """Return about how many bytes a record takes, and as many places in lists of columns."""
    return sys.getsizeof(record) + sum(sys.getsizeof(value) + PLACE for value in record.values())


def record_of(line: bytes, where: str) -> dict[str, Any]:
    """Return the object in a line. Raises DataError where it is no row of a table.

    where  it stands, for messages
    """
    record = _json_object(line, where)
    for key, value in record.items():
        if isinstance(value, dict | list):
            raise DataError(f"{where}: {key}: must be a number, text, true, false or null")
        if isinstance(value, int) and abs(value) >= 2**63:
            record[key] = float(value) if abs(value) < 10**308 else float("inf")
    return record


def _json_object(line: bytes, where: str) -> dict[str, Any]:
    try:
        text = line.removeprefix(BOM_UTF8).rstrip(b"\r\n").decode()
        record = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_unique_keys)
        if "\\u" in text:
            json.dumps(record, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except UnicodeDecodeError as error:
        column = len(line[: error.start].decode()) + 1
        raise NotUtf8Error(f"{where}:{column}: not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{where}:{error.colno}: not valid JSON: {error.msg}") from None
    except RecursionError:
        raise DataError(f"{where}: not valid JSON: it is nested too deep") from None
    except ValueError as error:  # such as a number of more digits than Python converts
        raise DataError(f"{where}: not valid JSON: {str(error).partition(';')[0]}") from None
    if not isinstance(record, dict):
        raise DataError(f"{where}: must be an object, {{...}}")
    return record


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, n in counts.items() if n > 1)
        raise ValueError(f"the key {quoted(twice)} stands twice")
    return record


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is not a JSON number")
