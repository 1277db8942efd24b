"""What a misspelt file name may have meant."""

from pathlib import Path

import pytest

from mlpcli.similar_files import did_you_mean

FILES = (
    *("configs/iris.yaml", "configs/digits.yml", "configs/.hidden.yaml", "data/iris.csv"),
    *("data/housing.csv.gz", "configs/wine\x1b[31m.yaml", "data/iris.yaml/note"),
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def is_spec(path):
    return path.suffix in (".yaml", ".yml")


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("configs/irs.yaml", "configs/iris.yaml"),
        ("configs/iris.yml", "configs/iris.yaml"),
        ("configs/iris", "configs/iris.yaml"),
        ("configs/Iris.yaml", "configs/iris.yaml"),
        ("config/iris.yaml", "configs/iris.yaml"),
        ("confgs/digit.yaml", "configs/digits.yml"),
        ("./configs/irs.yaml", "configs/iris.yaml"),
        ("configs/zebra.yaml", ""),
        ("configs/.hiden.yaml", ""),  # what is hidden stays so
        ("configs/wine.yaml", ""),  # not fit to be printed
        ("nothing/like/it/iris.yaml", ""),
        ("/nowhere/iris.yaml", ""),
        ("configs/iris.yaml/x.yaml", ""),
    ],
)
def test_a_spec_beside_it_with_a_similar_name(path, meant):
    assert did_you_mean(path, is_spec) == (f"; did you mean {meant}?" if meant else "")


def test_of_the_same_name_the_one_with_the_same_ending():
    Path("configs/iris.yml").touch()
    assert did_you_mean("configs/irs.yml", is_spec) == "; did you mean configs/iris.yml?"
    assert did_you_mean("configs/irs.yaml", is_spec) == "; did you mean configs/iris.yaml?"


def test_only_of_the_kind_that_is_wanted():
    def is_table(path):
        return path.name.endswith((".csv", ".csv.gz"))

    assert did_you_mean("data/iris.tsv", is_table) == "; did you mean data/iris.csv?"
    assert did_you_mean("data/hosing.csv", is_table) == "; did you mean data/housing.csv.gz?"
    assert did_you_mean("configs/iris.csv", is_table) == ""


def test_an_absolute_path_stays_one(tmp_path):
    assert did_you_mean(f"{tmp_path}/configs/irs.yaml", is_spec) == (
        f"; did you mean {tmp_path}/configs/iris.yaml?"
    )
