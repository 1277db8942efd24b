"""The median, by one partition."""

import numpy as np
import pytest

from mlpcli.data.encoders.numeric import median

DRAWS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "few values": lambda rng, n: rng.integers(0, 3, n).astype(float),
    "one value": lambda _, n: np.full(n, 7.5),
    "sorted": lambda rng, n: np.sort(rng.exponential(size=n)),
    "with a period": lambda _, n: np.arange(n) % 1000.0,
    "two far clusters": lambda rng, n: rng.normal(size=n) + 1e6 * (np.arange(n) % 2),
}


@pytest.mark.parametrize("n", [1, 2, 3, 4, 999, 1000, 20_001, 100_000])
@pytest.mark.parametrize("name", DRAWS)
def test_it_is_numpys(name, n):
    values = DRAWS[name](np.random.default_rng(n), n)
    assert median(values) == np.median(values)
