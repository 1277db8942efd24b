"""Specs written to a file and read back, and their faults as lines of text."""

import pytest

from mlpcli.errors import MlpError, SpecError
from mlpcli.spec.load import load_spec

DATA = "data: {path: d.csv, target: y}\n"  # the line every valid spec of these tests begins with


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Return a function that loads a spec's text (or bytes), with overrides."""
    monkeypatch.chdir(tmp_path)

    def load(text, *overrides, seed=None):
        content = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "spec.yaml").write_bytes(content)
        return load_spec("spec.yaml", overrides, seed)

    return load


@pytest.fixture
def faults(load):
    """Return a function that gives the faults of a spec as `LINE:COLUMN: path: …` texts."""

    def faults(text, *overrides):
        with pytest.raises(SpecError) as caught:
            load(text, *overrides)
        lines = str(caught.value).split("\n")
        return [line.removeprefix("spec.yaml:") for line in lines]

    return faults


@pytest.fixture
def refusal(load):
    """Return a function that gives the one error, of any kind, that a spec is refused with."""

    def refusal(text, *overrides):
        with pytest.raises(MlpError) as caught:
            load(text, *overrides)
        return caught.value

    return refusal


@pytest.fixture
def spec(load):
    """Return a function that gives the spec of `DATA` and more text, with overrides."""
    return lambda more="", *overrides: load(DATA + more, *overrides).spec
