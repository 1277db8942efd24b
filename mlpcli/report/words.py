"""Words of a page: names of metrics, sentences, signed numbers."""

from __future__ import annotations

from collections.abc import Sequence

from mlpcli.plain import format_number

NAMES = {
    "mse": "MSE",
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R²",
    "roc_auc": "ROC AUC",
    "f1": "F1",
}


def metric_name(name: str) -> str:
    """Return a metric, or the loss, as people write it.

    >>> metric_name("balanced_accuracy"), metric_name("r2")
    ('balanced accuracy', 'R²')
    """
    return NAMES.get(name, name.replace("_", " "))


def capital(text: str) -> str:
    """Return a text with a capital first letter, the others as they are."""
    return text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """Return a message as a sentence.

    >>> sentence("x1: missing in 3 of 9 rows")
    'x1: missing in 3 of 9 rows.'
    """
    start = text.partition(" ")[0]
    return (text if start.endswith(":") else capital(text)) + "." * (text[-1:] not in ".!?")


def signed(value: float) -> str:
    """Return a number with a minus sign, not a hyphen.

    >>> signed(-0.0455), signed(2.0)
    ('−0.0455', '2')
    """
    return format_number(float(value)).replace("-", "−")


def between(low: float, high: float) -> str:
    """Return the limits of an interval in words; empty where there are none.

    >>> between(-0.1, 0.25), between(float("nan"), 1.0)
    ('−0.1 to 0.25', '')
    """
    return "" if low != low or high != high else f"{signed(low)} to {signed(high)}"  # noqa: PLR0124


def span(numbers: Sequence[int]) -> str:
    """Return the least and the greatest of some whole numbers, once where they are one.

    >>> span([9, 4, 12]), span([3, 3])
    ('4 to 12', '3')
    """
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} to {high}"
