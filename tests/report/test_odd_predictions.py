"""Predictions as a model should not make them: a page is made of them all the same."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from mlpcli.report.blocks import Chart, Text
from mlpcli.report.sections import SECTIONS
from mlpcli.training.evaluation import evaluate_predictions, predict

pytest.importorskip("matplotlib")
ODD = {
    "all alike": lambda y: np.full_like(y, y.mean()),
    "some infinite": lambda y: np.where(np.arange(len(y))[:, None] % 3 == 0, np.inf, y),
    "huge": lambda y: y * 1e300,
    "none at all": lambda y: np.full_like(y, np.nan),
}


def sections(run, part, y_hat):
    """Return the sections of a run whose judged rows are these, and so predicted."""
    architecture = run.model.network.architecture
    with np.errstate(all="ignore"):
        scores = evaluate_predictions(architecture, run.model.encoding, part, y_hat)
    odd = replace(
        run,
        parts={**run.parts, run.judged: part},
        scores={**run.scores, run.judged: scores},
    )
    found = [section for make in SECTIONS if (section := make(odd)) is not None]
    for section in found:
        for block in section.blocks:
            if isinstance(block, Chart):
                ET.fromstring(block.svg)
    return {section.name: section for section in found}


@pytest.mark.parametrize(
    ("name", "odd"),
    [("numbers", odd) for odd in ODD] + [("classes", "none at all")],
)
def test_odd_predictions_are_shown(name, odd, reported):
    run = reported(name)
    part = run.parts["test"]
    found = sections(run, part, ODD[odd](predict(run.model.network, part.X)))
    if name == "numbers" and odd != "all alike":
        block = found["residuals"].blocks[0]
        rows = len(part) if odd == "none at all" else -(-len(part) // 3)
        assert isinstance(block, Text)
        if odd != "huge":
            assert block.text.startswith(f"progression: {rows} rows cannot be drawn")


@pytest.mark.parametrize(("name", "n_rows"), [("numbers", 1), ("ensemble", 1), ("classes", 2)])
def test_a_row_or_two_are_enough(name, n_rows, reported):
    run = reported(name)
    part = run.parts["test"].take(np.arange(n_rows))
    found = sections(run, part, predict(run.model.network, part.X))
    assert ("importance" in found) == (n_rows == 2)
    assert len(found["worst-rows"].blocks[-1].rows) == n_rows
