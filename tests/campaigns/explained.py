"""Explain steps of specs drawn at random: every line adds up, every gradient is its difference.

    python tests/campaigns/explained.py --specs 500     the long campaign
    python tests/campaigns/explained.py --specs 15      what the tests run

Each spec is one that gradients.py draws, with an optimizer, clipping and noise besides, on made-up
rows. Of every line the formula's value has to be the engine's number, and of every gradient the
central difference; then one weight is followed, as fractions where there are some, and the sum over
its paths has to be its δ. Exit code 1, and the spec, where one is wrong.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import traceback
from dataclasses import replace
from pathlib import Path

import numpy as np
from drawn_specs import drawn_alone, specs
from hypothesis import given, seed
from hypothesis import strategies as st

from mlpcli.errors import SpecError
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.report.explain.explain import Shown, explain_step
from mlpcli.report.explain.source import ExplainedStep
from mlpcli.spec.load import load_spec
from mlpcli.training.gradcheck import synthetic_dataset
from mlpcli.training.lanes import lanes_of
from mlpcli.training.reach_step import reach_step

BESIDE = "central difference "
CLOSE = 1e-7  # relative: a sum of which most cancels has few digits
MOST_DIFFERENT = 1e-4  # of a central difference, as six digits show it


NOISES = st.sampled_from([{}, {}, {"weights": 0.1}, {"gradients": 0.1}, {"input": 0.1}])
TRAININGS = st.fixed_dictionaries(
    {
        "optimizer": st.builds(
            lambda name, rate: {"name": name} | ({"learning_rate": rate} if rate else {}),
            st.sampled_from(list(OPTIMIZERS)),
            st.sampled_from([None, None, 100.0, 1e6]),  # large: exp of the outputs overflows
        ),
        "gradient_clipping": st.sampled_from([{}, {}, {"norm": 0.1}, {"value": 0.01}]),
        "weight_averaging": st.sampled_from([None, None, 0.9]),
    }
)


class Wrong(Exception):  # noqa: N818  the answer of the campaign, not an error of a program
    """A line that does not add up."""


def opened(spec, folder, number):
    """Return a step of a spec on made-up rows, about to be taken."""
    path = folder / "spec.yaml"
    path.write_text(json.dumps(spec), encoding="utf-8")
    loaded = load_spec(str(path))
    loaded = replace(
        loaded,
        spec=loaded.spec.model_copy(
            update={"runtime": loaded.spec.runtime.model_copy(update={"dtype": "float64"})}
        ),
    )
    dataset = synthetic_dataset(loaded)
    reached = reach_step(lanes_of(loaded.spec, dataset)[0], dataset, number, None)
    return ExplainedStep(reached, dataset.encoding, loaded.spec, "", "", "", reached.rows + 1)


def check(explanation, *, wild=False):
    """Check every line; return how many there were.

    wild  a step so far out that J has too few digits left for differences, and sums cancel: then
          the two that are shifted against overflow are checked, a prediction and a row's loss
    """
    n = 0
    for _, line in explanation.lines():
        n += 1
        if wild and (line.left[0] not in "ŷℓ" or not math.isfinite(line.number)):
            continue
        if line.term is not None:
            size = max(abs(line.number), 1e-3)
            if not abs(line.term.value - line.number) <= CLOSE * size:
                raise Wrong(line.text())
            exact = line.number if line.term.exact is None else float(line.term.exact)
            if not abs(exact - line.number) <= CLOSE * size:
                raise Wrong(f"as a fraction: {line.text()}")
        if line.beside.startswith(BESIDE):
            difference = float(line.beside.removeprefix(BESIDE))
            if not math.isclose(difference, line.number, rel_tol=MOST_DIFFERENT, abs_tol=1e-7):
                raise Wrong(line.text())
    return n


class Campaign:
    """How many specs, lines and refused specs there were, and the first that is wrong."""

    def __init__(self, folder):
        self.folder, self.specs, self.lines, self.refused = folder, 0, 0, 0
        self.wrong = None

    def one(self, spec, number, shown):
        """Explain a step whole, along one weight, and in fractions."""
        first = "hidden.1[1,1]" if spec["model"]["layers"] else "output[1,1]"
        try:
            for each in (
                shown,
                replace(shown, weight=first, fractions=True),
                replace(shown, fractions=True),
            ):
                found = explain_step(opened(spec, self.folder, number), each)
                wild = "learning_rate" in spec["training"]["optimizer"]
                self.lines += check(found, wild=wild)
            self.specs += 1
        except SpecError:  # two settings that do not go together
            self.refused += 1
        except Exception as error:  # noqa: BLE001  whatever it is, the spec is to be known
            self.wrong = self.wrong or (spec, number, error)


def run(n_specs, start, folder):
    """Run the campaign until so many specs have passed; return it."""
    campaign = Campaign(folder)
    while campaign.specs < n_specs and campaign.wrong is None:

        @seed(start)
        @drawn_alone(n_specs - campaign.specs)
        @given(specs(), NOISES, TRAININGS, st.integers(1, 3), st.sampled_from([1, 3, None]))
        def explained(spec, noise, training, number, rows):
            spec["regularization"] |= {"augmentation": [], "noise": noise}
            spec["training"] |= training
            campaign.one(spec, number, Shown(rows=rows, units=3))

        explained()
        start += 1
    return campaign


def main():
    """Run it and say what was seen; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--specs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    given_ = parser.parse_args()
    np.seterr(all="ignore")
    with tempfile.TemporaryDirectory() as folder:
        campaign = run(given_.specs, given_.seed, Path(folder))
    if campaign.wrong is not None:
        spec, number, error = campaign.wrong
        print(f"{json.dumps(spec)}\nstep {number}:", file=sys.stderr)
        traceback.print_exception(error)
        return 1
    print(
        f"{campaign.specs} specs passed, {campaign.lines} lines; {campaign.refused} drawn specs "
        "were refused by the checks"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
