"""Every verb, key and family member is documented; every shipped spec is valid."""

import subprocess
import sys
from pathlib import Path

import pytest

from mlpcli.spec.load import load_spec
from mlpcli.training.build import load_dataset

ROOT = Path(__file__).parents[1]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


def test_the_reference_is_what_the_code_says():
    script = ROOT / "docs" / "make_reference.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_shipped_spec_is_valid_and_its_data_load(path):
    assert load_dataset(load_spec(str(path))).parts["test"].rows.size


def test_there_is_a_spec_for_each_data_set():
    named = {Path(load_spec(str(path)).spec.data.path).stem for path in CONFIGS}
    assert named == {path.stem for path in (ROOT / "data").glob("*.csv")}


def test_the_reference_names_every_verb_of_the_help():
    done = subprocess.run(
        [sys.executable, "-m", "mlpcli", "--help"], capture_output=True, text=True, check=True
    )
    listed = done.stdout.partition("Commands:")[2].split("\n")
    verbs = [line.split()[0] for line in listed if line.startswith("  ") and line[2] != " "]
    reference = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert verbs
    assert all(f"### mlp {verb}\n" in reference for verb in verbs)
