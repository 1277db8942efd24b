"""What a spec must satisfy beyond the types of its keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlpcli.data.augmentations import AUGMENTATIONS
from mlpcli.errors import listing, nearest
from mlpcli.family import Family
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.initializers import INITIALIZERS
from mlpcli.nn.losses import LOSSES, Loss
from mlpcli.nn.norms import NORMS
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.nn.schedules import SCHEDULES
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec, SplitSpec
from mlpcli.spec.yaml_reader import Path

DEFAULT_SHARE = SplitSpec().validation


@dataclass(frozen=True)
class Problem:
    """A fault before it has a position."""

    path: Path
    problem: str
    allowed: str = ""
    nearest: str = ""


def check_spec(spec: Spec) -> list[Problem]:
    """Return what is wrong with a spec before any data has been seen."""
    return [
        *_check_data(spec),
        *_check_weights(spec),
        *_check_split(spec),
        *_check_model(spec),
        *_check_members(spec),
        *_check_augmentation(spec),
        *_check_runtime(spec),
    ]


def check_task(spec: Spec, task: str, metrics: list[str]) -> list[Problem]:
    """Return what does not fit the task, once the data has said what it is.

    metrics  the names of the metrics that apply to the task, the loss and the output
    """
    return [
        *_check_loss_of_task(spec, task),
        *_check_pairing(spec, task),
        *_check_range(spec, task),
        *_check_weights_of_task(spec, task),
        *_check_augmentation_of_task(spec, task),
        *_check_mixtures(spec, loss_name(spec, task)),
        *_check_metrics(spec, task, metrics),
    ]


def check_mixing(spec: Spec, task: str, path: Path) -> list[Problem]:
    """Return what is wrong with mixing the targets of rows, which the key at `path` asks for."""
    loss = chosen_loss(spec, task)
    if loss.mixes or task == "regression":
        return []
    fitting = [name for name, other in LOSSES.items() if other.mixes and task in other.tasks]
    problem = f"mixes the targets of rows, of which {loss.name} can make nothing"
    return [Problem(path, problem, f"a loss among: {listing(fitting)}")]


def loss_name(spec: Spec, task: str) -> str:
    """Return the spec's loss, or the task's default."""
    if spec.model.loss is not None:
        return str(spec.model.loss.name)
    return DEFAULT_LOSS[task]


def chosen_loss(spec: Spec, task: str, *, mixed: bool = False) -> Loss:
    """Return the form of the loss that trains this spec on this task.

    mixed  targets are mixtures of several rows'
    """
    loss = spec.model.loss
    chosen: Loss = LOSSES[DEFAULT_LOSS[task]]() if loss is None else build(LOSSES, loss)
    output = spec.model.output
    return chosen.for_task(task, output=None if output is None else output.name, mixed=mixed)


DEFAULT_LOSS = {
    "regression": "mse",
    "binary": "binary_cross_entropy",
    "multilabel": "binary_cross_entropy",
    "multiclass": "cross_entropy",
}


def is_delimiter(text: str) -> bool:
    """Whether text can stand between the fields of a CSV file."""
    return len(text) == 1 and text.isascii() and text not in '"\r\n\0'


def _check_data(spec: Spec) -> Iterator[Problem]:
    data = spec.data
    if data.path is None and data.split.files is None:
        yield Problem(("data", "path"), "this key is required", "or give data.split.files")
    if data.path is not None and data.split.files is not None:
        yield Problem(("data", "path"), "data.split.files says already where the rows are")
    if data.delimiter is not None and not is_delimiter(data.delimiter):
        problem = "must be one ASCII character, no quote and no line's end, or auto"
        yield Problem(("data", "delimiter"), problem)
    if data.decimal == "," and data.delimiter in (None, ","):
        yield Problem(("data", "delimiter"), "a decimal comma needs another delimiter, such as ';'")
    for name in data.targets:
        for key, others in (("exclude", data.exclude), ("categorical", data.categorical or [])):
            if name in others:
                path = ("data", key, others.index(name))
                yield Problem(path, f"{name!r} is the target")
    if data.task in ("binary", "multiclass") and len(data.targets) > 1:
        yield Problem(("data", "task"), f"{data.task} has one target column, not several")


def _check_weights(spec: Spec) -> Iterator[Problem]:
    name, path = spec.data.sample_weight, ("data", "sample_weight")
    if name is not None:
        if name in spec.data.targets:
            yield Problem(path, f"{name!r} is the target")
        if name in (spec.data.categorical or []):
            yield Problem(path, f"{name!r} is in data.categorical, but weights are numbers")
        if name == spec.data.split.column:
            yield Problem(path, f"{name!r} is the split's column")
    if spec.data.task is not None:
        yield from _check_weights_of_task(spec, spec.data.task)


def _check_weights_of_task(spec: Spec, task: str) -> Iterator[Problem]:
    if spec.data.class_weight is not None and task not in ("binary", "multiclass"):
        problem = f"the task is {task}: there are no classes to weigh"
        yield Problem(("data", "class_weight"), problem, "null, or data.sample_weight, a column")


def _check_split(spec: Spec) -> Iterator[Problem]:
    split = spec.data.split
    shares = {"validation": split.validation, "test": split.test}
    if split.column is not None or split.files is not None:
        for key, share in shares.items():
            if share != DEFAULT_SHARE:
                problem = "the split is given by " + ("column" if split.column else "files")
                yield Problem(("data", "split", key), problem, "leave the share out")
    if split.validation + split.test >= 1:
        total = split.validation + split.test
        yield Problem(
            ("data", "split"), f"validation and test take {total:g} of the rows: none are left"
        )
    if split.column is not None and split.files is not None:
        yield Problem(("data", "split"), "column and files exclude each other")
    if split.column is not None and split.column in spec.data.targets:
        yield Problem(("data", "split", "column"), f"{split.column!r} is the target")


def _check_model(spec: Spec) -> Iterator[Problem]:
    layers: list[Any] = list(spec.model.layers)  # their members' types are built from tables
    for k, layer in enumerate(layers):
        name = layer.activation.name
        if ACTIVATIONS[name].output_only:
            allowed = [n for n, f in ACTIVATIONS.items() if not f.output_only]
            path = ("model", "layers", k, "activation")
            yield Problem(path, f"{name} is for the output only", f"allowed: {listing(allowed)}")
        if layer.norm is not None:
            yield from _check_norm(spec, k, layer)
    if spec.model.loss is not None:
        yield from _check_pairing(spec, spec.data.task)
        yield from _check_settings(spec, spec.data.task)
    if spec.data.task is not None:
        yield from _check_loss_of_task(spec, spec.data.task)


def _check_norm(spec: Spec, k: int, layer: Any) -> Iterator[Problem]:
    norm, path = NORMS[layer.norm.name], ("model", "layers", k, "norm")
    if spec.training.batch_size < norm.least_rows:
        yield Problem(
            path,
            f"{norm.name} normalization over a batch of {spec.training.batch_size} row leaves 0",
            f"layer, or a training.batch_size of at least {norm.least_rows}",
        )
    if layer.units < norm.least_units:
        yield Problem(
            path, f"{norm.name} normalization over {layer.units} unit leaves 0", "more units"
        )


def _check_members(spec: Spec) -> Iterator[Problem]:
    """What a member's settings, each within its bounds, cannot be together."""
    for path, family, member in _members(spec):
        problem = None if member is None else build(family, member).problem()
        if problem is not None:
            yield Problem(path, problem)


