"""What is in a run directory: nothing, a run to go on with, a finished one, or another's."""

import hashlib
import json
import os
import re
import shlex
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlpcli.errors import RunError, UsageError
from mlpcli.runs.checkpoint import Checkpoint, parse_checkpoint, save_checkpoint, spec_digest
from mlpcli.runs.files import Folder
from mlpcli.runs.names import CHECKPOINT, PREVIOUS
from mlpcli.runs.recorder import Recorder
from mlpcli.runs.resume import find_run
from mlpcli.runs.same_spec import differences
from mlpcli.spec.load import load_spec
from mlpcli.spec.write import with_paths
from mlpcli.training.build import load_dataset
from mlpcli.training.resolve import resolve
from mlpcli.training.state import TrainingState
from mlpcli.training.training import Training

SPEC = """
data: {path: iris.csv, target: species}
model: {layers: [{units: 3, activation: tanh}, {units: 4, keep_prob: 0.9}]}
training: {epochs: 2, optimizer: {name: sgd, learning_rate: 0.1}}
"""
IRIS = Path(__file__).parents[2] / "data" / "iris.csv"


@pytest.fixture(scope="module")
def finished(make_run, tmp_path_factory):
    """Return the folder of a spec, its table, and its finished run."""
    folder = tmp_path_factory.mktemp("finished")
    shutil.copy(IRIS, folder / "iris.csv")
    make_run(folder, SPEC)
    return folder


@pytest.fixture
def home(finished, tmp_path):
    """Return a copy of it: spec.yaml, iris.csv and run."""
    shutil.copytree(finished, tmp_path / "home")
    return tmp_path / "home"


def contents(directory):
    return {
        path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in directory.iterdir()
    } | {".": directory.stat().st_mtime_ns}


def find(home, overrides=(), extend=None):
    """Find the run of a folder's spec; nothing of it may change."""
    more = [] if extend is None else [f"training.epochs={extend}"]
    loaded = load_spec(str(home / "spec.yaml"), [*overrides, *more])
    dataset = load_dataset(loaded)
    spec = with_paths(resolve(loaded.spec, dataset), loaded.folder)
    training = SimpleNamespace(spec=loaded.spec, dataset=dataset, restore=lambda _: None)
    training.set_shards = lambda _: None
    before = contents(home / "run")
    try:
        with Folder(home / "run") as folder:
            return find_run(folder, spec, training, extend)
    finally:
        assert contents(home / "run") == before


def change_manifest(home, **changes):
    path = home / "run" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")


def unfinished(home):
    """Make the run one that was killed before its end."""
    change_manifest(home, status="running", result=None, ended=None)
    (home / "run" / "model.safetensors").unlink()


def add_checkpoint(home, length=20, **changes):
    """Add one that counts on so many bytes of the run's metrics.csv."""
    loaded = load_spec(str(home / "spec.yaml"))
    dataset = load_dataset(loaded)
    spec = resolve(loaded.spec, dataset)
    metrics = (home / "run" / "metrics.csv").read_bytes()
    hashes = {"metrics.csv": hashlib.sha256(metrics[:length]).hexdigest()}
    known = {"lengths": {"metrics.csv": length}, "hashes": hashes, "spec_sha256": spec_digest(spec)}
    more = {"data_sha256": dataset.sha256, "epochs": 2, "epoch": 1} | changes
    with Folder(home / "run") as folder:
        save_checkpoint(folder, Checkpoint(TrainingState(), **(known | more)))


def test_in_an_empty_directory_there_is_nothing(home):
    shutil.rmtree(home / "run")
    (home / "run").mkdir()
    assert find(home) is None


def test_killed_before_its_manifest_was_whole_it_is_nothing(home):
    shutil.rmtree(home / "run")
    (home / "run").mkdir()
    (home / "run" / ".manifest.json.0123456789abcdef.tmp").write_bytes(b'{"stat')
    assert find(home) is None


def test_killed_before_its_spec_was_whole_it_begins_again(home):
    unfinished(home)
    (home / "run" / "metrics.csv").unlink()
    (home / "run" / "spec.yaml").unlink()
    found = find(home)
    assert (found.result, found.checkpoint, found.lengths) == (None, None, {})


