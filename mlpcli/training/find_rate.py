"""Which learning rate? Many are tried at once, as lanes of one short training.

All candidates have the same initial parameters and batches, and are compared by their losses on
training and validation rows. A range test that raises λ from step to step, after Smith, 2017, has
to guess from one trajectory where λ was still good.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlpcli.array_types import Array
from mlpcli.nn.network import Network
from mlpcli.training.evaluation import PartMetrics
from mlpcli.training.trainer import never
from mlpcli.training.training import Training

# From 1e-5 to 10, four a decade, rounded to two digits.
CANDIDATES = tuple(float(f"{10 ** (k / 4):.1e}") for k in range(-20, 5))
STEPS = 200  # of each candidate
MAX_ROWS = 4096  # of each part that the candidates are compared on
MARGIN = 0.01  # a loss so much worse than the best is as good, if the rate is smaller
STACK_BYTES = 256 << 20  # of parameters, gradients and optimizer vectors of one stack


@dataclass(frozen=True)
class Candidate:
    """One learning rate and the losses it reached: infinite where it diverged."""

    learning_rate: float
    train_loss: float
    val_loss: float | None

    @property
    def reached(self) -> float:
        """The larger of its losses: neither a small validation part nor overfitting decides."""
        return max(self.train_loss, self.train_loss if self.val_loss is None else self.val_loss)


@dataclass(frozen=True)
class Found:
    """The candidates, and the rate to use.

    suggested  the smallest λ within 1 % of the smallest loss; None where every one diverged
    untrained  the loss before the first step, on validation rows where there are some
    """

    candidates: list[Candidate]
    suggested: float | None
    untrained: float
    steps: int


def find_rate(
    training: Training, stop: Callable[[], bool] = never, steps: int = STEPS
) -> Found | None:
    """Try every candidate for so many steps; return None where `stop` became true first.

    training  the spec's training, which is not run; its schedule is left out
    """
    untrained = list(_losses(training, training.network).values())[-1]
    lanes = max(1, STACK_BYTES // max(1, training.network.vector.nbytes * 6))
    candidates: list[Candidate] = []
    for start in range(0, len(CANDIDATES), lanes):
        rates = CANDIDATES[start : start + lanes]
        network = _train(training, rates, steps, stop)
        if network is None:
            return None
        losses = _losses(training, network)
        for r, rate in enumerate(rates):
            val = float(losses["validation"][r]) if "validation" in losses else None
            candidates.append(Candidate(rate, float(losses["train"][r]), val))
    return Found(candidates, _suggested(candidates), float(untrained), steps)


def _suggested(candidates: list[Candidate]) -> float | None:
    best = min(each.reached for each in candidates)
    enough = [each.learning_rate for each in candidates if each.reached <= best * (1 + MARGIN)]
    return min(enough) if np.isfinite(best) else None


def _train(
    training: Training, rates: tuple[float, ...], steps: int, stop: Callable[[], bool]
) -> Network | None:
    """Return the stack after so many steps, one lane a rate; None where asked to stop."""
    seed, vector = training.spec.seed, training.network.vector
    network = Network(training.architecture, np.tile(vector, (len(rates), 1)))
    trainer = training.trainer(network, [seed] * len(rates))
    left, asked, epoch = steps, False, 0

    def enough() -> bool:
        nonlocal left, asked
        left, asked = left - 1, stop()
        return asked or left <= 0

    while left > 0 and not asked:
        epoch += 1
        for _ in trainer.epoch(epoch, np.array(rates)[:, np.newaxis], enough):
            pass
        if not trainer.finite.any():
            break
    if asked:
        return None
    average = trainer.step.update.average  # where there is one, that would be the model
    return network if average is None else Network(training.architecture, average.average)


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
