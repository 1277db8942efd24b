"""Stopped by hand or killed: the files of a run are whole, and the exit code says by what."""

import fcntl
import json
import os
import re
import signal
import struct
import subprocess
import termios
import time

import numpy as np
import pytest

from mlpcli.runs.model_file import load_model
from mlpcli.spec.load import load_spec

INT, TERM = signal.SIGINT, signal.SIGTERM
STOP_SIGNALS = [INT, TERM, *(getattr(signal, f"SIG{x}") for x in ("HUP", "USR1", "USR2", "XCPU"))]
ENDLESS = """
data: {{path: iris.csv, target: species, split: {{validation: {validation}}}}}
training: {{epochs: 100000000, early_stopping: null}}
"""
# One epoch is 30,000 steps of some 0.3 ms: no test waits for its end.
LONG_EPOCH = """
data: {{path: long.csv, target: y, split: {{validation: {validation}, test: 0}}}}
model: {{layers: [{{units: 512}}, {{units: 512}}]}}
training: {{epochs: 2, batch_size: 1, optimizer: {{name: sgd, learning_rate: 0.001}}}}
"""


@pytest.fixture(scope="module")
def long_csv():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(30_000, 4)).round(2)
    lines = [",".join(map(str, row)) + f",{int(row[0] > 0)}" for row in rows.tolist()]
    return "\n".join(["a,b,c,d,y", *lines]) + "\n"


def default_signals():
    """Take signals as a command typed in a terminal does, whatever the tests were started by."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def start(folder, program):
    """Return a function that starts the command; whatever runs at the test's end is killed."""
    begun = []

    def start_(*words, spec=None, before=default_signals, **options):
        if spec is not None:
            (folder / "spec.yaml").write_text(spec, "utf-8")
            words = ("train", "spec.yaml", "--run-dir", "run", *words)
        process = subprocess.Popen(
            [*program.words, *map(str, words)],
            cwd=folder,
            env=program.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=before,  # noqa: PLW1509  there are no threads here
            **options,
        )
        begun.append(process)
        return process

    yield start_
    for process in begun:
        process.kill()
        process.communicate()


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_for_epochs(folder, n):
    """Wait until n epochs are in metrics.csv; 0: until it has been begun."""
    metrics = folder / "run" / "metrics.csv"
    wait_for(lambda: metrics.exists() and metrics.read_text("ascii").count("\n") > n)


def ended(process, program):
    out, err = process.communicate(timeout=30)
    program.check(out + err)
    return out, err


def assert_whole(run, status):
    """Assert that whatever has its final name can be read to its end; return the manifest."""
    names = sorted(path.name for path in run.iterdir() if not path.name.endswith(".tmp"))
    told = json.loads((run / "manifest.json").read_text("utf-8"))
    assert told["status"] == status
    text = (run / "metrics.csv").read_text("ascii")
    assert text.endswith("\n")
    header, *rows = (line.split(",") for line in text.splitlines())
    assert {len(row) for row in rows} <= {len(header)}
    assert [row[0] for row in rows] == [str(k + 1) for k in range(len(rows))]
    if "model.safetensors" in names:
        load_model(run / "model.safetensors")
    return told, len(rows), names


FILES = ["checkpoint.safetensors", "manifest.json", "metrics.csv", "model.safetensors", "spec.yaml"]


@pytest.mark.parametrize(
    ("number", "code", "validation"),
    list(zip(STOP_SIGNALS, [130, 143, 129, 138, 140, 152], [0.15, 0] * 3, strict=True)),
    ids=[number.name for number in STOP_SIGNALS],
)
def test_a_signal_ends_training_after_the_step(number, code, validation, start, folder, program):
    process = start(spec=ENDLESS.format(validation=validation))
    wait_for_epochs(folder, 3)
    process.send_signal(number)
    out, err = ended(process, program)
    assert process.returncode == code
    told, n_epochs, names = assert_whole(folder / "run", "interrupted")
    result = told["result"]
    assert names == FILES
    assert (result["reason"], result["epochs"]) == ("interrupted", n_epochs)
    assert n_epochs >= 3
    assert load_model(folder / "run" / "model.safetensors").training["reason"] == "interrupted"
    assert out.splitlines()[-1] == "run: run"
    # The step at which it ends may be an epoch's last: then that epoch is complete.
    assert result["last_epoch"] in (n_epochs, n_epochs + 1)
    last = f"mlp: interrupted in epoch {result['last_epoch']}; the model so far is in run"
    assert err.splitlines()[-2:] == [last, "mlp: to go on: mlp train --resume run"]
    if validation == 0:
        assert result["best_epoch"] == n_epochs


