"""Loss curves in characters: heights, widths and scales by hand."""

import math

import pytest

from mlpcli.cli.loss_curve import _columns, _level, _strip, panel_lines, print_curves


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
    assert _strip([1.0, 0.6, 0.0, math.nan], 2, utf=False) == ["|.  ", "||. "]
    assert _strip([1.0, 0.0, math.nan], 1, utf=False) == ["|. "]


FELL = [{"train_loss": t, "val_loss": v} for t, v in [(9.0, 8.0), (5.0, 1.0), (3.0, 5.0)]]


def test_the_panel_has_both_losses_on_one_scale_and_marks_the_best_epoch():
    assert panel_lines(FELL, 2, 64) == [
        "╭─ loss, 1 to 9 ───────────────────────────────────────────────╮",
        "│ train_loss: lowest 3 in epoch 3 of 3, last 3                 │",
        "│ ████████████████████                                         │",
        # 3 lines of 8 eighths: 5 is half the way from 1 to 9, so 1 + 23 / 2 of 24 eighths: 13
        "│ ████████████████████▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅                     │",
        "│ ████████████████████████████████████████▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇ │",
        "│ val_loss: lowest 1 in epoch 2 of 3, last 5                   │",
        "│ ▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅                                         │",
        "│ ████████████████████                    ▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅ │",
        "│ ████████████████████▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁████████████████████ │",
        "│ 1                             ▲ best epoch 2               3 │",
        "╰──────────────────────────────────────────────────────────────╯",
    ]


@pytest.mark.parametrize("width", [*range(30, 90), 200])
@pytest.mark.parametrize("best", [None, 0, 1, 2, 3, 4])
def test_a_panel_has_the_width_it_is_given(width, best):
    lines = panel_lines(FELL, best, width, utf=width % 2 == 0)
    assert {len(line) for line in lines} == {width}
    assert width % 2 == 0 or all(line.isascii() for line in lines)
    assert ("best epoch" in lines[-2]) == (best in (1, 2, 3))
    if best in (1, 2, 3):
        at = min(k for k, letter in enumerate(lines[-2]) if letter in "▲^") - 2
        assert (best - 1) / 3 <= at / (width - 4) < best / 3


@pytest.mark.parametrize(
    ("losses", "width"),
    [(FELL[:2], 80), (FELL, 29), ([], 80), ([{"train_loss": math.nan}] * 4, 80)],
)
def test_there_is_no_panel_where_there_is_nothing_to_see(losses, width):
    assert panel_lines(losses, 1, width) == []


def test_a_panel_without_validation_rows_and_of_a_loss_that_diverged():
    lines = panel_lines([{"train_loss": x} for x in (1.0, 2.0, math.inf, math.nan)], 1, 40)
    assert [line for line in lines if "loss" in line[:14]] == [
        "╭─ loss, 1 to 2 ───────────────────────╮",
        "│ train_loss: last –                   │",
    ]
