"""docs/maths.md is true: its references, its numbers, its keys, and what it says is not built."""

import ast
import inspect
import json
import re
from pathlib import Path

import numpy as np
import pytest

from mlpcli.data.augmentations import AUGMENTATIONS
from mlpcli.family import settings_of
from mlpcli.nn.activations import ACTIVATIONS, NONE
from mlpcli.nn.backprop import Backprop
from mlpcli.nn.embeddings import EMBEDDINGS
from mlpcli.nn.initializers import INITIALIZERS
from mlpcli.nn.layers import RESOLUTION, Dropout
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, Network
from mlpcli.nn.norms import NORMS
from mlpcli.nn.optimizers import OPTIMIZERS, State
from mlpcli.nn.penalties import L2, DecoupledDecay
from mlpcli.nn.schedules import SCHEDULES
from mlpcli.nn.sharing import SHARINGS
from mlpcli.nn.training_step import TrainingStep
from mlpcli.nn.update import Regularization
from mlpcli.spec.schema import Spec
from mlpcli.training.intervals import rows_difference
from mlpcli.training.metrics import METRICS

PAGE = Path(__file__).parents[1] / "docs" / "maths.md"
TEXT = PAGE.read_text(encoding="utf-8")
LINK = re.compile(r"\[([^\]]+)\]\(([^)#\s]+)\)")
REFERENCES = sorted({(text.strip("`"), target) for text, target in LINK.findall(TEXT)})
FAMILIES = (
    ACTIVATIONS,
    LOSSES,
    INITIALIZERS,
    OPTIMIZERS,
    SCHEDULES,
    NORMS,
    EMBEDDINGS,
    SHARINGS,
    AUGMENTATIONS,
    METRICS,
)


KEYS_HEADER = "| symbol | key of the spec | default | in code |"
SETTINGS_HEADER = "| symbol | setting | default |"


def module_of(cls):
    """Return the link's target of a class's module."""
    return f"../{cls.__module__.replace('.', '/')}.py"


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
    expected = {(c.__name__, module_of(c)) for c in family.values()}
    assert not expected - set(REFERENCES)


def test_links_between_sections_lead_to_sections():
    headings = set(re.findall(r"^##+ (\d+(?:\.\d+)?) ", TEXT, re.MULTILINE))
    named = re.findall(r"\b[Ss]ections?\s+(\d+(?:\.\d+)?)(?:\s+and\s+(\d+(?:\.\d+)?))?", TEXT)
    assert {number for pair in named for number in pair if number} <= headings
    (contents,) = re.findall(r"^1 Notation(.*?)\n\n", TEXT, re.MULTILINE | re.DOTALL)
    listed = re.findall(r"\b(\d+) [A-Z]", f"1 Notation{contents}")
    assert listed == re.findall(r"^## (\d+) ", TEXT, re.MULTILINE)


def test_the_contents_have_the_titles_of_the_sections():
    contents = " ".join(TEXT[TEXT.index("\n1 Notation · ") : TEXT.index("\n## 1 ")].split())
    assert contents.split(" · ") == re.findall(r"^## (\d+ .*)$", TEXT, re.MULTILINE)


def block(title):
    """Return the worked example's lines under `# title`: name -> value as printed."""
    (body,) = re.findall(rf"```python\n# {title}\n(.*?)```", TEXT, re.DOTALL)
    return dict(re.split(r"\s*=\s*", line, maxsplit=1) for line in body.splitlines())


GIVEN = {name: np.array(ast.literal_eval(text), float) for name, text in block("given").items()}
COMPUTED = (
    "mean squared error",
    "one step",
    "binary cross-entropy",
    "dropout",
    "each activation",
    "one row of each loss",
    "two steps of each optimizer",
    "batch normalization",
    "intervals of a difference",
)
# Those that list a family: with every member of it.
WHOLE = ("each activation", "one row of each loss", "two steps of each optimizer")


