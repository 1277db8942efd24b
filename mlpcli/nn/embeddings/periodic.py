"""Periodic embedding: sines and cosines of a value, at frequencies that are learned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from mlpcli.array_types import Array, Shape
from mlpcli.family import setting
from mlpcli.nn.arrays import empty, empty_like
from mlpcli.nn.embeddings.embedding import (
    EMBEDDINGS,
    Embed,
    Embedding,
    Sizes,
    Tensors,
)
from mlpcli.nn.embeddings.linear import ColumnLinear, uniform
from mlpcli.nn.initializers import InitialValue

TURN = 2 * np.pi


@EMBEDDINGS.add("periodic")
class Periodic(Embedding):
    """e(x) = ReLU([sin v, cos v] V + a), v = 2π c x, with k frequencies c learned in each column.

    c ~ N(0, σ²) at first; V and a ~ U(−1/√2k, 1/√2k). Without the map, with `units` 0, e(x) is
    [sin v, cos v].

    Source: Gorishniy, Rubachev and Babenko, On embeddings for numerical features in tabular deep
    learning, 2022, (2) and 3.3: PLR, without ReLU PL, without the map P; `lite`: Gorishniy et al.,
    TabR, 2023.
    """

    frequencies: int = setting(default=16, doc="k, frequencies of a column", ge=1, le=1024)
    sigma: float = setting(default=0.1, doc="σ, the standard deviation of the initial c", gt=0.0)
    units: int = setting(
        default=8, doc="d of the map of the 2k components to d; 0: none", ge=0, le=1024
    )
    relu: bool = setting(default=True, doc="whether ReLU follows that map")
    lite: bool = setting(default=False, doc="whether all columns share V and a")

    @property
    def width(self) -> int:
        return self.units or 2 * self.frequencies

    @property
    def multiply_adds(self) -> int:
        return 2 * self.frequencies * self.units

    @property
    def numbers(self) -> int:
        return 7 * self.frequencies + 3 * self.units

    def parameters(self, n_columns: int) -> Mapping[str, tuple[Shape, InitialValue]]:
        found: dict[str, tuple[Shape, InitialValue]] = {
            "frequencies": (
                (n_columns, self.frequencies),
                lambda shape, rng: rng.normal(0.0, self.sigma, shape),
            )
        }
        if self.units:
            draw, columns = uniform(2 * self.frequencies), () if self.lite else (n_columns,)
            found["weight"] = (*columns, 2 * self.frequencies, self.units), draw
            found["bias"] = (*columns, self.units), draw
        return found

    def layer(self, sizes: Sizes, params: Tensors, grads: Tensors) -> Embed:
        return Waves(self, sizes, params, grads)


class Waves(Embed):
    """e(x) = ReLU(Vᵀ z + a), z = [sin v, cos v], v = 2π c x.

    ∂J/∂c = 2π Σ_d x_d dJ/dv_d, dJ/dv = dJ/d(sin v) ∗ cos v − dJ/d(cos v) ∗ sin v.
    """

    learns: ClassVar[bool] = True

    def __init__(self, member: Periodic, sizes: Sizes, params: Tensors, grads: Tensors) -> None:
        super().__init__(sizes)
        k, before = member.frequencies, self.x.shape[:-2]
        self.c = params["frequencies"][..., np.newaxis]
        self.dc = grads["frequencies"][..., np.newaxis]
        self.v = empty((*before, k, sizes.n_rows), sizes.dtype)
        self.linear: ColumnLinear | None = None
        self.z = self.embedded
        if member.units:
            self.z = empty((*before, 2 * k, sizes.n_rows), sizes.dtype)
            self.linear = ColumnLinear(self.z, self.embedded, params, grads, relu=member.relu)
        self.sin, self.cos = self.z[..., :k, :], self.z[..., k:, :]
        self.delta = empty_like(self.z)  # dJ/dz
        self.deltas = [self.delta] if self.linear is None else [self.delta, self.linear.delta]
        self.delta_sin, self.delta_cos = self.delta[..., :k, :], self.delta[..., k:, :]

    def embed(self) -> None:
        """embedded ← e(x)."""
        np.multiply(self.x, self.c, out=self.v)
        np.multiply(self.v, TURN, out=self.v)
        np.sin(self.v, out=self.sin)
        np.cos(self.v, out=self.cos)
        if self.linear is not None:
            self.linear.forward()

    def backward(self, delta: Array) -> Array:
        """Write ∂J/∂c, ∂J/∂V and ∂J/∂a; return delta."""
        if self.linear is None:
            np.copyto(self.delta, self.delta_of(delta))
        else:
            self.linear.backward(self.delta_of(delta))
            self.linear.delta_below(self.delta)
        np.multiply(self.delta_sin, self.cos, out=self.delta_sin)
        np.multiply(self.delta_cos, self.sin, out=self.delta_cos)
        np.subtract(self.delta_sin, self.delta_cos, out=self.v)
        np.matmul(self.v, self.x.mT, self.dc)
        np.multiply(self.dc, TURN, out=self.dc)
        return delta

    @property
    def multiply_adds(self) -> int:
        return 0 if self.linear is None else self.linear.multiply_adds

    def sides(self) -> Iterator[Array]:
        if self.linear is not None:
            yield from self.linear.sides()

    def scale_of(self, name: str) -> Any:
        if name != "frequencies":
            return 1.0 if self.linear is None else self.linear.scale_of(name)
        return TURN * np.max(np.abs(self.x), axis=-1)
