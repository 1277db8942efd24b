"""Piecewise linear encoding: which bins a value has passed, and how far it is in its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from mlpcli.array_types import Array, Shape
from mlpcli.family import setting
from mlpcli.nn.arrays import empty
from mlpcli.nn.embeddings.bins import quantile_edges, target_edges
from mlpcli.nn.embeddings.embedding import (
    EMBEDDINGS,
    Embed,
    Embedding,
    Sizes,
    Tensors,
)
from mlpcli.nn.embeddings.linear import ColumnLinear, uniform
from mlpcli.nn.initializers import InitialValue


@EMBEDDINGS.add("piecewise_linear")
class PiecewiseLinear(Embedding):
    """e_t(x) = min(1, max(0, (x − b_{t−1}) / (b_t − b_{t−1}))) of bins t = 1 … T.

    The first bin has no bound below, the last none above. The edges b are each column's own,
    fitted on the training rows. Where a column has fewer bins, for want of different values, the
    components without a bin are 0. With `units` a map that is learned follows, in each column its
    own: ReLU(e V + a).

    Source: Gorishniy, Rubachev and Babenko, On embeddings for numerical features in tabular deep
    learning, 2022, (1); by quantiles 3.2.1 (Q), by target 3.2.2 (T), with the map Q-LR and T-LR.
    """

    bins: int = setting(default=16, doc="T, bins of a column at most", ge=1, le=1024)
    by: Literal["quantiles", "target"] = setting(
        default="quantiles",
        doc="how edges are fitted: quantiles, as many rows in each bin; target, by a tree",
    )
    min_rows: int = setting(default=16, doc="fewest training rows in a bin", ge=1)
    units: int = setting(
        default=0, doc="d of a map of the T components to d that is learned; 0: none", ge=0, le=1024
    )
    relu: bool = setting(default=True, doc="whether ReLU follows that map")

    @property
    def width(self) -> int:
        return self.units or self.bins

    @property
    def multiply_adds(self) -> int:
        return self.bins * self.units

    @property
    def numbers(self) -> int:
        return self.bins + 3 * self.units

    def parameters(self, n_columns: int) -> Mapping[str, tuple[Shape, InitialValue]]:
        """V and a ~ U(−1/√T, 1/√T), as in the authors' code."""
        if not self.units:
            return {}
        draw = uniform(self.bins)
        weight, bias = (n_columns, self.bins, self.units), (n_columns, self.units)
        return {"weight": (weight, draw), "bias": (bias, draw)}

    def statistics(self, n_columns: int) -> Mapping[str, Shape]:
        return {"edges": (n_columns, self.bins + 1)}

    def fit(self, X: Array, targets: Sequence[Array]) -> Mapping[str, Array]:
        def edges(x: Array) -> Array:
            if self.by == "target":
                return target_edges(x, targets, self.bins, self.min_rows)
            return quantile_edges(x, self.bins, self.min_rows)

        return {"edges": np.stack([edges(x) for x in np.ascontiguousarray(X.T)])}

    def layer(self, sizes: Sizes, params: Tensors, grads: Tensors) -> Embed:
        if not self.units:
            return Encode(sizes, params["edges"])
        return LearnedEncode(sizes, self.bins, params, grads, relu=self.relu)


class Encoding:
    """e_t(x) of every column, written into one array.

    edges  (..., columns, T + 1); they are fitted, and read here once
    out    (..., columns, T, rows)
    """

    def __init__(self, edges: Array, out: Array) -> None:
        self.out = out
        left, right = edges[..., :-1], edges[..., 1:]
        with np.errstate(all="ignore"):
            slope = 1 / (right - left)
        has_rows = np.isfinite(slope)
        slope[~has_rows] = 0  # no bin: e_t is 0
        n_bins = slope.shape[-1]
        is_first, is_last = np.arange(n_bins) == 0, np.arange(n_bins) == n_bins - 1
        is_first = is_first | (has_rows & (left == edges[..., :1]))
        is_last = is_last | (has_rows & (right == edges[..., -1:]))
        self.left, self.slope = (np.array(each)[..., np.newaxis] for each in (left, slope))
        self.least = self._bound(np.where(is_first, -np.inf, 0.0))
        self.most = self._bound(np.where(is_last, np.inf, 1.0))

    def _bound(self, bound: Array) -> Array:
        """Return a bound (..., columns, T) of e, which broadcasts over `out`.

        All columns mostly have the same, which then is (T, rows): NumPy compares an array with
        numbers one by one, with a small array of them a vector at a time. 16 bins of 20 columns and
        1,024 rows take 490 µs without it and 360 with it (`python -m timeit`, one core).
        """
        first = bound.reshape(-1, bound.shape[-1])[0]
        if not (bound == first).all():
            return bound.astype(self.out.dtype)[..., np.newaxis]
        return np.repeat(first[:, np.newaxis], self.out.shape[-1], 1).astype(self.out.dtype)

    def write(self, x: Array) -> None:
        """out ← min(1, max(0, (x − b_{t−1}) / (b_t − b_{t−1}))), x (..., columns, 1, rows)."""
        np.subtract(x, self.left, out=self.out)
        np.multiply(self.out, self.slope, out=self.out)
        np.maximum(self.out, self.least, out=self.out)
        np.minimum(self.out, self.most, out=self.out)


class Encode(Embed):
    """The components themselves."""

    def __init__(self, sizes: Sizes, edges: Array) -> None:
        super().__init__(sizes)
        self.encoding = Encoding(edges, self.embedded)

    def embed(self) -> None:
        self.encoding.write(self.x)


class LearnedEncode(Embed):
    """ReLU(e V + a), in each column its own V and a."""

    learns: ClassVar[bool] = True

    def __init__(
        self, sizes: Sizes, n_bins: int, params: Tensors, grads: Tensors, *, relu: bool
    ) -> None:
        super().__init__(sizes)
        shape = (*self.x.shape[:-2], n_bins, sizes.n_rows)
        self.encoding = Encoding(params["edges"], empty(shape, sizes.dtype))
        self.linear = ColumnLinear(self.encoding.out, self.embedded, params, grads, relu=relu)
        self.deltas = [self.linear.delta]

    def embed(self) -> None:
        self.encoding.write(self.x)
        self.linear.forward()

    def backward(self, delta: Array) -> Array:
        """Write ∂J/∂V and ∂J/∂a; return delta."""
        self.linear.backward(self.delta_of(delta))
        return delta

    @property
    def multiply_adds(self) -> int:
        return self.linear.multiply_adds

    def sides(self) -> Iterator[Array]:
        yield from self.linear.sides()

    def scale_of(self, name: str) -> Any:
        return self.linear.scale_of(name)
