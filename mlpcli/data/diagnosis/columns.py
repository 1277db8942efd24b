"""Odd input columns: of no use, twice the same, identifiers, parts, too many categories."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.advice import as_yaml
from mlpcli.data.diagnosis.oddity import Oddity
from mlpcli.data.diagnosis.view import DataView
from mlpcli.data.roles import (
    Candidate,
    address,
    free_text,
    numbering,
    numeric_id,
    text_identifier,
)
from mlpcli.data.splitting import SPELLINGS
from mlpcli.data.targets import ClassTarget
from mlpcli.errors import listing

NEARLY_CONSTANT_FROM, OTHER_ROWS = 100, 3  # training rows; of them with another value
LEAST_ROWS = 10  # that are numbered
MANY_CATEGORIES = 100
SPLIT_NAMES = frozenset({"split", "set", "part", "partition", "fold", "subset"})
MOST_COLUMNS = 2000  # that are compared with each other
COMPARED_ROWS = 1000
SAME = 1e-9  # of a column's spread: equal to rounding


DATE = re.compile(r"\d{4}-\d\d?-\d\d?.*|\d\d?[./]\d\d?[./]\d{2,4}.*")


def split_columns(view: DataView) -> Iterator[Oddity]:
    """Inputs called split, set, part or the like that hold the names of parts alone."""
    for name in view.textual:
        words = {word.strip().lower() for word in view.words[name]}
        if name.strip().lower() not in SPLIT_NAMES:
            continue
        others = sorted(words - SPELLINGS.keys())
        if words & {"train", "training"} and 0 < len(others) < len(words):
            text = f"{name}: an input that says {listing(sorted(words - {*others}))}, as a split "
            text += f"does, but {listing(others)} is no part; if it is none: "
            yield Oddity("split_column", f"{text}data.exclude: [{as_yaml(name)}]", (name,))
        elif not others:
            text = f"{name}: an input that says {listing(sorted(words))}, as a split does; "
            text += f"if it is one: data.split: {{column: {as_yaml(name)}}}"
            yield Oddity("split_column", text, (name,))


def identifiers(view: DataView) -> Iterator[Oddity]:
    """Inputs that name or number the rows: learned by heart, they say nothing of other rows."""
    table = view.table("train")
    if len(view.names) == 1:
        return
    for name in view.names:
        if remark := _identifies(Candidate(table, name)):
            text = f"{name}: {remark}; to leave it out: data.exclude: [{as_yaml(name)}]"
            yield Oddity("identifier", text, (name,))


def _identifies(candidate: Candidate) -> str | None:
    for rule, what in (
        (numeric_id, "an identifier by its name, all different whole numbers"),
        (numbering, "numbers the rows"),
        (address, "addresses or the like, mostly different"),
        (free_text, "free text"),
        (text_identifier, "an identifier"),
    ):
        remark = rule(candidate)
        if remark is not None:
            return f"{what}, {remark}"
    values = candidate.whole_numbers()
    if values is None or len(values) < max(LEAST_ROWS, len(candidate.table)):
        return None
    steps = np.diff(candidate.column.values)
    return "numbers the rows, in steps of 1" if (steps == 1).all() else None


def constant(view: DataView) -> Iterator[Oddity]:
    """Inputs of one value in the training rows."""
    X, inputs = view.train.X, view.dataset.encoding.inputs
    varies = np.bincount(inputs.column_numbers, weights=(X[:1] != X).any(axis=0))
    found = [name for name, n in zip(inputs.names, varies, strict=True) if not n]
    if found:
        text = f"constant in the training rows, so of no use: {listing(found)}"
        yield Oddity("constant", text, tuple(found))


def nearly_constant(view: DataView) -> Iterator[Oddity]:
    """Inputs of one value in all but at most three training rows."""
    if len(view.train) < NEARLY_CONSTANT_FROM:
        return
    found = {}
    for name in view.names:
        others = _other_rows(view, name)
        if 0 < others <= OTHER_ROWS:
            found[name] = others
    if found:
        said = [f"{name} ({n})" for name, n in found.items()]
        text = f"one value in all but a few of the {len(view.train):,} training rows: "
        yield Oddity("nearly_constant", text + listing(said), tuple(found))


def _other_rows(view: DataView, name: str) -> int:
    """Return how many training rows have another value than most; −1 where many have."""
    if name in view.dates:
        return -1
    read = view.numbers if name in view.numeric else view.codes
    values = read("train", name)
    usual = np.nanmedian(values) if not np.isnan(values).all() else np.nan
    if np.count_nonzero(values != usual) > OTHER_ROWS:
        return -1
    return int(np.count_nonzero(read("train", name, sample=False) != usual))


def same_columns(view: DataView) -> Iterator[Oddity]:
    """Numbers that are another column's, or a multiple, to rounding; categories one to one."""
    for first, second, how in [*_linear_pairs(view), *_one_to_one_pairs(view)]:
        text = f"{second}: {how} {first}; one of the two is enough"
        yield Oddity("same_columns", text, (first, second))


