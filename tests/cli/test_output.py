"""Standard output that is closed, full, or that nobody reads."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlpcli.cli.output import Output, OutputError, open_closed_descriptors


class Full(io.StringIO):
    """A stream on a full disk: it fails when its buffer is written."""

    def flush(self):
        raise OSError(28, "No space left on device")


class Broken(io.StringIO):
    """A pipe whose reader has gone."""

    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")


def test_a_closed_one_takes_nothing():
    output = Output(None)
    output.write("")
    output.flush()
    with pytest.raises(OutputError, match="standard output is closed") as caught:
        output.write("a result")
    assert caught.value.exit_code == 6
    assert not output.isatty()
    assert getattr(output, "encoding", None) is None


def test_a_full_one_is_told_of_once_where_it_is_flushed_and_again_where_it_is_written():
    output = Output(Full())
    output.write("a result")
    with pytest.raises(OutputError, match="standard output: No space left on device"):
        output.flush()
    output.flush()  # as Python does when it ends
    with pytest.raises(OutputError):
        output.write("another")


def test_a_reader_that_has_gone_is_remembered():
    output = Output(Broken())
    output.write("a result")
    output.write("another")
    assert output.is_unread
    assert not Output(io.StringIO()).is_unread


def test_bytes_are_refused_without_harm():
    output = Output(io.StringIO())
    with pytest.raises(TypeError):
        output.write(b"")
    assert output.failure is None


def test_closed_descriptors_are_no_longer_free(tmp_path):
    """In a process of its own, 1 and 2 closed: the next file is none of the three."""
    code = (
        "import os; from mlpcli.cli.output import open_closed_descriptors as ready; ready();"
        "file = os.open('next', os.O_CREAT | os.O_WRONLY);"
        "os.write(file, str(file).encode()); os.write(1, b'lost'); os.write(2, b'lost')"
    )
    line = ["sh", "-c", '"$0" -c "$1" <&- >&- 2>&-', sys.executable, code]
    root = str(Path(__file__).parents[2])
    subprocess.run(line, cwd=tmp_path, check=True, env=os.environ | {"PYTHONPATH": root})
    assert (tmp_path / "next").read_text("ascii") == "3"


def test_open_ones_are_left_alone():
    before = [os.fstat(descriptor).st_ino for descriptor in range(3)]
    open_closed_descriptors()
    assert [os.fstat(descriptor).st_ino for descriptor in range(3)] == before
