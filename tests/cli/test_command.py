"""What goes wrong becomes one sentence and the exit code that errors.py promises."""

import errno
import os

import pytest
import typer

from mlpcli import errors
from mlpcli.cli.command import verb
from mlpcli.errors import Fault, SpecError


def outcome(capsys, work, **arguments):
    """Run a verb that does `work`; return its exit code and what it printed."""
    command = verb(lambda **_: work())
    try:
        command(**arguments)
    except typer.Exit as end:
        return end.exit_code, *capsys.readouterr()
    return 0, *capsys.readouterr()


def raising(error):
    def work():
        raise error

    return work


# The table of the design, section 6.
@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (errors.UsageError("--split: no"), 2, "mlp: --split: no\n"),
        (
            SpecError([Fault("s.yaml", 9, 1, "b", "two"), Fault("s.yaml", 3, 5, "a", "one")]),
            2,
            "mlp: s.yaml:3:5: a: one\nmlp: s.yaml:9:1: b: two\n",
        ),
        (errors.DataError("t.csv:3:1: no"), 3, "mlp: t.csv:3:1: no\n"),
        (errors.DivergedError("no"), 4, "mlp: no\n"),
        (errors.RunError("no"), 5, "mlp: no\n"),
        (errors.FileError("no"), 6, "mlp: no\n"),
        (errors.OutOfMemoryError("no"), 6, "mlp: no\n"),
        (OSError(errno.EACCES, "Permission denied", "a/b"), 6, "mlp: a/b: Permission denied\n"),
        (MemoryError(), 6, "mlp: not enough memory\n"),
        (
            MemoryError("Unable to allocate 7.28 TiB for an array with shape (10, 20) and data"),
            6,
            "mlp: not enough memory for 7.28 TiB more\n",
        ),
        (
            UnicodeEncodeError("ascii", "ä.csv", 0, 1, "no"),
            6,
            "mlp: 'ä.csv': this system's encoding, ascii, cannot write that\n",
        ),
        (KeyboardInterrupt(), 130, "mlp: interrupted\n"),
        (KeyboardInterrupt(15), 143, "mlp: interrupted\n"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_the_exit_code_and_the_sentence_of_an_error(error, code, words, capsys):
    assert outcome(capsys, raising(error)) == (code, "", words)


@pytest.mark.parametrize("error", [ValueError("x"), RecursionError("deep"), AssertionError()])
def test_a_bug_is_called_one(error, capsys):
    code, out, err = outcome(capsys, raising(error))
    assert (code, out) == (70, "")
    assert err.splitlines() == [
        f"mlp: a bug in mlp: {type(error).__name__}: {error}",
        "mlp: please report it, with the output of the same command and --debug",
    ]


def test_the_traceback_is_shown_with_debug_only(capsys):
    error = errors.DataError("t.csv: no")
    assert "Traceback" not in outcome(capsys, raising(error), debug=False)[2]
    code, _, err = outcome(capsys, raising(error), debug=True)
    assert code == 3
    assert err.startswith("Traceback (most recent call last):")
    assert err.endswith("mlp: t.csv: no\n")


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (1, 1), (4, 4), (143, 143)])
def test_what_a_verb_returns_is_the_exit_code(returned, code, capsys):
    assert outcome(capsys, lambda: returned) == (code, "", "")


def test_every_error_has_the_exit_code_that_the_table_gives_it():
    told = [line.partition("── ")[2].split() for line in errors.__doc__.splitlines()]
    table = {words[0]: int(words[1]) for words in told if words}
    classes = [each for each in vars(errors).values() if isinstance(each, type)]
    ours = [cls for cls in classes if issubclass(cls, errors.MlpError)]
    assert table == {cls.__name__: cls.exit_code for cls in ours if cls is not errors.MlpError}
    assert set(table.values()) == {2, 3, 4, 5, 6, 75}


@pytest.fixture
def broken_stdout(monkeypatch):
    """Make standard output a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr("sys.stdout", stream)
        yield stream


@pytest.mark.parametrize("code", [0, 1, 4])
@pytest.mark.parametrize("size", [10, 100_000], ids=["in the buffer", "written at once"])
@pytest.mark.usefixtures("broken_stdout")
def test_a_reader_that_has_gone_does_not_change_the_exit_code(code, size):
    from mlpcli.cli.console import print_result

    def work():
        print_result("x" * size)
        print_result("more")
        return code

    try:
        verb(lambda **_: work())()
        found = 0
    except typer.Exit as end:
        found = end.exit_code
    assert found == code


def test_of_thousands_of_faults_a_hundred_are_printed():
    said = str(SpecError([Fault("s.yaml", line, 1, "a", "no") for line in range(1, 25_001)]))
    assert said.count("\n") == 100
    assert said.endswith("s.yaml:100:1: a: no\n… and 24,900 more faults")


def test_among_very_many_words_only_the_same_one_is_near():
    words = [f"c{k}" for k in range(20_000)]
    assert errors.nearest("C77", words) == "c77"
    assert not errors.nearest("c77x", words)
    assert errors.nearest("c77x", words[:100]) == "c77"
