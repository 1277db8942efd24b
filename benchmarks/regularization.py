#!/usr/bin/env python3
"""What each augmentation, each noise and other regularization does to the test figures.

Usage::

    python benchmarks/regularization.py                # ten seeds; writes docs/regularization.md
    python benchmarks/regularization.py --seeds 3      # a look: the tables alone, nothing written
    python benchmarks/regularization.py --only mixup   # the settings with this in their name
    python benchmarks/regularization.py --json         # the same, with every single run

The plain spec is a shipped one with its dropout and L2 taken away; every other setting adds one
thing to it. A seed decides the split, the first weights, the order of rows and all noise, and is
the same for all settings: so a setting is compared with the plain spec seed by seed. Strengths
were fixed beforehand, the usual ones; none was changed or left out for a figure on test rows.

Everything runs in this process, on one core. Exit status: 0, or 2 where a run has failed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict

for _library in ("OPENBLAS", "OMP", "MKL"):  # before NumPy is imported: as `mlp` itself runs
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

from regularization_page import Run, T, judge, page, tables  # noqa: E402
from regularization_settings import (  # noqa: E402
    BASES,
    ROOT,
    SETTINGS,
    SPLITS,
    Base,
    Setting,
    Split,
    overrides_of,
    path_of,
    settings_of,
)

from mlpcli.data.dataset import Dataset  # noqa: E402
from mlpcli.errors import MlpError  # noqa: E402
from mlpcli.spec.load import load_spec  # noqa: E402
from mlpcli.training.build import load_dataset  # noqa: E402
from mlpcli.training.evaluation import evaluate  # noqa: E402
from mlpcli.training.events import Ended  # noqa: E402
from mlpcli.training.training import Training  # noqa: E402

PAGE = ROOT / "docs" / "regularization.md"
EXIT_FAILED = 2
SEEDS = 10


def measure(base: Base, split: Split, setting: Setting, seed: int, data: Dataset) -> Run:
    """Train once, and score the test rows as `mlp train` does."""
    loaded = load_spec(path_of(base.spec), overrides_of(base, split, setting), seed)
    training = Training(loaded.spec, data)
    *_, ended = training.run()
    assert isinstance(ended, Ended)
    figures = evaluate(training.network, data.encoding, data.parts["test"]).metrics
    return Run(
        base.spec,
        split.name,
        setting.name,
        seed,
        accuracy=figures["accuracy"],
        log_loss=figures["log_loss"],
        loss=figures["loss"],
        epochs=ended.epochs,
        best_epoch=ended.best_epoch,
        reason=ended.reason,
    )


def measure_all(seeds: int, only: str) -> list[Run]:
    """Train every setting of every spec with the seeds 0, 1, …; say on standard error how far."""
    runs = []
    for base in BASES:
        settings = settings_of(base, only)
        for split in SPLITS:
            for seed in range(seeds):
                at = f"{base.spec}, {split.name}, seed {seed}: {len(settings)} settings"
                print(at, file=sys.stderr, flush=True)
                # No setting changes the rows: they are read, split and scaled once a seed.
                loaded = load_spec(path_of(base.spec), [*base.data, *split.overrides], seed)
                data = load_dataset(loaded)
                runs += [measure(base, split, setting, seed, data) for setting in settings]
    return runs


def seed_count(text: str) -> int:
    """Return a number of seeds of which there is a t quantile. Raises ValueError otherwise."""
    number = int(text)
    if not 2 <= number <= len(T) + 1:
        raise ValueError(text)
    return number


def main() -> int:
    """Measure, write or print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    many = f"2 to {len(T) + 1}; default: {SEEDS}"
    parser.add_argument("--seeds", type=seed_count, default=SEEDS, metavar="N", help=many)
    parser.add_argument("--only", default="", metavar="NAME", help="settings with this in the name")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
    if not any(arguments.only in setting.name for setting in SETTINGS):
        parser.error(f"--only {arguments.only}: no setting has this in its name")
    try:
        runs = measure_all(arguments.seeds, arguments.only)
    except MlpError as error:
        print(f"regularization.py: {error}", file=sys.stderr)
        return EXIT_FAILED
    whole = arguments.seeds == SEEDS and not arguments.only
    if whole:
        PAGE.write_text(page(runs), encoding="utf-8")
    rows = judge(runs)
    if arguments.json:
        document = {"runs": [asdict(run) for run in runs], "rows": [asdict(row) for row in rows]}
        print(json.dumps(document, indent=1))
    else:
        print("\n".join(tables(rows)).rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
