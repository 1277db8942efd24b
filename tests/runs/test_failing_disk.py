"""A disk that refuses ends no training: what it has not taken waits, is tried again, or rescued."""

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from mlpcli.errors import FileError
from mlpcli.runs.failing_disk import RunFiles
from mlpcli.runs.files import Folder
from mlpcli.runs.model_file import load_model
from mlpcli.runs.recorder import Recorder
from mlpcli.training.training import Training

from .kills import content_of, failing


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("run").mkdir()


@pytest.fixture
def said():
    return []


@pytest.fixture
def files(said):
    return RunFiles(Folder(Path("run")), said.append)


def always(*_):
    return True


def writing_into(*names):
    """Return a function that says whether a call writes into files here that begin so."""
    beginnings = tuple(str(Path(name).absolute()) for name in names)

    def fails(_, name, arguments):
        file = Path(f"/proc/self/fd/{arguments[0]}")
        return name == "write" and str(file.readlink()).startswith(beginnings)

    return fails


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS])
def test_lines_that_are_refused_follow_whole_and_in_order(number, files, said):
    lines = files.append_file("metrics.csv")
    lines.append(b"1\n")
    with failing(always, number):
        lines.append(b"2\n")
        lines.append(b"3\n")
        assert not files.try_again(now=True)
        assert Path("run/metrics.csv").read_bytes() == b"1\n"
    lines.append(b"4\n")
    assert files.try_again(now=True)
    lines.append(b"5\n")
    assert Path("run/metrics.csv").read_bytes() == b"1\n2\n3\n4\n5\n"
    goes_on = "the training goes on in memory and tries that again"
    assert said == [f"run/metrics.csv: {os.strerror(number)}; {goes_on}"]
    assert files.close("a") is None


def test_a_line_cut_short_is_cut_off_before_the_next(files, monkeypatch):
    lines = files.append_file("metrics.csv")
    lines.append(b"first\n")
    real = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda file, content: real(file, content[:3]))
        full.setattr(os, "ftruncate", lambda *_: (_ for _ in ()).throw(OSError(5, "EIO")))
        lines.append(b"second\n")
        assert Path("run/metrics.csv").read_bytes() == b"first\nsec"
    assert files.try_again(now=True)
    assert Path("run/metrics.csv").read_bytes() == b"first\nsecond\n"


def test_it_is_tried_at_most_once_a_second(files):
    tried = []
    lines = files.append_file("metrics.csv")
    with failing(lambda _, name, __: name == "write" and not tried.append(1)):
        for _ in range(50):
            lines.append(b"x\n")
            files.try_again()
    assert len(tried) <= 2  # the first one, and perhaps one more
    files._next = 0.0
    assert files.try_again()
    assert Path("run/metrics.csv").read_bytes() == b"x\n" * 50


def test_a_whole_file_is_tried_again_with_its_newest_content(files, said):
    with failing(always):
        assert not files.write("spec.yaml", b"old")
        assert not files.write("spec.yaml", b"new")
    assert content_of("run") == {}
    assert files.try_again(now=True)
    assert content_of("run") == {"spec.yaml": b"new"}
    assert len(said) == 1


def test_what_disappears_is_written_again(files):
    lines = files.append_file("metrics.csv")
    lines.append(b"1\n")
    files.begin("spec.yaml", b"spec")
    for path in Path("run").iterdir():
        path.unlink()
    lines.append(b"2\n")
    assert files.try_again(now=True)
    lines.append(b"3\n")
    assert content_of("run") == {"metrics.csv": b"1\n2\n3\n", "spec.yaml": b"spec"}


def test_what_the_system_could_not_write_is_not_taken_for_written(files):
    lines = files.append_file("metrics.csv")
    lines.append(b"1\n")
    with failing(lambda _, name, __: name == "fsync", errno.EIO), pytest.raises(FileError):
        lines.sync()
    before = Path("run/metrics.csv").stat().st_ino
    lines.sync()
    assert (
        Path("run/metrics.csv").stat().st_ino != before
    )  # all of it anew: fsync would say yes now
    assert Path("run/metrics.csv").read_bytes() == b"1\n"


