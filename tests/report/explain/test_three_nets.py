"""Three nets, every number that is shown of a step of theirs recomputed in plain Python."""

import importlib.util
import math
import re
from pathlib import Path

import pytest

SPECS = {
    "tanh and softmax, with dropout and L2": (
        "class",
        (
            "model: {layers: [{units: 3, activation: tanh, keep_prob: 0.5}], "
            "output_initializer: glorot_uniform}\n"
            "training: {batch_size: 8, optimizer: {name: sgd, learning_rate: 0.5}}\n"
            "regularization: {l2: 0.1}"
        ),
        3,
    ),
    "relu and squares, with Adam": (
        "number",
        (
            "model: {layers: [{units: 4, activation: relu}, {units: 2, activation: relu}], "
            "output_initializer: glorot_uniform}\n"
            "training: {batch_size: 4, optimizer: {name: adam, learning_rate: 0.01}}"
        ),
        6,
    ),
    "sigmoid, two classes, with momentum and batch normalization": (
        "binary",
        (
            "model: {layers: [{units: 3, activation: sigmoid, norm: batch}], "
            "output_initializer: glorot_uniform}\n"
            "training: {batch_size: 4, optimizer: {name: sgd, learning_rate: 0.1, momentum: 0.9}}\n"
            "regularization: {l2: 0.01}"
        ),
        4,
    ),
}
LINE = re.compile(r"(\S+) (=|←) (.+?)(?:   \((?:central difference (\S+)|.*)\))?")
DIGITS = 6
# How a line's numbers are written, and how Python writes them.
WRITTEN = (("·", "*"), ("²", "**2"), ("√", "sqrt"), ("[", "float("), ("]", ")"))
FUNCTIONS = {name: getattr(math, name) for name in ("tanh", "exp", "log", "sqrt")}
FUNCTIONS |= {"max": max, "float": float}


def by_hand():
    """Return the module beside this one: tests are imported by their paths."""
    path = Path(__file__).with_name("by_hand.py")
    spec = importlib.util.spec_from_file_location("by_hand", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", params=SPECS)
def net(request, explained):
    """Return the explanation of a step of each net, and the step by hand."""
    task, rest, step = SPECS[request.param]
    made = explained(task, rest, step)
    made.step = by_hand().Step(made.document)
    blocks = re.findall(r"^```\n(.*?)^```$", made.markdown, re.MULTILINE | re.DOTALL)
    made.lines = [LINE.fullmatch(line).groups() for block in blocks for line in block.splitlines()]
    return made


def half_unit(value):
    """Return half a unit of the last digit that is shown of a number."""
    return 0.5 * 10 ** (math.floor(math.log10(abs(value))) + 1 - DIGITS) if value else 1e-15


def test_every_number_that_is_shown_is_the_one_computed_by_hand(net):
    after_the_step = 0
    for symbol, sign, sides, difference in net.lines:
        shown = float(sides.rpartition(" = ")[2])
        if symbol in ("J", "P") and " = " not in sides:
            after_the_step += 1  # at the new parameters: the next test
            continue
        expected = (net.step.new if sign == "←" else net.step.numbers)[symbol]
        # What cancels is exact to the rounding of what it is made of.
        assert shown == pytest.approx(expected, rel=0, abs=half_unit(expected) * 1.001 + 1e-15), (
            symbol
        )
        if difference is not None:
            allowed = 2 * half_unit(expected) + 1e-11
            assert float(difference) == pytest.approx(expected, rel=0, abs=allowed), symbol
    assert after_the_step == 1 + bool(net.step.P)
    assert len(net.lines) > 100


def test_the_new_parameters_have_the_loss_that_is_shown(net):
    document = net.document
    again = document | {"parameters": document["parameters_after"]}
    step = by_hand().Step(again)
    assert document["J_after"] == pytest.approx(step.J, rel=1e-9)
    assert document["P_after"] == pytest.approx(step.P, rel=1e-9)
    assert document["J_after"] < document["J"]


def test_every_line_adds_up_from_the_numbers_in_it(net):
    """Numbers are rounded: a line may be off by what that makes of its own numbers."""
    checked = 0
    for symbol, _, sides, _ in net.lines:
        texts = sides.split(" = ")
        numbers, shown = texts[-2:] if len(texts) > 1 else (None, texts[-1])
        if numbers is None or not re.fullmatch(r"[0-9eaxlogtnhpsqr .+*/()\[\]>²·√,-]+", numbers):
            continue
        for sign, python in WRITTEN:
            numbers = numbers.replace(sign, python)
        found = eval(numbers, {"__builtins__": {}}, FUNCTIONS)
        size = max(
            (abs(float(x)) for x in re.findall(r"[0-9.]+(?:e-?[0-9]+)?", numbers)), default=1
        )
        assert found == pytest.approx(float(shown), rel=1e-4, abs=size * 1e-5), (symbol, sides)
        checked += 1
    assert checked > 60


def test_the_document_has_the_gradient_and_the_new_parameters(net):
    for name, gradient in net.step.gradient.items():
        assert flat(net.document["gradient"][name]) == pytest.approx(flat(gradient), rel=1e-9)
    for place, value in net.step.after.items():
        found = net.document["parameters_after"][place[0]]
        for k in place[1:]:
            found = found[k]
        assert found == pytest.approx(value, rel=1e-9), place


def flat(values):
    return [x for row in values for x in (row if isinstance(row, list) else [row])]
