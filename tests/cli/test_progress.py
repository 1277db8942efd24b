"""Progress: which kind where, and how often a plain line comes."""

import io
import re

import pytest

from mlpcli.cli import progress
from mlpcli.cli.progress import NoProgress, PlainProgress, RichProgress, progress_for
from mlpcli.cli.progress_bar import GAP, LinePart, bar_part, fitting, time_left_part
from mlpcli.training.events import Ended, EpochEnded, LanesAdvanced, Progress

COLUMNS = ["epoch", "train_loss", "val_loss", "val_accuracy", "learning_rate", "seconds"]


def ended(epoch, best=1):
    row = dict(zip(COLUMNS, [epoch, 0.5, 0.25, 1.0, 0.1, 0.001], strict=True))
    return EpochEnded(epoch, [0], [row], row, improved=True, best_epoch=best)


def lines_of(seconds, capsys, monkeypatch):
    """Return the epochs of the lines that are printed for epochs ending at these times."""
    times = iter(seconds)
    monkeypatch.setattr(progress.time, "monotonic", lambda: 1000.0 + next(times))
    shown = PlainProgress(len(seconds), COLUMNS)
    for epoch in range(1, len(seconds) + 1):
        shown.show(Progress(epoch, 1, 1))
        shown.show(ended(epoch))
    shown.show(Ended("finished", len(seconds), 1, 0.0))
    shown.close()
    out, err = capsys.readouterr()
    assert out == ""
    return [int(line.split()[1].split("/")[0]) for line in err.splitlines()]


@pytest.mark.parametrize(
    ("seconds", "epochs"),
    [
        ([0.0], [1]),
        ([0.0, 0.1, 0.2, 0.3], [1, 4]),
        ([0.0, 0.9, 1.0, 1.9, 2.0], [1, 3, 5]),
        ([0.0, 0.5, 1.5, 1.6, 1.7], [1, 3, 5]),
        ([0.0, 5.0, 10.0], [1, 2, 3]),
        ([], []),
    ],
)
def test_plain_lines_come_once_a_second_the_first_and_the_last_always(
    seconds, epochs, capsys, monkeypatch
):
    assert lines_of(seconds, capsys, monkeypatch) == epochs


def test_a_plain_line_has_every_figure(capsys):
    PlainProgress(20, COLUMNS).show(ended(7, best=3))
    assert capsys.readouterr().err == (
        "epoch 7/20  train_loss 0.5  val_loss 0.25  val_accuracy 1  best epoch 3\n"
    )


