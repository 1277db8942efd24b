"""Random numbers: one stream for each use, so that turning one on changes no other.

A generator is PCG64(SeedSequence(seed, spawn_key=(stream, epoch))). An epoch's numbers depend on
the seed and the epoch alone: a resumed run needs no saved generator at the end of an epoch, and a
replica in a stack draws what it would draw alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence

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
)


def generator(seed: int, stream: str, epoch: int = 0, *part: int) -> np.random.Generator:
    """Return the generator of one stream in one epoch.

    seed    the spec's seed, 0 or more
    stream  a name of STREAMS
    epoch   from 1 in training; 0 for what is drawn once
    part    for a stream that several places share, the number of the place: each has its own

    Source: NumPy's SeedSequence (O'Neill's seed_seq), which makes spawned streams independent.
    """
    if stream not in STREAMS:
        raise ValueError(f"there is no stream {stream!r}")
    key = (STREAMS.index(stream), epoch, *part)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


def generators(
    seeds: Sequence[int], stream: str, epoch: int = 0, *part: int
) -> list[np.random.Generator]:
    """Return the generator of one stream for each seed, all at once.

    They are those of `generator`, bit by bit: SeedSequence's arithmetic on arrays of seeds, what
    does not depend on the epoch kept. That takes 2 µs for each of 64 seeds, and SeedSequence 27.
    """
    words = (STREAMS.index(stream), epoch, *part)
    if len(seeds) == 1 or max(*seeds, *words) >> 32:  # more than a word: each begins otherwise
        return [generator(seed, stream, epoch, *part) for seed in seeds]
    found: list[Any] = [_Words(state) for state in _states(_pools(tuple(seeds)), words)]
    return [np.random.Generator(np.random.PCG64(each)) for each in found]


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


class _Words(ISeedSequence):
    """What a SeedSequence would give PCG64 to begin with."""

    def __init__(self, words: Any) -> None:
        self.words = words

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> Any:
        """Return the words: PCG64 asks for four of 64 bits."""
        assert (n_words, dtype) == (len(self.words), self.words.dtype)
        return self.words


# Constants of seed_seq as NumPy has it; all arithmetic is modulo 2³².
POOL = 4
INIT_A, MULT_A, INIT_B, MULT_B = 0x43B0D7E5, 0x931E8875, 0x8B51F9DD, 0x58F38DED
MIX_L, MIX_R, HALF = np.uint32(0xCA01F9DD), np.uint32(0x4973F715), np.uint32(16)


def _powers(first: int, factor: int, begin: int, n: int) -> Any:
    """Return first · factorᵏ for k = begin, …, begin + n."""
    each = [first * pow(factor, k, 1 << 32) % (1 << 32) for k in range(begin, begin + n + 1)]
    return np.array(each, np.uint32)


OUTPUT = _powers(INIT_B, MULT_B, 0, 2 * POOL)


def _hashed(values: Any, constants: Any) -> Any:
    """Return the hashes of values (..., n), each by a constant of its own and the one after."""
    found = (values ^ constants[:-1]) * constants[1:]
    return found ^ (found >> HALF)


def _mixed(pools: Any, hashes: Any) -> Any:
    found = pools * MIX_L - hashes * MIX_R
    return found ^ (found >> HALF)


@lru_cache(maxsize=8)
def _pools(seeds: tuple[int, ...]) -> Any:
    """Return (R, 4) the pool of each seed before any word of a spawn key is mixed in."""
    pools = np.zeros((len(seeds), POOL), np.uint32)
    pools[:, 0] = seeds
    pools = _hashed(pools, _powers(INIT_A, MULT_A, 0, POOL))
    used = POOL
    for source in range(POOL):
        others = [place for place in range(POOL) if place != source]
        hashes = _hashed(pools[:, source, None], _powers(INIT_A, MULT_A, used, POOL - 1))
        pools[:, others] = _mixed(pools[:, others], hashes)
        used += POOL - 1
    return pools


@lru_cache(maxsize=32)
def _constants(word: int) -> Any:
    """Return the constants that the word at this place of a spawn key is hashed by."""
    return _powers(INIT_A, MULT_A, POOL * (POOL + word), POOL)


def _states(pools: Any, words: Sequence[int]) -> Any:
    """Return (R, 4) what PCG64 begins with, of pools and the words of a spawn key."""
    for k, word in enumerate(words):
        pools = _mixed(pools, _hashed(np.uint32(word), _constants(k)))
    halves = _hashed(np.tile(pools, 2), OUTPUT)
    return np.ascontiguousarray(halves.astype("<u4").view("<u8"), np.uint64)


def replica_seed(seed: int, replica: int) -> int:
    """Return the seed of one replica of an ensemble: of the first, the seed itself.

    The others' are 32 bits of the stream `replica`: so the ensembles of two seeds that lie side by
    side have no network in common, as they would have if replica r had seed + r.
    """
    if replica == 0:
        return seed
    key = (STREAMS.index("replica"), 0, replica)
    return int(np.random.SeedSequence(seed, spawn_key=key).generate_state(1)[0])
