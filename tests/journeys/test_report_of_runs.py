"""`mlp report` of several runs: where its page goes, and what it refuses."""

import json
import re
import shutil

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")


@pytest.fixture(scope="module")
def runs(mlp, trained, tmp_path_factory):
    """Return a folder with the run on iris, one of fewer epochs, and one of another target."""
    folder = tmp_path_factory.mktemp("several")
    shutil.copytree(trained.run, folder / "run")
    for file in (trained.folder / "iris.csv", trained.folder / "iris.yaml"):
        shutil.copy(file, folder)
    for name, change in (("short", "training.epochs=1"), ("width", "data.target=petal_width_cm")):
        words = ("--set", change, "--set", "model.output_initializer=auto")
        done = mlp("train", "iris.yaml", "--run-dir", name, *words, cwd=folder)
        assert done.code == 0, done.err
    return folder


def test_the_page_is_in_the_working_directory_with_the_numbers_of_compare(runs, mlp):
    done = mlp("report", "run", "short", "--metric", "log_loss", "--json", cwd=runs)
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {
        "report": "report.html",
        "bytes": (runs / "report.html").stat().st_size,
        "sections": ["verdict", "runs", "differences", "specs", "curves"],
    }
    page = (runs / "report.html").read_text("utf-8")
    words = ("run", "short", "--metric", "log_loss", "--json")
    found = json.loads(mlp("compare", *words, cwd=runs).out)
    section = page[page.index('<section id="differences"') :]
    row = re.search(r"<tr><td[^>]*>short</td>.*?</tr>", section)[0]
    [against] = found["comparisons"]
    numbers = [against["difference"], *against["interval"], 0.95]
    assert re.findall('data-value="([^"]*)"', row) == [repr(x) for x in numbers]
    assert "<h1>run and short</h1>" in page
    again = mlp("report", "run", "short", "--metric", "log_loss", "-q", "-o", "2.html", cwd=runs)
    assert again.out == "2.html\n"
    assert (runs / "2.html").read_text("utf-8") == page  # equal runs, equal bytes


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["run", "width"], 2, "mlp: width is regression on petal_width_cm and run is multi"),
        (["run", "shirt"], 5, "mlp: shirt: there is no such run directory or model file; did"),
        (
            ["run", "short", "--metric", "acuracy"],
            2,
            "mlp: --metric acuracy: not all of these runs have",
        ),
        (["run", "--metric", "accuracy"], 2, "mlp: --metric: is of several runs, to compare th"),
        (["run", "short", "--data", "-"], 2, "mlp: --data -: standard input can be read only"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(runs, mlp, words, code, message):
    done = mlp("report", *words, "-o", "never.html", cwd=runs)
    assert done.code == code
    assert done.err.startswith(message)
    assert done.err.count("\n") == 1
    assert not (runs / "never.html").exists()
