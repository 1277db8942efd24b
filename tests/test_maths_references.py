"""docs/maths.md is true: its references, its numbers, its keys, and what it says is not built."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.initializers import INITIALIZERS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, Network
from mlpcli.nn.optimizers import OPTIMIZERS, State
from mlpcli.nn.passes import Pass
from mlpcli.nn.penalties import L2
from mlpcli.nn.schedules import SCHEDULES
from mlpcli.nn.stages import RESOLUTION, Drop
from mlpcli.spec.schema import Spec

PAGE = Path(__file__).parents[1] / "docs" / "maths.md"
TEXT = PAGE.read_text(encoding="utf-8")
LINK = re.compile(r"\[([^\]]+)\]\(([^)#\s]+)\)")
REFERENCES = sorted({(text.strip("`"), target) for text, target in LINK.findall(TEXT)})
FAMILIES = (ACTIVATIONS, LOSSES, INITIALIZERS, OPTIMIZERS, SCHEDULES)


def definitions(path):
    """Return the dotted names a module defines: functions, classes, constants and attributes."""
    return set(_names(ast.parse(path.read_text(encoding="utf-8")).body, ""))


def _names(body, prefix):
    for node in body:
        match node:
            case ast.ClassDef(name=name):
                yield prefix + name
                yield from _names(node.body, f"{prefix}{name}.")
            case ast.FunctionDef(name=name):
                yield prefix + name
                if name == "__init__":
                    yield from (prefix + attribute for attribute in _attributes(node))
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield prefix + name


def _attributes(function):
    """Yield x of each `self.x` that is assigned."""
    for node in ast.walk(function):
        match node:
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                yield name


@pytest.mark.parametrize(("name", "target"), REFERENCES, ids=[name for name, _ in REFERENCES])
def test_a_reference_leads_to_a_definition(name, target):
    path = (PAGE.parent / target).resolve()
    assert path.is_file(), f"{target} is not a file"
    assert name in definitions(path), f"{target} does not define {name}"


def test_every_link_to_code_is_a_name_in_backticks():
    for text, target in LINK.findall(TEXT):
        assert re.fullmatch(r"`[A-Za-z_][\w.]*`", text), (text, target)
    # … and none is hidden from LINK by a space or a line break.
    assert TEXT.count(".py)") == len(LINK.findall(TEXT))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.noun)
def test_every_member_of_a_family_is_referenced(family):
    expected = {(c.__name__, f"../{c.__module__.replace('.', '/')}.py") for c in family.values()}
    assert expected <= set(REFERENCES)


def block(title):
    """Return the worked example's lines under `# title`: name -> value as printed."""
    (body,) = re.findall(rf"```python\n# {title}\n(.*?)```", TEXT, re.DOTALL)
    return dict(re.split(r"\s*=\s*", line, maxsplit=1) for line in body.splitlines())


GIVEN = {name: np.array(ast.literal_eval(text), float) for name, text in block("given").items()}
COMPUTED = ("mean squared error", "one step", "binary cross-entropy", "dropout")


def example(loss="mse", keep_prob=1.0):
    """Return the worked example's network, and a pass over its two rows."""
    hidden = (Layer(2, ACTIVATIONS["tanh"](), keep_prob),)
    architecture = Architecture(2, hidden, 1, LOSSES[loss]())
    network = Network(architecture, np.zeros(architecture.layout.n_params))
    for tensor, letter in zip(network.tensors().values(), "WbUc", strict=True):
        tensor[...] = GIVEN[letter]
    return network, Pass(network, 2, dropout=True)


def run(network, batch):
    """Go forward and backward; return what the page prints, under the names it prints."""
    value = batch.value_and_gradient(GIVEN["X"], GIVEN["y"])
    gradient = network.architecture.layout.unpack(batch.grad)
    dW, db, dU, dc = gradient.values()
    first, hidden = batch.stages[:2]
    found = {"h": hidden.h, "y_hat": batch.predict(np.empty((2, 1))), "J": value}
    found |= {"delta2": batch.delta.copy(), "dU": dU, "dc": dc, "dW": dW, "db": db}
    # Going backward overwrites u and delta: u is made again, δ⁽¹⁾ is read off ∂J/∂W = Xᵀ δ⁽¹⁾.
    found["delta1"] = np.linalg.solve(GIVEN["X"].T, dW)
    found["u"] = first.forward(GIVEN["X"])
    return found


def mean_squared_error():
    return run(*example())


