"""A resolved spec, written and read back, is the same spec; and so is its text."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpcli.data.augmentations import AUGMENTATIONS
from mlpcli.errors import SpecError
from mlpcli.family import settings_of
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.initializers import INITIALIZERS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.norms import NORMS
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.nn.schedules import SCHEDULES
from mlpcli.spec.load import load_spec, validate
from mlpcli.spec.schema import NoiseSpec, Spec
from mlpcli.spec.write import spec_to_yaml, with_paths
from mlpcli.spec.yaml_reader import Document, read_yaml

# Texts that YAML, or one of its versions, could take for something else.
TEXTS = [
    *[
        "",
        " ",
        "  two  spaces  ",
        "no",
        "NO",
        "yes",
        "on",
        "y",
        "true",
        "False",
        "null",
        "~",
        "Null",
    ],
    *["1e3", "1e-3", "0x10", "0o7", "010", "1_000", "12:30:45", "2020-01-01", ".5", "5.", "+1"],
    *[".inf", ".nan", "auto", "ä: #", "a: b", "a #b", "#", "- a", "-", "---", "...", "? a", ": a"],
    *[
        "&a",
        "*a",
        "!a",
        "!!int 3",
        "%a",
        "@a",
        "`a`",
        "{a",
        "[a]",
        "a, b",
        "'",
        '"',
        "''",
        "|",
        ">",
    ],
    *["a\nb", "a\n\n b\n", "\n", "\ttab", "a\\b", "\x85", "\u2028", "\ufeff", "\x7f", "\x1b[31m"],
    *["λ", "😀", "\U0010ffff", "é" * 200, "word " * 60, "=", "<<", "\x00", "\r\n", "a:"],
]


def reread(spec):
    return validate(read_yaml(spec_to_yaml(spec), "spec.yaml"))


def minimal(**data):
    return {"data": {"path": "d.csv", "target": "y", **data}}


@pytest.mark.parametrize("text", TEXTS)
def test_texts_that_look_like_something_else(text):
    plain = minimal(path=text + "/x", missing=[text], exclude=["a", text + "!"], target=[text, "b"])
    plain["data"]["split"] = {"column": text + "?"}
    spec = Spec.model_validate(plain)
    assert reread(spec) == spec


def test_texts_survive_a_file(tmp_path):
    spec = Spec.model_validate(minimal(missing=TEXTS))
    path = tmp_path / "spec.yaml"
    path.write_text(spec_to_yaml(spec), encoding="utf-8")
    assert load_spec(str(path)).spec == spec


def test_labels_that_look_like_something_else():
    weights = {text: k for k, text in enumerate(TEXTS)} | {"a" * 200: 0.5, "0": 1, "1.5": 2}
    spec = Spec.model_validate(minimal(class_weight=weights))
    assert reread(spec).data.class_weight == weights


# Every member with settings other than its defaults.
AUGMENTED = [
    {"name": "smote", "k": 3, "ratio": 0.5},
    {"name": "mixup", "alpha": 1.0, "probability": 0.25},
    {"name": "feature_swap", "share": 0.125, "probability": 1.0},
    {"name": "jitter", "std": 1e-08, "probability": 0.5},
    {"name": "shift", "pixels": 7, "probability": 0.5},
    {"name": "flip", "horizontal": False, "vertical": True, "probability": 1.0},
    {"name": "rotate", "degrees": 180.0, "probability": 0.5},
    {"name": "cutout", "size": 8, "probability": 1.0},
]


def test_augmentations_and_the_shape_of_images():
    assert sorted(plain["name"] for plain in AUGMENTED) == sorted(AUGMENTATIONS)
    for plain in AUGMENTED:
        member = AUGMENTATIONS[plain["name"]]
        assert set(plain) == {"name", *(f.name for f in settings_of(member))}
        assert all(plain[f.name] != f.default for f in settings_of(member))
    image = {"height": 8, "width": 9, "channels": 3}
    whole = minimal(image=image) | {"regularization": {"augmentation": AUGMENTED}}
    spec = validate(Document("spec.yaml", whole))
    assert reread(spec) == spec
    plain = reread(spec).model_dump()
    assert (plain["data"]["image"], plain["regularization"]["augmentation"]) == (image, AUGMENTED)
    bare = minimal() | {"regularization": {"augmentation": ["smote", "mixup", "jitter"]}}
    assert reread(Spec.model_validate(bare)) == Spec.model_validate(bare)


names = st.text(min_size=1) | st.sampled_from(TEXTS)
positive = st.floats(1e-300, 1e300)


def members(family, *, extra=()):
    """Specs of a family's members: the bare name, or some settings within their bounds."""
    choices = [st.sampled_from(sorted(family))]
    choices += [
        st.fixed_dictionaries(
            {"name": st.just(name)},
            optional={f.name: within(f) for f in settings_of(member)},
        ).filter(
            lambda settings, member=member: (
                member.name in {**LOSSES, **AUGMENTATIONS}
                or member(**{k: v for k, v in settings.items() if k != "name"}).problem() is None
            )
        )
        for name, member in family.items()
    ]
    return st.one_of(*choices, *extra)


