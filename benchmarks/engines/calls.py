"""Another floor: a training step on the same rows, one after another, and nothing between them.

Epoch by epoch in turns with mlp's own. What mlp does beside the steps is to shuffle and gather the
rows, to compute their losses, and to ask after each step whether it is to stop.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from engines.mlp import network_of, trainer_of
from engines.products import in_turns
from engines.task import Task


def train(task: Task) -> list[Any]:
    """Note the seconds of mlp's epochs and of as many steps alone, one after the other."""
    trainer = trainer_of(task, network_of(task))
    for _rows in trainer.epoch(1, task.recipe["learning_rate"]):
        pass
    batch = trainer.loader.load(*next(trainer.loader.blocks())).batches[0]
    return in_turns(task, [partial(trainer.step, batch)])
