"""Another floor: the NumPy calls of a step, one after another and nothing between them.

They are written down while mlp takes a step, with the arrays that it gives them, and then called
again and again, epoch by epoch in turns with mlp's own steps. What array methods do (`take`,
assignments) and the random generator is not among them, so a step takes longer than they do even
where Python takes no time at all.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from engines.mlp import network_of, trainer_of
from engines.products import in_turns
from engines.task import Task

Call = Callable[[], Any]


class Noted:
    """A function of NumPy that notes each call, with a ufunc's methods; off until it is `on`."""

    def __init__(self, function: Any, notes: Notes) -> None:
        self.function, self.notes = function, notes

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call it."""
        if self.notes.on:
            self.notes.calls.append(functools.partial(self.function, *arguments, **named))
        return self.function(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        return Noted(getattr(self.function, name), self.notes)


class Notes:
    """Stands for the module NumPy; what computes something into an array is noted."""

    def __init__(self) -> None:
        self.on, self.calls = False, list[Call]()

    def __getattr__(self, name: str) -> Any:
        found = getattr(np, name)
        computes = isinstance(found, np.ufunc) or found in (np.dot, np.copyto)
        return Noted(found, self) if computes else found

    @contextmanager
    def in_place_of_numpy(self) -> Iterator[None]:
        """Be what mlp's modules call `np`."""
        named = [module for name, module in sys.modules.items() if name.startswith("mlpcli")]
        modules = [module for module in named if vars(module).get("np") is np]
        for module in modules:
            vars(module)["np"] = self
        try:
            yield
        finally:
            for module in modules:
                vars(module)["np"] = np


def calls_of(task: Task) -> list[Call]:
    """Return the calls of one step, bound to arrays of their own."""
    notes = Notes()
    with notes.in_place_of_numpy():
        trainer = trainer_of(task, network_of(task))
        step = trainer.step

        def noted(*arguments: Any) -> None:
            notes.on = not notes.calls  # the first step alone
            step(*arguments)
            notes.on = False

        trainer.step = noted  # type: ignore[method-assign]
        for _rows in trainer.epoch(1, task.recipe["learning_rate"]):
            pass
    return notes.calls


def train(task: Task) -> list[Any]:
    """Note the seconds of mlp's epochs and of as many steps' calls, one after the other."""
    return in_turns(task, calls_of(task))