def test_the_last_manifest_has_room_where_there_is_none(files):
    files.begin("manifest.json", b"running", room=10_000)
    assert [p.stat().st_blocks > 0 for p in Path("run").glob(".manifest.json.*.tmp")] == [True]

    def full(_, name, arguments):  # a file can still get another name
        return name == "open" and arguments[1] & os.O_CREAT

    with failing(full):
        assert files.write("manifest.json", b"done")
    assert content_of("run") == {"manifest.json": b"done"}
    assert files.close("a") is None
    assert content_of("run") == {"manifest.json": b"done"}


def test_room_that_is_not_needed_is_given_back(files):
    files.begin("manifest.json", b"running", room=10_000)
    files.write("manifest.json", b"done")
    assert files.close("a") is None
    assert content_of("run") == {"manifest.json": b"done"}


def test_whoever_begins_on_a_full_disk_is_told_at_once(files):
    with failing(always), pytest.raises(FileError, match="No space left"):
        files.begin("manifest.json", b"running", room=10_000)
    assert content_of("run") == {}


def test_what_has_no_place_is_saved_beside_or_among_the_temporary_files(files, monkeypatch):
    lines = files.append_file("metrics.csv")
    lines.append(b"1\n")
    elsewhere = Path("elsewhere").absolute()
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    with failing(writing_into("run", ".a-emergency")):
        files.write("model.safetensors", b"model")
        lines.append(b"2\n")
        told = files.close("a")
    assert sorted(told["saved"]) == told["unwritten"] == ["metrics.csv", "model.safetensors"]
    assert told["problem"] == "run/model.safetensors: No space left on device"
    saved = {name: Path(path) for name, path in told["saved"].items()}
    assert {path.parent for path in saved.values()} == {elsewhere}
    assert saved["metrics.csv"].read_bytes() == b"1\n2\n"
    assert saved["model.safetensors"].read_bytes() == b"model"
    assert saved["metrics.csv"].stem == saved["model.safetensors"].stem
    assert saved["model.safetensors"].name.startswith("a-emergency-2")


def test_nothing_is_written_over_when_it_is_rescued(monkeypatch):
    monkeypatch.setattr("mlpcli.runs.failing_disk.time.strftime", lambda _: "20261130-120000")
    for number in range(2):
        files = RunFiles(Folder(Path("run")))
        with failing(writing_into("run")):
            files.append_file("metrics.csv").append(b"%d\n" % number)
            told = files.close("a")
            assert files.close("a") is told
    found = {path.name: path.read_bytes() for path in Path().glob("a-emergency-*")}
    first = "a-emergency-20261130-120000"
    assert found == {f"{first}.csv": b"0\n", f"{first}-2.csv": b"1\n"}


# ------------------------------------------------------------ a training


@pytest.fixture
def training(iris_run):
    return Training(iris_run.training.spec, iris_run.dataset)


def train(training, iris_run, said, meanwhile):
    """Train three epochs, `meanwhile` after the first; return the recorder and its folder."""
    folder = Folder(Path("run"))
    recorder = Recorder(folder, training, iris_run.folder, name="a", warn=said.append)
    waits = True
    for event in training.run():
        recorder.record(event)
        if waits and getattr(event, "mean", None) is not None:
            waits = False
            meanwhile()
            recorder.files._next = 0.0
    return recorder, folder


def metrics_without_seconds(path):
    return [line.rpartition(",")[0] for line in Path(path).read_text("ascii").splitlines()]


