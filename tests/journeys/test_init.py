"""mlp init: from a bare table to a spec that trains, and nothing that is there is lost."""

import json
import os
import re
import tomllib
from pathlib import Path

import pytest

from mlpcli.cli.new_files import path_in_spec, place_of
from mlpcli.spec.draft.examples import examples
from mlpcli.spec.load import load_spec

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.stem for path in (ROOT / "configs").glob("*.yaml"))


@pytest.fixture
def place(tmp_path):
    """Return a new folder with iris.csv."""
    (tmp_path / "iris.csv").write_bytes((ROOT / "data" / "iris.csv").read_bytes())
    return tmp_path


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_from_a_table_to_a_model(mlp, place):
    listed = mlp("init", "iris.csv", cwd=place)
    assert (listed.code, listed.err) == (0, "")
    assert "iris.csv: 150 rows, 5 columns" in listed.out
    assert re.search(
        r"^species +3: setosa, versicolor, vi… +category +3 classes",
        listed.out,
        re.MULTILINE,
    )
    assert listed.out.endswith("perhaps species:\nmlp init iris.csv --target species\n")
    assert names_in(place) == ["iris.csv"]

    done = mlp("init", "iris.csv", "--target", "species", cwd=place)
    assert (done.code, done.err) == (0, "")
    assert "iris.csv: 106 train, 22 validation, 22 test rows" in done.out
    assert done.out.endswith("next: mlp train iris.yaml\n")
    assert names_in(place) == ["iris.csv", "iris.yaml", "mlp.schema.json"]
    checked = mlp("check", "iris.yaml", cwd=place)
    assert checked.code == 0
    assert "found:" not in checked.out
    assert "nothing odd in the data" in checked.out
    trained = mlp("train", "iris.yaml", "-q", "--run-dir", "run", cwd=place)
    assert (trained.code, trained.out, trained.err) == (0, "run\n", "")
    manifest = json.loads((place / "run" / "manifest.json").read_text("utf-8"))
    assert manifest["status"] == "done"