def _members(spec: Spec) -> Iterator[tuple[Path, Family, Any]]:
    model, training = spec.model, spec.training
    layers: list[Any] = list(model.layers)
    for k, layer in enumerate(layers):
        yield ("model", "layers", k, "activation"), ACTIVATIONS, layer.activation
        yield ("model", "layers", k, "norm"), NORMS, layer.norm
        yield ("model", "layers", k, "initializer"), INITIALIZERS, layer.initializer
    yield ("model", "output"), ACTIVATIONS, model.output
    yield ("model", "output_initializer"), INITIALIZERS, model.output_initializer
    yield ("training", "optimizer"), OPTIMIZERS, training.optimizer
    yield ("training", "schedule"), SCHEDULES, training.schedule


def _check_loss_of_task(spec: Spec, task: str) -> Iterator[Problem]:
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
        yield from _check_settings(spec, task)


def _check_settings(spec: Spec, task: str | None) -> Iterator[Problem]:
    """Check what the loss says of its own settings, and of the target it takes."""
    loss = build(LOSSES, spec.model.loss)
    for path, problem in loss.faults(task):
        yield Problem(("model", "loss", *path), problem)
    if not loss.standardized and spec.data.scale_target == "standard":
        problem = f"{loss.name} takes the target in its own unit, not standardized"
        yield Problem(("data", "scale_target"), problem, "none, or auto")
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
        yield Problem(
            ("model", "output"),
            f"{name} is defined on {' or '.join(allowed)} outputs, not on {output.name}",
            f"allowed: {listing(['auto', *allowed])}; any other output goes with mse",
        )
    elif output.name != "identity" and build(ACTIVATIONS, output) != ACTIVATIONS[output.name]():
        # Value and delta are one formula with the link in it: the link's settings are in it too.
        problem = f"{name} is computed together with {output.name}, with its default settings"
        yield Problem(("model", "output"), problem, f"{output.name} without settings")


