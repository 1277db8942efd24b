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
were written down before the first run and never changed for a figure on test rows.

Everything runs in this process, on one core. Exit status: 0, or 2 where a run has failed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

for _library in ("OPENBLAS", "OMP", "MKL"):  # before NumPy is imported: as `mlp` itself runs
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

from mlpcli.data.dataset import Dataset  # noqa: E402
from mlpcli.errors import MlpError  # noqa: E402
from mlpcli.spec.load import load_spec  # noqa: E402
from mlpcli.training.assemble import load_dataset  # noqa: E402
from mlpcli.training.loop import Ended, Training, score  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "regularization.md"
EXIT_FAILED = 2
SEEDS = 10
# 97.5 % quantiles of Student's t for 1, 2, … degrees of freedom.
T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160]
T += [2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056]
T += [2.052, 2.048, 2.045]

# --- what is compared -------------------------------------------------------------------------


@dataclass(frozen=True)
class Base:
    """A shipped spec; `data` is set for all its settings, `loss` is the name of its loss."""

    spec: str
    title: str
    loss: str
    data: tuple[str, ...] = ()


@dataclass(frozen=True)
class Split:
    """How many rows there are to learn from."""

    name: str
    title: str
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Setting:
    """One thing added to the plain spec.

    name       as in the spec; it is also what the page shows
    kind       augmentation, noise or other
    overrides  KEY=VALUE; layers[*] is every hidden layer, LOSS the loss of the spec
    plain      whether it is added to the plain spec, not to the shipped one
    image      whether it is for images alone
    """

    name: str
    kind: str
    overrides: tuple[str, ...]
    plain: bool = True
    image: bool = False


BASES = (
    Base("digits", "Digits", "cross_entropy", ("data.image={height: 8, width: 8}",)),
    Base("breast_cancer", "Breast cancer", "binary_cross_entropy"),
)
SPLITS = (
    Split("shipped", "As shipped: 70 % of the rows to learn from, 15 % validation, 15 % test"),
    Split(
        "few_rows",
        "Few rows: 10 % to learn from, 20 % validation, 70 % test",
        ("data.split.validation=0.2", "data.split.test=0.7"),
    ),
)


def _augmentation(name: str, *, image: bool = False) -> Setting:
    member = f"{{name: {name}}}"
    overrides = (f"regularization.augmentation=[{member}]",)
    return Setting(member, "augmentation", overrides, image=image)


def _noise(key: str, strength: str) -> Setting:
    override = f"regularization.noise.{key}={strength}"
    return Setting(f"noise: {{{key}: {strength}}}", "noise", (override,))


def _other(name: str, *overrides: str) -> Setting:
    return Setting(name, "other", overrides)


PLAIN = Setting("plain", "plain", ())
SETTINGS = (
    PLAIN,
    _augmentation("mixup, alpha: 0.2"),
    _augmentation("mixup, alpha: 1"),
    _augmentation("feature_swap, share: 0.3, probability: 0.5"),
    _augmentation("jitter, std: 0.1"),
    _augmentation("jitter, std: 0.3"),
    _augmentation("smote, k: 5, ratio: 1"),
    _augmentation("shift, pixels: 1", image=True),
    _augmentation("rotate, degrees: 15", image=True),
    _augmentation("flip, probability: 0.5", image=True),
    _augmentation("cutout, size: 2, probability: 0.5", image=True),
    _noise("input", "0.1"),
    _noise("input", "0.3"),
    _noise("input_multiplicative", "0.1"),
    _noise("input_multiplicative", "0.3"),
    _noise("weights", "0.01"),
    _noise("weights", "0.05"),
    _noise("weights_multiplicative", "0.1"),
    _noise("weights_multiplicative", "0.3"),
    _noise("gradients", "0.001"),
    _noise("gradients", "0.01"),
    _noise("labels", "0.05"),
    _noise("labels", "0.1"),
    _other("keep_prob: 0.8", "model.layers[*].keep_prob=0.8"),
    _other("keep_prob: 0.5", "model.layers[*].keep_prob=0.5"),
    _other("input_keep_prob: 0.9", "model.input_keep_prob=0.9"),
    _other("input_keep_prob: 0.8", "model.input_keep_prob=0.8"),
    _other("l2: 1e-4", "regularization.l2=1e-4"),
    _other("l2: 1e-3", "regularization.l2=1e-3"),
    _other("l1: 1e-5", "regularization.l1=1e-5"),
    _other("l1: 1e-4", "regularization.l1=1e-4"),
    _other("max_norm: 2", "regularization.max_norm=2"),
    _other("label_smoothing: 0.1", "model.loss={name: LOSS, label_smoothing: 0.1}"),
    _other("norm: batch", "model.layers[*].norm=batch"),
    _other("norm: layer", "model.layers[*].norm=layer"),
    _other("weight_averaging: 0.99", "training.weight_averaging=0.99"),
    Setting("keep_prob and l2 as shipped", "other", (), plain=False),
)
FIGURES = ("accuracy", "log_loss")

