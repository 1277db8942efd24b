"""A run's directory: made exclusively, never written over; and a RUN found again."""

import errno
import fcntl
import json
import os
import socket
import time
from pathlib import Path

import pytest

from mlpcli.errors import BusyError, FileError, RunError, UsageError
from mlpcli.runs import directory, lock
from mlpcli.runs.directory import find_model, run_directory
from mlpcli.runs.lock import is_locked
from mlpcli.runs.status import is_dead, is_mlp_manifest

# As mlp 0.1 wrote it, before there was a host or a format in it.
OLD_MANIFEST = {
    "status": "done",
    "pid": 17,
    "command": ["mlp", "train", "a.yaml"],
    "machine": {"mlp": "0.1.0"},
    "data": {"sha256": {"data": "5f" * 32}, "split": {"seed": 0}},
    "result": {"status": "done"},
}


def create_run_directory(*arguments, **options):
    """Return the directory of a run that leaves a note in it."""
    with run_directory(*arguments, **options) as run:
        run.folder.write("note", b"")
        return run.path


def names_in(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def write_manifest(folder, **changes):
    Path(folder).mkdir(exist_ok=True)
    Path(folder, "manifest.json").write_text(json.dumps(OLD_MANIFEST | changes), "ascii")


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


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("name", ["model.safetensors", "notes.txt", ".hidden"])
def test_a_directory_with_anything_in_it_is_not_written_over(name, force):
    Path("run").mkdir()
    Path("run", name).write_text("mine", encoding="ascii")
    with pytest.raises(UsageError, match="it is no run; ") as caught:
        create_run_directory("a", "run", force=force)
    assert caught.value.exit_code == 2
    assert Path("run", name).read_text(encoding="ascii") == "mine"
    assert names_in("run") == [name]


def test_a_run_is_replaced_only_with_force():
    write_manifest("run")
    with pytest.raises(UsageError, match="--resume goes on with it, --force replaces it"):
        create_run_directory("a", "run")


@pytest.mark.parametrize(
    "document",
    [
        {"name": "A web app", "short_name": "App", "start_url": "/", "status": "done"},
        {**OLD_MANIFEST, "machine": {}},
        {**OLD_MANIFEST, "data": {"sha256": {"data": "5f"}, "split": {}}},
        {**OLD_MANIFEST, "data": {"sha256": {}, "split": {}}},
        {**OLD_MANIFEST, "status": "published"},
        {**OLD_MANIFEST, "format": 2},
        [],
    ],
)
def test_another_programs_manifest_is_no_runs(document):
    Path("app").mkdir()
    Path("app/manifest.json").write_text(json.dumps(document), "ascii")
    Path("app/metrics.csv").write_text("theirs", "ascii")
    for force in (False, True):
        with pytest.raises(UsageError, match="it is no run"):
            create_run_directory("a", "app", force=force)
    assert Path("app/metrics.csv").read_text("ascii") == "theirs"
    assert not is_mlp_manifest(document)


def test_runs_of_before_are_known():
    assert is_mlp_manifest(OLD_MANIFEST)
    assert is_mlp_manifest({**OLD_MANIFEST, "status": "running", "result": None})


@pytest.mark.parametrize("force", [False, True])
def test_a_directory_that_is_trained_into_is_not_shared(force):
    with run_directory("a", "run"):  # before there is a manifest
        here = f"^run: process {os.getpid()} on {socket.gethostname()} is training in it"
        with pytest.raises(BusyError, match=here) as caught:
            create_run_directory("a", "run", force=force)
        assert caught.value.exit_code == 75
        assert names_in("run") == []
    assert create_run_directory("a", "run", force=True) == Path("run")


@pytest.fixture
def no_list_of_locks(monkeypatch):
    """Where the system does not say who has a lock, as on another host."""
    monkeypatch.setattr(lock, "LOCKS", Path("/nothing"))


@pytest.mark.usefixtures("no_list_of_locks")
def test_on_another_host_the_manifest_names_the_process():
    with run_directory("a", "run"):
        with pytest.raises(BusyError, match="has not written down yet which one"):
            create_run_directory("a", "run")
        write_manifest("run", status="running", host="elsewhere", pid=17)
        with pytest.raises(BusyError, match=r"^run: process 17 on elsewhere is training in it"):
            create_run_directory("a", "run", force=True)


@pytest.mark.usefixtures("no_list_of_locks")
def test_a_dead_process_is_not_named_as_the_one_that_trains():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    write_manifest("run", status="running", host=socket.gethostname(), pid=child)
    with (
        run_directory("a", "run", resume=True),
        pytest.raises(BusyError, match="has not written down"),
    ):
        create_run_directory("a", "run")


@pytest.mark.usefixtures("no_list_of_locks")
def test_where_force_trains_is_asked_for_the_process_first():
    write_manifest("run", status="running", pid=1)
    with run_directory("a", "run", force=True) as run:
        write_manifest(run.folder.path, status="running", host="elsewhere", pid=5)
        with pytest.raises(BusyError, match="process 5 on elsewhere"):
            create_run_directory("a", "run", force=True)


def test_a_reader_that_asks_for_the_lock_keeps_no_training_out(monkeypatch):
    Path("run").mkdir()
    reader = os.open("run", os.O_RDONLY)
    fcntl.flock(reader, fcntl.LOCK_SH)  # as `is_locked` has it, for some microseconds
    slept = []

    def sleep(_):
        slept.append(1)
        if len(slept) == 3:
            os.close(reader)

    monkeypatch.setattr(lock.time, "sleep", sleep)
    with run_directory("a", "run"):
        assert is_locked(Path("run"))
        with pytest.raises(BusyError):  # of a training: at once
            create_run_directory("a", "run")
    assert not is_locked(Path("run"))
    assert len(slept) == 3


def test_forked_children_do_not_keep_the_lock():
    ours, theirs = socket.socketpair()
    with run_directory("a", "run") as run:
        run.folder.write("note", b"")
        child = os.fork()
        if child == 0:
            theirs.send(b"here")
            theirs.recv(1)
            os._exit(0)
        ours.recv(4)
    try:
        assert not is_locked(Path("run"))  # while the child lives
    finally:
        ours.send(b"x")
        os.waitpid(child, 0)
        ours.close()
        theirs.close()


def test_a_directory_that_was_renamed_before_it_was_locked_is_not_used(monkeypatch):
    real, once = directory.lock, []

    def late(home):
        if not once:
            once.append(Path("run").rename("moved"))
        return real(home)

    monkeypatch.setattr(directory, "lock", late)
    with run_directory("a", "run") as run:
        run.folder.write("here", b"")
    assert (names_in("moved"), names_in("run")) == ([], ["here"])


def test_a_directory_made_for_nothing_is_removed_again_but_nobody_elses():
    Path("mine").mkdir()
    for name in ("new", "mine"):
        with pytest.raises(RuntimeError), run_directory("a", name):
            raise RuntimeError
    assert names_in(".") == ["mine"]


def test_temporary_files_of_the_dead_are_swept():
    Path("run").mkdir()
    for name in (".manifest.json.0123456789abcdef.tmp", ".model.safetensors.00000000000000ff.tmp"):
        Path("run", name).touch()
    assert create_run_directory("a", "run") == Path("run")
    assert names_in("run") == ["note"]
    Path("theirs").mkdir()
    Path("theirs/.notes.0123456789abcdef.tmp").touch()  # not for a name of ours
    with pytest.raises(UsageError):
        create_run_directory("a", "theirs", force=True)
    assert names_in("theirs") == [".notes.0123456789abcdef.tmp"]


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
        (
            {"status": "interrupted"},
            "; the run was interrupted before it had one: mlp train --resume 'a run' goes on",
        ),
        (
            {"status": "running"},
            "; the run was killed in epoch 3: mlp train --resume 'a run' goes on",
        ),
        ({"status": "done"}, "; its manifest says 'done'"),
        ({"machine": None}, ""),
    ],
)
def test_why_a_run_has_no_model(manifest, said):
    write_manifest("a run", **manifest)
    Path("a run/metrics.csv").write_text("epoch,train_loss\n1,2.0\n2,1.0\n3,", "ascii")
    with pytest.raises(RunError) as caught:
        find_model("a run")
    assert str(caught.value) == f"a run: there is no model.safetensors in this directory{said}"


def is_killed(run):
    return is_dead(json.loads(Path(run, "manifest.json").read_text("utf-8")), Path(run))


def test_a_run_is_running_only_while_its_lock_is_held():
    with run_directory("a", "run"):
        write_manifest("run", status="running", pid=os.getpid())
        assert not is_killed("run")
        with pytest.raises(RunError, match=f": the run in it is training .process {os.getpid()}"):
            find_model("run")
    assert is_killed("run")
    write_manifest("run", status="interrupted")
    assert not is_killed("run")


def test_without_locks_a_process_of_this_host_is_looked_for(monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    here = socket.gethostname()
    write_manifest("run", status="running", host=here, pid=os.getpid())
    assert not is_killed("run")
    write_manifest("run", status="running", host=here, pid=2**30)
    assert is_killed("run")
    write_manifest("run", status="running", host="elsewhere", pid=2**30)
    assert not is_killed("run")  # nobody here can say
