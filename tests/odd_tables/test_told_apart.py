"""A spec where a table is meant, a table where a spec is meant, and what comes through a pipe."""

import gzip

import pytest
from case import csv_text, houses
from commands import run

TABLE = csv_text(houses())
SPEC = "data: {path: t.csv, target: price}\n"
PIPE = "data: {path: '-', target: price}\n"
SHORT = ("--set", "training.epochs=1", "--run-dir", "run", "-q")


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text(TABLE, "utf-8")
    (tmp_path / "spec.yaml").write_text(SPEC, "utf-8")
    (tmp_path / "pipe.yaml").write_text(PIPE, "utf-8")


def refused(done, code, *words):
    assert done.code == code, done.err
    assert len(done.err.splitlines()) == 1
    assert all(word in done.err for word in words), done.err


@pytest.mark.parametrize("verb", ["check", "train"])
def test_a_table_as_a_spec(verb):
    refused(run(verb, "t.csv"), 2, "t.csv", "table")


def test_a_spec_as_the_table_to_predict():
    assert run("train", "spec.yaml", *SHORT).code == 0
    refused(run("predict", "run", "spec.yaml"), 3, "spec.yaml", "spec")


def test_a_table_on_standard_input():
    assert run("check", "pipe.yaml", stdin=TABLE.encode()).code == 0


def test_a_compressed_table_on_standard_input():
    done = run("check", "pipe.yaml", stdin=gzip.compress(TABLE.encode()))
    assert done.code == 0, done.err
