"""What a first spec is written from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlpcli.data.dataset import Dataset
from mlpcli.spec.draft.decisions import Decisions
from mlpcli.spec.draft.settings import Settings


@dataclass(frozen=True)
class Draft:
    """What a first spec is written from.

    path        of the data, relative to the spec
    spec        the name of the spec's file
    batch_size  that `auto` stands for
    """

    path: str
    spec: str
    dataset: Dataset
    decisions: Decisions
    settings: Settings
    batch_size: int

    @property
    def task(self) -> str:
        return self.dataset.encoding.task

    @property
    def targets(self) -> Sequence[str]:
        return self.dataset.encoding.target.names
