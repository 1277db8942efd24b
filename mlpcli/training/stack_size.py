"""How many networks to train side by side, as one stack."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlpcli.nn.network import Architecture

# What a stack saves is NumPy's overhead of each call, paid once for all lanes; what it costs is
# that its arrays no longer stay in the second-level cache from one call to the next. One step of a
# stack as a share of as many steps of its networks alone, float32, relu, plain SGD, on one core
# with 1 MB of second-level cache (`python benchmarks/stacks.py`); in brackets what `best_lanes`
# chooses:
#
#   network, batch        kB a lane   alone      2     4     8    16    32    64   lanes
#   4-16-3, 16                    5    17 µs   80 %  44 %  27 %  18 %  13 %  11 %    (64)
#   10-32-1, 32                  17    14 µs   87 %  56 %  39 %  33 %  28 %  28 %    (64)
#   64-64-10, 32                 75    34 µs   82 %  64 %  51 %  45 %  44 %  43 %    (55)
#   64-128-10, 32               138    44 µs   83 %  68 %  60 %  57 %  54 %  56 %    (30)
#   8-64-64-1, 64               140    50 µs   96 %  82 %  74 %  72 %  74 %  78 %    (29)
#   256-256-10, 64              819   296 µs   98 %  89 %  94 % 109 % 109 % 113 %     (5)
#   784-512-256-10, 128        5885   4.4 ms   98 %  97 %  97 % 101 % 102 %  97 %     (1)
STACK_BYTES = 4 << 20
MOST_LANES = 64  # beyond it nothing is left to be saved


def best_lanes(architecture: Architecture, batch_size: int, dtype: Any = np.float32) -> int:
    """Return how many networks to put in one stack; 1 where one after the other is as quick.

    As many as keep what a step touches below STACK_BYTES: a lane's θ and gradient, its rows, and
    u, h and δ of every unit for every row of the batch.

    >>> from mlpcli.nn.losses import LOSSES
    >>> best_lanes(Architecture(256, (), 10, LOSSES["cross_entropy"]()), 64)
    44
    """
    layout = architecture.layout
    units = sum(fan_out for _, fan_out in (tensor.shape for tensor in layout.weights))
    numbers = 2 * layout.n_params + batch_size * (architecture.n_inputs + 3 * units)
    return max(1, min(MOST_LANES, STACK_BYTES // (numbers * np.dtype(dtype).itemsize)))
