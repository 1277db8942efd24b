"""Data files written, read, split and encoded; and the message of what is refused."""

from pathlib import Path

import pytest

from mlpcli.data import csv_values, readers
from mlpcli.data.data_options import DataOptions
from mlpcli.data.loading import load_dataset
from mlpcli.data.readers import ReadOptions, read_table
from mlpcli.data.splitting import SplitOptions
from mlpcli.errors import DataError


@pytest.fixture(scope="module", params=["small", "large"], autouse=True)
def way(request):
    """Run all tests over both ways in which a CSV file's values are read; yield the way.

    Small files by the csv module; large ones by pandas, here three rows at a time.
    """
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "large":
            patch.setattr(readers, "SMALL", -1)
            patch.setattr(csv_values, "SAMPLE_ROWS", 1)
            patch.setattr(csv_values, "BLOCK_CELLS", 1)
            patch.setattr(csv_values, "BLOCK_ROWS", 3)
        yield request.param


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes a file into the current folder, and gives its name back."""
    monkeypatch.chdir(tmp_path)

    def write(content, name="d.csv"):
        Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return name

    return write


@pytest.fixture
def table(write):
    """Return a function that reads a file's content as a table."""
    return lambda content, name="d.csv", **options: read_table(
        write(content, name), ReadOptions(**options)
    )


@pytest.fixture
def refusal(table):
    """Return a function that gives the sentence with which a file's content is refused."""

    def refusal(content, name="d.csv", **options):
        with pytest.raises(DataError) as caught:
            table(content, name, **options)
        assert caught.value.exit_code == 3
        return str(caught.value)

    return refusal


@pytest.fixture(scope="session")
def data_options():
    """Return a function that makes options; those of the split stand beside the others."""

    def data_options(given):
        names = {"validation", "test", "stratify", "seed", "group", "time", "split_column"}
        names.add("is_default")
        split = {key: given[key] for key in names & given.keys()}
        if "split_column" in split:
            split["column"] = split.pop("split_column")
        others = {key: value for key, value in given.items() if key not in names}
        return DataOptions(**others, split=SplitOptions(**split))

    return data_options


@pytest.fixture
def dataset(write, data_options):
    """Return a function that makes a data set of a CSV text, with target y."""

    def dataset(content, name="d.csv", **options):
        given = {"targets": ["y"], "path": write(content, name), "dtype": "float64"} | options
        return load_dataset(data_options(given))

    return dataset


@pytest.fixture
def no_dataset(dataset):
    """Return a function that gives the sentence with which a data set is refused."""

    def no_dataset(content, name="d.csv", **options):
        with pytest.raises(DataError) as caught:
            dataset(content, name, **options)
        return str(caught.value)

    return no_dataset
