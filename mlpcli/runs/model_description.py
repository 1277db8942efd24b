"""The schema of a model file's metadata, imported only where a model is read.

pydantic takes 2 ms to build these classes, and training, which only writes models, needs none.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Discriminator, FailFast, Field, Tag, model_validator

from mlpcli.data.encoders import kind_of
from mlpcli.data.encoders.date_part import PARTS
from mlpcli.data.encodings import check_name
from mlpcli.spec.data_section import ReadingMember, Task
from mlpcli.spec.members import Section
from mlpcli.spec.schema import Spec

EncodingName = Annotated[str, AfterValidator(check_name)]


class _Column(Section):
    name: str


class _Numeric(_Column):
    kind: Literal["numeric"] = "numeric"  # files from before there were others have no kind
    fill: float
    shift: float
    scale: float = Field(gt=0)
    linear_width: float | None = Field(None, gt=0)  # of columns scaled by asinh
    two_valued: bool | None = None


class _DatePart(_Numeric):
    kind: Literal["date_part"]  # type: ignore[assignment]
    part: Literal[tuple(PARTS)]  # type: ignore[valid-type]


class _Category(_Column):
    kind: Literal["category"] = "category"
    categories: list[str | None]
    rare: list[str] = Field([])  # files from before there were any


class _Encoded(_Column):
    categories: list[str | None] = Field(min_length=1)
    values: list[list[float]]
    unknown: list[float] = Field(min_length=1)
    shift: list[float]
    scale: list[Annotated[float, Field(gt=0)]]
    linear_width: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _of_one_width(self) -> Self:
        width = len(self.unknown)
        if {*map(len, self.values), len(self.shift), len(self.scale)} != {width}:
            raise ValueError("its numbers are not one for each input")
        if len(self.values) != len(self.categories):
            raise ValueError("its values are not those of its categories")
        return self


class _Frequency(_Encoded):
    kind: Literal["frequency"]
    unknown: list[float] = Field(min_length=1, max_length=1)


class _TargetMean(_Encoded):
    kind: Literal["target_mean"]
    outputs: list[str] = Field([])

    @model_validator(mode="after")
    def _named(self) -> Self:
        if len(self.unknown) != max(1, len(self.outputs)):
            raise ValueError("its inputs are not those of its outputs")
        return self


class _Missing(_Column):
    kind: Literal["missing"]


_Input = Annotated[
    Annotated[_Numeric, Tag("numeric")]
    | Annotated[_Category, Tag("category")]
    | Annotated[_DatePart, Tag("date_part")]
    | Annotated[_TargetMean, Tag("target_mean")]
    | Annotated[_Frequency, Tag("frequency")]
    | Annotated[_Missing, Tag("missing")],
    Discriminator(kind_of),
]


class _Target(Section):
    task: Task
    names: list[str]
    classes: list[str] | list[int] | list[float] = Field([])
    shift: list[float] = Field([])
    scale: list[float] = Field([])
    log_offset: list[Annotated[float, Field(ge=0)]] | None = None  # of scale_target: log alone


class _Weights(Section):
    column: str | None
    by_class: list[Annotated[float, Field(ge=0)]] | None
    mean: float = Field(gt=0)


class _Encoding(Section):
    task: Task
    inputs: Annotated[list[_Input], FailFast()]
    target: _Target
    missing: list[str]
    delimiter: str | None = Field(min_length=1, max_length=1)
    decimal: Literal[".", ","] | None = None  # null: a file from before there was one
    encoding: EncodingName | None = None  # the same, or data that are not text
    weights: _Weights | None = None  # files from before there were any
    readings: dict[str, ReadingMember] = Field({})  # the same


class _Data(Section):
    sha256: dict[str, str]
    rows: dict[str, int]
    split: str | None


class _Ensemble(Section):
    seeds: list[Annotated[int, Field(ge=0)]] = Field(min_length=1)
    errors: list[list[float]]


class Description(Section):
    """The metadata, validated before a model is built from it."""

    format: int
    mlp_version: str
    spec: Spec
    encoding: _Encoding
    data: _Data
    training: dict[str, str | int | float]
    ensemble: _Ensemble | None = None
    tensors_sha256: str | None = None  # files from before there was one
    temperature: float = Field(1.0, gt=0)  # files from before there was one
