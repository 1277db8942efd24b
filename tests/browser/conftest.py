"""Reports in Debian's Chromium, driven by Playwright: a page is opened as a reader opens it.

Without Playwright (extra `browser`), a Chromium or axe-core these tests are skipped; where the
variable MLP_BROWSER is `required`, as in CI, that is a failure. AXE_CORE is the path of
axe-core's axe.min.js.
"""

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]
# A browser that talks to nobody, in a container too.
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
AXE = (os.environ.get("AXE_CORE", ""), str(ROOT / "node_modules" / "axe-core" / "axe.min.js"))
# Imports take longest: all the commands in one process. Each line is its exit code and output.
MANY = """
import contextlib, io, json, sys
from mlpcli.cli.main import main

for words in json.loads(sys.stdin.read()):
    sys.argv = ["mlp", *words]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code
    print(json.dumps([code or 0, out.getvalue()]))
"""
SWEEP = """
data: {path: %s, target: species, split: {validation: 0, test: 0.2}}
model: {layers: [{units: 6, activation: tanh}]}
training: {epochs: 5, optimizer: {name: sgd, learning_rate: 0.1}}
sweep:
  method: random
  trials: 12
  metric: log_loss
  folds: 2
  parameters:
    training.optimizer.learning_rate: {log_uniform: [1e-3, 1]}
    model.layers[0].activation: {choice: [relu, tanh]}
    model.layers[0].units: {int: [4, 16, 4]}
"""
EPOCHS = ["--set", "training.epochs=20"]
TRAININGS = {
    "classes": ["penguins.yaml", *EPOCHS],
    "binary": ["breast_cancer.yaml", *EPOCHS],
    "regression": ["diabetes.yaml", *EPOCHS],
    "ensemble": ["diabetes.yaml", *EPOCHS, "--set", "ensemble={kind: bootstrap, replicas: 5}"],
    "other": ["penguins.yaml", "--set", "training.epochs=3", "--set", "model.layers[0].units=4"],
}
RUNS = ("classes", "binary", "regression", "ensemble")
REPORTS = (*RUNS, "runs", "study")
PAGES = (*REPORTS, "step")  # the last one by mlp explain


def missing():
    """Return what is not there of all that these tests need; empty: nothing."""
    if importlib.util.find_spec("playwright") is None:
        return "Playwright: pip install 'mlpcli[browser]'"
    if not chromium():
        return "a Chromium: apt-get install chromium"
    if not axe():
        return "axe-core: npm install axe-core, and its axe.min.js in AXE_CORE"
    return ""


def chromium():
    return shutil.which("chromium") or shutil.which("chromium-browser")


def axe():
    return next((Path(path) for path in AXE if path and Path(path).is_file()), None)


def pytest_generate_tests(metafunc):
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", PAGES)
    if "run" in metafunc.fixturenames:
        metafunc.parametrize("run", RUNS)


@pytest.fixture(scope="session")
def browser():
    """Return Chromium."""
    if missing():
        fail = pytest.fail if os.environ.get("MLP_BROWSER") == "required" else pytest.skip
        fail(f"there is no {missing()}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        with contextlib.closing(browser):
            yield browser


@pytest.fixture(scope="session")
def reports(browser, tmp_path_factory):  # noqa: ARG001  skipped where there is none
    """Return the pages by name, and what mlp eval, compare and sweep --json say of the same."""
    folder = tmp_path_factory.mktemp("reports")
    (folder / "search.yaml").write_text(SWEEP % (ROOT / "data" / "iris.csv"))
    trainings = [
        ["train", str(ROOT / "configs" / words[0]), "-q", "--run-dir", name, *words[1:]]
        for name, words in TRAININGS.items()
    ]
    documents = {
        **{name: ["eval", name, "--json"] for name in RUNS},
        "runs": ["compare", "classes", "other", "--json"],
        "study": ["sweep", "search.yaml", "--json", "--jobs", "1"],
    }
    subjects = {name: [name] for name in RUNS}
    subjects |= {"runs": ["classes", "other"], "study": ["runs/search-sweep"]}
    pages = [["report", *subjects[name], "-q", "-o", f"{name}.html"] for name in REPORTS]
    pages.append(["explain", "classes", "-q", "-o", "step.html"])
    commands = [*trainings, *documents.values(), *pages]
    done = subprocess.run(
        [sys.executable, "-c", MANY],
        input=json.dumps(commands),
        cwd=folder,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [code for code, _ in found] == [0] * len(commands), done.stderr
    outputs = [out for _, out in found[len(trainings) : len(trainings) + len(documents)]]
    return SimpleNamespace(
        pages={name: folder / f"{name}.html" for name in PAGES},
        documents=dict(zip(documents, map(json.loads, outputs), strict=True)),
        folder=folder,
    )


class Visit:
    """A page that is open, and what has gone wrong in it.

    errors    what the console has of errors and warnings, and exceptions
    requests  the addresses asked for but the page's own; none is answered
    """

    def __init__(self, browser, path, **options):
        options = {"viewport": {"width": 1400, "height": 900}, **options}
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.errors, self.requests = [], []
        self.page.on("console", self.console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.address = path.resolve().as_uri()
        self.context.route("**/*", self.route)
        self.page.goto(self.address)

    def console(self, message):
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def route(self, route):
        if route.request.url == self.address:
            route.continue_()
        else:
            self.requests.append(route.request.url)
            route.abort()

    def look(self, width=None, **media):
        """Show the page this wide, in the light or dark, on a screen or on paper."""
        if width is not None:
            self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(**media)

    def too_wide(self):
        """Return how many pixels the page is wider than its window."""
        size = "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"
        return self.page.evaluate(size)

    def violations(self):
        """Return the serious and critical faults that axe-core finds."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(axe().read_text("utf-8"))
        found = self.page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        return [
            (each["id"], each["impact"], [node["html"][:200] for node in each["nodes"][:3]])
            for each in found
            if each["impact"] in ("serious", "critical")
        ]

    def tables(self):
        """Return each table: section, caption, header, and rows of texts and of exact numbers."""
        return [SimpleNamespace(**each) for each in self.page.evaluate(TABLES)]


TABLES = """
() => [...document.querySelectorAll("table")].map((table) => ({
  section: table.closest("section").id,
  caption: table.caption.textContent.trim(),
  header: [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim()),
  rows: [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => ({
    text: cell.textContent, value: cell.dataset.value ?? null}))),
}))
"""


@pytest.fixture
def visit(browser):
    """Return a function that opens a page; it is closed at the test's end."""
    visits = []

    def open_page(path, **options):
        visits.append(Visit(browser, path, **options))
        return visits[-1]

    yield open_page
    for each in visits:
        each.context.close()


@pytest.fixture(scope="session")
def opened(browser, reports):
    """Return a function that opens a report once for all tests that only look at it."""
    visits = {}

    def open_once(name):
        if name not in visits:
            visits[name] = Visit(browser, reports.pages[name])
        return visits[name]

    yield open_once
    for each in visits.values():
        each.context.close()
