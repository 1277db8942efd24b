"""Random numbers for the steps of an epoch, drawn for many steps at a time.

Each lane has a generator of its own, and draws what it would draw alone, however many steps one
refill serves: what comes in one piece or in two are the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlpcli.array_types import Array, Shape
from mlpcli.nn.arrays import empty
from mlpcli.nn.replay import live
from mlpcli.nn.stages import Drop
from mlpcli.randomness import generator

# Of what is drawn at once, and of masks with what they are made from: less than a second-level
# cache. With a quarter of a MiB a step of 64-128-10 or 8-64-64-1 with adam takes 1 to 2 % longer.
DRAW_BYTES = 3 << 18
MOST_STEPS = 64
PIECE = 4096  # words: NumPy draws them into a new array each time, of 32 KiB at the most


def steps_ahead(bytes_per_step: int) -> int:
    """Return for how many steps to draw at once: at most MOST_STEPS, and about DRAW_BYTES."""
    return max(1, min(MOST_STEPS, DRAW_BYTES // max(1, bytes_per_step)))


class Draws:
    """Random numbers for one use: each step takes the same number of them in every lane.

    numbers  (lanes, n_steps · n) the lanes' own, drawn at once
    steps    the same numbers as (..., n_steps, n)
    """

    numbers: Array
    steps: Array

    def __init__(self, n_steps: int) -> None:
        self.n_steps = self.used = n_steps
        self.generators: Sequence[np.random.Generator] = ()

    def start(self, generators: Sequence[np.random.Generator]) -> None:
        """Begin an epoch with its generators, one a lane."""
        self.generators = generators
        self.used = self.n_steps

    def next(self) -> Array:
        """Return one step's numbers, (..., n), to be used before the next call."""
        if self.used == self.n_steps:
            self.draw(self.n_steps)
            self.used = 0
        self.used += 1
        return self.steps[..., self.used - 1, :]

    def draw(self, n_steps: int) -> None:
        """Draw the numbers of so many steps, at most those there is room for."""
        n = self.numbers.shape[-1] // self.n_steps * n_steps
        for lane, rng in zip(self.numbers, self.generators, strict=True):
            self.fill(lane[:n], rng)

    def fill(self, lane: Array, rng: np.random.Generator) -> None:
        """Fill one lane's numbers."""
        raise NotImplementedError


class Bits(Draws):
    """16-bit numbers, uniform; n of them for each step of each lane.

    lead     the shape of the leading axes
    n_steps  steps that one refill serves
    """

    def __init__(self, lead: Shape, n: int, n_steps: int) -> None:
        super().__init__(n_steps)
        words = -(-n // 4)  # 64-bit words, so that steps do not share one
        self.numbers = empty((int(np.prod(lead)), n_steps * words), np.uint64)
        self.steps = self.numbers.view(np.uint16).reshape(*lead, n_steps, 4 * words)[..., :n]

    def fill(self, lane: Array, rng: np.random.Generator) -> None:
        """Fill one lane's words."""
        for begin in range(0, lane.size, PIECE):
            piece = lane[begin : begin + PIECE]
            piece[...] = rng.bit_generator.random_raw(piece.size)


class Normals(Draws):
    """Standard normal numbers of a type; n of them for each step of each lane."""

    def __init__(self, lead: Shape, n: int, dtype: Any) -> None:
        n_steps = steps_ahead(n * np.dtype(dtype).itemsize)
        super().__init__(n_steps)
        self.numbers = empty((int(np.prod(lead)), n_steps * n), dtype)
        self.steps = self.numbers.reshape(*lead, n_steps, n)

    def fill(self, lane: Array, rng: np.random.Generator) -> None:
        """Fill one lane's numbers."""
        rng.standard_normal(out=lane, dtype=lane.dtype.type)


class _Ahead:
    """The masks of one dropout stage for several steps: their bits, and what becomes of these."""

    def __init__(self, drop: Drop, lead: Shape, n_steps: int) -> None:
        self.drop, self.bits = drop, Bits(lead, drop.n_bits, n_steps)
        self._is_kept = empty(self.bits.steps.shape, bool)
        self._masks = empty(self.bits.steps.shape, drop.mask.dtype)
        # (..., rows, units) of each step
        self.masks = [
            np.reshape(self._masks[..., step, :], drop.mask.shape, copy=False)
            for step in range(n_steps)
        ]

    def draw(self, n_steps: int) -> None:
        """Make the masks of so many steps."""
        self.bits.draw(n_steps)
        self.drop.make(self.bits.steps, self._is_kept, self._masks)


class Masks:
    """The masks of the dropout stages of one pass: random bits for each of them.

    Every stage has a stream of its own, so that dropout in one layer changes no other's masks.
    They are made for several steps at once: where a layer has few units, most of the time goes
    into the calls. 64 x 64 take 1.2 µs less each, 16 x 16 1.5 (`python -m timeit`, one core).

    most_steps  a step's number is below it
    """

    def __init__(self, drops: Sequence[Drop], lead: Shape, most_steps: int = 1) -> None:
        self.drops, self.most_steps = drops, most_steps
        of_a_step = [drop.n_bits * (2 + 1 + drop.mask.itemsize) for drop in drops]
        self.n_steps = min(most_steps, steps_ahead(max(of_a_step, default=0)))
        self.ahead = [_Ahead(drop, lead, self.n_steps) for drop in drops]

    def start(self, seeds: Sequence[int], epoch: int, *part: int) -> None:
        """Begin an epoch, given the seed of each lane."""
        for each in self.ahead:
            place = each.drop.place
            each.bits.start([generator(seed, "dropout", epoch, place, *part) for seed in seeds])

    def draw(self, step: int = 0) -> None:
        """Renew the masks, in the order of the steps; their numbers begin anew where one is 0.

        They are made for n_steps at once, so what a step does here depends on its number alone;
        and for no more steps than there can be, so that how many does not show in the numbers.
        """
        ahead = step % self.n_steps
        if self.drops and ahead == 0:
            live(self._look_ahead, min(self.n_steps, self.most_steps - step))
        for drop, each in zip(self.drops, self.ahead, strict=True):
            drop.mask = each.masks[ahead]

    def _look_ahead(self, n_steps: int) -> None:
        for each in self.ahead:
            each.draw(n_steps)