@pytest.mark.parametrize(
    ("number", "code", "validation", "option"),
    [(INT, 130, 0.15, "-q"), (TERM, 143, 0, "--json")],
    ids=["INT", "TERM"],
)
def test_in_the_first_epoch_too(number, code, validation, option, long_csv, start, folder, program):
    (folder / "long.csv").write_text(long_csv, "ascii")
    process = start(option, spec=LONG_EPOCH.format(validation=validation))
    wait_for_epochs(folder, 0)
    time.sleep(0.2)  # some hundred steps
    process.send_signal(number)
    out, err = ended(process, program)
    assert process.returncode == code
    told, n_epochs, names = assert_whole(folder / "run", "interrupted")
    assert (n_epochs, names) == (0, FILES)
    assert told["result"]["epochs"] == told["result"]["best_epoch"] == 0
    said = [
        "interrupted in epoch 1; the model so far is in run",
        "to go on: mlp train --resume run",
    ]
    assert err == "".join(f"mlp: {line}\n" for line in said)
    if option == "-q":
        assert out == "run\n"
    else:
        document = json.loads(out)
        assert (document["status"], document["run"]) == ("interrupted", "run")
    # The steps that were taken are in the model: it is not the random beginning any more.
    weights = load_model(folder / "run" / "model.safetensors").network.tensors()
    assert np.any(weights["output.bias"] != 0)


def test_later_signals_do_not_spoil_the_save(start, folder, program):
    process = start(spec=ENDLESS.format(validation=0.15))
    wait_for_epochs(folder, 1)
    # Stopped, it finds them all when it goes on, as if they came within one step.
    for number in (signal.SIGSTOP, *STOP_SIGNALS, signal.SIGCONT):
        process.send_signal(number)
    while process.poll() is None:
        process.send_signal(TERM)
        time.sleep(0.001)
    out, _ = ended(process, program)
    assert process.returncode - 128 in STOP_SIGNALS
    told, _, names = assert_whole(folder / "run", "interrupted")
    assert told["result"]["reason"] == "interrupted"
    assert names == FILES
    assert out.splitlines()[-1] == "run: run"


