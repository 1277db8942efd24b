"""Plant a fault in every derivative and every gradient term, and see the gradient check find it.

    python tests/campaigns/faults.py

Prints each fault with the relative error that was seen, and the count. Exit code 1 where one is
not caught, or where the check fails without any. Derivatives and deltas are those of the families'
tables, each form of each loss for itself: a new member gets its faults by being there.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from itertools import product
from unittest import mock

import numpy as np

from mlpcli.family import settings_of
from mlpcli.nn.activations import ACTIVATIONS, Prelu
from mlpcli.nn.gradcheck import check_gradient
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer, initial_vector
from mlpcli.nn.norms import NORMS, Normalize
from mlpcli.nn.objective import Regularization
from mlpcli.nn.passes import Pass
from mlpcli.nn.penalties import L1, L2
from mlpcli.nn.stages import Affine, Drop, FirstAffine

N_ROWS, N_INPUTS, N_OUTPUTS = 6, 4, 6  # as many as two, and three, for each target
WRONG = 1 + 1e-5  # a factor that a plot would not show
L2_ON = Regularization(l2=0.01)
TASKS = ("regression", "binary", "multiclass", "multilabel")


@dataclass(frozen=True)
class Fault:
    """One fault: where, what, how it is planted, and the network in which it has to show."""

    where: str
    what: str
    plant: object
    place: object  # an architecture; with the kind of its targets, where that is not regression
    added: Regularization = L2_ON


def after(owner, name, spoil):
    """Return what plants a fault behind a method: it runs, and then `spoil` sees its arguments."""
    right = getattr(owner, name)

    def wrong(self, *arguments):
        result = right(self, *arguments)
        spoil(self, *arguments)
        return result

    return mock.patch.object(owner, name, wrong)


def instead(owner, name, function):
    """Return what puts a function in a method's place."""
    return mock.patch.object(owner, name, function)


def definer(member, name):
    """Return the class that defines a method of a member: there the fault belongs."""
    return next(cls for cls in type(member).__mro__ if name in vars(cls))


def network(activation="tanh", loss=None, *, output=None, norm=None, keep_prob=1.0, kept=1.0):
    """Return a network of two hidden layers, the second with what is asked for."""
    function = ACTIVATIONS[activation]() if isinstance(activation, str) else activation
    layers = (Layer(5, ACTIVATIONS["tanh"]()), Layer(4, function, keep_prob, norm=norm))
    loss = loss or LOSSES["mse"]()
    return Architecture(N_INPUTS, layers, N_OUTPUTS, loss, output, input_keep_prob=kept)


def activations():
    """Yield two faults in each derivative."""
    for name, member in ACTIVATIONS.items():
        place = network(output=member()) if member.output_only else network(member())
        owner = definer(member(), "times_derivative")

        def factor(_self, _u, _h, delta, _scratch):
            np.multiply(delta, WRONG, out=delta)

        yield Fault(f"f' of {name}", "too large", after(owner, "times_derivative", factor), place)
        if name != "identity":
            gone = instead(owner, "times_derivative", lambda *_: None)
            if name != "prelu":
                yield Fault(f"f' of {name}", "left out", gone, place)

    def slope(_self, _u, _h, _delta, scratch):
        np.multiply(scratch[1], WRONG, out=scratch[1])

    plant = after(Prelu, "times_derivative", slope)
    yield Fault("∂J/∂a of prelu", "too large", plant, network("prelu"))


SETTINGS = {"label_smoothing": 0.2, "alpha": 0.3}  # those that ask for another form


def forms():
    """Yield every form of every loss: itself, an output that is not its link, and its targets."""
    seen = set()
    for member, task, mixed in product(LOSSES.values(), TASKS, (False, True)):
        asked = {setting.name for setting in settings_of(member)} & SETTINGS.keys()
        own = [{}, *({key: SETTINGS[key]} for key in sorted(asked))]
        for settings in own if task in member.tasks else ():
            loss = member(**settings)
            plain = loss.for_task(task)
            outputs = [None, *(plain.outputs or ())]
            for output in outputs if plain.mixes or not mixed else ():
                form = loss.for_task(task, output=output, mixed=mixed)
                if form not in seen and not any(form.faults(task)):
                    seen.add(form)
                    yield form, output, task if mixed or task == "regression" else "classes"