def test_without_a_checkpoint_it_begins_again(home):
    unfinished(home)
    found = find(home)
    assert (found.result, found.checkpoint, found.lengths) == (None, None, {})


def test_from_its_checkpoint_it_goes_on(home):
    unfinished(home)
    add_checkpoint(home)
    found = find(home)
    assert (found.result, found.name, found.note) == (None, CHECKPOINT, "")
    assert found.lengths == {"metrics.csv": 20}
    assert found.checkpoint.epoch == 1


@pytest.mark.parametrize("status", ["running", "interrupted", "failed"])
def test_an_unfinished_run_with_a_model_goes_on(status, home):
    add_checkpoint(home)
    change_manifest(home, status=status)
    assert find(home).checkpoint.epoch == 1


@pytest.mark.parametrize("status", ["done", "diverged"])
def test_a_finished_run_has_its_result(status, home):
    change_manifest(home, status=status)
    add_checkpoint(home)
    found = find(home)
    assert found.checkpoint is None
    assert found.result["epochs"] == 2
    assert found.result["scores"]["train"]["rows"] == 106


def test_a_finished_run_that_has_lost_its_model_makes_it_again(home):
    (home / "run" / "model.safetensors").unlink()
    assert find(home).result is None


def test_a_finished_run_whose_model_is_damaged_says_what_to_do(home):
    path = home / "run" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(RunError, match="it is damaged; removed, it is made again: ") as caught:
        find(home)
    assert shlex.split(str(caught.value).partition("again: ")[2]) == ["rm", "--", str(path)]


def test_on_another_machine_it_says_so(home):
    unfinished(home)
    add_checkpoint(home)
    machine = json.loads((home / "run" / "manifest.json").read_text("utf-8"))["machine"]
    here = machine["numpy"]
    change_manifest(home, machine=machine | {"numpy": "1.0", "cores": 77})
    said = f"trained so far with numpy 1.0, here {here}: what follows may have other bits"
    assert find(home).note == said


def test_each_session_is_remembered(home):
    unfinished(home)
    command = {"command": ["mlp", "train"], "started": "a", "ended": None}
    change_manifest(home, **command, sessions=[{"started": "0", "ended": "1", "command": []}])
    assert find(home).sessions == [
        {"started": "0", "ended": "1", "command": []},
        {"started": "a", "ended": None, "command": ["mlp", "train"], "epochs": 2},
    ]


@pytest.mark.parametrize("is_finished", [True, False])
@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["seed=1"], r"seed is 0 there, 1 here; data\.split\.seed is 0 there, 1 here\. "),
        (["training.epochs=3"], r"training\.epochs is 2 there, 3 here\. "),
        (["training.optimizer={name: adam}"], r"training\.optimizer\.name is \"sgd\" there, "),
        (["training.optimizer.learning_rate=0.2"], r"learning_rate is 0\.1 there, 0\.2 here\. "),
        (["model.layers[1].units=5"], r"model\.layers\[1\]\.units is 4 there, 5 here\. "),
        (["model.layers=[]"], r"model\.layers is \[.*…+ there, \[\] here\. "),
        (["runtime.dtype=float64"], r"runtime\.dtype is \"float32\" there, \"float64\" here\. "),
        (["training.early_stopping=null"], r"training\.early_stopping is .* there, null here\. "),
    ],
)
def test_of_another_spec_the_keys_are_named(overrides, said, is_finished, home):
    if not is_finished:
        unfinished(home)
    with pytest.raises(RunError, match=said) as caught:
        find(home, overrides)
    assert caught.value.exit_code == 5
    assert str(caught.value).endswith(f"mlp train --resume {home / 'run'}")


def test_of_many_keys_some_are_named(home):
    more = ["model.layers=[]", "training.batch_size=7", "regularization.l2=1", "data.scale=none"]
    with pytest.raises(RunError, match=r"\(and \d+ more\)"):
        find(home, ["seed=9", "training.epochs=9", "training.calibration=none", *more])


def test_what_does_not_change_the_numbers_is_no_other_spec(home):
    for change in ("threads=2", "memory=1GB", "checkpoint_seconds=0.5"):
        assert find(home, [f"runtime.{change}"]).result is not None


