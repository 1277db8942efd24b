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
#   4-16-3, 16                    5    13 µs   78 %  43 %  26 %  17 %  13 %  11 %    (64)
#   10-32-1, 32                  17    11 µs   84 %  53 %  39 %  33 %  28 %  27 %    (64)
#   64-64-10, 32                 75    20 µs   86 %  58 %  44 %  38 %  35 %  35 %    (55)
#   64-128-10, 32               138    26 µs   87 %  64 %  56 %  51 %  47 %  47 %    (30)
#   8-64-64-1, 64               140    32 µs   97 %  79 %  71 %  67 %  66 %  65 %    (30)
#   256-256-10, 64              817   155 µs   95 %  90 %  87 %  91 %  99 % 104 %     (5)
#   784-512-256-10, 128        5883   2.0 ms  100 % 103 % 104 % 104 % 105 % 104 %     (1)
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
