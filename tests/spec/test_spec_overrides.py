"""`--set a.b[0].c=value`: parsed as the file is, in place of what the file says, later ones win."""

import pytest

from mlpcli.errors import SpecError, UsageError, listing
from mlpcli.nn.optimizers import OPTIMIZERS

DATA = "data: {path: d.csv, target: y}\n"
MORE = """\
model:
  layers:
    - {units: 4, activation: leaky_relu}
    - {units: 5}
training: {optimizer: adam, epochs: 3}
"""


@pytest.mark.parametrize(
    ("override", "way", "value"),
    [
        ("seed=7", lambda s: s.seed, 7),
        ("training.epochs=20", lambda s: s.training.epochs, 20),
        ("training.epochs= 20 # a comment, as in a file", lambda s: s.training.epochs, 20),
        ("training.batch_size=8", lambda s: s.training.batch_size, 8),  # not in the file
        ("regularization.l2=1e-3", lambda s: s.regularization.l2, 0.001),
        ("data.target=no", lambda s: s.data.target, "no"),
        ("data.target='5'", lambda s: s.data.target, "5"),
        ("data.target=[a, b]", lambda s: s.data.target, ["a", "b"]),
        ("data.path=a=b.csv", lambda s: s.data.path, "a=b.csv"),
        ('data.missing=[""]', lambda s: s.data.missing, [""]),
        ("data.split.stratify=false", lambda s: s.data.split.stratify, False),
        ("model.layers[1].units=9", lambda s: [x.units for x in s.model.layers], [4, 9]),
        ("model.layers[0]={units: 9}", lambda s: [x.units for x in s.model.layers], [9, 5]),
        ("model.layers=[]", lambda s: s.model.layers, []),
        ("model.layers[0].activation=tanh", lambda s: s.model.layers[0].activation.name, "tanh"),
        ("model.loss=mse", lambda s: s.model.loss.name, "mse"),
        ("model.loss.name=mse", lambda s: s.model.loss.name, "mse"),
        ("training.early_stopping=null", lambda s: s.training.early_stopping, None),
        (
            "training.early_stopping.patience=null",
            lambda s: s.training.early_stopping.patience,
            None,
        ),
        ("training.optimizer=sgd", lambda s: s.training.optimizer.name, "sgd"),
        (" training.epochs =5", lambda s: s.training.epochs, 5),
    ],
)
def test_a_key_takes_the_value(spec, override, way, value):
    assert way(spec(MORE, override)) == value


def test_later_ones_win_and_the_seed_has_the_last_word(load):
    assert load(DATA, "seed=1", "seed=2").spec.seed == 2
    assert load(DATA + "seed: 1\n", "seed=2", seed=3).spec.seed == 3


def test_a_bare_name_grows_into_a_mapping(spec):
    whole = spec(MORE, "training.optimizer.beta1=0.5", "model.layers[0].activation.slope=0.25")
    assert (whole.training.optimizer.name, whole.training.optimizer.beta1) == ("adam", 0.5)
    first = whole.model.layers[0].activation
    assert (first.name, first.slope) == ("leaky_relu", 0.25)


def test_a_section_that_is_not_there_is_made(spec):
    whole = spec("", "training.early_stopping.patience=3", "runtime.dtype=float64")
    assert (whole.training.early_stopping.patience, whole.runtime.dtype) == (3, "float64")
    assert spec("training:\n", "training.epochs=3").training.epochs == 3  # `training:` is null


def test_an_override_repairs_what_it_replaces(load):
    text = "data: {path: d.csv, target: 5}\nmodel: {layers: [{units: x}]}\n"
    assert load(text, "data.target=y", "model.layers[0].units=3").spec.data.target == "y"


def test_what_is_no_yaml_may_be_a_text(faults, load):
    (fault,) = faults(DATA, "data.decimal=,")
    assert fault.endswith("but found ','; a text goes in quotes: --set 'data.decimal=\",\"'")
    assert load(DATA, "data.delimiter=;", 'data.decimal=","').spec.data.decimal == ","


def test_an_empty_file_can_be_filled(load):
    assert load("", "data.path=d.csv", "data.target=y").spec.data.target == "y"


