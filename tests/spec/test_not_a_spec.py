"""A table where a spec is asked for: a sentence with what to type, which works."""

import gzip
import io
import shlex
import sys
from pathlib import Path

import pytest

from mlpcli.cli.main import main
from mlpcli.errors import SpecError, UsageError
from mlpcli.spec.load import load_spec

CSV = "a,b,y\n1,2,u\n3,4,v\n"


def refused(name, content):
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError) as caught:
        load_spec(name)
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_sentence_has_the_commands():
    assert refused("iris.csv", CSV) == (
        "iris.csv: is a table, not a spec; to see its columns: mlp init iris.csv; to write a spec "
        "that predicts the last one, and train it: mlp init iris.csv --target y && mlp train "
        "iris.yaml"
    )


@pytest.mark.parametrize(
    ("name", "content", "target"),
    [
        ("d.csv", CSV, "y"),
        ("d.tsv", CSV.replace(",", "\t"), "y"),
        ("d.csv", CSV.replace(",", ";").replace("y", "größe"), "größe"),
        ("d.csv", "\ufeff" + CSV, "y"),
        ("d.csv.gz", gzip.compress(CSV.encode(), mtime=0), "y"),
        ("it's \\n a.csv", CSV, "y"),
        ("d.csv", '"a","the y"\n1,2\n3,4\n', "the y"),
    ],
)
def test_what_is_typed_writes_a_spec_that_names_the_table(name, content, target, monkeypatch):
    command, _, train = refused(name, content).partition("train it: ")[2].partition(" && ")
    words = shlex.split(command)
    assert words[:2] == ["mlp", "init"]
    monkeypatch.setattr(sys, "argv", words)
    assert run_main() == 0
    written = shlex.split(train)[2]
    data = load_spec(written).spec.data
    assert (data.path, data.target) == (name, target)


def test_a_table_under_a_spec_s_name_has_to_be_renamed():
    found = refused("d.yaml", gzip.compress(CSV.encode(), mtime=0))  # told by its first bytes
    assert "rename it to end in .csv, .tsv, .jsonl, .parquet, .npz, then: mlp init FILE" in found


def run_main():
    try:
        main()
    except SystemExit as end:
        return end.code
    return 0


def test_no_spec_is_overwritten():
    Path("iris.yaml").write_text("data: {path: d.csv, target: y}\n")
    advice = "mlp init iris.csv --target y -o iris1.yaml && mlp train iris1.yaml"
    assert refused("iris.csv", CSV).endswith(advice)


@pytest.mark.parametrize(
    ("name", "content"), [("d.parquet", b"PAR1\0\0"), ("d.xlsx", b"PK\x03\x04\0"), ("d.npz", b"PK")]
)
def test_other_kinds_of_tables(name, content):
    assert refused(name, content).startswith(f"{name}: is a table, not a spec; ")


def test_a_spec_under_a_table_s_name_is_a_spec():
    Path("spec.csv").write_text("data: {path: d.csv, target: y}\n")
    assert load_spec("spec.csv").spec.data.path == "d.csv"


def test_a_table_on_standard_input(monkeypatch):
    class Stdin:
        def __init__(self, content):
            self.buffer = io.BytesIO(content)

    monkeypatch.setattr(sys, "stdin", Stdin(CSV.encode()))
    with pytest.raises(UsageError, match="standard input is a table, not a spec"):
        load_spec("-")


@pytest.mark.parametrize("content", ["", "a: 1\nb, c: 2\n", "just a word\n", "seed: 1\n", "- a\n"])
def test_broken_specs_are_no_tables(content):
    Path("spec.yaml").write_text(content)
    with pytest.raises(SpecError):
        load_spec("spec.yaml")
