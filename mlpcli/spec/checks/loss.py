"""What is wrong with the loss that a spec asks for: its task, its settings, its output."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mlpcli.errors import listing
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES, Loss
from mlpcli.spec.checks.problem import Problem
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec

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


def check_loss(spec: Spec) -> Iterator[Problem]:
    """What can be said before the data has been seen."""
    if spec.model.loss is not None:
        yield from check_pairing(spec, spec.data.task)
        yield from check_settings(spec, spec.data.task)
    if spec.data.task is not None:
        yield from check_loss_of_task(spec, spec.data.task)


def check_loss_of_task(spec: Spec, task: str) -> Iterator[Problem]:
    """Check that the loss is for this task."""
    if spec.model.loss is None:
        return
    loss = LOSSES[spec.model.loss.name]
    if task not in loss.tasks:
        fitting = [name for name, other in LOSSES.items() if task in other.tasks]
        allowed = f"allowed: {listing(fitting, most=20)}"
        if spec.data.task is None:
            tasks = listing(loss.tasks)
            allowed += f"; or data.task: {tasks}, where that is what the target is"
        problem = f"{spec.model.loss.name} does not fit the task, {task}"
        yield Problem(("model", "loss"), problem, allowed)
    elif spec.data.task is None:  # with the task given, this has been checked before the data
        yield from check_settings(spec, task)


def check_settings(spec: Spec, task: str | None) -> Iterator[Problem]:
    """Check what the loss says of its own settings, and of the target it takes."""
    loss = build(LOSSES, spec.model.loss)
    for path, problem in loss.faults(task):
        yield Problem(("model", "loss", *path), problem)
    if not loss.standardized and spec.data.scale_target == "standard":
        problem = f"{loss.name} takes positive targets, and standardized ones are not"
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


def check_pairing(spec: Spec, task: str | None) -> Iterator[Problem]:
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
        yield Problem(
            ("model", "output"),
            f"{name} is defined on {' or '.join(allowed)} outputs, not on {output.name}",
            f"allowed: {listing(['auto', *allowed])}; any other output goes with mse",
        )
    elif output.name != "identity" and build(ACTIVATIONS, output) != ACTIVATIONS[output.name]():
        # Value and delta are one formula with the link in it: the link's settings are in it too.
        problem = f"{name} is computed together with {output.name}, with its default settings"
        yield Problem(("model", "output"), problem, f"{output.name} without settings")


def check_range(spec: Spec, task: str) -> Iterator[Problem]:
    """A standardized target lies on both sides of 0, and beyond 1."""
    output = spec.model.output
    bounded = output is not None and ACTIVATIONS[output.name].is_probability
    if task == "regression" and bounded and spec.data.scale_target in (None, "standard"):
        yield Problem(
            ("model", "output"),
            f"{output.name} lies between 0 and 1, the standardized target does not",
            "auto, or set data.scale_target to none for a target between 0 and 1",
        )