def test_the_schema_beside_it_is_that_of_mlp_schema(mlp, place):
    mlp("init", "iris.csv", "--target", "species", cwd=place)
    first = (place / "iris.yaml").read_text("utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=mlp.schema.json"
    assert (place / "mlp.schema.json").read_text("utf-8") == mlp("schema", cwd=place).out


def test_the_spec_names_its_data_from_wherever_it_lies(mlp, place):
    (place / "specs").mkdir()
    (place / "elsewhere").mkdir()
    words = ("init", "../iris.csv", "--target", "species")
    for output in ("../specs/a.yaml", "../specs"):
        assert mlp(*words, "-o", output, cwd=place / "elsewhere").code == 0
    for name in ("a.yaml", "iris.yaml"):
        spec = load_spec(str(place / "specs" / name)).spec
        assert spec.data.path == "../iris.csv"
    assert mlp("check", "specs/a.yaml", "-q", cwd=place).code == 0
    assert not list((place / "elsewhere").iterdir())


def test_data_that_share_no_folder_with_the_spec_have_their_whole_path(place, monkeypatch):
    monkeypatch.chdir(place)
    assert path_in_spec("iris.csv", Path("/usr")) == str(place / "iris.csv")
    assert path_in_spec(str(place / "iris.csv"), place / "specs") == "../iris.csv"
    (place / "link.csv").symlink_to("/usr/share/data.csv")
    assert path_in_spec(str(place / "link.csv"), place) == "link.csv"


def test_standard_output(mlp, place):
    done = mlp("init", "iris.csv", "--target", "species", "-o", "-", cwd=place)
    assert done.code == 0
    assert names_in(place) == ["iris.csv"]
    mlp("init", "iris.csv", "--target", "species", cwd=place)
    written = (place / "iris.yaml").read_text("utf-8")
    assert done.out.replace("SPEC", "iris.yaml") == written
    again = mlp("init", "iris.csv", "--target", "species", "-q", "--force", cwd=place)
    assert (again.code, again.out, again.err) == (0, "", "")


@pytest.mark.parametrize("name", ["iris.yaml", "mlp.schema.json"])
def test_what_is_there_is_kept(mlp, place, name):
    (place / name).write_text('{"title": "mine"}')
    words = ("init", "iris.csv", "--target", "species")
    for more in ((), ("-q",), ("--json",)):
        done = mlp(*words, *more, cwd=place)
        assert (done.code, done.out) == (2, "")
        assert f"mlp: {name}: is there already" in done.err
        assert "--force" in done.err
        assert names_in(place) == sorted(["iris.csv", name])
        assert (place / name).read_text() == '{"title": "mine"}'
    assert mlp(*words, "--force", cwd=place).code == 0
    assert "species" in (place / "iris.yaml").read_text("utf-8")


def test_an_older_schema_is_replaced(mlp, place):
    schema = place / "mlp.schema.json"
    schema.write_text(
        '{"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Spec"}'
    )
    assert mlp("init", "iris.csv", "--target", "species", cwd=place).code == 0
    assert "properties" in json.loads(schema.read_text("utf-8"))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "init needs a table: mlp init DATA"),
        (["-"], 2, "a spec names its data, so they have to be in a file"),
        (["pipe"], 2, "a spec names its data, so they have to be in a file"),
        (["iri.csv"], 3, "there is no such file; did you mean iris.csv?"),
        (["iris"], 2, "the shipped example: mlp init --example iris"),
        (["other.yaml"], 3, "looks like a spec, not a table"),
        (["iris.csv", "--target", "specis"], 2, "did you mean 'species'?"),
        (["iris.csv", "--target", "species", "--target", "species"], 2, "names a column twice"),
        (["iris.csv", "-o", "a.yaml"], 2, "--output: say which column"),
        (["iris.csv", "--target", "species", "-o", "iris.csv"], 2, "that is the data"),
        (["iris.csv", "--target", "species", "-o", "iris.csv", "--force"], 2, "that is the data"),
        (["iris.csv", "--target", "species", "-o", "/dev/null"], 2, "is no regular file"),
        (["iris.csv", "--target", "species", "-o", "no/a.yaml"], 6, "no/"),
        (["one.csv", "--target", "y"], 3, "every row has the same class"),
        (["--example", "irs"], 2, "did you mean iris?"),
        (["--example", "iris"], 2, "iris.csv: is there already"),
        (["--example", "iris", "--target", "species"], 2, "a shipped spec has its target"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(mlp, place, words, code, said):
    os.mkfifo(place / "pipe")
    (place / "other.yaml").write_text("data: {path: iris.csv, target: species}\n")
    (place / "one.csv").write_text("x,y\n1,a\n2,a\n")
    (place / "iris.csv").write_text((place / "iris.csv").read_text() + "\n")
    before = names_in(place)
    done = mlp("init", *words, cwd=place)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert done.err.count("\n") == 1
    assert names_in(place) == before


def test_json(mlp, place):
    listed = json.loads(mlp("init", "iris.csv", "--json", cwd=place).out)
    assert (listed["rows"], listed["suggestion"]) == (150, "species")
    assert listed["columns"][-1] == {
        "name": "species",
        "kind": "categories",
        "values": "3: setosa, versicolor, virginica",
        "missing": 0,
        "role": "category",
        "is_input": True,
        "no_input_because": None,
        "task": "multiclass",
        "classes": 3,
        "no_target_because": None,
    }
    found = json.loads(mlp("init", "iris.csv", "--target", "species", "--json", cwd=place).out)
    assert (found["spec"], found["schema"]) == ("iris.yaml", "mlp.schema.json")
    assert (found["task"], found["features"]) == ("multiclass", 4)
    assert sum(found["rows"].values()) == 150
    assert found["text"] == (place / "iris.yaml").read_text("utf-8")


def test_the_examples(mlp, tmp_path):
    listed = mlp("init", "--example", cwd=tmp_path)
    assert (listed.code, listed.err) == (0, "")
    assert [line.split()[0] for line in listed.out.splitlines()[:-1]] == EXAMPLES
    assert [
        *json.loads(mlp("init", "--example", "--json", cwd=tmp_path).out)["examples"]
    ] == EXAMPLES
    for name in ("iris", "iris_sweep"):  # of the same data: what is there already is left
        done = mlp("init", "--example", name, cwd=tmp_path)
        assert (done.code, done.err) == (0, "")
    assert "next: mlp sweep iris_sweep.yaml" in done.out
    assert (tmp_path / "iris.csv").read_bytes() == (ROOT / "data" / "iris.csv").read_bytes()
    assert mlp("check", "iris.yaml", "-q", cwd=tmp_path).code == 0


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_the_shipped_spec_with_its_data_beside_it(name, tmp_path):
    example = examples()[name]
    (tmp_path / f"{name}.yaml").write_text(example.text, "utf-8")
    ours = load_spec(str(tmp_path / f"{name}.yaml")).spec
    theirs = load_spec(str(ROOT / "configs" / f"{name}.yaml")).spec
    assert example.data.samefile(ROOT / "configs" / theirs.data.path)
    assert ours.data.path == example.data.name
    data = theirs.data.model_copy(update={"path": ours.data.path})
    assert ours == theirs.model_copy(update={"data": data})
    assert not re.search(r"\.\./|configs/", example.text)


def test_a_wheel_has_every_example():
    hatch = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]
    included = hatch["build"]["targets"]["wheel"]["force-include"]
    assert included["configs"] == "mlpcli/examples/configs"
    data = {path.name for path in (ROOT / "data").glob("*.csv")} | {"README.md"}
    assert {k: v for k, v in included.items() if k != "configs"} == {
        f"data/{name}": f"mlpcli/examples/data/{name}" for name in data
    }


