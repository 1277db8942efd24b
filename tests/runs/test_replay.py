"""A run trained again has the same bits; where it has not, the first that differs is named."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

from mlpcli.errors import DataError, RunError
from mlpcli.runs.difference import Difference, tensor_difference, ulps
from mlpcli.runs.recorded_run import read_run
from mlpcli.runs.replay import Outcome, prepare, replay
from mlpcli.runs.seal import seal
from mlpcli.runs.what_changed import changed_machine, changed_spec
from mlpcli.training.trainer import never

IRIS = """
data: {path: iris.csv, target: species}
model: {layers: [{units: 5, activation: tanh, keep_prob: 0.9, norm: batch}]}
training: {epochs: 4, batch_size: 32, optimizer: adam}
"""
ENSEMBLE = IRIS + "ensemble: {kind: bootstrap, replicas: 3}\n"
DIVERGING = (
    IRIS.replace("adam", "{name: sgd, learning_rate: 1e30}")
    .replace("tanh", "relu")
    .replace(", norm: batch", "")
)

DATA = Path(__file__).parents[2] / "data"


def again(directory, stop=never):
    run = read_run(str(directory))
    prepared = prepare(run)
    if isinstance(prepared, Difference):
        return Outcome(difference=prepared)
    events = []
    outcome = replay(run, prepared, stop, events.append)
    assert events
    return outcome


@pytest.fixture(scope="module")
def runs(make_run, tmp_path_factory):
    """Return finished runs, by their names; not to be changed."""
    found = {}
    reducing = DIVERGING.replace("1e30", "40").replace("epochs", "on_divergence: reduce-lr, epochs")
    specs = {"one": IRIS, "ensemble": ENSEMBLE, "diverged": DIVERGING, "reduced": reducing}
    for name, spec in specs.items():
        folder = tmp_path_factory.mktemp(name)
        shutil.copy(DATA / "iris.csv", folder / "iris.csv")
        found[name] = make_run(folder, spec).directory
    return found


@pytest.fixture
def copied(runs, tmp_path):
    """Return a function that copies a run, to be changed, and its data."""

    def copy(name):
        shutil.copytree(runs[name], tmp_path / "run")
        shutil.copy(runs[name].parent / "iris.csv", tmp_path / "iris.csv")
        spec = tmp_path / "run" / "spec.yaml"
        text = spec.read_text("utf-8")
        spec.write_text(text.replace(str(runs[name].parent), str(tmp_path)), "utf-8")
        return tmp_path / "run"

    return copy


def contents(directory):
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in directory.iterdir()}


@pytest.mark.parametrize(("name", "epochs", "tensors"), [("one", 4, 8), ("ensemble", 4, 8)])
def test_the_same_bits_and_nothing_in_the_run_is_changed(name, epochs, tensors, runs):
    before = contents(runs[name]), runs[name].stat().st_mtime_ns
    outcome = again(runs[name])
    assert outcome.difference is None
    assert (outcome.epochs, outcome.tensors) == (epochs, tensors)
    assert (contents(runs[name]), runs[name].stat().st_mtime_ns) == before


def test_a_diverged_run_diverges_again(runs):
    assert json.loads((runs["diverged"] / "manifest.json").read_text())["status"] == "diverged"
    assert again(runs["diverged"]).difference is None


def test_a_run_whose_learning_rate_was_reduced(runs):
    manifest = json.loads((runs["reduced"] / "manifest.json").read_text("utf-8"))
    assert manifest["result"]["learning_rate_reductions"]
    outcome = again(runs["reduced"])
    assert (outcome.difference, outcome.epochs) == (None, 4)


def test_of_a_run_as_earlier_versions_wrote_it(copied):
    """No format, host or blas_kernel in the manifest; no seal, and other runtime keys."""
    run = copied("one")
    manifest = json.loads((run / "manifest.json").read_text("utf-8"))
    del manifest["format"], manifest["host"], manifest["machine"]["blas_kernel"]
    (run / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    rewrite(run, lambda told: told["spec"]["runtime"].update(threads=3), sealed=False)
    assert again(run).difference is None
    assert changed_machine(read_run(str(run))) == changed_spec(read_run(str(run))) == []


# ---------------------------------------------------------------- planted differences


def test_a_digit_of_metrics(copied):
    run = copied("one")
    lines = (run / "metrics.csv").read_text("ascii").splitlines()
    column = lines[0].split(",").index("val_loss")
    cells = lines[3].split(",")
    then = cells[column]
    cells[column] = now = then[:-1] + ("1" if then[-1] != "1" else "2")
    lines[3] = ",".join(cells)
    (run / "metrics.csv").write_text("\n".join(lines) + "\n", "ascii")
    found = again(run)
    assert found.epochs == 2
    assert found.difference.kind == "metrics"
    assert found.difference.where == {"epoch": 3, "column": "val_loss"}
    assert (found.difference.then, found.difference.now) == (now, then)
    sentence = f"epoch 3: val_loss in metrics.csv: {now} then, {then} now"
    assert found.difference.sentence() == sentence


def test_seconds_are_no_bits(copied):
    run = copied("ensemble")
    for name in ("metrics.csv", "replicas.csv"):
        header, *lines = (run / name).read_text("ascii").splitlines()
        assert header.endswith(",seconds")
        lines = [line.rpartition(",")[0] + ",99.5" for line in lines]
        (run / name).write_text("\n".join([header, *lines]) + "\n", "ascii")
    assert again(run).difference is None


def test_a_digit_of_a_replicas_metrics(copied):
    run = copied("ensemble")
    text = (run / "replicas.csv").read_text("ascii")
    line = next(each for each in text.splitlines() if each.startswith("1,2,"))
    cells = line.split(",")
    cells[2] = "0.5"
    (run / "replicas.csv").write_text(text.replace(line, ",".join(cells)), "ascii")
    found = again(run).difference
    assert (found.kind, found.then) == ("replicas", "0.5")
    assert found.where == {"epoch": 2, "replica": 1, "column": "train_loss"}


@pytest.mark.parametrize("more", [True, False])
def test_an_epoch_more_or_less(more, copied):
    run = copied("one")
    lines = (run / "metrics.csv").read_text("ascii").splitlines()
    lines = [*lines, lines[-1].replace("4", "5", 1)] if more else lines[:-1]
    (run / "metrics.csv").write_text("\n".join(lines) + "\n", "ascii")
    found = again(run).difference
    assert found.kind == "metrics"
    assert (found.then, found.now) == (("a row", None) if more else (None, "a row"))
    assert str(found.where["epoch"]) == ("5" if more else "4")


def test_the_last_bit_of_a_tensor(copied):
    run = copied("one")
    model = run / "model.safetensors"
    old = load(model.read_bytes())["hidden.1.weight"]
    content = bytearray(model.read_bytes())
    place = content.index(old.tobytes()) + 4 * (1 * old.shape[1] + 2)
    content[place] ^= 1
    model.write_bytes(content)
    assert read_run(str(run)).model.is_damaged
    found = again(run)
    assert found.epochs == 4
    assert found.difference.kind == "tensor"
    assert found.difference.where == {
        "tensor": "hidden.1.weight",
        "index": [1, 2],
        "differing": 1,
        "numbers": 20,
        "ulps": 1,
    }
    assert found.difference.now == str(old[1, 2])
    assert found.difference.then == str(load(bytes(content))["hidden.1.weight"][1, 2])
    assert re.match(
        r"1 of 20 numbers differ, 1 ulp apart; hidden.1.weight\[1, 2\] in model.safetensors: ",
        found.difference.sentence(),
    )


def rewrite(run, change, *, sealed=True):
    path = run / "model.safetensors"
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    told = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["mlp"])
    change(told)
    written = save(load(content), metadata={"mlp": json.dumps(told)})
    path.write_bytes(seal(written) if sealed else written)


def test_a_scale_in_the_description(copied):
    run = copied("one")
    rewrite(run, lambda told: told["encoding"]["inputs"][2].update(scale=0.25))
    found = again(run).difference
    assert (found.kind, found.then) == ("description", 0.25)
    assert found.where == {"key": "encoding.inputs[2].scale"}


def test_damage_in_what_is_not_compared(copied):
    run = copied("one")
    content = (run / "model.safetensors").read_bytes()
    assert content.count(b"mlp_version")
    damaged = re.sub(rb'(mlp_version\\": \\")\d', rb"\g<1>7", content)
    assert damaged != content
    (run / "model.safetensors").write_bytes(damaged)
    assert again(run).difference.kind == "checksum"


def test_a_byte_of_the_data_is_found_before_anything_is_trained(copied):
    run = copied("one")
    data = run.parent / "iris.csv"
    data.write_bytes(data.read_bytes().replace(b"5.1", b"5.2", 1))
    outcome = again(run)
    assert outcome.difference.kind == "data"
    assert outcome.difference.where == {"part": "data", "file": str(data)}
    assert outcome.difference.then != outcome.difference.now
    data.write_text("nothing,that,fits\n1,2,3\n", "ascii")  # which alone would be exit code 3
    assert again(run).difference.kind == "data"
    data.unlink()
    with pytest.raises(DataError, match="there is no such file"):
        again(run)


def test_a_key_of_the_spec(copied):
    run = copied("one")
    spec = run / "spec.yaml"
    spec.write_text(spec.read_text("utf-8").replace("keep_prob: 0.9", "keep_prob: 0.8"), "utf-8")
    found = again(run).difference
    assert (found.kind, found.where["epoch"]) == ("metrics", 1)
    (change,) = changed_spec(read_run(str(run)))
    assert (change.what, change.then, change.now) == ("spec: model.layers[0].keep_prob", 0.9, 0.8)


def test_another_processor_or_numpy_is_named(copied):
    run = copied("one")
    manifest = json.loads((run / "manifest.json").read_text("utf-8"))
    manifest["machine"] |= {"numpy": "1.26.0", "blas_kernel": "Prescott"}
    (run / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    changes = changed_machine(read_run(str(run)))
    assert [(each.what, each.then) for each in changes] == [
        ("CPU kernel", "Prescott"),
        ("NumPy", "1.26.0"),
    ]
    assert changes[1].now == np.__version__


# ---------------------------------------------------------------- what is no finished run


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("interrupted", r"was interrupted; mlp train --resume \S+run finishes it"),
        ("running", r"was killed; mlp train --resume \S+run finishes it"),
        ("failed", "the run failed"),
    ],
)
def test_a_run_that_is_not_finished(status, words, copied):
    run = copied("one")
    manifest = json.loads((run / "manifest.json").read_text("utf-8"))
    manifest |= {"status": status, "pid": 2**22 + 1}
    (run / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(RunError, match=words):
        read_run(str(run))


def test_a_model_file_alone_is_no_run(runs):
    with pytest.raises(RunError, match="is a file; a training is done again from its run dir"):
        read_run(str(runs["one"] / "model.safetensors"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("manifest.json", b"{}"),
        ("spec.yaml", b"data: ["),
        ("metrics.csv", b"a,b\n1\n"),
        ("metrics.csv", b"\xff\xfe"),
        ("model.safetensors", b""),
        ("model.safetensors", b"\x02\0\0\0\0\0\0\0{}"),
    ],
)
def test_damaged_files_of_a_run(name, content, copied):
    run = copied("one")
    (run / name).write_bytes(content)
    with pytest.raises(RunError):
        read_run(str(run))


@pytest.mark.parametrize("name", ["manifest.json", "spec.yaml", "metrics.csv", "model.safetensors"])
def test_missing_files_of_a_run(name, copied):
    run = copied("one")
    (run / name).unlink()
    with pytest.raises(RunError):
        read_run(str(run))


def test_stopped_nothing_is_decided(runs):
    outcome = again(runs["one"], stop=lambda: True)
    assert outcome.interrupted
    assert outcome.difference is None


# ---------------------------------------------------------------- how far apart


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ulps_count_the_floats_between(dtype):
    one = dtype(1)
    assert ulps(one, one) == 0
    assert ulps(np.nextafter(one, dtype(2)), np.nextafter(one, dtype(0))) == 2
    tiny = np.nextafter(dtype(0), one)
    assert ulps(tiny, dtype(0)) == 1
    assert ulps(-tiny, tiny) == 3  # through −0.0 and 0.0
    assert ulps(dtype(1), dtype(2)) == 2 ** np.finfo(dtype).nmant


def test_bits_that_are_equal_as_numbers_differ_and_nan_is_the_same_as_itself():
    zeros = np.array([0.0, 1.0], np.float32)
    found = tensor_difference("a", zeros, np.array([-0.0, 1.0], np.float32))
    assert (found.then, found.now) == ("0.0", "-0.0")
    nan = np.array([np.nan], np.float64)
    assert tensor_difference("a", nan, nan.copy()) is None
    assert tensor_difference("a", zeros, zeros.astype("f8")).then == "float32 (2,)"
    assert tensor_difference("a", zeros, None).now is None
