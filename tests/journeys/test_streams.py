"""Results on standard output, all else on standard error; -q, --json, broken and full streams."""

import json
import os
import subprocess
from pathlib import Path

import pytest

STEEP = ("--set", "training.optimizer.learning_rate=1e9", "--set", "model.loss=mse")
FULL = Path("/dev/full")
on_linux = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
SCHEMA_OF = {  # verb -> the keys of its JSON document, which scripts depend on
    "train": {
        *("run", "status", "reason", "epochs", "best_epoch", "last_epoch", "cause"),
        *("seconds", "scores"),
        *("baseline", "beats_baseline", "calibration"),
    },
    "eval": {
        *("model", "task", "target", "classes", "scores", "confusion"),
        *("reliability", "temperature", "coverage", "loss_note", "notes"),
    },
    "predict": {"model", "data", "rows", "predictions"},
    "gradcheck": {
        "passed",
        "tolerance",
        "value",
        "resolution",
        "rows",
        "tensors",
        "directions",
        "update",
        "package",
    },
    "check": {
        *("task", "target", "classes", "rows", "features", "layers", "parameters"),
        *("memory_bytes", "steps_per_epoch", "multiply_adds_per_epoch", "oddities"),
        *("weights", "remarks", "ensemble", "sweep"),
        *("baseline", "spec", "scale", "batch_rows", "shards", "threads", "speed_up"),
        *("guesses", "baselines", "baseline_notes", "to_beat"),
    },
    "compare": {"metric", "greater_is_better", "base", "runs", "comparisons", "differs", "notes"},
    "schema": {"$schema", "$defs", "properties", "title", "type", "required"},
}


def words_of(verb, trained):
    """Return a verb's arguments."""
    if verb in ("train", "gradcheck", "check"):
        return ["iris.yaml"]
    if verb == "compare":
        return [trained.run, trained.model]
    return {"eval": [trained.run], "predict": [trained.run, "iris.csv"], "schema": []}[verb]


def test_train_tells_on_stderr_and_answers_on_stdout(trained):
    out, err = trained.done.out.splitlines(), trained.done.err.splitlines()
    assert out[0].split()[:3] == ["rows", "loss", "accuracy"]
    assert [line.split()[:2] for line in out[2:5]] == [
        ["train", "106"],
        ["validation", "22"],
        ["test", "22"],
    ]
    assert out[5:] == ["run: run"]
    assert err[0].startswith("iris.csv: 106 train, 22 validation, 22 test rows; 4 features; multi")
    assert err[1].startswith("network 4 - 8 tanh - 3 softmax; loss cross_entropy; 67 parameters")
    assert err[2] == "run run"
    assert err[3].startswith("epoch 1/3  train_loss ")
    assert err[-3].startswith("epoch 3/3  train_loss ")
    assert err[-2].startswith("finished after 3 epochs")
    assert err[-1].startswith("temperature ")
    assert "\x1b" not in trained.done.out + trained.done.err


@pytest.mark.parametrize("verb", SCHEMA_OF)
def test_json_is_one_document_and_nothing_else(verb, trained, folder, mlp):
    done = mlp(verb, *words_of(verb, trained), "--json", cwd=folder)
    assert (done.code, done.err) == (0, "")
    document = json.loads(done.out, parse_constant=pytest.fail)
    assert SCHEMA_OF[verb] <= set(document)
    assert verb == "schema" or SCHEMA_OF[verb] == set(document)


@pytest.mark.parametrize("verb", ["train", "eval", "predict", "gradcheck", "check", "compare"])
def test_quiet_is_quiet(verb, trained, folder, mlp):
    words = words_of(verb, trained) + (["--run-dir", "here"] if verb == "train" else [])
    done = mlp(verb, *words, "-q", cwd=folder)
    assert (done.code, done.err) == (0, "")
    if verb == "train":
        assert done.out == "here\n"
    elif verb in ("gradcheck", "check"):
        assert done.out == ""
    else:  # their results are what they were asked for
        assert done.out


def test_json_and_quiet_say_nothing_of_an_error_on_stdout(folder, mlp):
    done = mlp("train", "missing.yaml", "--json", "-q", cwd=folder)
    assert (done.code, done.out, done.err) == (
        2,
        "",
        "mlp: missing.yaml: there is no such file\n",
    )


def test_the_shell_can_take_the_runs_name(folder, shell):
    done = shell('RUN=$(mlp train -q iris.yaml) && mlp eval "$RUN" --split test --json', folder)
    assert (done.code, done.err) == (0, "")
    document = json.loads(done.out)
    assert document["scores"]["test"]["rows"] == 22
    assert Path(document["model"]).parts[0] == "runs"
    assert Path(document["model"]).parts[1].startswith("iris-2")


