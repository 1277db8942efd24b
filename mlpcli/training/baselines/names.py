"""What each baseline is called in a sentence."""

from __future__ import annotations

import numpy as np

from mlpcli.data.dataset import Dataset
from mlpcli.data.targets import ClassTarget
from mlpcli.plain import format_number

MOST_NAME = 24  # letters of a baseline's name


def baseline_names(dataset: Dataset) -> dict[str, str]:
    """Return what each baseline is called in a sentence."""
    labels, target = dataset.parts["train"].labels, dataset.encoding.target
    linear = "logistic regression"
    if isinstance(target, ClassTarget):
        constant = f"always {target.classes[int(np.argmax(np.bincount(labels)))]}"
    elif dataset.encoding.task == "multilabel":
        constant = "most frequent labels"
    else:
        linear = "ridge regression"
        constant = f"always {format_number(float(labels.mean()))}"
        constant = constant if labels.shape[1] == 1 else "always the means"
    constant = constant if len(constant) <= MOST_NAME else f"{constant[: MOST_NAME - 1]}…"
    return {"constant": constant, "linear": linear, "gradient_boosting": "gradient boosting"}