def test_a_call_that_fails_once_changes_no_file(iris_run, said):
    """Each call in turn, from the first epoch to the end of the run."""
    failed, k = [1], 0
    while failed:
        failed = []
        shutil.rmtree("run")
        Path("run").mkdir()
        training = Training(iris_run.training.spec, iris_run.dataset)
        recorder = Recorder(
            Folder(Path("run")), training, iris_run.folder, name="a", warn=said.append
        )

        def once(n, name, _, k=k, failed=failed):
            return n == k and not failed.append(name)

        with failing(once, errno.EIO if k % 2 else errno.ENOSPC):
            for event in training.run():
                recorder.record(event)
        assert "disk" not in recorder.result
        for name in ("model.safetensors", "spec.yaml"):
            assert Path("run", name).read_bytes() == (iris_run.directory / name).read_bytes()
        expected = metrics_without_seconds(iris_run.directory / "metrics.csv")
        assert metrics_without_seconds("run/metrics.csv") == expected
        assert json.loads(Path("run/manifest.json").read_bytes())["status"] == "done"
        left = [name for name in content_of("run") if name.startswith(".")]
        assert not left or failed == ["unlink"]  # for the next run to sweep
        k += 1
    assert k > 10


def test_a_disk_full_at_the_end_saves_the_model_elsewhere(training, iris_run, said):
    full = failing(writing_into("run"))
    recorder, _ = train(training, iris_run, said, full.__enter__)
    full.__exit__(None, None, None)
    disk = recorder.result["disk"]
    assert disk["unwritten"] == ["manifest.json", "metrics.csv", "model.safetensors"]
    assert recorder.manifest.document["status"] == "failed"  # so that --resume goes on
    assert recorder.manifest.document["result"]["error"] == disk["problem"]
    assert (len(said), "No space left" in said[0]) == (1, True)
    model = load_model(Path(disk["saved"]["model.safetensors"]))
    np.testing.assert_array_equal(model.network.theta, training.network.theta)
    metrics = metrics_without_seconds(disk["saved"]["metrics.csv"])
    assert metrics == metrics_without_seconds(iris_run.directory / "metrics.csv")
    assert metrics_without_seconds("run/metrics.csv") == metrics[:2]


def test_a_directory_that_is_removed_leaves_the_model_and_all_metrics(training, iris_run, said):
    recorder, _ = train(training, iris_run, said, lambda: shutil.rmtree("run"))
    saved = recorder.result["disk"]["saved"]
    assert not Path("run").exists()
    assert said[0] == "run: it was removed; the training goes on in memory"
    expected = iris_run.directory
    assert Path(saved["model.safetensors"]).read_bytes() == iris_run.model.read_bytes()
    metrics = metrics_without_seconds(saved["metrics.csv"])
    assert metrics == metrics_without_seconds(expected / "metrics.csv")


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_directory_that_is_renamed_gets_its_files_and_a_strangers_never(
    is_replaced, training, iris_run, said
):
    def rename():
        Path("run").rename("moved")
        if is_replaced:
            Path("run").mkdir()

    recorder, folder = train(training, iris_run, said, rename)
    assert "disk" not in recorder.result
    goes_on = f"the run's files go on where it is now, {Path('moved').absolute()}"
    assert said == [f"run: it was moved, or its name given to another one; {goes_on}"]
    assert sorted(content_of("moved")) == [
        "manifest.json",
        "metrics.csv",
        "model.safetensors",
        "spec.yaml",
    ]
    assert Path("moved/model.safetensors").read_bytes() == iris_run.model.read_bytes()
    assert json.loads(Path("moved/manifest.json").read_bytes())["status"] == "done"
    assert not Path("run").exists() or content_of("run") == {}
    assert (folder.is_in_place, folder.place) == (False, Path("moved").absolute())


def test_a_training_that_fails_on_a_failing_disk_hides_no_other_error(training, iris_run, said):
    recorder = Recorder(Folder(Path("run")), training, iris_run.folder, name="a", warn=said.append)
    with failing(writing_into("run")):
        recorder.metrics.append(dict.fromkeys(training.columns, 1.0))
        recorder.break_off("failed", "a bug")  # raises nothing
    (saved,) = Path().glob("a-emergency-*.csv")
    assert len(saved.read_text("ascii").splitlines()) == 2
    assert said[1:] == [f"metrics.csv is saved as {saved.absolute()}"]
    assert json.loads(Path("run/manifest.json").read_bytes())["status"] == "running"
