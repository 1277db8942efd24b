"""The section `sweep`: its faults, the values on a grid, and the specs of its trials."""

import pytest

from mlpcli.errors import SpecError
from mlpcli.spec.load import with_values

LAYERS = "model: {layers: [{units: 8}]}\n"


def sweep(parameters, more="method: grid"):
    return f"{LAYERS}sweep: {{{more}, parameters: {{{parameters}}}}}\n"


@pytest.fixture
def fault(faults):
    """Return a function that gives the first fault of a sweep, without the file."""

    def fault(parameters, more="method: grid"):
        return faults("data: {path: d.csv, target: y}\n" + sweep(parameters, more))[0]

    return fault


@pytest.mark.parametrize(
    ("parameters", "at", "said"),
    [
        (
            "training.optimizer.learning_rat: {uniform: [0.1, 1], steps: 3}",
            "training",
            (
                "sweep.parameters.training.optimizer.learning_rat: there is no such key; allowed "
                "here: beta1, beta2, epsilon, learning_rate, name; did you mean learning_rate?"
            ),
        ),
        (
            "'model.layers[0].units': {int: [0, 8]}",
            "0, 8",
            "sweep.parameters.model.layers[0].units.int[0]: must be at least 1, not 0",
        ),
        (
            "'model.layers[0].units': {uniform: [1, 8], steps: 3}",
            "uniform",
            (
                "sweep.parameters.model.layers[0].units: takes whole numbers, which uniform does "
                "not give; write int: [1, 8]"
            ),
        ),
        (
            "training.epochs: {log_uniform: [0.5, 90.5], steps: 3}",
            "log_uniform",
            (
                "sweep.parameters.training.epochs: takes whole numbers, which log_uniform does "
                "not give; write int: [1, 90]"
            ),
        ),
        (
            "training.epochs: {values: [1, 20]}",
            "values",
            (
                "sweep.parameters.training.epochs: takes whole numbers, which values does not "
                "give; write choice: [1, 20]"
            ),
        ),
        (
            "training.epochs: {values: [1, 20.5]}",
            "values",
            (
                "sweep.parameters.training.epochs: takes whole numbers, which values does not "
                "give; write int: [low, high], or a choice of whole numbers"
            ),
        ),
        (
            "regularization.l2: {choice: []}",
            "[]",
            (
                "sweep.parameters.regularization.l2.choice: must have at least one entry, not "
                "none; such as [relu, tanh]"
            ),
        ),
        (
            "regularization.l2: {uniform: [1]}",
            "[1]",
            (
                "sweep.parameters.regularization.l2.uniform: must have at least 2 entries, not 1; "
                "[low, high]"
            ),
        ),
        (
            "",
            "{}",
            (
                "sweep.parameters: must have at least one entry, not none; such as "
                "{training.optimizer.learning_rate: {log_uniform: [1e-3, 1]}}"
            ),
        ),
        (
            "'model.layers[1].units': {int: [1, 8]}",
            "'model",
            (
                "sweep.parameters.model.layers[1].units: model.layers[1]: there is nothing to "
                "set here; the list has 1 entry, counted from 0"
            ),
        ),
        (
            "regularization.l2: {log_uniform: [1e-3, 1]}",
            "{log",
            (
                "sweep.parameters.regularization.l2: a grid needs to know how many values of "
                "log_uniform to take; such as steps: 5, or values: [0.01, 0.1]"
            ),
        ),
        (
            "regularization.l2: {log_uniform: [0, 1], steps: 3}",
            "[0, 1]",
            (
                "sweep.parameters.regularization.l2.log_uniform: low must be greater than 0 on a "
                "log scale, not 0"
            ),
        ),
        (
            "regularization.l2: {uniform: [1, 0.5], steps: 3}",
            "[1, 0.5]",
            "sweep.parameters.regularization.l2.uniform: low must be less than high, not 1 and 0.5",
        ),
        (
            "regularization.l2: {uniform: [0, 1], values: [1]}",
            "{uniform",
            (
                "sweep.parameters.regularization.l2: must have one of uniform, log_uniform, int, "
                "choice, values, not uniform and values"
            ),
        ),
        (
            "regularization.l2: {setps: 3, values: [1]}",
            "setps",
            (
                "sweep.parameters.regularization.l2.setps: there is no such key; allowed here: "
                "choice, int, log_uniform, steps, uniform, values; did you mean steps?"
            ),
        ),
        (
            "sweep.folds: {int: [2, 5]}",
            "sweep",
            "sweep.parameters.sweep.folds: a sweep does not search itself",
        ),
        (
            "'no key': {int: [2, 5]}",
            "'no",
            (
                "sweep.parameters.no key: is not a key; a key as --set takes it, such as "
                "training.epochs or model.layers[0].units"
            ),
        ),
        (
            "training.optimizer: {choice: [adam, adem]}",
            "adem",
            "sweep.parameters.training.optimizer.choice[1]: 'adem' is not allowed",
        ),
    ],
)
def test_what_is_wrong_with_a_parameter_is_said_where_it_stands(fault, parameters, at, said):
    line = sweep(parameters).splitlines()[1]
    assert fault(parameters).startswith(f"3:{line.rindex(at) + 1}: {said}")


