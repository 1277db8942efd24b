"""Plant a fault in every function that a training step runs on δ, gradient or θ; see it found.

python tests/campaigns/faults.py                 the long campaign: all faults
python tests/campaigns/faults.py --sample 150    what the tests run: some, drawn by --seed
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import typer
from fault_specs import all_specs
from planting import Fault, statement_texts, trace, watched, watching

from mlpcli.cli.verbs.gradcheck import gradcheck
from mlpcli.nn.update import Update
from mlpcli.spec.load import load_spec
from mlpcli.training.gradcheck import synthetic_dataset, trainer_of

FACTORS = (1.01, -1.0)


def exit_code(path, samples=64):
    """Run the command on a spec's file; return its exit code."""
    with contextlib.redirect_stderr(io.StringIO()) as err:
        try:
            gradcheck(spec=str(path), synthetic=True, quiet=True, samples=samples)
        except typer.Exit as end:
            if end.exit_code != 1:
                print(err.getvalue())
            return end.exit_code
    return 0


def trainer_of_file(path):
    loaded = load_spec(str(path), ("runtime.dtype=float64",), None)
    return trainer_of(loaded, synthetic_dataset(loaded))


def outcome(path):
    """Return what three steps of a spec's trainer leave: gradients, θ, what is carried on."""
    trainer = trainer_of_file(path)
    kept = []
    right = Update.__call__

    def record(self):
        kept.append(trainer.step.grad.copy())
        right(self)

    with mock.patch.object(Update, "__call__", record):
        for epoch in (1, 2, 3):
            for _ in trainer.epoch(epoch, trainer.step.update.optimizer.learning_rate):
                pass
            arrays = watched(trainer)
            kept += [a.copy() for kind in ("θ", "state", "average") for a in arrays[kind]]
    return kept


def has_effect(fault, path):
    clean = outcome(path)
    with fault.planted():
        wrong = outcome(path)
    for a, b in zip(clean, wrong, strict=True):
        if not np.allclose(a, b, rtol=1e-9, atol=1e-13 + 1e-9 * np.abs(a).max(initial=0)):
            return True
    return False


def function_faults(found):
    for each in found:
        for kind in each.kinds:
            for how in (*FACTORS, "left out"):
                yield Fault(each, how, kind)
            if each.name.endswith(".delta"):
                yield Fault(each, "last row left out", kind)
                yield Fault(each, "not divided by N", kind)
            if each.name.endswith(".add_gradient"):
                yield Fault(each, "on biases too", kind)


def statement_faults(found):
    for each in found:
        for i in range(len(statement_texts(each))):
            for how in FACTORS:
                yield Fault(each, how, statement=i)


def main():
    only = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder, watching():
        paths = {}
        for i, (title, one) in enumerate(all_specs().items()):
            paths[title] = Path(folder) / f"{i}.yaml"
            paths[title].write_text(json.dumps(one))
        n = caught = 0
        seen = set()
        for title, path in paths.items():
            assert exit_code(path) == 0
            found = trace(trainer_of_file(path))
            faults = []
            if "f" in only:
                faults += function_faults(found)
            if "s" in only:
                new = [f for f in found if f.key not in seen]
                seen |= {f.key for f in new}
                faults += statement_faults(new)
            for fault in faults:
                n += 1
                with fault.planted():
                    code = exit_code(path)
                if code == 1:
                    caught += 1
                    continue
                effect = has_effect(fault, path)
                print(
                    "MISSED" if effect else "no effect",
                    code,
                    "|",
                    title,
                    "|",
                    fault.title,
                    flush=True,
                )
        print(caught, n)


if __name__ == "__main__":
    sys.exit(main())
