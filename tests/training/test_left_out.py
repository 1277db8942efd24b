"""Columns left out by themselves: written into the resolved spec, which gives the same inputs."""

import numpy as np
import pytest

from mlpcli.errors import DataError
from mlpcli.spec.load import load_spec
from mlpcli.spec.write import spec_to_yaml
from mlpcli.training.build import load_dataset
from mlpcli.training.resolve import resolve

LINES = [f"{k},{k % 7},name {k},{'uvw'[k % 3]},,{k % 5}.5" for k in range(60)]
NAMES = "Unnamed: 0,age,name,kind,empty,y"
SPEC = "data: {path: t.csv, target: y, exclude: [kind]}\n"


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Return a function that loads a spec's data: the spec and the data set."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("\n".join([NAMES, *LINES]) + "\n", "ascii")

    def load(text, *overrides):
        (tmp_path / "s.yaml").write_text(text, "utf-8")
        loaded = load_spec("s.yaml", overrides)
        return loaded.spec, load_dataset(loaded)

    return load


def test_what_was_left_out_is_excluded_in_the_resolved_spec(load):
    spec, dataset = load(SPEC)
    assert dataset.encoding.inputs.feature_names == ["age"]
    resolved = resolve(spec, dataset)
    assert resolved.data.exclude[0] == "kind"
    assert {*resolved.data.exclude} == {"kind", "Unnamed: 0", "name", "empty"}
    again_spec, again = load(spec_to_yaml(resolved))
    assert again.encoding.inputs == dataset.encoding.inputs
    np.testing.assert_array_equal(again.parts["train"].X, dataset.parts["train"].X)
    assert not [guess for guess in again.guesses if guess.kind == "left_out"]
    assert resolve(again_spec, again) == resolved


@pytest.mark.parametrize("name", ["Unnamed: 0", "name"])
def test_the_advice_of_each_line_keeps_the_column(load, name):
    _, dataset = load(SPEC)
    (guess,) = [guess for guess in dataset.guesses if name in guess.columns]
    advice = guess.text.split("data.columns: ")[1]
    _, kept = load(SPEC, f"data.columns={advice}")
    assert name in kept.encoding.inputs.names
    assert name not in [n for g in kept.guesses if g.kind == "left_out" for n in g.columns]


def test_the_advice_where_no_input_is_left(load):
    with pytest.raises(DataError, match="no input is left") as caught:
        load(SPEC, "data.exclude=[age, kind, empty, 'Unnamed: 0']")
    advice = str(caught.value).split("data.columns: ")[1]
    _, kept = load(SPEC, "data.exclude=[age, kind, empty, 'Unnamed: 0']", f"data.columns={advice}")
    assert kept.encoding.inputs.names == ["name"]
