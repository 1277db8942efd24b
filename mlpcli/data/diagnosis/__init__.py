"""Probable mistakes in a data set, and the baseline of a constant prediction.

`rules.py` lists the rules, one function each; what they look at is a `DataView`. Training imports
the baseline alone.
"""

from mlpcli.data.dataset import Dataset
from mlpcli.data.diagnosis.constant_prediction import Baseline, baseline
from mlpcli.data.diagnosis.oddity import Oddity

__all__ = ["Baseline", "Oddity", "baseline", "oddities"]


def oddities(dataset: Dataset) -> list[Oddity]:
    """Return everything odd in a data set, in the order of the rules."""
    from mlpcli.data.diagnosis.rules import RULES
    from mlpcli.data.diagnosis.view import DataView

    view = DataView(dataset)
    return [oddity for rule in RULES for oddity in rule(view)]
