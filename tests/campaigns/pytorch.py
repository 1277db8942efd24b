"""Train specs drawn at random twice, by mlp and by PyTorch, and compare every number.

    python tests/campaigns/pytorch.py --specs 300 --seed 0    the campaign; needs PyTorch
    python tests/campaigns/pytorch.py --again SPEC.json       one spec, as a failure prints it

Hypothesis draws everything that is not random while training, over what the campaign of gradients
draws: the optimizer, the schedule and its warm-up, clipping, max-norm, averaging, early stopping,
weights of rows and of classes, and mixtures of targets, which both sides take as training made
them. A small table is written and read back; mlp trains on it as `mlp train` does, in float64.
The other side is `torch_twin.py`. It scales the file's numbers itself, weighs the rows itself, and
has of mlp only the beginning, the split and the order of the rows. Compared are each row's loss
in each step, the rate, the figures and the predictions of validation after each epoch, when
training ends and which epoch is kept, its tensors, and the loss of the test rows.

A training can magnify rounding without end. So where a comparison fails, the twin is trained again
from beginnings moved by a few units in the last place, and the difference is measured in what that
does; such specs are counted apart. Exit code 1, and the spec, at the first that differs by more.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from drawn_specs import drawn_alone, member, specs
from hypothesis import given, seed
from hypothesis import strategies as st
from torch_comparison import Ours, Rows, Theirs

from mlpcli.errors import DataError, SpecError
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.nn.schedules import SCHEDULES

MOVED = 1e-15  # of each number, relative: what rounding does to it at once
POSITIVE = ("softplus", "exponential", "sigmoid", "hard_sigmoid")
RATES = {"sgd": 0.1, "adagrad": 0.05, "adadelta": 1.0, "lion": 0.003}


def maybe(*values):
    """Return a strategy that is None as often as one of the values."""
    return st.none() | st.sampled_from(values)


@st.composite
def trainings(draw):
    """Draw a spec of a whole training, as plain data."""
    spec = draw(specs())
    spec["model"]["input_keep_prob"] = 1.0
    for layer in spec["model"]["layers"]:
        layer["keep_prob"] = 1.0
    data, task = spec["data"], spec["data"]["task"]
    data |= {
        "path": "data.csv",
        "scale": draw(st.sampled_from(["standard", "minmax", "none"])),
        "scale_target": draw(st.sampled_from(["auto", "mean", "none"])),
        "split": {"validation": draw(st.sampled_from([0.25, 0.25, 0.0])), "test": 0.2},
    }
    if spec["model"]["output"] in POSITIVE and task == "regression":
        data["scale_target"] = "none"
    labels = ["c0", "c1"] if task == "binary" else ["c0", "c1", "c2"]
    if task in ("binary", "multiclass"):
        by_label = {label: draw(st.sampled_from([0.25, 1.0, 3.0])) for label in labels[1:]}
        data["class_weight"] = draw(maybe("balanced", by_label))
    optimizer = draw(member(OPTIMIZERS, list(OPTIMIZERS)))
    optimizer["learning_rate"] = draw(st.sampled_from([0.03, 0.2, 1.0])) * RATES.get(
        optimizer["name"], 0.02
    )
    if "momentum" in optimizer:
        optimizer["momentum"] = draw(st.sampled_from([0.0, 0.5, 0.9]))
    if not optimizer.get("momentum", 1):
        optimizer.pop("nesterov", None)
    if "epsilon" in optimizer:
        optimizer["epsilon"] = draw(st.sampled_from([OPTIMIZERS[optimizer["name"]].epsilon, 1e-3]))
    schedule = draw(member(SCHEDULES, list(SCHEDULES)))
    schedule["warmup"] = draw(st.sampled_from([0.0, 0.0, 0.4, 1.0, 1.5, 9.0]))
    schedule |= {
        key: draw(st.sampled_from(values))
        for key, values in {
            "every": [1, 2],
            "period": [0.0, 0.7, 1.0, 2.0],
            "growth": [1, 2, 3],
            "patience": [0, 1, 2],
            "cooldown": [0, 1],
            "threshold": [0.0, 1e-4, 0.05],
        }.items()
        if key in schedule
    }
    if not schedule.get("period", 1):
        schedule["growth"] = 1
    monitor = draw(st.sampled_from(["val_loss", "val_loss", "train_loss"]))
    stopping = {"monitor": monitor, "patience": draw(maybe(1, 3)), "min_delta": 0.0}
    stopping["min_delta"] = draw(st.sampled_from([0.0, 0.01]))
    spec["training"] |= {
        "epochs": draw(st.sampled_from([5, 7])),
        "optimizer": optimizer,
        "schedule": schedule,
        "gradient_clipping": {"norm": draw(maybe(0.3)), "value": draw(maybe(0.05))},
        "weight_averaging": draw(maybe(0.5, 0.9, 0.0)),
        "early_stopping": draw(st.sampled_from([stopping, stopping, None])),
        "train_loss": draw(st.sampled_from(["running", "full"])),
        "metrics": [],
    }
    spec["regularization"]["max_norm"] = draw(maybe(0.7, 1.5))
    spec["runtime"] = {"dtype": "float64"}
    return spec


def write_table(spec, folder):
    """Write the random rows of a spec; return the columns as they are in the file."""
    rng = np.random.default_rng(spec["seed"])
    n, task = int(rng.integers(32, 60)), spec["data"]["task"]
    columns = {f"x{j}": rng.normal(j, 1 + j, n) for j in range(int(rng.integers(1, 5)))}
    targets = spec["data"]["target"]
    for name in targets if isinstance(targets, list) else [targets]:
        if task == "multilabel":
            columns[name] = rng.integers(0, 2, n)
        elif task != "regression":
            columns[name] = [f"c{k}" for k in rng.integers(0, 2 if task == "binary" else 3, n)]
        elif spec["model"]["loss"]["name"] == "poisson":
            columns[name] = rng.poisson(2, n)
        elif spec["model"]["loss"]["name"] == "gamma":
            columns[name] = rng.gamma(2, 1, n)
        else:
            columns[name] = rng.normal(0.5, 2, n)
    columns["w"] = rng.choice([0.0, 0.5, 1.0, 2.5], n)
    if not spec["data"]["sample_weight"]:
        del columns["w"]
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(columns), *(",".join(str(cell) for cell in row) for row in rows)]
    (folder / "data.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {name: np.array(column) for name, column in columns.items()}


class DifferenceError(AssertionError):
    """The two trainings differ by more than rounding."""


class Campaign:
    """What has been compared, and the worst that was seen."""

    def __init__(self, folder):
        self.folder, self.specs, self.refused, self.diverged, self.magnified = folder, 0, 0, 0, 0
        self.steps, self.worst, self.members = 0, Counter(), Counter()
        self.failure = self.error = None

    def one(self, spec):
        """Train one spec on both sides. Difference where they differ."""
        columns = write_table(spec, self.folder)
        try:
            ours = Ours(spec, self.folder)
        except (SpecError, DataError):  # two settings that do not go together: another is drawn
            self.refused += 1
            return
        self.failure = spec
        parts = {name: part.rows for name, part in ours.dataset.parts.items()}
        rows = Rows(spec, columns, parts)
        theirs = Theirs(spec, rows, ours)
        wrong = theirs.wrong()
        if wrong:
            moved = [Theirs(spec, rows, ours, moved=MOVED, draw=draw) for draw in range(4)]
            if not theirs.measured_by(moved):
                raise DifferenceError(f"{wrong}\nmlp ended {ours.ended}, PyTorch {theirs.choices}")
            self.magnified += 1
        else:
            self.worst |= theirs.worst
        self.failure = None
        self.diverged += ours.ended.reason == "diverged"
        self.steps += len(ours.steps)
        self._count(spec, ours.ended)

    def _count(self, spec, ended):
        self.specs += 1
        model, training = spec["model"], spec["training"]
        names = [
            f"task {spec['data']['task']}",
            f"loss {model['loss']['name']}",
            f"output {model['output']}",
            f"optimizer {training['optimizer']['name']}",
            f"schedule {training['schedule']['name']}",
            f"ended {ended.reason}",
        ]
        for layer in model["layers"]:
            names.append(f"activation {layer['activation']['name']}")
            names += [f"norm {layer['norm']['name']}"] if layer["norm"] else []
        choices = {
            "warm-up": training["schedule"]["warmup"],
            "clipping by norm": training["gradient_clipping"]["norm"],
            "clipping by value": training["gradient_clipping"]["value"],
            "weight averaging": training["weight_averaging"],
            "max_norm": spec["regularization"]["max_norm"],
            "l1": spec["regularization"]["l1"],
            "l2": spec["regularization"]["l2"],
            "sample_weight": spec["data"]["sample_weight"],
            "class_weight": spec["data"].get("class_weight"),
            "label smoothing": model["loss"].get("label_smoothing"),
            "mixed targets": spec["regularization"]["augmentation"],
            "nesterov": training["optimizer"].get("nesterov"),
        }
        names += [f"with {name}" for name, on in choices.items() if on]
        self.members.update(set(names))


def run(n_specs, start, folder):
    """Run the campaign until so many specs have passed; return it."""
    campaign = Campaign(folder)
    while campaign.specs < n_specs and campaign.failure is None:

        @seed(start)
        @drawn_alone(n_specs - campaign.specs)
        @given(trainings())
        def trained_twice(spec):
            campaign.one(spec)

        try:
            trained_twice()
        except Exception as error:
            if campaign.failure is None:
                raise
            campaign.error = error
            break
        start += 1
    return campaign


def main():
    """Run it and say what was seen; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--specs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--again", type=Path, help="train this one spec, a JSON file")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if wanted.again is not None:
            campaign = Campaign(Path(folder))
            campaign.one(json.loads(wanted.again.read_text(encoding="utf-8")))
        else:
            campaign = run(wanted.specs, wanted.seed, Path(folder))
    if campaign.failure is not None:
        print(f"spec {campaign.specs + 1} differs; to repeat it, write the next line to SPEC.json")
        print(json.dumps(campaign.failure), f"{sys.argv[0]} --again SPEC.json", sep="\n")
        print(f"{type(campaign.error).__name__}: {campaign.error}")
        return 1
    for name, count in sorted(campaign.members.items()):
        print(f"{count:6}  {name}")
    for kind, worst in sorted(campaign.worst.items()):
        print(f"{worst:8.1e}  largest deviation of {kind}")
    print(
        f"{campaign.specs} specs passed, {campaign.steps} steps; {campaign.diverged} diverged; in "
        f"{campaign.magnified} rounding was magnified beyond the tolerance, by as much as PyTorch "
        f"differs from itself; {campaign.refused} drawn specs were refused by the checks"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
