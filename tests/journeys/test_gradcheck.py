"""mlp gradcheck on every combination of hidden activation and loss, and its options."""

import json
from pathlib import Path

import pytest

import mlpcli
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES

HIDDEN = [name for name, member in ACTIVATIONS.items() if not member.output_only]
COMBINATIONS = [
    (activation, loss, task)
    for activation in HIDDEN
    for loss, member in LOSSES.items()
    for task in member.tasks
]
SPEC = """
data: {path: there/is/no.csv, target: [y]}
model: {layers: [{units: 5, keep_prob: 0.7}, {units: 4}]}
training: {batch_size: 7}
regularization: {l2: 0.01}
"""


@pytest.fixture(scope="module")
def many(in_one_process, tmp_path_factory):
    """Return a function that runs the command many times beside the spec."""
    folder = tmp_path_factory.mktemp("gradcheck")
    (folder / "spec.yaml").write_text(SPEC, "ascii")
    return lambda commands, before="": in_one_process(commands, folder, before)


def words_for(activation, loss, task, *more):
    layers = [f"model.layers[{k}].activation={activation}" for k in (0, 1)]
    keys = [*layers, f"model.loss={loss}", f"data.task={task}"]
    if task == "multilabel":
        keys.append("data.target=[y1, y2]")
    pairs = [word for key in keys for word in ("--set", key)]
    return ["gradcheck", "spec.yaml", "--synthetic", "--json", *pairs, *more]


@pytest.fixture(scope="module")
def checked(many):
    return dict(zip(COMBINATIONS, many([words_for(*c) for c in COMBINATIONS]), strict=True))


@pytest.mark.parametrize("combination", COMBINATIONS, ids="-".join)
def test_every_combination_passes(combination, checked):
    code, out, err = checked[combination]
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert document["passed"] is True
    assert document["tolerance"] == 1e-6
    learned = [f"activation.{name}" for name in ACTIVATIONS[combination[0]]().parameters]
    own = {"hidden.1": learned, "hidden.2": learned, "output": []}
    names = [
        f"{layer}.{part}"
        for layer in ("hidden.1", "hidden.2", "output")
        for part in ("weight", "bias", *own[layer])
    ]
    assert [tensor["name"] for tensor in document["tensors"]] == names
    for tensor in document["tensors"]:
        assert tensor["checked"] == tensor["entries"]
        assert tensor["undecided"] == 0
        assert 0 <= tensor["worst"] <= 1e-6
    assert document["directions"]["passed"] is True


def test_there_is_something_to_check(checked):
    # A network whose gradient is 0 everywhere would pass any check.
    for _, out, _ in checked.values():
        tensors = json.loads(out)["tensors"]
        assert max(abs(tensor["analytic"]) for tensor in tensors) > 1e-3


