"""Loss curves in characters: heights, widths and scales by hand."""

import math

import pytest

from mlpcli.cli.loss_curve import _columns, _level, _strip, print_curves


def rows(losses, column="val_loss"):
    return [{"train_loss": 0.5, column: loss} for loss in losses]


@pytest.fixture(autouse=True)
def sixty_wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "62")


def test_a_line_from_high_to_low(capsys):
    print_curves([("one", rows([9.0, 5.0, 1.0]))])
    head, title, *strip = capsys.readouterr().out.splitlines()[1:]
    assert head == "val_loss of epochs 1 to 3; 1 to 9"
    assert title == "one: lowest 1 in epoch 3 of 3"
    assert len(strip) == 6
    assert strip[0] == " |" + "█" * 20  # of three epochs each has a third of the width
    # half of 48 eighths and a bit: three whole lines and one eighth over them
    assert strip[2] == " |" + "█" * 20 + "▁" * 20
    assert strip[5] == " |" + "█" * 40 + "▁" * 20


def test_all_runs_have_the_same_scales(capsys):
    print_curves([("a", rows([8.0, 4.0])), ("b", rows([2.0]))])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "val_loss of epochs 1 to 2; 2 to 8"
    at = lines.index("b: lowest 2 in epoch 1 of 1")
    assert lines[at + 1 : at + 7] == [" |"] * 5 + [" |" + "▁" * 30]  # half as long, and the lowest


def test_a_logarithm_where_losses_fall_far():
    assert _level(10.0, 1.0, 100.0, log=True) == pytest.approx(0.5)
    assert _level(10.0, 1.0, 100.0, log=False) == pytest.approx(9 / 99)
    assert _level(3.0, 3.0, 3.0, log=False) == 0
    assert math.isnan(_level(math.nan, 1.0, 2.0, log=True))


def test_many_epochs_are_means_and_none_is_left_out():
    assert _columns([1.0, 3.0, 5.0, math.inf, 9.0, 9.0], 6, 3) == [2.0, 5.0, 9.0]
    assert _columns([1.0, 2.0], 2, 5) == [1.0, 1.0, 2.0, 2.0]
    found = _columns([1.0, 3.0], 4, 4)
    assert found[:2] == [1.0, 3.0]
    assert all(map(math.isnan, found[2:]))


def test_the_training_loss_where_one_run_has_no_other(capsys):
    print_curves([("a", rows([8.0, 4.0])), ("b", [{"train_loss": 2.0}])])
    assert capsys.readouterr().out.splitlines()[1].startswith("train_loss of epochs 1 to 2; 0.5 to")


def test_nothing_where_no_loss_is_a_number(capsys):
    print_curves([("a", rows([math.nan, math.inf]))])
    assert capsys.readouterr().out == ""


def test_in_ascii(monkeypatch):
    class Ascii:
        encoding = "ascii"

    monkeypatch.setattr("sys.stdout", Ascii())
    # six levels, of which the lowest loss has one: 1 + round(0.6 · 5) = 4 is a line and one third
    assert _strip([1.0, 0.6, 0.0, math.nan], 2) == ["|.  ", "||. "]
    assert _strip([1.0, 0.0, math.nan], 1) == ["|. "]
