"""Specs which together hold every loss, activation, normalization, penalty, noise and optimizer.

Made from the tables of the families: a new member gets its specs, and with them its faults, by
being there. All are small, and for `mlp gradcheck --synthetic`.
"""

from __future__ import annotations

from mlpcli.family import settings_of
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.embeddings import EMBEDDINGS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.norms import NORMS
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.nn.sharing import SHARINGS

OFF_BY_DEFAULT = {"label_smoothing": 0.2, "alpha": 0.3}  # settings of losses that change a formula
WIDE = {"name": "normal", "std": 1.5}  # weights that take u beyond every kink and bound


def spec(task="regression", **sections):
    """Return a spec of 8-5-4-… units; sections by name are put over its own, key by key."""
    several = task in ("regression", "multilabel")
    whole = {
        "seed": 1,
        "data": {
            "path": "none.csv",
            "target": ["a", "b"] if several else "a",
            "task": task,
            "scale_target": "none",
        },
        "model": {"layers": [first(), second()], "output_initializer": WIDE},
        "training": {"batch_size": 8, "optimizer": {"name": "sgd"}},
        "regularization": {},
    }
    for section, keys in sections.items():
        whole[section] = whole.get(section, {}) | keys
    return whole


def first():
    """Return the first hidden layer."""
    return {"units": 5, "activation": "tanh"}


def second(**settings):
    """Return the second hidden layer, with these settings."""
    return {"units": 4, "activation": "softsign", "initializer": WIDE} | settings


def of_losses():
    """Yield every loss, each with its tasks, its outputs and its settings that are off."""
    for name, loss in LOSSES.items():
        fields = {field.name for field in settings_of(loss)}
        for task in loss.tasks:
            off = sorted(fields & OFF_BY_DEFAULT.keys())
            choices = [*({key: OFF_BY_DEFAULT[key]} for key in off), {}]
            for settings in choices:
                member = {"name": name, **settings}
                if not any(loss(**settings).faults(task)):
                    title = ", ".join([f"loss {name}", task, *settings])
                    yield title, spec(task, model={"loss": member})
            form = loss().for_task(task)
            outputs = ("tanh",) if form.outputs is None else form.outputs
            for output in outputs:
                model = {"loss": {"name": name}, "output": output}
                yield f"loss {name}, {task}, {output} output", spec(task, model=model)


def of_activations():
    """Yield every activation, of a hidden layer and of the output."""
    for name, activation in ACTIVATIONS.items():
        if not activation.output_only:
            layers = [first(), second(activation=name)]
            yield f"activation {name}", spec(model={"layers": layers})
        yield f"output {name}", spec(model={"loss": "mse", "output": name})


def of_layers():
    """Yield the normalizations, and dropout of units and of inputs."""
    for name in NORMS:
        norm = {"name": name, "epsilon": 0.01}
        yield f"norm {name}", spec(model={"layers": [first(), second(norm=norm)]})
    yield "dropout of units", spec(model={"layers": [first(), second(keep_prob=0.5)]})
    yield "dropout of inputs", spec(model={"input_keep_prob": 0.6})


def of_embeddings():
    """Yield every embedding: without a map, with one, and with each flag the other way."""
    for name, embedding in EMBEDDINGS.items():
        fields = {f.name: f for f in settings_of(embedding)}
        sizes = {key: 4 for key in ("bins", "frequencies") if key in fields}
        flags = [key for key, f in fields.items() if isinstance(f.default, bool)]
        choices = [{"units": 0}, {"units": 3}]
        choices += [{"units": 3, flag: not fields[flag].default} for flag in flags]
        for settings in choices:
            title = ", ".join([f"embedding {name}", *(f"{k} {v}" for k, v in settings.items())])
            yield title, spec(model={"embedding": {"name": name, **sizes, **settings}})


def of_sharings():
    """Yield ensembles whose members share weights, one with all that a layer can have."""
    for kind in SHARINGS:
        ensemble = {"kind": kind, "replicas": 3}
        yield f"ensemble {kind}", spec("multiclass", ensemble=ensemble)
    layers = [
        first() | {"keep_prob": 0.7, "norm": {"name": "batch", "epsilon": 0.01}},
        second(activation="prelu"),
    ]
    yield (
        "ensemble tabm, norm, dropout, weights of rows, max-norm",
        spec(
            data={"sample_weight": "w"},
            model={"layers": layers, "input_keep_prob": 0.8},
            regularization={"max_norm": 3.0},
            ensemble={"kind": "tabm", "replicas": 3},
        ),
    )


def of_regularizations():
    """Yield penalties, weights of rows, noise, clipping, max-norm and weight averaging."""
    yield "l2", spec(regularization={"l2": 0.1})
    yield "l1", spec(regularization={"l1": 0.05})
    yield "l1 and l2", spec(regularization={"l1": 0.05, "l2": 0.1})
    yield "weights of rows", spec(data={"sample_weight": "w"})
    for kind in ("weights", "weights_multiplicative", "gradients"):
        yield f"noise on {kind}", spec(regularization={"noise": {kind: 0.1}})
    noise = {"input": 0.1, "labels": 0.1}
    yield "noise on inputs and targets", spec(regularization={"noise": noise})
    yield "mixup", spec("multiclass", regularization={"augmentation": [{"name": "mixup"}]})
    # Limits that some entries, steps and columns keep to, and others do not.
    yield "clipping by value", spec(training={"gradient_clipping": {"value": 0.3}})
    yield "clipping by norm", spec(training={"gradient_clipping": {"norm": 4.0}})
    yield "max-norm", spec(regularization={"max_norm": 3.0})
    yield "weight averaging", spec(training={"weight_averaging": 0.9})


def of_optimizers():
    """Yield every optimizer, and each with its settings that are off by default switched on."""
    for name, optimizer in OPTIMIZERS.items():
        off = {f.name for f in settings_of(optimizer) if f.default in (False, 0.0)}
        choices = [{}]
        if "momentum" in off:
            choices.append({"momentum": 0.9})
        choices += [{"momentum": 0.9, flag: True} for flag in sorted(off - {"momentum"})]
        if name == "rmsprop":
            choices.append({"centered": True})
        for settings in choices:
            title = ", ".join([f"optimizer {name}", *settings])
            decay = {"l2": 0.1} if optimizer.decoupled_decay else {}
            training = {"optimizer": {"name": name, **settings}}
            yield title, spec(training=training, regularization=decay)


def all_specs():
    """Return every spec by its title."""
    families = (
        of_losses,
        of_activations,
        of_layers,
        of_embeddings,
        of_sharings,
        of_regularizations,
        of_optimizers,
    )
    return {title: one for family in families for title, one in family()}
