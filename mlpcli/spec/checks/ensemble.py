"""What is wrong with the ensemble that a spec asks for."""

from __future__ import annotations

from collections.abc import Iterator

from mlpcli.spec.schema import Spec
from mlpcli.spec.yaml_reader import Problem


def check(spec: Spec) -> Iterator[Problem]:
    """Check that members that share hidden layers have some."""
    ensemble = spec.ensemble
    if ensemble is not None and ensemble.shares_weights and not spec.model.layers:
        problem = f"the replicas of {ensemble.kind} share hidden layers, and model.layers has none"
        yield Problem(("ensemble", "kind"), problem, "seeds, or a hidden layer")
