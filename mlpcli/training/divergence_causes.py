"""Causes of divergence, each with what is measured for it and what to try.

Those that a user can mend for themselves come before the learning rate, which is too large in
nearly all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mlpcli.data.targets import RegressionTarget
from mlpcli.training.divergence_evidence import Evidence
from mlpcli.training.divergence_finding import (
    Advice,
    Finding,
    lower_rates,
    rounded_down,
    with_rates,
)
from mlpcli.training.divergence_rows import extreme_target, far_input
from mlpcli.training.step_watch import Moment, Norms

LARGE_WEIGHTS = 5.0  # times the deviation that keeps signals as they are
STRONG_NOISE = 2.0  # times what it is added to
DEEP = 3  # hidden layers without normalization
EXPLODES = 100.0  # times the gradient of the step before
UNSCALED = 1e3  # of inputs or targets, which are near 1 where they are scaled
USUAL_OUTPUT = 1e4  # beyond it u itself has diverged
THROWN = 0.5  # ‖Δθ‖ / ‖θ‖ of a step that leaves nothing of what was learned
SMALL_STEP = 0.01  # ‖Δθ‖ / ‖θ‖ of a step that moves, and does not throw


def find_causes(evidence: Evidence) -> Iterator[Finding]:
    """Yield the causes that apply, the likeliest first; in the end that none is known."""
    for cause in CAUSES:
        found = cause(evidence)
        if found is not None:
            yield found
    rate = evidence.moment.norms.learning_rate
    why = "no single cause was found"
    yield Finding("unknown", why, {"learning_rate": rate}, lower_rates(evidence))


def weight_decay(evidence: Evidence) -> Finding | None:
    """λ α beyond the limit: W ← (1 − λ α) W − … turns the weights over and makes them larger."""
    alpha, rate = evidence.spec.regularization.l2, evidence.moment.norms.learning_rate
    limit = 2.0 if evidence.replay.optimizer.decoupled_decay else evidence.limit
    if limit is None or not rate * alpha > limit:
        return None
    why = (
        f"weight decay turns the weights over: λ α = {rate:g} · {alpha:g} = {rate * alpha:.3g}, "
        f"where below {limit:g} is stable: each step multiplies them by "
        f"1 − λ α = {1 - rate * alpha:.3g}"
    )
    settings: dict[str, Any] = {"regularization.l2": rounded_down(SMALL_STEP / rate)}
    numbers = {"learning_rate": rate, "l2": alpha, "limit": limit}
    return Finding("weight_decay", why, numbers, with_rates(settings, rate))


def output_overflow(evidence: Evidence) -> Finding | None:
    """An output activation or a loss that overflows where u itself is of a usual size."""
    place, output = evidence.place, evidence.spec.model.output
    usual = evidence.watch.largest_u < USUAL_OUTPUT
    if place.layer != "output" or output is None or not usual:
        return None
    if place.quantity not in ("h", "loss", "delta"):
        return None
    loss = evidence.replay.architecture.loss.name
    why = (
        f"output: {output.name} with loss {loss} overflows: outputs reached "
        f"{evidence.watch.largest_u:.3g}"
    )
    numbers = {"output": output.name, "loss": loss, "largest_u": evidence.watch.largest_u}
    advice = [Advice({"model.output": "auto"}, "the loss's own link does not overflow")]
    return Finding("output_overflow", why, numbers, [*advice, *lower_rates(evidence)])


def large_initial_weights(evidence: Evidence) -> Finding | None:
    """Initial weights many times the deviation √(2 / fan_in) that keeps signals as they are."""
    if evidence.watch.calm is None or evidence.watch.calm.norms.epoch > 1:
        return None
    layout, spec = evidence.replay.architecture.layout, evidence.spec
    initial = evidence.replay.initial
    settings: dict[str, Any] = {}
    worst, where = 0.0, ""
    for k, tensor in enumerate(layout.weights):
        deviation = float(np.std(tensor.view(initial).astype(np.float64)))
        ratio = deviation / math.sqrt(2 / tensor.shape[-2])
        if ratio > LARGE_WEIGHTS:
            hidden = k < len(spec.model.layers)
            key = f"model.layers[{k}].initializer" if hidden else "model.output_initializer"
            settings[key] = "auto"
        if ratio > worst:
            worst, where = ratio, tensor.name
    if not settings:
        return None
    why = f"the initial weights are too large: those of {where} {worst:.3g} times √(2 / fan_in)"
    rate = evidence.moment.norms.learning_rate
    numbers = {"tensor": where, "ratio": worst}
    return Finding("large_initial_weights", why, numbers, with_rates(settings, rate))


def strong_noise(evidence: Evidence) -> Finding | None:
    """Noise larger than what it is added to."""
    noise, moment = evidence.spec.regularization.noise, evidence.moment
    layout = evidence.replay.architecture.layout
    train = evidence.dataset.parts["train"]
    W = moment.vector[: layout.n_weights]
    sizes = {
        "input": _rms(train.X),
        "input_multiplicative": 1.0,
        "weights": _rms(W),
        "weights_multiplicative": 1.0,
        "gradients": _rms(moment.gradient),
    }
    if isinstance(evidence.dataset.encoding.target, RegressionTarget):
        sizes["labels"] = _rms(train.y)
    ratios = {name: getattr(noise, name) / max(size, 1e-300) for name, size in sizes.items()}
    name = max(ratios, key=lambda each: ratios[each])
    if not ratios[name] > STRONG_NOISE:
        return None
    strength = getattr(noise, name)
    why = f"noise.{name} is {strength:g}, {ratios[name]:.3g} times what it is added to"
    settings = {f"regularization.noise.{name}": rounded_down(0.1 * sizes[name]) or 0.0}
    numbers = {"noise": name, "strength": strength, "ratio": ratios[name]}
    return Finding("strong_noise", why, numbers, with_rates(settings, moment.norms.learning_rate))


def exploding_gradient(evidence: Evidence) -> Finding | None:
    """In a deep network without normalization, a gradient that jumps from one step to the next."""
    hidden, clipping = evidence.replay.architecture.hidden, evidence.spec.training.gradient_clipping
    if len(hidden) < DEEP or any(layer.norm is not None for layer in hidden):
        return None
    calm, after = evidence.watch.calm, _norms_after_calm(evidence)
    if calm is None or not after or clipping.norm is not None:
        return None
    before, largest = calm.norms.gradient, max(after)
    if not largest > EXPLODES * before:
        return None
    why = (
        f"the gradient exploded in {len(hidden)} layers without normalization: its norm grew from "
        f"{before:.3g} to {largest:.3g} in {len(after)} step{'s' if len(after) > 1 else ''}"
    )
    settings = {"training.gradient_clipping.norm": max(rounded_down(min(before, 1.0)), 1e-6)}
    numbers = {"layers": len(hidden), "before": before, "after": largest}
    advice = with_rates(settings, evidence.moment.norms.learning_rate)
    return Finding("exploding_gradient", why, numbers, advice)


def _norms_after_calm(evidence: Evidence) -> list[float]:
    calm = evidence.watch.calm
    norms = [each.gradient for each in _since(evidence, calm)][1:]
    finite = [each for each in norms if math.isfinite(each)]
    # One that is not finite is larger than all.
    return norms and [*finite, *([math.inf] * (len(finite) < len(norms)))]


def learning_rate(evidence: Evidence) -> Finding | None:
    """λ above c / h, h the largest curvature of the batch; or steps longer than θ itself."""
    rate, limit, moment = evidence.moment.norms.learning_rate, evidence.limit, evidence.moment
    if limit is not None:
        h = evidence.curvature(moment)
        if rate * h > limit:
            why = (
                f"the learning rate λ = {rate:g} is above {limit:g} / h = {limit / h:.3g}, "
                f"h = {h:.4g} the largest curvature of the batch of {_step(moment)}: "
                "steps along it grow"
            )
            numbers = {"learning_rate": rate, "curvature": h, "limit": limit / h}
            return Finding("learning_rate", why, numbers, lower_rates(evidence))
    calm = evidence.watch.calm
    steps = _since(evidence, calm)
    ratios = [(each.update or 0.0) / max(each.weights, 1e-300) for each in steps]
    if not ratios or not max(ratios) > THROWN:
        return None
    why = (
        f"the learning rate λ = {rate:g} is too large: a step changed θ by {max(ratios):.3g} of it"
    )
    numbers = {"learning_rate": rate, "update": max(ratios)}
    return Finding("learning_rate", why, numbers, lower_rates(evidence))


def float_range(evidence: Evidence) -> Finding | None:
    """A step in float32 that overflows, where float64 has the same numbers finite."""
    if evidence.spec.runtime.dtype != "float32" or evidence.watch.grown is not None:
        return None
    largest = float(np.finfo(np.float32).max)
    why = f"numbers went beyond {largest:.2g}, the largest of float32, without growing before"
    advice = [Advice({"runtime.dtype": "float64"})]
    data, train = evidence.spec.data, evidence.dataset.parts["train"]
    if data.scale == "none" and np.max(np.abs(train.X), initial=0.0) > UNSCALED:
        advice.insert(0, Advice({"data.scale": "standard"}))
    elif data.scale_target == "none" and np.max(np.abs(train.y)) > UNSCALED:
        advice.insert(0, Advice({"data.scale_target": "standard"}))
    return Finding("float_range", why, {"largest": largest}, advice)


def _since(evidence: Evidence, moment: Moment | None) -> list[Norms]:
    """Return the steps from a moment on; of those in which the loss grew, all."""
    if moment is None:
        return evidence.watch.norms
    first = moment.norms.epoch, moment.norms.step
    return [each for each in evidence.watch.norms if (each.epoch, each.step) >= first]


def _step(moment: Moment) -> str:
    return f"epoch {moment.norms.epoch}, step {moment.norms.step}"


def _rms(values: Any) -> float:
    return float(np.sqrt(np.mean(np.square(values.astype(np.float64))))) if values.size else 0.0


CAUSES: tuple[Callable[[Evidence], Finding | None], ...] = (
    weight_decay,
    extreme_target,
    far_input,
    output_overflow,
    large_initial_weights,
    strong_noise,
    exploding_gradient,
    learning_rate,
    float_range,
)
