"""Plant a fault in every function that a training step runs on δ, gradient or θ; see it found.

    python tests/campaigns/faults.py                 the long campaign: all faults
    python tests/campaigns/faults.py --sample 300    what the tests run: some, drawn by --seed

First the real command, `mlp gradcheck configs/….yaml`, with a formula changed in the source of what
trains. Then, for specs that together hold every loss, activation, normalization, penalty, noise
and optimizer, one epoch of the trainer is traced, which finds the functions that change δ, the
gradient, θ, λ or what is carried from step to step (`tracing.py`). Behind each of them, in every
spec, what it changed is multiplied by 1.01 and by −1; and behind each of their statements, in the
first spec that runs it. Each time the command has to exit with 1, and with 0 without a fault.

A fault in EQUIVALENT leaves the same gradients, θ and state of three steps, which is checked, and
so there is nothing to be found; it is counted apart. Prints each fault with its verdict, and the
counts. Exit code 1 where a fault is missed, or where a spec does not pass without one.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from unittest import mock

import numpy as np
import typer
from fault_specs import all_specs
from planting import Fault, statement_texts
from tracing import Found, trace, watched, watching

from mlpcli.cli.verbs.gradcheck import gradcheck
from mlpcli.nn.update import Update
from mlpcli.spec.load import load_spec
from mlpcli.training.gradcheck import synthetic_dataset, trainer_of
from mlpcli.training.lanes import Lane, prepare_lanes

HERE = Path(__file__).parent
CONFIGS = HERE.parents[1] / "configs"
FACTORS = (1.01, -1.0)
TRIES = 4  # specs in which a statement is looked for, which may stand behind an `if`
SAMPLES = 16  # entries of each tensor; the directions move all of them

# The first tests: a config, the function that trains it, and what is exchanged in its source.
HOLES = (
    (
        "iris",
        "losses/cross_entropy",
        "CrossEntropy.delta",
        "np.subtract(out, y",
        "np.subtract(y, out",
    ),
    (
        "lecture",
        "losses/residuals",
        "MeanSquaredError.delta",
        "np.subtract(u, y",
        "np.subtract(y, u",
    ),
    (
        "breast_cancer",
        "losses/binary_cross_entropy",
        "BinaryCrossEntropy.delta",
        "np.subtract(out, product",
        "np.subtract(product, out",
    ),
    ("lecture", "optimizers/momentum", "Sgd.bind", "grad, rate", "grad, 1.01 * rate"),
    ("lecture", "optimizers/momentum", "Sgd.bind", "np.subtract(theta,", "np.add(theta,"),
    (
        "lecture",
        "penalties",
        "L2.add_gradient",
        "weights, self.strength",
        "weights, 1.01 * self.strength",
    ),
)

# Faults that cannot show: the function, a kind of array or the beginning of a statement, how it is
# spoiled (or however), and why.
OVERWRITTEN = "the next step writes it anew, and nothing reads it before"
BOUND = "a bound that no number of the batch reaches"
COMPARED = "it is only compared, and no row is within a hundredth of where that changes"
SHIFT = "a row's shift cancels in exp(u − shift) / Σ exp(u − shift)"
NO_TIE = "it is 0 where no two classes have the same, largest u"
EQUIVALENT = (
    (r"Backprop\.backward|TrainingStep\.\w+|Trainer\.epoch", "δ", None, OVERWRITTEN),
    (r"Update\.__call__|TrainingStep\.__call__|Trainer\.epoch", "gradient", None, OVERWRITTEN),
    (r"\w+\.bind\.\w+|update_mean|\w+\._update_square", "gradient", None, OVERWRITTEN),
    (r"Trainer\.epoch", "scale", None, OVERWRITTEN),
    (r"(LearnedEncode|Waves|ColumnLinear)\.backward", "δ", None, OVERWRITTEN),
    (r"Softsign\.times_derivative", "np.add(u, 1.0", -1.0, "δ is divided by it twice"),
    (r"MeanAbsoluteError\.delta", "np.subtract(u, y", 1.01, "only its sign counts"),
    (r"Gamma\.delta", "np.minimum(out, FAR", "left out", BOUND),
    (r"BinaryCrossEntropy\.delta", "np.minimum(power, limit", "left out", BOUND),
    (r"FocalOfClasses\.delta", "np.maximum(q, least", "left out", BOUND),
    (r"CrossEntropy\.delta", "np.copyto(by_row, u", None, SHIFT),
    (r"CrossEntropy\.delta", "np.maximum.reduce(by_class", None, SHIFT),
    (r"CrossEntropy\.delta", "np.exp(out", 1.01, "a common factor cancels in the quotient"),
    (r"CrossEntropy\.delta", "np.exp(out", -1.0, "a common factor cancels in the quotient"),
    (r"FocalOfClasses\.delta", "np.subtract(total, 1.0", 1.01, NO_TIE),
    (r"FocalOfClasses\.delta", "np.subtract(total, 1.0", -1.0, NO_TIE),
    (r"FocalOfClasses\.delta", "np.add(rest, total", "left out", NO_TIE),
    (r"Hinge\.delta", "np.multiply(out, u", 1.01, COMPARED),
    (r"HingeOfClasses\.delta", "np.copyto(out, ", 1.01, COMPARED),
    (r"HingeOfClasses\.delta", "np.maximum.reduce(out", 1.01, COMPARED),
    (r"HingeOfClasses\.delta", "np.vecdot(u, y", 1.01, COMPARED),
    (r"HingeOfClasses\.delta", "np.subtract(margin, score", 1.01, COMPARED),
    (r"HardSigmoid\.times_derivative|HardTanh\.times_derivative", "np.abs(u", 1.01, COMPARED),
)


def hole(number):
    """Run the real command with a hole, in this process: it ends it."""
    config, module, name, *text = HOLES[number]
    found = Found(f"mlpcli/nn/{module}.py", name, ())
    from mlpcli.__main__ import main

    sys.argv = ["mlp", "gradcheck", str(CONFIGS / f"{config}.yaml")]
    with Fault(found, text=tuple(text)).planted():
        main()


def holes():
    """Yield the title of each hole, and the exit code of the command with it and without."""
    env = os.environ | {"PYTHONPATH": str(HERE.parents[1])}
    clean = {}
    for number, (config, module, name, *text) in enumerate(HOLES):
        if config not in clean:
            words = [sys.executable, "-m", "mlpcli", "gradcheck", CONFIGS / f"{config}.yaml"]
            clean[config] = subprocess.run(words, env=env, capture_output=True, check=False)
        words = [sys.executable, __file__, "--hole", str(number)]
        done = subprocess.run(words, env=env, capture_output=True, check=False)
        title = Fault(Found(f"mlpcli/nn/{module}.py", name, ()), text=tuple(text)).title
        yield f"configs/{config}.yaml | {title}", done.returncode, clean[config].returncode


def exit_code(path):
    """Return the exit code of the command on a spec's file, run in this process."""
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            gradcheck(spec=str(path), synthetic=True, quiet=True, samples=SAMPLES)
        except typer.Exit as end:
            return end.exit_code
    return 0


