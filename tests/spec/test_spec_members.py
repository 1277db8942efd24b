"""Members of families in a spec: every one of every table, by name and by mapping."""

import dataclasses
import math

import pytest

from mlpcli.family import key_of, settings_of
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.initializers import INITIALIZERS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.norms import NORMS
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.nn.schedules import SCHEDULES
from mlpcli.spec.members import build
from mlpcli.spec.schema import Spec

HIDDEN = {name: member for name, member in ACTIVATIONS.items() if not member.output_only}
# Where a family stands in a spec: the family, the text around it, and the way to it.
PLACES = {
    "activation": (HIDDEN, "model: {{layers: [{{units: 2, activation: {}}}]}}\n"),
    "initializer": (INITIALIZERS, "model: {{layers: [{{units: 2, initializer: {}}}]}}\n"),
    "norm": (NORMS, "model: {{layers: [{{units: 2, norm: {}}}]}}\n"),
    "output": (ACTIVATIONS, "model: {{output: {}, loss: mse}}\n"),
    "loss": (LOSSES, "model: {{loss: {}}}\n"),
    "optimizer": (OPTIMIZERS, "training: {{optimizer: {}}}\n"),
    "schedule": (SCHEDULES, "training: {{schedule: {}}}\n"),
}


def at(spec, place):
    """Return the member at a place of PLACES."""
    if place in ("activation", "initializer", "norm"):
        return getattr(spec.model.layers[0], place)
    return getattr(spec.model if place in ("output", "loss") else spec.training, place)


MEMBERS = [
    pytest.param(place, text, name, member, id=f"{place}-{name}")
    for place, (family, text) in PLACES.items()
    for name, member in family.items()
]
SETTINGS = [
    pytest.param(place, text, name, field, id=f"{place}-{name}-{key_of(field)}")
    for place, (family, text) in PLACES.items()
    for name, member in family.items()
    for field in settings_of(member)
]


# What else a setting needs to be allowed.
COMPANIONS = {"nesterov": {"momentum": 0.5}, "growth": {"period": 2.0}}


def changed(field):
    """Return a value other than the default, within the bounds."""
    if field.default is None:
        return 0.4
    if isinstance(field.default, tuple):
        return tuple(x * 0.75 for x in field.default)
    if isinstance(field.default, bool):
        return not field.default
    if isinstance(field.default, int):
        return field.default + 1
    return field.default * 0.75 or 0.5


@pytest.mark.parametrize(("place", "text", "name", "member"), MEMBERS)
def test_a_bare_name_is_the_member_with_its_defaults(spec, place, text, name, member):
    for written in (name, f"{{name: {name}}}", f"'{name}'"):
        family = PLACES[place][0]
        assert build(family, at(spec(text.format(written)), place)) == member()


@pytest.mark.parametrize(("place", "text", "name", "field"), SETTINGS)
def test_a_setting_reaches_the_engine(spec, place, text, name, field):
    companions, new = COMPANIONS.get(key_of(field), {}), changed(field)
    plain = {key_of(field): list(new) if isinstance(new, tuple) else new, **companions}
    given = text.format({"name": name, **plain})  # a dict prints as YAML reads it
    given = given.replace("True", "true").replace("False", "false")
    built = build(PLACES[place][0], at(spec(given), place))
    assert built == dataclasses.replace(type(built)(), **{field.name: new}, **companions)
    assert built != type(built)()


def just_outside(bound, limit):
    """Return a number that a bound forbids, as near to it as numbers of its type get."""
    if bound in ("gt", "lt"):
        return limit
    if isinstance(limit, int):
        return limit - 1 if bound == "ge" else limit + 1
    return math.nextafter(limit, -math.inf if bound == "ge" else math.inf)


def just_inside(bound, limit):
    """Return a number that a bound allows, as near to it as numbers of its type get."""
    if bound in ("ge", "le"):
        return limit
    if isinstance(limit, int):
        return limit + 1 if bound == "gt" else limit - 1
    return math.nextafter(limit, math.inf if bound == "gt" else -math.inf)


NUMBERS = [p for p in SETTINGS if not isinstance(p.values[3].default, tuple)]  # not lists of them


@pytest.mark.parametrize(("place", "text", "name", "field"), NUMBERS)
def test_a_setting_s_bounds_hold_to_the_last_bit(spec, faults, place, text, name, field):
    free = isinstance(field.default, bool) or (name, key_of(field)) == ("constant", "value")
    assert field.metadata["bounds"] or free, "a hyperparameter without bounds takes anything"
    words = {"gt": "greater than", "ge": "at least", "lt": "less than", "le": "at most"}
    for bound, limit in field.metadata["bounds"].items():
        inside, outside = just_inside(bound, limit), just_outside(bound, limit)
        needed = COMPANIONS.get(key_of(field), {})
        given = text.format({"name": name, key_of(field): inside, **needed})
        assert at(spec(given), place).settings[key_of(field)] == inside
        given = text.format(f"{{name: {name}, {key_of(field)}: {outside!r}}}")
        (fault,) = faults("data: {path: d.csv, target: y}\n" + given)
        assert f".{key_of(field)}: must be {words[bound]} {limit:g}, not {outside!r}" in fault


