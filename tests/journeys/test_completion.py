"""Completion as bash does it: the script that mlp prints, and what it replies."""

import shutil
import subprocess

import pytest

CASES = {
    "mlp tra": ["train"],
    "mlp train --set training.optimizer = ad": ["adagrad", "adadelta", "adam", "adamw"],
    "mlp train iris.yaml --find": ["--find-lr"],
    "mlp eval --split = te": ["test"],
    "mlp train iris.ya": ["iris.yaml"],
}
HEAVY = {"numpy", "pandas", "yaml", "rich"}


@pytest.fixture(scope="module")
def bash():
    found = shutil.which("bash")
    if found is None:
        pytest.skip("there is no bash")
    return found


def test_bash_gets_verbs_options_keys_and_files(bash, program, folder):
    """One bash that completes all the cases: it parts words at `=` as it does for a reader."""
    lines = ['mlp() { "${MLP[@]}" "$@"; }', f"MLP=({' '.join(program.words)})"]
    lines += ['eval "$(_MLP_COMPLETE=source_bash mlp)"']
    for case in CASES:
        words = case.split()
        lines += [
            f"COMP_WORDS=({' '.join(words)}) COMP_CWORD={len(words) - 1}",
            'COMP_KEY=9; COMPREPLY=(); _mlp_completion ./mlp; echo "${COMPREPLY[@]}"',
        ]
    script = folder / "mlp"
    script.write_text(f'#!/bin/sh\nexec {" ".join(program.words)} "$@"\n', "utf-8")
    script.chmod(0o755)
    done = subprocess.run(
        [bash, "--norc", "-c", "\n".join(lines)],
        cwd=folder,
        env=program.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    replies = [line.split() for line in done.stdout.splitlines()]
    assert dict(zip(CASES, replies, strict=True)) == CASES


def test_to_complete_a_key_nothing_long_is_imported(program, folder):
    script = (
        "import sys, atexit, json\n"
        "atexit.register(lambda: sys.stderr.write(json.dumps(sorted(sys.modules))))\n"
        "from mlpcli.cli.main import main\n"
        "main()\n"
    )
    words = "mlp\ntrain\n--set\ntraining.optimizer.be"
    done = subprocess.run(
        [program.words[0], "-c", script],
        cwd=folder,
        env=program.environment(_MLP_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD="3"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["training.optimizer.beta1=", "training.optimizer.beta2="]
    assert not HEAVY & set(done.stderr.replace('"', "").strip("[]").split(", "))


def test_installing_it_for_bash(bash, program, folder):
    done = subprocess.run(
        [bash, "--norc", "-c", f"{' '.join(program.words)} --install-completion; true"],
        cwd=folder,
        env=program.environment(HOME=str(folder)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "bash completion installed in" in done.stdout, done.stderr
    assert "complete_bash" in (folder / ".bash_completions" / "mlp.sh").read_text("utf-8")
    assert "mlp.sh" in (folder / ".bashrc").read_text("utf-8")
