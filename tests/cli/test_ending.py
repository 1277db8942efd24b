"""How the process ends: all that was asked for is done, but not Python's own end."""

import subprocess
import sys
from pathlib import Path

import pytest

import mlpcli

ROOT = Path(mlpcli.__file__).parents[1]
BEGIN = "import atexit, sys\nfrom mlpcli.__main__ import main\n"


def run(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def run_script(script, *words):
    return run(sys.executable, "-c", BEGIN + script, *words)


@pytest.mark.parametrize(("words", "code"), [(["--version"], 0), (["train", "no.yaml"], 2)])
def test_what_was_registered_is_run_and_what_was_written_arrives(words, code):
    done = run_script("atexit.register(print, 'registered', end=''); main()", *words)
    assert done.returncode == code
    written = "" if code else f"mlp {mlpcli.__version__}\n"
    assert done.stdout == f"{written}registered"


def test_python_takes_nothing_apart():
    """It would end every object in turn: this one would say so."""
    done = run_script(
        "import os\n"
        "import mlpcli.errors\n"
        "class Kept:\n"
        "    def __del__(self, write=os.write): write(1, b'taken apart')\n"
        "mlpcli.errors.kept = Kept()\n"
        "main()",
        "--version",
    )
    assert (done.returncode, done.stdout) == (0, f"mlp {mlpcli.__version__}\n")


def test_a_profiler_sees_the_end():
    done = run(sys.executable, "-m", "cProfile", "-m", "mlpcli", "--version")
    assert done.stdout.startswith(f"mlp {mlpcli.__version__}\n")
    assert "function calls" in done.stdout


def test_an_exit_with_words_is_pythons():
    done = run_script("import mlpcli.cli.main as m; m.main = lambda: sys.exit('in words'); main()")
    assert (done.returncode, done.stderr) == (1, "in words\n")