NOTHING = "there is nothing to set here"
NO_LIST = f"{NOTHING}; the spec has no list here; set the whole list"


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("training.epochs=", "training.epochs: must be a whole number, not null"),
        ("training.epochs=null", "training.epochs: must be a whole number, not null"),
        ("training.epochs='20'", "training.epochs: must be a whole number, not '20'"),
        ("training.epochs=a: b", "training.epochs: must be a whole number, not a mapping"),
        (
            "trainig.epochs=3",
            (
                "trainig: there is no such key; allowed here: data, ensemble, model, "
                "regularization, runtime, seed, sweep, training; did you mean training?"
            ),
        ),
        (
            "training.epoch=3",
            (
                "training.epoch: there is no such key; allowed here: batch_size, calibration, "
                "early_stopping, epochs, gradient_clipping, metrics, on_divergence, optimizer, "
                "schedule, train_loss, weight_averaging; did you mean epochs?"
            ),
        ),
        (
            "training.optimizer.momentum=0.5",
            (
                "training.optimizer.momentum: there is no such key; "
                "allowed here: beta1, beta2, epsilon, learning_rate, name"
            ),
        ),
        (
            "model.layers[2].units=3",
            (f"model.layers[2]: {NOTHING}; the list has 2 entries, counted from 0"),
        ),
        (
            "model.layers[2]={units: 3}",
            (f"model.layers[2]: {NOTHING}; the list has 2 entries, counted from 0"),
        ),
        (
            "model.layers.units=3",
            (f"model.layers.units: {NOTHING}; the list has 2 entries, counted from 0"),
        ),
        ("model.layers[0][1]=3", f"model.layers[0][1]: {NO_LIST}"),
        ("data.exclude[0]=a", f"data.exclude[0]: {NO_LIST}"),
        ("model.layers[0].units.x=3", f"model.layers[0].units: {NOTHING}"),
        ("training.epochs.x.y=3", f"training.epochs: {NOTHING}"),
        ("seed.x=3", "seed: must be a whole number, not a mapping"),  # no seed in the file
        ("data.path.x=3", "data.path: must be text, not a mapping"),
        (
            "model.output.slope=3",
            ("model.output: the name is missing; write {name: …}, or the bare name"),
        ),
        ("model={layers: [{units: 0}]}", "model.layers[0].units: must be at least 1, not 0"),
        ("data=null", "data: must be a mapping of keys and values, not null"),
    ],
)
def test_a_fault_stands_in_the_override(faults, override, fault):
    assert faults(DATA + MORE, override) == [f"--set {override}: {fault}"]


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("training.epochs=[", "1:2: not valid YAML: expected the node content"),
        ("training.epochs=&a 3", "1:1: anchors and aliases are not allowed; write it out"),
        ("training.epochs=!!int 3", "1:1: the tag tag:yaml.org,2002:int is not allowed; no tags"),
        ("model={layers: [], layers: []}", "1:14: layers: this key stands twice; first in line 1"),
        ("training.epochs=\x00", r"1:1: the character '\x00' is not allowed in YAML"),
        ("data.target=\udce9", r"1:1: the character '\udce9' is not allowed in YAML"),  # not UTF-8
    ],
)
def test_a_value_is_read_as_strictly_as_a_file(faults, override, fault):
    (found,) = faults(DATA, override)
    assert found.startswith(f"--set {override}:{fault}")


def test_a_bad_name_in_the_file_is_a_fault_of_the_file_whatever_is_set_in_it(faults):
    text = DATA + "training: {optimizer: adan}\n"
    assert faults(text, "training.optimizer.learning_rate=1") == [
        (
            "2:23: training.optimizer.name: 'adan' is not allowed; "
            f"allowed: {listing(OPTIMIZERS)}; did you mean adam?"
        )
    ]


@pytest.mark.parametrize(
    "override",
    [
        "training.epochs",
        "",
        "=3",
        " = ",
        "training..epochs=3",
        ".seed=3",
        "seed.=3",
        "[0]=3",
        "model.layers[-1].units=3",
        "model.layers[].units=3",
        "model.layers[x].units=3",
        "model.layers[٣].units=3",
        "model.layers[" + "9" * 5000 + "]=3",
        "a b=3",
        ".".join("a" * 33) + "=3",
        ".".join("a" * 100_000) + "=3",
    ],
)
def test_what_is_not_an_override(refusal, override):
    error = refusal(DATA, override)
    assert type(error) is UsageError
    assert str(error).startswith(f"--set {override}: write it as key=value")


def test_faults_of_the_file_and_of_the_overrides_come_together(faults):
    assert [fault.split(": ")[1] for fault in faults(DATA + "seed: x\n", "lr=1")] == ["lr", "seed"]


def test_a_list_at_the_top_has_no_keys(refusal):
    error = refusal("- a\n", "seed=1")
    assert type(error) is SpecError
    assert str(error) == (f"--set seed=1: seed: {NOTHING}; the list has 1 entry, counted from 0")


def test_a_dash_alone_is_a_list_to_yaml_and_the_message_says_so(faults):
    assert faults(DATA, "data.path=-") == [
        '--set data.path=-: data.path: must be text, not a list; a - alone is text in quotes: "-"'
    ]
