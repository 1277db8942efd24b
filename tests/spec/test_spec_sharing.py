"""What a spec may ask of ensembles that share weights."""

import pytest

from mlpcli.nn.sharing import SHARINGS

SPEC = """
data: {path: a.csv, target: y}
model: {layers: [{units: 3}]}
ensemble: {kind: seeds, replicas: 4}
"""


@pytest.mark.parametrize("kind", SHARINGS)
def test_hidden_layers_are_what_members_share(kind, refusal):
    said = refusal(SPEC, f"ensemble.kind={kind}", "model.layers=[]")
    problem = (
        f"ensemble.kind: the replicas of {kind} share hidden layers, and model.layers has none"
    )
    assert problem in str(said)
    assert "seeds, or a hidden layer" in str(said)


@pytest.mark.parametrize("kind", SHARINGS)
def test_a_sweep_may_be_of_networks_with_members(kind, load, refusal):
    sweep = "sweep={parameters: {training.optimizer.learning_rate: {values: [0.1]}}}"
    found = load(SPEC, f"ensemble.kind={kind}", sweep).spec
    assert found.replicated is None
    assert "a sweep is of single networks" in str(refusal(SPEC, sweep))
