"""What every embedding promises: its formula, its derivative, its arrays, its lanes."""

import dataclasses
import json
import re

import numpy as np
import pytest

from mlpcli.family import settings_of
from mlpcli.nn.embeddings import EMBEDDINGS, EmbeddedColumns
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, initialize
from mlpcli.spec.load import load_spec
from mlpcli.spec.write import spec_to_yaml

# Each with its settings that decide on the formula: a flag the other way, a map or none.
MEMBERS = []
for member in EMBEDDINGS.values():
    fields = {f.name: f for f in settings_of(member)}
    small = {name: 5 for name in ("bins", "frequencies") if name in fields} | {"sigma": 0.4}
    small = {name: value for name, value in small.items() if name in fields}
    flags = [name for name, f in fields.items() if isinstance(f.default, bool)]
    MEMBERS.append(member(**small, units=0))
    MEMBERS.append(member(**small, units=3))
    MEMBERS += [member(**small, units=3, **{flag: not fields[flag].default}) for flag in flags]

each_member = pytest.mark.parametrize("member", MEMBERS, ids=lambda m: re.sub(r"\s", "", repr(m)))
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
NUMBERS, N_INPUTS = (0, 2, 3), 5


def bound(member, n_rows, dtype=np.float64, lanes=(), seed=0):
    """Return the layer, its parameters and statistics, and where gradients go."""
    rng = np.random.default_rng(seed)
    columns = EmbeddedColumns(member, N_INPUTS, NUMBERS)
    fitted = member.fit(rng.normal(size=(50, 3)), [rng.normal(size=50)])
    params, grads = {}, {}
    for name, (shape, value) in columns.parameters.items():
        drawn = [value(shape, rng) for _ in range(int(np.prod(lanes)))]
        params[name.removeprefix("embedding.")] = np.reshape(drawn, (*lanes, *shape)).astype(dtype)
    grads = {name: np.full_like(value, np.nan) for name, value in params.items()}
    for name, value in fitted.items():
        shifted = value + np.arange(int(np.prod(lanes))).reshape((*lanes, 1, 1))  # each its own
        params[name] = shifted.astype(dtype)
    return columns.layer(lanes, n_rows, dtype, params, grads), params, grads


def rows(n, dtype=np.float64, lanes=(), seed=1):
    return np.random.default_rng(seed).normal(0, 1.5, (*lanes, n, N_INPUTS)).astype(dtype)


@each_member
def test_inputs_pass_unchanged_and_each_column_has_its_own_components(member):
    layer, _, _ = bound(member, 7)
    X = rows(7)
    h = layer.forward(X).copy()
    kept = [0, 1, 2, 3, 4] if member.keep_value else [1, 4]
    np.testing.assert_array_equal(h[:, : len(kept)], X[:, kept])
    assert h.shape == (7, len(kept) + 3 * member.width)
    columns = EmbeddedColumns(member, N_INPUTS, NUMBERS).columns_of([10, 11, 12, 13, 14])
    assert columns[: len(kept)] == [10 + k for k in kept]
    assert columns[len(kept) :] == [10] * member.width + [12] * member.width + [13] * member.width
    X[:, 2] += 1
    changed = np.any(layer.forward(X) != h, axis=0)
    embedded = changed[len(kept) :].reshape(3, member.width)
    assert embedded[1].any()
    assert not embedded[[0, 2]].any()


@each_member
def test_derivatives_equal_central_differences(member):
    X, lanes = rows(6, lanes=(2,)), (2,)
    layer, params, grads = bound(member, 6, lanes=lanes)
    h = layer.forward(X)
    delta = np.random.default_rng(3).normal(size=h.shape)
    layer.backward(delta.copy())
    columns = EmbeddedColumns(member, N_INPUTS, NUMBERS)
    for name, analytic in grads.items():
        assert np.isfinite(analytic).all()
        assert np.any(analytic)
        for at in np.ndindex(analytic.shape):
            ends = []
            for eta in (1e-5, -1e-5):
                moved = {key: value.copy() for key, value in params.items()}
                moved[name][at] += eta
                other = columns.layer(lanes, 6, np.float64, moved, grads)
                ends.append(np.sum(delta * other.forward(X)))
            numeric = (ends[0] - ends[1]) / 2e-5
            assert analytic[at] == pytest.approx(numeric, rel=1e-7, abs=2e-7)


