"""Random numbers: one stream for each use, so that turning one on changes no other.

A generator is PCG64(SeedSequence(seed, spawn_key=(stream, epoch))). An epoch's numbers depend on
the seed and the epoch alone: a resumed run needs no saved generator at the end of an epoch, and a
replica in a stack draws what it would draw alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

# The position of a name is its spawn key: append new streams, never reorder.
STREAMS = (
    "split",
    "init",
    "shuffle",
    "dropout",
    "noise",
    "augmentation",
    "bootstrap",
    "gradcheck",
    "replica",
    "encoding",
    "baselines",
    "importance",
    "quiz",
)


def generator(seed: int, stream: str, epoch: int = 0, *part: int) -> np.random.Generator:
    """Return the generator of one stream in one epoch.

    seed    the spec's seed, 0 or more
    stream  a name of STREAMS
    epoch   from 1 in training; 0 for what is drawn once
    part    numbers that tell apart the users of one stream, such as an augmentation's index

    Source: NumPy's SeedSequence (O'Neill's seed_seq), which makes spawned streams independent.
    """
    if stream not in STREAMS:
        raise ValueError(f"there is no stream {stream!r}")
    key = (STREAMS.index(stream), epoch, *part)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


def generators(
    seeds: Sequence[int], stream: str, epoch: int = 0, *part: int
) -> list[np.random.Generator]:
    """Return the generator of one stream for each seed."""
    return [generator(seed, stream, epoch, *part) for seed in seeds]


def place_of(rng: np.random.Generator) -> list[int]:
    """Return where a PCG64 stream is, four numbers of 64 bits: what it has drawn from its seed."""
    state: Any = rng.bit_generator.state
    high, low = divmod(state["state"]["state"], 1 << 64)
    return [high, low, state["has_uint32"], state["uinteger"]]


def set_place(rng: np.random.Generator, place: Sequence[int]) -> None:
    """Take a generator of the same seed and stream to a place that `place_of` has returned."""
    high, low, has_half, half = place
    state: Any = rng.bit_generator.state
    state["state"]["state"] = (high << 64) + low
    state |= {"has_uint32": has_half & 1, "uinteger": half & 0xFFFFFFFF}
    rng.bit_generator.state = state


MANY = 1 << 17  # numbers of 8 bytes: a second-level cache
BLOCK = 1 << 14


def permute(order: Any, rng: np.random.Generator) -> None:
    """order ← 0 … n − 1, in random order.

    Many are sorted by random keys. To exchange one after the other, as `Generator.shuffle` does,
    jumps about in memory: ten million take 37 ns each then, sorted 9, of an epoch of which some
    400 are spent on a row (docs/scaling.md). A key ends in the number it is the key of, so two
    whose 64 − ⌈log₂ n⌉ random bits are the same keep their order: of ten million, some 45 pairs.
    """
    n = len(order)
    for begin in range(0, n, BLOCK):
        order[begin : begin + BLOCK] = np.arange(begin, min(begin + BLOCK, n))
    if n <= MANY:
        rng.shuffle(order)
        return
    number = np.uint64((1 << (n - 1).bit_length()) - 1)
    keys = rng.bit_generator.random_raw(n)
    np.bitwise_and(keys, ~number, out=keys)
    np.bitwise_or(keys, order.view(np.uint64), out=keys)
    keys.sort()
    np.bitwise_and(keys, number, out=order.view(np.uint64))


def replica_seed(seed: int, replica: int) -> int:
    """Return the seed of one replica of an ensemble: of the first, the seed itself.

    The others' are 32 bits of the stream `replica`: so the ensembles of two seeds that lie side by
    side have no network in common, as they would have if replica r had seed + r.
    """
    if replica == 0:
        return seed
    key = (STREAMS.index("replica"), 0, replica)
    return int(np.random.SeedSequence(seed, spawn_key=key).generate_state(1)[0])