def test_data_are_known_by_what_they_hold(home):
    (home / "iris.csv").rename(home / "moved.csv")
    assert find(home, ["data.path=moved.csv"]).result is not None
    with (home / "moved.csv").open("a") as file:
        file.write("5.1,3.5,1.4,0.2,setosa\n")
    with pytest.raises(RunError, match=r"moved\.csv is not what was trained on: its SHA-256") as e:
        find(home, ["data.path=moved.csv"])
    assert e.value.exit_code == 5


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", "mine"),
        ("spec.yaml", "data: {path: iris.csv, target: species}"),
        ("metrics.csv", "mine"),
        ("manifest.json", '{"name": "a web app", "icons": []}'),
        ("manifest.json", "[1, 2]"),
        ("manifest.json", '{"status": "running"'),
        ("manifest.json", '{"status": "done", "data": {"sha256": 3}}'),
        ("manifest.json", "[" * 100_000),
        ("manifest.json", ""),
    ],
)
def test_what_is_no_run_is_refused(name, content, home):
    shutil.rmtree(home / "run")
    (home / "run").mkdir()
    (home / "run" / name).write_text(content, "utf-8")
    with pytest.raises(RunError, match="choose another --run-dir") as caught:
        find(home)
    assert caught.value.exit_code == 5
    assert (home / "run" / name).read_text("utf-8") == content


@pytest.mark.parametrize("text", ["", "data: 3", "\x00", "a: [1", "seed: 0"])
def test_of_an_older_version_a_damaged_spec_is_said_so(text, home):
    change_manifest(home, spec=None)
    (home / "run" / "spec.yaml").write_text(text, "utf-8")
    with pytest.raises(RunError, match="the run's spec cannot be used") as caught:
        find(home)
    assert caught.value.exit_code == 5


def test_a_spec_that_is_a_pipe_is_not_waited_for(home):
    change_manifest(home, spec=None)
    (home / "run" / "spec.yaml").unlink()
    os.mkfifo(home / "run" / "spec.yaml")
    loaded = load_spec(str(home / "spec.yaml"))
    training = SimpleNamespace(spec=loaded.spec, dataset=load_dataset(loaded))
    training.set_shards = lambda _: None
    with Folder(home / "run") as folder, pytest.raises(RunError, match="is not a regular file"):
        find_run(folder, loaded.spec, training, None)


def test_of_an_older_version_a_trained_run_without_its_spec_is_damaged(home):
    change_manifest(home, spec=None)
    (home / "run" / "spec.yaml").unlink()
    with pytest.raises(RunError, match=re.escape("there is no spec.yaml in this run")):
        find(home)


def test_differences_are_those_of_values_and_types():
    found = differences({"a": [1, {"b": 2.0}], "c": 1, "d": 0}, {"a": [1, {"b": 3.0}], "c": True})
    assert list(found) == [(("a", 1, "b"), 2.0, 3.0), (("c",), 1, True), (("d",), 0, None)]
    assert list(differences({"name": "a", "x": 1}, {"name": "b", "y": 1})) == [
        (("name",), "a", "b")
    ]


# ------------------------------------------------------------ --extend


def test_extended_a_finished_run_has_something_left_to_train(home):
    found = find(home, extend=5)
    assert (found.result, found.checkpoint) == (None, None)
    add_checkpoint(home)
    assert find(home, extend=5).checkpoint.epoch == 1


def test_extended_an_unfinished_run_goes_on(home):
    unfinished(home)
    add_checkpoint(home)
    assert find(home, extend=5).checkpoint.epoch == 1


def test_extended_to_what_it_has_it_is_finished(home):
    assert find(home, extend=2).result is not None


def test_fewer_epochs_are_refused(home):
    with pytest.raises(UsageError, match=r"--extend 1: the run in .* is of 2 epochs"):
        find(home, extend=1)


def test_extended_another_key_is_another_spec(home):
    with pytest.raises(RunError, match="seed is 0 there, 1 here"):
        find(home, ["seed=1"], extend=5)


def test_extended_what_ended_by_itself_is_trained_to_that_end_again(home):
    path = home / "run" / "manifest.json"
    result = json.loads(path.read_text("utf-8"))["result"] | {"reason": "patience"}
    change_manifest(home, result=result)
    assert find(home, extend=5).result is None
    assert find(home, extend=2).result["reason"] == "patience"


