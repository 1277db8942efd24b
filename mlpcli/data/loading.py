"""From the section `data` of a spec to a data set: read, split, and fit to the training rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.data_options import DataOptions
from mlpcli.data.dataset import Dataset, Encoding
from mlpcli.data.fitted_inputs import FittedInputs, auto_scale, fit_inputs
from mlpcli.data.guesses import Guess
from mlpcli.data.input_options import InputOptions
from mlpcli.data.pixels import check_image, scale_channels
from mlpcli.data.readers import ReadOptions, read_table
from mlpcli.data.readings import Reading
from mlpcli.data.readings.apply import apply_readings, columns_of_texts, mixed_columns
from mlpcli.data.readings.choose import Columns, choose_readings
from mlpcli.data.roles import choose_inputs
from mlpcli.data.scaling import ScaleChoice
from mlpcli.data.source import is_pipe
from mlpcli.data.split_column import choose_split
from mlpcli.data.split_keys import SplitKey, split_key
from mlpcli.data.split_rows import columns_of_split, split_guesses, split_rows
from mlpcli.data.splitting import LEFT_OUT, PARTS
from mlpcli.data.table import Table
from mlpcli.data.target_logarithm import suggest_logarithm
from mlpcli.data.target_rows import drop_rows
from mlpcli.data.targets import fit_target, text_columns
from mlpcli.data.task_choice import choose_task
from mlpcli.data.training_target import TrainingTarget
from mlpcli.data.weights import check_parts_weigh, fit_weights
from mlpcli.errors import DataError


@dataclass(frozen=True)
class _Tables:
    """The tables with their columns read, by part or as `data`, the training rows' first.

    readings  of the columns that are not read as they are
    """

    by_name: dict[str, Table]
    readings: dict[str, Reading]
    guesses: list[Guess]

    @property
    def first(self) -> Table:
        """The table with the training rows."""
        return next(iter(self.by_name.values()))


@dataclass(frozen=True)
class _Split:
    """Which rows are the training rows, and which columns say so.

    codes     the part of each row of the one table; None where each part has its own
    key       groups or times of the rows, or None
    column    that names the parts, or None
    left_out  columns that are no inputs
    """

    train_rows: Array
    codes: Array | None
    key: SplitKey | None
    column: str | None
    left_out: set[str]
    guesses: list[Guess]


def load_dataset(options: DataOptions) -> Dataset:
    """Read, split and encode. Raises DataError, each with its place in a file or in the spec."""
    tables = _read_tables(options)
    first, every = tables.first, list(tables.by_name.values())
    _check_columns(every, options)
    choice = choose_task(every, options.targets, options.task)
    task = choice.task
    split = _split(tables.by_name, options, task)
    names, left_out = _choose_inputs(first, options, split)
    rows = split.train_rows
    target = fit_target(task, every, rows, options.targets, scale=options.scale_target)
    fitted, scale = _fit_inputs(first, names, options, TrainingTarget(target, first, rows))
    weights = fit_weights(
        first,
        rows,
        target,
        column=options.sample_weight,
        class_weight=options.class_weight,
    )
    by_split = {options.split.time, options.split.group}
    used = {*fitted.encoder.names, *options.targets, options.sample_weight, *by_split}
    readings = {name: each for name, each in tables.readings.items() if name in used}
    text = (*fitted.encoder.text_columns, *text_columns(target), *columns_of_texts(readings))
    read = _read_others(options.read, first, text)
    encoding = Encoding(task, fitted.encoder, target, read, weights, readings)
    dataset = _encoded(tables.by_name, split.codes, encoding, options.dtype)
    fitted.write_own(dataset.parts["train"].X)
    guesses = [*_of_inputs(tables.guesses, left_out), *choice.guesses, *split.guesses]
    guesses += [*left_out, *fitted.guesses]
    if task == "regression" and options.suggest_logarithm:
        guesses += suggest_logarithm(dataset.parts["train"].labels, options.targets)
    parts = {name: part.weight for name, part in dataset.parts.items()}
    check_parts_weigh(parts, first, column=options.sample_weight)
    return replace(
        dataset,
        scale=scale,
        guesses=tuple(guesses),
        split_key=None if split.key is None else split.key.take(rows),
        split_column=split.column,
    )


def _read_tables(options: DataOptions) -> _Tables:
    """Read the files, then the texts of their columns; leave out the rows without a target."""
    tables = _open_tables(options, (*(options.categorical or ()), *options.columns))
    if options.categorical is None:
        # One reading of all files: what one shows as plain numbers may be thousands in another.
        again = mixed_columns(tables.values())
        if again and not any(path == "-" or is_pipe(path) for path in options.files.values()):
            tables = _open_tables(options, (*options.columns, *again))
    guesses = [guess for table in tables.values() for guess in table.guesses]
    split, missing = options.split, options.read.missing
    columns = Columns(
        given=options.columns,
        targets=options.targets,
        task=options.task,
        weight=options.sample_weight,
        ignored={*options.exclude, split.column} - {*options.columns, split.time, split.group},
        listed=options.categorical is not None,
        missing=missing,
    )
    readings, found = choose_readings(list(tables.values()), columns)
    tables = {part: apply_readings(table, readings, missing) for part, table in tables.items()}
    tables, dropped = drop_rows(tables, options.targets, options.missing_target)
    return _Tables(tables, readings, [*guesses, *found, *dropped])


def _open_tables(options: DataOptions, text: Sequence[str]) -> dict[str, Table]:
    """Return the tables as they are in their files, the one with the training rows first.

    text  columns of which the texts are needed
    """
    read = replace(options.read, text=tuple(text), codes=options.categorical is None)
    if not options.files:
        assert options.path is not None
        return {"data": read_table(options.path, read, key=("data", "path"))}
    parts = sorted(options.files.items(), key=lambda item: item[0] != "train")
    return {
        part: read_table(path, read, key=("data", "split", "files", part)) for part, path in parts
    }


def _check_columns(tables: Sequence[Table], options: DataOptions) -> None:
    """Raise DataError, with the spec's key, where a column that it names is not there."""
    for name in options.exclude:
        tables[0].column(name, ("data", "exclude"))
    if options.sample_weight is not None:
        for table in tables:
            table.column(options.sample_weight, ("data", "sample_weight"))