@each_member
@each_dtype
@pytest.mark.parametrize("n_rows", [1, 2, 7, 33])
def test_a_lane_has_the_same_bits_alone(member, dtype, n_rows):
    stack, params, grads = bound(member, n_rows, dtype, lanes=(3,))
    X = rows(n_rows, dtype, (3,))
    h = stack.forward(X).copy()  # relu's backward overwrites it
    delta = np.random.default_rng(3).normal(size=h.shape).astype(dtype)
    stack.backward(delta.copy())
    columns = EmbeddedColumns(member, N_INPUTS, NUMBERS)
    for r in range(3):
        mine = {name: value[r].copy() for name, value in params.items()}
        d_mine = {name: np.full_like(value[r], np.nan) for name, value in grads.items()}
        one = columns.layer((), n_rows, dtype, mine, d_mine)
        np.testing.assert_array_equal(one.forward(X[r]), h[r])
        one.backward(delta[r].copy())
        for name, value in d_mine.items():
            np.testing.assert_array_equal(value, grads[name][r])


@each_member
@each_dtype
def test_inputs_are_left_alone_and_little_is_allocated(member, dtype, peak_bytes):
    n = 1 << 14  # more than NumPy's own buffers hold
    layer, _, _ = bound(member, n, dtype)
    X = rows(n, dtype)
    kept, delta = X.copy(), np.ones((n, layer.h.shape[-1]), dtype)
    assert layer.forward(X).dtype == dtype
    np.testing.assert_array_equal(X, kept)
    limit = layer.rows_last.nbytes / 8
    assert peak_bytes(lambda: layer.backward(delta) is layer.forward(X)) < limit


@each_member
def test_rows_that_lanes_share_are_embedded_in_each(member):
    stack, _, _ = bound(member, 4, lanes=(3,))
    X = rows(4)
    many = stack.forward(X).copy()
    np.testing.assert_array_equal(many, stack.forward(np.stack([X] * 3)))


@each_member
def test_far_values_stay_finite_in_float32(member):
    layer, _, _ = bound(member, 3, np.float32)
    X = np.full((3, N_INPUTS), np.array([[1e6], [-1e6], [0]]), np.float32)
    with np.errstate(all="raise", under="ignore"):
        assert np.isfinite(layer.forward(X)).all()
        layer.backward(np.ones_like(layer.h))


@each_member
def test_a_network_has_its_tensors_and_begins_with_its_initial_values(member):
    columns = EmbeddedColumns(member, N_INPUTS, NUMBERS)
    fitted = member.fit(np.arange(30.0).reshape(10, 3), [np.arange(10.0)])
    columns = dataclasses.replace(columns, fitted=fitted)
    architecture = Architecture(N_INPUTS, (), 2, LOSSES["mse"](), embedding=columns)
    network = initialize(architecture, 3, np.float64)
    tensors = network.tensors()
    n_kept = N_INPUTS if member.keep_value else 2
    assert tensors["output.weight"].shape == (n_kept + 3 * member.width, 2)
    for name, (shape, _) in {**columns.parameters, **columns.statistics}.items():
        assert tensors[name].shape == shape
        assert np.any(tensors[name])
    for name, value in fitted.items():
        np.testing.assert_array_equal(tensors[f"embedding.{name}"], value)
    decayed = {t.name for t in architecture.layout.weights}
    assert decayed == {"output.weight"}  # what is learned here is not


@each_member
def test_a_spec_comes_back_the_same(member, tmp_path):
    path = tmp_path / "spec.yaml"
    settings = {f.name: getattr(member, f.name) for f in settings_of(type(member))}
    for columns in ("auto", ["a", "b"]):
        embedding = {"name": member.name, **settings, "columns": columns}
        plain = {"data": {"path": "x.csv", "target": "y"}, "model": {"embedding": embedding}}
        path.write_text(json.dumps(plain))  # YAML takes JSON
        spec = load_spec(str(path)).spec
        path.write_text(spec_to_yaml(spec))
        again = load_spec(str(path)).spec
        assert again == spec
        assert again.model.embedding.name == member.name
        assert list(again.model.embedding.columns) == list(columns)


@pytest.mark.parametrize("member", EMBEDDINGS.values(), ids=lambda m: m.name)
def test_docstring_has_formula_and_source(member):
    assert re.search(r"e(_t)?\(x\) = \S", member.__doc__)
    assert re.search(r"Source: \w+.*\d{4}", member.__doc__, re.DOTALL)
