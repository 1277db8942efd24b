"""What benchmarks/regularization.py compares: the specs, the splits, the settings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mlpcli.spec.load import load_spec

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Base:
    """A shipped spec; `data` is set for all its settings, `loss` is the name of its loss."""

    spec: str
    title: str
    loss: str
    data: tuple[str, ...] = ()


@dataclass(frozen=True)
class Split:
    """How many rows there are to learn from."""

    name: str
    short: str
    title: str
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Setting:
    """One thing added to the plain spec.

    name       as in the spec; it is also what the page shows
    kind       augmentation, noise or other
    overrides  KEY=VALUE; layers[*] is every hidden layer, LOSS the loss of the spec
    plain      whether it is added to the plain spec, not to the shipped one
    image      whether it is for images alone
    """

    name: str
    kind: str
    overrides: tuple[str, ...]
    plain: bool = True
    image: bool = False


BASES = (
    Base("digits", "Digits", "cross_entropy", ("data.image={height: 8, width: 8}",)),
    Base("breast_cancer", "Breast cancer", "binary_cross_entropy"),
)
SPLITS = (
    Split(
        "shipped",
        "70 % to learn from",
        "As shipped: 70 % of the rows to learn from, 15 % validation, 15 % test",
    ),
    Split(
        "few_rows",
        "10 % to learn from",
        "Few rows: 10 % to learn from, 20 % validation, 70 % test",
        ("data.split.validation=0.2", "data.split.test=0.7"),
    ),
)


def _augmentation(name: str, *, image: bool = False) -> Setting:
    member = f"{{name: {name}}}"
    overrides = (f"regularization.augmentation=[{member}]",)
    return Setting(member, "augmentation", overrides, image=image)


def _noise(key: str, strength: str) -> Setting:
    override = f"regularization.noise.{key}={strength}"
    return Setting(f"noise: {{{key}: {strength}}}", "noise", (override,))


def _other(name: str, *overrides: str) -> Setting:
    return Setting(name, "other", overrides)


PLAIN = Setting("plain", "plain", ())
SETTINGS = (
    PLAIN,
    _augmentation("mixup, alpha: 0.2"),
    _augmentation("mixup, alpha: 1"),
    _augmentation("feature_swap, share: 0.3, probability: 0.5"),
    _augmentation("jitter, std: 0.1"),
    _augmentation("jitter, std: 0.3"),
    _augmentation("smote, k: 5, ratio: 1"),
    _augmentation("shift, pixels: 1", image=True),
    _augmentation("rotate, degrees: 15", image=True),
    _augmentation("flip, probability: 0.5", image=True),
    _augmentation("cutout, size: 2, probability: 0.5", image=True),
    _noise("input", "0.1"),
    _noise("input", "0.3"),
    _noise("input_multiplicative", "0.1"),
    _noise("input_multiplicative", "0.3"),
    _noise("weights", "0.01"),
    _noise("weights", "0.05"),
    _noise("weights_multiplicative", "0.1"),
    _noise("weights_multiplicative", "0.3"),
    _noise("gradients", "0.001"),
    _noise("gradients", "0.01"),
    _noise("labels", "0.05"),
    _noise("labels", "0.1"),
    _other("keep_prob: 0.8", "model.layers[*].keep_prob=0.8"),
    _other("keep_prob: 0.5", "model.layers[*].keep_prob=0.5"),
    _other("input_keep_prob: 0.9", "model.input_keep_prob=0.9"),
    _other("input_keep_prob: 0.8", "model.input_keep_prob=0.8"),
    _other("l2: 1e-4", "regularization.l2=1e-4"),
    _other("l2: 1e-3", "regularization.l2=1e-3"),
    _other("l1: 1e-5", "regularization.l1=1e-5"),
    _other("l1: 1e-4", "regularization.l1=1e-4"),
    _other("max_norm: 2", "regularization.max_norm=2"),
    _other("label_smoothing: 0.1", "model.loss={name: LOSS, label_smoothing: 0.1}"),
    _other("norm: batch", "model.layers[*].norm=batch"),
    _other("norm: layer", "model.layers[*].norm=layer"),
    _other("weight_averaging: 0.99", "training.weight_averaging=0.99"),
    Setting("keep_prob and l2 as shipped", "other", (), plain=False),
)


def settings_of(base: Base, only: str = "") -> list[Setting]:
    """Return the settings of one spec: the plain one, and those with `only` in their name."""
    fitting = [s for s in SETTINGS if base.data or not s.image]
    return [s for s in fitting if s is PLAIN or only in s.name]


@cache
def n_layers(spec: str) -> int:
    """Return how many hidden layers a shipped spec has."""
    return len(load_spec(path_of(spec)).spec.model.layers)


def path_of(spec: str) -> str:
    """Return the path of a shipped spec."""
    return str(ROOT / "configs" / f"{spec}.yaml")


def overrides_of(base: Base, split: Split, setting: Setting) -> list[str]:
    """Return what is set in the shipped spec, as `mlp train --set` takes it."""
    plain = ("model.layers[*].keep_prob=1", "regularization.l2=0") if setting.plain else ()
    found = []
    for override in (*base.data, *split.overrides, *plain, *setting.overrides):
        layers = range(n_layers(base.spec)) if "[*]" in override else range(1)
        written = override.replace("LOSS", base.loss)
        found += [written.replace("[*]", f"[{k}]") for k in layers]
    return found