def trainer_for(path):
    """Return the trainer that the command checks."""
    loaded = load_spec(str(path), ("runtime.dtype=float64",), None)
    dataset = synthetic_dataset(loaded)
    lanes = prepare_lanes([Lane(loaded.spec, loaded.spec.seed)], dataset)
    return trainer_of(lanes[0], dataset)


def train(trainer, epoch=1):
    """Run an epoch, which is one step: the made-up data are one batch."""
    for _ in trainer.epoch(epoch, trainer.step.update.optimizer.learning_rate):
        pass


def outcome(path):
    """Return what three steps of a spec's trainer leave: gradients, θ, what is carried on."""
    trainer, kept, update = trainer_for(path), [], Update.__call__

    def record(self):
        kept.append(trainer.step.grad.copy())
        update(self)

    with mock.patch.object(Update, "__call__", record):
        for epoch in (1, 2, 3):
            train(trainer, epoch)
            arrays = watched(trainer)
            kept += [array.copy() for kind in ("θ", "state", "average") for array in arrays[kind]]
    return kept


def has_effect(fault, path):
    """Whether three steps leave other numbers with the fault, beyond rounding."""
    right = outcome(path)
    with fault.planted():
        wrong = outcome(path)
    return not all(
        np.allclose(a, b, rtol=1e-9, atol=1e-12 * np.abs(a).max(initial=0), equal_nan=True)
        for a, b in zip(right, wrong, strict=True)
    )


