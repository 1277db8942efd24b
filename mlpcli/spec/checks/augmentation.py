"""What is wrong with the augmentations that a spec asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlpcli.data.augmentation import AUGMENTATIONS
from mlpcli.errors import listing
from mlpcli.nn.losses import LOSSES
from mlpcli.spec.checks.loss import chosen_loss, loss_name
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec
from mlpcli.spec.yaml_reader import Path, Problem

AUGMENTATION = ("regularization", "augmentation")


def augmentations_of(spec: Spec) -> list[Any]:
    """Return the spec's augmentations; their types are built from the family's table."""
    chosen: Any = spec.regularization.augmentation
    return list(chosen)


def check(spec: Spec) -> Iterator[Problem]:
    """Check each augmentation's settings, whether it has images, and the order."""
    image = None if spec.data.image is None else spec.data.image.shape
    for k, chosen in enumerate(augmentations_of(spec)):
        member = build(AUGMENTATIONS, chosen)
        problem = member.problem_with(image)
        if problem:
            yield Problem((*AUGMENTATION, k), f"{member.name}: {problem}")
        if member.needs_image and image is None:
            problem = f"{member.name} is for images, and the spec does not say what they are"
            yield Problem((*AUGMENTATION, k), problem, "set data.image: {height: …, width: …}")
        if member.adds_rows and k > 0:
            problem = f"{member.name} adds rows that the others may change: it comes first"
            yield Problem((*AUGMENTATION, k), problem)


def check_task(spec: Spec, task: str) -> Iterator[Problem]:
    """Check that each augmentation fits the task, and the loss its targets."""
    for k, chosen in enumerate(augmentations_of(spec)):
        tasks = AUGMENTATIONS[chosen.name].tasks
        if task not in tasks:
            problem = f"{chosen.name} does not fit the task, {task}"
            yield Problem((*AUGMENTATION, k), problem, f"it is for: {listing(tasks)}")
        elif AUGMENTATIONS[chosen.name].mixes:
            yield from check_mixing(spec, task, (*AUGMENTATION, k), chosen.name)


def check_mixing(spec: Spec, task: str, path: Path, name: str) -> Iterator[Problem]:
    """Check that the loss has a form for mixtures of classes; of numbers every loss has one.

    path, name  of what asks for mixtures
    """
    if task in LOSSES[loss_name(spec, task)].tasks and task != "regression":
        loss = chosen_loss(spec, task)
        if not loss.mixes:
            fitting = [n for n, other in LOSSES.items() if other.mixes and task in other.tasks]
            problem = f"{name} mixes the targets of rows, of which {loss.name} can make nothing"
            yield Problem(path, problem, f"a loss among: {listing(fitting)}")
