"""Which columns are inputs: what names or numbers the rows is none, nor is text in sentences.

The whole table tells, and never the target: a column's role does not hang on the split.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.advice import as_yaml
from mlpcli.data.columns import Coded, Column, Numbers
from mlpcli.data.guesses import Guess
from mlpcli.data.patterns import Pattern
from mlpcli.data.table import Table, quoted
from mlpcli.errors import DataError, listing

HEAD = 1000  # rows that are looked at first
LEAST_NUMBERED = 20  # rows; fewer in order may be a coincidence
LEAST_DIFFERENT = 20  # texts, nearly all of them different
MANY_DIFFERENT = 50  # texts that are different in more than half of the rows
MOSTLY = 0.9
LEAST_WRITTEN = 10  # texts in sentences
LEAST_WORDS, LEAST_LENGTH = 4, 20  # of a text that is written in sentences, on average
FEW_ROWS = 5  # that are enough for a column with the name of an identifier

ID_WORDS = frozenset(re.findall(r"\w+", "id ids uuid guid uid pid pk isbn ean imei ssn iban rowid"))
# As a whole name alone: a price_index or a house_number is a quantity or a place.
ID_NAMES = frozenset(
    re.findall(
        r"\w+",
        "index idx row rows rownames rownum key no nr number num nummer serial obs observation "
        "sno lfd phone telephone mobile fax",
    )
)
NUMBERED = frozenset(
    re.findall(
        r"\w+",
        "account invoice order customer case ticket policy record row serial passport phone "
        "contract receipt tracking reference member patient sample employee line sequence",
    )
)
LETTERS = Pattern(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
JOINED_ID = Pattern(
    r"(account|case|client|customer|employee|house|household|item|loan|member|object|order|"
    r"passenger|patient|person|player|product|record|row|sample|session|student|subject|test|"
    r"transaction|trip|user)(id|no|nr)"
)
UNNAMED = Pattern(
    r"|unnamed: ?\d+|\.\.\.\d+|level_0", re.IGNORECASE
)  # by pandas, R's readr, pandas
TIMES = frozenset(
    re.findall(r"\w+", "t time day week month quarter year period hour minute second step date")
)
ADDRESSES = {
    "e-mail addresses": Pattern(r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    "web addresses": Pattern(r"(https?|ftp)://\S+|www\.\S+", re.IGNORECASE),
    "UUIDs": Pattern(r"\{?[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}\}?", re.IGNORECASE),
    "hashes": Pattern(r"(?=.*[a-f])(?=.*\d)(0x)?[0-9a-f]{16,128}", re.IGNORECASE),
    "phone numbers": Pattern(r"(\+|00|0|\()[\d ()/.x-]{6,24}|\d{3}[-.]\d{3}[-.]\d{4}"),
}


@dataclass(frozen=True)
class Candidate:
    """A column that may be no input."""

    table: Table
    name: str

    @property
    def column(self) -> Column:
        return self.table.column(self.name)

    def texts(self) -> tuple[list[str], int]:
        """Return a text column's different texts, and how many rows have one.

        Nothing of a column of numbers or of booleans. A text may look like a number: what is text
        here was not read as numbers.
        """
        column = self.column
        if not isinstance(column, Coded) or all(isinstance(v, bool) for v in column.values):
            return [], 0
        n_rows = len(column) - int(np.count_nonzero(column.missing))
        return [str(value) for value in column.values], n_rows

    def whole_numbers(self) -> Array | None:
        """Return a column's numbers, none missing, sorted: all whole and different, else None."""
        column = self.column
        if not isinstance(column, Numbers) or not _whole_and_different(column.values[:HEAD]):
            return None
        values = column.values[~column.missing]
        if 2 * len(values) < len(column) or not _whole_and_different(values):
            return None
        return np.sort(values)


def _whole_and_different(values: Array) -> bool:
    values = values[~np.isnan(values)]
    if values.dtype.kind == "f" and not (values == np.floor(values)).all():
        return False
    values = np.sort(values)
    return not (values[1:] == values[:-1]).any()


def is_id_name(name: str) -> bool:
    """Whether a name is that of an identifier.

    >>> [is_id_name(n) for n in ("id", "PassengerId", "order_no", "userid", "Unnamed: 0", "")]
    [True, True, True, True, True, True]
    >>> [is_id_name(n) for n in ("paid", "grid", "price_index", "house_number", "zip", "year")]
    [False, False, False, False, False, False]
    """
    if UNNAMED.fullmatch(name.strip()):
        return True
    words = [word.lower() for word in LETTERS.findall(name)]
    if not words or words[0] in ID_WORDS or words[-1] in ID_WORDS:
        return bool(words)
    if len(words) == 1:
        return words[0] in ID_NAMES or bool(JOINED_ID.fullmatch(words[0]))
    return words[-1] in ID_NAMES and words[-2] in NUMBERED


def no_value(candidate: Candidate) -> str | None:
    """No row has a value."""
    return "" if candidate.column.missing.all() else None


def one_text(candidate: Candidate) -> str | None:
    """Every row has the same text."""
    column = candidate.column
    if isinstance(column, Coded) and len(column.values) == 1 and not column.missing.any():
        return quoted(column.values[0])
    return None


