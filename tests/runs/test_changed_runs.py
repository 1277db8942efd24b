"""Run directories whose files were edited, deleted or replaced between two sessions."""

import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from mlpcli.cli.resuming import read_command
from mlpcli.errors import RunError, UsageError
from mlpcli.runs.files import Folder
from mlpcli.runs.recorder import Recorder
from mlpcli.runs.resume import find_run
from mlpcli.spec.load import load_spec
from mlpcli.spec.write import with_paths
from mlpcli.training.build import load_dataset
from mlpcli.training.resolve import resolve
from mlpcli.training.training import Training

SPEC = """
data: {path: iris.csv, target: species}
model: {layers: [{units: 3, activation: tanh}]}
training: {epochs: 6, optimizer: {name: sgd, learning_rate: 0.1}, early_stopping: {patience: 2}}
runtime: {checkpoint_seconds: 0, threads: 1}
"""
TWO = "ensemble={kind: seeds, replicas: 2}"
SOON = "training.early_stopping.min_delta=9"  # ends by patience in epoch 3
IRIS = Path(__file__).parents[2] / "data" / "iris.csv"


def train(home, overrides=(), *, spec="spec.yaml", run="run", extend=None, steps=None):
    """Do what `mlp train --resume` does; return what it finds.

    steps  after which it is interrupted
    """
    more = [] if extend is None else [f"training.epochs={extend}"]
    loaded = load_spec(str(home / spec), [*overrides, *more])
    training = Training(loaded.spec, load_dataset(loaded))
    (home / run).mkdir(exist_ok=True)
    calls = iter(range(10**9))
    with Folder(home / run) as folder:
        resolved = with_paths(resolve(training.spec, training.dataset), loaded.folder)
        found = find_run(folder, resolved, training, extend)
        if found is None or found.result is None:
            recorder = Recorder(folder, training, loaded.folder, found)
            for event in training.run(
                lambda: steps is not None and next(calls) >= steps, recorder.checkpointing.clock.due
            ):
                recorder.record(event)
    return found


def bits(run):
    """Return a run's model, and its tables without the seconds, which are their last column."""
    tables = [path.read_text("ascii").splitlines() for path in sorted(run.glob("*.csv"))]
    rows = [[row.rpartition(",")[0] for row in table] for table in tables]
    return (run / "model.safetensors").read_bytes(), rows


def contents(run):
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in run.iterdir()}


@pytest.fixture
def home(tmp_path):
    """Return a folder with a finished run, and one interrupted in its fourth epoch."""
    shutil.copy(IRIS, tmp_path / "iris.csv")
    (tmp_path / "spec.yaml").write_text(SPEC, "utf-8")
    train(tmp_path, run="whole")
    train(tmp_path, steps=14)
    return tmp_path


def refused(home, *words, **options):
    """Return the sentence with which a run is refused; nothing in it may change."""
    before = contents(home / "run")
    with pytest.raises(RunError) as caught:
        train(home, *words, **options)
    assert caught.value.exit_code == 5
    assert contents(home / "run") == before
    return str(caught.value)


def edit_spec(home, old="learning_rate: 0.1", new="learning_rate: 0.01", run="run"):
    path = home / run / "spec.yaml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_undisturbed_it_goes_on(home):
    assert train(home).checkpoint.epoch >= 2
    assert bits(home / "run") == bits(home / "whole")


# ------------------------------------------------------------ tables


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [lines[0], *lines[2:]],
        lambda lines: [line.replace(b"\n", b"\r\n") for line in lines],
        lambda lines: [lines[0], lines[1].replace(b".", b".1"), *lines[2:]],
        lambda lines: lines[:0],
    ],
)
@pytest.mark.parametrize("name", ["metrics.csv", "replicas.csv"])
def test_a_changed_table_is_refused_and_the_advice_works(change, name, home):
    shutil.rmtree(home / "run")
    train(home, [TWO], run="both")
    train(home, [TWO], steps=14)
    path = home / "run" / name
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    said = refused(home, [TWO])
    assert f"{name} was changed since the checkpoint; put {name} back, or begin again: " in said
    command = said.rpartition(": ")[2]
    assert shlex.split(command)[-1] == str(home / "run" / "checkpoint-previous.safetensors")
    subprocess.run(command, shell=True, check=True)
    train(home, [TWO])
    assert bits(home / "run") == bits(home / "both")


def test_a_table_that_is_not_there_is_said_so(home):
    (home / "run" / "metrics.csv").unlink()
    assert "metrics.csv, which it counts on, is not there; put metrics.csv back" in refused(home)


@pytest.mark.parametrize(("name", "more"), [("metrics.csv", []), ("replicas.csv", [TWO])])
def test_a_finished_run_that_has_lost_a_table_is_made_again(name, more, home):
    shutil.rmtree(home / "run")
    train(home, more)
    whole = bits(home / "run")
    (home / "run" / name).unlink()
    found = train(home, more)
    assert (found.checkpoint, found.note) == (None, f"{name} is lost: the run is made again")
    assert bits(home / "run") == whole
    (home / "run" / name).write_text("edited", "ascii")
    before = contents(home / "run")
    assert train(home, more).result is not None
    assert contents(home / "run") == before


# ------------------------------------------------------------ the spec


