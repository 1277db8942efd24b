"""Every key of the schema with every odd kind of value: refused with exit code 2, or taken."""

import contextlib

import pytest
from spec_keys import ODD, schema_keys

from mlpcli.errors import SpecError, UsageError
from mlpcli.spec.load import load_spec

SPEC = "data: {path: d.csv, target: y}\nmodel: {layers: [{units: 4}]}\n"
# Each of these was exit code 70 once.
BUGS = ["data.scale={}", "runtime.dtype={a: 1}", "data.task={}", "data.decimal={}"]
BUGS += ["training.train_loss={}", "ensemble.kind={}"]


KEYS = schema_keys()


def refused_or_taken(file, *overrides):
    with contextlib.suppress(SpecError, UsageError):
        load_spec(file, overrides)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("odd") / "spec.yaml"
    path.write_text(SPEC, "ascii")
    return str(path)


def test_the_walk_comes_to_every_key():
    assert len(KEYS) > 200
    found = {key for key, _ in KEYS}
    assert {"model.layers[0].activation.slope", "sweep.parameters", "ensemble.kind"} <= found
    assert {"training.optimizer.beta2", "regularization.noise.labels", "data.columns"} <= found


# All of them take 15 s: `python tests/campaigns/fuzz.py --kinds values` does all.
@pytest.mark.parametrize("k", range(2))
def test_an_odd_value_at_any_key(k, file):
    for n, (key, before) in enumerate(KEYS):
        refused_or_taken(file, *before, f"{key}={ODD[(7 * n + 3 * k) % len(ODD)]}")


@pytest.mark.parametrize("bug", BUGS)
def test_what_was_a_bug_is_a_fault_of_the_spec(bug, file):
    with pytest.raises(SpecError, match="a mapping is not allowed; allowed: ") as caught:
        load_spec(file, [bug])
    assert caught.value.faults[0].path == bug.partition("=")[0]