def example(loss="mse", keep_prob=1.0):
    """Return the worked example's network, and its layers for two rows."""
    hidden = (Layer(2, ACTIVATIONS["tanh"](), keep_prob),)
    architecture = Architecture(2, hidden, 1, LOSSES[loss]())
    network = Network(architecture, np.zeros(architecture.layout.n_params))
    for tensor, letter in zip(network.tensors().values(), "WbUc", strict=True):
        tensor[...] = GIVEN[letter]
    return network, Backprop(network, 2, training=True)


class Given:
    """A generator whose bit generator returns these 16-bit numbers, in words of 64 bits."""

    def __init__(self, numbers):
        self.words, self.bit_generator = np.array(numbers, np.uint16).view(np.uint64), self

    def random_raw(self, n):
        drawn, self.words = self.words[:n], self.words[n:]
        return drawn


def value_of(batch):
    """Return J of the example's rows."""
    loss = batch.network.architecture.loss
    return loss.value(batch.forward(GIVEN["X"]), GIVEN["y"]).mean()


def value_and_gradient(batch):
    """Return J of the example's rows, and leave its gradient."""
    loss, delta = batch.network.architecture.loss, batch.delta
    value = value_of(batch)
    loss.delta(batch.u, GIVEN["y"], np.asarray(1 / 2), delta, loss.scratch(delta))
    batch.backward()
    return value


def run(network, batch):
    """Go forward and backward; return what the page prints, under the names it prints."""
    batch.forward(GIVEN["X"])
    first, hidden = batch.layers[:2]
    h, y_hat = hidden.h.copy(), np.empty((2, 1))  # on the way back h is overwritten
    network.architecture.loss.predict(batch.u, y_hat)
    value = value_and_gradient(batch)
    gradient = network.architecture.layout.unpack(batch.grad)
    dW, db, dU, dc = gradient.values()
    found = {"h": h, "y_hat": y_hat, "J": value}
    found |= {"delta2": batch.delta.copy(), "dU": dU, "dc": dc, "dW": dW, "db": db}
    # Going backward overwrites u and delta: u is made again, δ⁽¹⁾ is read off ∂J/∂W = Xᵀ δ⁽¹⁾.
    found["delta1"] = np.linalg.solve(GIVEN["X"].T, dW)
    found["u"] = first.forward(GIVEN["X"])
    return found


def mean_squared_error():
    return run(*example())


def one_step():
    network, batch = example()
    value_and_gradient(batch)
    penalty = L2(GIVEN["l2"], network)
    found = {"P": penalty.value()}
    penalty.add_gradient(batch.grad)
    sgd = OPTIMIZERS["sgd"]()
    sgd.bind(network.theta, batch.grad, GIVEN["learning_rate"], State(sgd, network.theta))()
    found |= dict(zip("WbUc", network.tensors().values(), strict=True))
    return found | {"J": value_of(batch)}


def binary_cross_entropy():
    return run(*example("binary_cross_entropy"))


def dropout():
    network, batch = example(keep_prob=0.5)
    (drop,) = batch.dropouts
    drop.generators = [Given([0, 65535, 0, 0])]  # 65535 is dropped at p_k = 0.5
    drop.draw()
    return run(network, batch) | {"mask": drop.mask, "h_drop": drop.h}


def each_activation():
    """f and f' at u = −0.5, of all that work unit by unit."""
    found, u = {}, np.array([[-0.5]])
    for name, member in ACTIVATIONS.items():
        activation = member()
        own = {key: np.full(1, value) for key, value in activation.parameters.items()} or NONE
        d_own = {key: np.empty(1) for key in own}
        h, delta, scratch = np.empty_like(u), np.ones_like(u), activation.scratch(u, own, d_own)
        activation.value(u, h, scratch)
        activation.times_derivative(u.copy(), h, delta, scratch)
        found[name] = np.concatenate([h, delta], axis=None)
    del found["softmax"]
    return found


