"""What benchmarks/regularization.py makes of its runs: estimates, verdicts, the page."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from regularization_settings import BASES, PLAIN, SETTINGS, SPLITS, Base, path_of

from mlpcli.spec.load import load_spec

FIGURES = ("accuracy", "log_loss")
# 97.5 % quantiles of Student's t for 1, 2, … degrees of freedom.
T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160]
T += [2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056]
T += [2.052, 2.048, 2.045]


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
    lines = [*_head(runs), "## Reading", "", *_counts(rows), READING, *tables(rows)]
    return "\n".join(lines).rstrip() + "\n"


def _head(runs: Sequence[Run]) -> Iterator[str]:
    seeds = len({run.seed for run in runs})
    yield from ("# What regularization does to the test figures", "", "```sh")
    yield "python benchmarks/regularization.py    # writes this page; --seeds 3, --only NAME"
    yield from ("```", "")
    to_the_end = [run for run in runs if run.reason == "finished"]
    diverged = [run for run in runs if run.reason == "diverged"]
    yield FACTS.format(
        seeds=seeds,
        last=seeds - 1,
        epochs=";\n  ".join(_epochs(base) for base in BASES),
        n=f"{len(runs):,}",
        finished=len(to_the_end),
        diverged=len(diverged) or "none",
        t=T[seeds - 2],
        dof=seeds - 1,
    )


def _epochs(base: Base) -> str:
    """Return what a shipped spec says of its training, in words."""
    training = load_spec(path_of(base.spec)).spec.training
    stopping, optimizer = training.early_stopping, cast("Any", training.optimizer)
    assert stopping is not None
    return (
        f"{base.title.lower()} at most {training.epochs} with patience {stopping.patience}, "
        f"{optimizer.name} at {optimizer.learning_rate:g}, batches of {training.batch_size}"
    )


def _counts(rows: Sequence[Row]) -> Iterator[str]:
    """Yield how many of the comparisons are marked, and how many chance would mark."""
    yield "| | comparisons | better | worse | marked if nothing made a difference |"
    yield "| --- | --- | --- | --- | --- |"
    for split in SPLITS:
        for base in BASES:
            here = [row for row in rows if (row.spec, row.split) == (base.spec, split.name)]
            for name in FIGURES:
                found = [getattr(row, name).verdict for row in here if row.setting != PLAIN.name]
                what = f"{base.title}, {split.short}: {name.replace('_', ' ')}"
                marks = f"{found.count('better')} | {found.count('worse')}"
                yield f"| {what} | {len(found)} | {marks} | about {0.05 * len(found):.1f} |"
    yield ""


FACTS = """\
Mean ± standard error over the {seeds} seeds 0 to {last}. A seed decides the split, the first
weights, the order of the rows and all noise, and is the same for every setting: `− plain` is the
mean of the differences seed by seed, with its own standard error.

- **plain** is the shipped spec, `configs/digits.yaml` or `configs/breast_cancer.yaml`, with its
  dropout and its L2 taken away. Every other row adds to it the one thing it is named after;
  digits also have `data.image: {{height: 8, width: 8}}`. All else is as shipped. Augmentation and
  noise act in training alone, never on validation or test rows.
- **Epochs**: {epochs};
  the epoch of the lowest validation loss is kept. Early stopping regularizes too: what is shown is
  what comes on top of it. Of {n} trainings {finished} went on to the last epoch, and {diverged}
  diverged.
- **Strengths** were fixed beforehand, one or two a setting, and none was changed or left out for
  a figure on test rows. The learning rates are the shipped ones, chosen on validation rows with
  the shipped dropout and L2 ([accuracy.md](accuracy.md)), not anew for each setting.
- **log loss** is the mean of −log of the probability of the true class, in nats, whatever loss
  was trained on: `label_smoothing` trains on another one.
- **better, worse**: the difference is more than {t:.2f} of its standard errors, the 97.5 % quantile
  of Student's t for {dof} degrees of freedom; anything else is *no difference shown*. So if nothing
  made a difference at all, one comparison in twenty would be marked: one or two in every column.
- Splits of different seeds share rows, so for new data ± is too small. Computed in float32:
  another version of NumPy rounds differently, which may change a prediction or two.
"""
# Written by hand from the figures below: to be read again when they change.
READING = """\
- **Digits gain where rows are few.** With 180 rows, fourteen of thirty-six settings are marked more
  accurate, by 0.006 to 0.018. Noise and dropout on the inputs, `keep_prob: 0.8`, L2 and batch norm
  also improve the log loss; `mixup` and `feature_swap` are not shown to, and `label_smoothing`
  makes it much worse while it makes the accuracy better: a network taught to be less certain is.
  With 1,257 rows little is left to gain, and few marks remain. The largest of many differences is
  also the luckiest.
- **Breast cancer shows next to nothing.** Two of 128 comparisons are marked better, fewer than
  chance alone would mark (3.2 of them on that side; they share the plain runs, so marks come in
  groups). Of twelve marked worse, eleven are of settings that change the targets: wrong, smoothed
  or mixed labels.
- **How much is chance**: `jitter` and `noise: {input: …}` of the same strength are the same noise,
  drawn anew, and yet their rows differ by up to 0.007 in accuracy.
- **Flip harms, as it must**, in all four of its comparisons: a mirrored 3 is no 3. `shift` and
  `cutout` cost accuracy with 1,257 rows: in 8 by 8 pixels they take away ink that matters.
"""