ALLOWED = (
    "; a sweep searches keys of model, training, regularization, and of data exclude, scale, "
    "scale_target, categorical, sample_weight, class_weight"
)
OTHER_ROWS = "decides which rows there are, or what they mean, so trials would not compare"
SAME = "is the same for all trials: set it beside the sweep"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("data", "{path: e.csv, target: y}", OTHER_ROWS),
        ("data.path", "e.csv", OTHER_ROWS),
        ("data.target", "z", OTHER_ROWS),
        ("data.missing", "[NA]", OTHER_ROWS),
        ("'data.missing[0]'", "NA", OTHER_ROWS),
        ("data.split", "{test: 0.1}", OTHER_ROWS),
        ("data.split.test", "0.1", OTHER_ROWS),
        ("ensemble", "null", SAME),
        ("ensemble.replicas", "5", SAME),
        ("seed", "1", SAME),
        ("runtime.dtype", "float64", SAME),
        ("sweep", "null", "a sweep does not search itself"),
        ("sweep.folds", "2", "a sweep does not search itself"),
    ],
)
def test_a_key_that_trials_would_not_compare_over_is_refused_at_its_place(fault, key, value, said):
    parameter = f"{key}: {{choice: [{value}]}}"
    column = sweep(parameter).splitlines()[1].rindex(parameter) + 1
    plain = key.strip("'")
    assert fault(parameter) == f"3:{column}: sweep.parameters.{plain}: {said}{ALLOWED}"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("data.scale", "minmax"),
        ("data.exclude", "[a]"),
        ("data.categorical", "[a]"),
        ("model", "{loss: mae}, {loss: mae, layers: []}"),
        ("model", "{layers: []}"),
        ("training.batch_size", "8"),
        ("regularization.noise.input", "0.1"),
    ],
)
def test_a_key_that_trials_compare_over_is_searched(spec, key, value):
    assert list(spec(sweep(f"{key}: {{choice: [{value}]}}")).sweep.parameters) == [key]


LOSS = "decides what the loss is, so val_loss would not compare trials"


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("model.loss", "huber, mae"),
        ("data.scale_target", "standard, none"),
        ("data.class_weight", "balanced"),
        ("data.sample_weight", "w"),
        ("model", "{layers: [], loss: mse}, {layers: []}"),
    ],
)
def test_trials_are_not_compared_by_losses_that_are_not_one_function(fault, spec, key, values):
    parameter = f"{key}: {{choice: [{values}]}}"
    named = "; name a metric in sweep.metric, such as accuracy or r2"
    assert fault(parameter).endswith(f"sweep.parameters.{key}: {LOSS}{named}")
    by_metric = "method: grid, metric: r2"
    assert list(spec(sweep(parameter, by_metric)).sweep.parameters) == [key]
    other = "; pruning: null, or another training.early_stopping.monitor"
    halving = fault(parameter, f"{by_metric}, pruning: successive_halving")
    assert halving.endswith(f"sweep.parameters.{key}: {LOSS}{other}")


