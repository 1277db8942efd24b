"""Ensembles whose members share their weights: which parameters each of k members has alone.

A layer of member m is u = s_m ∗ ((r_m ∗ h) W) + b_m, with one W for all: as if its weights were
W ∗ (r_m s_mᵀ), of which the second factor has rank one. r is `input_scale` (k, fan_in), s is
`output_scale` (k, fan_out); where a kind has none, they are 1. Normalizations and learned slopes
are each member's own, and so are running means. Each member is trained by its own loss on the same
batches; J is the mean of these losses, and the prediction the mean of the members'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mlpcli.array_types import Array, Shape
from mlpcli.family import Family, Member
from mlpcli.nn.initializers import InitialValue

SHARINGS = Family("weight-sharing ensemble")
Draw = Callable[[Shape, np.random.Generator], Array]
ONES = 1.0


def random_signs(shape: Shape, rng: np.random.Generator) -> Array:
    """Return 1 or −1, each with probability 1/2. Source: Wen, Tran and Ba, BatchEnsemble, 2020."""
    return 2.0 * rng.integers(0, 2, shape) - 1.0


def standard_normal(shape: Shape, rng: np.random.Generator) -> Array:
    """Return numbers of N(0, 1). Source: the package `tabm`, for embedded features."""
    return rng.standard_normal(shape)


class Sharing(Member):
    """What k members share.

    has_heads   whether each has output weights of its own
    own_biases  whether each has biases of its own, in the hidden layers
    """

    has_heads: ClassVar[bool] = True
    own_biases: ClassVar[bool] = True

    def scalings(
        self, *, first: bool, random: Draw, first_random: Draw
    ) -> Mapping[str, InitialValue]:
        """Return the scalings of a layer with shared weights, and how each begins.

        first         whether it is the layer on the inputs
        random        draws numbers of a shape
        first_random  those of the inputs: the features of one column have the same number
        """
        raise NotImplementedError


@SHARINGS.add("tabm")
class TabM(Sharing):
    """u = s ∗ ((r ∗ h) W) + b in the hidden layers, and output weights for each member.

    Members differ at first by the r of the inputs, ±1 at random, N(0, 1) where the features are
    embedded, one number for all features of a column; and by their output weights. Every other r
    and s begins at 1.
    Source: Gorishniy, Kotelnikov and Babenko, TabM, 2025, and their package `tabm`.
    """

    def scalings(
        self, *, first: bool, random: Draw, first_random: Draw
    ) -> Mapping[str, InitialValue]:
        return {"input_scale": first_random if first else ONES, "output_scale": ONES}


@SHARINGS.add("tabm_mini")
class TabMMini(Sharing):
    """u = (r ∗ x) W + b on the inputs, u = h W + b above, and output weights for each member.

    All but the first r, which begins as TabM's, and the output layer is shared.
    Source: Gorishniy, Kotelnikov and Babenko, TabM, 2025, and their package `tabm`.
    """

    own_biases: ClassVar[bool] = False

    def scalings(
        self, *, first: bool, random: Draw, first_random: Draw
    ) -> Mapping[str, InitialValue]:
        return {"input_scale": first_random} if first else {}


@SHARINGS.add("batch_ensemble")
class BatchEnsemble(Sharing):
    """u = s ∗ ((r ∗ h) W) + b in every layer, the output's too: its weights are shared as well.

    Every r and s begins at ±1, at random.
    Source: Wen, Tran and Ba, BatchEnsemble, 2020, (5).
    """

    has_heads: ClassVar[bool] = False

    def scalings(
        self, *, first: bool, random: Draw, first_random: Draw
    ) -> Mapping[str, InitialValue]:
        return {"input_scale": random, "output_scale": random}


@dataclass(frozen=True)
class Members:
    """The members of a network.

    k        how many
    sharing  what they share
    columns  of each input the number of the column that it is a part of; None: each its own
    normal   whether the inputs' scaling begins as N(0, 1), as where they are embedded
    """

    k: int
    sharing: Sharing
    columns: tuple[int, ...] | None = None
    normal: bool = False

    def scalings(self, *, first: bool) -> Mapping[str, InitialValue]:
        """Return the scalings of a layer with shared weights, and how each begins."""
        return self.sharing.scalings(
            first=first, random=random_signs, first_random=self._draw_by_column
        )

    def lay_out(
        self, weights: dict[str, Shape], biases: dict[str, Shape]
    ) -> tuple[dict[str, Shape], dict[str, InitialValue]]:
        """Return shapes and initial values of the scalings, by name.

        weights, biases  shapes of one network's tensors, layer by layer; those that each member
                         has alone get an axis for the members
        """
        shapes: dict[str, Shape] = {}
        initial: dict[str, InitialValue] = {}
        for number, (weight, bias) in enumerate(zip(list(weights), list(biases), strict=True)):
            name, is_output = weight.removesuffix(".weight"), number == len(weights) - 1
            if is_output or self.sharing.own_biases:
                biases[bias] = (self.k, *biases[bias])
            if is_output and self.sharing.has_heads:
                weights[weight] = (self.k, *weights[weight])
                continue
            fans = dict(zip(("input_scale", "output_scale"), weights[weight], strict=True))
            for word, value in self.scalings(first=number == 0).items():
                shapes[f"{name}.{word}"] = (self.k, fans[word])
                initial[f"{name}.{word}"] = value
        return shapes, initial

    def _draw_by_column(self, shape: Shape, rng: np.random.Generator) -> Array:
        draw = standard_normal if self.normal else random_signs
        if self.columns is None:
            return draw(shape, rng)
        return draw((shape[0], max(self.columns) + 1), rng)[:, list(self.columns)]
