"""The verdict: its figures by hand, what it says of the baseline, and what it warns of."""

import math
from dataclasses import replace

import numpy as np
import pytest

from mlpcli.data.diagnosis import Oddity
from mlpcli.report.reported_run import ReportedRun
from mlpcli.report.sections.verdict import verdict, warnings
from mlpcli.training.baselines.influence import metric_difference
from mlpcli.training.metrics import Outcome

pytest.importorskip("matplotlib")
LAST_EPOCH = (
    "The best epoch is the last, 30: more epochs may be better "
    "(mlp train --resume RUN --extend EPOCHS)."
)
Z = 1.959963984540054


def wilson(hits, n):
    middle = (hits + Z**2 / 2) / (n + Z**2)
    reach = Z / (n + Z**2) * math.sqrt(hits * (n - hits) / n + Z**2 / 4)
    return middle - reach, min(1.0, middle + reach)


def bonett_price(gained, lost, n):
    p, q = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    reach = Z * math.sqrt((p + q - (p - q) ** 2) / (n + 2))
    return p - q - reach, p - q + reach


def right(outcome):
    return outcome.score.argmax(axis=1) == outcome.target


def copy_of(run, **changes):
    """Return the run with other fields, and what was computed of it where it is not changed."""
    other = replace(run, **{k: v for k, v in changes.items() if k in run.__dataclass_fields__})
    for name in ("dataset", "baselines", "oddities"):
        other.__dict__[name] = changes.get(name, getattr(run, name))
    return other


def with_baseline(run, wrong_of_model, wrong_of_baseline, n=100):
    """Return the run as if so many of its n test rows were wrong, the baseline's from the end."""
    target = np.zeros(n, int)
    scores = {}
    for name, wrong in (
        ("model", range(wrong_of_model)),
        ("linear", range(n - wrong_of_baseline, n)),
    ):
        score = np.tile([1.0, 0.0, 0.0], (n, 1))
        score[list(wrong)] = [0.0, 1.0, 0.0]
        scores[name] = Outcome("multiclass", target, score)
    best = replace(run.baselines.best, name="linear", metric="accuracy")
    best = replace(best, value=1 - wrong_of_baseline / n)
    judged = replace(
        run.scores["test"],
        rows=n,
        metrics={**run.scores["test"].metrics, "accuracy": 1 - wrong_of_model / n},
        outcome=scores["model"],
    )
    baselines = replace(
        run.baselines, best=best, scores=(best,), outcomes={"linear": scores["linear"]}
    )
    return copy_of(run, scores={**run.scores, "test": judged}, baselines=baselines)


def lead(run):
    return verdict(run).blocks[0].text


def test_the_figure_its_rows_and_its_interval(reported):
    run = reported("classes")
    outcome = run.scores["test"].outcome
    n, hits = len(outcome.target), int(right(outcome).sum())
    low, high = wilson(hits, n)
    start = (
        f"The accuracy is {hits / n:.4g} on {n} test rows (95 % interval {low:.4g} to {high:.4g})."
    )
    assert lead(run).startswith(start)


@pytest.mark.parametrize(
    ("model", "baseline", "words"),
    [
        (
            2,
            20,
            "That is better than the best baseline, logistic regression, which reaches 0.8",
        ),
        (
            20,
            2,
            "That is worse than the best baseline, logistic regression, which reaches 0.98",
        ),
        (5, 6, "It is not shown to differ from the best baseline, logistic regression, which "),
        (0, 0, "It is not shown to differ from"),
    ],
)
def test_the_baseline_on_the_same_rows(reported, model, baseline, words):
    # The rows that are wrong are others in both: none is wrong twice.
    low, high = bonett_price(baseline, model, 100)
    text = lead(with_baseline(reported("classes"), model, baseline))
    assert words in text
    if words.startswith("That"):  # by how much: without a sign
        low, high = sorted((abs(low), abs(high)))
    limits = f"{low:.4g} to {high:.4g}".replace("-", "−")
    assert f"{limits})." in text


def test_of_numbers_smaller_is_better(reported):
    run = reported("numbers")
    text = lead(run)
    seen = run.scores["test"].outcome
    errors = seen.score - seen.target
    rmse = math.sqrt(float(np.mean(errors**2)))
    assert text.startswith(f"The RMSE of progression is {rmse:.4g} on {len(errors)} test rows")
    # A network of eight epochs is worse than a ridge regression, and is said to be.
    assert "That is worse than the best baseline, ridge regression" in text
    r2 = 1 - np.sum(errors**2) / np.sum((seen.target - seen.target.mean()) ** 2)
    assert f", R² {r2:.4g}.".replace("-", "−") in text