def within(field):
    bounds = field.metadata["bounds"]
    if isinstance(field.default, bool):
        return st.booleans()
    if isinstance(field.default, tuple):
        return st.sampled_from([[0.5], [0.1, 0.9], [1e-9, 0.25, 0.75]])
    if field.default is None:
        return st.none() | st.floats(0.01, 0.99)
    if isinstance(field.default, int):
        return st.integers(bounds.get("ge"), bounds.get("le", 10**6))
    low = bounds.get("gt", bounds.get("ge"))
    high = bounds.get("lt", bounds.get("le"))
    return st.floats(low, high, exclude_min="gt" in bounds, exclude_max="lt" in bounds).filter(
        lambda value: value not in (float("inf"), float("-inf"))
    )


hidden = {name: member for name, member in ACTIVATIONS.items() if not member.output_only}
auto = (st.just("auto"), st.none())
layers = st.fixed_dictionaries(
    {"units": st.integers(2, 1_000_000)},
    optional={
        "activation": members(hidden),
        "keep_prob": st.floats(1e-3, 1),
        "initializer": members(INITIALIZERS, extra=auto),
        "norm": st.none() | members(NORMS),
    },
)
splits = st.one_of(
    st.fixed_dictionaries({"validation": st.floats(0, 0.4), "test": st.floats(0, 0.4)}),
    st.builds(lambda name: {"column": "split " + name, "stratify": False}, names),
    st.builds(
        lambda name, seed: {"group": "split " + name, "seed": seed}, names, st.integers(0, 9)
    ),
    st.builds(lambda name: {"time": "split " + name, "stratify": "auto"}, names),
)
data = st.fixed_dictionaries(
    {"path": names, "target": st.builds(lambda n: "y " + n, names)},
    optional={
        "delimiter": st.sampled_from(["auto", ",", ";", "\t", " ", "|"]),
        "exclude": st.lists(st.builds(lambda n: "x " + n, names), max_size=4),
        "categorical": st.just("auto") | st.lists(st.builds(lambda n: "c " + n, names), max_size=4),
        "missing": st.lists(names, max_size=4),
        "scale": st.sampled_from(["auto", "asinh", "standard", "minmax", "none"]),
        "scale_target": st.sampled_from(["auto", "standard", "mean", "log", "none", None]),
        "split": splits,
        "sample_weight": st.builds(lambda n: "w " + n, names) | st.none(),
        "class_weight": st.sampled_from(["balanced", None])
        | st.dictionaries(names, st.floats(0, 1e300) | st.integers(0, 10**6), min_size=1),
    },
)
TABLE_AUGMENTATIONS = {name: AUGMENTATIONS[name] for name in ("mixup", "feature_swap", "jitter")}
specs = st.fixed_dictionaries(
    {"data": data},
    optional={
        "seed": st.integers(0, 2**63 - 1),
        "model": st.one_of(
            st.fixed_dictionaries(
                {
                    "layers": st.lists(layers, max_size=3),
                    "output": members(ACTIVATIONS, extra=auto),
                },
                optional={
                    "loss": st.sampled_from(["mse", {"name": "mse"}]),
                    "input_keep_prob": st.floats(1e-3, 1),
                },
            ),
            st.fixed_dictionaries({"loss": members(LOSSES, extra=auto)}),
        ),
        "training": st.fixed_dictionaries(
            {},
            optional={
                "epochs": st.integers(0, 10**6),
                "batch_size": st.just("auto") | st.integers(2, 10**6),
                "gradient_clipping": st.fixed_dictionaries(
                    {}, optional=dict.fromkeys(("norm", "value"), st.none() | positive)
                ),
                "weight_averaging": st.none() | st.floats(0, 0.999),
                "optimizer": members(OPTIMIZERS),
                "schedule": members(SCHEDULES),
                "early_stopping": st.none()
                | st.fixed_dictionaries(
                    {"monitor": names, "min_delta": st.floats(0, 1e300)},
                    optional={"patience": st.none() | st.integers(1, 10**6)},
                ),
                "train_loss": st.sampled_from(["running", "full"]),
                "metrics": st.just("auto") | st.lists(names, max_size=3),
            },
        ),
        "regularization": st.fixed_dictionaries(
            {"l2": st.floats(0, 1e300)},
            optional={
                "l1": st.floats(0, 1e300),
                "max_norm": st.none() | positive,
                "noise": st.fixed_dictionaries(
                    {}, optional=dict.fromkeys(NoiseSpec.model_fields, st.floats(0, 1))
                ),
                "augmentation": st.lists(members(TABLE_AUGMENTATIONS), max_size=3),
            },
        ),
        "ensemble": st.none()
        | st.fixed_dictionaries(
            {"kind": st.sampled_from(["bootstrap", "kfold", "seeds", "tabm"])},
            optional={"replicas": st.integers(2, 10_000)},
        ),
        "runtime": st.fixed_dictionaries(
            {},
            optional={
                "dtype": st.sampled_from(["float32", "float64"]),
                "threads": st.just("auto") | st.integers(1, 64),
                "memory": st.sampled_from(["auto", "500MB", "2 GiB", 10**9]),
            },
        ),
    },
)


