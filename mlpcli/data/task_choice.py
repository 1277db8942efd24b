"""Which task the values of a target mean: what `data.task: auto` chooses, and what it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.guesses import Guess
from mlpcli.data.patterns import Pattern
from mlpcli.data.table import Table, quoted
from mlpcli.data.target_values import labels_of, numbers_of, refuse_dates, values_of
from mlpcli.errors import DataError, listing

TASK = ("data", "task")
WHOLE_FROM = 2.0**53  # every float from here on is a whole number, so that tells nothing
SHOWN = 5  # values of a target, in a sentence
MAX_AUTO_CLASSES = 20  # whole numbers with at most as many values are classes
MAX_TEXT_CLASSES = 100  # texts with more values are no classes
ROWS_PER_CLASS = 10  # on average, of more than MAX_AUTO_CLASSES texts
MOST = 0.9  # of the texts: a rule of thumb, of what they look like
LONG, WORDY = 40, 4  # characters, and words: free text has more
# A number, perhaps with a unit of letters apart from it, or signs, before it, and a unit after it.
AMOUNT = Pattern(r"(?:[A-Za-z]{1,4}\s)?[^\w\s]{0,3}\s?\d[\d.,'\s]*(?:\s?[^\d\s]{1,4})?")
PRICE = Pattern(r"[$€£¥₹%]")
DATE = Pattern(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}.*")
DIGIT = Pattern(r"\d")


@dataclass(frozen=True)
class TaskChoice:
    """A task, and what to say of it: no guess where the spec or the values leave no doubt."""

    task: str
    guesses: tuple[Guess, ...] = ()


def choose_task(
    tables: Sequence[Table], names: Sequence[str], given: str | None = None
) -> TaskChoice:
    """Return the task that the target's values in all tables suggest: what `task: auto` means.

    Text, booleans, and whole numbers with at most MAX_AUTO_CLASSES values are classes: binary
    where there are two, else multiclass; several columns of 0 and 1 are multilabel; any other
    numbers are regression. How whole numbers are taken is a guess.

    given  the spec's task; None: auto
    Raises DataError where texts are too many to be classes; where a column is numbers but for a
    few texts, or dates.
    """
    for table in tables:
        for name in names:
            refuse_dates(table, name)
    if given is not None:
        return TaskChoice(given)
    if len(names) > 1:
        return _of_several(tables, names)
    name = names[0]
    values = [values_of(table, name) for table in tables]
    numbers = [value for value in values if value is not None]
    if _are_amounts(numbers):
        _refuse_text(tables, values, name)
        return TaskChoice("regression", _guess_of_amounts(name, numbers))
    unique = set().union(*(labels_of(table, name)[1] for table in tables))
    if len(numbers) < len(values):
        _refuse_many(tables, name, [str(label) for label in unique])
    task = "binary" if len(unique) == 2 else "multiclass"  # noqa: PLR2004
    is_whole = len(numbers) == len(values) and len(unique) > 1
    return TaskChoice(task, _guess_of_classes(name, task, unique) if is_whole else ())


def _of_several(tables: Sequence[Table], names: Sequence[str]) -> TaskChoice:
    cells = [numbers_of(table, name) for table in tables for name in names]
    if not all(np.isin(c, (0, 1)).all() for c in cells):
        return TaskChoice("regression")
    text = (
        f"{listing(names)}: each 0 or 1, so taken as labels, of which a row has any number "
        f"(multilabel); to predict them as numbers, write {_yaml('regression')}"
    )
    return TaskChoice("multilabel", (Guess("task", text, tuple(names)),))


def _are_amounts(values: Sequence[Array]) -> bool:
    """Whether numbers are too many, or not whole enough, to be those of classes."""
    if any((value != np.floor(value)).any() for value in values):
        return True
    return len(set().union(*(_different(value) for value in values))) > MAX_AUTO_CLASSES


def _guess_of_classes(name: str, task: str, unique: set[Any]) -> tuple[Guess, ...]:
    shown = ", ".join(map(str, sorted(unique)[:SHOWN])) + ", …" * (len(unique) > SHOWN)
    text = (
        f"{name}: {len(unique)} different whole numbers ({shown}), so taken as classes ({task}); "
        f"if they are counts, scores or amounts, write {_yaml('regression')}"
    )
    return (Guess("task", text, (name,)),)


def _guess_of_amounts(name: str, values: Sequence[Array]) -> tuple[Guess, ...]:
    """Return a guess where amounts are whole numbers: others are no classes, nor are huge ones."""
    if any((value != np.floor(value)).any() for value in values):
        return ()
    if any((abs(value) >= WHOLE_FROM).any() for value in values):
        return ()
    n = len(set().union(*(_different(value) for value in values)))
    text = (
        f"{name}: {n:,} different whole numbers, so taken as amounts (regression); if they are "
        f"classes, write {_yaml('multiclass')}"
    )
    return (Guess("task", text, (name,)),)


def _refuse_text(tables: Sequence[Table], values: Sequence[Any], name: str) -> None:
    """Raise DataError where one file's target is text and another's are amounts."""
    for table, value in zip(tables, values, strict=True):
        if value is None:
            raise DataError(
                f"{table.name}: {name}: text here, and in other files numbers that are no "
                f"classes; mend it, or, if these are classes, write {_yaml('multiclass')}"
            )


def _refuse_many(tables: Sequence[Table], name: str, texts: Sequence[str]) -> None:
    """Raise DataError where a target's texts are prices, or too many for its rows to be classes."""
    n, n_rows = len(texts), sum(len(table) for table in tables)
    few = n <= MAX_AUTO_CLASSES or (n <= MAX_TEXT_CLASSES and n_rows >= ROWS_PER_CLASS * n)
    if few and not _are_prices(texts):
        return
    example = next(iter(labels_of(tables[0], name)[1]))
    what, advice = _likeness(texts, n_rows)
    problem = (
        f"{tables[0].name}: {name}: {n:,} different texts in {n_rows:,} rows, such as "
        f"{quoted(example)}, look like {what}: {advice}; if they are classes all the same, write "
        f"{_yaml('multiclass')}"
    )
    raise DataError(problem, TASK)


