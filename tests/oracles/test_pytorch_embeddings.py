"""Embeddings against their authors' own code: edges, values, gradients, stored in a file."""

import json
from pathlib import Path

import numpy as np
import pytest

from mlpcli.nn.embeddings import EMBEDDINGS, EmbeddedColumns
from mlpcli.nn.embeddings.bins import padded, quantile_edges, target_edges

STORED = json.loads(Path(__file__).with_name("pytorch_embeddings.json").read_text(encoding="utf-8"))
BINS, X = STORED["bins"], np.array(STORED["x"])
TRAIN = np.array(STORED["train"])
CASES = [(name, case) for name in EMBEDDINGS for case in STORED[name]]


def edges_of(padded):
    """Return the different edges of a column."""
    return padded[np.append(True, np.diff(padded) > 0)]


def test_quantile_edges_are_those_of_the_authors_and_of_numpy():
    for x, expected in zip(TRAIN.T, STORED["quantiles"], strict=True):
        found = quantile_edges(x, BINS, 1)
        assert len(found) == BINS + 1
        np.testing.assert_allclose(edges_of(found), expected, rtol=1e-13)
        exact = np.unique(np.quantile(x, np.arange(BINS + 1) / BINS))
        np.testing.assert_allclose(edges_of(found), exact, rtol=1e-13)


@pytest.mark.parametrize("which", STORED["trees"])
def test_edges_by_target_are_the_thresholds_of_scikit_learns_trees(which):
    name, _, least = which.partition(", ")
    y = np.array(STORED["y" if name == "numbers" else "classes"])
    targets = [y] if name == "numbers" else [(y == k).astype(float) for k in range(3)]
    for x, expected in zip(TRAIN.T, STORED["trees"][which], strict=True):
        found = edges_of(target_edges(x, targets, BINS, int(least)))
        np.testing.assert_allclose(found, expected, rtol=1e-13)


def bound(name, case, lanes=()):
    """Return the layer of a case on X, its parameters in so many lanes, and their gradients."""
    fitted = {"bins": BINS} if name == "piecewise_linear" else {}
    member = EMBEDDINGS[name](keep_value=False, **case["settings"], **fitted)
    params = {key: np.array(value) for key, value in case.get("params", {}).items()}
    if name == "piecewise_linear":
        params["edges"] = np.stack([padded(np.array(b), BINS) for b in STORED["quantiles"]])
    params = {key: np.array(np.broadcast_to(v, (*lanes, *v.shape))) for key, v in params.items()}
    grads = {key: np.full(value.shape, np.nan) for key, value in params.items()}
    columns = EmbeddedColumns(member, 3, (0, 1, 2))
    return columns.layer(lanes, len(X), np.float64, params, grads), grads


@pytest.mark.parametrize("lanes", [(), (2,)], ids=str)
@pytest.mark.parametrize(("name", "case"), CASES, ids=lambda v: str(v)[:60])
def test_values_and_gradients_are_those_of_the_authors(name, case, lanes):
    layer, grads = bound(name, case, lanes)
    h = layer.forward(X)
    expected = np.array(case["out"]).reshape(len(X), -1)
    np.testing.assert_allclose(h, np.broadcast_to(expected, h.shape), rtol=1e-12, atol=1e-13)
    if "delta" in case:
        delta = np.array(case["delta"]).reshape(len(X), -1)
        layer.backward(np.array(np.broadcast_to(delta, h.shape)))
        for key, value in case["grads"].items():
            expected = np.broadcast_to(value, grads[key].shape)
            np.testing.assert_allclose(grads[key], expected, rtol=1e-11, atol=1e-12)