def one_row_of_each_loss():
    """The row's loss and its derivative by each output."""
    settings = {"huber": {"cutoff": 0.25}, "quantile": {"levels": (0.9,)}}
    outputs = {"gaussian_nll": [0.5, 0.0], "cross_entropy": [0.5, 0.0, -1.0]}
    rows = [(name, LOSSES[name](**settings.get(name, {})), "binary") for name in LOSSES]
    rows += [(f"{name}_of_classes", LOSSES[name](), "multiclass") for name in ("focal", "hinge")]
    found = {}
    for name, member, task in rows:
        loss = member.for_task(task)
        of_classes = task == "multiclass" or name == "cross_entropy"
        u = np.array([outputs["cross_entropy"] if of_classes else outputs.get(name, [0.5])])
        y, delta = np.array([[0.0, 1.0, 0.0]] if of_classes else [[1.0]]), np.empty_like(u)
        loss.delta(u, y, np.asarray(1.0), delta, loss.scratch(delta))
        found[name] = np.concatenate([loss.value(u, y), delta], axis=None)
    return found


def two_steps_of_each_optimizer():
    """θ after g = 1 and then g = 0, from 1, with λ = 0.1."""
    members = {name: member(learning_rate=0.1) for name, member in OPTIMIZERS.items()}
    members["momentum"] = OPTIMIZERS["sgd"](0.1, momentum=0.9)
    members["nesterov"] = OPTIMIZERS["sgd"](0.1, momentum=0.9, nesterov=True)
    found = {}
    for name, optimizer in members.items():
        # One weight, and a bias that no gradient moves.
        network = Network(Architecture(1, (), 1, LOSSES["mse"]()), np.array([1.0, 0.0]))
        grad, rate = np.zeros(2), np.array(0.1)
        step = optimizer.bind(network.theta, grad, rate, State(optimizer, network.theta))
        decay = DecoupledDecay(0.1 * optimizer.decoupled_decay, network, rate)
        found[name] = []
        for gradient in (1.0, 0.0):
            grad[...] = gradient, 0.0
            decay.apply()
            step()
            found[name].append(network.theta[0])
    return found


def batch_normalization():
    """One unit over three rows, δ in the first, and the running means after it."""
    u, delta = np.array([[1.0], [2.0], [6.0]]), np.array([[1.0], [0.0], [0.0]])
    params = {"weight": 2.0, "bias": 1.0, "mean": 0.0, "variance": 1.0}
    params = {name: np.full(1, value) for name, value in params.items()}
    grads = {name: np.empty(1) for name in ("weight", "bias")}
    layer = NORMS["batch"]().layer(u, params, grads, training=True)
    found = {"u_rows": u, "y_rows": layer.forward(u).copy(), "u_hat": layer.u_hat}
    found |= {"d_u": layer.backward(delta), "d_gamma": grads["weight"], "d_beta": grads["bias"]}
    return found | {"running_mean": params["mean"], "running_variance": params["variance"]}


def intervals_of_a_difference():
    """A run is right on 12 rows of 100 that the first is not, and wrong on 4; and six rows' errors.

    The numbers of the page are scipy.stats': norm.ppf in Bonett and Price's formula, t.interval.
    """
    right, first = np.zeros(100), np.zeros(100)
    right[:12], first[12:16] = 1, 1
    errors = np.array([0.5, -0.1, 0.4, 0.2, 0.1, 0.3])
    shares, paired = rows_difference(right, first), rows_difference(errors, np.zeros(6))
    assert (shares.method, paired.method) == ("adjusted Wald", "paired t")
    return {
        name: [found.estimate, found.low, found.high]
        for name, found in (("adjusted_wald", shares), ("paired_t", paired))
    }


def as_printed(value):
    """Six decimals each, row by row; −0 prints as 0."""
    return re.sub(r"-(0\.0+)$", r"\1", f"{value:.6f}")


