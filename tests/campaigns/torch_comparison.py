"""One spec trained by mlp and by the PyTorch twin, and how far apart they are."""

from __future__ import annotations

import json
import math
from collections import Counter

import numpy as np

from mlpcli.spec.load import load_spec
from mlpcli.training.build import load_dataset
from mlpcli.training.evaluation import evaluate
from mlpcli.training.events import EpochEnded
from mlpcli.training.training import Training

LOSS_TOLERANCE, TENSOR_TOLERANCE = 1e-9, 1e-6
AMPLIFIED = 300.0  # times what the moved beginning changes is still rounding
END = "the end, or the epoch that is kept"
FLOOR = 1e-9  # arrays whose largest entry is smaller are compared as if it were this
FLOORS = {"tensors": 1e-3, "kept tensors": 1e-3}
UNSCALED = ("poisson", "gamma")  # losses that take the target in its own unit


class Unsmoothed:
    """A loader's loss, which keeps the targets of a block as they are before it smooths them.

    start  the first row of the block, by the rows that were trained on before it
    """

    def __init__(self, trainer):
        self.trainer, self.loss, self.smooths = trainer, trainer.loader.loss, True

    def smooth(self, y):
        self.start, self.y = self.trainer.rows_done, y.copy()
        if self.loss.smooths:
            self.loss.smooth(y)

    def batch(self, n):
        """Return the targets of the batch that is trained on, of n rows."""
        first = self.trainer.rows_done - self.start
        return self.y[first : first + n].copy()


class Ours:
    """A training by mlp, every number of it written down."""

    def __init__(self, spec, folder):
        (folder / "spec.yaml").write_text(json.dumps(spec), encoding="utf-8")
        self.dataset = load_dataset(loaded := load_spec(str(folder / "spec.yaml")))
        self.training = training = Training(loaded.spec, self.dataset)
        self.beginning = _copies(training.network)
        self.steps, self.orders, self.epochs = [], [], []
        begin, tensors = training._begin, training.network.tensors()
        unmoved = unmoved_biases(spec)

        def trainer(vectors):
            made = begin(vectors)
            step, compute_gradient = made.step, made.step.compute_gradient
            made.loader.loss = targets = Unsmoothed(made)
            batches = []

            def compute(batch):
                batches[:] = [batch]
                compute_gradient(batch)

            def record():
                (batch,) = batches
                biases = {name: tensors[name].copy() for name in unmoved}
                losses = step.loss.value(batch.u, batch.y)
                rate = float(step.update.learning_rate)
                self.steps.append((batch.X.copy(), targets.batch(batch.n), losses, rate, biases))

            step.compute_gradient = compute
            step.update.parts.append(record)
            self.trainer = made
            return made

        training._begin = trainer
        for event in training.run():
            if isinstance(event, EpochEnded):
                self.orders.append(self.trainer.loader.rows().copy())
                validation = training.metrics.parts.get("val")
                y_hat = np.empty(0) if validation is None else validation.y_hat.copy()
                self.epochs.append((event.mean, y_hat, _copies(training.model)))
        self.ended = event
        self.kept = _copies(training.network)
        self.test_loss = math.nan
        if "test" in self.dataset.parts:
            part = self.dataset.parts["test"]
            self.test_loss = evaluate(training.network, self.dataset.encoding, part).metrics["loss"]


def unmoved_biases(spec):
    """Return the biases below a batch normalization, whose gradient is 0 but for rounding.

    All optimizers but sgd divide it by its own size, so that what they do with it is anyone's:
    there the twin takes these biases from mlp, after each step.
    """
    if spec["training"]["optimizer"]["name"] == "sgd":
        return []
    norms = [layer["norm"] for layer in spec["model"]["layers"]]
    return [f"hidden.{k}.bias" for k, n in enumerate(norms, 1) if n and n["name"] == "batch"]


def _copies(network):
    return {name: tensor.copy() for name, tensor in network.tensors().items()}


def scale_of_target(spec):
    """Return how a regression target is scaled: positive ones, left to the loss, by their mean."""
    scale, loss = spec["data"]["scale_target"], spec["model"]["loss"]["name"]
    return scale if scale != "auto" else "mean" if loss in UNSCALED else "standard"