def _split(tables: dict[str, Table], options: DataOptions, task: str) -> _Split:
    """Split the rows. Raises DataError where no training row is left."""
    first = next(iter(tables.values()))
    chosen = choose_split(tables, options.split, options.columns_named)
    split = chosen.options
    key = split_key(first, group=split.group, time=split.time)
    codes = None
    if not options.files:
        classes = None
        is_drawn = key is None and split.column is None and split.stratify is not False
        if is_drawn and task in ("binary", "multiclass"):
            whole = fit_target(task, [first], np.arange(len(first)), options.targets, scale="none")
            classes = whole.labels(first)
        codes = split_rows(first, split, key, classes)
    train_rows = np.arange(len(first)) if codes is None else np.flatnonzero(codes == 0)
    if not len(train_rows):
        raise DataError(f"{first.name}: the split leaves no training row", ("data", "split"))
    left_out = {*chosen.left_out, *columns_of_split(first, split)}
    left_out |= set() if split.column is None else {split.column}
    guesses = [*chosen.guesses, *split_guesses(first, codes, split)]
    return _Split(train_rows, codes, key, split.column, left_out, guesses)


def _choose_inputs(
    table: Table, options: DataOptions, split: _Split
) -> tuple[list[str], list[Guess]]:
    """Return the columns that are inputs, and what was found of the others.

    Raises DataError where none is left.
    """
    others = {*options.targets, *options.exclude, options.sample_weight, *split.left_out}
    names = [name for name in table.columns if name not in others]
    if not names:
        raise DataError(f"{table.name}: beside the target there is no column", ("data", "target"))
    if options.categorical is not None or options.image is not None:  # pixels, and nothing else
        return names, []
    return choose_inputs(table, names, named=options.inputs_named)


def _of_inputs(guesses: Sequence[Guess], left_out: Sequence[Guess]) -> list[Guess]:
    """Return the guesses but those on how columns were read that are then left out."""
    names = {name for guess in left_out for name in guess.columns}
    return [g for g in guesses if g.kind != "reading" or not names.issuperset(g.columns)]


def _fit_inputs(
    table: Table, names: Sequence[str], options: DataOptions, target: TrainingTarget
) -> tuple[FittedInputs, ScaleChoice]:
    """Return the input columns `names`, fitted on the training rows, and how numbers are scaled."""
    how = InputOptions(
        scale=options.scale,
        categorical=options.categorical,
        rare=options.rare,
        max_categories=options.max_categories,
        high_cardinality=options.high_cardinality,
        missing_indicator=options.missing_indicator,
        is_image=options.image is not None,
        time_column=options.split.time,
        group_column=options.split.group,
        seed=options.split.seed,
    )
    rows, scale = target.rows, ScaleChoice(options.scale)
    if scale.name == "auto":
        scale = auto_scale(table, rows, names, how)
    fitted = fit_inputs(table, rows, names, replace(how, scale=scale.name), target)
    if options.image is not None:
        check_image(fitted.encoder, options.image)
        encoder = scale_channels(fitted.encoder, table, rows, options.image, scale.name)
        fitted = replace(fitted, encoder=encoder)
    return fitted, scale


def _read_others(read: ReadOptions, table: Table, text: Sequence[str]) -> ReadOptions:
    """Return how other files are read: by what each shows, and where it leaves that open, as this.

    table  of the training rows
    """
    dialect = table.dialect
    return replace(
        read,
        text=tuple(dict.fromkeys(text)),
        delimiter=None,
        decimal=None,
        encoding=None,
        usual_delimiter=None if dialect is None else dialect.delimiter,
        usual_decimal=table.decimal,
        usual_encoding=None if dialect is None else dialect.encoding,
    )


def _encoded(
    tables: dict[str, Table], codes: Array | None, encoding: Encoding, dtype: str
) -> Dataset:
    parts, replaced = {}, {}
    if codes is None:
        for name, table in tables.items():
            parts[name], replaced[name] = encoding.encode(table, dtype)
    else:
        rows = {name: np.flatnonzero(codes == code) for code, name in enumerate(PARTS)}
        rows = {name: numbers for name, numbers in rows.items() if len(numbers)}
        found, replaced["data"] = encoding.encode_parts(tables["data"], dtype, list(rows.values()))
        parts = dict(zip(rows, found, strict=True))
        codes = tables["data"].in_file(codes, LEFT_OUT)
    return Dataset(parts, tables, codes, encoding, replaced)
