"""Odd values: missing ones, numbers that stand for none, and outliers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.advice import as_yaml
from mlpcli.data.cells import number
from mlpcli.data.diagnosis.oddity import Oddity
from mlpcli.data.diagnosis.view import DataView
from mlpcli.data.table import Table
from mlpcli.data.targets import ClassTarget
from mlpcli.errors import counted, listing

MANY_COLUMNS = 6  # with missing values: more are said in one line
REPEATED = 3  # rows with a value that may stand for none
CODES = frozenset(
    {-1, -9, -99, -999, -9999, -99999, 99, 999, 9999, 99999, 999999, 9999999, -1e9, 1e9, 1e10}
)  # numbers that programs and questionnaires write for: no value
LEAST_DIFFERENT = 10  # values beside it
ZERO_SHARE = 0.3  # of the rows: more zeros are amounts of nothing
DAY, YEARS = 86_400, 5 * 365  # seconds; days
NO_DATES = frozenset(
    np.array(
        ["1800-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1901-01-01", "1970-01-01",
         "2099-12-31", "2999-12-31", "9999-12-31"], "datetime64[D]"
    ).astype(np.int64).tolist()
)  # fmt: skip
OUTLIERS = 3  # rows in which a value may lie by itself
FAR = 10.0  # standard deviations of the other values
TIMES = 3.0  # as far from the median as any other value


def missing(view: DataView) -> Iterator[Oddity]:
    """Columns with missing values, and what becomes of them."""
    found = [
        (name, int(table.column(name).missing.sum()), len(table), of)
        for of, table in view.each_table()
        for name in view.names
        if table.column(name).missing.any()
    ]
    if len({name for name, *_ in found}) <= MANY_COLUMNS:
        for name, n, n_rows, of in found:
            rule = view.dataset.encoding.inputs.by_name[name].missing_rule
            rule = "no value at all, so set to one number" if n == n_rows else rule
            text = f"{name}: missing in {n} of {n_rows} rows{of}; {rule}"
            yield Oddity("missing", text, (name,))
        return
    said = [f"{name} ({n} of {n_rows}{of})" for name, n, n_rows, of in found]
    names = tuple(dict.fromkeys(name for name, *_ in found))
    text = f"missing values in {len(names)} columns: {listing(said)}; numbers are set to the "
    yield Oddity("missing", text + "training median, texts to a category of their own", names)


# Of questions with few answers, all 0 or above: what surveys write for no answer.
SURVEY_CODES = (-9.0, -8.0, -99.0, -98.0, -999.0, -9999.0)


@dataclass(frozen=True)
class Sentinel:
    """A number that may stand for: no value.

    n         rows that have it
    low, high  of the other values
    """

    value: float
    n: int
    low: float
    high: float


def find_sentinel(values: Array) -> Sentinel | None:
    """Return the number at either end that may stand for no value, or None.

    It is repeated, ten different values lie beside it, and it is
      one of CODES, below all others and they are not below 0, or as far from the next value as
      this is from the farthest (half as far, of nines), or
      one of SURVEY_CODES, and no other is below 0, however few different ones there are, or
      any number that is farther from the next value than that is from the farthest, or
      0 in fewer than three in ten rows, and the others all large: their mean three standard
      deviations, the least three tenths of their median and a fifth of the range of all but 2 %.

    values  (rows,) none missing
    """
    for end in (values.min(initial=np.inf), values.max(initial=-np.inf)):
        at = values == end
        n, others = int(np.count_nonzero(at)), values[~at]
        if n < REPEATED or len(others) < LEAST_DIFFERENT or n > 0.95 * len(values):
            continue
        low, high = float(others.min()), float(others.max())
        if float(end) in SURVEY_CODES and low >= 0 and n < len(others):
            return Sentinel(float(end), n, low, high)
        if _stands_apart(float(end), n / len(values), others, low, high) and _vary(others):
            return Sentinel(float(end), n, low, high)
    return None


def _vary(values: Array) -> bool:
    """Whether there are many different values: an amount, no count of rare events."""
    return len(np.unique(values[:: 1 + len(values) // 10_000])) > LEAST_DIFFERENT


def _stands_apart(end: float, share: float, others: Array, low: float, high: float) -> bool:
    gap, spread = (low - end if end < low else end - high), high - low
    if end == 0 and low > 0:
        return share < ZERO_SHARE and _all_large(others)
    if end in CODES and ((end < 0 <= low and high >= LEAST_DIFFERENT) or gap >= spread / 2):
        return True
    return gap >= spread > 0


def _all_large(values: Array) -> bool:
    """Whether positive numbers are all far from 0: farther than they are from each other."""
    some = np.sort(values[:: 1 + len(values) // 10_000])
    low = values.min()
    if low < 0.3 * some[len(some) // 2]:
        return False
    bulk = np.quantile(some, 0.99) - np.quantile(some, 0.01)
    return bool(low >= bulk / 5 and some.mean() >= 3 * some.std())


def sentinels(view: DataView) -> Iterator[Oddity]:
    """Numbers that may stand for: no value."""
    needing: dict[float, set[str]] = {}  # looked for once: a sentinel is mostly that of many
    for name in view.numeric:
        values = _present(view, name)
        found = find_sentinel(values)
        if found is not None:
            if found.value not in needing:
                needing[found.value] = set(_needing(view, found.value))
            text = f"{name}: {found.value:.15g} in {found.n} of {len(values)} rows, far from the "
            text += f"others ({found.low:.6g} to {found.high:.6g}); if it means no value: "
            needed = bool(needing[found.value] - {name})
            yield Oddity(
                "sentinel", text + _empty(view, name, found.value, is_needed=needed), (name,)
            )


def no_dates(view: DataView) -> Iterator[Oddity]:
    """Dates that may stand for: no value, such as 1900-01-01."""
    for name in view.dates:
        each = [view.times(part, name) / DAY for part in view.parts]
        days = np.concatenate(each)
        days = days[~np.isnan(days)]
        for end in (days.min(initial=np.inf), days.max(initial=-np.inf)):
            others = days[days != end]
            n = len(days) - len(others)
            if n < REPEATED or len(others) < LEAST_DIFFERENT:
                continue
            gap = np.abs(others - end).min()
            if gap >= np.ptp(others) > 0 or (end in NO_DATES and gap >= YEARS):
                low, high, what = map(_as_date, (others.min(), others.max(), end))
                text = f"{name}: {what} in {n} of {len(days)} rows, far from the others ({low} to "
                text += f"{high}); if it means no value: empty its cells in the file"
                yield Oddity("sentinel", text, (name,))


def _as_date(day: float) -> str:
    return str(np.datetime64(int(day), "D"))


def _needing(view: DataView, value: float) -> Iterator[str]:
    """Yield the columns that have a value, of which it is an ordinary one."""
    for name in view.numeric:
        if (_present(view, name) == value).any() and not _alike(view, name, value):
            yield name


def _empty(view: DataView, name: str, value: float, *, is_needed: bool) -> str:
    """Return how to have a number read as no value: by the spec, unless other columns need it."""
    if is_needed or _target_has(view, value):
        member = f'{{name: number, missing: ["{value:.15g}"]}}'
        return f"data.columns: {{{as_yaml(name)}: {member}}}"
    texts = [*view.dataset.encoding.read.missing, f"{value:.15g}"]
    return f"data.missing: [{', '.join(map(as_yaml, dict.fromkeys(texts)))}]"


def _target_has(view: DataView, value: float) -> bool:
    target = view.dataset.encoding.target
    if isinstance(target, ClassTarget):
        return any(number(label) == value for label in target.classes)
    return any((view.labels(part, sample=False) == value).any() for part in view.parts)


def _alike(view: DataView, name: str, value: float) -> bool:
    found = find_sentinel(_present(view, name))
    return found is not None and found.value == value


def _present(view: DataView, name: str) -> Array:
    """Return a column's numbers in all tables, without those that are missing."""
    each = [table.numbers(name, "") for table in view.dataset.tables.values()]
    values = each[0] if len(each) == 1 else np.concatenate(each)
    gone = np.isnan(values)
    return values[~gone] if gone.any() else values