# ---------------------------------------------------------------- streams that end


@pytest.mark.parametrize(
    ("verb", "unbuffered"), [("eval", None), ("eval", "1"), ("predict", "1"), ("schema", None)]
)
def test_a_reader_that_goes_early_hears_nothing_of_it(verb, unbuffered, trained, folder, mlp):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = mlp(
            *(verb, *words_of(verb, trained)),
            cwd=folder,
            stdout=writing,
            env={"PYTHONUNBUFFERED": unbuffered},
        )
    finally:
        os.close(writing)
    assert (done.code, done.err) == (141, "")  # 128 + SIGPIPE, as the shell has it of `cat`


def test_training_goes_on_when_nobody_reads_any_more(folder, mlp):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        words = ["train", "iris.yaml", "--run-dir", "run"]
        done = mlp(*words, cwd=folder, stdout=writing, stderr=writing)
        rich = mlp(*words, "--force", "--progress=rich", cwd=folder, stdout=writing, stderr=writing)
    finally:
        os.close(writing)
    assert (done.code, rich.code) == (141, 141)
    assert json.loads((folder / "run" / "manifest.json").read_text("utf-8"))["status"] == "done"
    assert (folder / "run" / "model.safetensors").exists()


def test_the_answer_is_no_even_if_nobody_listens(folder, shell):
    done = shell(f"mlp train iris.yaml {' '.join(STEEP)} | true", folder)
    assert done.code == 4
    assert "the training loss is no longer a finite number" in done.err


# Every verb, as it is started but for the time that takes: many in one process.
LOSING = """
import io, json, os, sys
from mlpcli.cli.main import main

def broken():
    reading, writing = os.pipe()
    os.close(reading)
    return open(writing, "w", encoding="utf-8")

STREAMS = {"closed": lambda: None, "full": lambda: open("/dev/full", "w"), "broken": broken}
kept = []  # Python warns of files that it closes itself
for stream, words in json.load(sys.stdin):
    kept.append(STREAMS[stream]())
    sys.argv, sys.stdout, sys.stderr = ["mlp", *words], kept[-1], io.StringIO()
    try:
        main()
    except SystemExit as end:
        print(json.dumps([end.code, sys.stderr.getvalue()]), file=sys.__stdout__, flush=True)
os._exit(0)
"""
SAID = {
    "closed": (6, "mlp: standard output is closed, so the results are lost"),
    "full": (6, "mlp: standard output: No space left on device"),
    "broken": (141, ""),
}


