"""Parts whose rows are not like the training rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mlpcli.data.diagnosis.oddity import Oddity
from mlpcli.data.diagnosis.statistics import chi_square, kolmogorov_smirnov
from mlpcli.data.diagnosis.view import DataView
from mlpcli.data.targets import ClassTarget
from mlpcli.errors import listing

LEAST_ROWS = 20  # of a part
LEVEL = 1e-3  # of all tests together: divided by their number (Bonferroni)
LEAST_DISTANCE = 0.1  # between the distributions: less does not matter, however sure
UNSEEN_SHARE = 0.05  # of a part's rows


def shifts(view: DataView) -> Iterator[Oddity]:
    """Inputs or a target that a part has other values of than the training rows.

    Numbers by Kolmogorov and Smirnov's test, categories and classes by chi square.
    """
    others = [n for n, part in view.parts.items() if n != "train" and len(part) >= LEAST_ROWS]
    n_tests = max(1, len(others) * (len(view.numeric) + len(view.textual) + 1))
    for part in others:
        found = dict(_shifted(view, part, LEVEL / n_tests))
        if found:
            text = f"the {part} rows have another distribution than the training rows: "
            yield Oddity("shift", text + listing(found.values(), most=6), tuple(found))


def _shifted(view: DataView, part: str, level: float) -> Iterator[tuple[str, str]]:
    for name in view.numeric:
        a, b = (x[~np.isnan(x)] for x in (view.numbers(p, name) for p in ("train", part)))
        if remark := _numbers_differ(a, b, level):
            yield name, f"{name} ({remark})"
    for name in view.textual:
        codes = [view.codes(p, name) for p in ("train", part)]
        if remark := _categories_differ(codes[0] + 1, codes[1] + 1, level):
            yield name, f"{name} ({remark})"
    target = view.dataset.encoding.target
    for k, name in enumerate(target.names):
        a, b = (view.labels(p)[:, k] for p in ("train", part))
        differ = _numbers_differ
        if isinstance(target, ClassTarget) or view.dataset.encoding.task == "multilabel":
            differ = _categories_differ
        if remark := differ(a, b, level):
            yield name, f"the target {name} ({remark})"


def _numbers_differ(a: np.ndarray, b: np.ndarray, level: float) -> str | None:
    if min(len(a), len(b)) < LEAST_ROWS:
        return None
    distance, p = kolmogorov_smirnov(a, b)
    if distance < LEAST_DISTANCE or p >= level:
        return None
    return f"median {np.median(a):.4g} in training, {np.median(b):.4g} here, p = {p:.1g}"


def _categories_differ(a: np.ndarray, b: np.ndarray, level: float) -> str | None:
    n = int(max(a.max(), b.max())) + 1
    counts = np.array([np.bincount(a, minlength=n), np.bincount(b, minlength=n)])
    share = counts.sum(axis=0) * counts.sum(axis=1).min() / counts.sum()
    rare = share < 5  # noqa: PLR2004  expected rows: together, as the test needs them
    counts = np.column_stack([counts[:, ~rare], counts[:, rare].sum(axis=1)])
    if np.count_nonzero(counts.sum(axis=0)) < 2:  # noqa: PLR2004
        return None
    distance, p = chi_square(counts)
    if distance < LEAST_DISTANCE or p >= level:
        return None
    return f"{distance:.0%} of the rows in other categories, p = {p:.1g}"


def unseen_categories(view: DataView) -> Iterator[Oddity]:
    """Rows with a category that no training row has, of more than split at random there would be.

    Of rows drawn alike about as many have a new category as training rows have one of their own
    (Good, Biometrika 40, 1953).
    """
    for name in view.textual:
        seen = view.codes("train", name, sample=False)
        counts = np.bincount(seen[seen >= 0], minlength=len(view.words[name]))
        alone = np.count_nonzero(counts == 1) / max(1, len(seen))
        for part in view.parts:
            codes = view.codes(part, name, sample=False)
            new = (codes >= 0) & (counts[codes] == 0)
            share = np.count_nonzero(new) / len(codes)
            if part == "train" or share < UNSEEN_SHARE + 2 * alone or new.sum() < REPEATED:
                continue
            words = view.words[name]
            such = repr(words[codes[int(np.argmax(new))]])
            text = f"{name}: {new.sum()} of the {len(codes)} {part} rows have a category that no "
            yield Oddity("unseen", f"{text}training row has, such as {such}", (name,))


REPEATED = 3
