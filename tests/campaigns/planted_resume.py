"""Lose something of a training's state, in the code that saves and restores it; see it found.

    python tests/campaigns/planted_resume.py [--stops 30] [--seed 0]

Each bug is planted in the source of a function that runs (`planting.py`). A training of the spec
that is named beside it is then interrupted at random steps, saved at random times, and goes on from
what was saved, through a file: to a model, rows of metrics and an end that must be those of the
training that nobody disturbed. Prints `caught` or `MISSED` for each bug; exit code 1 where one is
missed, or where a training without a bug does not go on to the same bits.
"""

import argparse
import sys
import tempfile
import warnings
from pathlib import Path
from unittest import mock

import numpy as np
from planting import Fault
from resumed_trainings import BLOCK_BYTES, SPECS, Calls, Made, resumed, run
from tracing import Found

from mlpcli.training import batches, plan

STATE, LANES = "training/stack_state", "training/unpacked"
# What is lost, the spec that shows it, the function, and what is exchanged in its source.
BUGS = (
    (
        "momentum, neither written nor read",
        "restarts",
        STATE,
        "_views",
        '"optimizer.vectors": np.moveaxis(update.state.vectors, 0, -2),',
        "",
    ),
    (
        "momentum, as it is written back",
        "momentum and noise on numbers",
        STATE,
        "restore_trainer",
        "saved.tensors",
        'saved.tensors | {"optimizer.vectors": 0.0}',
    ),
    (
        "powers of adam's β",
        "everything at once",
        STATE,
        "restore_trainer",
        "saved.tensors",
        'saved.tensors | {"optimizer.powers": 1.0}',
    ),
    (
        "running means of batch norm",
        "everything at once",
        STATE,
        "restore_trainer",
        "saved.tensors)",
        "saved.tensors); trainer.network.statistics[...] = 0.0",
    ),
    (
        "average of the weights",
        "everything at once",
        STATE,
        "restore_trainer",
        "saved.tensors",
        'saved.tensors | {"average.vector": 0.0}',
    ),
    (
        "power of the average",
        "restarts",
        STATE,
        "restore_trainer",
        "saved.tensors",
        'saved.tensors | {"average.power": 1.0}',
    ),
    (
        "places in all streams",
        "everything at once",
        STATE,
        "restore_epoch",
        "set_place(rng, place)",
        "pass",
    ),
    (
        "dropout's stream",
        "tabm",
        "nn/training_step",
        "TrainingStep.streams",
        "return found |",
        "return",
    ),
    (
        "streams of noise on weights and gradients",
        "everything at once",
        "nn/training_step",
        "TrainingStep.streams",
        "for noise in noises",
        "for noise in []",
    ),
    (
        "stream of noise on inputs",
        "tabm",
        "training/transforms",
        "RowNoise.streams",
        '{f"noise.{self.part}": self.generators}',
        "{}",
    ),
    (
        "streams of augmentations",
        "mixup",
        "training/transforms",
        "Augment.streams",
        "enumerate(each)",
        "enumerate([])",
    ),
    (
        "the half of a random word that is left over",
        "everything at once",
        "randomness",
        "set_place",
        "has_half & 1",
        "0",
    ),
    (
        "losses of the epoch's beginning",
        "plain sgd",
        STATE,
        "_views_in_epoch",
        "trainer.losses[..., :start]",
        "trainer.losses[..., :0]",
    ),
    (
        "outputs of the epoch's beginning",
        "plain sgd",
        STATE,
        "_views_in_epoch",
        "trainer.outputs[..., :start, :]",
        "trainer.outputs[..., :0, :]",
    ),
    (
        "mixed targets of the epoch's beginning",
        "mixup",
        STATE,
        "_views_in_epoch",
        "loader.targets[..., :stop, :]",
        "loader.targets[..., :0, :]",
    ),
    (
        "rows of the block, as they were transformed",
        "mixup",
        STATE,
        "_views_in_epoch",
        'found |= {"block.X": block.X, "block.y": block.y}',
        "pass",
    ),
    (
        "outputs of the block",
        "plain sgd",
        STATE,
        "_views_in_epoch",
        "block.u[..., : rows - start, :]",
        "block.u[..., :0, :]",
    ),
    (
        "weights of the block's rows",
        "weights",
        STATE,
        "_views_in_epoch",
        "if block.scale is not None:",
        "if False:",
    ),
    (
        "how many rows were done",
        "plain sgd",
        STATE,
        "restore_epoch",
        "trainer.rows_done = saved.rows",
        "trainer.rows_done = trainer.loader.block_at(saved.rows)[0]",
    ),
    (
        "steps of the block that were taken",
        "plain sgd",
        "training/trainer",
        "Trainer._blocks",
        "self.loader.steps_in(self.rows_done - start)",
        "0",
    ),
    (
        "steps of the epoch that were taken",
        "restarts",
        "training/trainer",
        "Trainer.epoch",
        "self.loader.steps_in(self.rows_done)",
        "0",
    ),
    (
        "weights of the best epoch",
        "early stopping",
        STATE,
        "restore_lane",
        'tensors["best.vector"][k].copy()',
        "None",
    ),
    (
        "value of the best epoch",
        "early stopping",
        STATE,
        "restore_lane",
        'float(tensors["best.value"][k])',
        "stopping.best",
    ),
    (
        "number of the best epoch",
        "early stopping",
        STATE,
        "restore_lane",
        'int(tensors["best.epoch"][k])',
        "0",
    ),
    (
        "how long patience has waited",
        "early stopping",
        STATE,
        "restore_lane",
        'int(tensors["best.waited"][k])',
        "0",
    ),
    (
        "row of the best epoch",
        "bootstrap",
        STATE,
        "restore_lane",
        'row_of(tensors["best.row"][k], columns)',
        'row_of(tensors["latest.row"][k], columns)',
    ),
    (
        "state of the plateau",
        "plateau",
        STATE,
        "restore_lane",
        "kept[name] = type(kept[name])(value)",
        "pass",
    ),
    (
        "completed epochs",
        "plain sgd",
        STATE,
        "restore_lane",
        "state.epoch = state.last_epoch = epoch",
        "pass",
    ),
    (
        "best value of the means",
        "early stopping",
        LANES,
        "restore",
        "float(best[0])",
        "training.best.best",
    ),
    (
        "how many epochs have their means",
        "bootstrap",
        LANES,
        "restore",
        "training.means.n_complete = document.n_complete",
        "pass",
    ),
    (
        "rows that wait for their epoch's mean",
        "bootstrap",
        LANES,
        "restore",
        "setdefault(epoch, {})[lane] = row",
        "pop(epoch, None)",
    ),
    (
        "rows of networks that have ended",
        "bootstrap",
        LANES,
        "restore",
        "training.means.ended[each.lane] = each.epochs, row",
        "training.means.ended[each.lane] = each.epochs, None",
    ),
    (
        "models of networks that have ended",
        "bootstrap",
        LANES,
        "restore",
        "training.vectors[each.lane] = vector",
        "pass",
    ),
    (
        "the order of processes' states and events",
        "bootstrap",
        "training/stack_processes",
        "_Gathering.take",
        "if number in self.held:",
        "if False:",
    ),
)


