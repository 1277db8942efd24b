"""Processes that train trials: forked, so that each begins with the data already read.

A forked process needs a few milliseconds, a new one would import and read for longer than many a
trial trains. BLAS runs on one thread everywhere (docs/decisions/0007), so there is no thread to
lose in the fork. A process ends with its parent: it asks for it after each step.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any, Self

from mlpcli.sweep.runner import Runner
from mlpcli.sweep.study import Claim, Told

BUG = 70


@dataclass
class Worker:
    """A process, and the trials it has been given and has not yet told of."""

    pid: int
    pipe: Connection
    trials: dict[int, Claim] = field(default_factory=dict)

    def give(self, claims: Sequence[Claim], *, pruned: bool) -> None:
        """Give it trials; `pruned`: it will ask after each rung who goes on."""
        self.trials = {claim.number: claim for claim in claims}
        self.send({"claims": [asdict(claim) for claim in claims], "pruned": pruned})

    def send(self, message: Any) -> None:
        """Send a message; a process that is gone is found out when it is listened to."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send_bytes(json.dumps(message).encode())

    def end(self) -> None:
        """End the process: it holds nothing that would have to be put down first."""
        os.kill(self.pid, signal.SIGKILL)  # not waited for yet, so the number is still its own
        self.mourn()

    def mourn(self) -> int:
        """Wait for a process that ends; return the signal that ended it, or 0."""
        _, status = os.waitpid(self.pid, 0)
        self.pipe.close()
        return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


class Workers:
    """At most n processes, started as they are needed."""

    def __init__(self, runner: Runner, n: int) -> None:
        self.runner, self.n = runner, n
        self.all: list[Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.all:
            worker.end()
        self.all = []

    def idle(self) -> Worker | None:
        """Return a process that has nothing to do; None where all are at work."""
        for worker in self.all:
            if not worker.trials:
                return worker
        if len(self.all) == self.n:
            return None
        ours, theirs = Pipe()
        pid = os.fork()
        if pid == 0:
            _live(self.runner, theirs, [ours, *(worker.pipe for worker in self.all)])
        theirs.close()
        self.all.append(Worker(pid, ours))
        return self.all[-1]

    def listen(self, seconds: float) -> list[tuple[Worker, Any]]:
        """Return what processes say within a time, each with its message; None: it is gone."""
        pipes = {worker.pipe: worker for worker in self.all if worker.trials}
        found = []
        for pipe in wait(list(pipes), seconds):
            worker = pipes[pipe]  # type: ignore[index]
            try:
                found.append((worker, json.loads(worker.pipe.recv_bytes())))
            except (EOFError, OSError, ValueError):
                found.append((worker, None))
        return found

    def bury(self, worker: Worker) -> int:
        """Take out a process that is gone; return the signal that ended it, or 0."""
        self.all.remove(worker)
        return worker.mourn()


def _live(runner: Runner, pipe: Connection, others: list[Connection]) -> None:
    """Train what comes through the pipe until it is closed; never returns."""
    code = BUG
    try:
        # Ctrl-C reaches every process of the terminal: what it means is for the parent to say.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for each in others:
            each.close()
        _serve(runner, pipe)
        code = 0
    except Exception as error:  # noqa: BLE001  the parent says it
        with contextlib.suppress(OSError):
            place = traceback.extract_tb(error.__traceback__)[-1]
            text = f"{type(error).__name__}: {error} ({place.name}, line {place.lineno})"
            pipe.send_bytes(json.dumps({"bug": text}).encode())
    finally:
        os._exit(code)  # no handler, buffer or file of the parent is ours to end


def _serve(runner: Runner, pipe: Connection) -> None:
    parent = os.getppid()

    def say(message: Any) -> None:
        pipe.send_bytes(json.dumps(message).encode())

    def orphaned() -> bool:
        return os.getppid() != parent

    def decide(rung: int, figures: dict[int, float]) -> set[int]:
        say({"rung": rung, "figures": list(figures.items())})
        return set(json.loads(pipe.recv_bytes()))

    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            asked = json.loads(pipe.recv_bytes())
            claims = [Claim(**claim) for claim in asked["claims"]]
            for told in runner.run(claims, decide if asked["pruned"] else None, orphaned):
                say({"told": {**asdict(told), "rungs": list(told.rungs.items())}})
            say({"done": True})


def told_from(message: dict[str, Any]) -> Told:
    """Return what a process has told of a trial."""
    return Told(**{**message, "rungs": {int(epoch): f for epoch, f in message["rungs"]}})
