"""`mlp report` of a sweep: found by its directory or its file, also while it goes on."""

import json

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

RATE = "training.optimizer.learning_rate"


@pytest.fixture
def study(write, board):
    """Return what a sweep of three trials shows."""
    return board(write({RATE: {"uniform": [0.01, 0.1]}}, method="random", trials=3))


def report(mlp, *words):
    done = mlp("report", *words, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_a_sweep_by_its_directory_its_file_and_elsewhere(mlp, study, folder):
    home = folder / "runs" / "spec-sweep"
    before = (home / "study.log").read_bytes()
    told = report(mlp, "runs/spec-sweep")
    assert told["report"] == "runs/spec-sweep/report.html"
    assert told["sections"] == ["verdict", "trials", "parallel", "history", "slices"]
    page = (home / "report.html").read_text("utf-8")
    assert f"Trial {study['best']['trial']} is the best of 3 complete trials" in page
    for row in study["leaderboard"]:
        assert f'data-value="{row["value"]!r}"' in page
        assert f'data-value="{row["parameters"][RATE]!r}"' in page
    (home / "report.html").unlink()
    assert report(mlp, "runs/spec-sweep/study.log")["report"] == "runs/spec-sweep/report.html"
    (home / "study.log").rename(folder / "other.log")
    assert report(mlp, "other.log")["report"] == "report.html"
    assert (folder / "report.html").read_text("utf-8").count("<h1>other.log</h1>") == 1
    assert (folder / "other.log").read_bytes() == before

    damaged = before.replace(b'"value"', b'"valve"', 1)
    (home / "study.log").write_bytes(damaged)
    done = mlp("report", "runs/spec-sweep", "-o", "never.html")
    assert done.code == 5
    assert done.err.startswith("mlp: runs/spec-sweep/study.log: is not the study of a sweep, or ")
    assert "--storage" not in done.err
    assert done.err.count("\n") == 1

    for words, code, said in (
        (["other.log", "--data", "iris.csv"], 2, "--data: other.log is a sweep, whose trials are"),
        (["other.log", "other.log"], 2, "each sweep has a report of its own: name one of them"),
        (["runs"], 5, "runs: there is no model.safetensors in this directory"),
    ):
        done = mlp("report", *words, "-o", "never.html")
        assert (done.code, done.err[: 5 + len(said)]) == (code, f"mlp: {said}")
    done = mlp("report", "runs/one", "other.log", "-o", "never.html")
    assert done.code == 5
    assert done.err.startswith(
        "other.log: a sweep's study, which mlp report other.log shows; left out\n"
        "mlp: runs/one: there is no such"
    )
    assert not (folder / "never.html").exists()