def losses():
    """Yield faults in each form's delta."""
    for form, output, kind in forms():
        link = None if output is None else ACTIVATIONS[output]()
        place = (network(loss=form, output=link), kind)
        owner = definer(form, "rows_and_delta")
        name = f"delta of {type(form).__name__}" + (f" on {output}" if output else "")

        def factor(_self, _u, _target, _scale, _rows, delta, _scratch):
            np.multiply(delta, WRONG, out=delta)

        def forgotten(_self, _u, _target, _scale, _rows, delta, _scratch):
            delta[..., -1, :] = 0

        def unscaled(_self, _u, _target, scale, _rows, delta, _scratch):
            np.divide(delta, scale, out=delta)

        yield Fault(name, "too large", after(owner, "rows_and_delta", factor), place)
        yield Fault(name, "last row left out", after(owner, "rows_and_delta", forgotten), place)
        yield Fault(name, "not divided by N", after(owner, "rows_and_delta", unscaled), place)


def affine():
    """Yield faults in the gradients of W and b, and in what goes down."""

    def weight(self, _delta):
        np.multiply(self.dW, WRONG, out=self.dW)

    def bias(self, _delta):
        np.multiply(self.db, WRONG, out=self.db)

    def below(self, _delta):
        np.multiply(self.delta_below, WRONG, out=self.delta_below)

    def unmasked(self, delta):
        self.product(self.h.mT * 0.5, delta, self.dW)

    place = network()
    yield Fault("∂J/∂W", "too large", after(Affine, "parameter_gradients", weight), place)
    yield Fault("∂J/∂b", "too large", after(Affine, "parameter_gradients", bias), place)
    yield Fault("δ Wᵀ", "too large", after(Affine, "backward", below), place)
    first = after(FirstAffine, "parameter_gradients", weight)
    yield Fault("∂J/∂W of the first layer", "too large", first, place)
    dropped = network(kept=0.5)
    half = after(FirstAffine, "parameter_gradients", unmasked)
    yield Fault("∂J/∂W under dropout of inputs", "of half the inputs", half, dropped)


def dropout():
    """Yield faults in the mask's way back."""
    place = network(keep_prob=0.5)
    yield Fault("dropout", "no mask on the way back", instead(Drop, "backward", _unmasked), place)
    wrong = after(Drop, "backward", lambda _self, delta: np.multiply(delta, WRONG, out=delta))
    yield Fault("dropout", "too large on the way back", wrong, place)


def _unmasked(_self, delta):
    return delta


def norms():
    """Yield faults in the gradients of γ and β, and in each term of what goes down."""
    for name, member in NORMS.items():
        place = network(norm=member())

        def weight(self, _delta):
            np.multiply(self.d_own["weight"], WRONG, out=self.d_own["weight"])

        def bias(self, _delta):
            np.multiply(self.d_own["bias"], WRONG, out=self.d_own["bias"])

        def factor(_self, delta):
            np.multiply(delta, WRONG, out=delta)

        def without(mean, product):
            def below(self, delta):
                """The derivative without one of its two means."""
                np.multiply(delta, self.u_hat, out=self.work)
                self.average(self.work, self.variance)
                self.average(delta, self.mean)
                np.multiply(self.u_hat, self.variance * product, out=self.work)
                np.add(self.work, self.mean * mean, out=self.work)
                np.subtract(delta, self.work, out=delta)
                return np.divide(delta, self.spread, out=delta)

            return below

        kind = type(member().stage(*_for_a_stage(member()), training=True))
        owner = next(cls for cls in kind.__mro__ if "below" in vars(cls))
        title = f"{name} norm"
        yield Fault(f"∂J/∂γ of {title}", "too large", after(Normalize, "backward", weight), place)
        yield Fault(f"∂J/∂β of {title}", "too large", after(Normalize, "backward", bias), place)
        yield Fault(f"dJ/du of {title}", "too large", after(owner, "below", factor), place)
        for missing, keep in (("mean δ", (0, 1)), ("û mean(δ û)", (1, 0))):
            plant = instead(owner, "below", without(*keep))
            yield Fault(f"dJ/du of {title}", f"{missing} left out", plant, place)


