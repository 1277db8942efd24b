"""Which inputs a spec embeds, and the fit of their embedding to the rows of a lane."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Encoding, Part
from mlpcli.errors import DataError, listing, nearest
from mlpcli.nn.embeddings import EMBEDDINGS, EmbeddedColumns, Embedding
from mlpcli.nn.network import Architecture
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec


def embedded_names(spec: Spec, encoding: Encoding) -> list[str]:
    """Return the columns that are embedded.

    Raises DataError, with the spec's key, where a name is no numeric input.
    """
    embedding: Any = spec.model.embedding  # its type is built from the table
    if embedding is None:
        return []
    numeric = [column for column in encoding.inputs.columns if column.is_numeric]
    if embedding.columns == "auto":
        return [name for column in numeric if column.embeds for name in column.feature_names]
    names = [name for column in numeric for name in column.feature_names]
    for k, name in enumerate(embedding.columns):
        if name not in names:
            problem = f"{name!r} is not a numeric input; there are {listing(names) or 'none'}"
            near = nearest(name, names)
            hint = f"; did you mean {near!r}?" if near else ""
            raise DataError(problem + hint, ("model", "embedding", "columns", k))
    return list(embedding.columns)


def build_embedding(spec: Spec, encoding: Encoding) -> EmbeddedColumns | None:
    """Return the embedding that a spec describes, not yet fitted; None where it embeds no column.

    Raises DataError as `embedded_names` does.
    """
    names = embedded_names(spec, encoding)
    if not names:
        return None
    features = encoding.inputs.feature_names
    numeric = np.flatnonzero(encoding.inputs.numeric)
    numbers = tuple(int(k) for k in numeric if features[k] in names)
    member: Embedding = build(EMBEDDINGS, spec.model.embedding)
    return EmbeddedColumns(member, len(features), numbers)


def fit_embedding(
    architecture: Architecture, encoding: Encoding, train: Part, rows: Array | None
) -> Architecture:
    """Return the architecture with its embedding fitted.

    rows  (m,) of the training part, those of a lane, repeated ones count twice; None: all
    """
    columns = architecture.embedding
    if columns is None or not columns.statistics:
        return architecture
    X, y = train.X[:, columns.numbers], train.y
    if rows is not None:
        X, y = X[rows], y[rows]
    fitted = columns.member.fit(X, list(_targets(y, encoding.task)))
    return replace(architecture, embedding=replace(columns, fitted=fitted))


def _targets(y: Array, task: str) -> Iterator[Array]:
    """Yield numbers (rows,) of each target, and for a class 0 and 1."""
    if task == "multiclass":
        yield from (y == k for k in range(int(y.max()) + 1))
    else:
        yield from y.reshape(len(y), -1).T
