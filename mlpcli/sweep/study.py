"""A study on disk: Optuna's journal of trials, each claimed by one process and recorded once."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from mlpcli.data.dataset import Dataset
from mlpcli.errors import FileError, RunError, listing
from mlpcli.plain import without_nan
from mlpcli.spec.load import LoadedSpec
from mlpcli.spec.yaml_reader import dotted
from mlpcli.sweep.journal import Journal, no_study
from mlpcli.sweep.locks import Locks
from mlpcli.sweep.recorded import STATES, is_recorded
from mlpcli.sweep.space import BLOCK, Direction, distribution, propose, values_of
from mlpcli.sweep.study_file import begins_as_journal
from mlpcli.training.lane_state import monitor_of
from mlpcli.training.metrics import greater_is_better

NAME = "mlp"  # of the one study in a file
# What Optuna's reader raises where a journal's lines are not what it has written.
BROKEN = (
    *(ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError),
    optuna.exceptions.OptunaError,
)
DEATHS = 2  # of the process that trains it, after which a trial is given up


@dataclass(frozen=True)
class Claim:
    """A trial that this process has to train.

    deaths  how often the process that trained it has ended without a word
    """

    number: int
    values: dict[str, Any]
    deaths: int = 0


@dataclass(frozen=True)
class Result:
    """The result of a trial, as the study keeps it.

    state    complete, pruned or failed
    figures  the values of its folds or seeds
    reason   why it failed
    rungs    the monitored metric where trials are pruned, by the epoch
    epochs   that its networks trained
    """

    number: int
    state: str
    figures: list[float] = field(default_factory=list)
    reason: str = ""
    rungs: dict[int, float] = field(default_factory=dict)
    epochs: list[int] = field(default_factory=list)


class Study:
    """The trials of a spec's sweep, in the file `path`.

    create  whether to begin one where there is none
    Raises RunError where the file is another sweep's, or no study; FileError.
    """

    def __init__(
        self,
        path: Path,
        loaded: LoadedSpec,
        dataset: Dataset,
        n_trials: int,
        *,
        create: bool = True,
    ) -> None:
        assert loaded.spec.sweep is not None
        self.path, self.sweep, self.seed = path, loaded.spec.sweep, loaded.spec.seed
        self.n_trials, self.block = n_trials, BLOCK[self.sweep.method]
        self.space = {key: distribution(p) for key, p in self.sweep.parameters.items()}
        auto: Direction = "maximize" if greater_is_better(self.sweep.metric) else "minimize"
        self.direction: Direction = auto if self.sweep.direction == "auto" else self.sweep.direction
        same = greater_is_better(monitor_of(loaded.spec)) == (self.direction == "maximize")
        self.sign = 1 if same else -1
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.journal: Journal | None = None
        if not create and not path.exists():
            raise RunError(f"{path}: there is no study; mlp sweep without --best begins one")
        if path.exists() and not path.is_file():  # a device would be read without end
            raise RunError(f"{path}: is not a regular file; a study needs one")
        with self._refusing():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._check_head()
            self.locks = Locks(path)
            with self.locks:
                self.journal = Journal(path, self.locks)
                self.storage = JournalStorage(self.journal)
                if NAME not in optuna.get_all_study_names(self.storage):
                    if not create:
                        raise RunError(f"{path}: there is no study in it")
                    optuna.create_study(
                        storage=self.storage, study_name=NAME, direction=self.direction
                    )
                self.study = optuna.load_study(storage=self.storage, study_name=NAME)
                self._identify(loaded, dataset)
                if [each.name.lower() for each in self.study.directions] != [self.direction]:
                    raise self._no_study()
                for trial in self.trials():
                    if not is_recorded(trial, self.space):
                        problem = f"is damaged: trial {trial.number} is none of this sweep"
                        raise RunError(f"{path}: {problem}; name another file with --storage")

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Translate errors: of a file that is no study, and of the operating system."""
        try:
            yield
        except OSError as error:
            name = error.filename or self.path
            raise FileError(f"{name}: {error.strerror or error}") from None
        except BROKEN as error:
            raise self._no_study() from error

    def _no_study(self) -> RunError:
        return no_study(self.path, self.journal.line if self.journal else 0)

    def _check_head(self) -> None:
        """Refuse a file that does not begin as a journal does, before anything is done to it.

        Optuna takes a line that it cannot read at a file's end for one that is being written.
        """
        if self.path.exists() and not begins_as_journal(self.path):
            raise self._no_study()

    def _identify(self, loaded: LoadedSpec, dataset: Dataset) -> None:
        """Store the spec and data of the study, or check that they are the same."""
        spec = loaded.spec.model_dump(mode="json")
        del spec["sweep"]["trials"], spec["runtime"]  # more may be asked for, run in another way
        spec["runtime"] = {"dtype": loaded.spec.runtime.dtype}
        if spec["data"]["path"] is not None:  # the data is known by its content
            spec["data"]["path"] = ""
        files = spec["data"]["split"]["files"] or {}
        spec["data"]["split"]["files"] = dict.fromkeys(files) or None
        now = json.loads(json.dumps({"spec": spec, "sha256": dataset.sha256}))
        before = self.study.user_attrs.get("mlp")
        if before is None:
            if self.study.get_trials(deepcopy=False):
                raise RunError(f"{self.path}: is not a study that mlp began")
            self.study.set_user_attr("mlp", now)
        elif before != now:
            keys = [dotted(path) for path in _differing(before, now, ())]
            raise RunError(
                f"{self.path}: is the study of another sweep, whose {listing(keys, most=4)} "
                "differs; name another file with --storage, or remove it"
            )

    def trials(self) -> list[FrozenTrial]:
        """Return every trial, by its number."""
        with self._refusing():
            return self.study.get_trials(deepcopy=False)

    @property
    def n_finished(self) -> int:
        """How many trials are finished."""
        return sum(trial.state.is_finished() for trial in self.trials())

    def claim(self) -> list[Claim] | None:
        """Return the trials of one block that this process has to train now; None: all are done.

        First those whose process is gone, then new ones. [] where others train what there is.
        """
        with self._refusing(), self.locks:
            trials = self.trials()
            # More of them may have been asked for before: those are left as they are.
            open_trials = [t for t in trials[: self.n_trials] if not t.state.is_finished()]
            lost = [t for t in open_trials if not self.locks.lives(_process_of(t))]
            fresh = len(trials) if len(trials) < self.n_trials else None
            numbers = [t.number for t in lost] + ([] if fresh is None else [fresh])
            if not numbers:
                return [] if open_trials else None
            block = min(numbers) // self.block
            bounds = range(block * self.block, min((block + 1) * self.block, self.n_trials))
            if self.sweep.method == "tpe" and any(t.number < bounds.start for t in open_trials):
                return []
            again = [self._claim(t) for t in lost if t.number in bounds]
            new = [number for number in bounds if number >= len(trials)]
            return again + self._begin(new, trials[: bounds.start])

    def _claim(self, trial: FrozenTrial) -> Claim:
        self.storage.set_trial_user_attr(trial._trial_id, "process", self._me())  # noqa: SLF001
        values = values_of(self.sweep, trial.params)
        return Claim(trial.number, values, trial.user_attrs.get("deaths", 0))

    def _me(self) -> dict[str, Any]:
        return {"number": self.locks.number, "pid": os.getpid(), "host": platform.node()}

    def _begin(self, numbers: Sequence[int], earlier: Sequence[FrozenTrial]) -> list[Claim]:
        if not numbers:
            return []
        proposals = propose(self.sweep, self.seed, self.direction, numbers, earlier)
        for params in proposals:  # each is one line of the journal: there, or not there
            attrs = {"process": self._me(), "sign": self.sign}
            template = create_trial(
                state=TrialState.RUNNING, params=params, distributions=self.space, user_attrs=attrs
            )
            self.storage.create_new_trial(self.study._study_id, template)  # noqa: SLF001
        claims = zip(numbers, proposals, strict=True)
        return [Claim(number, values_of(self.sweep, params)) for number, params in claims]

    def record_death(self, claim: Claim) -> Claim:
        """Record that the process that trained a trial is gone."""
        with self._refusing(), self.locks:
            trial = self.trials()[claim.number]
            deaths = claim.deaths + 1
            if not trial.state.is_finished():
                self.storage.set_trial_user_attr(trial._trial_id, "deaths", deaths)  # noqa: SLF001
        return Claim(claim.number, claim.values, deaths)

    def record(self, result: Result) -> bool:
        """Record the result of a trial; False where the trial is no longer this process's."""
        with self._refusing(), self.locks:
            trial = self.trials()[result.number]
            if trial.state.is_finished() or _process_of(trial) != self.locks.number:
                return False
            key = trial._trial_id  # noqa: SLF001
            plain = asdict(result)
            del plain["number"]
            self.storage.set_trial_user_attr(key, "result", without_nan(plain))
            for epoch, figure in result.rungs.items():
                self.storage.set_trial_intermediate_value(key, epoch, figure)
            value = [statistics.fmean(result.figures)] if result.state == "complete" else None
            self.storage.set_trial_state_values(key, STATES[result.state], value)
            return True

    def rungs(self, number: int) -> dict[int, dict[int, float]]:
        """Return the figures of the finished trials of a trial's block: by epoch, by number."""
        start = number - number % self.block
        found: dict[int, dict[int, float]] = {}
        for trial in self.trials()[start : start + self.block]:
            if trial.state.is_finished():
                for epoch, figure in trial.intermediate_values.items():
                    found.setdefault(epoch, {})[trial.number] = figure
        return found

    def best(self) -> FrozenTrial | None:
        """Return the best complete trial, of equal ones the first; None where there is none."""
        done = [t for t in self.trials() if t.state == TrialState.COMPLETE]
        sign = -1.0 if self.direction == "maximize" else 1.0
        return min(done, key=lambda t: (sign * (t.value or 0.0), t.number), default=None)


def _process_of(trial: FrozenTrial) -> int:
    """Return the number of the process that trains a trial."""
    return int(trial.user_attrs["process"]["number"])


def standard_error(figures: Sequence[float]) -> float | None:
    """Return s/√k of k figures, s with k − 1; None of one."""
    return statistics.stdev(figures) / math.sqrt(len(figures)) if len(figures) > 1 else None


def _differing(a: Any, b: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    if isinstance(a, dict) and isinstance(b, dict):
        for key in {**a, **b}:
            yield from _differing(a.get(key), b.get(key), (*path, key))
    elif a != b:
        yield path[1:] if path[0] == "spec" else ("data", "sha256")
