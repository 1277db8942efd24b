"""A study read from its file alone: neither spec nor data is needed, and nothing is written."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.trial import FrozenTrial

from mlpcli.errors import FileError, RunError
from mlpcli.spec.sweep import SweepSpec
from mlpcli.sweep.journal import ADVICE, Journal, no_study
from mlpcli.sweep.recorded import is_recorded
from mlpcli.sweep.space import Direction, distribution
from mlpcli.sweep.study import BROKEN, NAME


@dataclass(frozen=True)
class StoredStudy:
    """The trials of a sweep as its file has them now; other processes may be adding some.

    sweep   the spec's section; how many trials are planned is not stored
    spec    the other sections, plain data; where the data lies is not stored
    sha256  of the data, by part or file
    study   Optuna's
    """

    path: Path
    sweep: SweepSpec
    spec: dict[str, Any]
    sha256: dict[str, str]
    direction: Direction
    study: optuna.Study

    def trials(self) -> list[FrozenTrial]:
        """Return every trial, by its number."""
        return self.study.get_trials(deepcopy=False)


def load_study(path: Path) -> StoredStudy:
    """Read a study. Raises RunError where the file is no study of mlp's or damaged; FileError."""
    try:
        return _load(path)
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from None
    except RunError as error:
        raise RunError(str(error).removesuffix(ADVICE)) from None


def _load(path: Path) -> StoredStudy:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    journal = Journal(path, contextlib.nullcontext())
    try:
        storage = JournalStorage(journal)
        study = optuna.load_study(storage=storage, study_name=NAME)
        identity = study.user_attrs["mlp"]
        spec, sha256 = dict(identity["spec"]), dict(identity["sha256"])
        sweep = SweepSpec.model_validate(spec.pop("sweep"))
        space = {key: distribution(each) for key, each in sweep.parameters.items()}
        trials = study.get_trials(deepcopy=False)
        direction: Direction = "maximize" if study.direction.name == "MAXIMIZE" else "minimize"
    except BROKEN as error:
        raise no_study(path, journal.line) from error
    for trial in trials:
        if not is_recorded(trial, space):
            raise RunError(f"{path}: is damaged: trial {trial.number} is none of this sweep")
    return StoredStudy(path, sweep, spec, sha256, direction, study)
