"""Which learning rate? Many are tried at once, as lanes of one short training; the best, longer.

Each candidate is trained with several seeds, each with initial parameters and batches of its own.
`rate_choice` has the rules by which a candidate is taken; `rate_trials` compares it with the spec's
rate. A range test that raises λ from step to step, after Smith, 2017, has to guess from one
trajectory where λ was still good.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Dataset
from mlpcli.nn.network import Network, initial_vector
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.randomness import generator, replica_seed
from mlpcli.spec.schema import Spec
from mlpcli.training.evaluation import PartMetrics
from mlpcli.training.lanes import Lane, PreparedLane, build_trainer, prepare_lanes
from mlpcli.training.processes import run_tasks
from mlpcli.training.rate_choice import Shortlist, Trial, shortlist, taken
from mlpcli.training.rate_trials import batch_of, compare, share_out
from mlpcli.training.shards import use_threads
from mlpcli.training.trainer import Trainer, never
from mlpcli.training.training import Training

# From 1e-5 to 10, four a decade, rounded to two digits.
CANDIDATES = tuple(float(f"{10 ** (k / 4):.1e}") for k in range(-20, 5))
STEPS = 200  # of each candidate
SEEDS = 4
MAX_ROWS = 4096  # of each part that the candidates are compared on
LOWER = (0, 2, 4)  # candidates below the best that are tried longer: half a decade and a decade
LARGEST = 100.0  # a rate is at most so many times the optimizer's default


@dataclass(frozen=True)
class Candidate:
    """One learning rate and the losses it reached, means over the seeds.

    worst     the largest of all losses of its seeds, of training and of validation rows
    diverged  so many seeds: the losses are then infinite
    """

    learning_rate: float
    train_loss: float
    val_loss: float | None
    worst: float
    diverged: int


@dataclass(frozen=True)
class Found:
    """The candidates, the longer trials, and the rate to use.

    suggested  None: no rate found
    spec_rate  the spec's own
    untrained  the loss before the first step, on validation rows where there are some
    edge       the smallest candidate that training breaks at, or None
    trials     the longer ones: the first is the spec's rate
    verdict    better: than the spec's rate; kept: the spec's rate, nothing is shown to be better;
               none: no rate found; diverged: nor does the spec's rate train
    """

    candidates: list[Candidate]
    suggested: float | None
    untrained: float
    steps: int
    seeds: int
    spec_rate: float
    edge: float | None
    trials: list[Trial]
    verdict: str


def training_of_rates(spec: Spec, dataset: Dataset) -> Training:
    """Return the training to give to `find_rate`.

    Where the spec leaves the shards open, its steps are not cut: networks are shared out whole, and
    what is found does not depend on the number of cores.
    """
    if spec.runtime.shards is None:
        runtime = spec.runtime.model_copy(update={"shards": 1})
        spec = spec.model_copy(update={"runtime": runtime})
    use_threads(spec)
    return Training(spec, dataset, [Lane(spec, spec.seed)])


def find_rate(
    training: Training, stop: Callable[[], bool] = never, steps: int = STEPS, seeds: int = SEEDS
) -> Found | None:
    """Try every candidate for so many steps; return None where `stop` became true first.

    training  the spec's training, which is not run; its schedule takes part in longer trials alone
    """
    untrained, losses = _short_trials(training, stop, steps, seeds)
    if stop():
        return None
    reached = np.maximum(losses["train"], losses.get("validation", losses["train"]))
    largest = LARGEST * OPTIMIZERS[training.optimizer.name].learning_rate
    short = shortlist(CANDIDATES, reached, untrained, largest)
    trials = _longer_trials(training, short, stop)
    if trials is None:
        return None
    spec_rate = training.optimizer.learning_rate
    suggested, verdict = _verdict(spec_rate, short, trials, diverged=bool(np.isinf(reached).all()))
    return Found(
        _candidates(losses, reached),
        suggested,
        float(np.mean(untrained)),
        steps,
        seeds,
        spec_rate,
        None if short.edge is None else CANDIDATES[short.edge],
        trials,
        verdict,
    )


def _short_trials(
    training: Training, stop: Callable[[], bool], steps: int, seeds: int
) -> tuple[Array, dict[str, Array]]:
    """Return the untrained loss (seeds,), and those reached on each part (seeds, candidates)."""
    stack = _seed_lanes(training, steps, seeds)
    networks = Network(training.architecture, initial_vectors(training, stack))
    untrained = _losses(training, networks)
    losses = {name: np.full((seeds, len(CANDIDATES)), math.inf) for name in untrained}
    n_rows = stack[0].n_rows
    lanes = [(seed, rate) for rate in range(len(CANDIDATES)) for seed in range(seeds)]
    shared = share_out(training, len(lanes), n_rows, steps)

    def train(some: Sequence[int], stop: Callable[[], bool]) -> dict[str, Array]:
        which, rates = np.array([lanes[k] for k in some]).T
        network = Network(training.architecture, networks.vector[which])
        trainer = build_trainer([stack[s] for s in which], training.dataset, network)
        trained = _train(trainer, np.array(CANDIDATES)[rates], steps, stop)
        return {} if stop() else _losses(training, trained)

    reached = run_tasks(train, shared.stacks, shared.processes, stop)
    for some, found in zip(shared.stacks, reached, strict=True):
        which, rates = np.array([lanes[k] for k in some]).T
        for name, values in (found or {}).items():
            losses[name][which, rates] = values
    return list(untrained.values())[-1], losses


def _seed_lanes(training: Training, steps: int, seeds: int) -> list[PreparedLane]:
    """Return a lane for each seed, with no more rows than it can see in so many steps.

    The first seed is the spec's own.
    """
    spec, n_rows = training.spec, len(training.dataset.parts["train"])
    seen, lanes = steps * batch_of(training), []
    for seed in (replica_seed(spec.seed, s) for s in range(seeds)):
        rows = None
        if seen < n_rows and not spec.regularization.augmentation:
            rng = generator(seed, "bootstrap", 0, 3)
            rows = np.sort(rng.choice(n_rows, seen, replace=False))
        lanes.append(Lane(spec, seed, rows))
    return prepare_lanes(lanes, training.dataset)


def _candidates(losses: dict[str, Array], reached: Array) -> list[Candidate]:
    means = {name: values.mean(axis=0).tolist() for name, values in losses.items()}
    val = means.get("validation", [None] * len(CANDIDATES))
    worst, diverged = reached.max(axis=0), np.isinf(reached).sum(axis=0)
    columns = means["train"], val, worst.tolist(), diverged.tolist()
    return [Candidate(*row) for row in zip(CANDIDATES, *columns, strict=True)]


def _longer_trials(
    training: Training, short: Shortlist, stop: Callable[[], bool]
) -> list[Trial] | None:
    """Return the longer trials: of the spec's rate, of the best candidate and of lower ones."""
    if short.index is None:
        return []
    spec_rate = training.optimizer.learning_rate
    rates = [CANDIDATES[short.index - lower] for lower in LOWER if short.index > lower]
    rates = [rate for rate in rates if not math.isclose(rate, spec_rate)]
    return compare(training, [spec_rate, *rates], stop)


