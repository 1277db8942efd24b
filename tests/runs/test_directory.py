"""A run's directory: made exclusively, never written over; and a RUN found again."""

import errno
import fcntl
import json
import os
import time
from pathlib import Path

import pytest

from mlpcli.errors import BusyError, FileError, RunError, UsageError
from mlpcli.runs.directory import find_model, run_directory


def create_run_directory(*arguments, **options):
    with run_directory(*arguments, **options) as run:
        return run.path


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def one_second(monkeypatch):
    monkeypatch.setattr(time, "strftime", lambda _: "20261123-101500")


@pytest.mark.usefixtures("one_second")
def test_the_name_is_the_specs_and_the_time():
    path = create_run_directory("digits", None, force=False)
    assert path == Path("runs/digits-20261123-101500")
    assert path.is_dir()


@pytest.mark.usefixtures("one_second")
def test_runs_of_the_same_second_are_numbered():
    names = [create_run_directory("a", None, force=False).name for _ in range(3)]
    assert names == ["a-20261123-101500", "a-20261123-101500-2", "a-20261123-101500-3"]


@pytest.mark.usefixtures("one_second")
def test_a_directory_that_was_made_in_between_is_not_shared():
    Path("runs/a-20261123-101500").mkdir(parents=True)  # empty, but somebody's
    assert create_run_directory("a", None, force=True).name == "a-20261123-101500-2"


@pytest.mark.usefixtures("one_second")
def test_a_thousand_runs_in_a_second_are_refused(monkeypatch):
    def taken(*_, **__):
        raise FileExistsError

    monkeypatch.setattr(Path, "mkdir", taken)
    with pytest.raises(FileError, match="a thousand runs"):
        create_run_directory("a", None, force=False)


def test_a_chosen_directory_is_made_with_its_parents():
    assert create_run_directory("a", "there/below", force=False) == Path("there/below")
    assert Path("there/below").is_dir()


def test_an_empty_directory_may_be_chosen():
    Path("empty").mkdir()
    assert create_run_directory("a", "empty", force=False) == Path("empty")


@pytest.mark.parametrize("name", ["model.safetensors", "notes.txt", ".hidden"])
def test_a_directory_with_anything_in_it_is_not_written_over(name):
    Path("run").mkdir()
    Path("run", name).write_text("mine", encoding="ascii")
    with pytest.raises(UsageError, match="--force") as caught:
        create_run_directory("a", "run", force=False)
    assert caught.value.exit_code == 2
    assert Path("run", name).read_text(encoding="ascii") == "mine"


def test_force_removes_a_runs_own_files_and_no_others():
    ours = ["spec.yaml", "manifest.json", "metrics.csv", "model.safetensors"]
    theirs = [
        "notes.txt",
        "report.html",
        "predictions/test.csv",
        "model.safetensors.bak",
        "old.yaml",
    ]
    for name in ours + theirs:
        Path("run", name).parent.mkdir(parents=True, exist_ok=True)
        Path("run", name).touch()
    create_run_directory("a", "run", force=True)
    left = sorted(str(p.relative_to("run")) for p in Path("run").rglob("*") if p.is_file())
    assert left == sorted(theirs)


@pytest.mark.parametrize("name", ["spec.yaml", "metrics.csv", "model.safetensors"])
def test_force_replaces_no_files_that_are_no_runs(name):
    Path("mine").mkdir()
    Path("mine", name).write_text("mine", encoding="ascii")
    Path("mine", "notes.txt").touch()
    with pytest.raises(UsageError, match=f"{name} in it, but no manifest.json"):
        create_run_directory("a", "mine", force=True)
    assert Path("mine", name).read_text(encoding="ascii") == "mine"


@pytest.mark.parametrize("force", [False, True])
def test_a_directory_that_is_trained_into_is_not_shared(force):
    with run_directory("a", "run", force=False) as run:
        Path(run.path, "manifest.json").write_text("first", encoding="ascii")
        with pytest.raises(BusyError, match="another run is training into it") as caught:
            create_run_directory("a", "run", force=force)
        assert caught.value.exit_code == 75
    assert Path("run/manifest.json").read_text(encoding="ascii") == "first"
    assert create_run_directory("a", "run", force=True) == Path("run")


def test_a_run_that_raises_lets_go_of_its_directory():
    with pytest.raises(RuntimeError), run_directory("a", "run", force=False):
        raise RuntimeError
    assert create_run_directory("a", "run", force=False) == Path("run")


def test_an_error_of_the_training_is_not_its_directorys():
    with pytest.raises(OSError, match="Errno 28") as caught, run_directory("a", "run", force=False):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert type(caught.value) is OSError


def test_where_there_are_no_locks_runs_are_not_kept_apart(monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert create_run_directory("a", "run", force=False) == Path("run")


def test_a_file_is_not_a_directory():
    Path("file").touch()
    for force in (False, True):
        with pytest.raises(UsageError, match="is a file"):
            create_run_directory("a", "file", force=force)
    with pytest.raises(FileError, match="Not a directory"):
        create_run_directory("a", "file/below", force=False)


def test_where_runs_is_a_file():
    Path("runs").touch()
    with pytest.raises(FileError) as caught:
        create_run_directory("a", None, force=False)
    assert caught.value.exit_code == 6


def test_a_run_is_a_directory_or_a_model_file():
    Path("run").mkdir()
    model = Path("run/model.safetensors")
    model.touch()
    assert find_model("run") == find_model("run/model.safetensors") == model
    copy = Path("elsewhere.bin")
    copy.touch()
    assert find_model("elsewhere.bin") == copy


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ("nothing", "no such run directory or model file"),
        ("empty", "there is no model.safetensors"),
        ("file/below", "no such run directory or model file"),
        ("pipe", "neither a run directory nor a regular file"),
        ("/dev/null", "neither a run directory nor a regular file"),
        ("x" * 5000, "xxx"),  # the words are those of the system, or of Python
        ("a\0b", "b.*: "),
    ],
)
def test_what_is_no_run(run, words):
    Path("empty").mkdir()
    Path("file").touch()
    os.mkfifo("pipe")
    with pytest.raises(RunError, match=words) as caught:
        find_model(run)
    assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ({"status": "failed", "result": {"error": "no\nspace"}}, "; the run failed: no space"),
        ({"status": "failed", "result": {"status": "failed"}}, "; the run failed"),
        ({"status": "failed", "result": None}, "; the run failed"),
        ({"status": "interrupted"}, "; the run was interrupted before it had one"),
        ({"status": "running"}, "; its manifest says 'running': the run goes on, or was killed"),
        ({"status": "done"}, "; its manifest says 'done'"),
        ([], ""),
    ],
)
def test_why_a_run_has_no_model(manifest, said, tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), "ascii")
    with pytest.raises(RunError) as caught:
        find_model(str(tmp_path))
    assert str(caught.value) == f"{tmp_path}: there is no model.safetensors in this directory{said}"
