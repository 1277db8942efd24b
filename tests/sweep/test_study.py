"""A sweep's study: continued, shared, killed, interrupted; and files that are none."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import load_study

RATE = "training.optimizer.learning_rate"
# Long enough to be interrupted: early stopping is off, and there are two shapes.
LONG = {"epochs": 400, "early_stopping": None, "batch_size": 4, "metrics": []}
SHAPES = {RATE: {"values": [0.01, 0.02, 0.05]}, "model.layers[0].units": {"int": [4, 7]}}


def trials_of(path):
    """Return the trials of a study as Optuna itself reads them."""
    backend = JournalFileBackend(str(path))
    return load_study(study_name="mlp", storage=JournalStorage(backend)).get_trials()


def facts(path):
    return [(t.number, t.state.name, t.params, t.value) for t in trials_of(path)]


def wait_for(is_so, process):
    """Wait until something is so, while the process runs."""
    deadline = time.monotonic() + 60
    while not is_so():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def lines_of(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.fixture
def log(folder):
    return folder / "runs" / "spec-sweep" / "study.log"


def test_a_finished_sweep_is_not_trained_again_but_can_be_made_longer(write, board, log):
    spec = write({RATE: {"uniform": [0.01, 0.1]}}, method="random", trials=3)
    first = board(spec)
    content = log.read_bytes()
    assert board(spec) == first
    assert log.read_bytes() == content
    longer = board(spec, "--trials", "5")
    assert longer["complete"] == 5
    before = {row["trial"]: row for row in first["leaderboard"]}
    assert before == {r["trial"]: r for r in longer["leaderboard"] if r["trial"] < 3}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGUSR1])  # the other four: a campaign
def test_interrupted_it_says_so_and_the_same_command_goes_on(write, start, board, log, number):
    spec = write(SHAPES, method="grid", training=LONG)
    process = start("sweep", spec, "--jobs", "1")
    # The study's two lines, twelve of its trials, and the first that is told of.
    wait_for(lambda: log.exists() and b"\n" in log.read_bytes(), process)  # it is there, and named
    wait_for(lambda: any(t.state.is_finished() for t in trials_of(log)), process)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert "trials are in runs/spec-sweep/study.log; to go on: mlp sweep spec.yaml\n" in err
    done = {f[0]: f for f in facts(log) if f[1] == "COMPLETE"}
    assert 0 < len(done) < 12
    assert board(spec)["complete"] == 12
    after = facts(log)
    assert [f[0] for f in after] == list(range(12))
    assert {number: after[number] for number in done} == done


def test_stopped_in_time_it_says_so_with_the_code_that_is_asked_for(write, mlp, log):
    spec = write(SHAPES, method="grid", training=LONG | {"epochs": 100_000})
    words = ("--trials", "2", "--stop-after", "4s", "--requeue-code", "99", "--resume")
    done = mlp("sweep", spec, *words)
    assert (done.code, done.out) == (99, "")
    assert done.err.splitlines()[-1] == (
        "mlp: interrupted; 0 of 2 trials are in runs/spec-sweep/study.log; "
        "to go on: mlp sweep spec.yaml --trials 2"
    )
    assert {trial.state.name for trial in trials_of(log)} <= {"RUNNING"}


@pytest.mark.parametrize("method", ["random", "tpe"])
def test_two_commands_share_the_work_and_each_trial_is_recorded_once(
    write, start, board, log, method
):
    spec = write(SHAPES, method=method, trials=80, training=LONG | {"epochs": 40})
    both = [start("sweep", spec, "--jobs", "1", "--json") for _ in range(2)]
    outs = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], outs
    assert all(json.loads(out)["complete"] == 80 for out, _ in outs)
    records = [json.loads(line) for line in log.read_text().splitlines()]
    ends = [r["trial_id"] for r in records if r["op_code"] == 6]  # a trial's state
    assert sorted(ends) == list(range(80))
    if method == "random":  # of tpe each block waits for the one before
        assert len({t.user_attrs["process"]["pid"] for t in trials_of(log)}) == 2
    alone = board(spec, "--storage", "alone.log")
    values = {row["trial"]: row["value"] for row in alone["leaderboard"]}
    assert {t.number: t.value for t in trials_of(log)} == values
    settings = {row["trial"]: row["parameters"] for row in alone["leaderboard"]}
    assert {t.number: t.params for t in trials_of(log)} == settings


def test_a_line_that_a_killed_process_has_not_finished_is_cut_off(write, board, log):
    spec = write({RATE: {"uniform": [0.01, 0.1]}}, method="random", trials=2)
    first = board(spec)
    with log.open("ab") as file:
        file.write(b'{"op_code":4,"worker_id":"x')
    assert board(spec, "--trials", "3")["complete"] == 3
    log.write_bytes(log.read_bytes() + b"{")
    assert board(spec)["leaderboard"] != first["leaderboard"]


def test_a_trial_whose_process_is_killed_is_taken_up_again_once(write, start, log):
    spec = write({RATE: {"values": [0.01]}}, method="grid", training=LONG)
    process = start("sweep", spec, "--json")
    for _ in range(2):
        wait_for(lambda: children(process.pid), process)
        (child,) = children(process.pid)
        os.kill(child, signal.SIGKILL)
        wait_for(lambda child=child: child not in children(process.pid), process)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 4, err
    (row,) = json.loads(out)["leaderboard"]
    assert row["reason"] == "its process was killed 2 times, the last time by SIGKILL"
    assert facts(log)[0][1] == "FAIL"


def children(pid):
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_killed_once_it_is_trained_to_its_end(write, start, board):
    spec = write({RATE: {"values": [0.01]}}, method="grid", training=LONG)
    process = start("sweep", spec, "--json")
    wait_for(lambda: children(process.pid), process)
    os.kill(children(process.pid)[0], signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    alone = board(spec, "--storage", "alone.log")
    assert json.loads(out)["best"]["value"] == alone["best"]["value"]


def test_the_processes_that_train_end_with_their_parent(write, start):
    spec = write({RATE: {"values": [0.01]}}, method="grid", training=LONG | {"epochs": 100_000})
    process = start("sweep", spec)
    wait_for(lambda: children(process.pid), process)
    (child,) = children(process.pid)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists():
        state = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
        if state == "Z":
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_study_of_another_spec_is_not_gone_on_with(write, mlp):
    assert mlp("sweep", write({RATE: {"values": [0.1]}}, method="grid")).code == 0
    spec = write({RATE: {"values": [0.1]}}, method="grid", training={"epochs": 5})
    done = mlp("sweep", spec)
    assert done.code == 5
    assert done.err.startswith(
        "mlp: runs/spec-sweep/study.log: is the study of another sweep, whose training.epochs "
        "differs; name another file with --storage"
    )
    assert mlp("sweep", spec, "--storage", "new/one.log").code == 0


def test_other_rows_are_another_study(write, mlp, folder):
    spec = write({RATE: {"values": [0.1]}}, method="grid")
    assert mlp("sweep", spec).code == 0
    lines = (folder / "iris.csv").read_text().splitlines()
    (folder / "iris.csv").write_text("\n".join(lines[:-1]) + "\n")
    done = mlp("sweep", spec)
    assert (done.code, "whose data.sha256 differs" in done.err) == (5, True)


def test_a_device_is_no_study(write, mlp):
    done = mlp("sweep", write({RATE: {"values": [0.1]}}), "--storage", "/dev/null")
    assert (done.code, "not a regular file" in done.err) == (5, True)
    assert not Path("/dev/null.lock").exists()


def no_study(where=""):
    problem = f"is not the study of a sweep, or it is damaged{where}"
    return f"mlp: file: {problem}; name another file with --storage\n"


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"a,b\n1,2\n", ""),
        (b"a line\n", ""),
        (b"half a line", ""),
        (b"\x00\xff\n", ""),
        (b"\x80\x03\nno end", ""),
        (b"SQLite format 3\x00\x10", ""),
        (b"{}\n{}\n", ""),
        (b"[1]\n2\n", ""),
        (b'{"op_code":"x"}\n{"op_code":1}\n', " in line 1"),
        (b'{"op_code":4}\n{"op_code":4}\n', " in line 1"),
        (b'{"op_code":' + b"[" * 100_000 + b"\n{}\n", " in line 1"),
    ],
)
def test_a_file_that_is_no_study_is_refused_and_left_alone(write, mlp, folder, content, where):
    (folder / "file").write_bytes(content)
    spec = write({RATE: {"values": [0.1]}})
    done = mlp("sweep", spec, "--storage", "file")
    assert (done.code, done.out, done.err) == (5, "", no_study(where))
    assert (folder / "file").read_bytes() == content


def test_a_study_that_is_damaged_is_refused_and_left_alone(write, mlp, folder):
    spec = write({RATE: {"values": [0.1]}}, method="grid")
    assert mlp("sweep", spec, "--storage", "file").code == 0
    first, *others = (folder / "file").read_bytes().splitlines(keepends=True)
    content = first + b"\xff\xfe\n" + b"".join(others) + b"half a line"
    (folder / "file").write_bytes(content)
    done = mlp("sweep", spec, "--storage", "file", "--best")
    assert (done.code, done.out, done.err) == (5, "", no_study(" in line 2"))
    assert (folder / "file").read_bytes() == content


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_board_that_cannot_be_printed_is_no_success(write, folder, log):
    spec = write({RATE: {"values": [0.1]}}, method="grid")
    words = [sys.executable, "-m", "mlpcli", "sweep", spec]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            words, cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 6
    said = "No space left on device; the trials are in runs/spec-sweep/study.log"
    assert done.stderr.splitlines()[-1] == f"mlp: standard output: {said}"
    assert facts(log)[0][1] == "COMPLETE"


def test_best_of_a_study_that_is_not_there_makes_none(write, mlp, folder):
    done = mlp("sweep", write({RATE: {"values": [0.1]}}), "--best")
    assert done.code == 5
    assert "there is no study" in done.err
    assert not (folder / "runs").exists()


def test_best_of_an_unfinished_study_says_that_it_is(write, mlp, board):
    spec = write({RATE: {"uniform": [0.01, 0.1]}}, method="random", trials=2)
    board(spec)
    done = mlp("sweep", spec, "--best", "--trials", "5")
    assert (done.code, done.err) == (0, "mlp: the best of 2 trials; 5 are planned\n"[5:])


def test_without_optuna_one_sentence_says_what_to_install(write, mlp, folder):
    (folder / "without").mkdir()
    fake = "raise ModuleNotFoundError(\"No module named 'optuna'\", name='optuna')\n"
    (folder / "without" / "optuna.py").write_text(fake)
    path = f"{folder / 'without'}:{os.environ.get('PYTHONPATH', '')}"
    done = mlp("sweep", write({RATE: {"values": [0.1]}}), PYTHONPATH=path)
    assert (done.code, done.err) == (
        2,
        "mlp: mlp sweep needs Optuna: pip install 'mlpcli[sweep]'\n",
    )


def test_a_spec_without_a_sweep_is_not_swept(mlp, folder):
    (folder / "spec.yaml").write_text("data: {path: iris.csv, target: species}\n")
    done = mlp("sweep", "spec.yaml")
    assert (done.code, "has no section sweep" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("sweep", "said"),
    [
        ({}, "sweep: there are no validation rows to compare trials on; set folds, such as 5"),
        ({"folds": 500}, "sweep.folds: 500 folds of 150 training rows: at most one fold a row"),
        ({"folds": 2, "pruning": {"min_epochs": 1}}, "sweep.pruning: trials are compared by val"),
    ],
)
def test_there_must_be_rows_to_decide_on(write, mlp, folder, sweep, said):
    none = {"split": {"validation": 0, "test": 0}}
    spec = write({RATE: {"values": [0.1]}}, data=none, **sweep)
    done = mlp("sweep", spec)
    assert done.code == 3
    assert said in done.err
    checked = mlp("check", spec)  # says the same before anything is trained
    assert (checked.code, checked.out, checked.err) == (3, "", done.err)
    assert not (folder / "runs").exists()


def test_where_a_greater_figure_is_better_the_greatest_go_on(write, board, log):
    stopping = {"monitor": "val_accuracy", "patience": None}
    pruning = {"min_epochs": 2, "factor": 4}
    spec = write(
        {RATE: {"log_uniform": [1e-4, 1]}},
        method="random",
        trials=8,
        pruning=pruning,
        training={"epochs": 6, "early_stopping": stopping},
    )
    board(spec)
    found = trials_of(log)
    at_rung = {state: [] for state in ("COMPLETE", "PRUNED")}
    for trial in found:
        at_rung[trial.state.name].append(trial.intermediate_values[2])
    assert (len(at_rung["COMPLETE"]), len(at_rung["PRUNED"])) == (2, 6)
    assert min(at_rung["COMPLETE"]) >= max(at_rung["PRUNED"]) > min(at_rung["PRUNED"])
