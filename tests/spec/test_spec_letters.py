"""The lecture's own letters are other spellings of λ, α and p_k's keys, and only there."""

import pytest

DATA = "data: {path: d.csv, target: y}\n"
LEARNING_RATE = ("training: {{optimizer: {{{}}}}}\n", ("learning_rate", "λ", "lambda"))
L2 = ("regularization: {{{}}}\n", ("l2", "α", "alpha"))
KEEP_PROB = ("model: {{layers: [{{units: 3, {}}}]}}\n", ("keep_prob", "p_k", "p"))
VALUES = {
    "learning_rate": lambda spec: spec.training.optimizer.learning_rate,
    "l2": lambda spec: spec.regularization.l2,
    "keep_prob": lambda spec: spec.model.layers[0].keep_prob,
}
SPELLINGS = [
    (text, names[0], spelling)
    for text, names in (LEARNING_RATE, L2, KEEP_PROB)
    for spelling in names
]


@pytest.mark.parametrize(("text", "key", "spelling"), SPELLINGS)
def test_every_spelling_is_the_same_key(spec, text, key, spelling):
    assert VALUES[key](spec(text.format(f"{spelling}: 0.25"))) == 0.25


@pytest.mark.parametrize(("text", "key", "spelling"), SPELLINGS)
def test_a_fault_of_its_value_stands_at_its_value(faults, text, key, spelling):
    line = text.format(f"{spelling}: -1")
    (fault,) = faults(DATA + line)
    assert fault.startswith(f"2:{line.index('-1') + 1}: ")
    assert f".{key}: must be " in fault


@pytest.mark.parametrize("text", [LEARNING_RATE, L2, KEEP_PROB])
def test_two_spellings_at_once_are_a_fault_at_the_second(faults, text):
    form, names = text
    for first in names:
        for second in names:
            if first != second:
                line = form.format(f"{first}: 0.5, {second}: 0.5")
                (fault,) = faults(DATA + line)
                chosen = min((first, second), key=names.index)
                other = second if chosen == first else first
                place = line.index(f"{other}: 0.5") + 1
                assert fault.startswith(f"2:{place}: ")
                assert fault.endswith(
                    f"{other}: {other} and {chosen} are the same setting; write one of them"
                )


def test_three_spellings_are_two_faults(faults):
    assert faults(DATA + "regularization: {alpha: 1, α: 2, l2: 3}\n") == [
        "2:18: regularization.alpha: alpha and l2 are the same setting; write one of them",
        "2:28: regularization.α: α and l2 are the same setting; write one of them",
    ]


@pytest.mark.parametrize(
    ("line", "column", "path"),
    [
        ("alpha: 1", 1, "alpha"),
        ("λ: 1", 1, "λ"),
        ("training: {λ: 1}", 12, "training.λ"),
        ("training: {optimizer: {alpha: 1}}", 24, "training.optimizer.alpha"),
        ("training: {schedule: {lambda: 1}}", 23, "training.schedule.lambda"),
        ("regularization: {p: 1}", 18, "regularization.p"),
        ("regularization: {noise: {alpha: 0}}", 26, "regularization.noise.alpha"),
        ("model: {p_k: 1}", 9, "model.p_k"),
        ("model: {layers: [{units: 2, λ: 1}]}", 29, "model.layers[0].λ"),
        ("model: {layers: [{units: 2, activation: {name: relu, p: 1}}]}", 54,
         "model.layers[0].activation.p"),
    ],
)  # fmt: skip
def test_a_letter_elsewhere_is_an_unknown_key(faults, line, column, path):
    (fault,) = faults(f"{DATA}{line}\n")
    assert fault.startswith(f"2:{column}: {path}: there is no such key")


def test_a_letter_works_beside_a_name_and_for_every_optimizer(spec):
    optimizer = spec("training: {optimizer: {name: adam, λ: 0.5}}\n").training.optimizer
    assert (optimizer.name, optimizer.learning_rate) == ("adam", 0.5)


@pytest.mark.parametrize(
    ("more", "override", "key"),
    [
        (
            "training: {optimizer: {λ: 0.5}}\n",
            "training.optimizer.learning_rate=0.25",
            "learning_rate",
        ),
        (
            "training: {optimizer: {learning_rate: 0.5}}\n",
            "training.optimizer.λ=0.25",
            "learning_rate",
        ),
        ("training: {optimizer: {λ: 0.5}}\n", "training.optimizer.lambda=0.25", "learning_rate"),
        ("training: {optimizer: sgd}\n", "training.optimizer.λ=0.25", "learning_rate"),
        ("", "training.optimizer.λ=0.25", "learning_rate"),
        ("", "training.optimizer={λ: 0.25}", "learning_rate"),
        ("regularization: {alpha: 0.5}\n", "regularization.l2=0.25", "l2"),
        ("model: {layers: [{units: 3, p: 0.5}]}\n", "model.layers[0].keep_prob=0.25", "keep_prob"),
        (
            "model: {layers: [{units: 3, keep_prob: 0.5}]}\n",
            "model.layers[0].p_k=0.25",
            "keep_prob",
        ),
    ],
)
def test_an_override_replaces_the_key_however_either_is_spelled(spec, more, override, key):
    assert VALUES[key](spec(more, override)) == 0.25


def test_two_spellings_within_one_override_are_still_a_fault(faults):
    (fault,) = faults(DATA, "regularization={alpha: 1, l2: 2}")
    assert "alpha and l2 are the same setting" in fault
