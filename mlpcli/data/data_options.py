"""The section `data` of a spec as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mlpcli.data.readers import ReadOptions
from mlpcli.data.readings import Reading
from mlpcli.data.splitting import SplitOptions
from mlpcli.data.weights import ClassWeight


@dataclass(frozen=True)
class DataOptions:
    """The section `data` of a spec as plain values; relative paths are relative to the process."""

    targets: Sequence[str]
    path: str | None = None
    files: dict[str, str] = field(default_factory=dict)
    read: ReadOptions = field(default_factory=ReadOptions)
    task: str | None = None
    exclude: Sequence[str] = ()
    columns: Mapping[str, Reading] = field(default_factory=dict)
    split: SplitOptions = field(default_factory=SplitOptions)
    scale: str = "auto"
    scale_target: str = "standard"
    suggest_logarithm: bool = False  # of the target, where it is skewed
    categorical: Sequence[str] | None = None
    rare: int | None = None
    max_categories: int | None = None
    high_cardinality: str = "target"
    missing_target: str = "drop"
    missing_indicator: Sequence[str] | None = None
    sample_weight: str | None = None
    class_weight: ClassWeight | None = None
    image: tuple[int, int, int] | None = None
    dtype: str = "float32"

    @property
    def columns_named(self) -> set[str]:
        """The columns that the spec says something of, but for the split's."""
        listed = (*self.targets, *self.exclude, *self.columns, *(self.categorical or ()))
        weight = () if self.sample_weight is None else (self.sample_weight,)
        return {*listed, *weight}

    @property
    def inputs_named(self) -> set[str]:
        """The columns that the spec says to be inputs, whatever they look like."""
        names = {*self.columns, *(self.missing_indicator or ()), self.split.time, self.split.group}
        return {name for name in names if name is not None}
