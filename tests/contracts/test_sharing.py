"""Every way to share weights with every loss, normalization, penalty and activation: gradients."""

import numpy as np
import pytest

from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, initial_vector
from mlpcli.nn.norms import NORMS
from mlpcli.nn.sharing import SHARINGS, Members
from mlpcli.nn.update import Regularization
from mlpcli.spec.schema import EnsembleSpec

FORMS = dict.fromkeys(
    member().for_task(task) for member in LOSSES.values() for task in member.tasks
)
K, N = 3, 9
TANH = ACTIVATIONS["tanh"]()

each_kind = pytest.mark.parametrize("kind", SHARINGS)


def architecture(kind, loss, *hidden, n_outputs=None):
    n_outputs = loss.n_outputs(2) if n_outputs is None else n_outputs
    return Architecture(4, hidden, n_outputs, loss, members=Members(K, SHARINGS[kind]()))


def check(check_step, one, target, **options):
    rng = np.random.default_rng(3)
    vector = initial_vector(one, 1)
    theta = vector[: one.layout.n_params]
    theta += rng.normal(0, 0.2, theta.shape)
    return check_step(one, vector, rng.normal(size=(N, 4)), target, **options)


def test_a_spec_may_ask_for_every_kind():
    kinds = EnsembleSpec.model_json_schema()["properties"]["kind"]["enum"]
    assert kinds == ["bootstrap", "kfold", "seeds", *SHARINGS]
    shared = [kind for kind in kinds if EnsembleSpec(kind=kind).shares_weights]
    assert shared == list(SHARINGS)


@pytest.mark.parametrize("loss", FORMS, ids=repr)
@each_kind
def test_gradients_of_every_loss(kind, loss, check_step, draw_target):
    one = architecture(kind, loss, Layer(5, TANH), Layer(4, ACTIVATIONS["softplus"]()))
    target = draw_target(loss, np.random.default_rng(2), (N, one.n_outputs))
    found = check(check_step, one, target)
    names = {tensor.name for tensor in found.gradient.tensors}
    assert {t.name for t in one.layout.parameters} == names
    assert found.passed, found


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("norm", NORMS)
@each_kind
def test_gradients_with_normalization_penalties_masks_and_weights(kind, norm, weighted, check_step):
    hidden = (
        Layer(5, TANH, 0.8, norm=NORMS[norm](epsilon=0.1)),
        Layer(4, ACTIVATIONS["prelu"](), norm=NORMS[norm](epsilon=0.1)),
    )
    one = architecture(kind, LOSSES["mse"](), *hidden)
    rng = np.random.default_rng(4)
    found = check(
        check_step,
        one,
        rng.normal(size=(N, 2)),
        weight=rng.uniform(0.5, 2, N) if weighted else None,
        regularization=Regularization(l1=0.01, l2=0.1, max_norm=1.0, weight_noise=0.05),
    )
    assert found.passed, found


@pytest.mark.parametrize("output", list(ACTIVATIONS))
def test_gradients_with_every_output_activation(output, check_step):
    one = Architecture(
        4,
        (Layer(5, TANH),),
        3,
        LOSSES["mse"](),
        ACTIVATIONS[output](),
        members=Members(K, SHARINGS["tabm"]()),
    )
    found = check(check_step, one, np.random.default_rng(2).uniform(0.1, 0.9, (N, 3)))
    assert found.passed, found