def _check_range(spec: Spec, task: str) -> Iterator[Problem]:
    """A standardized target lies on both sides of 0, and beyond 1."""
    output = spec.model.output
    bounded = output is not None and ACTIVATIONS[output.name].is_probability
    if task == "regression" and bounded and spec.data.scale_target != "none":
        yield Problem(
            ("model", "output"),
            f"{output.name} lies between 0 and 1, the standardized target does not",
            "auto, or set data.scale_target to none for a target between 0 and 1",
        )


def _check_metrics(spec: Spec, task: str, metrics: list[str]) -> Iterator[Problem]:
    loss = chosen_loss(spec, task)
    output = loss.link if spec.model.output is None else spec.model.output.name
    model = f"{task} with {loss.name} on {output} outputs"
    for k, name in enumerate(spec.training.metrics or []):
        if name not in metrics:
            yield Problem(
                ("training", "metrics", k),
                f"{name!r} is not a metric of {model}",
                f"allowed: {listing(metrics)}",
                nearest(name, metrics),
            )
    if spec.training.early_stopping is not None:
        monitor = spec.training.early_stopping.monitor
        allowed = [f"{part}_{m}" for part in ("val", "train") for m in ("loss", *metrics)]
        if monitor not in allowed:
            yield Problem(
                ("training", "early_stopping", "monitor"),
                f"{monitor!r} is not a column of metrics.csv",
                f"allowed: {listing(allowed, most=30)}",
                nearest(monitor, allowed),
            )


AUGMENTATION = ("regularization", "augmentation")


def _augmentations(spec: Spec) -> list[Any]:
    chosen: Any = spec.regularization.augmentation
    return list(chosen)


def _check_augmentation(spec: Spec) -> Iterator[Problem]:
    image = None if spec.data.image is None else spec.data.image.shape
    for k, chosen in enumerate(_augmentations(spec)):
        member = build(AUGMENTATIONS, chosen)
        problem = member.problem(image)
        if problem:
            yield Problem((*AUGMENTATION, k), f"{member.name}: {problem}")
        if member.needs_image and image is None:
            problem = f"{member.name} is for images, and the spec does not say what they are"
            yield Problem((*AUGMENTATION, k), problem, "set data.image: {height: …, width: …}")
        if member.adds_rows and k > 0:
            problem = f"{member.name} adds rows that the others may change: it comes first"
            yield Problem((*AUGMENTATION, k), problem)
    if spec.data.task is not None:
        yield from _check_augmentation_of_task(spec, spec.data.task)
    if spec.model.loss is not None:
        yield from _check_mixtures(spec, spec.model.loss.name)


def _check_augmentation_of_task(spec: Spec, task: str) -> Iterator[Problem]:
    for k, chosen in enumerate(_augmentations(spec)):
        tasks = AUGMENTATIONS[chosen.name].tasks
        if task not in tasks:
            problem = f"{chosen.name} does not fit the task, {task}"
            yield Problem((*AUGMENTATION, k), problem, f"it is for: {listing(tasks)}")


def _check_mixtures(spec: Spec, loss: str) -> Iterator[Problem]:
    """A loss that says `hard_targets` knows no target between two classes."""
    if getattr(LOSSES[loss], "hard_targets", False):
        for k, chosen in enumerate(_augmentations(spec)):
            if AUGMENTATIONS[chosen.name].mixes:
                problem = f"{chosen.name} mixes targets, which {loss} does not take"
                yield Problem((*AUGMENTATION, k), problem)


def _check_runtime(spec: Spec) -> Iterator[Problem]:
    if spec.runtime.shards not in (None, 1):
        yield Problem(("runtime", "shards"), "more than one shard is not built yet", "1, or auto")
