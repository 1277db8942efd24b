"""Whatever a spec may name: each formula leads to a section and a function, each line adds up."""

import importlib
import math
import re
from pathlib import Path

import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.optimizers import OPTIMIZERS

ROOT = Path(__file__).parents[3]
HEADINGS = set(
    re.findall(
        r"^##+ (\d+(?:\.\d+)?) ", (ROOT / "docs" / "maths.md").read_text("utf-8"), re.MULTILINE
    )
)
HIDDEN = sorted(name for name, member in ACTIVATIONS.items() if not member.output_only)
SPECS = {
    **{
        f"activation {n}": ("number", f"{{layers: [{{units: 3, activation: {n}}}]}}", "")
        for n in HIDDEN
    },
    **{
        f"loss {n}": (
            "number"
            if "regression" in loss.tasks
            else "class"
            if n == "cross_entropy"
            else "binary",
            f"{{layers: [{{units: 3, activation: tanh}}], loss: {n}}}",
            "",
        )
        for n, loss in LOSSES.items()
    },
    **{
        f"optimizer {n}": (
            "class",
            "{layers: [{units: 3, activation: tanh}]}",
            f"training: {{batch_size: 4, optimizer: {n}}}\nregularization: {{l2: 0.01}}",
        )
        for n in OPTIMIZERS
    },
    "nesterov": (
        "number",
        "{layers: [{units: 2, activation: relu}]}",
        "training: {optimizer: {name: sgd, momentum: 0.9, nesterov: true}}",
    ),
    "everything": (
        "class",
        (
            "{input_keep_prob: 0.8, layers: [{units: 4, activation: gelu, norm: layer, "
            "keep_prob: 0.7}, {units: 3, activation: prelu, norm: batch}]}"
        ),
        (
            "training: {batch_size: 5, gradient_clipping: {norm: 0.1, value: 0.05}, "
            "weight_averaging: 0.9, schedule: {name: cosine, warmup: 1}}\n"
            "regularization: {l2: 0.01, l1: 0.01, max_norm: 1, noise: {input: 0.1, weights: 0.01, "
            "gradients: 0.01, labels: 0.1}}"
        ),
    ),
    "embedding": (
        "number",
        "{embedding: periodic, layers: [{units: 2, activation: softplus}]}",
        "",
    ),
    "softmax with squares": (
        "class",
        "{layers: [{units: 2, activation: silu}], loss: mse, output: softmax}",
        "",
    ),
    "sigmoid with squares": (
        "binary",
        "{layers: [{units: 2, activation: leaky_relu}], loss: mse, output: sigmoid}",
        "",
    ),
    "no hidden layer": ("number", "{layers: []}", "regularization: {l1: 0.1}"),
}


@pytest.fixture(scope="module", params=SPECS)
def explanation(request, explained):
    """Return the explanation of the second step of each spec."""
    task, model, rest = SPECS[request.param]
    return explained(task, f"model: {model}\n{rest}", step=2).found


def test_each_formula_has_its_section_and_its_functions(explanation):
    for chapter in explanation.chapters:
        for formula in chapter.formulas:
            assert formula.section in HEADINGS, formula.text
            assert formula.functions
            for name in formula.functions:
                assert callable(_resolved(f"mlpcli.{name}")), name


def _resolved(name):
    """Return what a dotted name stands for: the module as far as there is one, then attributes."""
    words = name.split(".")
    for k in range(len(words), 0, -1):
        try:
            found = importlib.import_module(".".join(words[:k]))
        except ModuleNotFoundError:
            continue
        for word in words[k:]:
            found = getattr(found, word)
        return found
    raise AssertionError(name)


def test_each_formula_gives_the_number_that_the_engine_has(explanation):
    compared = 0
    for _, line in explanation.lines():
        assert math.isfinite(line.number), line.text()
        if line.term is not None:
            assert line.term.value == pytest.approx(line.number, rel=1e-9, abs=1e-12), line.text()
            compared += 1
    assert compared > 20


def test_each_gradient_is_its_central_difference(explanation):
    gradients = [
        line for _, line in explanation.lines() if line.beside.startswith("central difference ")
    ]
    assert gradients
    for line in gradients:
        difference = float(line.beside.removeprefix("central difference "))
        assert difference == pytest.approx(line.number, rel=2e-5, abs=1e-8), line.text()


def test_what_overflows_is_shown_as_it_is(explained):
    rest = "model: {layers: [{units: 3, activation: relu}]}\n"
    rest += "training: {batch_size: 8, optimizer: {name: sgd, learning_rate: 1.0e+38}}"
    lines = [line.text() for _, line in explained("number", rest, step=3, units=2).found.lines()]
    assert any(line.endswith(" = inf") for line in lines)
    assert lines[-1] == "J = nan"


def test_a_scaled_number_stands_beside_as_the_file_has_it(explained):
    """The mean of `amount` is 2.21875, its deviation 1.16885: y of the first row by hand."""
    rest = "model: {layers: []}"
    found = explained("number", rest, target="standard", rows=None).found
    lines = {line.left: line for _, line in found.lines()}
    row = next(d for d in range(1, 9) if lines[f"y{'₀₁₂₃₄₅₆₇₈'[d]}₁"].beside == "amount: 3.5")
    sub = "₀₁₂₃₄₅₆₇₈"[row]
    assert lines[f"y{sub}₁"].number == pytest.approx((3.5 - 2.21875) / 1.16885, rel=1e-5)
    predicted = lines[f"ŷ{sub}₁"]
    amount = float(predicted.beside.removeprefix("amount: "))
    assert amount == pytest.approx(2.21875 + 1.16885 * predicted.number, rel=1e-5)


@pytest.mark.parametrize(("task", "activation"), [("class", "softplus"), ("binary", "sigmoid")])
def test_outputs_beyond_what_exp_can_take_are_written_with_the_shifts_of_the_engine(
    explained, task, activation
):
    """All outputs, and one of them with the others in one number."""
    rest = f"model: {{layers: [{{units: 3, activation: {activation}}}]}}\n"
    rest += "training: {batch_size: 8, optimizer: {name: sgd, learning_rate: 1.0e+5}}"
    for units in (1, 8):
        found = explained(task, rest, step=3, units=units).found
        lines = [line for _, line in found.lines() if line.left[0] in "uŷℓ" and line.term]
        assert max(abs(line.number) for line in lines if line.left[0] == "u") > 1e4
        assert max(line.number for line in lines if line.left[0] == "ℓ" or units == 1) > 710
        for line in lines:
            assert line.term.value == pytest.approx(line.number, rel=1e-9, abs=1e-12), line.text()
