"""Random numbers: one stream for each use, so that turning one on changes no other.

A generator is PCG64(SeedSequence(seed, spawn_key=(stream, epoch))). An epoch's numbers depend on
the seed and the epoch alone: a resumed run needs no saved generator at the end of an epoch, and a
replica in a stack draws what it would draw alone.
"""

from __future__ import annotations

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


def replica_seed(seed: int, replica: int) -> int:
    """Return the seed of one replica of an ensemble: of the first, the seed itself.

    The others' are 32 bits of the stream `replica`: so the ensembles of two seeds that lie side by
    side have no network in common, as they would have if replica r had seed + r.
    """
    if replica == 0:
        return seed
    key = (STREAMS.index("replica"), 0, replica)
    return int(np.random.SeedSequence(seed, spawn_key=key).generate_state(1)[0])
