"""docs/other_tools.md is of the stored figures, and what is to be written is what it counts."""

import importlib
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "other_tools.md").read_text("utf-8")
STORED = json.loads((ROOT / "benchmarks" / "other_tools.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield importlib.import_module("other_tools")
        del sys.modules["other_tools"]


def test_the_page_names_its_command_and_is_that_of_the_stored_figures(script):
    assert "python benchmarks/other_tools.py" in PAGE
    assert script.page(STORED) == PAGE


def test_each_tool_is_in_the_page_with_its_lines_and_commands(script):
    rows = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line[:3] == "| m"]
    assert [one["name"] for one in STORED["tools"]] == [tool.name for tool in script.TOOLS]
    assert rows[0][:3] == ["mlp", "4", "0"]


def test_lines_are_those_that_say_something(script, tmp_path):
    (tmp_path / "a.py").write_text('"""What it is."""\n\nimport sys\n\n# why\nprint(sys)\n')
    assert script.lines(tmp_path / "a.py") == 2


def test_figures_are_of_the_true_class_whatever_a_tool_calls_its_columns(script, tmp_path):
    (tmp_path / "new.csv").write_text("prediction,probability_0,probability_1\n0,0.8,0.2\n1,0,1\n")
    found = script.judge(tmp_path, ["0", "0"])
    # −ln 0.8 and −ln of ε of float32
    assert found["loss"] == pytest.approx((0.2231436 + 15.9423852) / 2)
    assert found["right"] == 0.5