@st.composite
def some_specs(draw):
    """The same, under a name that Hypothesis can write down."""
    plain = draw(specs)
    try:
        validate(Document("spec.yaml", plain))
    except SpecError:  # a setting too large for float32: there is no other reason
        plain["runtime"] = plain.get("runtime", {}) | {"dtype": "float64"}
    return plain


@given(some_specs())
def test_a_written_spec_reads_as_itself(plain):
    spec = validate(Document("spec.yaml", plain))
    text = spec_to_yaml(spec)
    again = validate(read_yaml(text, "spec.yaml"))
    assert again == spec
    assert spec_to_yaml(again) == text


@pytest.mark.parametrize("number", [1e-08, 1e-5, 1.5e-7, 1e16, 1e22, 1.5e300, 5e-324, 0.1, 1.0])
def test_numbers_are_written_so_that_no_tag_is_needed(number):
    spec = Spec.model_validate(minimal() | {"training": {"early_stopping": {"min_delta": number}}})
    assert reread(spec).training.early_stopping.min_delta == number
    assert "!!" not in spec_to_yaml(spec)


def test_every_optimizer_with_its_defaults_is_read_back():
    for name in OPTIMIZERS:
        spec = Spec.model_validate(minimal() | {"training": {"optimizer": name}})
        assert reread(spec).training.optimizer == spec.training.optimizer


def test_a_written_spec_has_every_default_and_no_alias():
    spec = Spec.model_validate(minimal() | {"model": {"layers": [{"units": 3}] * 2}})
    text = spec_to_yaml(spec)
    assert "&" not in text
    assert "*" not in text
    assert text.startswith(
        "seed: 0\ndata:\n  path: d.csv\n  encoding: auto\n  delimiter: auto\n  decimal: auto\n"
        "  target: y\n"
    )
    assert "  early_stopping: {monitor: val_loss, patience: 20, min_delta: 0.0}\n" in text
    assert text.endswith(
        "runtime: {dtype: float32, shards: auto, threads: auto, memory: auto, "
        "checkpoint_seconds: 10.0}\n"
    )


def test_paths_are_made_absolute_and_standard_input_stays(tmp_path):
    spec = Spec.model_validate(minimal(path="../d.csv"))
    assert with_paths(spec, tmp_path / "configs").data.path == str(tmp_path / "d.csv")
    assert with_paths(Spec.model_validate(minimal(path="-")), tmp_path).data.path == "-"
    assert (
        with_paths(Spec.model_validate(minimal(path="/x/d.csv")), tmp_path).data.path == "/x/d.csv"
    )


def test_paths_of_split_files_are_made_absolute_and_standard_input_stays(tmp_path):
    files = {"train": "a.csv", "validation": "-"}
    plain = {"data": {"target": "y", "split": {"files": files}}}
    whole = with_paths(Spec.model_validate(plain), Path(tmp_path)).data.split.files
    assert whole.model_dump() == {
        "train": str(tmp_path / "a.csv"),
        "validation": "-",
        "test": None,
    }