def test_a_schedule_over_all_epochs_is_not_extended(make_run, tmp_path):
    folder = tmp_path / "cosine"
    folder.mkdir()
    shutil.copy(IRIS, folder / "iris.csv")
    make_run(folder, SPEC, ["training.schedule=cosine"])
    with pytest.raises(UsageError, match="the schedule cosine depend on the number of epochs"):
        find(folder, ["training.schedule=cosine"], extend=5)
    assert find(folder, ["training.schedule=cosine"], extend=2).result is not None


def begin_session(home, found):
    """Let a recorder begin to go on with what was found; return the names in the run then."""
    loaded = load_spec(str(home / "spec.yaml"))
    training = Training(loaded.spec, load_dataset(loaded))
    with Folder(home / "run") as folder:
        recorder = Recorder(folder, training, loaded.folder, found)
        recorder.close()
        return set(folder.names())


def test_checkpoints_that_no_longer_count_are_removed_when_it_begins_again(home):
    unfinished(home)
    found = find(home)
    for _ in range(2):
        add_checkpoint(home)
    assert not {CHECKPOINT, PREVIOUS} & begin_session(home, found)


def test_the_checkpoint_before_takes_the_place_of_the_damaged_one(home):
    unfinished(home)
    for epoch in (1, 2):
        add_checkpoint(home, epoch=epoch)
    (home / "run" / CHECKPOINT).write_bytes(b"nonsense")
    found = find(home)
    assert found.name == PREVIOUS
    assert found.note.endswith(f"no checkpoint, or a damaged one; {PREVIOUS} is used")
    assert PREVIOUS not in begin_session(home, found)
    again = find(home)
    assert (again.name, again.checkpoint.epoch, again.note) == (CHECKPOINT, 1, "")


def test_a_session_begins_with_metrics_cut_to_what_counts(home):
    unfinished(home)
    path = home / "run" / "metrics.csv"
    header, first, _ = path.read_bytes().splitlines(keepends=True)
    add_checkpoint(home, len(header + first))
    begin_session(home, find(home))
    assert path.read_bytes() == header + first


# ------------------------------------------------------------ while it trains


@pytest.mark.parametrize("ensemble", ["null", "{kind: seeds, replicas: 2}"])
def test_metrics_are_on_the_disk_before_the_checkpoint_that_counts_on_them(
    ensemble, make_run, tmp_path, monkeypatch
):
    shutil.copy(IRIS, tmp_path / "iris.csv")
    written, synced, counted = {}, {}, []
    write, sync, replace = os.write, os.fsync, os.replace

    def name_of(descriptor):
        return Path(f"/proc/self/fd/{descriptor}").readlink().name

    def logged_write(descriptor, content):
        n = write(descriptor, content)
        name = name_of(descriptor)
        written[name] = written.get(name, 0) + n
        return n

    def logged_sync(descriptor):
        sync(descriptor)
        synced[name_of(descriptor)] = written.get(name_of(descriptor))

    def logged_replace(old, new, **folders):
        replace(old, new, **folders)
        if new == CHECKPOINT:
            path = tmp_path / "run" / new
            checkpoint = parse_checkpoint(path.read_bytes())
            lengths = checkpoint.lengths
            for name, length in lengths.items():
                content = (tmp_path / "run" / name).read_bytes()[:length]
                assert checkpoint.hashes[name] == hashlib.sha256(content).hexdigest()
            assert lengths == {name: synced[name] for name in lengths}
            counted.append(lengths)

    monkeypatch.setattr(os, "write", logged_write)
    monkeypatch.setattr(os, "fsync", logged_sync)
    monkeypatch.setattr(os, "replace", logged_replace)
    overrides = [f"ensemble={ensemble}", "runtime={checkpoint_seconds: 0, threads: 1}"]
    make_run(tmp_path, SPEC, overrides)
    names = ["metrics.csv"] if ensemble == "null" else ["metrics.csv", "replicas.csv"]
    assert len(counted) >= 2
    assert all(sorted(lengths) == names for lengths in counted)
    assert counted[0]["metrics.csv"] < counted[-1]["metrics.csv"]


def test_a_training_shorter_than_the_time_between_two_has_no_checkpoint(home):
    assert not {CHECKPOINT, PREVIOUS} & {path.name for path in (home / "run").iterdir()}
