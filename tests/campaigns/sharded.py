"""Train specs drawn at random, cut into shards, in several numbers of threads; compare the bits.

    python tests/campaigns/sharded.py [--specs 500] [--threads 1 2 3 8] [--shards 1 2 4] [--seed 0]

Whatever the schema allows together, as in drawn_resume.py, and wider layers. For each number of
shards every number of threads must give the same SHA-256 of all numbers and metrics (`seconds`
aside); ensembles are trained in as many processes. Exit code 1 where any differs. With --busy a
process beside it keeps a core busy.
"""

import argparse
import hashlib
import json
import multiprocessing
import sys
import tempfile
from collections import Counter
from pathlib import Path
from unittest import mock

import numpy as np
from drawn_resume import drawn
from resumed_trainings import Made

from mlpcli import workers
from mlpcli.errors import MlpError
from mlpcli.nn.sharing import SHARINGS
from mlpcli.training import batches, plan


def drawn_wide(rng):
    """Return keys of a spec: some with wide layers, and with limits that need all parameters."""
    keys = drawn(rng)
    if rng.random() < 0.3:
        for layer in keys["model.layers"]:
            layer["units"] *= 16
    if rng.random() < 0.2:
        keys["training.gradient_clipping"] = {"value": 0.01}
    return keys | {
        "regularization.l1": 0.001 * (rng.random() < 0.2),
        "regularization.max_norm": 1.0 if rng.random() < 0.3 else None,
    }


def features_of(keys, n_train):
    """Yield what a spec has of that which a cut into shards has to get right."""
    layers, noise = keys["model.layers"], keys["regularization.noise"]
    ensemble = keys["ensemble"] or {"kind": None}
    drops = [keys["model.input_keep_prob"], *(layer["keep_prob"] for layer in layers)]
    augmentations = [each["name"] for each in keys["regularization.augmentation"]]
    has = {
        keys["training.optimizer"]: True,
        "dropout": min(drops) < 1,
        "batch norm": any(layer["norm"] == "batch" for layer in layers),
        "row weights": keys["data.class_weight"] is not None,
        "mixup": "mixup" in augmentations,
        "a short last batch": ensemble["kind"] != "kfold" and n_train % keys["training.batch_size"],
        "early stopping": keys["training.early_stopping"] is not None,
        "an ensemble": ensemble["kind"] is not None and ensemble["kind"] not in SHARINGS,
        "members that share weights": ensemble["kind"] in SHARINGS,
        "an embedding": keys["model.embedding"] is not None,
        "weight noise": noise["weights"] or noise["weights_multiplicative"],
        "gradient noise": noise["gradients"],
        "clipping": keys["training.gradient_clipping"],
        "max-norm": keys["regularization.max_norm"],
        "averaging": keys["training.weight_averaging"],
    }
    yield from (name for name, value in has.items() if value)


def digest(training):
    """Train; return the SHA-256 of every number it ends with, and how it ended."""
    found = hashlib.sha256()
    for event in training.run():
        for rows in (getattr(event, "rows", None), getattr(event, "row", None)):
            for row in rows if isinstance(rows, list) else [rows]:
                if isinstance(row, dict):
                    kept = {key: value for key, value in row.items() if key != "seconds"}
                    found.update(repr(kept).encode())
    found.update(training.network.vector.tobytes())
    return found.hexdigest(), event.reason


def trainings(made, shards, threads):
    """Return the digest of a spec's training for each number of threads."""
    cut = f"runtime.shards={shards}"
    return {n: digest(made.training(cut, f"runtime.threads={n}")) for n in threads}


def keep_busy():
    while True:
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--specs", type=int, default=500)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2, 3, 8])
    parser.add_argument("--shards", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--busy", action="store_true", help="with a neighbour on a core")
    arguments = parser.parse_args()
    neighbour = multiprocessing.Process(target=keep_busy, daemon=True)
    if arguments.busy:
        neighbour.start()
    rng, tried, different = np.random.default_rng(arguments.seed), Counter(), 0
    features = Counter()
    with tempfile.TemporaryDirectory() as folder:
        while tried["specs"] < arguments.specs:
            keys = drawn_wide(rng)
            try:
                made = Made(Path(folder), keys)
                found = {s: trainings(made, s, arguments.threads) for s in arguments.shards}
            except MlpError:  # two settings that do not go together: another is drawn
                tried["refused"] += 1
                continue
            tried["specs"] += 1
            features.update(features_of(keys, len(made.dataset.parts["train"])))
            bits = {shards: set(each.values()) for shards, each in found.items()}
            tried["cut"] += len(set.union(*bits.values())) > 1
            for shards, each in found.items():
                if len(bits[shards]) > 1:
                    different += 1
                    print(f"DIFFERENT  {shards} shards: {each}: {json.dumps(keys)}", flush=True)
    print("specs with", ", ".join(f"{name}: {n}" for name, n in sorted(features.items())))
    print(
        f"{tried['specs']} specs, {arguments.shards} shards, {arguments.threads} threads: "
        f"{different} differ by threads; {tried['cut']} differ by shards, which is rounding; "
        f"{tried['refused']} drawn specs were refused"
    )
    return int(different > 0)


if __name__ == "__main__":
    with (
        mock.patch.object(batches, "BLOCK_BYTES", 1024),
        mock.patch.object(
            plan, "WORTH_A_PROCESS", 0.0
        ),  # ensembles in processes, where threads > 1
        mock.patch.object(workers, "LONGEST_ALONE", 0.0),  # steps as short as these are shared out
    ):
        sys.exit(main())
