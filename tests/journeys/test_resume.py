"""`mlp train --resume`: begins, goes on or has finished, to the same bits as never stopped."""

import fcntl
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import time

import pytest

LONG = """
data: {path: iris.csv, target: species}
model: {layers: [{units: 6, activation: tanh, keep_prob: 0.9}]}
training: {epochs: 500, batch_size: 16, early_stopping: null}
runtime: {checkpoint_seconds: 0.02}
"""
RESUME = ("train", "iris.yaml", "--run-dir", "run", "--resume")
EPOCHS = "training.epochs"


def contents(directory):
    """Return all that can be seen of a directory: names, bytes, times."""
    return {
        path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in directory.iterdir()
    } | {".": directory.stat().st_mtime_ns}


def bits(directory):
    """Return a run's model, and its metrics without the seconds, which are their last column."""
    rows = (directory / "metrics.csv").read_text("ascii").splitlines()
    model = (directory / "model.safetensors").read_bytes()
    return model, [row.rpartition(",")[0] for row in rows]


def manifest_of(directory):
    return json.loads((directory / "manifest.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def undisturbed(mlp, trained, tmp_path_factory):
    """Return the folder of a training that takes a second, and what it comes to undisturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    shutil.copy(trained.folder / "iris.csv", folder)
    (folder / "spec.yaml").write_text(LONG, "utf-8")
    done = mlp("train", "spec.yaml", "--run-dir", "whole", "-q", cwd=folder)
    assert done.code == 0, done.err
    return folder


@pytest.fixture
def interrupted(undisturbed, program):
    """Return a function that sends a signal to that training once it has a checkpoint."""
    begun = []

    def start(name, number):
        for path in undisturbed.glob("run*"):
            shutil.rmtree(path)
        words = ("train", "spec.yaml", "--run-dir", name, "--resume", "-q")
        process = subprocess.Popen(
            [*program.words, *words],
            cwd=undisturbed,
            env=program.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL),  # noqa: PLW1509
        )
        begun.append(process)
        deadline = time.monotonic() + 30
        while not (undisturbed / name / "checkpoint.safetensors").exists():
            assert time.monotonic() < deadline
            time.sleep(0.001)
        process.send_signal(number)
        return process.communicate(timeout=30)[1], process.returncode

    yield start
    for process in begun:
        process.kill()
        process.wait()


def test_killed_it_goes_on_to_the_same_bits(undisturbed, interrupted, mlp):
    _, code = interrupted("run", signal.SIGKILL)
    assert code == -signal.SIGKILL
    run = undisturbed / "run"
    assert manifest_of(run)["status"] == "running"
    assert not (run / "model.safetensors").exists()
    done = mlp("train", "spec.yaml", "--run-dir", "run", "--resume", cwd=undisturbed)
    assert (done.code, done.out.splitlines()[-1]) == (0, "run: run")
    assert re.search(r"^resumed (in|after) epoch \d+", done.err, re.MULTILINE)
    assert bits(run) == bits(undisturbed / "whole")
    manifest = manifest_of(run)
    assert manifest["status"] == "done"
    (earlier,) = manifest["sessions"]
    assert earlier["ended"] is None
    assert earlier["started"] < manifest["started"] < manifest["ended"]
    assert earlier["command"][-2:] == ["--resume", "-q"]
    assert not (run / "checkpoint-previous.safetensors").exists()


def test_interrupted_it_says_how_to_go_on_and_that_works(undisturbed, interrupted, mlp):
    err, code = interrupted("run it's", signal.SIGTERM)
    assert code == 143
    run = undisturbed / "run it's"
    first, last = err.splitlines()
    assert first.startswith("mlp: interrupted in epoch ")
    assert first.endswith("; the model so far is in run it's")
    command = last.removeprefix("mlp: to go on: ")
    assert shlex.split(command) == ["mlp", "train", "--resume", "run it's"]
    # Its model is usable at once, and says whose it is.
    scored = mlp("eval", "run it's", cwd=undisturbed)
    assert scored.code == 0
    assert "mlp: the model is an interrupted run's: stopped in epoch " in f"mlp: {scored.err}"
    notes = json.loads(mlp("eval", "run it's", "--json", cwd=undisturbed).out)["notes"]
    assert notes[0].startswith("the model is an interrupted run's: stopped in epoch ")
    predicted = mlp("predict", "run it's", "iris.csv", cwd=undisturbed)
    assert "an interrupted run's" in predicted.err
    assert predicted.out.count("\n") == 151
    done = mlp(*shlex.split(command)[1:], "-q", cwd=undisturbed)
    assert (done.code, done.out, done.err) == (0, "run it's\n", "")
    assert bits(run) == bits(undisturbed / "whole")
    assert "interrupted" not in mlp("eval", "run it's", cwd=undisturbed).err


def test_with_nothing_there_it_begins_and_a_finished_run_is_left_as_it_is(folder, mlp):
    begun = mlp(*RESUME, cwd=folder)
    assert begun.code == 0
    run, before = folder / "run", contents(folder / "run")
    assert sorted(before) == [".", "manifest.json", "metrics.csv", "model.safetensors", "spec.yaml"]
    again = mlp(*RESUME, cwd=folder)
    assert (again.code, again.out) == (0, begun.out)
    assert "run: finished before; nothing is trained\n" in again.err
    assert mlp(*RESUME, "-q", cwd=folder).out == "run\n"
    result = json.loads(mlp(*RESUME, "--json", cwd=folder).out)
    assert result == {"run": "run", **manifest_of(run)["result"]}
    assert mlp("train", "--resume", "run", cwd=folder).code == 0
    assert contents(run) == before


def test_a_diverged_run_is_finished_with_the_same_exit_code(folder, mlp):
    steep = ("--set", "training.optimizer.learning_rate=1e9", "--set", "model.loss=mse")
    diverged = mlp(*RESUME, *steep, cwd=folder)
    assert diverged.code == 4
    before = contents(folder / "run")
    again = mlp(*RESUME, *steep, cwd=folder)
    assert (again.code, again.out) == (4, diverged.out)
    assert "is no longer a finite number" in again.err
    assert contents(folder / "run") == before


def test_another_spec_or_other_data_touch_nothing(trained, mlp, tmp_path):
    shutil.copytree(trained.folder, tmp_path / "home", symlinks=True)
    home = tmp_path / "home"
    (home / "other.csv").write_bytes((home / "iris.csv").read_bytes() + b"5.1,3.5,1.4,0.2,setosa\n")
    (home / "run" / ".model.safetensors.0123456789abcdef.tmp").write_bytes(b"what a kill has left")
    before = contents(home / "run")
    cases = {
        ("--seed", "1"): "seed is 0 there, 1 here",
        ("--set", "training.epochs=9"): "training.epochs is 3 there, 9 here",
        ("--set", "data.path=other.csv"): "other.csv is not what was trained on",
    }
    for words, said in cases.items():
        done = mlp(*RESUME, *words, cwd=home)
        assert (done.code, done.out) == (5, "")
        assert said in done.err
    assert contents(home / "run") == before


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("iris.yaml", "--resume"), 2, "--resume needs --run-dir, or the run's directory"),
        (("nothing", "--resume"), 2, "--resume needs --run-dir"),
        (("iris.yaml", "--run-dir", "a", "--extend", "9"), 2, "it needs --resume"),
        (("iris.yaml", "--run-dir", "a", "--resume", "--force"), 2, "leave out one"),
        (("iris.yaml", "--run-dir", "a", "--resume", "--find-lr"), 2, "writes nothing"),
        (("iris.yaml", "--run-dir", "a", "--resume", "--extend", "0"), 2, "--extend"),
        (("empty", "--resume"), 5, "there is no spec.yaml in it, as a run has; to begin one, "),
        (("iris.yaml", "--run-dir", "mine", "--resume"), 5, "there is a notes.txt in it"),
        (("iris.yaml", "--run-dir", "iris.csv", "--resume"), 2, "is a file"),
    ],
)
def test_what_cannot_be_resumed(words, code, said, folder, mlp):
    (folder / "empty").mkdir()
    (folder / "mine").mkdir()
    (folder / "mine" / "notes.txt").write_text("mine", "ascii")
    done = mlp("train", *words, cwd=folder)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert not (folder / "a").exists()
    assert [path.name for path in (folder / "mine").iterdir()] == ["notes.txt"]


def test_while_another_process_trains_in_it(trained, mlp):
    descriptor = os.open(trained.run, os.O_RDONLY)
    before = contents(trained.run)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for words in (RESUME, ("train", "--resume", "run")):
            assert mlp(*words, cwd=trained.folder).code == 75
    finally:
        os.close(descriptor)
    assert contents(trained.run) == before


@pytest.mark.parametrize("seconds", [0, 10])
def test_extended_it_is_as_if_it_had_been_asked_for_at_once(seconds, folder, mlp):
    often = ("--set", f"runtime.checkpoint_seconds={seconds}")
    assert mlp("train", "iris.yaml", "--run-dir", "whole", "--seed", 5, cwd=folder).code == 0
    few = mlp(*RESUME, *often, "--seed", 5, "--set", f"{EPOCHS}=2", cwd=folder)
    assert few.code == 0
    assert (folder / "run" / "checkpoint.safetensors").exists() == (seconds == 0)
    done = mlp(*RESUME, *often, "--seed", 5, "--extend", 3, cwd=folder)
    assert done.code == 0, done.err
    assert bits(folder / "run") == bits(folder / "whole")
    before = contents(folder / "run")
    assert mlp("train", "--resume", "run", "--extend", 3, cwd=folder).code == 0
    fewer = mlp("train", "--resume", "run", "--extend", 2, cwd=folder)
    assert (fewer.code, fewer.out) == (2, "")
    assert "--extend 2: the run in run is of 3 epochs" in fewer.err
    assert contents(folder / "run") == before


def test_extended_from_its_own_spec_the_schedule_decides(folder, mlp):
    schedule = ("--set", "training.schedule=one_cycle")
    assert mlp(*RESUME, *schedule, "-q", cwd=folder).code == 0
    before = contents(folder / "run")
    done = mlp("train", "--resume", "run", "--extend", 9, cwd=folder)
    assert done.code == 2
    assert "the schedule one_cycle depend on the number of epochs" in done.err
    assert contents(folder / "run") == before


def test_where_both_checkpoints_are_damaged_the_advice_works(folder, mlp):
    often = ("--set", "runtime.checkpoint_seconds=0")
    assert mlp(*RESUME, *often, "-q", cwd=folder).code == 0
    run = folder / "run"
    whole = bits(run)
    manifest = manifest_of(run) | {"status": "running", "result": None}
    (run / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    shutil.copy(run / "checkpoint.safetensors", run / "checkpoint-previous.safetensors")
    for name in ("checkpoint", "checkpoint-previous"):
        path = run / f"{name}.safetensors"
        path.write_bytes(path.read_bytes()[:-8])
    before = contents(run)
    done = mlp(*RESUME, *often, cwd=folder)
    assert done.code == 5
    assert contents(run) == before
    subprocess.run(done.err.rpartition("cannot be used: ")[2], shell=True, cwd=folder, check=True)
    assert mlp(*RESUME, *often, "-q", cwd=folder).code == 0
    assert bits(run) == whole


def test_runs_of_earlier_versions(folder, mlp):
    """Their manifests have no format, host or sessions; unfinished, they have no checkpoint."""
    assert mlp(*RESUME, "-q", cwd=folder).code == 0
    run = folder / "run"
    whole, manifest = bits(run), manifest_of(run)
    older = {key: value for key, value in manifest.items() if key not in ("format", "host")}
    (run / "manifest.json").write_text(json.dumps(older), "utf-8")
    before = contents(run)
    assert mlp(*RESUME, "-q", cwd=folder).code == 0
    assert contents(run) == before
    older |= {"status": "interrupted", "result": {"status": "interrupted"}}
    (run / "manifest.json").write_text(json.dumps(older), "utf-8")
    (run / "metrics.csv").write_text("epoch,train_loss", "ascii")
    done = mlp(*RESUME, cwd=folder)
    assert done.code == 0
    assert "resumed: there is no checkpoint yet, so it begins again" in done.err
    assert bits(run) == whole
