"""Φ against 50-digit arithmetic, and against SciPy where that would be too many numbers."""

import numpy as np
import pytest
from scipy import special

from mlpcli.nn.normal_cdf import normal_cdf

EPS = np.finfo(float).eps
# By mpmath 1.3.0: mp.dps = 50; mp.nstr(mp.ncdf(mp.mpf(u)), 17) of the float u as it is stored.
EXACT = np.array(
    [
        (-37.1, 1.4047119663106221e-301),
        (-30.0, 4.9067139271481871e-198),
        (-20.3, 6.4292444676983463e-92),
        (-14.0, 7.7935368191928003e-45),
        (-12.5, 3.7325642988777134e-36),
        (-10.2, 9.9136251225600716e-25),
        (-8.5, 9.4795348222033184e-18),
        (-8.0, 6.2209605742717841e-16),
        (-7.77, 3.9243063161315743e-15),
        (-6.0009, 9.8113408906334771e-10),
        (-5.123456789, 1.499922091497912e-7),
        (-4.0, 3.1671241833119921e-5),
        (-3.3, 0.00048342414238377751),
        (-2.718281828, 0.0032810958408481978),
        (-2.0009765625, 0.022697457859604345),
        (-1.96, 0.024997895148220436),
        (-1.0, 0.15865525393145705),
        (-0.7517916243860943, 0.22608818982081419),
        (-0.5, 0.3085375387259869),
        (-0.123, 0.45105354898356324),
        (-0.001, 0.49960105778608894),
        (-1e-09, 0.49999999960105772),
        (0.0, 0.5),
        (1e-12, 0.50000000000039894),
        (0.3333333333333333, 0.63055865981823635),
        (0.9990234375, 0.84110833115226542),
        (1.7320508, 0.95836774099447319),
        (2.5, 0.99379033467422386),
        (4.4, 0.9999945874560923),
        (6.2, 0.9999999997176842),
        (8.3, 0.99999999999999995),
    ]
)


def cdf(u):
    out = np.full_like(u, np.nan)
    normal_cdf(u)(u, out)
    return out


def test_phi_is_exact_to_rounding():
    u, exact = EXACT.T
    error = np.abs(cdf(u) - exact) / exact
    assert error[u >= -3].max() <= 1.5 * EPS
    assert error[u >= -8.5].max() <= 5 * EPS
    assert error.max() <= 1e-13


def test_phi_is_exact_to_rounding_in_float32():
    u = np.linspace(-12.9, 7.0, 200_001).astype(np.float32)
    exact = special.ndtr(u.astype(float))
    error = np.abs(cdf(u) - exact) / exact / np.finfo(np.float32).eps
    assert error[u >= -3].max() <= 1.01
    assert error[u >= -8.5].max() <= 1.4
    assert error.max() <= 2.5


def test_phi_agrees_with_scipy_between_all_nodes():
    nodes = np.arange(-6 * 512, 8 * 512) / 512
    u = np.concatenate([nodes + far / 512 for far in (-0.5, -0.499, -0.1, 0.0, 0.3, 0.4999)])
    assert np.max(np.abs(cdf(u) - special.ndtr(u)) / special.ndtr(u) / (1 + u * u)) <= 2 * EPS


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_phi_never_falls_from_one_node_to_the_next(dtype):
    middle = (np.arange(-6 * 512, 5 * 512).astype(dtype) + dtype(0.5)) / dtype(512)
    below, above = (cdf(np.nextafter(middle, dtype(to))) for to in (-np.inf, np.inf))
    assert np.all(above - below >= -np.spacing(above))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_phi_has_ends(dtype):
    with np.errstate(all="raise", under="ignore"):
        ends = cdf(np.array([-np.inf, -1e30, -1e4, 1e4, 1e30, np.inf], dtype))
    np.testing.assert_allclose(ends, [0, 0, 0, 1, 1, 1], rtol=0, atol=1e-44)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_no_number_gives_none(dtype):
    with np.errstate(invalid="ignore"):
        assert np.isnan(cdf(np.array([np.nan, 0.0], dtype))).tolist() == [True, False]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_density_is_that_of_the_normal_distribution(dtype):
    u = np.linspace(-8.0, 8.0, 999).astype(dtype)
    exact = np.exp(-(u.astype(np.longdouble) ** 2) / 2) / np.sqrt(2 * np.longdouble(np.pi))
    rounding = np.finfo(dtype).eps * (2 + u * u / 2)
    assert np.all(np.abs(normal_cdf(u).density(u) - exact) <= rounding * exact)
