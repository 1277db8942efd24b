"""What is wrong with the loss that a spec asks for: its task, its settings, its output."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mlpcli.errors import listing
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES, Loss
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec
from mlpcli.spec.yaml_reader import Problem

DEFAULT_LOSS = {
    "regression": "mse",
    "binary": "binary_cross_entropy",
    "multilabel": "binary_cross_entropy",
    "multiclass": "cross_entropy",
}


def loss_name(spec: Spec, task: str) -> str:
    """Return the spec's loss, or the task's default."""
    if spec.model.loss is not None:
        return str(spec.model.loss.name)
    return DEFAULT_LOSS[task]


def chosen_loss(spec: Spec, task: str) -> Loss:
    """Return the loss that trains this spec on this task."""
    loss = spec.model.loss
    chosen: Loss = LOSSES[DEFAULT_LOSS[task]]() if loss is None else build(LOSSES, loss)
    output = spec.model.output
    return chosen.for_task(task, output=None if output is None else output.name)


def check(spec: Spec) -> Iterator[Problem]:
    """Check a loss as far as it is the same for every task that it fits."""
    if spec.model.loss is not None and spec.data.task is None:
        yield from _check_pairing(spec, None)
        yield from _check_settings(spec, None)


def check_task(spec: Spec, task: str) -> Iterator[Problem]:
    """Check that the loss is for this task, and defined on the output and the targets."""
    loss = spec.model.loss
    if loss is not None and task not in LOSSES[loss.name].tasks:
        fitting = [name for name, other in LOSSES.items() if task in other.tasks]
        allowed = f"allowed: {listing(fitting, most=20)}"
        if spec.data.task is None:
            tasks = listing(LOSSES[loss.name].tasks)
            allowed += f"; or data.task: {tasks}, where that is what the target is"
        problem = f"{loss.name} does not fit the task, {task}"
        yield Problem(("model", "loss"), problem, allowed)
    elif loss is not None:
        yield from _check_settings(spec, task)
    yield from _check_pairing(spec, task)
    yield from _check_range(spec, task)


def _check_settings(spec: Spec, task: str | None) -> Iterator[Problem]:
    """Check what the loss says of its own settings, and of the target it takes."""
    loss = build(LOSSES, spec.model.loss)
    for path, problem in loss.faults(task):
        yield Problem(("model", "loss", *path), problem)
    if not loss.standardized and spec.data.scale_target in ("standard", "log"):
        which = "logarithms" if spec.data.scale_target == "log" else "ones"
        problem = f"{loss.name} takes positive targets, and standardized {which} are not"
        yield Problem(("data", "scale_target"), problem, "mean, none, or auto")
    if loss.target_range and spec.regularization.noise.labels > 0:
        problem = f"can make a target one {loss.target_range}, which {loss.name} does not take"
        yield Problem(("regularization", "noise", "labels"), problem, "0")
    if not loss.n_outputs(1):
        return
    # A column of predictions is named prediction_TARGET with a suffix.
    empty = np.empty((0, loss.n_outputs(1)))
    targets = spec.data.targets
    for suffix, _, _ in loss.predictions(empty):
        for name in targets if suffix and len(targets) > 1 else ():
            if name + suffix in targets:
                path = ("data", "target", targets.index(name + suffix))
                problem = f"the predictions of {name!r} have this name too, with {loss.name}"
                yield Problem(path, problem, "rename the column")


def _check_pairing(spec: Spec, task: str | None) -> Iterator[Problem]:
    """Check that the loss is defined on the output; without a task, in any of the loss's."""
    output = spec.model.output
    if output is None:
        return
    name = loss_name(spec, task) if task is not None else str(getattr(spec.model.loss, "name", ""))
    member = LOSSES[name]
    tasks = [task] if task in member.tasks else member.tasks
    forms = [member().for_task(each) for each in tasks]
    if any(form.outputs is None for form in forms):
        return
    links = list(dict.fromkeys(form.link for form in forms))
    allowed = [*links, *member.outputs]
    if output.name not in allowed:
        problem = f"{name} is defined on {' or '.join(allowed)} outputs, not on {output.name}"
        hint = f"allowed: {listing(['auto', *allowed])}; any other output goes with mse"
        yield Problem(("model", "output"), problem, hint)
    elif output.name != "identity" and build(ACTIVATIONS, output) != ACTIVATIONS[output.name]():
        # Value and delta are one formula with the link in it: the link's settings are in it too.
        problem = f"{name} is computed together with {output.name}, with its default settings"
        yield Problem(("model", "output"), problem, f"{output.name} without settings")


def _check_range(spec: Spec, task: str) -> Iterator[Problem]:
    output = spec.model.output
    bounded = output is not None and ACTIVATIONS[output.name].is_probability
    scale = spec.data.scale_target
    if task == "regression" and bounded and scale in (None, "standard", "log"):
        which = "target's standardized logarithm" if scale == "log" else "standardized target"
        problem = f"{output.name} lies between 0 and 1, the {which} does not"
        allowed = "auto, or set data.scale_target to none for a target between 0 and 1"
        yield Problem(("model", "output"), problem, allowed)
    elif output is not None and output.name == "exponential" and scale == "log":
        problem = "predictions go back by exp already, and logarithms below the mean are negative"
        yield Problem(("model", "output"), problem, "auto, or another data.scale_target")
