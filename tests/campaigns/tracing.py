"""Find the functions which a training step runs on δ, gradient or parameters, by tracing them.

Arrays are compared before and after every call of a function of `mlpcli/nn` and `mlpcli/training`.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np

import mlpcli
from mlpcli.nn import arrays
from mlpcli.nn.embeddings import Embed
from mlpcli.nn.layers import Affine, Product
from mlpcli.training.trainer import Trainer

ROOT = Path(mlpcli.__file__).parent
ROOMS = (str(ROOT / "nn"), str(ROOT / "training"))
PATTERN = 0x40  # in every byte of memory that is not yet written: 32.5 in float64


class Latest:
    """The trainer that was made last: a planted fault looks for its arrays."""

    trainer = None


@contextlib.contextmanager
def watching():
    """Remember every trainer as it is made; fill the memory that the engine allocates.

    Unwritten memory may hold the numbers of the run before, and hide a fault.
    """
    init, empty = Trainer.__init__, np.empty

    def remember(self, *arguments, **settings):
        init(self, *arguments, **settings)
        Latest.trainer = self

    def filled(shape, dtype=np.float64):
        array = empty(shape, dtype)
        if array.dtype == np.uint8:  # as `arrays.empty` asks for it
            array[...] = PATTERN
        return array

    aligned = arrays._aligned

    def fill(allocate, shape, dtype):
        return aligned(filled if allocate is empty else allocate, shape, dtype)

    with (
        mock.patch.object(Trainer, "__init__", remember),
        mock.patch.object(arrays, "_aligned", fill),
    ):
        yield


def watched(trainer):
    """Return the arrays of a training step by kind: δ, gradient, θ, what is carried on."""
    step, update = trainer.step, trainer.step.update
    deltas = [backprop.delta for backprop in step.backprop.values()]
    for backprop in step.backprop.values():
        products = [each for each in backprop.layers if isinstance(each, Affine | Product)]
        deltas += [layer.delta_below for layer in products]
        deltas += [d for layer in backprop.layers if isinstance(layer, Embed) for d in layer.deltas]
    kinds = {"δ": deltas, "gradient": [step.grad], "θ": [step.network.theta]}
    kinds["state"] = [update.state.vectors, update.state.powers]
    kinds["average"] = [] if update.average is None else [update.average.average]
    kinds["λ"] = [update.learning_rate]
    kinds["scale"] = [trainer.loader._memory[-1]]  # w/N of each row, if there are weights
    return kinds


def copies(kinds):
    return {kind: [array.copy() for array in arrays] for kind, arrays in kinds.items()}


def differs(a, b):
    """Whether two arrays differ in a bit."""
    return a.tobytes() != b.tobytes()


@dataclass(frozen=True, order=True)
class Found:
    """A function that changed arrays of a kind.

    file, name  of its code, the name as in `Adam.bind.<locals>.step`
    kinds       of the arrays it changed, of those in `watched`
    """

    file: str
    name: str
    kinds: tuple[str, ...]

    @property
    def key(self):
        return self.file, self.name


class Tracer:
    """What `sys.setprofile` calls while a trainer runs; `changed` has the functions found."""

    def __init__(self, trainer):
        self.trainer, self.changed, self.made, self.calls = trainer, {}, [], []

    def __call__(self, frame, event, _argument):
        code = frame.f_code
        is_ours = code.co_filename.startswith(ROOMS) and not code.co_name.startswith("<")
        if is_ours and event in ("call", "return"):
            key = str(Path(code.co_filename).relative_to(ROOT.parent)), code.co_qualname
            getattr(self, f"on_{event}")(key, frame)

    def on_call(self, key, frame):
        """Keep the arrays; count a function as found that one with δ in its hands calls."""
        if self.calls and self.calls[-1][0]:
            self.changed.setdefault(key, set())
        names = frame.f_code.co_varnames[: frame.f_code.co_argcount]
        kinds = watched(self.trainer)
        has_delta = any(
            isinstance(frame.f_locals.get(name), np.ndarray)
            and np.may_share_memory(frame.f_locals[name], delta)
            for name in names
            for delta in kinds["δ"]
        )
        if isinstance(frame.f_locals.get("delta"), np.ndarray) and "delta" in names:
            assert has_delta, f"{key}: a δ in memory that is not watched"
        self.calls.append((has_delta, copies(kinds)))

    def on_return(self, key, frame):
        """Compare the arrays with what they were."""
        _, before = self.calls.pop()
        for kind, now in watched(self.trainer).items():
            if any(map(differs, now, before[kind])):
                self.changed.setdefault(key, set()).add(kind)
        self.made += [(key, v) for v in frame.f_locals.values() if isinstance(v, np.ndarray)]

    def find_scales(self):
        """Add the functions in whose hands was a batch's 1/N."""
        blocks = self.trainer.loader._blocks.values()
        scales = [batch.scale for block in blocks for batch in block.batches]
        for key, array in self.made:
            if any(array is scale for scale in scales):
                self.changed.setdefault(key, set())


def trace(trainer):
    """Return the functions that an epoch of a trainer ran which changed watched arrays, or helped.

    Those that one which was given δ has called, or that made 1/N: they may have no kinds.
    """
    tracer = Tracer(trainer)
    sys.setprofile(tracer)
    try:
        for _ in trainer.epoch(1, trainer.step.update.optimizer.learning_rate):
            pass
    finally:
        sys.setprofile(None)
    tracer.find_scales()
    return [Found(*key, tuple(sorted(kinds))) for key, kinds in sorted(tracer.changed.items())]