def test_without_the_training_rows_there_is_no_baseline(reported):
    run = copy_of(reported("classes"), dataset=None, baselines=None)
    assert lead(run).count(".") == lead(reported("classes")).partition("). ")[0].count(".") + 1
    assert "baseline" not in lead(run)


# ------------------------------------------------------------ a metric's difference


def test_the_interval_of_a_difference_is_the_paired_one():
    rng = np.random.default_rng(0)
    target = rng.normal(size=(400, 1))
    mine = target + rng.normal(size=(400, 1))
    other = mine + 0.1 * rng.normal(size=(400, 1))  # nearly the same errors in the same rows
    outcomes = [Outcome("regression", target, score) for score in (mine, other)]
    found = metric_difference("rmse", *outcomes)
    # The rows drawn again many times give the deviation of the difference.
    errors = [(each.score - target)[:, 0] ** 2 for each in outcomes]
    drawn = rng.integers(0, 400, (4000, 400))
    differences = np.sqrt(errors[0][drawn].mean(axis=1)) - np.sqrt(errors[1][drawn].mean(axis=1))
    assert found.estimate == pytest.approx(
        math.sqrt(errors[0].mean()) - math.sqrt(errors[1].mean())
    )
    assert (found.high - found.low) / 2 == pytest.approx(1.966 * differences.std(), rel=0.06)


def test_rows_of_a_group_count_as_one():
    rng = np.random.default_rng(1)
    target = np.repeat(rng.integers(0, 2, 50), 4)
    score = np.repeat(rng.random((50, 1)), 4, axis=0)
    other = np.repeat(rng.random((50, 1)), 4, axis=0)
    outcomes = [Outcome("binary", target, each) for each in (score, other)]
    each = metric_difference("roc_auc", *outcomes)
    grouped = metric_difference("roc_auc", *outcomes, np.repeat(np.arange(50), 4))
    # Four copies of each row say no more than one does: the interval is twice as wide.
    ratio = (grouped.high - grouped.low) / (each.high - each.low)
    assert ratio == pytest.approx(2.0, rel=0.03)


def test_two_that_agree_in_every_row_have_no_interval_of_their_error():
    target = np.arange(5.0)[:, np.newaxis]
    same = Outcome("regression", target, target**2)
    found = metric_difference("rmse", same, same)
    assert found.estimate == 0
    assert math.isnan(found.low)


# ------------------------------------------------------------ warnings


def ended(run: ReportedRun, **training):
    model = replace(run.model, training={**run.model.training, **training})
    return copy_of(run, model=model)


def test_a_run_that_ended_well_is_not_warned_of(reported):
    run = reported("classes")
    assert run.model.training["reason"] == "patience"
    assert list(warnings(run)) == []


@pytest.mark.parametrize(
    ("training", "words"),
    [
        (
            {"reason": "interrupted", "last_epoch": 9, "best_epoch": 7},
            "Training was interrupted in epoch 9: the weights are those of epoch 7.",
        ),
        (
            {"reason": "diverged", "best_epoch": 4},
            "Training diverged; the weights are those of epoch 4, before that.",
        ),
        (
            {"reason": "finished", "best_epoch": 30, "epochs": 30},
            LAST_EPOCH,
        ),
    ],
)
def test_how_a_training_ended_is_said(reported, training, words):
    assert list(warnings(ended(reported("classes"), **training))) == [words]


def test_a_changed_model_a_leak_and_rows_that_were_seen_are_said(reported):
    run = reported("classes")
    changed = copy_of(run, model=replace(run.model, changed=True))
    assert "are not those that were written" in next(warnings(changed))
    leak = Oddity("leak", "x tells the target; leave it out with data.exclude: [x]", ("x",))
    text = next(warnings(copy_of(run, oddities=[leak])))
    assert text == "X tells the target; leave it out with data.exclude: [x]."
    for kept, words in (
        (["train"], "rows that the model has seen"),
        (["train", "validation"], "too good"),
    ):
        some = {name: run.parts[name] for name in kept}
        assert words in " ".join(warnings(copy_of(run, parts=some)))


def test_a_replica_that_was_lost_is_said(reported):
    run = reported("ensemble")
    manifest = {"result": {"ensemble": {"replicas": [{"kept": True}, {"kept": False}]}}}
    found = " ".join(warnings(copy_of(run, manifest=manifest)))
    assert "1 replica did not end well: the ensemble is of the others." in found
