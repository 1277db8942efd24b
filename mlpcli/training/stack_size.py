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
#   4-16-3, 16                    5    20 µs   81 %  43 %  26 %  17 %  13 %  11 %    (64)
#   10-32-1, 32                  17    16 µs   89 %  55 %  39 %  32 %  27 %  28 %    (64)
#   64-64-10, 32                 75    32 µs   84 %  64 %  50 %  45 %  43 %  40 %    (55)
#   64-128-10, 32               138    46 µs   89 %  75 %  61 %  59 %  55 %  55 %    (30)
#   8-64-64-1, 64               140    48 µs   97 %  81 %  73 %  71 %  69 %  78 %    (30)
#   256-256-10, 64              817   302 µs  100 %  91 %  92 % 107 % 104 % 109 %     (5)
#   784-512-256-10, 128        5883   4.3 ms  100 %  99 % 103 % 106 % 104 %  97 %     (1)
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
