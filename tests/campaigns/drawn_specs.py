"""Specs drawn at random from the tables of the families: what every campaign begins with.

A new member of a family is drawn as soon as it is in its table, its settings within their bounds.
"""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from mlpcli.family import settings_of
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.embeddings import EMBEDDINGS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.norms import NORMS

TASKS = ("regression", "binary", "multiclass", "multilabel")
LIST_SETTINGS = {"columns": ["auto", ["x1"], ["x0", "x2", "x3"]], "by": ["quantiles", "target"]}
LIST_SETTINGS |= {"levels": [[0.1, 0.5, 0.9], [0.25], [0.05, 0.95]], "alpha": [None, 0.3]}


def drawn_alone(n):
    """Return Hypothesis's settings of a campaign: n examples, none stored, replayed or shrunk."""
    return settings(
        max_examples=n,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@st.composite
def setting(draw, field):
    """Draw a value of a member's setting within its bounds, near its default."""
    default, bounds = field.default, field.metadata["bounds"]
    if isinstance(default, bool):
        return draw(st.booleans())
    if not isinstance(default, int | float):
        return draw(st.sampled_from(LIST_SETTINGS[field.name]))
    low = bounds.get("ge", bounds.get("gt", 0.0))
    high = bounds.get("le", bounds.get("lt", 4 * default + 1))
    wide = draw(st.floats(0.02, 0.98))
    return draw(st.sampled_from([default, round(low + (high - low) * wide, 6)]))


@st.composite
def member(draw, family, names):
    """Draw a member of a family with settings."""
    name = draw(st.sampled_from(names))
    own = {f.name: draw(setting(f)) for f in settings_of(family[name])}
    if "epsilon" in own:  # at 1e-5 a batch of two rows has no derivative to speak of
        own["epsilon"] = draw(st.sampled_from([1e-3, 0.01, 0.3]))
    return {"name": name, **own}


@st.composite
def embedding(draw):
    """Draw an embedding of few components."""
    found = draw(member(EMBEDDINGS, list(EMBEDDINGS)))
    sizes = {key: draw(st.integers(1, 5)) for key in ("bins", "frequencies") if key in found}
    return found | sizes | {"units": draw(st.integers(0, 3))}


@st.composite
def layers(draw):
    """Draw hidden layers."""
    hidden = [name for name, f in ACTIVATIONS.items() if not f.output_only]
    found = []
    for _ in range(draw(st.integers(0, 3))):
        units = draw(st.integers(1, 6))
        norms = [name for name, norm in NORMS.items() if norm.least_units <= units]
        found.append(
            {
                "units": units,
                "activation": draw(member(ACTIVATIONS, hidden)),
                "keep_prob": draw(st.sampled_from([1.0, 1.0, 0.8, 0.5])),
                "norm": draw(st.none() | st.none() | member(NORMS, norms)),
            }
        )
    return found


@st.composite
def specs(draw):
    """Draw a spec as plain data; now and then one that the checks refuse."""
    task = draw(st.sampled_from(TASKS))
    loss = draw(member(LOSSES, [name for name, each in LOSSES.items() if task in each.tasks]))
    several = task == "multilabel" or (task == "regression" and draw(st.booleans()))
    form = LOSSES[loss["name"]]().for_task(task)
    outputs = list(ACTIVATIONS) if form.outputs is None else [form.link, *form.outputs]
    mixes = task != "regression" and draw(st.booleans())
    return {
        "seed": draw(st.integers(0, 2**32)),
        "data": {
            "path": "none.csv",
            "target": ["a", "b"] if several else "a",
            "task": task,
            "scale_target": "none",
            "sample_weight": draw(st.sampled_from([None, "w"])),
        },
        "model": {
            "layers": draw(layers()),
            "embedding": draw(st.none() | st.none() | embedding()),
            "loss": loss,
            "output": draw(st.sampled_from(["auto", "auto", *outputs])),
            "input_keep_prob": draw(st.sampled_from([1.0, 1.0, 0.7])),
        },
        "training": {"batch_size": draw(st.integers(2, 9))},
        "regularization": {
            "l2": draw(st.sampled_from([0.0, 1e-3, 0.1])),
            "l1": draw(st.sampled_from([0.0, 0.0, 1e-3, 0.05])),
            "augmentation": [{"name": "mixup"}] if mixes else [],
        },
    }
