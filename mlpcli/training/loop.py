"""One training: a spec and its data in, events out, and a trained network in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from mlpcli.data.dataset import Dataset
from mlpcli.nn.network import Network
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec
from mlpcli.training.descent import build_trainer
from mlpcli.training.figures import columns_of
from mlpcli.training.follower import Ended, is_watched
from mlpcli.training.lanes import Lane
from mlpcli.training.stack import Advanced, LanesEnded, Stack
from mlpcli.training.trainer import Trainer, never


@dataclass(frozen=True)
class EpochEnded:
    """An epoch is done: its row of metrics.csv, and whether it is the best so far."""

    epoch: int
    row: dict[str, float]
    improved: bool
    best_epoch: int


@dataclass(frozen=True)
class ReplicasEnded:
    """Some replicas have done an epoch: their rows of replicas.csv, in the order of `replicas`."""

    epoch: int
    replicas: list[int]
    rows: list[dict[str, float]]


Event = Advanced | EpochEnded | Ended
StackMaker = Callable[[Dataset, Sequence[Lane]], Stack]


class Training:
    """One network's training, a stack of one lane: its data in the form the loss takes, the loop.

    After `run`, `network` has the best epoch's weights where there are validation rows, else the
    last epoch's; where training diverged, those of the last epoch before.
    stack  what makes the stack: one that watches itself, where that is wished
    Raises DataError, with the spec's key, where an augmentation does not apply to the rows.
    """

    def __init__(self, spec: Spec, dataset: Dataset, stack: StackMaker = Stack) -> None:
        self.spec, self.dataset = spec, dataset
        self.encoding = dataset.encoding
        self.stack = stack(dataset, [Lane(spec, spec.seed)])
        self.network, self.targets = self.stack.network, self.stack.targets
        self.architecture = self.network.architecture
        self.augmenter = self.stack.fitted[0].augmenter
        self.optimizer = build(OPTIMIZERS, spec.training.optimizer)
        self.columns = columns_of(spec, dataset)

    @property
    def model(self) -> Network:
        """The network, or the running mean of its numbers while it trains."""
        return self.stack.model

    @property
    def has_validation(self) -> bool:
        """Whether there are validation rows."""
        return self.stack.has_validation

    @property
    def is_watched(self) -> bool:
        """Whether the monitored figure exists: those of validation need validation rows."""
        return is_watched(self.spec, has_validation=self.has_validation)

    def run(self, stop: Callable[[], bool] = never) -> Iterator[Event]:
        """Train; yield what happens as it happens.

        stop  asked after each step; once true, training ends there
        """
        for event in self.stack.run(stop):
            if isinstance(event, LanesEnded):
                best_epoch = self.stack.followers[0].stopping.best_epoch
                yield EpochEnded(event.epoch, event.rows[0], event.improved[0], best_epoch)
            else:
                yield event
        self.network.vector[...] = self.stack.vectors[0]
        ended = self.stack.ended[0]
        assert ended is not None
        yield ended

    def trainer(
        self, network: Network, seeds: Sequence[int], *, keep_outputs: bool = False
    ) -> Trainer:
        """Return the trainer that the spec describes, of a network or a stack of them."""
        one = self.stack.fitted[0]
        fitted = [replace(one, lane=replace(one.lane, seed=seed)) for seed in seeds]
        return build_trainer(fitted, self.dataset, network, keep_outputs=keep_outputs)