def test_replicas_whose_means_wait_for_others_are_named(capsys, monkeypatch):
    """Stacks one after the other: an epoch has no mean until the last of them has done it."""
    now = iter([1000.0, 1000.5, 1001.0, 1002.0, 1003.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    shown = PlainProgress(9, COLUMNS)
    shown.show(LanesAdvanced(1, [0, 1]))  # may complete epoch 1: its line comes next
    for epoch in (2, 3, 4):  # at 0, 0.5 and 1 second
        shown.show(LanesAdvanced(epoch, [0, 1]))
    shown.show(LanesAdvanced(5, [1]))
    shown.show(ended(1))
    shown.show(LanesAdvanced(2, [2]))
    assert capsys.readouterr().err.splitlines() == [
        "replicas 0 to 1: epoch 2/9",
        "replicas 0 to 1: epoch 4/9",
        "replica 1: epoch 5/9",
        "epoch 1/9  train_loss 0.5  val_loss 0.25  val_accuracy 1  best epoch 1",
    ]


def test_the_bar_does_not_go_back(monkeypatch):
    """The first epoch's mean may come when most of the work is done."""
    monkeypatch.setattr("sys.stderr", io.StringIO())
    shown = RichProgress(10, COLUMNS)
    shown.show(Progress(8, 1, 2, 4))
    shown.show(ended(1))
    done = shown.bar.tasks[0].completed
    shown.close()
    assert done == 7.5


@pytest.mark.parametrize(
    ("kind", "terminal", "expected"),
    [
        ("auto", False, PlainProgress),
        ("auto", True, RichProgress),
        ("plain", True, PlainProgress),
        ("none", True, NoProgress),
        ("rich", False, RichProgress),
    ],
)
def test_which_progress_where(kind, terminal, expected, monkeypatch):
    stream = io.StringIO()
    stream.isatty = lambda: terminal
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    shown = progress_for(kind, 3, COLUMNS)
    shown.close()
    assert type(shown) is expected


def test_without_standard_error_there_is_nothing_to_draw_on(monkeypatch, capfd):
    monkeypatch.setattr("sys.stderr", None)
    for kind in ("auto", "plain", "rich", "none"):
        shown = progress_for(kind, 3, COLUMNS)
        shown.show(ended(1))
        shown.close()
    assert capfd.readouterr() == ("", "")


class Gone(io.StringIO):
    """A terminal that was closed."""

    def isatty(self):
        return True

    def write(self, text):
        raise BrokenPipeError

    def flush(self):
        raise OSError(5, "Input/output error")


@pytest.mark.parametrize("kind", ["rich", "plain"])
def test_a_terminal_that_was_closed_ends_no_training(kind, monkeypatch, capfd):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", Gone())
    shown = progress_for(kind, 3, COLUMNS)
    for epoch in (1, 2, 3):
        shown.show(Progress(epoch, 10, 10))
        shown.show(ended(epoch))
    shown.close()
    monkeypatch.undo()  # or closing the stream would fail
    print("results are still heard", flush=True)  # noqa: T201
    assert capfd.readouterr().out == "results are still heard\n"


def test_the_bar_knows_epochs_rows_and_the_best(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    shown = RichProgress(4, COLUMNS)
    shown.show(Progress(1, 50, 100))
    assert shown.bar.tasks[0].completed == 0.5
    shown.show(Progress(1, 100, 100))
    shown.show(ended(1))
    shown.show(Progress(2, 25, 100))
    task = shown.bar.tasks[0]
    assert (task.completed, task.total) == (1.25, 4)
    assert task.fields["metrics"] == ["train_loss 0.5", "val_loss 0.25", "val_accuracy 1"]
    assert task.fields["best"] == "best 1"
    shown.close()


def test_the_speed_is_that_of_this_session(monkeypatch):
    now = iter([1000.0, 1001.0, 1002.0])
    monkeypatch.setattr("sys.stderr", io.StringIO())
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    shown = RichProgress(9000, COLUMNS)
    shown.show(Progress(5001, 10, 100))  # resumed after 5000 epochs
    assert shown.bar.tasks[0].fields["speed"] == "0 rows/s"
    shown.show(Progress(5002, 10, 100))
    assert shown.bar.tasks[0].fields["speed"] == "50 rows/s"  # 100 rows in 2 seconds
    monkeypatch.undo()
    shown.close()


REST = "val_loss 0.25  val_accuracy 1  best 37"


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (5, "epoc…"),
        (15, "epoch 50/300"),
        (25, "epoch 50/300  -:--:--"),
        (40, "epoch 50/300  val_loss 0.25  -:--:--"),
        (60, "epoch 50/300  BAR  val_loss 0.25  best 37  -:--:--"),
        (80, f"epoch 50/300  BAR  {REST}  -:--:--"),
        (120, f"epoch 50/300  BAR  train_loss 0.5  {REST}  1,000 rows/s  -:--:--"),
        (160, f"epoch 50/300  BAR  train_loss 0.5  {REST}  1,000 rows/s  -:--:--"),
    ],
)
def test_the_epoch_is_the_last_thing_to_be_cut(width, line, monkeypatch):
    """A bar, drawn as BAR here, and the time left stay at 80 columns."""
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("COLUMNS", str(width))
    shown = RichProgress(300, COLUMNS)
    shown.show(ended(50, best=37))
    shown.bar.update(shown.task, speed="1,000 rows/s")
    shown.close()
    stream.truncate(0)
    stream.seek(0)
    shown.bar.console.print(shown.bar.make_tasks_table(shown.bar.tasks))
    (drawn,) = stream.getvalue().rstrip("\n").split("\n")
    assert len(drawn) <= width
    assert re.sub("━+╸? *  ", "BAR  ", drawn.rstrip()) == line


@pytest.mark.parametrize("width", range(1, 200))
def test_a_progress_line_never_wraps_and_never_loses_the_epoch(width):
    parts = [LinePart("epoch 50/300", 0), bar_part(3), LinePart("val_loss 1.234e-05", 2)]
    parts += [LinePart("", 4), LinePart("999,999 rows/s", 7), time_left_part(1)]
    sized = fitting(parts, width)
    assert sized[0][0].text == "epoch 50/300"
    assert sum(cells for _, cells in sized) + GAP * (len(sized) - 1) <= width
    assert all(cells >= part.width for part, cells in sized[1:])
    assert "" not in [part.text for part, _ in sized]
