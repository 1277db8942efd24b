"""On the network of docs/maths.md, section 4.7, `explain` shows the page's numbers."""

import ast
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mlpcli.report.explain.explain import Shown, explain_step
from mlpcli.report.explain.source import open_step
from mlpcli.report.explain.text import text_lines

ROOT = Path(__file__).parents[3]
SPEC, WEIGHTS = (str(ROOT / "configs" / f"worked_example.{kind}") for kind in ("yaml", "json"))
PAGE = (ROOT / "docs" / "maths.md").read_text("utf-8")
NAMES = {"W": "hidden.1.weight", "b": "hidden.1.bias", "U": "output.weight", "c": "output.bias"}
LETTERS = {"W": "W⁽¹⁾", "b": "b⁽¹⁾", "U": "U", "c": "c"}
ARRAYS = {"u": "hidden.1.u", "h": "hidden.1.h", "y_hat": "y_hat", "mask": "hidden.1.mask"}
ARRAYS |= {"h_drop": "hidden.1.h_dropped", "delta2": "output.delta", "delta1": "hidden.1.delta"}
TO_SIX_DECIMALS = 5.001e-7
BLOCKS = {
    "mean squared error": (),
    "binary cross-entropy": ("data.task=binary",),
    "dropout": ("model.layers[0].keep_prob=0.5",),
}


def block(title):
    """Return the numbers of a block of the page by name."""
    (body,) = re.findall(rf"```python\n# {title}\n(.*?)```", PAGE, re.DOTALL)
    lines = (line.partition(" = ") for line in body.splitlines())
    return {name: np.array(ast.literal_eval(text), float) for name, _, text in lines}


def explained(*overrides, **shown):
    return explain_step(open_step(SPEC, None, overrides=overrides, weights=WEIGHTS), Shown(**shown))


def number_in(document, name):
    """Return what a name of the page stands for in `mlp explain --json`."""
    if name in ("J", "P"):
        return document[name]
    if name in ARRAYS:
        return document["arrays"][ARRAYS[name]]
    return document["gradient"][NAMES[name.removeprefix("d")]]


@pytest.mark.parametrize("title", BLOCKS)
def test_it_has_the_numbers_of_the_page(title):
    document = explained(*BLOCKS[title]).document
    page = block(title)
    assert len(page) >= 3
    for name, expected in page.items():
        found = np.array(number_in(document, name))
        assert found.shape == expected.shape
        assert found == pytest.approx(expected, rel=0, abs=TO_SIX_DECIMALS), name


def test_it_has_the_step_of_the_page():
    document = explained().document
    page = block("one step")
    assert document["P"] == pytest.approx(page.pop("P"), abs=TO_SIX_DECIMALS)
    assert document["J_after"] == pytest.approx(page.pop("J"), abs=TO_SIX_DECIMALS)
    for name, expected in page.items():
        found = np.array(document["parameters_after"][NAMES[name]])
        assert found == pytest.approx(expected, rel=0, abs=TO_SIX_DECIMALS), name


def test_its_text_has_them_too_each_line_with_its_formula():
    text = "\n".join(line for line, _ in text_lines(explained()))
    assert "u⁽¹⁾₁₁ = x₁₁ W⁽¹⁾₁₁ + x₁₂ W⁽¹⁾₂₁ + b⁽¹⁾₁ = 1 · 0.5 + 2 · 0.25 + 0 = 1\n" in text
    assert (
        "δ⁽¹⁾₁₁ = f'(u⁽¹⁾₁₁) δ⁽²⁾₁₁ U₁₁ = 0.419974 · (-0.287728) · 1 = -0.120838\n" in text
    )  # the page: (1 − 0.761594²) · (0.424545 − 1)/2 · 1
    assert (
        "W⁽¹⁾₁₁ ← (1 - λ α) W⁽¹⁾₁₁ - λ ∂J/∂W⁽¹⁾₁₁ "
        "= (1 - 0.5 · 0.1) · 0.5 - 0.5 · 0.249333 = 0.350333\n" in text
    )


def test_one_weight_is_followed_along_its_path():
    found = explained(weight="hidden.1[2,1]")
    lines = {line.left: line for _, line in found.lines()}
    # By the page: δ⁽¹⁾ of unit 1 is -0.120838 and -0.370172, x₂ is 2 and 0.5.
    assert lines["path 1 → 1"].number == pytest.approx(-0.370172, abs=TO_SIX_DECIMALS)
    assert lines["∂J/∂W⁽¹⁾₂₁"].number == pytest.approx(-0.426762, abs=TO_SIX_DECIMALS)
    assert lines["W⁽¹⁾₂₁"].number == pytest.approx(0.450881, abs=TO_SIX_DECIMALS)


def test_rational_numbers_are_shown_as_fractions():
    """By hand: u is 1, 3/5, -3/8, 17/20; of tanh nothing is rational."""
    found = explained(fractions=True)
    values = {line.left: line.value for _, line in found.lines()}
    assert [values[f"u⁽¹⁾{d}"] for d in ("₁₁", "₁₂", "₂₁", "₂₂")] == [
        "1",
        "3/5 = 0.6",
        "-3/8 = -0.375",
        "17/20 = 0.85",
    ]
    assert values["h⁽¹⁾₁₁"] == "0.761594"
    assert any("h⁽¹⁾ is not rational (tanh)" in sentence for sentence in found.about)


def test_with_relu_the_whole_step_is_rational():
    """By hand: h = [1, 3/5], [0, 17/20]; ŷ = 3/5, -13/20; δ = -1/5, -13/40."""
    found = explained("model.layers[0].activation=relu", fractions=True)
    exact = {line.left: line.term.exact for _, line in found.lines() if line.term is not None}
    assert (exact["ŷ₁₁"], exact["ŷ₂₁"]) == (Fraction(3, 5), Fraction(-13, 20))
    assert exact["J"] == Fraction(Fraction(2, 5) ** 2 / 2 + Fraction(13, 20) ** 2 / 2) / 2
    assert exact["∂J/∂U₂₁"] == Fraction(3, 5) * Fraction(-1, 5) + Fraction(17, 20) * Fraction(
        -13, 40
    )
    assert exact["∂J/∂W⁽¹⁾₁₁"] == Fraction(-1, 5)  # row 1 alone: unit 1 is off in row 2
    # W ← (1 − 1/2 · 1/10) · 1/2 + 1/2 · 1/5
    assert exact["W⁽¹⁾₁₁"] == Fraction(19, 20) / 2 + Fraction(1, 10)
    assert not any("rational" in sentence for sentence in found.about)
