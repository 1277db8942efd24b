"""From claimed trials to their results: specs, data, rows, training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from mlpcli.array_types import Array
from mlpcli.data.dataset import Dataset
from mlpcli.errors import MlpError
from mlpcli.randomness import replica_seed
from mlpcli.spec.load import LoadedSpec, with_values
from mlpcli.spec.schema import Spec
from mlpcli.sweep.study import Claim, Result
from mlpcli.sweep.trials import Trial, stack_trials
from mlpcli.training.build import check_dataset, data_options, load_dataset
from mlpcli.training.lanes import Lane, fold_lanes, fold_rows
from mlpcli.training.trainer import never

Decide = Callable[[int, dict[int, float]], set[int]]


def pruning_rungs(spec: Spec) -> list[int]:
    """Return the epochs after which trials are compared: m, m f, m f², … before the last."""
    pruning, found = spec.sweep.pruning if spec.sweep else None, []
    if pruning is not None:
        epoch = pruning.min_epochs
        while epoch < spec.training.epochs:
            found.append(epoch)
            epoch *= pruning.factor
    return found


class Runner:
    """Trains trials of a loaded spec's sweep.

    dataset  the spec's own; a trial that changes what is read has another
    """

    def __init__(self, loaded: LoadedSpec, dataset: Dataset) -> None:
        assert loaded.spec.sweep is not None
        self.loaded, self.sweep = loaded, loaded.spec.sweep
        self.datasets = {repr(data_options(loaded)): dataset}
        self.folds: dict[int, list[tuple[Array, Array]]] = {}  # by the dataset

    def run(
        self,
        claims: Sequence[Claim],
        decide: Decide | None = None,
        stop: Callable[[], bool] = never,
    ) -> Iterator[Result]:
        """Train trials; yield the result of each when its last network has ended.

        decide  where trials are pruned: given an epoch and the figures of the trials that have
                reached it, returns those that go on
        stop    asked after each step; once true, nothing more is yielded
        """
        trials = []
        for claim in claims:
            try:
                trials.append(self._trial(claim))
            except (MlpError, ValueError, OSError) as error:
                yield Result(claim.number, "failed", reason=_sentence(error))
        left = {trial.number: trial for trial in trials}
        try:
            for trial in self._train(trials, decide, stop):
                yield left.pop(trial.number).result()
        except (MlpError, ValueError, MemoryError) as error:
            if len(trials) == 1 or decide is not None:
                for trial in left.values():
                    yield Result(trial.number, "failed", reason=_sentence(error), rungs=trial.rungs)
                return
            # It was one of them: each by itself, so that the others are trained.
            for claim in claims:
                if claim.number in left:
                    yield from self.run([claim], None, stop)

    def _trial(self, claim: Claim) -> Trial:
        """Return a trial with its networks, and the data they train on. Raises MlpError."""
        loaded = with_values(self.loaded, claim.values)
        spec, key = loaded.spec, repr(data_options(loaded))
        if key in self.datasets:
            check_dataset(loaded, self.datasets[key])
        else:
            self.datasets[key] = load_dataset(loaded)
        dataset = self.datasets[key]
        if self.sweep.folds is None:
            lanes = [Lane(spec, replica_seed(spec.seed, r)) for r in range(self.sweep.n_lanes)]
        else:
            if id(dataset) not in self.folds:
                self.folds[id(dataset)] = fold_rows(dataset, self.sweep.folds, spec.seed)
            lanes = fold_lanes(spec, self.folds[id(dataset)])
        return Trial(claim.number, lanes, dataset, self.sweep.figure)

    def _train(
        self, trials: list[Trial], decide: Decide | None, stop: Callable[[], bool]
    ) -> Iterator[Trial]:
        """Train; yield each trial when it is over."""
        stacks, going = stack_trials(trials, stop), list(trials)
        for rung in pruning_rungs(self.loaded.spec) if decide is not None else ():
            for stack in stacks:
                stack.advance(rung)
            yield from [trial for trial in going if trial.is_over]
            going = [trial for trial in going if not trial.is_over]
            if not going:
                return
            assert decide is not None
            staying = decide(rung, {t.number: t.rungs[rung] for t in going if t.reach(rung)})
            for trial in going:
                trial.is_pruned = trial.is_pruned or trial.number not in staying
            for stack in stacks:
                stack.drop_pruned()
        while stacks and not stop():
            stacks.pop(0).advance(None)
            yield from [trial for trial in going if trial.is_over]
            going = [trial for trial in going if not trial.is_over]


def _sentence(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return f"not enough memory: {text}" if isinstance(error, MemoryError) else text
