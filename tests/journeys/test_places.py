"""Where things lie: other directories, links, standard input; and the same bits twice."""

import json

import pytest
from safetensors.numpy import load_file


def figures(run):
    """Return metrics.csv without its last column, the seconds."""
    lines = (run / "metrics.csv").read_text("ascii").splitlines()
    assert lines[0].endswith(",seconds")
    return [line.rpartition(",")[0] for line in lines]


def test_the_same_spec_trains_to_the_same_bits(trained, folder, mlp):
    done = mlp("train", "iris.yaml", "-q", "--run-dir", "again", cwd=folder)
    assert done.code == 0
    again = folder / "again"
    assert figures(again) == figures(trained.run)
    # Not the whole file: the spec in it names its own folder.
    one, other = load_file(trained.model), load_file(again / "model.safetensors")
    assert {k: v.tobytes() for k, v in one.items()} == {k: v.tobytes() for k, v in other.items()}


def test_the_resolved_spec_of_a_run_trains_to_the_same_bits_anywhere(trained, tmp_path, mlp):
    spec = trained.run / "spec.yaml"
    done = mlp("train", spec, "-q", "--run-dir", "again", cwd=tmp_path)
    assert done.code == 0
    again = tmp_path / "again"
    assert figures(again) == figures(trained.run)
    for name in ("model.safetensors", "spec.yaml"):
        assert (again / name).read_bytes() == (trained.run / name).read_bytes()


def test_another_seed_trains_to_other_bits(trained, folder, mlp):
    done = mlp("train", "iris.yaml", "--seed", "1", "--json", cwd=folder)
    run = folder / json.loads(done.out)["run"]
    assert figures(run) != figures(trained.run)
    assert (run / "spec.yaml").read_text("utf-8").startswith("seed: 1\n")
    split = json.loads((run / "manifest.json").read_text("utf-8"))["data"]["split"]
    assert split["seed"] == 1
    assert split["indices"] != trained.manifest["data"]["split"]["indices"]


def test_paths_are_relative_to_the_spec_and_runs_to_where_one_stands(folder, mlp):
    for name in ("mine/specs", "mine/data", "elsewhere"):
        (folder / name).mkdir(parents=True)
    (folder / "iris.csv").rename(folder / "mine" / "data" / "iris.csv")
    text = (folder / "iris.yaml").read_text("utf-8").replace("iris.csv", "../data/iris.csv")
    (folder / "mine" / "specs" / "s.yaml").write_text(text, "utf-8")
    done = mlp("train", "../mine/specs/s.yaml", cwd=folder / "elsewhere")
    assert done.code == 0, done.err
    assert done.err.startswith(f"{folder.resolve()}/mine/data/iris.csv: 106 train")
    (run,) = (folder / "elsewhere" / "runs").iterdir()
    assert run.name.startswith("s-2")
    # The run knows its data from anywhere.
    done = mlp("eval", run / "model.safetensors", "--split", "test", cwd="/")
    assert done.code == 0


def test_a_path_through_a_link_is_what_the_system_says_it_is(folder, mlp):
    # specs -> deep/er/specs: `..` of it is deep/er, not here.
    (folder / "deep" / "er" / "specs").mkdir(parents=True)
    (folder / "specs").symlink_to("deep/er/specs")
    (folder / "iris.csv").rename(folder / "deep" / "er" / "real.csv")
    (folder / "deep" / "er" / "iris.csv").symlink_to("real.csv")
    text = (folder / "iris.yaml").read_text("utf-8").replace("iris.csv", "../iris.csv")
    (folder / "specs" / "s.yaml").write_text(text, "utf-8")
    done = mlp("train", "specs/s.yaml", "-q", "--run-dir", "run", cwd=folder)
    assert (done.code, done.err) == (0, "")
    (folder / "link").symlink_to("run")
    assert mlp("eval", "link", "--split", "test", cwd=folder).code == 0
    (folder / "m").symlink_to("run/model.safetensors")
    assert mlp("eval", "m", "--split", "test", cwd=folder).code == 0


def test_a_spec_on_standard_input(trained, folder, mlp):
    text = (folder / "iris.yaml").read_text("utf-8")
    done = mlp("train", "-", "-q", cwd=folder, stdin=text)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("runs/stdin-2")
    assert figures(folder / done.out.strip()) == figures(trained.run)
    done = mlp("check", "-", cwd=folder, stdin=text.replace("units: 8", "units: no"))
    assert done.code == 2
    assert done.err.startswith("mlp: <stdin>:4:20: model.layers[0].units: must be a whole number")


def test_data_on_standard_input(trained, folder, mlp):
    content = (folder / "iris.csv").read_text("utf-8")
    (folder / "iris.csv").unlink()
    words = ["--set", 'data.path="-"', "--run-dir", "run", "-q"]
    done = mlp("train", "iris.yaml", *words, cwd=folder, stdin=content)
    assert (done.code, done.err) == (0, "")
    assert figures(folder / "run") == figures(trained.run)
    done = mlp("eval", "run", cwd=folder)
    assert (done.code, done.out) == (2, "")
    assert "give the data with --data" in done.err
    # The bytes are those of the training data: split as it was.
    done = mlp("eval", "run", "--data", "-", "--json", cwd=folder, stdin=content)
    assert json.loads(done.out)["scores"] == trained.manifest["result"]["scores"]


def test_a_run_in_its_place_is_replaced_by_force_only(folder, mlp):
    words = ["train", "iris.yaml", "-q", "--run-dir", "run"]
    assert mlp(*words, cwd=folder).code == 0
    (folder / "run" / "notes.txt").write_text("mine", "ascii")
    before = (folder / "run" / "model.safetensors").read_bytes()
    done = mlp(*words, "--seed", "9", cwd=folder)
    assert (done.code, done.out) == (2, "")
    assert (folder / "run" / "model.safetensors").read_bytes() == before
    assert mlp(*words, "--seed", "9", "--force", cwd=folder).code == 0
    assert (folder / "run" / "model.safetensors").read_bytes() != before
    assert (folder / "run" / "notes.txt").read_text("ascii") == "mine"


@pytest.mark.parametrize("epochs", [0, 1])
def test_no_epochs_write_the_untrained_network(epochs, folder, mlp):
    words = ["--set", f"training.epochs={epochs}", "--json", "--run-dir", "run"]
    document = json.loads(mlp("train", "iris.yaml", *words, cwd=folder).out)
    assert (document["status"], document["epochs"], document["best_epoch"]) == (
        "done",
        epochs,
        epochs,
    )
    assert len(figures(folder / "run")) == epochs + 1
    biases = load_file(folder / "run" / "model.safetensors")["hidden.1.bias"]
    assert biases.any() == (epochs > 0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--force",), "mlp: --force replaces the run in --run-dir: say which"),
        (("--find-lr", "--run-dir", "r"), "mlp: --find-lr writes nothing: leave out --run-dir"),
    ],
)
def test_options_that_would_do_nothing_are_refused(folder, mlp, words, said):
    done = mlp("train", "iris.yaml", *words, cwd=folder)
    assert (done.code, done.out, done.err.splitlines()) == (2, "", [said])
    assert not (folder / "runs").exists()