# --- measuring --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """One training: its figures on the test rows, and how it ended.

    log_loss  mean −log of the probability of the true class: the same figure for every setting,
              where `loss` is what the setting trains on, such as a smoothed one
    epochs    completed; `best_epoch` is the one whose weights are scored
    reason    patience, finished or diverged
    """

    spec: str
    split: str
    setting: str
    seed: int
    accuracy: float
    log_loss: float
    loss: float
    epochs: int
    best_epoch: int
    reason: str


def settings_of(base: Base, only: str = "") -> list[Setting]:
    """Return the settings of one spec: the plain one, and those with `only` in their name."""
    fitting = [s for s in SETTINGS if base.data or not s.image]
    return [s for s in fitting if s is PLAIN or only in s.name]


@cache
def n_layers(spec: str) -> int:
    """Return how many hidden layers a shipped spec has."""
    return len(load_spec(path_of(spec)).spec.model.layers)


def path_of(spec: str) -> str:
    """Return the path of a shipped spec."""
    return str(ROOT / "configs" / f"{spec}.yaml")


def overrides_of(base: Base, split: Split, setting: Setting) -> list[str]:
    """Return what is set in the shipped spec, as `mlp train --set` takes it."""
    plain = ("model.layers[*].keep_prob=1", "regularization.l2=0") if setting.plain else ()
    found = []
    for override in (*base.data, *split.overrides, *plain, *setting.overrides):
        layers = range(n_layers(base.spec)) if "[*]" in override else range(1)
        written = override.replace("LOSS", base.loss)
        found += [written.replace("[*]", f"[{k}]") for k in layers]
    return found


def measure(base: Base, split: Split, setting: Setting, seed: int, data: Dataset) -> Run:
    """Train once, and score the test rows as `mlp train` does."""
    loaded = load_spec(path_of(base.spec), overrides_of(base, split, setting), seed)
    training = Training(loaded.spec, data)
    *_, ended = training.run()
    assert isinstance(ended, Ended)
    figures = score(training.network, data.encoding, data.parts["test"]).figures
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


# --- judging ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and its standard error."""

    mean: float
    error: float

    def __str__(self) -> str:
        """`0.9712 ± 0.0031`."""
        return f"{self.mean:.4f} ± {self.error:.4f}"


def estimate(values: Sequence[float]) -> Estimate:
    """Return mean and standard error, s / √n."""
    return Estimate(statistics.fmean(values), statistics.stdev(values) / math.sqrt(len(values)))


@dataclass(frozen=True)
class Comparison:
    """One figure of one setting.

    difference  from the plain spec's, of the same seeds; None for the plain spec itself
    verdict     better, worse, or no difference shown
    """

    value: Estimate
    difference: Estimate | None = None
    verdict: str = ""


@dataclass(frozen=True)
class Row:
    """One setting of one table."""

    spec: str
    split: str
    setting: str
    kind: str
    accuracy: Comparison
    log_loss: Comparison


def compare(values: Sequence[float], plain: Sequence[float], *, greater: bool) -> Comparison:
    """Compare a figure with the plain spec's, seed by seed: a paired t-test at 5 %.

    greater  whether more of it is better
    """
    difference = estimate([a - b for a, b in zip(values, plain, strict=True)])
    verdict = "no difference shown"
    if abs(difference.mean) > T[len(values) - 2] * difference.error:
        verdict = "better" if (difference.mean > 0) == greater else "worse"
    return Comparison(estimate(values), difference, verdict)


