"""Every exit code by a real cause, with its sentence; signals have a file of their own."""

import ctypes
import os
import shutil
import stat
import subprocess
import sys

import pytest

from mlpcli.cli.exit_codes import codes_of

STEEP = ("--set", "training.optimizer.learning_rate=1e9", "--set", "model.loss=mse")


def ask_for_permission():
    """Give up root's right to read and write everything, in the process about to start."""
    libc = ctypes.CDLL(None)
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        if libc.prctl(24, capability, 0, 0, 0) != 0:  # PR_CAPBSET_DROP
            os._exit(99)


@pytest.fixture(scope="module")
def unprivileged():
    """Return options of a process that has to ask for permission; skip where that cannot be had."""
    if os.geteuid() != 0:
        return {}
    options = {"preexec_fn": ask_for_permission}
    if sys.platform != "linux" or subprocess.run(["true"], check=False, **options).returncode:
        pytest.skip("root reads and writes everything here")
    return options


RUN = "the run that was trained"
TABLE = [
    ((), 2, "Usage: mlp"),
    (("train",), 2, "Missing argument 'SPEC'"),
    (("train", "iris.yaml", "more"), 2, "unexpected extra argument"),
    (("train", "iris.yaml", "--nonsense"), 2, "No such option: --nonsense"),
    (("train", "iris.yaml", "--progress", "loud"), 2, "'loud' is not one of"),
    (("train", "iris.yaml", "--seed", "x"), 2, "--seed"),
    (("train", "missing.yaml"), 2, "missing.yaml: there is no such file"),
    (("train", "irs.yaml"), 2, "irs.yaml: there is no such file; did you mean iris.yaml?"),
    (("train", "iris.yaml", "--set", "data.path=irs.csv"), 3, "did you mean iris.csv?"),
    (("train", "."), 2, ".: is a folder, not a spec"),
    (("train", "iris.yaml", "--seed", "-1"), 2, "seed: must be at least 0"),
    (("train", "iris.yaml", "--set", "training.epoch=3"), 2, "did you mean epochs?"),
    (("train", "iris.yaml", "--set", "nonsense"), 2, "write it as key=value"),
    (("check", "iris.csv"), 2, "iris.csv:"),
    (("gradcheck", "iris.yaml", "--samples", "0"), 2, "--samples"),
    (("train", "iris.yaml", "--run-dir", "."), 2, "there is something in it already"),
    (("train", "iris.yaml", "--run-dir", "iris.csv"), 2, "is a file, not a directory"),
    (("eval", RUN, "--split", "tset"), 2, "'tset' is not one of"),
    (("eval", RUN, "--data", "half.csv", "--split", "test"), 2, "it has no such part"),
    (("train", "iris.yaml", "--set", "data.path=missing.csv"), 3, "missing.csv: there is no"),
    (("check", "iris.yaml", "--set", "data.target=speceis"), 3, "did you mean 'species'?"),
    (("gradcheck", "iris.yaml", "--set", "data.path=iris.yaml"), 3, "iris.yaml: looks like a spec"),
    (("eval", RUN, "--data", "missing.csv"), 3, "missing.csv: there is no such file"),
    (("predict", RUN, "missing.csv"), 3, "missing.csv: there is no such file"),
    (("predict", RUN, "."), 3, ""),
    (("eval", "missing"), 5, "there is no such run directory or model file"),
    (("eval", "."), 5, "there is no model.safetensors in this directory"),
    (("predict", "iris.csv", "iris.csv"), 5, "iris.csv: not a model file"),
    (("train", "iris.yaml", "--run-dir", "iris.csv/run"), 6, "iris.csv/run: Not a directory"),
    (("eval", RUN, "--data", "iris.csv/x.csv"), 6, "iris.csv/x.csv: Not a directory"),
    (("predict", RUN, "iris.csv", "-o", "missing/p.csv"), 6, "missing/p.csv: No such file"),
    (("predict", RUN, "iris.csv", "-o", "."), 6, ".: Is a directory"),
    (("predict", RUN, "iris.csv", "-o", ""), 6, "Is a directory"),
    (("predict", RUN, "iris.csv", "-o", "/"), 6, "/: Is a directory"),
]


def test_the_help_names_each_of_these_codes():
    assert [
        (words, code)
        for words, code, _ in TABLE
        if words and code != 0 and str(code) not in codes_of(words[0])
    ] == []


def label(value):
    return " ".join(value) if isinstance(value, tuple) else None


@pytest.fixture(scope="module")
def answers(trained, in_one_process, tmp_path_factory):
    """Return code, output and errors of each row of the table, and the folder afterwards."""
    folder = tmp_path_factory.mktemp("table")
    for name in ("iris.csv", "iris.yaml"):
        shutil.copy(trained.folder / name, folder)
    lines = (folder / "iris.csv").read_text("utf-8").splitlines()
    (folder / "half.csv").write_text("\n".join(lines[::2]) + "\n", "utf-8")
    commands = [[str(trained.run) if w == RUN else w for w in words] for words, _, _ in TABLE]
    found = in_one_process(commands, folder)
    return {words: answer for (words, _, _), answer in zip(TABLE, found, strict=True)}, folder


