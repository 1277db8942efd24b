"""`mlp report`: where its page goes, what it replaces, and whose numbers it shows."""

import json
import re
import shutil
import sys

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")


@pytest.fixture(scope="module")
def written(mlp, trained, tmp_path_factory):
    """Return a copy of the run on iris, and what `mlp report` printed of it."""
    folder = tmp_path_factory.mktemp("report")
    shutil.copytree(trained.run, folder / "run")
    done = mlp("report", "run", "--json", cwd=folder)
    assert done.code == 0, done.err
    return folder, done


def test_the_page_is_in_the_run_and_json_says_so(written):
    folder, done = written
    document = json.loads(done.out)
    page = (folder / "run" / "report.html").read_bytes()
    assert document["report"] == "run/report.html"
    assert document["bytes"] == len(page) <= 400_000
    assert document["sections"][:3] == ["verdict", "network", "curves"]
    assert done.err == ""
    for name in document["sections"]:
        assert f'<section id="{name}"'.encode() in page


def test_its_scores_are_those_of_eval(written, mlp):
    folder, _ = written
    page = (folder / "run" / "report.html").read_text("utf-8")
    scores = json.loads(mlp("eval", "run", "--json", cwd=folder).out)["scores"]
    for part, figures in scores.items():
        row = re.search(f"<tr><td[^>]*>{part}</td>.*?</tr>", page)[0]
        assert re.findall('data-value="([^"]*)"', row) == [repr(x) for x in figures.values()]
    accuracy = f"{scores['test']['accuracy']:.4g}"
    assert (
        f'<p class="lead">The accuracy is {accuracy} on {scores["test"]["rows"]} test rows' in page
    )


def test_no_other_file_is_replaced(written, mlp):
    folder, _ = written
    (folder / "mine.html").write_text("<p>mine</p>")
    done = mlp("report", "run", "-o", "mine.html", cwd=folder)
    assert done.code == 2
    assert done.err.startswith("mlp: mine.html: is no report of mlp's, so it is not replaced")
    assert (folder / "mine.html").read_text() == "<p>mine</p>"


def test_a_model_file_alone_and_other_data(written, trained, mlp):
    folder, _ = written
    shutil.copy(folder / "run" / "model.safetensors", folder / "model.safetensors")
    some = folder / "some.csv"
    lines = (trained.folder / "iris.csv").read_text().splitlines(keepends=True)
    some.write_text("".join(lines[:60]))
    (folder / "report.html").write_bytes((folder / "run" / "report.html").read_bytes())
    done = mlp("report", "model.safetensors", "--data", some, "--no-rows", cwd=folder)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("report: report.html, ")
    page = (folder / "report.html").read_text("utf-8")
    assert "on 59 rows" in page
    assert 'id="curves"' not in page
    assert 'id="worst-rows"' not in page


def test_the_page_may_go_to_standard_output(written, mlp):
    folder, _ = written
    done = mlp("report", "run", "-o", "-", cwd=folder)
    assert done.out.encode() == (folder / "run" / "report.html").read_bytes() + b"\n"
    done = mlp("report", "run", "-o", "-", "--json", cwd=folder)
    assert done.code == 2
    assert not (folder / "-").exists()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["rum"], 5, "mlp: rum: there is no such run directory or model file; did you mean run?"),
        (["run", "-o", "run"], 2, "mlp: run: is a directory; name a file with -o"),
        (["run", "-o", "no/such.html"], 6, "mlp: no/such.html: there is no directory no"),
        (["run", "--data", "none.csv"], 3, "mlp: none.csv: "),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(written, mlp, words, code, message):
    folder, _ = written
    done = mlp("report", *words, cwd=folder)
    assert done.code == code
    assert done.err.startswith(message)
    assert done.err.count("\n") == 1


def test_without_its_libraries_it_says_what_to_install(written, shell):
    folder, _ = written
    line = (
        f"{sys.executable} - <<'EOF'\n"
        "import sys\n"
        "sys.modules['jinja2'] = None\n"
        "sys.argv = ['mlp', 'report', 'run']\n"
        "from mlpcli.cli.main import main\n"
        "main()\n"
        "EOF"
    )
    done = shell(line, folder)
    assert done.code == 2
    assert done.err == "mlp: mlp report needs matplotlib and Jinja2: pip install 'mlpcli[report]'\n"