def judge(runs: Sequence[Run]) -> list[Row]:
    """Return the rows of all tables, in the order of the settings."""
    kinds = {setting.name: setting.kind for setting in SETTINGS}
    groups: dict[tuple[str, str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.spec, run.split, run.setting), []).append(run)
    rows = []
    for (spec, split, setting), group in groups.items():
        plain = groups[spec, split, PLAIN.name]
        assert [run.seed for run in group] == [run.seed for run in plain]
        found = []
        for name in FIGURES:
            values, others = ([getattr(run, name) for run in each] for each in (group, plain))
            same = setting == PLAIN.name
            greater = name == "accuracy"
            found.append(
                Comparison(estimate(values)) if same else compare(values, others, greater=greater)
            )
        rows.append(Row(spec, split, setting, kinds[setting], *found))
    return rows


# --- writing ----------------------------------------------------------------------------------


def tables(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of all tables, in Markdown."""
    for split in SPLITS:
        yield from (f"## {split.title}", "")
        for base in BASES:
            here = [row for row in rows if (row.spec, row.split) == (base.spec, split.name)]
            yield from (f"### {base.title}", "", *_table(here), "")


def _table(rows: Sequence[Row]) -> Iterator[str]:
    yield "| | accuracy | − plain | | log loss | − plain | |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for row in rows:
        cells = [row.setting if row.setting == PLAIN.name else f"`{row.setting}`"]
        for figure in (row.accuracy, row.log_loss):
            difference = "" if figure.difference is None else _signed(figure.difference)
            cells += [str(figure.value), difference, figure.verdict]
        yield f"| {' | '.join(cells)} |"


def _signed(difference: Estimate) -> str:
    return f"{difference.mean:+.4f} ± {difference.error:.4f}".replace("-", "−")


def page(runs: Sequence[Run]) -> str:
    """Return the whole of docs/regularization.md."""
    rows = judge(runs)
    return "\n".join([*_head(runs), *_counts(rows), *READING, *tables(rows)]).rstrip() + "\n"


def _head(runs: Sequence[Run]) -> Iterator[str]:
    seeds = len({run.seed for run in runs})
    t = T[seeds - 2]
    yield from ("# What regularization does to the test figures", "", "```sh")
    yield from ("python benchmarks/regularization.py    # writes this page", "```", "")
    yield f"Mean ± standard error over the {seeds} seeds 0 to {seeds - 1}. {FACTS}"
    yield from ("", f"{VERDICTS.format(t=t, dof=seeds - 1)}", "")


def _counts(rows: Sequence[Row]) -> Iterator[str]:
    """Yield how many of the comparisons are marked, and how many chance would mark."""
    yield "| | comparisons | better | worse | marked if nothing made a difference |"
    yield "| --- | --- | --- | --- | --- |"
    for split in SPLITS:
        for base in BASES:
            here = [row for row in rows if (row.spec, row.split) == (base.spec, split.name)]
            for name in FIGURES:
                found = [getattr(row, name).verdict for row in here if row.setting != PLAIN.name]
                what = f"{base.title}, {split.name.replace('_', ' ')}, {name.replace('_', ' ')}"
                marks = f"{found.count('better')} | {found.count('worse')}"
                yield f"| {what} | {len(found)} | {marks} | about {0.05 * len(found):.1f} |"
    yield ""


FACTS = """FACTS"""
VERDICTS = """{t:.2f} {dof}"""
READING = ("READING", "")


# --- the command ------------------------------------------------------------------------------


def some_seeds(text: str) -> int:
    """Return a number of seeds of which there is a t quantile. Raises ValueError otherwise."""
    number = int(text)
    if not 2 <= number <= len(T) + 1:
        raise ValueError(text)
    return number


def main() -> int:
    """Measure, write or print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    many = f"2 to {len(T) + 1}; default: {SEEDS}"
    parser.add_argument("--seeds", type=some_seeds, default=SEEDS, metavar="N", help=many)
    parser.add_argument("--only", default="", metavar="NAME", help="settings with this in the name")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args()
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
