"""A table where a spec is asked for: a sentence with what to type, which works."""

import gzip
import io
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_the_sentence_has_the_smallest_spec():
    assert refused("iris.csv", CSV) == (
        "iris.csv: is a table, not a spec; write the smallest spec, with the column to predict as "
        "target, and train that: printf '%s\\n' 'data: {path: \"iris.csv\", target: \"y\"}' > "
        "iris.yaml && mlp train iris.yaml"
    )


@pytest.mark.parametrize(
    ("name", "content", "target"),
    [
        ("d.csv", CSV, "y"),
        ("d.tsv", CSV.replace(",", "\t"), "y"),
        ("d.csv", CSV.replace(",", ";").replace("y", "größe"), "größe"),
        ("d.csv", "\ufeff" + CSV, "y"),
        ("d.csv.gz", gzip.compress(CSV.encode(), mtime=0), "y"),
        ("d.yaml", gzip.compress(CSV.encode(), mtime=0), "y"),  # told by its first bytes
        ("it's \\n a.csv", CSV, "y"),
        ("d.csv", '"a","the ""y"""\n1,2\n'.replace('""', ""), "the y"),
    ],
)
def test_what_is_typed_writes_a_spec_that_names_the_table(name, content, target):
    typed = refused(name, content).partition("train that: ")[2].partition(" && ")[0]
    subprocess.run(["/bin/sh", "-c", typed], check=True)
    (written,) = Path.cwd().glob("*.yaml" if not name.endswith("yaml") else "d1.yaml")
    data = load_spec(str(written)).spec.data
    assert (data.path, data.target) == (name, target)


def test_no_spec_is_overwritten():
    Path("iris.yaml").write_text("data: {path: d.csv, target: y}\n")
    assert "> iris1.yaml && mlp train iris1.yaml" in refused("iris.csv", CSV)


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
