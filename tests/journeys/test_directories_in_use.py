"""A directory that is trained in: used by one command alone, kept by --force, moved under way."""

import os
import re
import signal
import subprocess
import time

import pytest

ENDLESS = """
data: {path: iris.csv, target: species}
training: {epochs: 100000000, early_stopping: null}
"""


@pytest.fixture
def start(folder, program):
    """Return a function that starts an endless training and waits for its first epochs."""
    begun = []

    def start_(*words):
        (folder / "endless.yaml").write_text(ENDLESS, "utf-8")
        process = subprocess.Popen(
            [*program.words, "train", "endless.yaml", "-q", "--run-dir", "run", *words],
            cwd=folder,
            env=program.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        begun.append(process)
        pattern = "run/.mlp-new-*/metrics.csv" if "--force" in words else "run/metrics.csv"
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size > 200 for path in folder.glob(pattern)):
            assert time.monotonic() < deadline
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        return process

    yield start_
    for process in begun:
        process.kill()
        process.communicate()


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_while_force_trains_the_old_run_is_as_it_was_and_nobody_else_begins(start, folder, mlp):
    run = folder / "run"
    assert mlp("train", "iris.yaml", "-q", "--run-dir", "run", cwd=folder).code == 0
    before, scores = files_of(run), mlp("eval", "run", "--json", cwd=folder)
    process = start("--force")
    for words in ([], ["--resume"], ["--force"]):
        done = mlp("train", "iris.yaml", "--run-dir", "run", *words, cwd=folder)
        assert (done.code, done.out) == (75, "")
        who = f"process {process.pid} on {os.uname().nodename}"
        assert f"mlp: run: {who} is training in it; try again later" in done.err
    assert mlp("eval", "run", "--json", cwd=folder) == scores
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    (kept,) = run.glob("interrupted-*")
    assert out.strip() == f"run/{kept.name}"
    assert f"mlp train --resume run/{kept.name}" in err
    assert files_of(run) == before
    assert {"checkpoint.safetensors", "model.safetensors"} <= set(files_of(kept))
    assert mlp("eval", f"run/{kept.name}", cwd=folder).code == 0
    # Killed, it leaves the old run too; and what it leaves is not taken for a run.
    process = start("--force")
    process.kill()
    process.wait()
    assert files_of(run) == before
    assert mlp("train", "iris.yaml", "-q", "--run-dir", "run", "--resume", cwd=folder).code == 0
    assert files_of(run) == before
    forced = ["train", "iris.yaml", "-q", "--run-dir", "run", "--force", "--seed", "3"]
    assert mlp(*forced, cwd=folder).code == 0
    assert files_of(run)["model.safetensors"] != before["model.safetensors"]
    assert sorted(path.name for path in run.iterdir() if path.is_dir()) == [kept.name]


def test_moved_while_it_trains_it_is_where_it_is_said_to_be(start, folder, mlp):
    process = start()
    (folder / "run").rename(folder / "moved")
    (folder / "run").mkdir()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 6
    assert out.strip() == str(folder / "moved")
    said = r"mlp: run: it was moved, or its name given to another directory; the run is in (\S+)"
    assert re.search(said, err)[1] == str(folder / "moved")
    assert not any((folder / "run").iterdir())
    assert mlp("eval", "moved", cwd=folder).code == 0


def test_a_run_that_has_no_model_yet_says_so(start, folder, mlp):
    process = start()
    done = mlp("eval", "run", cwd=folder)
    assert (done.code, done.out) == (5, "")
    who = f"process {process.pid} on {os.uname().nodename}"
    why = f"there is no model.safetensors in this directory: the run in it is training ({who})"
    assert done.err == f"mlp: run: {why} and has none yet\n"
    process.kill()
    process.wait()
    done = mlp("predict", "run", "iris.csv", cwd=folder)
    killed = r"; the run was killed in epoch \d+: mlp train --resume run goes on\n"
    assert (done.code, bool(re.search(killed, done.err))) == (5, True)