@pytest.mark.parametrize("title", COMPUTED)
def test_the_worked_example_is_what_the_engine_computes(title):
    found = globals()[re.sub(r"\W", "_", title)]()
    if title in WHOLE:
        assert set(block(title)) == set(found)
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
        return value_of(batch)

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
    drop = Dropout(1, 0.8, np.empty((1, RESOLUTION)))
    drop.generators = [Given(np.arange(RESOLUTION))]  # each random number once
    drop.draw()
    kept = np.count_nonzero(drop.mask)
    assert (kept, f"{kept / RESOLUTION:.7f}") == (int(threshold), probability)
    assert drop.mask.mean() == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("off", [0, 1, 2])
def test_dropout_in_one_layer_changes_no_others_masks(off):
    def masks(keep):
        hidden = tuple(Layer(6, ACTIVATIONS["tanh"](), p) for p in keep[1:])
        architecture = Architecture(5, hidden, 1, LOSSES["mse"](), input_keep_prob=keep[0])
        network = Network(architecture, np.zeros(architecture.layout.n_params))
        step = TrainingStep(network, OPTIMIZERS["sgd"](), Regularization(), [8])
        step.start([3], 2)
        for drop in step.backprop[8].dropouts:
            drop.draw()
        return {drop.stream: drop.mask for drop in step.backprop[8].dropouts}

    keep = [0.9, 0.8, 0.7]
    all_on = masks(keep)
    keep[off] = 1.0
    rest = masks(keep)
    assert set(rest) == {0, 1, 2} - {off}
    for place, mask in rest.items():
        np.testing.assert_array_equal(mask, all_on[place])


def table(header):
    """Return the rows of the page's table with this header, each a list of its cells."""
    _, _, rest = TEXT.partition(f"\n{header}\n")
    rows = rest.partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def written(value):
    """Return a default as a spec writes it."""
    if isinstance(value, dict):
        return value["name"]
    return value if isinstance(value, str) else json.dumps(value)


def leaves(value, path=""):
    """Yield each key of a spec, with its value; a family's member is one, a list is its first."""
    if isinstance(value, dict) and "name" not in value:
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        yield from leaves(value[0], f"{path}[0]")
    else:
        yield path, value


KEYS = [(row[1].strip("`"), row[2].strip("`")) for row in table(KEYS_HEADER)]
SPEC = Spec.model_validate({"data": {"path": "x.csv", "target": "y"}}).model_dump()


@pytest.mark.parametrize(("key", "default"), KEYS, ids=[key for key, _ in KEYS])
def test_a_key_of_the_table_has_the_default_it_says(key, default):
    value = SPEC
    for part in re.findall(r"\w+", key):
        value = value[int(part) if part.isdigit() else part]
    assert written(value) == default


@pytest.mark.parametrize("section", ["model", "training", "regularization"])
def test_the_table_has_every_key_of_the_mathematics(section):
    assert {f"{section}.{key}" for key, _ in leaves(SPEC[section])} <= {key for key, _ in KEYS}


SETTINGS = [
    (name.strip("`"), target, row[2].strip("`"))
    for row in table(SETTINGS_HEADER)
    for name, target in LINK.findall(row[1])
]


def each_setting(family):
    """Yield each setting of each member: its reference, where it is defined, and its default."""
    for member in family.values():
        for f in settings_of(member):
            (owner, *_) = (c for c in member.__mro__ if f.name in inspect.get_annotations(c))
            yield f"{owner.__name__}.{f.name}", module_of(owner), f.default


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.noun)
def test_the_table_has_every_setting_with_its_default(family):
    found = {(name, target): default for name, target, default in SETTINGS}
    assert len(found) == len(SETTINGS), "a setting stands in the table twice"
    for name, target, default in each_setting(family):
        assert (name, target) in found, f"{name} is left out"
        plain = list(default) if isinstance(default, tuple) else default
        assert json.loads(found[name, target]) == plain, name


def test_the_table_has_no_setting_that_no_member_has():
    settings = {setting[:2] for family in FAMILIES for setting in each_setting(family)}
    assert {setting[:2] for setting in SETTINGS} == settings