def numbering(candidate: Candidate) -> str | None:
    """Whole numbers from 0 or 1, each once, of which at least nine in ten occur, in any order.

    Some are gone where rows were left out. A column whose name says time is kept: a trend.
    """
    if {word.lower().rstrip("s") for word in LETTERS.findall(candidate.name)} & TIMES:
        return None
    values = candidate.whole_numbers()
    if values is None or len(values) < max(LEAST_NUMBERED, MOSTLY * len(candidate.table)):
        return None
    first, last = int(values[0]), int(values[-1])
    if first not in (0, 1) or len(values) < MOSTLY * (last - first + 1):
        return None
    return f"from {first} to {last}"


def numeric_id(candidate: Candidate) -> str | None:
    """Whole numbers, all different, in a column with the name of an identifier."""
    if not is_id_name(candidate.name):
        return None
    values = candidate.whole_numbers()
    return None if values is None or len(values) < 2 else f"from {values[0]:.15g}"  # noqa: PLR2004


def address(candidate: Candidate) -> str | None:
    """E-mail or web addresses, UUIDs, hashes or phone numbers, in most rows a different one."""
    texts, n_rows = candidate.texts()
    if len(texts) < FEW_ROWS or 2 * len(texts) < n_rows:
        return None
    for what, pattern in ADDRESSES.items():
        if all(pattern.fullmatch(text.strip()) for text in texts):
            return what
    return None


def free_text(candidate: Candidate) -> str | None:
    """Texts of LEAST_WORDS words and LEAST_LENGTH characters on average, mostly different."""
    texts, n_rows = candidate.texts()
    if len(texts) < LEAST_WRITTEN or 2 * len(texts) <= n_rows:
        return None
    words = np.mean([len(text.split()) for text in texts[:HEAD]])
    if words < LEAST_WORDS or np.mean([len(text) for text in texts[:HEAD]]) < LEAST_LENGTH:
        return None
    return f"{words:.0f} words on average, such as {quoted(texts[0])}"


def text_identifier(candidate: Candidate) -> str | None:
    """Texts that are nearly all different (9 in 10 of at least 20), or mostly (more than half, 50).

    5,000 towns of three rows each are none: the texts are different in a third of the rows.
    """
    texts, n_rows = candidate.texts()
    n = len(texts)
    nearly_all = n >= LEAST_DIFFERENT and n >= MOSTLY * n_rows
    named = n == n_rows >= FEW_ROWS and is_id_name(candidate.name)
    if nearly_all or named or (n >= MANY_DIFFERENT and 2 * n > n_rows):
        return f"{n} different texts in {n_rows} rows, such as {quoted(texts[0])}"
    return None


@dataclass(frozen=True)
class Rule:
    """Why a column is no input.

    finds    returns what is said of the column beside, or None where it is an input
    why      of all columns the rule finds
    reading  that keeps one, in data.columns; "" where none does
    """

    finds: Callable[[Candidate], str | None]
    why: str
    reading: str


RULES = (
    Rule(no_value, "no value at all", ""),
    Rule(one_text, "one and the same text in every row", "text"),
    Rule(numeric_id, "an identifier: all different whole numbers, and the name", "number"),
    Rule(numbering, "numbers the rows", "number"),
    Rule(address, "an identifier: addresses or the like, mostly different", "text"),
    Rule(free_text, "free text", "text"),
    Rule(text_identifier, "an identifier: mostly different texts", "text"),
)


def why_no_input(table: Table, name: str) -> tuple[Rule, str] | None:
    """Return the first rule by which a column is no input, and its remark; None: it is one."""
    candidate = Candidate(table, name)
    for rule in RULES:
        remark = rule.finds(candidate)
        if remark is not None:
            return rule, remark
    return None


def choose_inputs(
    table: Table, names: Sequence[str], named: Collection[str] = ()
) -> tuple[list[str], list[Guess]]:
    """Return which of the columns `names` are inputs, and for each rule what it left out.

    named  columns that the spec names, which stay
    Columns that number the rows stay where nothing else is left: y may be a function of the row.

    Raises DataError where no input is left.
    """
    found: dict[str, tuple[Rule, str]] = {}
    for name in names:
        role = None if name in named else why_no_input(table, name)
        if role is not None:
            found[name] = role
    if found and len(found) == len(names):
        found = {name: f for name, f in found.items() if f[0].finds is not numbering}
    if len(found) == len(names) and names:
        raise DataError(f"{table.name}: no input is left: {_all_left_out(found)}", ("data",))
    kept = [name for name in names if name not in found]
    return kept, [guess for rule in RULES if (guess := _guess(rule, found)) is not None]


def _guess(rule: Rule, found: dict[str, tuple[Rule, str]]) -> Guess | None:
    remarks = {name: remark for name, (other, remark) in found.items() if other is rule}
    if not remarks:
        return None
    text = f"left out, {rule.why}: {_shown(remarks.items())}"
    if rule.reading:
        it = "it" if len(remarks) == 1 else "one"
        text += f"; to keep {it}: {_keep(next(iter(remarks)), rule)}"
    return Guess("left_out", text, tuple(remarks))


def _all_left_out(found: dict[str, tuple[Rule, str]]) -> str:
    each = listing(
        (f"{name!r} is left out, {rule.why}" for name, (rule, _) in found.items()), most=5
    )
    for name, (rule, _) in found.items():
        if rule.reading:
            return f"{each}; to keep a column: {_keep(name, rule)}"
    return each


def _keep(name: str, rule: Rule) -> str:
    return f"data.columns: {{{as_yaml(name)}: {rule.reading}}}"


def _shown(remarks: Iterable[tuple[str, str]]) -> str:
    named = [(name or '""', remark) for name, remark in remarks]
    return listing((f"{n} ({remark})" if remark else n for n, remark in named), most=6)