def test_the_schema_is_not_replaced_by_the_spec(mlp, place):
    words = ("init", "iris.csv", "--target", "species", "-o", "mlp.schema.json")
    for more in ((), ("--force",)):
        done = mlp(*words, *more, cwd=place)
        assert done.code == 2
        assert "mlp.schema.json: is where the schema is written" in done.err
    assert names_in(place) == ["iris.csv"]


def test_an_example_replaces_no_data_that_differ(mlp, place):
    assert mlp("init", "--example", "iris", cwd=place).code == 0  # the same data
    (place / "iris.csv").write_text("mine\n", "utf-8")
    done = mlp("init", "--example", "iris", "--force", cwd=place)
    assert done.code == 2
    assert "iris.csv: is there already, and is not the example's: data that differ" in done.err
    assert (place / "iris.csv").read_text("utf-8") == "mine\n"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--target", "specie"), 2, "did you mean 'species'?"),
        (("--target", "species", "--task", "binari"), 2, "did you mean binary?"),
        (("--target", "species", "--target", "species"), 2, "--target names a column twice"),
        (("--target", "species", "-o", "no/a.yaml"), 6, "no/a.yaml: there is no folder no\n"),
    ],
)
def test_what_is_wrong_with_the_words_is_said_before_what_is_there(
    mlp, place, words, code, message
):
    (place / "iris.yaml").write_text("mine", "utf-8")
    done = mlp("init", "iris.csv", *words, cwd=place)
    assert done.code == code
    assert message in done.err
    assert "is there already" not in done.err


@pytest.mark.parametrize(
    ("data", "spec"),
    [
        ("a.csv", "a.yaml"),
        ("x/a.b.csv.gz", "a.b.yaml"),
        (".hid.csv", "hid.yaml"),
        (".csv", "spec.yaml"),
        ("2024.03", "2024.03.yaml"),
    ],
)
def test_the_name_of_the_spec(data, spec):
    assert str(place_of(data, None)) == spec