@pytest.mark.parametrize(("place", "text", "name", "field"), NUMBERS)
@pytest.mark.parametrize("value", ["true", "'0.5'", "null", "[]", ".nan", ".inf"])
def test_a_setting_is_a_finite_number(faults, place, text, name, field, value):
    if isinstance(field.default, bool) and value == "true":
        return
    if value == "null" and field.default is None:
        return  # it may be left out
    given = text.format(f"{{name: {name}, {key_of(field)}: {value}}}")
    (fault,) = faults("data: {path: d.csv, target: y}\n" + given)
    kind = "true or false" if isinstance(field.default, bool) else "a "
    assert f"{place}.{key_of(field)}: must be {kind}" in fault


def test_a_whole_number_is_a_number(spec):
    rate = spec("training: {optimizer: {learning_rate: 1}}\n").training.optimizer.learning_rate
    assert (rate, type(rate)) == (1.0, float)


def test_an_optimizer_without_a_name_is_adam_and_a_schedule_constant(spec):
    training = spec("training: {optimizer: {learning_rate: 0.01}, schedule: {}}\n").training
    assert (training.optimizer.name, training.optimizer.learning_rate) == ("adam", 0.01)
    assert training.schedule.name == "constant"


@pytest.mark.parametrize("word", ["auto", "null"])
def test_auto_leaves_the_choice_to_the_loss_the_task_and_the_activation(spec, word):
    model = spec(
        f"model: {{output: {word}, loss: {word}, layers: [{{units: 2, initializer: {word}}}]}}"
    )
    assert (model.model.output, model.model.loss, model.model.layers[0].initializer) == (None,) * 3


def test_auto_is_no_activation_of_a_hidden_layer(faults):
    text = "data: {path: d.csv, target: y}\nmodel: {layers: [{units: 2, activation: auto}]}\n"
    assert "'auto' is not allowed" in faults(text)[0]


def test_the_smallest_spec_takes_every_default_of_the_design(spec):
    plain = spec().model_dump()
    assert plain["seed"] == 0
    assert plain["data"] == {
        "path": "d.csv",
        "encoding": "auto",
        "delimiter": "auto",
        "decimal": "auto",
        "target": "y",
        "task": "auto",
        "exclude": [],
        "columns": {},
        "split": {
            "validation": 0.15,
            "test": 0.15,
            "stratify": "auto",
            "seed": None,
            "group": None,
            "time": None,
            "column": None,
            "files": None,
        },
        "scale": "auto",
        "scale_target": "auto",
        "categorical": "auto",
        "rare": "auto",
        "max_categories": "auto",
        "high_cardinality": "target",
        "missing": "auto",
        "missing_target": "drop",
        "missing_indicator": "auto",
        "sample_weight": None,
        "class_weight": None,
        "image": None,
    }
    assert plain["training"]["epochs"] == 200
    assert plain["training"]["batch_size"] == "auto"
    assert plain["training"]["optimizer"] == {
        "name": "adam",
        "learning_rate": 0.001,
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-08,
    }
    assert plain["training"]["schedule"] == {"name": "constant", "warmup": 0.0}
    assert plain["training"]["early_stopping"] == {
        "monitor": "val_loss",
        "patience": 20,
        "min_delta": 0.0,
    }
    assert plain["regularization"]["l2"] == 0.0
    assert plain["ensemble"] is None
    assert plain["runtime"] == {
        "dtype": "float32",
        "shards": "auto",
        "threads": "auto",
        "memory": "auto",
        "checkpoint_seconds": 10.0,
    }


def test_every_default_is_valid_where_it_is_written_out(spec):
    whole = spec()
    assert Spec.model_validate(whole.model_dump()) == whole


@pytest.mark.parametrize(
    "text",
    [
        "model: {layers: []}\n",
        "model: {}\n",
        "training: {epochs: 0}\n",
        "training: {early_stopping: null}\n",
        "training: {early_stopping: {patience: null}}\n",
        "training: {metrics: []}\n",
        "seed: 9223372036854775807\n",
        "regularization: {augmentation: [], noise: {input: 0}}\n",
        "runtime: {threads: 3}\n",
    ],
)
def test_the_edges_of_what_is_allowed(spec, text):
    assert spec(text).data.target == "y"


@pytest.mark.parametrize(
    "text",
    [
        "{target: y, path: d.csv, delimiter: ';', missing: [], exclude: [a, b], categorical: []}",
        "{target: [a, b], path: '-', task: regression, delimiter: \"\\t\"}",
        "{target: y, path: d.csv, split: {validation: 0, test: 0}}",
        "{target: y, split: {files: {train: a.csv, test: b.npz}}}",
        "{target: y, path: d.csv, split: {column: part, stratify: false}, scale: none}",
        "{target: no, path: d.csv}",  # a column named no, which YAML 1.1 would read as false
    ],
)
def test_ways_to_say_where_the_rows_are(load, text):
    assert load(f"data: {text}\n").spec.data.targets in (["y"], ["a", "b"], ["no"])


def test_a_spec_cannot_be_changed(spec):
    whole = spec()
    with pytest.raises(ValueError, match="frozen"):
        whole.seed = 1
