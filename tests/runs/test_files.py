"""Files are whole or not there, whatever happens while they are written."""

import errno
import os
import subprocess
import sys
import threading
import time

import pytest

from mlpcli.errors import FileError
from mlpcli.runs.files import write_whole


def only(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_as_it_is(tmp_path):
    content = bytes(range(256)) * 3
    write_whole(tmp_path / "a", content)
    assert (tmp_path / "a").read_bytes() == content
    assert only(tmp_path) == ["a"]


def test_a_new_file_replaces_the_old_one_under_the_same_name(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(b"old and longer")
    with file.open("rb") as before:
        write_whole(file, b"new")
        assert file.read_bytes() == b"new"
        assert before.read() == b"old and longer"  # whoever was reading reads on
    assert only(tmp_path) == ["a"]


@pytest.mark.parametrize("function", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("problem", "raised"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), FileError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_what_fails_leaves_the_old_file_and_nothing_else(
    problem, raised, function, tmp_path, monkeypatch
):
    def fail(*_, **__):
        raise problem

    file = tmp_path / "a"
    file.write_bytes(b"old")
    monkeypatch.setattr(os, function, fail)
    with pytest.raises(raised) as caught:
        write_whole(file, b"new")
    assert file.read_bytes() == b"old"
    assert only(tmp_path) == ["a"]
    if raised is FileError:
        assert caught.value.exit_code == 6
        assert str(caught.value) == f"{file}: No space left on device"


def test_the_content_is_on_the_disk_before_the_name_is_given(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *a, name=name, real=real, **k: (calls.append(name), real(*a, **k))[1]
        )
    write_whole(tmp_path / "a", b"x")
    assert calls == ["fsync", "replace", "fsync"]  # the last one: the directory


ENDLESS = """
import sys
from pathlib import Path
from mlpcli.runs.files import write_whole
path = Path(sys.argv[1])
print("ready", flush=True)
k = 0
while True:
    k += 1
    write_whole(path, bytes([k % 256]) * 3_000_000)
"""


def test_killed_while_writing_there_is_one_whole_file(tmp_path):
    file = tmp_path / "a"
    for wait in (0.05, 0.11, 0.17):
        writer = subprocess.Popen(
            [sys.executable, "-c", ENDLESS, str(file)], stdout=subprocess.PIPE
        )
        assert writer.stdout.readline() == b"ready\n"
        while not file.exists():
            time.sleep(0.001)
        time.sleep(wait)
        writer.kill()
        writer.communicate()
        content = file.read_bytes()
        assert len(content) == 3_000_000
        assert content == content[:1] * 3_000_000
        assert all(name == "a" or name.endswith(".tmp") for name in only(tmp_path))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing/a", "No such file or directory"),
        ("file/a", "Not a directory"),
        ("folder", "Is a directory"),
        (".", "Is a directory"),
        ("x" * 300, "File name too long"),
    ],
)
def test_the_words_of_the_system_and_exit_code_6(name, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    path = type(tmp_path)(name)
    with pytest.raises(FileError) as caught:
        write_whole(path, b"x")
    assert str(caught.value) == f"{path}: {words}"
    assert only(tmp_path) == ["file", "folder"]


def test_a_name_as_long_as_the_system_takes(tmp_path):
    file = tmp_path / ("ä" * 127)  # 254 bytes of 255
    write_whole(file, b"x")
    assert only(tmp_path) == [file.name]


def test_what_a_link_points_to_is_written_and_the_link_stays(tmp_path):
    (tmp_path / "there").mkdir()
    link = tmp_path / "link"
    link.symlink_to("there/a")
    write_whole(link, b"first")
    write_whole(link, b"second")
    assert link.is_symlink()
    assert (tmp_path / "there" / "a").read_bytes() == b"second"
    assert only(tmp_path) == ["link", "there"]


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, b"through")
    reader.join(10)
    assert got == [b"through"]
    assert pipe.is_fifo()


def test_who_may_read_a_file_stays_as_it_was(tmp_path):
    path = tmp_path / "secret.csv"
    path.write_text("old")
    path.chmod(0o640)
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