def _for_a_stage(norm):
    own = {name: np.ones(3) for name in (*norm.parameters, *norm.statistics)}
    return np.ones((2, 3)), own, {name: np.ones(3) for name in norm.parameters}


def penalties():
    """Yield faults in what is added to the gradient, and in the rows' weights."""
    for kind, strength in ((L2, {"l2": 0.1}), (L1, {"l1": 0.1})):
        added = Regularization(**strength)
        name = f"∂P/∂W of {kind.__name__}"

        def twice(self, grad):
            n = self.weights.shape[-1]
            grad[..., :n] += 1e-4 * np.sign(self.weights)

        def biases(self, grad):
            grad[..., self.weights.shape[-1] :] += 1e-4

        gone = instead(kind, "add_gradient", lambda *_: None)
        yield Fault(name, "left out", gone, network(), added)
        yield Fault(name, "too large", after(kind, "add_gradient", twice), network(), added)
        wrong = after(kind, "add_gradient", biases)
        yield Fault(name, "on the biases too", wrong, network(), added)

    def ignored(self, _weight):
        self.scale[...] = self.share

    weight = Regularization(weight=np.linspace(0.1, 2, N_ROWS))

    # In the one pass, whose gradient is checked; the stack, which gives J, weighs its rows.
    def one_only(self, given):
        np.multiply(given[..., np.newaxis], self.share, out=self.scale)
        if not self.network.lead:
            ignored(self, given)

    plant = instead(Pass, "weigh", one_only)
    yield Fault("weights of rows", "ignored by the gradient", plant, network(), weight)


def target_of(loss, kind, rng):
    """Return a target as this form of a loss takes it.

    kind  regression; classes; or the task of mixtures of classes
    """
    n_targets = next(n for n in range(1, N_OUTPUTS + 1) if loss.n_outputs(n) == N_OUTPUTS)
    if loss.class_index:
        return rng.integers(0, N_OUTPUTS, N_ROWS)
    if kind == "regression":
        return np.abs(rng.normal(size=(N_ROWS, n_targets))) + 0.1
    if kind == "classes":
        return rng.integers(0, 2, (N_ROWS, n_targets)).astype(float)
    if kind == "multiclass":
        return rng.dirichlet(np.ones(N_OUTPUTS), N_ROWS)
    return rng.uniform(size=(N_ROWS, n_targets))


def check(fault):
    """Return whether the fault's network passes as it is now, and the worst relative error."""
    rng = np.random.default_rng(1)
    place = fault.place
    architecture, kind = place if isinstance(place, tuple) else (place, "regression")
    vector = initial_vector(architecture, 3) + 0.1 * rng.normal(size=architecture.layout.n_numbers)
    X = rng.normal(size=(N_ROWS, N_INPUTS))
    target = target_of(architecture.loss, kind, rng)
    found = check_gradient(architecture, vector, X, target, added=fault.added, seed=3)
    worst = [found.directions.worst, *(tensor.worst for tensor in found.tensors)]
    return found.passed, float(np.nanmax(worst))


def faults():
    """Yield all of them."""
    for some in (affine, activations, dropout, norms, losses, penalties):
        yield from some()


def main():
    """Plant each, see it caught; return the exit code."""
    caught = missed = 0
    clean = {}
    for fault in list(faults()):  # all at once, so that no two places share an id
        key = (id(fault.place), id(fault.added))
        if key not in clean:
            clean[key] = check(fault)
        right, error = clean[key]
        with contextlib.ExitStack() as planted:
            planted.enter_context(fault.plant)
            passed, seen = check(fault)
        verdict = "caught" if right and not passed else "MISSED" if right else "WRONG BEFORE"
        caught, missed = caught + (verdict == "caught"), missed + (verdict != "caught")
        print(f"{verdict}  {fault.where}: {fault.what}  (error {seen:.1e}, without it {error:.1e})")
    print(f"{caught} of {caught + missed} planted faults were caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
