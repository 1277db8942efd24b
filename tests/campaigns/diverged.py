"""Trainings that diverge, of specs drawn at random: what is said of each, and halved rates.

    python tests/campaigns/diverged.py --specs 300 --seed 0

Each spec is trained in float32 with a rate far too large. Where it diverges, the report has to come
without an error, name the epoch, and a number that is not finite; its first advice is followed, and
has to train beyond that epoch. Then it is trained with `on_divergence: reduce-lr`, and once more,
interrupted at a random state and resumed: to the same bits. With how many exceptions, and which
causes were named, is printed; the exit code is 1 where a promise is broken.
"""

import argparse
import io
import json
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from pytorch import trainings, write_table

from mlpcli.errors import MlpError
from mlpcli.spec.load import load_spec
from mlpcli.training.build import load_dataset
from mlpcli.training.divergence import explain
from mlpcli.training.events import EpochEnded, StateReady
from mlpcli.training.rate_reduction import learning_rate_reductions
from mlpcli.training.state import TrainingState
from mlpcli.training.training import Training


def make(folder, *overrides):
    loaded = load_spec(str(folder / "spec.json"), overrides)
    return Training(loaded.spec, load_dataset(loaded))


def end_of(training):
    return list(training.run())[-1]


def result(training, events):
    """Return all that may not differ: rows without their seconds, numbers, reductions, the end."""
    rows = [{**e.mean, "seconds": 0.0} for e in events if isinstance(e, EpochEnded)]
    ended = events[-1]
    end = [ended.reason, ended.epochs, ended.best_epoch, ended.last_epoch, ended.cause]
    found = rows, learning_rate_reductions(training), end
    return json.dumps(found), training.vectors.tobytes()


def through_bytes(state):
    """Return a state as it is after it was saved and read."""
    memory = io.BytesIO()
    np.savez(memory, **state.tensors)
    memory.seek(0)
    with np.load(memory) as found:
        return TrainingState(dict(found), json.loads(json.dumps(state.document)))


class Campaign:
    """What was seen."""

    def __init__(self, folder, start):
        self.folder, self.random = folder, random.Random(start)
        self.counts, self.causes = Counter(), Counter()

    def one(self, spec, steepness):
        """Train one spec, far too steep."""
        spec["runtime"] = {"dtype": "float32"}
        if self.random.random() < 0.8:
            momentum = self.random.choice([0.0, 0.9])
            spec["training"]["optimizer"] = {"name": "sgd", "learning_rate": 0.1}
            spec["training"]["optimizer"]["momentum"] = momentum
        spec["training"]["optimizer"]["learning_rate"] *= steepness
        spec["training"]["gradient_clipping"] = {"norm": None, "value": None}
        spec["regularization"]["max_norm"] = None
        write_table(spec, self.folder)
        (self.folder / "spec.json").write_text(json.dumps(spec), "utf-8")
        try:
            training = make(self.folder)
        except MlpError:
            self.counts["refused by the checks"] += 1
            return
        try:
            ended = end_of(training)
        except MlpError:
            self.counts["not defined"] += 1
            return
        self.counts["trained"] += 1
        if ended.reason == "diverged":
            self.counts["diverged"] += 1
            self.look(training, ended)
        self.halve()

    def look(self, training, ended):
        """Check the report, and follow its advice."""
        report = explain(training)
        json.dumps(report)
        assert report["epoch"] == ended.last_epoch
        assert report["layer"], report
        self.causes[report["cause"]] += 1
        tried = [each for each in report["try"] if each["trained"]]
        if not tried:
            self.counts["without advice that was tried"] += 1
            return
        values = [f"{key}={value}" for key, value in tried[0]["set"].items()]
        again = end_of(make(self.folder, *values))
        assert again.reason != "diverged" or again.last_epoch > ended.last_epoch, tried
        self.counts["its advice trains"] += 1

    def halve(self):
        """Compare a training with halved rates with the same one, interrupted."""
        on = "training.on_divergence=reduce-lr"
        training = make(self.folder, on)
        events = list(training.run())
        if training.reductions.epochs:
            self.counts["halved"] += 1
            self.counts["halved, and finished"] += events[-1].reason != "diverged"
        states = sum(isinstance(e, StateReady) for e in make(self.folder, on).run(due=lambda: True))
        if not states:
            return
        when, first, before = self.random.randrange(states), make(self.folder, on), []
        for event in first.run(due=lambda: True):
            before.append(event)
            if isinstance(event, StateReady):
                when -= 1
                if when < 0:
                    break
        second = make(self.folder, on)
        second.restore(through_bytes(first.state()))
        resumed = [*before, *second.run()]
        assert result(second, resumed) == result(training, events)
        self.counts["resumed to the same bits"] += 1


def main():
    """Run it and say what was seen; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--specs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(Path(folder), wanted.seed)

        @seed(wanted.seed)
        @settings(
            max_examples=wanted.specs,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(trainings(), st.sampled_from([30, 1e3, 1e6, 1e20]))
        def diverges(spec, steepness):
            campaign.one(spec, steepness)

        try:
            diverges()
        except Exception:
            print((Path(folder) / "spec.json").read_text("utf-8"))
            raise
    for name, count in campaign.causes.most_common():
        print(f"{count:6}  {name}")
    print("; ".join(f"{count} {name}" for name, count in campaign.counts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
