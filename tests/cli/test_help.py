"""What `--help` says: each verb's exit codes, the same in the README and the reference."""

import pkgutil
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mlpcli import errors
from mlpcli.cli import verbs
from mlpcli.cli.exit_codes import MEANINGS, OF_VERBS, codes_of, sentence
from mlpcli.cli.main import app_for

ROOT = Path(__file__).parents[2]
VERBS = [module.name for module in pkgutil.iter_modules(verbs.__path__)]


def words(text):
    return " ".join(text.split())


def help_of(*arguments):
    done = CliRunner().invoke(app_for(arguments), [*arguments, "--help"])
    assert done.exit_code == 0
    return words(done.output)


def test_each_verb_has_its_codes_in_the_table():
    assert set(VERBS) <= set(OF_VERBS), "write the exit codes of a new verb in cli/exit_codes.py"


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_names_its_exit_codes(verb):
    assert sentence(codes_of(verb)) in help_of(verb)
    page = (ROOT / "docs" / "reference.md").read_text("utf-8")
    section = page.partition(f"### mlp {verb}\n")[2].partition("\n##")[0]
    assert sentence(codes_of(verb)) in section
    for option in re.findall(r" (--[a-z-]+)", help_of(verb).partition("Options:")[2]):
        if option != "--help":
            assert f"`{option}" in section, option


def test_the_codes_are_those_of_the_errors():
    kinds = [getattr(errors, name) for name in dir(errors)]
    codes = {str(kind.exit_code) for kind in kinds if hasattr(kind, "exit_code")}
    assert codes | {"0", "1", "128 + signal"} == set(MEANINGS)
    assert list(codes_of("train")) == ["0", "2", "3", "4", "5", "6", "70", "75", "128 + signal"]
    assert codes_of("replay")["1"] == "other bits"
    assert codes_of("eval")["5"] == MEANINGS["5"]


def test_the_readme_and_the_help_say_all_of_them():
    listed = " · ".join(f"{code} {meaning}" for code, meaning in MEANINGS.items())
    assert f"Exit codes: {listed}." in words((ROOT / "README.md").read_text("utf-8"))
    assert sentence(MEANINGS) in help_of()


@pytest.mark.parametrize("verb", [None, *VERBS])
def test_the_help_keeps_to_a_narrow_terminal(verb, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    arguments = [] if verb is None else [verb]
    done = CliRunner().invoke(app_for(arguments), [*arguments, "--help"])
    long = [line for line in done.output.splitlines() if len(line) > 40]
    # An example is one line, to be copied; a word is never broken.
    assert [line for line in long if "mlp" not in line and len(line.split()) > 1] == []
    assert words(done.output).count("Show this message and exit.") == 1


@pytest.mark.parametrize("verb", [None, *VERBS])
def test_the_help_fits_into_80_columns_examples_and_all(verb, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    arguments = [] if verb is None else [verb]
    lines = CliRunner().invoke(app_for(arguments), [*arguments, "--help"]).output.splitlines()
    cut = [line for line in lines if line.endswith("...") and "Usage:" not in line]
    assert cut + [line for line in lines if len(line) > 80] == []