def _likeness(texts: Sequence[str], n_rows: int) -> tuple[str, str]:
    """Return what many different texts look like, and what the user can do.

    texts  each one once
    """
    other = "choose another column as data.target"
    if _share(bool(DATE.fullmatch(text.strip())) for text in texts) >= MOST:
        return "dates", "predict a number, such as the days since a certain date"
    if _share(bool(AMOUNT.fullmatch(text.strip())) for text in texts) >= MOST:
        how = "write them all as plain numbers in one unit, such as 1234.5"
        return "numbers with something beside them that is not understood", how
    words = np.array([len(text.split()) for text in texts])
    if np.mean(words) >= WORDY or np.mean([len(text) for text in texts]) > LONG:
        return "free text", other
    is_code = _share(bool(DIGIT.search(text)) for text in texts) >= MOST
    if len(texts) >= MOST * n_rows and is_code and words.mean() < 2:  # noqa: PLR2004
        return "an identifier", other
    return "names", other


def _are_prices(texts: Sequence[str]) -> bool:
    """Whether more than two texts, nearly all, are amounts of money or shares in per cent."""
    found = [bool(PRICE.search(text) and AMOUNT.fullmatch(text.strip())) for text in texts]
    return len(texts) > 2 and _share(found) >= MOST  # noqa: PLR2004


def _share(found: Any) -> float:
    return float(np.mean(list(found)))


def _different(values: Array) -> list[Any]:
    """Return each value once; np.unique, asked for no more, imports all of numpy.ma first."""
    ordered = np.sort(values)
    return ordered[np.append(True, ordered[1:] != ordered[:-1])].tolist()


def _yaml(task: str) -> str:
    """Return what to write into the spec for a task."""
    return f"data.task: {task}"