def _verdict(
    spec_rate: float, short: Shortlist, trials: list[Trial], *, diverged: bool
) -> tuple[float | None, str]:
    """Return the rate to take, or None, and the verdict."""
    if short.index is None:
        return None, "diverged" if diverged else "none"
    if not trials:
        return spec_rate, "kept"
    best = taken(trials[0], trials[1:], None if short.edge is None else CANDIDATES[short.edge])
    if best is None:
        return None, "diverged"
    return best.learning_rate, "kept" if best is trials[0] else "better"


def initial_vectors(training: Training, lanes: list[PreparedLane]) -> Array:
    """Return (lanes, n_numbers) the initial numbers of each lane's network."""
    dtype = training.network.vector.dtype
    with np.errstate(over="ignore"):  # the first loss is then infinite too
        vectors = [initial_vector(each.architecture, each.lane.seed) for each in lanes]
        return np.stack([vector.astype(dtype) for vector in vectors])


def _train(trainer: Trainer, rates: Array, steps: int, stop: Callable[[], bool]) -> Network:
    """Return the stack's model after so many steps, or fewer, where asked to stop."""
    left, epoch = steps, 0

    def enough() -> bool:
        nonlocal left
        left -= 1
        return stop() or left <= 0

    while left > 0 and not stop():
        epoch += 1
        for _ in trainer.epoch(epoch, rates[:, np.newaxis], enough):
            pass
        if not trainer.finite.any():
            break
    network, average = trainer.network, trainer.step.update.average
    # Where there is an average, that would be the model.
    return network if average is None else Network(network.architecture, average.average)


def _losses(training: Training, network: Network) -> dict[str, Array]:
    """Return J of each lane on the first rows of the training and validation part."""
    found: dict[str, Array] = {}
    for name in ("train", "validation"):
        if name in training.dataset.parts:
            part = training.dataset.parts[name]
            part = part.take(np.arange(min(len(part), MAX_ROWS)))
            loss = PartMetrics(network, training.encoding, part, ()).compute()["loss"]
            found[name] = np.where(np.isfinite(loss), loss, np.inf)
    return found