def test_what_the_shell_ignores_for_background_jobs_stays_ignored(start, folder, program):
    def ignore():
        default_signals()
        for number in (INT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    process = start(spec=ENDLESS.format(validation=0.15), before=ignore)
    wait_for_epochs(folder, 1)
    for number in (INT, signal.SIGHUP):  # as of a job in the background, and under nohup
        process.send_signal(number)
    before = (folder / "run" / "metrics.csv").read_text("ascii").count("\n")
    wait_for_epochs(folder, before + 20)
    process.send_signal(TERM)
    ended(process, program)
    assert process.returncode == 143
    assert assert_whole(folder / "run", "interrupted")[2] == FILES


@pytest.mark.parametrize("after", [0, 40])
def test_killed_nothing_under_a_final_name_is_half_written(after, start, folder, program):
    process = start(spec=ENDLESS.format(validation=0.15))
    wait_for_epochs(folder, after)
    process.kill()
    ended(process, program)
    assert process.returncode == -signal.SIGKILL
    told, n_epochs, names = assert_whole(folder / "run", "running")
    assert told["result"] is None
    assert n_epochs >= after
    assert names == ["manifest.json", "metrics.csv", "spec.yaml"]


@pytest.mark.parametrize(("number", "code"), [(INT, 130), (TERM, 143)], ids=["INT", "TERM"])
def test_while_it_waits_for_data(number, code, trained, start, folder, program):
    reading, writing = os.pipe()
    process = start("predict", trained.run, "-", "-o", "p.csv", stdin=reading)
    os.close(reading)
    os.write(writing, b"sepal_length_cm,")
    # The pipe is empty again once the command has taken the bytes and asks for more.
    wait_for(lambda: fcntl.ioctl(writing, termios.FIONREAD, b"\0" * 4) == struct.pack("i", 0))
    process.send_signal(number)
    out, err = ended(process, program)
    os.close(writing)
    assert (process.returncode, out) == (code, "")
    assert err == "mlp: interrupted\n"
    assert not (folder / "p.csv").exists()


WHILE_WRITING = """
import os, signal
from mlpcli.cli.signals import end_at_stop_signals
end_at_stop_signals()
sync = os.fsync
def interrupted(file):
    signal.raise_signal(signal.SIGTERM)
    sync(file)
os.fsync = interrupted
"""


def test_while_predictions_are_written(trained, folder, in_one_process):
    words = ["predict", str(trained.run), "iris.csv", "-o", "p.csv"]
    before = sorted(folder.iterdir())
    done = in_one_process([words], folder, WHILE_WRITING)
    assert done == [[143, "", "mlp: interrupted\n"]]
    assert sorted(folder.iterdir()) == before


def test_a_training_stops_itself_in_time(folder, mlp):
    (folder / "spec.yaml").write_text(ENDLESS.format(validation=0.15), "utf-8")
    words = ("train", "spec.yaml", "--run-dir", "run", "--stop-after", "2s")
    done = mlp(*words, cwd=folder)
    assert done.code == 75
    told, n_epochs, names = assert_whole(folder / "run", "interrupted")
    assert (names, told["result"]["reason"]) == (FILES, "interrupted")
    assert done.err.splitlines()[-1] == "mlp: to go on: mlp train --resume run"
    done = mlp(*words, "--requeue-code", "99", "--resume", cwd=folder)
    assert done.code == 99
    assert assert_whole(folder / "run", "interrupted")[1] > n_epochs


def test_it_stops_in_time_while_it_waits_for_data(start, folder, program):
    reading, writing = os.pipe()
    spec = ENDLESS.format(validation=0.15).replace("iris.csv", '"-"')
    process = start("--stop-after", "1", "--requeue-code", "99", spec=spec, stdin=reading)
    os.close(reading)
    advice = "a longer --stop-after is needed to train anything"
    said = f"mlp: stopped in time, before anything more was trained: {advice}\n"
    assert ended(process, program) == ("", said)
    os.close(writing)
    assert process.returncode == 99
    assert not (folder / "run").exists()


def test_a_time_that_is_none_is_refused(folder, mlp):
    done = mlp("train", "iris.yaml", "--stop-after", "soon", cwd=folder)
    allowed = "a time such as 55m, 1h30m, 0.5h or 3300 (seconds)"
    assert (done.code, done.err) == (2, f"mlp: --stop-after 'soon': must be {allowed}\n")


@pytest.mark.parametrize("force", [[], ["--force"]], ids=["", "force"])
def test_of_runs_begun_at_once_in_one_directory_one_has_it(force, start, folder):
    words = ("train", "iris.yaml", "-q", "--run-dir", "run", "--set", "training.epochs=2000")
    words = (*words, "--set", "training.early_stopping=null", *force)
    begun = {seed: start(*words, "--seed", seed) for seed in range(1, 5)}
    ended = {seed: (each.communicate(), each.returncode) for seed, each in begun.items()}
    won = [seed for seed, (_, code) in ended.items() if code == 0]
    refused = [(code, err) for (_, err), code in ended.values() if code != 0]
    assert won
    assert len(won) + len(refused) == 4
    told = {75: "process .* is training in it", 2: "there is a run in it already"}
    assert all(re.search(told[code], err) for code, err in refused)
    if not force:
        assert len(won) == 1
    # Whoever has it last has all of it: the model is that of the spec beside it.
    seed = load_spec(str(folder / "run" / "spec.yaml")).spec.seed
    assert seed in won
    assert load_model(folder / "run" / "model.safetensors").spec.seed == seed
    lines = (folder / "run" / "metrics.csv").read_text("ascii").splitlines()
    assert len(lines) == 1 + 2000
