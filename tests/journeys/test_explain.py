"""`mlp explain`: what it is given, what it writes, its quiz, and its exit codes."""

import json
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SMALL = ("iris.yaml", "--rows", "2", "--units", "2")


QUIZ = ("explain", *SMALL, "--quiz", "--blanks", "4")


def test_it_explains_the_first_step_of_a_spec(mlp, folder):
    done = mlp("explain", *SMALL, cwd=folder)
    assert done.code == 0, done.err
    assert done.err == ""
    assert done.out.startswith("step 1 of iris.yaml\n")
    for words in (
        "u⁽¹⁾₁₁ = x₁₁ W⁽¹⁾₁₁ + x₁₂ W⁽¹⁾₂₁ + [2 more] + b⁽¹⁾₁ = ",
        "m⁽¹⁾₁₁ = ",
        "δ⁽²⁾₂₂ = ",
    ):
        assert f"\n     {words}" in done.out
    assert "the training's own batch has 32 rows" in done.out
    assert "   (central difference " in done.out
    assert "[docs/maths.md 4.2; nn.layers.Affine.backward]" in done.out


def test_all_rows_are_the_step_that_gradcheck_checks(mlp, folder):
    """J of the first batch, by another command."""
    all_rows = json.loads(mlp("explain", "iris.yaml", "--rows", "all", "--json", cwd=folder).out)
    checked = json.loads(mlp("gradcheck", "iris.yaml", "--json", cwd=folder).out)
    assert all_rows["J"] + all_rows["P"] == pytest.approx(checked["value"], rel=1e-12)
    assert len(all_rows["rows"]) == checked["rows"] == 32


def test_a_later_step_begins_where_training_is_then(mlp, folder):
    """One row of step 2 of descent stands at what step 1, of the whole batch, has left."""
    first = json.loads(mlp("explain", "iris.yaml", "--rows", "all", "--json", cwd=folder).out)
    words = ("explain", "iris.yaml", "--step", "2", "--rows", "1", "--json")
    second = json.loads(mlp(*words, cwd=folder).out)
    assert second["parameters"] == first["parameters_after"]
    assert second["step"] == 2
    assert second["begins_with"] == "the parameters that 1 of its steps have reached"
    assert len(second["rows"]) == 1


def test_a_run_is_explained_from_its_trained_parameters(mlp, trained, tmp_path):
    from safetensors.numpy import load_file

    tensors = load_file(trained.model)
    moved = tmp_path / "elsewhere.safetensors"
    moved.write_bytes(trained.model.read_bytes())
    for source in ("run", moved):
        found = json.loads(mlp("explain", source, "--json", cwd=trained.folder).out)
        weights = found["parameters"]["hidden.1.weight"]
        assert weights == tensors["hidden.1.weight"].astype(float).tolist()
        assert found["begins_with"] == "the trained parameters"
    again = json.loads(mlp("explain", "run", "--step", "1", "--json", cwd=trained.folder).out)
    spec = json.loads(mlp("explain", "iris.yaml", "--json", cwd=trained.folder).out)
    assert again["arrays"] == spec["arrays"]
    done = mlp("explain", moved, "--step", "2", cwd=trained.folder)
    assert done.code == 2
    assert "its training is done again from its run directory or its spec" in done.err


def test_it_writes_files_by_their_ending(mlp, folder):
    pytest.importorskip("jinja2")
    for name, begins in (
        ("a.md", "<!-- mlp explain -->\n# step 1"),
        ("a.txt", "mlp explain: step 1"),
        ("a.html", "<!doctype html>"),
    ):
        done = mlp("explain", *SMALL, "-o", name, cwd=folder)
        assert (done.code, done.out, done.err) == (0, "", f"written: {name}\n")
        text = (folder / name).read_text("utf-8")
        assert text.startswith(begins)
        assert "Forward propagation" in text
        (folder / name).write_text(text.replace("Forward", "Older"), "utf-8")  # is replaced
        assert mlp("explain", *SMALL, "-q", "-o", name, cwd=folder).err == ""
        assert (folder / name).read_text("utf-8") == text
    done = mlp("report", "run", "-o", "a.html", cwd=folder)
    assert done.code == 2
    assert "no report of mlp's" in done.err