def one_step():
    network, batch = example()
    batch.value_and_gradient(GIVEN["X"], GIVEN["y"])
    penalty = L2(GIVEN["l2"], network)
    found = {"P": penalty.value()}
    penalty.add_gradient(batch.grad)
    sgd = OPTIMIZERS["sgd"]()
    sgd.bind(network.theta, batch.grad, GIVEN["learning_rate"], State(sgd, network.theta))()
    batch.forward(GIVEN["X"])
    return (
        found
        | dict(zip("WbUc", network.tensors().values(), strict=True))
        | {"J": batch.value(GIVEN["y"])}
    )


def binary_cross_entropy():
    return run(*example("binary_cross_entropy"))


def dropout():
    network, batch = example(keep_prob=0.5)
    (drop,) = batch.drops
    kept = np.array([0, 65535, 0, 0], np.uint16)  # 65535 is dropped at any p_k
    drop.draw(kept)
    return run(network, batch) | {"mask": drop.mask, "h_drop": drop.h}


def as_printed(value):
    """Six decimals each, row by row; −0 prints as 0."""
    return re.sub(r"-(0\.0+)$", r"\1", f"{value:.6f}")


@pytest.mark.parametrize("title", COMPUTED)
def test_the_worked_example_is_what_the_engine_computes(title):
    found = globals()[re.sub(r"\W", "_", title)]()
    for name, printed in block(title).items():
        value = np.asarray(found[name], float)
        assert np.shape(ast.literal_eval(printed)) == value.shape, name
        numbers = [as_printed(v) for v in value.ravel()]
        assert re.findall(r"-?\d+\.\d+", printed) == numbers, name


def test_every_number_of_six_decimals_stands_in_the_worked_example():
    blocks = " ".join(text for title in COMPUTED for text in block(title).values())
    for number in re.findall(r"\d+\.\d{6}\b", TEXT):
        assert number in blocks


def test_the_errors_of_the_differences_are_as_printed():
    network, batch = example()
    derivative = run(network, batch)["dW"][0, 0]

    def value(eta):
        network.theta[0] = GIVEN["W"][0, 0] + eta
        batch.forward(GIVEN["X"])
        return batch.value(GIVEN["y"])

    def central(eta):
        return (value(eta) - value(-eta)) / (2 * eta)

    rows = re.findall(r"\| (0\.\d+) \| (\S+e\S+) \| (\S+e\S+) \| (\S+e\S+) \|", TEXT)
    assert len(rows) == 3
    for eta, *printed in rows:
        step = float(eta)
        quotients = [
            (value(step) - value(0.0)) / step,
            central(step),
            (4 * central(step) - central(2 * step)) / 3,
        ]
        assert printed == [f"{quotient - derivative:.3e}" for quotient in quotients], eta


def test_the_probability_to_keep_is_rounded_as_the_page_says():
    threshold, probability = re.search(r"\$T = (\d+)\$ and it is (0\.\d+)", TEXT).groups()
    drop = Drop(0.8, np.empty((1, RESOLUTION)))
    drop.draw(np.arange(RESOLUTION, dtype=np.uint16))  # each random number once
    kept = np.count_nonzero(drop.mask)
    assert (kept, f"{kept / RESOLUTION:.7f}") == (int(threshold), probability)
    assert drop.mask.mean() == pytest.approx(1.0, rel=1e-12)


KEYS = re.findall(r"^\| [^|]+ \| `([\w.\[\]]+)` \| `(\S+)` \|", TEXT, re.MULTILINE)


@pytest.mark.parametrize(("key", "default"), KEYS, ids=[key for key, _ in KEYS])
def test_a_key_of_the_table_has_the_default_it_says(key, default):
    value = Spec.model_validate({"data": {"path": "x.csv", "target": "y"}}).model_dump()
    for part in re.findall(r"\w+", key):
        value = value[int(part) if part.isdigit() else part]
    assert str(value["name"] if isinstance(value, dict) else value) == default


def test_the_table_names_every_symbol_of_the_spec():
    assert len(KEYS) == TEXT.partition("| symbol | key of the spec |")[2].count("\n| ") - 2


@pytest.mark.parametrize(
    "built",
    [
        {"ensemble": {"kind": "bootstrap", "replicas": 2}},
        {"regularization": {"augmentation": [{"name": "flip"}]}},
        {"regularization": {"noise": {"input": 0.1}}},
        {"regularization": {"noise": {"weights": 0.1}}},
        {"regularization": {"noise": {"labels": 0.1}}},
    ],
    ids=str,
)
def test_what_the_page_calls_not_built_is_refused(built):
    # Once one of these is built, the page has to describe it: then remove it here.
    data = {"data": {"path": "x.csv", "target": "y"}}
    Spec.model_validate(data)
    with pytest.raises(ValidationError):
        Spec.model_validate(data | built)
