"""When the state of a training is saved, so that saving costs little of its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mlpcli.memory import fits
from mlpcli.runs.failing_disk import PatientFile
from mlpcli.runs.files import AppendFile, Folder
from mlpcli.runs.names import PREVIOUS
from mlpcli.spec.schema import Spec
from mlpcli.training.events import EpochEnded, Event, Progress
from mlpcli.training.training import Training

if TYPE_CHECKING:
    from mlpcli.runs.checkpoint import Checkpoint

SHARE = 60  # saving takes 1/60 of the time at most: with what it costs beside that, below 2 %
# Of a state that has not been saved yet, a guess: four vectors of the network's numbers, written at
# this rate, which is a slow disk's.
VECTORS, BYTES_PER_SECOND = 4, 100e6
COPIES = 3  # of a state while it is saved: the state, the file without its seal, and with it


class CheckpointClock:
    """Says when a state is due: so long after the last one, or the start.

    seconds  between two saves, at least; 0: at every chance
    cost     seconds that a save takes: of the last one, before that a guess
    now      the time in seconds
    n_bytes  that a save takes: without them it is left out, and its time begins anew
    """

    def __init__(
        self,
        seconds: float,
        cost: float = 0.0,
        now: Callable[[], float] = time.perf_counter,
        n_bytes: float = 0.0,
    ) -> None:
        self.seconds, self.cost, self.now, self.n_bytes = seconds, cost, now, n_bytes
        self.since = now()

    def due(self) -> bool:
        """Whether max(seconds, 60 cost) have passed since the last save, or the start."""
        waited = self.now() - self.since
        if self.seconds and waited < max(self.seconds, SHARE * self.cost):
            return False
        if fits(self.n_bytes):
            return True
        self.since = self.now()
        return False

    def measure(self, save: Callable[[], None]) -> None:
        """Save, and begin to wait anew; also where it fails, lest it is tried in vain often."""
        begun = self.now()
        try:
            save()
        finally:
            self.since = self.now()
            self.cost = self.since - begun


class Checkpointing:
    """Saves the state of a training into its run's folder.

    spec  resolved
    """

    def __init__(self, folder: Folder, spec: Spec, training: Training) -> None:
        self.folder, self.spec, self.training = folder, spec, training
        n_bytes = VECTORS * training.vectors.nbytes
        guess = n_bytes / BYTES_PER_SECOND
        seconds = spec.runtime.checkpoint_seconds
        self.clock = CheckpointClock(seconds, guess, n_bytes=COPIES * n_bytes)
        self.epoch = self.rows = 0
        self._digest = ""

    def note(self, event: Event) -> None:
        """Record how far the training has come."""
        if isinstance(event, Progress):
            self.epoch, self.rows = event.epoch, event.rows % event.n_rows
        elif isinstance(event, EpochEnded) and event.mean is not None:
            self.epoch, self.rows = event.epoch, 0

    def save(self, files: Mapping[str, AppendFile | PatientFile]) -> None:
        """Save the state as the newest checkpoint. Raises FileError.

        files  that grow while it trains, by name: what they hold so far belongs to the state
        """
        self.clock.measure(lambda: self._save(files))

    def _save(self, files: Mapping[str, AppendFile | PatientFile]) -> None:
        from mlpcli.runs.checkpoint import save_checkpoint

        for file in files.values():  # what the checkpoint counts on is on the disk before it
            file.sync()
        save_checkpoint(self.folder, self._checkpoint(files))

    def _checkpoint(self, files: Mapping[str, AppendFile | PatientFile]) -> Checkpoint:
        from mlpcli.runs.checkpoint import Checkpoint, spec_digest

        self._digest = self._digest or spec_digest(self.spec)
        return Checkpoint(
            self.training.state(),
            {name: file.length for name, file in files.items()},
            {name: file.sha256 for name, file in files.items()},
            self._digest,
            self.training.dataset.sha256,
            self.spec.training.epochs,
            self.epoch,
            self.rows,
        )

    def finish(self) -> None:
        """Remove the checkpoint before the last: the run is finished."""
        self.folder.remove(PREVIOUS)