@pytest.mark.parametrize("name", ["README.md", "notes.txt", "page.html"])
def test_a_file_that_it_has_not_written_is_kept(mlp, folder, name):
    (folder / name).write_text("# step 1 of mine\n", "utf-8")
    done = mlp("explain", *SMALL, "-o", name, cwd=folder)
    assert (done.code, done.out) == (2, "")
    assert f"{name}: is there already, and mlp explain has not written it" in done.err
    assert (folder / name).read_text("utf-8") == "# step 1 of mine\n"
    assert mlp("explain", *SMALL, "-o", name, "--force", cwd=folder).code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--weight", "hidden.2[1,1]"), "there is no layer hidden.2; the layers: hidden.1, output"),
        (("--weight", "hidden.1[5,1]"), "hidden.1 has weights from [1,1] to [4,8]"),
        (("--weight", "hidden.1[0,1]"), "hidden.1 has weights from [1,1] to [4,8]"),
        (("--weight", "hiden.1"), "is not LAYER[i,j], as in hidden.1[1,1]"),
        (("--rows", "some"), "--rows some: is neither a whole number from 1 on nor `all`"),
        (("--rows", "0"), "is neither a whole number from 1 on nor `all`"),
        (("--step", "1000"), "--step 1000: this training ends after 12 steps (finished)"),
        (("-o", "a.pdf"), "its ending is none of .md, .html, .txt"),
        (("--weights", "none.json"), "none.json: there is no such file"),
        (("--weights", "iris.csv"), "iris.csv: is not JSON"),
        (("--weights", "."), "not a JSON file of parameters; a run's own are explained by: mlp"),
        (("--weights", "m.safetensors"), "explained by: mlp explain m.safetensors"),
        (("--weights", "list.json"), "list.json: is no object of tensors by name"),
        (("--weights", "name.json"), "did you mean hidden.1.weight?"),
        (("--weights", "shape.json"), "shape.json: hidden.1.bias: is 2, not 8"),
        (("--weights", "large.json"), "hidden.1.bias: has a number that is not finite"),
        (("--weights", "words.json"), "words.json: hidden.1.bias: is not rows of numbers"),
        (("--set", "ensemble={kind: tabm, replicas: 4}"), "--set ensemble=null"),
        (("--quiz", "-o", "a.md"), "--quiz reads answers from standard input"),
    ],
)
def test_what_cannot_be_done_is_said_with_exit_code_2(mlp, folder, words, message):
    (folder / "list.json").write_text("[1, 2]", "utf-8")
    (folder / "name.json").write_text('{"hidden.1.weigth": [1]}', "utf-8")
    (folder / "shape.json").write_text('{"hidden.1.bias": [1, 2]}', "utf-8")
    large = '{"hidden.1.bias": [0, 0, 0, 0, 0, 0, 0, 1e999]}'
    (folder / "large.json").write_text(large, "utf-8")
    (folder / "words.json").write_text('{"hidden.1.bias": ["a", {}]}', "utf-8")
    done = mlp("explain", "iris.yaml", *words, cwd=folder)
    assert done.code == 2, done.out
    assert done.out == ""
    assert message in done.err


def test_right_answers_pass_the_quiz_and_one_wrong_answer_fails_it(mlp, folder):
    unanswered = mlp(*QUIZ, "--json", cwd=folder)
    assert unanswered.code == 1
    asked = json.loads(unanswered.out)["questions"]
    assert [each["right"] for each in asked] == [False] * 4
    answers = [each["value"] for each in asked]
    done = mlp(*QUIZ, cwd=folder, stdin="".join(f"{answer}\n" for answer in answers))
    assert done.code == 0, done.out
    assert done.out.endswith("\n4 of 4 right\n")
    answers[2] = answers[2] * 1.1 + 0.1
    done = mlp(*QUIZ, cwd=folder, stdin="".join(f"{answer}\n" for answer in answers))
    assert done.code == 1
    assert done.out.endswith("\n3 of 4 right\n")
    other = json.loads(mlp(*QUIZ, "--json", "--seed", "5", cwd=folder).out)["questions"]
    lines = [[each["line"].partition(" =")[0] for each in found] for found in (asked, other)]
    assert lines[0] != lines[1]


def test_what_is_no_number_is_asked_again_and_blanks_without_an_answer_are_counted(mlp, folder):
    asked = json.loads(mlp(*QUIZ, "--json", cwd=folder).out)["questions"]
    first, second = (each["value"] for each in asked[:2])
    done = mlp(*QUIZ, cwd=folder, stdin=f"{first}\ntwo\n\n{second}\n")
    assert done.code == 1
    assert done.out.endswith("\n2 of 4 right\n")
    assert "'two': is no number, such as" in done.err
    assert "standard input has ended: 2 blanks had no answer" in done.err


def test_a_blank_is_not_told_before_it_is_answered(mlp, folder):
    """Up to its blank, the value that is asked for has not been shown as its symbol's."""
    asked = json.loads(mlp(*QUIZ, "--json", cwd=folder).out)["questions"]
    shown = mlp(*QUIZ, cwd=folder).out
    assert shown.count(" = ____\n") == 4
    for number, each in enumerate(asked, 1):
        before, _, _ = shown.partition(f"({number} of 4)")
        symbol, sign = each["line"].split()[:2]
        begins = f"     {symbol} {sign} "
        lines = [line for line in before.splitlines() if line.startswith(begins)]
        assert [line.rpartition(" = ")[2] for line in lines] == ["____"]


def test_each_command_of_the_mathematics_shows_its_section(in_one_process):
    text = (ROOT / "docs" / "maths.md").read_text("utf-8")
    found = re.findall(
        r"^##+ (\d+(?:\.\d+)?) [^\n]*\n\n\*In numbers:\* `mlp (.*)`$", text, re.MULTILINE
    )
    assert len(found) == text.count("*In numbers:*") >= 20
    done = in_one_process([shlex.split(command) for _, command in found], ROOT)
    for (section, command), (code, out, err) in zip(found, done, strict=True):
        assert code == 0, (command, err)
        named = {"15": "(section 15)", "4.7": "= -0.370172\n"}  # by no formula of its own
        assert named.get(section, f"[docs/maths.md {section}; ") in out, command


def test_the_worked_example_is_written_with_its_weights(mlp, tmp_path):
    done = mlp("init", "--example", "worked_example", cwd=tmp_path)
    command = done.out.splitlines()[-1].removeprefix("next: mlp ")
    assert command == "explain worked_example.yaml --weights worked_example.json"
    found = json.loads(mlp(*command.split(), "--json", cwd=tmp_path).out)
    assert found["J"] == pytest.approx(0.263169, abs=5e-7)  # docs/maths.md, section 4.7
