"""What one table of benchmarks/first_tables.py is, and how it is written as somebody's file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

REGRESSION, BINARY, MULTICLASS = "regression", "binary", "multiclass"
NEW_SHARE = 0.25  # of the rows: they come later, and no tool sees them before it predicts
FEWEST_OF_CLASS = 20  # rows; rarer classes are left out


@dataclass(frozen=True)
class Form:
    """How a file is written.

    decimal, thousands  signs of numbers; thousands are written in `money` alone
    money       {column: text with a {} for the number}
    dates       {column: format of strftime}
    codes       {column: what stands for no value}
    truths      {column: (true, false)}, for 1 and 0
    index       name of a first column that numbers the rows, as R and pandas write it; None: none
    """

    delimiter: str = ","
    decimal: str = "."
    thousands: str = ","
    encoding: str = "utf-8"
    missing: str = ""
    money: Mapping[str, str] = field(default_factory=dict)
    dates: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, str] = field(default_factory=dict)
    truths: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    index: str | None = None

    def number(self, value: float) -> str:
        """Return a number with the file's decimal sign."""
        return f"{value:.10g}".replace(".", self.decimal)

    def amount(self, value: float, pattern: str) -> str:
        """Return an amount of money with two digits, and thousands in groups."""
        signs = str.maketrans({",": self.thousands, ".": self.decimal})
        return pattern.format(f"{value:,.2f}".translate(signs))

    def texts(self, name: str, column: pd.Series) -> pd.Series:
        """Return the cells of a column."""
        if name in self.money:
            cells = [self.amount(value, self.money[name]) for value in column]
        elif name in self.dates:
            cells = list(column.dt.strftime(self.dates[name]))
        elif name in self.truths:
            cells = [self.truths[name][0 if value == 1 else 1] for value in column]
        elif pd.api.types.is_numeric_dtype(column):
            cells = [self.number(value) for value in column]
        else:
            cells = list(column.astype(object))
        texts = pd.Series(cells, index=column.index, dtype=object)
        return texts.where(column.notna(), self.codes.get(name, self.missing))

    def write(self, frame: pd.DataFrame, path: Path) -> None:
        """Write the rows of a frame."""
        cells = pd.DataFrame({name: self.texts(name, frame[name]) for name in frame})
        if self.index is not None:
            cells.insert(0, self.index, np.arange(1, len(cells) + 1).astype(str))
        cells.to_csv(
            path, sep=self.delimiter, encoding=self.encoding, index=False, errors="replace"
        )


@dataclass(frozen=True)
class Table:
    """One table, and what somebody who knows it makes of its columns.

    build      returns the clean rows: numbers, dates, texts, and missing values as such
    leave_out  {column: why}: in the file, but not in the pipeline
    leaks      of these, the columns that nobody has for new rows: empty in the file of new rows
    group      rows of one value of this column come all together in the new file, or not at all
    many       columns of so many categories that the pipeline encodes them by the target
    seeds      of splits and initial parameters
    trap       what the file has to trip over
    """

    name: str
    source: str
    build: Callable[[], pd.DataFrame]
    target: str
    task: str
    trap: str
    form: Form = field(default_factory=Form)
    leave_out: Mapping[str, str] = field(default_factory=dict)
    leaks: tuple[str, ...] = ()
    group: str | None = None
    many: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0, 1, 2)

    def rows(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the clean rows of the file and the new ones, in the order of the files."""
        frame = self.build()
        if self.task != REGRESSION:
            counts = frame[self.target].value_counts()
            rare = counts.index[counts < FEWEST_OF_CLASS]
            frame = frame[~frame[self.target].isin(rare)]
        frame = frame.reset_index(drop=True)
        rng = np.random.default_rng(20)
        if self.group is None:
            is_new = rng.random(len(frame)) < NEW_SHARE
        else:
            names = frame[self.group].unique()
            is_new = frame[self.group].isin(names[rng.random(len(names)) < NEW_SHARE]).to_numpy()
        new = frame[is_new].dropna(subset=self.target).reset_index(drop=True)
        return frame[~is_new].reset_index(drop=True), new

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write NAME.csv and NAME.new.csv, unless they are there; return both paths."""
        known, new = folder / f"{self.name}.csv", folder / f"{self.name}.new.csv"
        if not new.exists():
            rows, later = self.rows()
            self.form.write(rows, known)
            later = later.drop(columns=self.target)
            for name in self.leaks:
                later[name] = np.nan
            self.form.write(later, new)
        return known, new
