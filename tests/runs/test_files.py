"""Files are whole or not there, whatever happens while they are written."""

import errno
import hashlib
import os
import subprocess
import sys
import threading
import time

import pytest

from mlpcli.errors import FileError
from mlpcli.runs.files import Folder, write_whole
from mlpcli.runs.temporary import Temporary

from .kills import killed_at


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


# ------------------------------------------------------------ in a directory held open


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "home").mkdir()
    with Folder(tmp_path / "home") as opened:
        yield opened


def temporary_of(name, digits="0123456789abcdef"):
    return f".{name}.{digits}.tmp"


@pytest.mark.parametrize("by_path", [True, False])
def test_a_link_planted_under_the_temporary_name_is_not_followed(
    by_path, folder, tmp_path, monkeypatch
):
    victim = tmp_path / "victim"
    victim.write_bytes(b"theirs")
    planted = folder.path / temporary_of("a", "00" * 8)
    planted.symlink_to(victim)
    monkeypatch.setattr(os, "urandom", bytes)  # the name is known
    with pytest.raises(FileError, match="File exists"):
        write_whole(folder.path / "a", b"x") if by_path else folder.write("a", b"x")
    assert victim.read_bytes() == b"theirs"
    assert planted.is_symlink()
    assert only(folder.path) == [planted.name]


@pytest.mark.parametrize("name", ["metrics.csv", "checkpoint.safetensors"])
def test_a_link_in_a_runs_directory_leads_nowhere_else(name, folder, tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"theirs")
    (folder.path / name).symlink_to(victim)
    with pytest.raises(FileError):
        folder.append_file(name)
    with pytest.raises(FileError):
        folder.read(name)
    folder.write(name, b"ours")  # in its place
    assert (victim.read_bytes(), folder.read(name)) == (b"theirs", b"ours")


def test_a_private_file_is_private_at_every_moment(folder, monkeypatch):
    secret = folder.path / "secret"
    secret.write_bytes(b"old")
    seen, real = [], os.open

    def look(*arguments, **options):
        file = real(*arguments, **options)
        seen.append(os.fstat(file).st_mode & 0o777)
        return file

    for mode in (0o600, 0o666, 0o640):
        secret.chmod(mode)
        with monkeypatch.context() as watched:
            watched.setattr(os, "open", look)
            folder.write("secret", b"new")
        assert seen.pop() & ~mode == 0  # the umask may take something of it at first
        assert secret.stat().st_mode & 0o777 == mode
    before = os.umask(0o027)
    try:
        folder.write("new", b"")
    finally:
        os.umask(before)
    assert (folder.path / "new").stat().st_mode & 0o777 == 0o640


def test_what_is_written_in_parts_is_whole(folder, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, content: real(file, content[:7]))
    folder.write("a", bytes(range(100)))
    assert folder.read("a") == bytes(range(100))


def test_an_error_that_only_closing_tells_of_is_told(folder, monkeypatch):
    folder.write("a", b"old")
    real = os.close

    def close(file):
        real(file)
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    with monkeypatch.context() as full:
        full.setattr(os, "close", close)
        with pytest.raises(FileError, match="quota"):
            folder.write("a", b"new")
    assert folder.read("a") == b"old"
    assert only(folder.path) == ["a"]


def test_only_what_the_dead_have_left_is_swept(folder):
    dead, strangers = temporary_of("a"), [".a.tmp", ".b.0123456789abcdef.tmp", ".a.0123.tmp"]
    for name in (dead, *strangers):
        (folder.path / name).touch()
    child = os.fork()
    if child == 0:  # killed while it writes, which leaves a temporary file of its own
        os.fsync = lambda _: os._exit(0)
        folder.write("a", b"half")
    os.waitpid(child, 0)
    assert len(only(folder.path)) == 5
    with Temporary(folder.descriptor, "a") as alive:
        folder.sweep(["a", "c"])
        assert only(folder.path) == sorted([alive.name, *strangers])
        write_whole(folder.path / "a", b"another process, at the same time")
        assert only(folder.path) == sorted(["a", alive.name, *strangers])


def test_one_that_was_swept_before_it_was_locked_is_made_again(folder, monkeypatch):
    real, once = os.open, []

    def swept(path, flags, *arguments, **options):
        file = real(path, flags, *arguments, **options)
        if flags & os.O_CREAT and not once:
            once.append(path)
            os.unlink(path, dir_fd=options["dir_fd"])
        return file

    monkeypatch.setattr(os, "open", swept)
    folder.write("a", b"x")
    assert folder.read("a") == b"x"


def test_a_directory_that_is_moved_keeps_its_files(folder, tmp_path):
    assert folder.is_in_place
    folder.path.rename(tmp_path / "moved")
    folder.path.mkdir()
    assert not folder.is_in_place
    assert folder.place == tmp_path / "moved"
    folder.write("a", b"x")
    lines = folder.append_file("b")
    lines.append(b"line\n")
    assert (only(tmp_path / "home"), only(tmp_path / "moved")) == ([], ["a", "b"])


def test_what_cannot_be_read_as_a_file(folder):
    assert folder.read("nothing") is None
    os.mkfifo(folder.path / "pipe")
    (folder.path / "below").mkdir()
    for name in ("pipe", "below"):
        with pytest.raises(FileError):
            folder.read(name)
    with pytest.raises(FileError, match="No such file"):
        Folder(folder.path / "nothing")


def test_killed_at_any_call_there_is_the_old_file_or_the_new_one(folder):
    k, seen = 0, []
    folder.write("a", b"old")
    while killed_at(k, lambda: folder.write("a", b"new")):
        seen.append(folder.read("a"))
        folder.sweep(["a"])
        assert only(folder.path) == ["a"]
        folder.write("a", b"old")
        k += 1
    assert seen == [b"old"] * 4 + [b"new"]  # open, write, fsync, replace; then the directory's


def test_the_sha256_of_what_was_appended_is_kept_up(folder, monkeypatch):
    def hashed(content):
        return hashlib.sha256(content).hexdigest()

    lines = folder.append_file("a")
    assert lines.sha256 == hashed(b"")
    lines.append(b"1\n")
    real = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda fd, content: real(fd, content[:1]))
        with pytest.raises(FileError):
            lines.append(b"lost\n")
    lines.append(b"2\n")
    assert lines.sha256 == hashed(b"1\n2\n") == folder.sha256("a", 4)
    lines.close()
    again = folder.append_file("a", 2)  # cut
    again.append(b"3\n")
    again.close()
    assert again.sha256 == hashed(b"1\n3\n") == folder.sha256("a", 4)
    assert folder.sha256("a", 2) == hashed(b"1\n")
    big = bytes(range(256)) * 10_000  # hashed in parts
    folder.write("big", big)
    assert folder.sha256("big", len(big) - 1) == hashed(big[:-1])
    assert folder.sha256("nothing", 1) is None
    os.mkfifo(folder.path / "pipe")
    with pytest.raises(FileError, match="not a regular file"):
        folder.sha256("pipe", 1)