def _linear_pairs(view: DataView) -> Iterator[tuple[str, str, str]]:
    """Yield (a, b, how) where b = s a + c in the rows of the sample that have both."""
    names = view.numeric
    if not 1 < len(names) <= MOST_COLUMNS:
        return
    rows = slice(None, None, max(1, len(view.samples["train"]) // COMPARED_ROWS))
    X = np.column_stack([view.numbers("train", name)[rows] for name in names])
    correlation = np.abs(np.nan_to_num(_correlation(X)))
    seen: set[int] = set()
    for i, j in np.argwhere(np.triu(correlation > 1 - 1e-6, 1)):
        if j in seen:
            continue
        a, b = (view.numbers("train", names[k]) for k in (i, j))
        how = _linear(a, b)
        if how is not None:
            seen.add(int(j))
            yield names[i], names[j], how


def _correlation(X: Array) -> Array:
    """Return the correlation of the columns of X (rows, columns), missing values their means."""
    missing = np.isnan(X)
    n = np.maximum((~missing).sum(axis=0), 1)
    X = np.where(missing, 0, X)
    X = np.where(missing, 0, X - X.sum(axis=0) / n)
    norm = np.sqrt((X**2).sum(axis=0))
    X = X / np.where(norm > 0, norm, np.nan)
    return X.T @ X


def _linear(a: Array, b: Array) -> str | None:
    """Return how b is made of a, or None."""
    here = ~np.isnan(a)
    if not np.array_equal(here, ~np.isnan(b)) or here.sum() < 3 or np.ptp(a[here]) == 0:  # noqa: PLR2004
        return None
    a, b = a[here], b[here]
    slope, start = fit_line(a, b)
    if np.abs(b - slope * a - start).max() > SAME * np.ptp(b) + 1e-12 * np.abs(b).max():
        return None
    if np.array_equal(a, b):
        return "value for value the same as"
    if len(np.unique(a)) == 2:  # noqa: PLR2004
        return "says the same as"
    if abs(start) <= SAME * np.ptp(b):
        return f"{slope:.6g} times"
    return f"{slope:.6g} x {'+' if start >= 0 else '−'} {abs(start):.6g}, where x is"


def fit_line(a: Array, b: Array) -> tuple[float, float]:
    """Return slope and intercept of b as a linear function of a, by least squares."""
    centred = a - a.mean()
    slope = float(centred @ (b - b.mean()) / (centred @ centred))
    return slope, float(b.mean() - slope * a.mean())


def _one_to_one_pairs(view: DataView) -> Iterator[tuple[str, str, str]]:
    """Yield (a, b, how) where each category of a goes with one of b, and the other way round."""
    columns = {name: view.codes("train", name) for name in view.textual}
    alike: dict[tuple[int, ...], list[str]] = {}
    for name, codes in columns.items():
        counts = tuple(np.sort(np.unique(codes, return_counts=True)[1]).tolist())
        if len(counts) > 1:
            alike.setdefault(counts, []).append(name)
    for counts, names in alike.items():
        for k, second in enumerate(names[1:], 1):
            for first in names[:k]:
                pairs = columns[first].astype(np.int64) << 32 | columns[second] + 1
                if len(np.unique(pairs)) == len(counts):
                    yield first, second, "category for category the same as"
                    break


def many_categories(view: DataView) -> Iterator[Oddity]:
    """Columns of more than 100 categories that become one input each."""
    inputs = view.dataset.encoding.inputs
    for column in inputs.columns:
        if column.width > MANY_CATEGORIES and column.name in view.textual:
            text = f"{column.name}: {column.width:,} categories, each an input of 0 and 1, from "
            text += f"{len(view.train):,} training rows; fewer: data.max_categories: 100"
            yield Oddity("many_categories", text, (column.name,))


def more_features_than_rows(view: DataView) -> Iterator[Oddity]:
    """More inputs than training rows: any targets can be fitted."""
    n = view.dataset.encoding.inputs.n_features
    if n > len(view.train):
        text = f"{n:,} inputs and {len(view.train):,} training rows: any targets can be learned by "
        text += "heart; training.early_stopping and regularization.l2 matter"
        yield Oddity("more_features_than_rows", text)


def _texts(view: DataView) -> dict[str, Sequence[str]]:
    """Return the categories of the training rows and of the tables, and the classes."""
    texts: dict[str, Sequence[str]] = dict(view.words)
    target = view.dataset.encoding.target
    if isinstance(target, ClassTarget):
        texts[target.names[0]] = tuple(str(label) for label in target.classes)
    key = view.dataset.split_key
    if key is not None and key.groups is not None:  # a spelling is a group of its own
        texts[key.column] = view.table("train").coded_texts(key.column)[1]
    return texts


def variants(view: DataView) -> Iterator[Oddity]:
    """Categories and classes that differ in capitals or spaces alone."""
    for name, words in _texts(view).items():
        plain = [" ".join(word.split()).casefold() for word in words]
        times = Counter(plain)
        twins = [word for word, p in zip(words, plain, strict=True) if times[p] > 1]
        if twins:
            shown = listing(map(repr, sorted(twins)))
            text = f"{name}: different in capitals or spaces alone: {shown}"
            yield Oddity("variants", text, (name,))


def dates(view: DataView) -> Iterator[Oddity]:
    """Dates read as categories."""
    for name, words in view.words.items():
        if words and all(DATE.fullmatch(word) for word in words):
            text = f"{name}: dates, each a category of its own; to read them as dates: take "
            text += f"{as_yaml(name)} out of data.categorical, if it is there, and write "
            text += f"data.columns: {{{as_yaml(name)}: date}}"
            yield Oddity("dates", text, (name,))