def test_its_own_spec_edited_is_said_so(home):
    edit_spec(home)
    said = refused(home, spec="run/spec.yaml")
    assert said == (
        f"{home / 'run'}: its spec.yaml was edited: training.optimizer.learning_rate is 0.01, "
        "trained with 0.1; undo that"
    )
    assert "its spec.yaml was edited" in refused(home, spec="run/spec.yaml", extend=9)
    assert refused(home, ["seed=1"]).endswith("1 here. Choose another --run-dir")
    edit_spec(home, "learning_rate: 0.01", "learning_rate: 0.1")
    train(home, spec="run/spec.yaml")
    assert bits(home / "run") == bits(home / "whole")


@pytest.mark.parametrize("change", [edit_spec, lambda home: (home / "run" / "spec.yaml").unlink()])
def test_with_the_spec_that_it_was_trained_with_its_own_is_written_anew(change, home):
    before = (home / "run" / "spec.yaml").read_bytes()
    change(home)
    assert train(home).checkpoint is not None
    assert bits(home / "run") == bits(home / "whole")
    assert (home / "run" / "spec.yaml").read_bytes() == before


def test_a_finished_run_gets_a_lost_or_edited_spec_again(home):
    before = contents(home / "whole")
    with Folder(home / "whole") as folder:
        assert not train(home, run="whole").complete(folder)
        assert contents(home / "whole") == before
        edit_spec(home, run="whole")
        assert train(home, run="whole").complete(folder)
    assert (home / "whole" / "spec.yaml").read_bytes() == before["spec.yaml"][0]
    (home / "whole" / "spec.yaml").unlink()
    assert "no spec.yaml in it, as a run has; to begin one, name its spec: " in lacks_spec(home)
    found = train(home, run="whole")
    with Folder(home / "whole") as folder:
        assert found.complete(folder)
    assert contents(home / "whole").keys() == before.keys()
    assert (home / "whole" / "spec.yaml").read_bytes() == before["spec.yaml"][0]


def lacks_spec(home):
    options = {"resume": True, "extend": None, "force": False, "find_lr": False}
    with pytest.raises(RunError) as caught:
        read_command(str(home / "whole"), None, [], **options)
    return str(caught.value)


# ------------------------------------------------------------ the manifest


@pytest.mark.parametrize("text", [None, "", "{}", '{"name": "a web app", "icons": []}'])
def test_without_its_manifest_the_checkpoint_says_what_it_is_of(text, home):
    path = home / "run" / "manifest.json"
    path.unlink() if text is None else path.write_text(text, "utf-8")
    assert refused(home, ["seed=1"]).endswith("with another spec; choose another --run-dir")
    assert "training.epochs is 6 there, 5 here" in refused(home, ["training.epochs=5"])
    found = train(home)
    assert found.note.endswith("the checkpoint is of this spec and these data, and is gone on from")
    assert found.sessions == []
    assert bits(home / "run") == bits(home / "whole")
    assert json.loads(path.read_text("utf-8"))["status"] == "done"


def test_without_manifest_and_checkpoint_it_is_no_run(home):
    (home / "run" / "manifest.json").unlink()
    for path in (home / "run").glob("checkpoint*"):
        path.unlink()
    assert "no manifest.json that mlp wrote, so it is no run; choose another" in refused(home)
    (home / "run" / "manifest.json").write_text('{"name": "a web app"}', "utf-8")
    assert "there is a manifest.json in it that mlp did not write, so it is no run" in refused(home)


# ------------------------------------------------------------ --extend


@pytest.mark.parametrize("seconds", [0, 10])
@pytest.mark.parametrize("more", [[SOON], [SOON, TWO]])
def test_extended_after_patience_it_is_as_if_asked_for_at_once(more, seconds, home):
    more = [*more, f"runtime.checkpoint_seconds={seconds}"]
    shutil.rmtree(home / "run")
    train(home, [*more, "training.epochs=9"], run="at once")
    train(home, more)
    result = json.loads((home / "run" / "manifest.json").read_text("utf-8"))["result"]
    assert (result["reason"], result["epochs"]) == ("patience", 3)
    found = train(home, more, extend=9)
    assert (found.checkpoint is None) == (seconds == 10)
    assert bits(home / "run") == bits(home / "at once")
    own, at_once = ((home / run / "spec.yaml").read_bytes() for run in ("run", "at once"))
    assert own == at_once


def test_a_command_of_before_an_extension_is_told_how_to_go_on(home):
    train(home, extend=9)
    said = refused(home)
    assert (
        "training.epochs is 9 there, 6 here. Choose another --run-dir, add --extend 9, or " in said
    )
    assert said.endswith(f"go on with its own spec: mlp train --resume {home / 'run'}")
    assert train(home, extend=9).result is not None
    with pytest.raises(UsageError, match="is of 9 epochs; only more can be asked for"):
        train(home, extend=7)


def test_killed_before_its_spec_had_the_epochs_of_an_extension_it_has_them(home):
    before = (home / "whole" / "spec.yaml").read_bytes()
    train(home, run="whole", extend=9, steps=1)
    options = {"resume": True, "extend": None, "force": False, "find_lr": False}
    assert read_command(str(home / "whole"), None, ["a=1"], **options).overrides == ["a=1"]
    (home / "whole" / "spec.yaml").write_bytes(before)
    command = read_command(str(home / "whole"), None, ["a=1"], **options)
    assert command.overrides == ["training.epochs=9", "a=1"]
    assert read_command(str(home / "whole"), None, [], **options | {"extend": 12}).overrides == [
        "training.epochs=12"
    ]
    edit = before.replace(b"epochs: 6", b"epochs: 7")
    (home / "whole" / "spec.yaml").write_bytes(edit)
    assert read_command(str(home / "whole"), None, [], **options).overrides == []
