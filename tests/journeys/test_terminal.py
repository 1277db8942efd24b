"""What is drawn on a terminal, made with the standard library's pty, and what is not."""

import os
import pty
import re
import signal
import subprocess

import pytest

ESCAPE = "\x1b"
COLOUR = re.compile(r"\x1b\[[\d;]*(?:3[0-7]|38|9[0-7])[\d;]*m")


@pytest.fixture
def on_terminal(program, folder):
    """Return a function that runs `mlp` with both outputs on a terminal; all that it showed.

    interrupt  whether it gets a SIGINT once it shows metrics, which ends it with 130
    """

    def run(*words, interrupt=False, **changes):
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [*program.words, *map(str, words)],
            cwd=folder,
            env=program.environment(**{"COLUMNS": "120", **changes}),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
        os.close(theirs)
        shown = b""
        while True:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not chunk:
                break
            shown += chunk
            if interrupt and b"train_loss" in shown:
                process.send_signal(signal.SIGINT)
        os.close(ours)
        assert process.wait(30) == (130 if interrupt else 0)
        text = shown.decode("utf-8")
        program.check(text)
        return text

    return run


TRAIN = ("train", "iris.yaml", "--run-dir", "run", "--set", "training.epochs=300")


def test_an_interrupt_leaves_the_terminal_as_it_was(on_terminal):
    shown = on_terminal(*TRAIN[:-1], "training.epochs=1000000", interrupt=True)
    assert shown.count(f"{ESCAPE}[?25l") == shown.count(f"{ESCAPE}[?25h") == 1
    assert "to go on: mlp train --resume run" in shown.rpartition(f"{ESCAPE}[?25h")[2]


def test_a_terminal_gets_a_bar_that_is_taken_away(on_terminal):
    shown = on_terminal(*TRAIN)
    assert COLOUR.search(shown)
    assert re.search(r"epoch \d+/300", shown)
    assert "rows/s" in shown
    assert shown.count(f"{ESCAPE}[?25l") == shown.count(f"{ESCAPE}[?25h") == 1  # the cursor is back
    after = shown.rpartition(f"{ESCAPE}[?25h")[2]
    assert "run: run" in after
    assert "train_loss 0." not in after


PANEL = "╭─ loss"


def test_a_terminal_gets_a_panel_of_the_losses_at_the_end(on_terminal):
    shown = on_terminal(*TRAIN)
    panel = shown[shown.index(PANEL) : shown.index("╯")]
    assert "train_loss: lowest" in panel
    assert "val_loss: lowest" in panel
    best = re.search(r"early stopping after \d+ epochs, .* s; best epoch (\d+)\r\n╭", shown)[1]
    assert f"best epoch {best}" in panel
    assert max(map(len, panel.splitlines())) == 80


@pytest.mark.parametrize(
    ("option", "changes", "escapes", "colours"),
    [
        ("auto", {"TERM": "dumb"}, False, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("rich", {"TERM": "xterm"}, True, True),
        ("plain", {"TERM": "dumb"}, False, False),
        ("none", {"TERM": "dumb"}, False, False),
    ],
)
def test_what_the_environment_asks_for(option, changes, escapes, colours, on_terminal):
    shown = on_terminal(*TRAIN, "--progress", option, **changes)
    assert (ESCAPE in shown) == escapes
    assert bool(COLOUR.search(shown)) == colours
    plain_lines = re.findall(r"^epoch \d+/300  train_loss", shown, re.MULTILINE)
    # `auto` on a dumb terminal is plain: the first line, the last, and one a second between.
    assert bool(plain_lines) == (option in ("auto", "plain") and not escapes)
    if option == "none":
        assert "epoch 1/300" not in shown
    assert (PANEL in shown) == escapes


def test_plain_on_a_good_terminal_draws_no_bar(on_terminal):
    shown = on_terminal(*TRAIN, "--progress=plain")
    assert f"{ESCAPE}[?25l" not in shown
    assert PANEL not in shown
    assert re.search(r"^epoch 1/300  train_loss", shown, re.MULTILINE)


def test_quiet_and_json_are_plain_on_a_terminal_too(on_terminal):
    assert on_terminal(*TRAIN, "-q") == "run\r\n"
    shown = on_terminal(*TRAIN, "--json", "--force")
    assert ESCAPE not in shown
    assert shown.startswith("{\r\n")


def test_a_table_keeps_to_the_width_of_the_terminal(on_terminal, trained):
    shown = on_terminal("eval", trained.run)
    assert "confusion matrix" in shown
    assert max(len(re.sub(r"\x1b\[[\d;]*m", "", line)) for line in shown.splitlines()) <= 120


@pytest.mark.parametrize("option", ["auto", "rich", "plain", "none"])
def test_in_a_pipe_there_is_no_escape_code(option, folder, mlp):
    done = mlp(*TRAIN, "--progress", option, cwd=folder)
    assert done.code == 0
    assert ESCAPE not in done.out + done.err
    assert PANEL not in done.out + done.err
    lines = [line for line in done.err.splitlines() if line.startswith("epoch ")]
    if option in ("auto", "plain"):
        seconds = float(re.search(r"epochs, ([\d.e-]+) s", done.err)[1])
        assert lines[0].startswith("epoch 1/300 ")
        assert 2 <= len(lines) <= 3 + seconds
    else:
        assert not [line for line in lines if "train_loss" in line and "300" not in line]


def test_a_long_line_of_check_is_wrapped_under_its_text(on_terminal, folder, mlp):
    rows = [f"{k % 7},{k % 5 if k else ''},{k % 2}" for k in range(60)]
    (folder / "t.csv").write_text("\n".join(["a_column,another_column,y", *rows]), "ascii")
    (folder / "t.yaml").write_text("data: {path: t.csv, target: y}\n", "ascii")
    whole = "odd: another_column: missing in 1 of 60 rows; set to the training median, 2"
    piped = mlp("check", "t.yaml", cwd=folder, env={"COLUMNS": "50"}).out
    assert f"\n{whole}\n" in piped
    shown = on_terminal("check", "t.yaml", COLUMNS="50").replace("\r\n", "\n")
    begin = "odd: another_column: missing in 1 of 60 rows; set"
    assert f"\n{begin}\n     to the training median, 2\n" in shown
    assert max(map(len, shown.splitlines())) <= 50
    assert shown.replace("\n     ", " ").count(whole) == 1
