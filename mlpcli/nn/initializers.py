"""Initial weight matrices, random but for two; biases start at zero.

Weights are drawn in float64 and rounded to the network's type, so that a float32 and a float64
network of one seed have the same initial parameters.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlpcli.array_types import Array, Shape
from mlpcli.family import Family, Member, setting

INITIALIZERS = Family("initializer")
# Of a tensor beside W and b: a number, an array, or a function that draws an array of a shape.
InitialValue = float | Array | Callable[[Shape, np.random.Generator], Array]


class Initializer(Member):
    """A distribution of W (fan_in, fan_out)."""

    def draw(self, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        """Return W, (fan_in, fan_out), float64."""
        raise NotImplementedError


@INITIALIZERS.add("glorot_uniform")
class GlorotUniform(Initializer):
    """W ~ U(−a, a), a = √(6 / (fan_in + fan_out)). Source: Glorot and Bengio, 2010, (16)."""

    def draw(self, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        limit = np.sqrt(6.0 / (fan_in + fan_out))
        return rng.uniform(-limit, limit, (fan_in, fan_out))


@INITIALIZERS.add("glorot_normal")
class GlorotNormal(Initializer):
    """W ~ N(0, σ²), σ² = 2 / (fan_in + fan_out). Source: Glorot and Bengio, 2010, (12)."""

    def draw(self, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        return rng.normal(0.0, np.sqrt(2.0 / (fan_in + fan_out)), (fan_in, fan_out))


@INITIALIZERS.add("he_uniform")
class HeUniform(Initializer):
    """W ~ U(−a, a), a = √(6 / fan_in). Source: He et al., 2015, (10)."""

    def draw(self, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        limit = np.sqrt(6.0 / fan_in)
        return rng.uniform(-limit, limit, (fan_in, fan_out))


@INITIALIZERS.add("he_normal")
class HeNormal(Initializer):
    """W ~ N(0, σ²), σ² = 2 / fan_in. Source: He et al., 2015, (10)."""

    def draw(self, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        return rng.normal(0.0, np.sqrt(2.0 / fan_in), (fan_in, fan_out))


@INITIALIZERS.add("lecun_uniform")
class LecunUniform(Initializer):
    """W ~ U(−a, a), a = √(3 / fan_in). Source: LeCun et al., Efficient BackProp, 1998, (16)."""

    def draw(self, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        limit = np.sqrt(3.0 / fan_in)
        return rng.uniform(-limit, limit, (fan_in, fan_out))


@INITIALIZERS.add("lecun_normal")
class LecunNormal(Initializer):
    """W ~ N(0, σ²), σ² = 1 / fan_in. Source: LeCun et al., Efficient BackProp, 1998, (16)."""

    def draw(self, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        return rng.normal(0.0, np.sqrt(1.0 / fan_in), (fan_in, fan_out))


@INITIALIZERS.add("orthogonal")
class Orthogonal(Initializer):
    """W ~ γ Q, Q uniform over the matrices with QᵀQ = I, or QQᵀ = I where fan_in < fan_out.

    Q R = A, A of independent N(0, 1), each column of Q times the sign of R's diagonal: without
    the signs Q would not be uniform. Source: Saxe et al., 2014; the signs: Mezzadri, 2007, 5.
    """

    gain: float = setting(1.0, "γ, the length of the shorter side's vectors", gt=0.0)

    def draw(self, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        long, short = max(fan_in, fan_out), min(fan_in, fan_out)
        Q, R = np.linalg.qr(rng.normal(size=(long, short)))
        Q *= self.gain * np.where(np.diag(R) < 0.0, -1.0, 1.0)
        return Q if fan_in >= fan_out else Q.T


@INITIALIZERS.add("normal")
class Normal(Initializer):
    """W ~ N(0, σ²). Source: the lecture, random initialization with small values."""

    std: float = setting(0.01, "σ, the standard deviation", gt=0.0)

    def draw(self, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        return rng.normal(0.0, self.std, (fan_in, fan_out))


@INITIALIZERS.add("uniform")
class Uniform(Initializer):
    """W ~ U(−a, a). Source: the lecture, random initialization with small values."""

    limit: float = setting(0.05, "a, the largest absolute value", gt=0.0)

    def draw(self, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        limit = min(self.limit, np.finfo(float).max / 2)  # NumPy takes a − (−a), which is finite
        return rng.uniform(-limit, limit, (fan_in, fan_out))


@INITIALIZERS.add("zeros")
class Zeros(Initializer):
    """W = 0. For an output layer, or a linear model: hidden units that begin alike stay alike.

    Source: the lecture, why initialization is random.
    """

    def draw(self, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        return np.zeros((fan_in, fan_out))


@INITIALIZERS.add("constant")
class ConstantWeights(Initializer):
    """W = w, one number for all. For experiments: hidden units that begin alike stay alike.

    Source: the lecture, why initialization is random.
    """

    value: float = setting(0.1, "w, every weight")

    def draw(self, fan_in: int, fan_out: int, rng: np.random.Generator) -> Array:
        return np.full((fan_in, fan_out), self.value, np.float64)
