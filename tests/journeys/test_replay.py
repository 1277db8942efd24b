"""mlp replay as it is typed: what is printed, and the exit code."""

import json
import shutil


def test_the_same_bits(trained, mlp):
    done = mlp("replay", "run", cwd=trained.folder)
    assert (done.code, done.out) == (0, "the same bits: 3 epochs, 4 tensors\n")
    assert done.err.startswith("training run again\nepoch 1/3  train_loss")


def test_other_bits(trained, mlp, tmp_path):
    shutil.copytree(trained.run, tmp_path / "run")
    metrics = tmp_path / "run" / "metrics.csv"
    header, first, *rest = metrics.read_text("ascii").splitlines()
    epoch, loss, *cells = first.split(",")
    metrics.write_text("\n".join([header, ",".join([epoch, "0.125", *cells]), *rest, ""]), "ascii")
    manifest = tmp_path / "run" / "manifest.json"
    told = json.loads(manifest.read_text("utf-8"))
    kernel = told["machine"]["blas_kernel"]
    told["machine"]["blas_kernel"] = "Katmai"
    manifest.write_text(json.dumps(told), "utf-8")
    done = mlp("replay", "run", "--progress", "none", cwd=tmp_path)
    assert done.code == 1
    assert done.out == (
        f"not the same bits: epoch 1: train_loss in metrics.csv: 0.125 then, {loss} now\n"
        f"changed since:\n  CPU kernel: Katmai then, {kernel or 'none'} now\n"
    )
    done = mlp("replay", "run", "--json", cwd=tmp_path)
    assert done.code == 1
    assert json.loads(done.out) == {
        "run": "run",
        "same": False,
        "epochs": 0,
        "tensors": 0,
        "difference": {
            "kind": "metrics",
            "epoch": 1,
            "column": "train_loss",
            "then": "0.125",
            "now": loss,
        },
        "changed": [{"what": "CPU kernel", "then": "Katmai", "now": kernel}],
    }
    done = mlp("replay", "run", "-q", cwd=tmp_path)
    assert (done.code, done.out, done.err) == (1, "", "")


def test_a_run_that_was_extended(folder, mlp):
    assert mlp("train", "iris.yaml", "-q", "--run-dir", "run", cwd=folder).code == 0
    assert mlp("train", "-q", "--resume", "run", "--extend", "5", cwd=folder).code == 0
    done = mlp("replay", "run", "--progress", "none", cwd=folder)
    assert (done.code, done.out) == (0, "the same bits: 5 epochs, 4 tensors\n")


def test_a_model_file_alone_is_no_run(trained, mlp):
    done = mlp("replay", "run/model.safetensors", cwd=trained.folder)
    assert (done.code, done.out) == (5, "")
    assert done.err.startswith("mlp: run/model.safetensors: is a file; a training is done again")
