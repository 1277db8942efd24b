"""Another floor: the calls of a step, one after another on the same rows, and nothing between them.

They are those that mlp notes of the first step of a training and makes again in the others
(`mlpcli.nn.replay`), here those of one batch over and over, epoch by epoch in turns with mlp's own
steps. What mlp does beside them is to shuffle and gather the rows, to draw the bits of masks, and
to ask after each step whether it is to stop.
"""

from __future__ import annotations

from typing import Any

from mlpcli.nn.replay import Call

from engines.mlp import network_of, trainer_of
from engines.products import in_turns
from engines.task import Task


def calls_of(task: Task) -> tuple[Call, ...]:
    """Return the calls of one step, bound to arrays of their own."""
    trainer = trainer_of(task, network_of(task))
    for _rows in trainer.epoch(1, task.recipe["learning_rate"]):
        pass
    return trainer.calls_of_a_step()


def train(task: Task) -> list[Any]:
    """Note the seconds of mlp's epochs and of as many steps' calls, one after the other."""
    return in_turns(task, calls_of(task))