def test_a_key_that_is_misspelt_is_not_taken_for_one_that_is_refused(fault):
    assert "data.scal: there is no such key" in fault("data.scal: {choice: [none]}")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("folds: 3, seeds: 2", "sweep.seeds: a trial is repeated over folds or over seeds"),
        ("trials: 0", "sweep.trials: must be from 1 to 100000, or auto"),
        ("method: gird", "sweep.method: 'gird' is not allowed; allowed: grid, random, tpe"),
        ("pruning: {min_epochs: 200}", "sweep.pruning.min_epochs: the training is over after 200"),
        ("pruning: halving", "sweep.pruning: 'halving' is not allowed"),
    ],
)
def test_what_is_wrong_with_the_plan(fault, more, said):
    found = fault("regularization.l2: {values: [0, 1]}", more)
    assert found.partition(": ")[2].startswith(said)


def test_a_key_inside_one_that_is_searched_fits_one_of_its_values(load):
    """β₁ is adam's; the spec's own optimizer has none."""
    text = "data: {path: d.csv, target: y}\n" + sweep(
        "training.optimizer: {choice: [adam, rmsprop]}, training.optimizer.beta1: {values: [0.8]}"
    )
    loaded = load(text)
    values = {"training.optimizer.beta1": 0.8, "training.optimizer": "adam"}
    optimizer = with_values(loaded, values).spec.training.optimizer
    assert (optimizer.name, optimizer.beta1) == ("adam", 0.8)
    with pytest.raises(SpecError, match="there is no such key"):
        with_values(loaded, values | {"training.optimizer": "rmsprop"})


@pytest.mark.parametrize(
    ("parameter", "options"),
    [
        ("{int: [2, 9, 3]}", [2, 5, 8]),
        ("{int: [2, 4]}", [2, 3, 4]),
        ("{uniform: [0, 1], steps: 5}", [0, 0.25, 0.5, 0.75, 1]),
        ("{log_uniform: [1e-4, 1], steps: 5}", [1e-4, 1e-3, 1e-2, 1e-1, 1]),
        ("{values: [3, 1]}", [3, 1]),
        ("{choice: [3, 1]}", [3, 1]),
    ],
)
def test_the_values_on_a_grid(spec, parameter, options):
    found = spec(sweep(f"regularization.l2: {parameter}")).sweep
    assert found.parameters["regularization.l2"].options == options
    assert found.n_trials == found.grid_size == len(options)


def test_the_number_of_trials(spec):
    two = "regularization.l2: {values: [0, 1]}, training.epochs: {int: [1, 9]}"
    assert spec(sweep(two)).sweep.n_trials == 18
    assert spec(sweep(two, "method: grid, trials: 7")).sweep.n_trials == 7
    assert spec(sweep(two, "method: grid, trials: 70")).sweep.n_trials == 18
    assert spec(sweep(two, "method: random")).sweep.n_trials == 50
    assert spec(sweep(two, "trials: 70")).sweep.n_trials == 70


def test_a_trial_is_the_spec_with_its_values_and_no_sweep(load):
    text = "data: {path: d.csv, target: y}\n" + sweep("training.optimizer.λ: {values: [1]}")
    loaded = load(text)
    found = with_values(loaded, {"training.optimizer.λ": 0.5, "model.layers[0].units": 3}).spec
    assert found.sweep is None
    assert found.training.optimizer.learning_rate == 0.5
    assert found.model.layers[0].units == 3
    assert loaded.spec.model.layers[0].units == 8
    assert loaded.spec.sweep is not None


def test_other_verbs_are_told_that_the_section_is_left_alone(load):
    text = "data: {path: d.csv, target: y}\n" + sweep("regularization.l2: {values: [1]}")
    assert load(text).remarks() == [
        (
            "spec.yaml:3:8: sweep: only mlp sweep looks at this section; mlp train trains the spec "
            "without it"
        )
    ]
