"""What every test shares: one BLAS thread, Hypothesis's settings, targets for any loss."""

# ruff: noqa: E402  BLAS reads its environment once, when NumPy is loaded: that comes first
import os

for _name in ("OPENBLAS", "OMP", "MKL", "BLIS", "VECLIB", "NUMEXPR"):
    os.environ[f"{_name}_NUM_THREADS"] = "1"

import contextlib
import importlib.util
import signal
import tracemalloc
from pathlib import Path

import hypothesis
import numpy as np
import pytest

from mlpcli.nn.network import Network
from mlpcli.nn.optimizers import Sgd
from mlpcli.training.gradcheck import check_trainer
from mlpcli.training.trainer import Trainer

# `steady` runs the same examples every time; `--hypothesis-profile=search` looks for new ones.
hypothesis.settings.register_profile(
    "steady", max_examples=25, deadline=None, derandomize=True, database=None
)
hypothesis.settings.register_profile("search", max_examples=1000, deadline=None, database=None)
hypothesis.settings.load_profile("steady")


def pytest_configure(config):
    # A shell starts what runs in the background with SIGINT ignored, and so would we start mlp.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Import test files by their path: two rooms may both have a test_layout.py.
    config.option.importmode = "importlib"
    # OpenBLAS's AVX-512 kernel for products with a vector of five float32 (its pull request 3260)
    # also computes in places of the stack that nobody has written. The result is right, but where
    # a signalling NaN happens to lie there, NumPy warns: about once in forty runs of tests/nn.
    spurious = "ignore:invalid value encountered in (dot|matmul):RuntimeWarning"
    config.addinivalue_line("filterwarnings", spurious)


@pytest.fixture(scope="session")
def preload():
    """Return a function that starts `mlp` with its modules imported, as preloaded.py says it.

    It takes an environment and further modules to import; the server lives as long as the tests.
    """
    path = Path(__file__).with_name("preloaded.py")
    spec = importlib.util.spec_from_file_location("preloaded", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with contextlib.ExitStack() as servers:

        def start(environment, also=()):
            return servers.enter_context(contextlib.closing(module.Preloaded(environment, also)))

        yield start


@pytest.fixture(scope="session")
def draw_target():
    """Return a function that draws targets as a loss takes them, for outputs of a given shape.

    Classes and labels are mixtures, where the loss takes them.
    """

    def draw(loss, rng, shape, dtype=np.float64, *, mixed=True):
        *rows, n_outputs = shape
        of_classes = loss.link == "softmax" or type(loss).__name__ == "HingeOfClasses"
        if "regression" in loss.tasks:
            n_targets = next(n for n in range(1, n_outputs + 1) if loss.n_outputs(n) == n_outputs)
            target = rng.normal(size=(*rows, n_targets))
            target = np.where(loss.refused(target), -target, target)
        elif mixed and loss.mixes:
            target = rng.dirichlet(np.ones(n_outputs), rows) if of_classes else rng.random(shape)
        elif of_classes:
            target = np.eye(n_outputs)[rng.integers(0, n_outputs, rows)]
        else:
            target = rng.integers(0, 2, shape)
        return target.astype(dtype)

    return draw


@pytest.fixture(scope="session")
def check_step():
    """Return a function that checks the first step of a real trainer, all rows in one batch.

    vector  (n_numbers,) of one network, float64; unchanged
    """

    def check(architecture, vector, X, target, *, optimizer=None, samples=256, seed=0, **options):
        network = Network(architecture, vector.copy())
        trainer = Trainer(
            network, optimizer or Sgd(), X, target, batch_size=len(X), seeds=[seed], **options
        )
        rate = trainer.step.update.optimizer.learning_rate
        return check_trainer(trainer, rate, rate, samples)

    return check


@pytest.fixture(scope="session")
def loss_and_gradient():
    """Return a function that sends rows forward and back: J (...,), and its gradient in `grad`."""

    def compute(backprop, X, y):
        loss, out = backprop.network.architecture.loss, backprop.delta
        u, scale = backprop.forward(X), np.asarray(1 / backprop.n_rows, out.dtype)
        loss.delta(u, y, scale, out, loss.scratch(out))
        backprop.backward()
        return loss.value(u, y).mean(axis=-1)

    return compute


@pytest.fixture(scope="session")
def peak_bytes():
    """Return a function that says how many bytes a piece of work needs at its peak."""

    def measure(work):
        work()  # what is made on first use is not counted
        tracemalloc.start()
        try:
            work()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return measure