@pytest.mark.parametrize(("words", "code", "sentence"), TABLE, ids=label)
def test_the_exit_code_and_its_sentence(words, code, sentence, answers):
    found, out, err = answers[0][words]
    assert (found, out) == (code, "")
    assert sentence in err
    assert err.count("\n") == 1 or err.startswith("Usage")


def test_nothing_is_made_for_what_cannot_be_run(answers):
    names = sorted(path.name for path in answers[1].iterdir())
    assert names == ["half.csv", "iris.csv", "iris.yaml"]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--version",), 0, ""),
        (("nonsense",), 2, "No such command 'nonsense'"),
        (("check", "iris.yaml", "--set", "data.path=missing.csv"), 3, "there is no such file"),
        (
            ("train", "iris.yaml", *STEEP),
            4,
            "the training loss is no longer a finite number in epoch 1",
        ),
        (("eval", "missing"), 5, "there is no such run directory or model file"),
        (("train", "iris.yaml", "--run-dir", "iris.csv/run"), 6, "iris.csv/run: Not a directory"),
    ],
    ids=label,
)
def test_in_a_process_of_its_own(words, code, sentence, folder, mlp):
    done = mlp(*words, cwd=folder)
    assert done.code == code
    assert sentence in done.err
    assert done.out == "" or code in (0, 4)


def test_all_faults_of_a_spec_come_at_once_and_nothing_is_made(folder, mlp):
    text = "data: {path: iris.csv, traget: species}\ntraining: {epochs: many, batch_size: 0}\n"
    (folder / "bad.yaml").write_text(text, "utf-8")
    done = mlp("train", "bad.yaml", cwd=folder)
    assert done.code == 2
    places = sorted(line.split(": ")[1] for line in done.err.splitlines())
    assert places[0].startswith("bad.yaml:1:")
    assert len([p for p in places if p.startswith("bad.yaml:2:")]) == 2
    assert sorted(path.name for path in folder.iterdir()) == ["bad.yaml", "iris.csv", "iris.yaml"]


def test_a_damaged_model_is_refused(trained, folder, mlp):
    content = trained.model.read_bytes()
    (folder / "model.safetensors").write_bytes(content[:-1])
    for words in (["eval", "model.safetensors"], ["predict", "model.safetensors", "iris.csv"]):
        done = mlp(*words, cwd=folder)
        assert (done.code, done.out) == (5, "")
        said = "the model file is damaged: its checksum does not match"
        assert done.err == f"mlp: model.safetensors: {said}\n"


def test_diverged_there_is_still_a_model_and_a_manifest(folder, mlp):
    done = mlp("train", "iris.yaml", "--run-dir", "run", *STEEP, cwd=folder)
    assert done.code == 4
    assert "the weights of epoch 0 are in run; a smaller learning rate, now 1e+09" in done.err
    document = mlp("eval", "run", "--json", cwd=folder)
    assert document.code == 0
    assert '"status": "diverged"' in (folder / "run" / "manifest.json").read_text("utf-8")


def test_a_gradient_that_is_wrong_is_exit_code_1(folder, program):
    # The command itself, with one sign of the bias gradient turned: a fault planted.
    script = """
import sys
from mlpcli.nn.layers import Affine, FirstAffine
def turned(right):
    def wrong(self, delta):
        below = right(self, delta)
        self.db *= -1
        return below
    return wrong
for layer in (Affine, FirstAffine):
    layer.below = turned(layer.below)
sys.argv = ["mlp", "gradcheck", "iris.yaml"]
from mlpcli.cli.main import main
main()
"""
    done = subprocess.run(
        [program.words[0], "-c", script],
        cwd=folder,
        env=program.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    program.check(done.stderr)
    verdicts = {
        line.split()[0]: line.split()[-1] for line in done.stdout.splitlines() if "." in line[:9]
    }
    assert verdicts == {
        "hidden.1.weight": "pass",
        "hidden.1.bias": "FAIL",
        "output.weight": "pass",
        "output.bias": "FAIL",
    }
    assert "THE GRADIENT IS WRONG" in done.stdout


def test_files_that_may_not_be_read(unprivileged, trained, folder, mlp):
    shutil.copy(trained.model, folder / "model.safetensors")
    for name, words in [
        ("iris.yaml", ["check", "iris.yaml"]),
        ("iris.csv", ["check", "iris.yaml"]),
        ("model.safetensors", ["eval", "model.safetensors"]),
    ]:
        (folder / name).chmod(0)
        done = mlp(*words, cwd=folder, **unprivileged)
        assert (done.code, done.out) == (6, ""), name
        assert done.err == f"mlp: {name}: Permission denied\n"
        (folder / name).chmod(0o600)


def test_a_directory_that_may_not_be_written(unprivileged, trained, folder, mlp):
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        done = mlp("train", "iris.yaml", cwd=folder, **unprivileged)
        assert (done.code, done.out) == (6, "")
        assert done.err == "mlp: runs: Permission denied\n"
        done = mlp("predict", trained.run, "iris.csv", "-o", "p.csv", cwd=folder, **unprivileged)
        assert (done.code, done.err) == (6, "mlp: p.csv: Permission denied\n")
        assert mlp("check", "iris.yaml", cwd=folder, **unprivileged).code == 0
        assert mlp("eval", trained.run, cwd=folder, **unprivileged).code == 0
    finally:
        folder.chmod(stat.S_IRWXU)
