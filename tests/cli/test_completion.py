"""What the shell completes: keys of --set down the schema, values, metrics, specs, runs."""

import pytest

from mlpcli.cli import completion, main
from mlpcli.cli.completion import (
    BEFORE,
    complete_key,
    complete_metric,
    complete_run,
    complete_run_or_study,
    complete_spec,
    complete_spec_or_run,
    join_words,
)
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.spec.schema import Spec
from mlpcli.training.metrics import METRICS


@pytest.mark.parametrize(
    ("words", "at", "joined", "before"),
    [
        (["mlp", "train", "--set", "a.b"], 3, ["mlp", "train", "--set", "a.b"], None),
        (["mlp", "train", "--set", "a.b", "=", "x"], 5, ["mlp", "train", "--set", "x"], "a.b="),
        (["mlp", "train", "--set", "a.b", "="], 4, ["mlp", "train", "--set", ""], "a.b="),
        (
            ["mlp", "train", "--set", "=", "a.b", "=", "x"],
            6,
            ["mlp", "train", "--set", "x"],
            "a.b=",
        ),
        (["mlp", "eval", "--split", "=", "te"], 4, ["mlp", "eval", "--split=te"], None),
        (
            ["mlp", "train", "--set", "a", "=", "1", "--set", "b", "=", "x", "c.yaml"],
            9,
            ["mlp", "train", "--set", "a=1", "--set", "x"],
            "b=",
        ),
        (
            ["mlp", "train", "--set", "a", "=", "1", ""],
            6,
            ["mlp", "train", "--set", "a=1", ""],
            None,
        ),
        (["mlp", ""], 1, ["mlp", ""], None),
    ],
)
def test_the_words_that_bash_parts_are_joined(words, at, joined, before):
    environment = {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(at)}
    join_words(environment)
    assert environment["COMP_WORDS"].split("\n") == joined
    assert int(environment["COMP_CWORD"]) == len(joined) - 1
    assert environment.get(BEFORE) == before


def test_a_shell_that_gives_no_words_is_let_be():
    environment = {"_TYPER_COMPLETE_ARGS": "mlp tr"}
    join_words(environment)
    assert environment == {"_TYPER_COMPLETE_ARGS": "mlp tr"}


@pytest.mark.parametrize(
    ("typed", "candidates"),
    [
        ("se", ["seed=", "seed=0"]),
        ("training.optimizer=ad", ["adagrad", "adadelta", "adam", "adamw"]),
        ("training.optimizer.na", None),
        (
            "training.e",
            ["training.epochs=", "training.early_stopping=", "training.early_stopping."],
        ),
        ("training.early_stopping.monitor=val_l", ["val_loss", "val_log_loss"]),
        ("model.layers[2].norm=", ["batch", "layer", "null"]),
        ("model.layers[2].k", ["model.layers[2].keep_prob=", "model.layers[2].keep_prob=1"]),
        ("runtime.dtype=float", ["float32", "float64"]),
        ("data.split.strat", None),
        ("trainin.", []),
        ("epochs", []),
    ],
)
def test_keys_and_their_values(typed, candidates):
    found = complete_key(typed)
    if candidates is None:  # the key is the only one: with each of its values
        assert len(found) > 2
        assert found[0].endswith("=")
        assert {each.partition("=")[0] for each in found} == {found[0][:-1]}
    else:
        key = typed.rpartition("=")[0]
        assert found == [f"{key}={each}" if key else each for each in candidates]


def test_where_more_has_to_be_typed_no_candidate_is_alone():
    """A shell would put a blank behind it."""
    for typed in ("tr", "training", "training.", "training.optimizer.", "regul", "model.layers["):
        found = complete_key(typed)
        assert len(found) > 1, typed
        assert all(each.startswith(typed) for each in found)
    assert "training.epochs=" in complete_key("tr")


def test_behind_the_sign_bash_completes_the_value_alone(monkeypatch):
    monkeypatch.setenv(BEFORE, "training.optimizer=")
    assert complete_key("sg") == ["sgd"]
    assert complete_key("") == list(OPTIMIZERS)


def test_every_section_and_key_of_the_schema_can_be_reached():
    def walk(model, prefix):
        for name, field in model.model_fields.items():
            yield prefix + name
            if hasattr(field.annotation, "model_fields"):
                yield from walk(field.annotation, f"{prefix}{name}.")

    paths = list(walk(Spec, ""))
    assert len(paths) > 50
    for path in paths:
        assert any(each.startswith(path) for each in complete_key(path)), path


def test_metrics_by_name():
    assert complete_metric("r") == [name for name in METRICS if name.startswith("r")]
    assert complete_metric("lo") == ["loss", "log_loss"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("runs/iris-1", "runs/iris-2", "runs/iris-sweep", "configs/batch", ".git"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("runs/iris-1/manifest.json", "runs/iris-2/model.safetensors", "a.safetensors"):
        (tmp_path / file).touch()
    for file in ("configs/iris.yaml", "configs/digits.yml", "configs/iris.csv", "iris.csv"):
        (tmp_path / file).touch()
    return tmp_path


def test_runs_and_model_files(here):
    runs = ["runs/iris-1", "runs/iris-2", "runs/iris-sweep/"]
    assert complete_run("ru") == runs
    assert complete_run("runs/iris-1") == ["runs/iris-1"]
    assert complete_run("") == ["a.safetensors", "configs/", "runs/", *runs]
    assert complete_run("a") == ["a.safetensors"]
    assert complete_run("nothing/") == complete_run("zzz") == []
    assert complete_run(f"{here}/runs/iris-2") == [f"{here}/runs/iris-2"]


def test_studies_too_and_specs_for_what_takes_them(here):
    (here / "runs" / "iris-sweep" / "study.log").touch()
    assert complete_run_or_study("runs/iris-s") == ["runs/iris-sweep"]
    assert "runs/iris-sweep" in complete_run_or_study("")
    assert complete_run("runs/iris-s") == ["runs/iris-sweep/"]
    assert complete_spec_or_run("runs/iris-1") == ["runs/iris-1"]
    assert complete_spec_or_run("configs/i") == ["configs/iris.yaml"]


@pytest.mark.usefixtures("here")
def test_specs_and_where_they_may_be():
    assert complete_spec("con") == ["configs/batch/", "configs/digits.yml", "configs/iris.yaml"]
    assert complete_spec("configs/i") == ["configs/iris.yaml"]
    assert complete_spec("") == ["configs/", "runs/"]
    assert complete_spec(".g") == [".git/"]


@pytest.mark.usefixtures("here")
def test_of_a_huge_directory_only_a_part_is_looked_at(monkeypatch):
    monkeypatch.setattr(completion, "MOST_LOOKED_AT", 2)
    assert len(complete_run("runs/")) <= 2


@pytest.mark.parametrize(("word", "code"), [("--show-completion", 2), ("train", 1)])
def test_an_unknown_shell_is_a_fault_of_usage(word, code, monkeypatch, capsys):
    """Typer ends with 1, which is mlp's answer no."""

    def app(**_):
        raise SystemExit(1)

    monkeypatch.setattr(main, "app_for", lambda _: app)
    monkeypatch.setattr(main, "open_closed_descriptors", lambda: None)
    monkeypatch.setattr(main, "guard_results", lambda: None)
    monkeypatch.setattr("sys.argv", ["mlp", word])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == code
    assert ("bash, zsh and fish" in capsys.readouterr().err) == (code == 2)