class Rows:
    """The file's rows as the networks take them, made from the numbers that were written.

    part  (rows of the file) of each name
    """

    def __init__(self, spec, columns, parts):
        self.parts, train = parts, parts["train"]
        data = spec["data"]
        X = np.stack([c for name, c in columns.items() if name.startswith("x")], axis=1)
        shift, spread = np.zeros(X.shape[1]), np.ones(X.shape[1])
        if data["scale"] == "standard":
            shift, spread = X[train].mean(0), X[train].std(0)
        elif data["scale"] == "minmax":
            shift = X[train].min(0)
            spread = X[train].max(0) - shift
        self.X = (X - shift) / spread
        names = data["target"] if isinstance(data["target"], list) else [data["target"]]
        y = np.stack([columns[name] for name in names], axis=1)
        weight = np.array(columns["w"]) if "w" in columns else np.ones(len(y))
        if data["task"] in ("binary", "multiclass"):
            classes = sorted(set(y[:, 0]))
            weight = weight * self._of_classes(data.get("class_weight"), y[:, 0], weight)
            one_hot = np.array([[label == c for c in classes] for label in y[:, 0]], float)
            y = one_hot if data["task"] == "multiclass" else one_hot[:, 1:]
        elif data["task"] == "regression":
            scale = scale_of_target(spec)
            if scale == "standard":
                y = (y - y[train].mean(0)) / y[train].std(0)
            elif scale == "mean":
                y = y / np.abs(y[train]).mean(0)
        self.y = y.astype(float)
        weighted = "w" in columns or data.get("class_weight") is not None
        self.weight = weight / weight[train].mean() if weighted else None

    def _of_classes(self, wanted, labels, weight):
        if wanted is None:
            return 1.0
        if wanted == "balanced":
            train = self.parts["train"]
            present = [c for c in set(labels) if (labels[train] == c).any()]
            of_class = {c: weight[train][labels[train] == c].sum() for c in present}
            present = [c for c in present if of_class[c] > 0]
            total = sum(of_class[c] for c in present)
            wanted = {c: total / (len(present) * of_class[c]) for c in present}
        return np.array([wanted.get(label, 1.0) for label in labels])

    def of(self, rows):
        """Return X, y and the weights of some rows as torch takes them."""
        import torch

        weight = None if self.weight is None else torch.tensor(self.weight[rows])
        return torch.tensor(self.X[rows]), torch.tensor(self.y[rows]), weight


