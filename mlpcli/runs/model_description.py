"""The schema of a model file's metadata, imported only where a model is read.

pydantic takes 2 ms to build these classes, and training, which only writes models, needs none.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mlpcli.spec.data_section import Task
from mlpcli.spec.members import Section
from mlpcli.spec.schema import Spec


class _Numeric(Section):
    name: str
    fill: float
    shift: float
    scale: float = Field(gt=0)
    linear_width: float | None = Field(None, gt=0)  # of columns scaled by asinh
    two_valued: bool | None = None


class _Category(Section):
    name: str
    categories: list[str | None]


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
    inputs: list[_Numeric | _Category]
    target: _Target
    missing: list[str]
    delimiter: str | None = Field(min_length=1, max_length=1)
    weights: _Weights | None = None  # files from before there were any


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