@on_linux
def test_no_result_is_lost_without_a_word(trained, folder, program):
    cases = [
        (stream, [verb, *map(str, words_of(verb, trained)), *option])
        for stream in SAID
        for verb in SCHEMA_OF
        for option in ([], ["--json"])
    ]
    cases += [(stream, [word]) for stream in SAID for word in ("--help", "--version")]
    done = subprocess.run(
        [program.words[0], "-c", LOSING],
        input=json.dumps(cases),
        cwd=folder,
        env=program.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    program.check(done.stderr)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    for (stream, words), (code, err) in zip(cases, found, strict=True):
        last = "".join(err.splitlines()[-1:])
        said = SAID[stream][1]
        if words[0] == "train":
            run = max((folder / "runs").iterdir(), key=lambda each: each.stat().st_mtime_ns)
            assert (run / "model.safetensors").exists()
            nobody = "mlp: the reader of standard output has gone"
            said = (said or nobody) + last[last.index("; what was trained is in runs/iris-") :]
        elif stream == "broken" and "--json" not in words:  # notes are not lost
            last = "" if not last.startswith("mlp: ") else last
        assert (code, last) == (SAID[stream][0], said), (stream, words, err)


@on_linux
def test_what_was_wrong_before_stays_the_exit_code(folder, mlp):
    with FULL.open("w", encoding="ascii") as full:
        done = mlp("train", "iris.yaml", *STEEP, "--run-dir", "run", cwd=folder, stdout=full)
    assert done.code == 4
    assert "standard output: No space left on device; what was trained is in run" in done.err


@on_linux
@pytest.mark.parametrize(
    ("words", "stream", "code"),
    [("--help", "stdout", 6), ("--version", "stdout", 6), ("nonsense", "stderr", 6)],
)
def test_a_full_disk_where_typer_itself_prints(words, stream, code, folder, mlp):
    with FULL.open("w", encoding="ascii") as full:
        done = mlp(words, cwd=folder, **{stream: full})
    assert done.code == code


@pytest.mark.parametrize(
    ("closed", "silent"),
    [(">&-", True), ("2>&-", False), (">&- 2>&- <&-", True), ("<&-", False)],
)
def test_closed_streams(closed, silent, folder, shell):
    done = shell(f"mlp train iris.yaml --run-dir run {closed}", folder)
    assert done.code == (6 if silent else 0)
    assert done.out.endswith("" if silent else "run: run\n")
    assert bool(done.out) != silent
    # No file of the run was opened as the descriptor that is closed, and written to.
    assert (folder / "run" / "metrics.csv").read_text("ascii").startswith("epoch,")
    assert (folder / "run" / "spec.yaml").read_text("ascii").startswith("seed: ")
    assert shell("mlp eval run -q", folder).code == 0


@on_linux
def test_a_full_disk_behind_stderr_ends_no_training(folder, mlp):
    with FULL.open("w", encoding="ascii") as full:
        done = mlp("train", "iris.yaml", "-q", "--run-dir", "run", cwd=folder, stderr=full)
        diverged = mlp("train", "iris.yaml", *STEEP, "--run-dir", "steep", cwd=folder, stderr=full)
    assert (done.code, done.out) == (0, "run\n")
    assert (folder / "run" / "model.safetensors").exists()
    assert diverged.code == 4


# ---------------------------------------------------------------- encodings


@pytest.fixture(scope="module")
def foreign(tmp_path_factory, mlp):
    """Return a folder whose names have spaces and letters beyond ASCII, with a trained run."""
    folder = tmp_path_factory.mktemp("dos données")
    rows = [f"{k},{'où' if k % 2 else 'là bas'}" for k in range(40)]
    (folder / "mes données.csv").write_text("\n".join(["größe,réponse", *rows]) + "\n", "utf-8")
    spec = "data: {path: mes données.csv, target: réponse}\ntraining: {epochs: 2}\n"
    (folder / "mon réseau.yaml").write_text(spec, "utf-8")
    done = mlp("train", "mon réseau.yaml", "--run-dir", "résultats ici", cwd=folder)
    assert done.code == 0, done.err
    return folder, done


def test_names_with_spaces_and_foreign_letters(foreign):
    folder, done = foreign
    assert done.out.endswith("run: résultats ici\n")
    told = json.loads((folder / "résultats ici" / "manifest.json").read_text("utf-8"))
    assert told["data"]["files"] == {"data": "mes données.csv"}


@pytest.mark.parametrize(
    "env",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "C"},
    ],
    ids=lambda env: " ".join(f"{k}={v}" for k, v in env.items()),
)
def test_json_in_other_encodings(env, foreign, mlp):
    done = mlp("eval", "résultats ici", "--json", cwd=foreign[0], env=env)
    assert (done.code, done.err) == (0, "")
    document = json.loads(done.out)
    assert document["target"] == ["réponse"]
    assert document["classes"] == ["là bas", "où"]


def test_tables_and_errors_in_ascii(foreign, mlp):
    folder, ascii_only = foreign[0], {"PYTHONIOENCODING": "ascii"}
    done = mlp("check", "mon réseau.yaml", cwd=folder, env=ascii_only)
    assert done.code == 0
    assert (done.out + done.err).isascii()
    done = mlp("predict", "résultats ici", "größe.csv", cwd=folder, env=ascii_only)
    assert (done.code, done.err) == (3, "mlp: gr\\xf6\\xdfe.csv: there is no such file\n")


def test_a_locale_that_cannot_name_the_file_says_so(foreign, mlp):
    # Only without Python's own UTF-8 modes: then a name beyond ASCII cannot even be spelled.
    strict = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = mlp("check", "mon réseau.yaml", cwd=foreign[0], env=strict)
    assert done.code == 6
    assert "this system's encoding, ascii, cannot write that" in done.err


def test_a_name_that_is_not_utf8(folder, mlp):
    name = os.fsdecode(b"caf\xe9.yaml")
    (folder / "iris.yaml").rename(folder / name)
    done = mlp("train", name, "--run-dir", "run", cwd=folder)
    assert done.code == 0
    assert json.loads((folder / "run" / "manifest.json").read_bytes())["command"][2] == name
    assert mlp("eval", "run", cwd=folder).code == 0


def test_pipes_in_and_out(trained, shell):
    line = "head -4 iris.csv | mlp predict run/model.safetensors - | cut -d, -f1"
    done = shell(line, trained.folder)
    assert (done.code, done.out.splitlines()[0]) == (0, "prediction")
    assert len(done.out.splitlines()) == 4


def test_the_help_of_every_verb_is_a_result(mlp, tmp_path):
    done = mlp("--help", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    verbs = [v for v in SCHEMA_OF if f"\n  {v} " in done.out]
    assert verbs == list(SCHEMA_OF)
    done = mlp("eval", "-h", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert "mlp eval " in done.out.partition("Example")[2]
