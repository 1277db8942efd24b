"""Interrupt and save trainings of specs drawn at random, and compare what they end with.

    python tests/campaigns/drawn_resume.py [--specs 500] [--stops 4] [--seed 0]

Whatever the schema allows together: every optimizer, schedule, augmentation, normalization,
activation, embedding and ensemble of the tables. Each training is interrupted or saved at random
steps, and goes on from a file, in any plan, with the bits of one that nobody disturbed. Exit code 1
where any differs.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from unittest import mock

import numpy as np
from planted_resume import first_difference, plans_of
from resumed_trainings import Calls, Made, run

from mlpcli.data.augmentation import AUGMENTATIONS
from mlpcli.errors import MlpError
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.embeddings import EMBEDDINGS
from mlpcli.nn.norms import NORMS
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.nn.schedules import SCHEDULES
from mlpcli.nn.sharing import SHARINGS
from mlpcli.training import batches, plan

HIDDEN = [name for name, member in ACTIVATIONS.items() if not member.output_only]


def drawn(rng):
    """Return keys of a spec, with dots."""

    def one_of(*values):
        return values[rng.integers(len(values))]

    def sometimes(value, other):
        return value if rng.random() < 0.4 else other

    layers = [
        {
            "units": int(rng.integers(2, 7)),
            "activation": one_of(*HIDDEN),
            "norm": sometimes(one_of(*NORMS), None),
            "keep_prob": sometimes(0.8, 1.0),
        }
        for _ in range(rng.integers(1, 3))
    ]
    schedule = {"name": one_of(*SCHEDULES), "warmup": sometimes(1.3, 0.0)}
    if schedule["name"] == "cosine":
        schedule |= sometimes({"period": 0.8, "growth": 2}, {})
    if schedule["name"] == "plateau":
        schedule |= {"patience": int(rng.integers(2)), "threshold": 0.1}
    noise = {"input": 0.1, "input_multiplicative": 0.1, "weights": 0.01, "gradients": 0.01}
    noise |= {"labels": 0.1, "weights_multiplicative": 0.1}
    kind = one_of("seeds", "bootstrap", "kfold", *SHARINGS, None, None, None)
    image = sometimes({"height": 2, "width": 2}, None)
    fitting = [n for n, a in AUGMENTATIONS.items() if image or "image" not in a.__module__]
    augmentations = [name for name in fitting if rng.random() < 0.3]
    numbers = {"data.target": "sepal_length_cm", "data.exclude": ["species"], "data.image": None}
    return {
        "seed": int(rng.integers(1000)),
        "data.split.validation": sometimes(0, 0.2),
        "data.class_weight": sometimes("balanced", None),
        "data.image": image,
        "model.layers": layers,
        "model.input_keep_prob": sometimes(0.9, 1.0),
        "model.embedding": sometimes(one_of(*EMBEDDINGS), None),
        "training.epochs": int(rng.integers(1, 6) * one_of(1, 1, 3)),
        "training.batch_size": int(rng.integers(3, 40)),
        "training.optimizer": one_of(*OPTIMIZERS),
        "training.schedule": schedule,
        "training.early_stopping": sometimes({"patience": int(rng.integers(1, 3))}, None),
        "training.weight_averaging": sometimes(0.9, None),
        "training.train_loss": one_of("running", "full"),
        "training.gradient_clipping": sometimes({"norm": 1.0}, {}),
        "regularization.l2": sometimes(0.01, 0.0),
        "regularization.noise": {k: sometimes(v, 0.0) for k, v in noise.items()},
        "regularization.augmentation": [{"name": name} for name in augmentations],
        "ensemble": None if kind is None else {"kind": kind, "replicas": int(rng.integers(2, 5))},
        "runtime.dtype": one_of("float32", "float32", "float64"),
    } | sometimes(numbers | {"data.class_weight": None}, {})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--specs", type=int, default=500)
    parser.add_argument("--stops", type=int, default=4, help="interruptions of each")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng, tried, found = np.random.default_rng(arguments.seed), Counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        while tried["specs"] < arguments.specs:
            keys = drawn(rng)
            try:
                made, steps = Made(Path(folder), keys), Calls(None)
                plans = plans_of(made)
                whole = run(made.training(*plans[0]), steps)
            except MlpError:  # two settings that do not go together: another is drawn
                tried["refused"] += 1
                continue
            tried["specs"] += 1
            tried[whole.end.reason] += 1
            if steps.calls > 1:
                different = first_difference(
                    (made, whole, plans, steps.calls), rng, arguments.stops
                )
                if different is not None:
                    found += 1
                    print(f"DIFFERENT  {different}: {json.dumps(keys)}", flush=True)
    ends = ", ".join(f"{tried[reason]} {reason}" for reason in ("finished", "patience", "diverged"))
    print(
        f"{tried['specs']} trainings ({ends}), {arguments.stops} interruptions or states of each: "
        f"{found} went on to other bits; {tried['refused']} drawn specs were refused"
    )
    return int(found > 0)


if __name__ == "__main__":
    with (
        mock.patch.object(batches, "BLOCK_BYTES", 1024),
        mock.patch.object(plan, "WORTH_A_PROCESS", 0.0),
    ):
        sys.exit(main())