def outliers(view: DataView) -> Iterator[Oddity]:
    """Numbers in at most three rows, ten deviations and thrice as far out as any other."""
    for name in view.numeric:
        sentinel = find_sentinel(_present(view, name))
        none = np.nan if sentinel is None else sentinel.value
        for table in view.dataset.tables.values():
            if found := _outlier(table, name, none):
                yield Oddity("outlier", found, (name,))
                break


def _outlier(table: Table, name: str, none: float) -> str | None:
    """Return a column's farthest value with its place, and how far the others are, or None.

    none  that stands for no value
    """
    values = table.numbers(name, "")
    if not _may_have_outliers(values[:: 1 + len(values) // 10_000], values, none):
        return None
    rows = np.flatnonzero(~np.isnan(values) & (values != none))
    values = values[rows]
    middle = float(np.median(values))
    distance = np.abs(values - middle)
    last = np.argpartition(distance, -OUTLIERS - 1)[-OUTLIERS - 1 :]
    last = last[np.argsort(-distance[last])]
    for k in range(OUTLIERS, 0, -1):
        far, next_far = distance[last[k - 1]], distance[last[k]]
        deviation = float(np.delete(values, last[:k]).std())
        if next_far > 0 and far >= max(TIMES * next_far, FAR * deviation):
            line = f"{table.locate(int(rows[last[0]]), name)}: {name}: {values[last[0]]:.6g} is "
            line += f"{distance[last[0]] / deviation:.0f} standard deviations from the median, "
            line += f"{middle:.6g}; the others are within {next_far:.6g} of it"
            return line + ("" if k == 1 else f" ({counted(k, 'row')} of this kind)")
    return None


def _may_have_outliers(sample: Array, values: Array, none: float) -> bool:
    """Whether an end is far out by a sample, of which the farthest values are left out first."""
    sample = np.sort(sample[~np.isnan(sample) & (sample != none)])[OUTLIERS:-OUTLIERS]
    if len(sample) < LEAST_DIFFERENT or not _vary(sample):
        return False
    others = values[values != none] if none == none else values  # noqa: PLR0124  NaN
    far = max(np.fmax.reduce(others) - sample.mean(), sample.mean() - np.fmin.reduce(others))
    return bool(far >= FAR / 2 * sample.std())