def arguments_of():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--stops",
        type=int,
        default=30,
        help="interruptions of each training without a bug; ten times as many until one is missed",
    )
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def plans_of(made):
    """Return how its networks can be trained: in one stack, in several, in processes."""
    training = made.training()
    if training.plan is None:
        return [()]
    each = training.plan.memory // len(training.lanes)
    return [
        ("runtime.threads=1",),
        ("runtime.threads=1", f"runtime.memory={3 * each}"),
        ("runtime.threads=2", f"runtime.memory={len(training.lanes) * each}"),
    ]


def first_difference(undisturbed, rng, stops):
    """Return where a training went on to something else, None where it never did.

    undisturbed  how it is made, what it ends with, its plans, and how often it asks to stop
    """
    made, whole, plans, steps = undisturbed
    for k in range(stops):
        overrides, other = (plans[rng.integers(len(plans))] for _ in range(2))
        most = 8 if "runtime.threads=2" in overrides else steps  # the parent asks less often
        number = int(rng.integers(1, most))
        stop, due = Calls(number), Calls(None)
        if k % 3 == 2:
            stop, due = due, Calls(number, once=True)
        try:
            states = run(made.training(*overrides), stop, due).states
            if states and resumed(made.training(*other), states[-1]).result != whole.result:
                return f"at question {number}"
        except Exception as error:  # noqa: BLE001  a bug may show in any way
            return f"at question {number}: {type(error).__name__}"
    return None


def main():
    arguments = arguments_of()
    rng, missed, made, undisturbed = np.random.default_rng(arguments.seed), 0, {}, {}
    np.seterr(all="ignore")
    warnings.simplefilter("ignore")  # what a planted bug computes may be anything
    with tempfile.TemporaryDirectory() as folder:
        for spec in dict.fromkeys(bug[1] for bug in BUGS):
            place = Path(folder) / spec.replace(" ", "-")
            place.mkdir()
            made[spec], steps = Made(place, SPECS[spec]), Calls(None)
            plans = plans_of(made[spec])
            whole = run(made[spec].training(*plans[0]), steps)
            undisturbed[spec] = made[spec], whole, plans, steps.calls
            found = first_difference(undisturbed[spec], rng, arguments.stops)
            if found is not None:
                sys.exit(f"{spec}: without any bug it goes on to other bits, {found}")
        for what, spec, module, name, old, new in BUGS:
            fault = Fault(Found(f"mlpcli/{module}.py", name, ()), text=(old, new))
            with fault.planted():
                found = first_difference(undisturbed[spec], rng, 10 * arguments.stops)
            missed += found is None
            verdict = "MISSED" if found is None else "caught"
            print(f"{verdict}  {what}: {name}: {old} → {new}; {spec}, {found}", flush=True)
    print(f"{len(BUGS) - missed} of {len(BUGS)} bugs caught")
    return int(missed > 0)


if __name__ == "__main__":
    with (
        mock.patch.object(batches, "BLOCK_BYTES", BLOCK_BYTES),
        mock.patch.object(plan, "WORTH_A_PROCESS", 0.0),
    ):
        sys.exit(main())