def spoils(fault, path):
    """Return how many arrays a fault spoils in a spec's first step, and how many new numbers."""
    trainer = trainer_for(path)
    with fault.planted() as spoiler:
        train(trainer)
    return spoiler.spoilt, spoiler.new


def behind_functions(found, seen):
    """Yield faults behind the found functions; those in `seen` have been left out before."""
    for each in found:
        for kind in each.kinds:
            words = [] if (each.key, kind) in seen else ["left out"]
            seen.add((each.key, kind))
            if each.name.endswith(".delta"):
                words += ["last row left out", "not divided by N"]
            if each.name.endswith(".add_gradient"):
                words.append("on biases too")
            yield from (Fault(each, how, kind) for how in (*FACTORS, *words))


def behind_statements(found, path, left):
    """Yield faults behind the statements that are left and that this spec runs.

    left  by function: in how many specs more each statement is tried
    """
    for each in found:
        texts = statement_texts(each)
        tries = left.setdefault(each.key, dict.fromkeys(range(len(texts)), TRIES))
        for number in [number for number, n in tries.items() if n]:
            tries[number] -= 1
            spoilt, new = spoils(Fault(each, 1.01, statement=number), path)
            if spoilt or new:
                tries[number] = 0
                hows = (*FACTORS, "left out") if spoilt else FACTORS
                yield from (Fault(each, how, statement=number) for how in hows)


def plan(folder):
    """Return (title, file, fault) of all faults; ValueError where a spec fails without any.

    Those that cannot show are there once, in the first spec that has them.
    """
    planned, seen, left, hidden = [], set(), {}, set()
    for number, (title, one) in enumerate(all_specs().items()):
        path = folder / f"{number}.yaml"
        path.write_text(json.dumps(one), encoding="utf-8")  # YAML takes JSON
        code = exit_code(path)
        if code:
            raise ValueError(f"{title}: exit code {code} without a fault")
        found = trace(trainer_for(path))
        for fault in [*behind_functions(found, seen), *behind_statements(found, path, left)]:
            if fault.title not in hidden:
                planned.append((title, path, fault))
            if reason_for(fault):
                hidden.add(fault.title)
    return planned


def reason_for(fault):
    """Return why a fault cannot show, as EQUIVALENT has it, or None."""
    for name, place, how, reason in EQUIVALENT:
        is_there = re.fullmatch(name, fault.name) and fault.place.startswith(place)
        if is_there and how in (None, fault.how):
            return reason
    return None


def verdict_on(fault, path):
    """Plant a fault; return caught, equivalent or MISSED."""
    with fault.planted():
        code = exit_code(path)
    if code == 1:
        return "caught"
    return "equivalent" if reason_for(fault) and not has_effect(fault, path) else "MISSED"


def main():
    """Plant each, see it caught; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, help="so many faults only")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--hole", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.hole is not None:
        return hole(given.hole)
    counts, began = Counter(), time.perf_counter()

    def tell(verdict, title):
        counts[verdict] += 1
        print(f"{verdict}  {title}", flush=True)

    for title, wrong, right in holes():
        tell("caught" if (wrong, right) == (1, 0) else "MISSED", title)
    with tempfile.TemporaryDirectory() as folder, watching():
        planned = plan(Path(folder))
        n_functions = len({fault.found.key for _, _, fault in planned})
        if given.sample is not None:
            planned = random.Random(given.seed).sample(planned, given.sample)
        for title, path, fault in planned:
            tell(verdict_on(fault, path), f"{title} | {fault.title}")
    n = counts["caught"] + counts["MISSED"]
    print(
        f"{n_functions} functions of {len(all_specs())} specs, {time.perf_counter() - began:.0f} s"
    )
    print(
        f"{counts['caught']} of {n} planted faults were caught; {counts['equivalent']} equivalent"
    )
    return 0 if counts["caught"] == n else 1


if __name__ == "__main__":
    sys.exit(main())
