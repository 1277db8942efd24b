"""Check the gradients of specs drawn at random: everything that the schema allows, together.

    python tests/campaigns/gradients.py --specs 2000     the long campaign
    python tests/campaigns/gradients.py --specs 100      what the tests run

Hypothesis draws task, loss, output, depth, widths, activations, normalizations, dropout, L1, L2,
mixed targets, weights, and settings of each within their bounds, all from the tables of the
families, so that a new member is drawn as soon as it is there. Each spec is loaded as a file
would be, and its gradient and update are checked as `mlp gradcheck --synthetic` does. Then up to
three networks with settings of their own are stacked: losses, gradient and numbers of every lane
after the first step have to be those of the network alone, bit for bit. Exit code 1, and the spec,
where one fails.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from drawn_specs import drawn_alone, setting, specs
from hypothesis import given, seed
from hypothesis import strategies as st

from mlpcli.errors import SpecError
from mlpcli.family import settings_of
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Network, initial_vector, stack_architectures
from mlpcli.nn.norms import NORMS
from mlpcli.nn.sharing import SHARINGS
from mlpcli.spec.load import load_spec
from mlpcli.training.gradcheck import check_spec, synthetic_dataset
from mlpcli.training.lanes import Lane, build_trainer, prepare_lanes


def loaded(spec, folder):
    """Return a spec as a file would be loaded."""
    path = folder / "spec.yaml"
    path.write_text(json.dumps(spec), encoding="utf-8")  # YAML takes JSON
    return load_spec(str(path))


def varied(draw, spec):
    """Return the spec with other numbers in the same places, another lane of its stack."""
    other = json.loads(json.dumps(spec))
    other["seed"] = draw(st.integers(0, 2**32))
    members = [(LOSSES, other["model"]["loss"])]
    for layer in other["model"]["layers"]:
        members.append((ACTIVATIONS, layer["activation"]))
        if layer["norm"]:
            members.append((NORMS, layer["norm"]))
        layer["keep_prob"] = draw(st.sampled_from([1.0, 0.9, 0.5]))
    for family, chosen in members:
        for field in settings_of(family[chosen["name"]]):
            same = isinstance(field.default, int | float) and not isinstance(field.default, bool)
            # What is off in one lane is off in all: a label smoothing of 0 stays 0.
            if same and chosen[field.name] and field.name != "epsilon":
                chosen[field.name] = draw(setting(field)) or chosen[field.name]
    return other


def first_step(prepared, dataset):
    """Take the first step of a network, or of a stack; return its losses, gradient and numbers."""
    vectors = [initial_vector(each.architecture, each.lane.seed) for each in prepared]
    if len(prepared) > 1:
        architecture = stack_architectures([each.architecture for each in prepared])
        network = Network(architecture, np.stack(vectors))
    else:
        network = Network(prepared[0].architecture, vectors[0])
    trainer = build_trainer(prepared, dataset, network)
    for _rows in trainer.epoch(1, 0.01, stop=lambda: True):
        pass
    return trainer.losses[..., : trainer.rows_done], trainer.step.grad, network.vector


def check_stack(specs, dataset):
    """Check that every lane has the bits of its network alone."""
    prepared = prepare_lanes([Lane(spec, spec.seed) for spec in specs], dataset)
    together = first_step(prepared, dataset)
    for r, each in enumerate(prepared):
        for lanes, alone in zip(together, first_step([each], dataset), strict=True):
            np.testing.assert_array_equal(alone, lanes[r])


class Campaign:
    """What has been checked, and the worst that was seen."""

    def __init__(self, folder):
        self.folder, self.specs, self.stacks, self.refused = folder, 0, 0, 0
        self.worst, self.entries, self.members = 0.0, 0, Counter()
        self.failure = self.error = None

    def one(self, draw, spec):
        """Check one spec, and a stack of its kind. AssertionError where it is wrong."""
        try:
            first = loaded(spec, self.folder)
            found = check_spec(first, synthetic=True, samples=24).step
        except SpecError:  # two settings that do not go together: another is drawn
            self.refused += 1
            return
        self.failure = spec
        assert found.passed, found
        n = draw(st.integers(1, 3))
        if n > 1:
            others = [varied(draw, spec) for _ in range(n - 1)]
            try:
                stack = [first, *(loaded(other, self.folder) for other in others)]
            except SpecError:
                stack = []
            if stack:
                check_stack([each.spec for each in stack], synthetic_dataset(first))
                self.stacks += 1
        self.failure = None
        self._count(spec, found.gradient)

    def _count(self, spec, found):
        self.specs += 1
        self.worst = max([self.worst, found.directions.worst, *(t.worst for t in found.tensors)])
        self.entries += sum(t.checked for t in found.tensors)
        model = spec["model"]
        names = [f"loss {model['loss']['name']}", f"output {model['output']}"]
        for layer in model["layers"]:
            names.append(f"activation {layer['activation']['name']}")
            names += [f"norm {layer['norm']['name']}"] if layer["norm"] else []
        names += [f"ensemble {spec['ensemble']['kind']}"] if spec["ensemble"] else []
        names += [f"regularizer {key}" for key in ("l1", "l2") if spec["regularization"][key]]
        self.members.update(set(names))


def run(n_specs, start, folder):
    """Run the campaign until so many specs have passed; return it."""
    campaign = Campaign(folder)
    while campaign.specs < n_specs and campaign.failure is None:

        @seed(start)
        @drawn_alone(n_specs - campaign.specs)
        @given(st.data())
        def specs_of_all_kinds(data):
            spec = data.draw(specs())
            kinds = st.sampled_from([None, None, *SHARINGS])
            ensemble = st.fixed_dictionaries({"kind": kinds, "replicas": st.integers(2, 4)})
            spec["ensemble"] = data.draw(ensemble)
            if spec["ensemble"]["kind"] is None:
                spec["ensemble"] = None
            campaign.one(data.draw, spec)

        try:
            specs_of_all_kinds()
        except AssertionError as error:
            campaign.error = error
            break
        start += 1
    return campaign


def main():
    """Run it and say what was seen; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--specs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    given_ = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        campaign = run(given_.specs, given_.seed, Path(folder))
    if campaign.failure is not None:
        print(json.dumps(campaign.failure), campaign.error, sep="\n", file=sys.stderr)
        return 1
    for name, count in sorted(campaign.members.items()):
        print(f"{count:6}  {name}")
    print(
        f"{campaign.specs} specs passed, {campaign.entries} entries; {campaign.stacks} stacks had "
        f"the bits of their networks alone; worst relative error {campaign.worst:.1e}; "
        f"{campaign.refused} drawn specs were refused by the checks"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
