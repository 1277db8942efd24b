"""Stacks in processes: their events in one sequence, and their states, all at one time.

The state of a training is that of all its stacks. Each is asked for its own, sends it when its
block of rows ends, and goes on; what comes from it after that waits until all have sent theirs.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator, Sequence

from mlpcli.errors import FileError
from mlpcli.training.events import StackEvent, StackSaved, grouped
from mlpcli.training.processes import KILLED, POLL_SECONDS, Ask, Pool, Stop
from mlpcli.training.stack_state import StackState
from mlpcli.training.trainer import never

RunStack = Callable[[Sequence[int], Stop, Stop], Iterator[StackEvent]]
Numbered = tuple[int, StackEvent]


class _Gathering:
    """The states that stacks have been asked for, and their events since they sent them."""

    def __init__(self) -> None:
        self.is_asked = self.is_last = False
        self.saved: dict[int, StackSaved] = {}
        self.held: dict[int, list[StackEvent]] = {}

    def begin(self) -> None:
        """Wait for a state of every stack at work."""
        self.is_asked = True

    def begin_last(self) -> Iterator[Numbered]:
        """Wait for the last state of every stack; yield what was held back for an earlier one."""
        if self.is_last:
            return
        self.is_asked = self.is_last = True
        for number in [number for number, saved in self.saved.items() if not saved.is_last]:
            del self.saved[number]
            yield from self._release(number)

    def take(self, number: int, event: StackEvent) -> Iterator[Numbered]:
        """Yield an event of a stack, or keep it."""
        if number in self.held:
            self.held[number].append(event)
        elif not isinstance(event, StackSaved):
            yield number, event
        elif self.is_asked and (event.is_last or not self.is_last):
            self.saved[number], self.held[number] = event, []

    def is_complete(self, at_work: set[int]) -> bool:
        """Whether all stacks at work have sent what they were asked for."""
        return self.is_asked and at_work <= self.saved.keys()

    def end(self) -> Iterator[Numbered]:
        """Yield what was held back; later states were not asked for."""
        self.is_asked = False
        self.saved.clear()
        for number in list(self.held):
            yield from self._release(number)

    def _release(self, number: int) -> Iterator[Numbered]:
        for event in self.held.pop(number):
            yield from self.take(number, event)


def run_in_processes(
    run_stack: RunStack,
    stacks: Sequence[Sequence[int]],
    processes: int,
    stop: Stop,
    due: Stop = never,
) -> Iterator[tuple[int, StackEvent | list[StackState]]]:
    """Run stacks in processes; yield the number of a stack with each of its events.

    Where a state is due, and once more where training is interrupted, the states of all stacks at
    work are yielded, behind all events that are in them and before all others.

    run_stack  called with lanes, whether to stop, and whether a StackSaved is wanted
    stop       once true, all stacks end after the step
    """
    waiting = list(range(len(stacks)))
    with (
        mmap.mmap(-1, max(1, len(stacks))) as asked,
        Pool(_work(run_stack, stacks, asked), processes) as pool,
    ):
        gathering = _Gathering()
        while waiting or pool.busy:
            while waiting and not gathering.is_asked and pool.give(waiting[0]) is not None:
                waiting.pop(0)
            for worker, events in pool.receive(POLL_SECONDS):
                if events is None:
                    raise FileError(f"{KILLED}; a smaller runtime.memory takes fewer at a time")
                for event in events:
                    yield from gathering.take(worker.task, event)
            at_work = {worker.task for worker in pool.workers if worker.task is not None}
            if stop():
                pool.stop()
                yield from gathering.begin_last()
            elif not gathering.is_asked and due():
                gathering.begin()
                for number in at_work:
                    asked[number] = 1
            if gathering.is_complete(at_work):
                yield -1, [each.state for each in gathering.saved.values()]
                yield from gathering.end()


def _work(
    run_stack: RunStack, stacks: Sequence[Sequence[int]], asked: mmap.mmap
) -> Callable[[int, Ask, Stop], Iterator[list[StackEvent]]]:
    """Return what a process does with the number of a stack.

    asked  a byte for each stack, shared: 1 asks for its state
    """

    def work(number: int, _: Ask, stop: Stop) -> Iterator[list[StackEvent]]:
        def due() -> bool:
            if not asked[number]:
                return False
            asked[number] = 0  # written here alone once it is 1, so no question is lost
            return True

        return grouped(run_stack(stacks[number], stop, due))

    return work
