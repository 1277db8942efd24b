"""No spec, however broken, gives anything but an error with its exit code, and soon."""

import random
import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpcli.errors import MlpError
from mlpcli.spec.load import load_spec
from mlpcli.spec.yaml_reader import MAX_BYTES, read_yaml

VALID = """\
seed: 3
data: {path: d.csv, target: y, exclude: [a, b], missing: ["", "NA"]}
model:
  layers:
    - {units: 8, activation: {name: leaky_relu, slope: 0.1}, p_k: 0.5}
    - units: 4
      activation: tanh
  loss: mse
training:
  optimizer: {name: adam, λ: 1e-3}
  early_stopping: {monitor: val_loss, patience: null}
regularization: {α: 1e-4}
runtime: {dtype: float32, threads: auto}
"""
WORDS = [
    *[
        "name",
        "auto",
        "null",
        "~",
        "true",
        "1e400",
        ".nan",
        "-1",
        "0x1f",
        "[]",
        "{}",
        "''",
        '"\\x00"',
    ],
    *["&a ", "*a", "!!int ", "!x ", "<<: ", "? ", "- ", ": ", "---\n", "...\n", "#", "|\n", ">\n"],
    *[
        "\t",
        "\n",
        " ",
        "\0",
        "\x85",
        "\ufeff",
        "{",
        "}",
        "[",
        "]",
        ",",
        "%",
        "@",
        "λ",
        "sgd",
        "9" * 400,
    ],
]
PATHS = [
    *["seed", "data", "data.target", "data.exclude[1]", "x.y", "model.loss.name", "model.layers"],
    *["model.layers[0]", "model.layers[1].units", "model.layers[0].activation.slope"],
    *["training.optimizer", "training.optimizer.name", "training.early_stopping.patience"],
]


@pytest.fixture(scope="module")
def only_refused(tmp_path_factory):
    """Return a function that loads a spec: it must be valid, or refused with exit code 2."""
    path = tmp_path_factory.mktemp("fuzz") / "spec.yaml"

    def load(content, *overrides):
        path.write_bytes(content)
        assert_refused_or_done(lambda: load_spec(str(path), overrides))

    return load


def assert_refused_or_done(work):
    try:
        work()
    except MlpError as raised:
        error = raised
    else:
        return
    assert error.exit_code == 2
    assert str(error)


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_any_bytes(only_refused, content):
    only_refused(content)


@given(st.text(max_size=200) | st.text(string.printable, max_size=200))
@settings(max_examples=200)
def test_any_text(only_refused, text):
    only_refused(text.encode())


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["seed", "data", "model", "layers", "training", "optimizer", "name", "loss",
                         "path", "target", "units", "activation", "split", "files", "schedule"]),
        inner, max_size=4),
    max_leaves=20,
))  # fmt: skip
@settings(max_examples=200)
def test_any_plain_data_under_real_keys(only_refused, data):
    import json

    only_refused(json.dumps(data).encode())


@pytest.mark.parametrize("seed", range(20))
def test_a_valid_spec_with_pieces_cut_doubled_moved_and_put_in(only_refused, seed):
    dice = random.Random(seed)
    for _ in range(20):
        text = VALID
        for _ in range(dice.randint(1, 3)):
            i, j = sorted(dice.randrange(len(text) + 1) for _ in range(2))
            j = min(j, i + 30)
            text = dice.choice([
                text[:i] + text[j:],
                text[:j] + text[i:],
                text[:i] + dice.choice(WORDS) + text[i:],
                text[:i] + dice.choice(WORDS) + text[j:],
                text[:i] + text[i:j][::-1] + text[j:],
            ])  # fmt: skip
        only_refused(text.encode("utf-8", "surrogatepass"))


@given(st.lists(st.builds("{}={}".format, st.sampled_from(PATHS) | st.text(max_size=10),
                          st.sampled_from(WORDS) | st.text(max_size=10)), max_size=3))  # fmt: skip
@settings(max_examples=200)
def test_any_overrides(only_refused, overrides):
    only_refused(VALID.encode(), *overrides)


@pytest.mark.parametrize("line", ["a,", "a: 1\n", "*a,", "[],"])  # the slowest of twenty tried
def test_a_file_as_large_as_allowed_does_not_hang(line):
    def seconds(size):
        text = ("[" if "," in line else "") + line * size
        began = time.process_time()
        assert_refused_or_done(lambda: read_yaml(text[:size], "f"))
        return time.process_time() - began

    part = MAX_BYTES // 32
    # The least of three: what other tests have left in this process is collected in between.
    short, long = (min(seconds(size) for _ in range(3)) for size in (part // 4, part))
    assert long < 0.01 + 48 * short, "the time grows like the square of the size"
    assert long * 32 < 20  # 2.6 s on a quiet core