FAULTS = {
    "the bias gradient": """
from mlpcli.nn.layers import Affine
right = Affine.backward
def wrong(self, delta):
    below = right(self, delta)
    self.db *= 1.001
    return below
Affine.backward = wrong
""",
    "the mask on the way back": """
from mlpcli.nn.layers import Dropout
Dropout.backward = lambda self, delta: delta
""",
    "the penalty": """
from mlpcli.nn.penalties import L2
L2.add_gradient = lambda self, grad: None
""",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_exit_code_1(fault, many):
    chosen = COMBINATIONS[:: len(COMBINATIONS) // 5]
    for code, out, err in many([words_for(*c) for c in chosen], FAULTS[fault]):
        assert (code, err) == (1, "")
        assert json.loads(out)["passed"] is False


HIDDEN_AT_FIRST = {
    "the product with γ, which is 1 at first": (
        "model.layers[1].norm=layer",
        """
import numpy as np
from mlpcli.nn.norms import Normalize
def wrong(self, delta):
    np.multiply(delta, self.u_hat, out=self.work)
    self.matmul(self.ones, self.work, self.grads["weight"])
    self.matmul(self.ones, delta, self.grads["bias"])
    return self.below(delta)
Normalize.backward = wrong
""",
    ),
    "λ of an epoch": (
        "training.optimizer=adam",
        """
from mlpcli.training.trainer import Trainer
right = Trainer.epoch
Trainer.epoch = lambda self, epoch, rate, **others: right(self, epoch, 1.01 * rate, **others)
""",
    ),
    "lion's mean, of which the step sees the sign": (
        "training.optimizer=lion",
        """
from mlpcli.nn.optimizers import OPTIMIZERS
right = OPTIMIZERS["lion"].bind
def wrong(self, theta, grad, rate, state):
    step, m = right(self, theta, grad, rate, state), state.vectors[0]
    def after():
        step()
        m[...] *= 1.01
    return after
OPTIMIZERS["lion"].bind = wrong
""",
    ),
}


@pytest.mark.parametrize("fault", HIDDEN_AT_FIRST)
def test_a_fault_that_the_first_step_alone_would_hide_is_exit_code_1(fault, many):
    key, planted = HIDDEN_AT_FIRST[fault]
    words = [*words_for("tanh", "mse", "regression"), "--set", key]
    for code, source in ((0, ""), (1, planted)):
        ((found, _, err),) = many([words], source)
        assert (found, err) == (code, "")


def test_how_many_entries_are_checked(many):
    # 8 - 20 - 15 - 4 on made-up data: 160, 20, 300, 15, 60 and 4 entries.
    sizes = ["model.layers[0].units=20", "model.layers[1].units=15", "data.target=[a, b, c, d]"]
    words = words_for("tanh", "mse", "regression")
    words += [word for key in sizes for word in ("--set", key)]
    table = {
        (): [160, 20, 256, 15, 60, 4],
        ("--samples", "30"): [30, 20, 30, 15, 30, 4],
        ("--all",): [160, 20, 300, 15, 60, 4],
        ("--all", "--samples", "3"): [160, 20, 300, 15, 60, 4],
    }
    found = many([[*words, *more] for more in table])
    for (code, out, _), expected in zip(found, table.values(), strict=True):
        assert code == 0
        assert [tensor["checked"] for tensor in json.loads(out)["tensors"]] == expected


def test_on_the_users_own_first_batch(folder, mlp):
    done = mlp("gradcheck", "iris.yaml", cwd=folder)
    assert done.code == 0
    assert "iris.csv: a batch of 32 rows, float64, at the initial parameters" in done.err
    rows = [line.split() for line in done.out.splitlines() if ".weight" in line or ".bias" in line]
    assert [row[:3] for row in rows] == [
        ["hidden.1.weight", "32", "32"],
        ["hidden.1.bias", "8", "8"],
        ["output.weight", "24", "24"],
        ["output.bias", "3", "3"],
    ]
    assert {row[-1] for row in rows} == {"pass"}
    assert done.out.endswith("every tensor passed: largest relative error allowed 1e-06\n")
    assert sorted(path.name for path in folder.iterdir()) == ["iris.csv", "iris.yaml"]


def test_without_data_it_says_so_and_synthetic_data_need_none(folder, mlp):
    (folder / "iris.csv").unlink()
    done = mlp("gradcheck", "iris.yaml", cwd=folder)
    assert (done.code, done.out) == (3, "")
    done = mlp("gradcheck", "iris.yaml", "--synthetic", cwd=folder)
    assert done.code == 0
    assert "made-up data for multiclass, 8 features" in done.err


def test_inputs_too_large_to_prove_anything_are_named(mlp, tmp_path):
    rows = (f"{1.7e9 + 1e7 * k},{k % 3 - 1}\n" for k in range(40))
    (tmp_path / "stamps.csv").write_text("seconds,y\n" + "".join(rows), encoding="utf-8")
    (tmp_path / "spec.yaml").write_text(
        "data: {path: stamps.csv, target: y, task: regression, scale: none}\n"
        "model: {layers: [{units: 5, activation: relu}]}\n",
        encoding="utf-8",
    )
    done = mlp("gradcheck", "spec.yaml", cwd=tmp_path)
    assert done.code == 1
    last = done.out.splitlines()[-1]
    assert last.startswith("NOT PROVED: J is ")
    assert last.endswith(" %. Scale the data")
    scaled = mlp("gradcheck", "spec.yaml", "--set", "data.scale=standard", cwd=tmp_path)
    assert scaled.code == 0


def test_it_names_the_package_that_it_checked(folder, mlp):
    done = mlp("gradcheck", "iris.yaml", cwd=folder)
    here = Path(mlpcli.__file__).resolve().parent
    assert done.err.splitlines()[0] == f"checking mlpcli {mlpcli.__version__} in {here}"
    found = json.loads(mlp("gradcheck", "iris.yaml", "--json", cwd=folder).out)
    assert found["package"] == str(here)


@pytest.mark.parametrize("options", [[], ["-q"], ["--json"]])
@pytest.mark.parametrize("where", [".", "below"])
def test_another_copy_in_the_working_directory_is_not_what_was_checked(options, where, folder, mlp):
    """Who breaks a derivative there is not told that it is right."""
    (folder / "mlpcli").mkdir()
    (folder / "mlpcli" / "__init__.py").touch()
    (folder / "below").mkdir()
    done = mlp("gradcheck", folder / "iris.yaml", *options, cwd=folder / where)
    assert done.code == 0
    assert f"mlp: {folder / 'mlpcli'} is NOT what was checked" in done.err.splitlines()[-1]
    assert f"python -m mlpcli in {folder}" in done.err


def test_the_copy_that_runs_is_no_other(folder, mlp):
    (folder / "mlpcli").symlink_to(Path(mlpcli.__file__).parent)
    assert "NOT what was checked" not in mlp("gradcheck", "iris.yaml", cwd=folder).err
