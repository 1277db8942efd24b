"""The section `data` of a spec: where the table is, and how its columns become numbers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from mlpcli.data.readings import READINGS
from mlpcli.spec.members import Section, member_type, or_auto, text_or_list
from mlpcli.spec.values import class_weights

ReadingMember = member_type(READINGS, None)
Task = Literal["regression", "binary", "multiclass", "multilabel"]
MAX_SEED = 2**63 - 1


class FilesSpec(Section):
    """One file for each part of the data, relative to the spec."""

    train: str = Field(description="training rows")
    validation: str | None = Field(None, description="rows for early stopping")
    test: str | None = Field(None, description="rows for the final figure")


class SplitSpec(Section):
    """How rows become training, validation and test rows: by shares, a column, or files."""

    validation: float = Field(0.15, ge=0.0, lt=1.0, description="share of validation rows")
    test: float = Field(0.15, ge=0.0, lt=1.0, description="share of test rows")
    stratify: or_auto(bool) = Field(
        "auto", description="keep the classes' shares in each part; auto: where rows are drawn"
    )
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = Field(
        None, description="of the rows drawn for each part; null: the spec's seed"
    )
    group: str | None = Field(
        None, description="a column whose equal values are never in two parts, such as a customer"
    )
    time: str | None = Field(
        None, description="a column of dates or numbers: the last rows are the test rows"
    )
    column: str | None = Field(None, description="a column of train, validation (or val), test")
    files: FilesSpec | None = Field(None, description="one file for each part")


class ImageSpec(Section):
    """What a row is an image of: its numeric columns, in the order height, width, channels."""

    height: int = Field(ge=1, le=100_000, description="rows of pixels")
    width: int = Field(ge=1, le=100_000, description="columns of pixels")
    channels: int = Field(1, ge=1, le=1000, description="numbers for each pixel")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return self.height, self.width, self.channels


class DataSpec(Section):
    """Where the table is, and how its columns become numbers."""

    path: str | None = Field(None, description="csv, tsv, jsonl, parquet or npz; .gz; - is stdin")
    encoding: or_auto(str) = Field(
        "auto",
        description="of text files, as Python names it; auto: UTF-8 or UTF-16, else Windows-1252",
    )
    delimiter: or_auto(str) = Field(
        "auto",
        description="of csv files, one character; auto: the comma, semicolon, tab or bar that "
        "cuts the first lines into as many fields as the header has",
    )
    decimal: or_auto(Literal[".", ","]) = Field(
        "auto", description="of numbers in csv files; auto: by the numbers that tell"
    )
    target: text_or_list = Field(description="the column to predict, or a list of columns")
    task: or_auto(Task) = Field(
        "auto",
        description="auto: text, booleans and whole numbers of at most 20 values are classes, "
        "several columns of 0 and 1 labels, all other numbers a regression",
    )
    exclude: list[str] = Field([], description="columns that are not inputs")
    columns: dict[str, ReadingMember] = Field(
        {}, description="how the texts of single columns are read, where that is not found"
    )
    split: SplitSpec = Field(SplitSpec(), description="training, validation and test rows")
    scale: Literal["auto", "asinh", "standard", "minmax", "none"] = Field(
        "auto",
        description="of numeric inputs, fitted on the training rows: standard, z = (x − mean) / "
        "deviation; asinh, 3 asinh(z / 3), which keeps far outliers near; minmax, onto 0 … 1; "
        "auto: standard for columns like pixels, else asinh",
    )
    scale_target: or_auto(Literal["standard", "mean", "log", "none"]) = Field(
        "auto",
        description="of regression targets; mean: divided by it; log: the logarithm, standardized; "
        "auto: standard, where the loss takes positive targets mean",
    )
    categorical: or_auto(list[str]) = Field(
        "auto", description="columns of categories; auto: the columns that hold text"
    )
    rare: or_auto(Annotated[int, Field(ge=0)]) = Field(
        "auto",
        description="categories of fewer training rows are one category together; auto: by the "
        "number of training rows, and 0 where data.categorical lists the columns",
    )
    max_categories: or_auto(Annotated[int, Field(ge=2)]) = Field(
        "auto",
        description="of a column that is one-hot; auto: 100, and no bound where "
        "data.categorical lists the columns",
    )
    high_cardinality: Literal["target", "frequency"] = Field(
        "target",
        description="of a column of more categories, one number for each: the target's mean in "
        "other training rows of the category, or the category's share",
    )
    missing: or_auto(list[str]) = Field(
        "auto", description="cells that mean: no value; auto: as the reference lists them"
    )
    missing_target: Literal["drop", "fail"] = Field(
        "drop", description="rows without a target: left out, or an error"
    )
    missing_indicator: or_auto(list[str]) = Field(
        "auto",
        description="numeric columns with a second input, 1 where the value is missing; auto: "
        "where that tells something of the target",
    )
    sample_weight: str | None = Field(
        None, description="a column that says how much each row's loss counts; it is no input"
    )
    class_weight: class_weights = Field(
        None,
        description="{label: weight}, a label left out has 1; balanced: n / (K n_k), so that each "
        "class counts the same. Weights are divided by their mean over the training rows",
    )
    image: ImageSpec | None = Field(
        None, description="the shape of rows that are images, for the augmentations that need it"
    )

    @field_validator("target")
    @classmethod
    def _some_target(cls, value: Any) -> Any:
        if isinstance(value, list) and (not value or len(set(value)) < len(value)):
            raise ValueError("must name at least one column, and each once")
        return value

    @property
    def spelt_with_blanks(self) -> list[str]:
        """The names of columns that the spec has with blanks around them, as some headers do."""
        split, weight = self.split, self.sample_weight
        single = [split.column, split.group, split.time, weight]
        lists = [self.targets, self.exclude, self.categorical or [], self.columns]
        names = [*(name for name in single if name), *(name for each in lists for name in each)]
        return [name for name in names if name != name.strip()]

    @property
    def targets(self) -> list[str]:
        """The target columns as a list."""
        return [self.target] if isinstance(self.target, str) else self.target