class Theirs:
    """The same training by PyTorch, and what differs, the largest of each kind."""

    def __init__(self, spec, rows, ours, *, moved=0.0, draw=0):
        from torch_twin import Rates, Twin

        rng = np.random.default_rng(draw)
        beginning = {
            name: array * (1 + moved * rng.choice([-1, 1], array.shape))
            for name, array in ours.beginning.items()
        }
        self.spec, self.rows, self.ours = spec, rows, ours
        self.twin = Twin(spec, spec["data"]["task"], beginning)
        n_rows, size = len(rows.parts["train"]), spec["training"]["batch_size"]
        self.ends = [*range(size, n_rows, size), n_rows]
        norms = [layer["norm"] for layer in spec["model"]["layers"] if layer["norm"]]
        least = 2 if any(norm["name"] == "batch" for norm in norms) else 1
        if len(self.ends) > 1 and self.ends[-1] - self.ends[-2] < least:
            del self.ends[-2]
        self.rates = Rates(spec["training"]["schedule"], spec["training"]["epochs"], len(self.ends))
        self.worst = Counter()
        self.numbers = []  # all that was computed, to be compared with a moved training
        self.figures = []
        self.run()

    def run(self):
        """Train, comparing on the way."""
        best, kept, waited, reason, epoch = math.inf, None, 0, "finished", 0
        training = self.spec["training"]
        stopping = training["early_stopping"] or {}
        monitor = stopping.get("monitor", "val_loss")
        watched = "validation" in self.rows.parts or monitor == "train_loss"
        patience = stopping.get("patience") if watched else None
        while epoch < training["epochs"] and reason == "finished" and epoch < len(self.ours.orders):
            figures = self.epoch(epoch)
            epoch += 1
            figure = figures[monitor] if watched else -epoch
            self.rates.observe(figure if watched else figures["train_loss"])
            improved = figure < best - (stopping.get("min_delta", 0.0) if watched else 0.0)
            waited = 0 if improved else waited + 1
            if improved:
                best, kept = figure, (epoch, self.twin.arrays())
            if patience is not None and waited >= patience:
                reason = "patience"
        ended = self.ours.ended
        if "validation" not in self.rows.parts:
            kept = epoch, self.twin.arrays()
        self.choices = (reason, epoch, kept[0] if kept else 0)
        self.agree = self.choices == (ended.reason, ended.epochs, ended.best_epoch)
        if ended.reason == "diverged":  # compared as far as it came
            self.agree = True
        elif kept is not None:
            self.tensors("kept tensors", self.ours.kept, kept[1])
            self.twin.model.update({n: _tensor(t) for n, t in kept[1].items()})
            if "test" in self.rows.parts:
                loss, _ = self.twin.evaluate(*self.rows.of(self.rows.parts["test"]))
                self.compare("test loss", self.ours.test_loss, loss)

    def epoch(self, epoch):
        """Train one epoch in mlp's order of rows; return its figures, which have been compared."""
        order = self.rows.parts["train"][self.ours.orders[epoch]]
        mixed, total, weights, start = bool(self.spec["regularization"]["augmentation"]), 0, 0, 0
        for k, end in enumerate(self.ends):
            X, y, weight = self.rows.of(order[start:end])
            theirs_X, theirs_y, losses, rate, unmoved = self.ours.steps[epoch * len(self.ends) + k]
            if mixed:  # made at random: as training saw them
                X, y = _tensor(theirs_X), _tensor(theirs_y)
            self.compare("inputs", theirs_X, X.numpy())
            factor = self.rates.next()
            self.compare("rate", rate, self.spec["training"]["optimizer"]["learning_rate"] * factor)
            rows = self.twin.step(X, y, weight, factor, unmoved).numpy()
            self.compare("losses", losses, rows)
            weight = np.ones(len(rows)) if weight is None else weight.numpy()
            total, weights, start = total + (rows * weight).sum(), weights + weight.sum(), end
        row, y_hat, tensors = self.ours.epochs[epoch]
        figures = {"train_loss": total / weights}
        if self.spec["training"]["train_loss"] == "full":
            figures["train_loss"], _ = self.twin.evaluate(*self.rows.of(self.rows.parts["train"]))
        if "validation" in self.rows.parts:
            validation = self.rows.of(self.rows.parts["validation"])
            figures["val_loss"], own = self.twin.evaluate(*validation)
            self.compare("predictions", y_hat, own)
        for name, figure in figures.items():
            self.compare(name, row[name], figure)
        self.tensors("tensors", tensors, self.twin.arrays())
        return figures

    def tensors(self, kind, ours, theirs):
        """Compare all tensors, each relative to its size."""
        assert ours.keys() == theirs.keys(), (sorted(ours), sorted(theirs))
        for name, tensor in ours.items():
            self.compare(kind, tensor, theirs[name])

    def wrong(self):
        """Return what differs by more than the tolerance: kinds, with by how much."""
        found = {kind: worst for kind, worst in self.worst.items() if worst > tolerance(kind)}
        return found if self.agree else {**found, END: 1.0}

    def measured_by(self, moved):
        """Whether what differs is what rounding does: so much does PyTorch from moved starts."""
        changed = Counter()
        for other in moved:
            for (kind, a), (_, b) in zip(self.numbers, other.numbers, strict=False):
                changed[kind] = max(changed[kind], deviation(a, b, FLOORS.get(kind, FLOOR)))
        far = [
            kind
            for kind in self.wrong()
            if kind != END and self.worst[kind] > AMPLIFIED * changed[kind]
        ]
        return not far and (self.agree or any(o.choices != self.choices for o in moved))

    def compare(self, kind, ours, theirs):
        """Note how far two arrays are from each other, relative to the largest entry."""
        ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
        assert ours.shape == theirs.shape, (kind, ours.shape, theirs.shape)
        self.numbers.append((kind, theirs.copy()))
        found = deviation(ours, theirs, FLOORS.get(kind, FLOOR))
        self.worst[kind] = max(self.worst[kind], found)


def tolerance(kind):
    """Return the largest deviation that is taken for rounding."""
    return TENSOR_TOLERANCE if kind in ("tensors", "kept tensors") else LOSS_TOLERANCE


def deviation(a, b, floor):
    """Return the largest |a − b| relative to the largest of a; 0 where neither is finite."""
    if not np.isfinite(a).all() or not np.isfinite(b).all():
        return 0.0 if np.isfinite(a).all() == np.isfinite(b).all() else math.inf
    return float(np.max(np.abs(a - b), initial=0.0) / max(np.max(np.abs(a), initial=0.0), floor))


def _tensor(array):
    import torch

    return torch.tensor(np.asarray(array, float))
