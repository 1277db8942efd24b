"""How the process ends: exit codes, registered functions, interrupts."""

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


INTERRUPTS = """
class Field:
    def __set_name__(self, owner, name):
        raise KeyboardInterrupt
def interrupted():
    type("Owner", (), {"field": Field()})  # Python 3.11 makes a RuntimeError of it
"""


@pytest.mark.parametrize("where", ["mlpcli.cli.main.main", "mlpcli.cli.main.app_for"])
def test_an_interrupt_that_python_has_wrapped_is_one(where):
    module, _, name = where.rpartition(".")
    patch = f"import {module}; {module}.{name} = lambda *_: interrupted()\nmain()"
    done = run_script(INTERRUPTS + patch, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_an_interrupt_within_a_verb_is_said_to_be_one():
    patch = "import mlpcli.spec.load as load; load.load_spec = lambda *_: interrupted()\nmain()"
    done = run_script(INTERRUPTS + patch, "check", "configs/iris.yaml")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "mlp: interrupted\n")
    wrapped = "(_ for _ in ()).throw(ValueError('in a <lambda>: KeyboardInterrupt: '))"
    pydantics = patch.replace("interrupted()", wrapped)
    done = run_script(pydantics, "check", "configs/iris.yaml")
    assert (done.returncode, done.stderr) == (130, "mlp: interrupted\n")
