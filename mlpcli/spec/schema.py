"""The spec: every key, its type, its bounds and its default.

The order of sections and keys is the order in which a resolved spec is written.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from mlpcli.data.augmentation import AUGMENTATIONS
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.embeddings import EMBEDDINGS
from mlpcli.nn.initializers import INITIALIZERS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.norms import NORMS
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.nn.schedules import SCHEDULES
from mlpcli.nn.sharing import SHARINGS
from mlpcli.spec.data_section import MAX_SEED, DataSpec
from mlpcli.spec.members import Section, member_type, or_auto
from mlpcli.spec.sweep import SweepSpec
from mlpcli.spec.values import memory_size

OUTPUT_ONLY = ("softmax", "exponential")  # activations that no hidden layer takes
Activation = member_type(ACTIVATIONS, None)
HiddenActivation = member_type(ACTIVATIONS, None, elsewhere=OUTPUT_ONLY)
Embedding = member_type(EMBEDDINGS, None)
Initializer = member_type(INITIALIZERS, None)
Loss = member_type(LOSSES, None)
Norm = member_type(NORMS, None)
# The defaults that decide how good the smallest spec is: docs/decisions/0030.
LAYERS = [{"units": 64, "activation": "relu"}]
OPTIMIZER = {"name": "adam", "learning_rate": 0.001}
EPOCHS = 200
PATIENCE = 20

Optimizer = member_type(OPTIMIZERS, str(OPTIMIZER["name"]))
Schedule = member_type(SCHEDULES, "constant")
Augmentation = member_type(AUGMENTATIONS, None)


class LayerSpec(Section):
    """One hidden layer."""

    units: int = Field(ge=1, le=1_000_000, description="neurons")
    activation: HiddenActivation = Field("relu", description="f of h = f(u)")
    keep_prob: float = Field(
        1.0, ge=1e-4, le=1.0, description="p_k, the probability to keep a unit while training"
    )
    norm: Norm | None = Field(
        None, description="normalization of u = h W + b before the activation: batch, layer"
    )
    initializer: or_auto(Initializer) = Field(
        "auto", description="of the weights; auto: the activation's own"
    )


class ModelSpec(Section):
    """The network."""

    input_keep_prob: float = Field(
        1.0, ge=1e-4, le=1.0, description="p_k of the inputs: dropout on the data while training"
    )
    layers: list[LayerSpec] = Field(
        [LayerSpec.model_validate(layer) for layer in LAYERS],
        max_length=1000,
        description="hidden layers; [] is a linear model",
    )
    embedding: Embedding | None = Field(
        None,
        description="of numeric inputs, before the first layer: piecewise_linear, periodic",
    )
    output: or_auto(Activation) = Field(
        "auto", description="g of ŷ = g(h U + c); auto: the loss's own link"
    )
    loss: or_auto(Loss) = Field("auto", description="J; auto: the task's own")
    output_initializer: or_auto(Initializer) = Field(
        "auto", description="of U, the output's weights; auto: normal, with a small std"
    )


class EarlyStoppingSpec(Section):
    """When to stop before the last epoch. The best weights are kept in any case."""

    monitor: str = Field("val_loss", description="val_loss, train_loss, or val_ and a metric")
    patience: int | None = Field(
        PATIENCE, ge=1, description="epochs without improvement; null: train to the last epoch"
    )
    min_delta: float = Field(0.0, ge=0.0, description="what counts as an improvement")


class ClippingSpec(Section):
    """Bounds on the gradient, applied before the optimizer sees it; null is none."""

    norm: float | None = Field(None, gt=0.0, description="c of g ← g min(1, c/‖g‖)")
    value: float | None = Field(None, gt=0.0, description="c of −c ≤ gᵢ ≤ c, entry by entry")


class TrainingSpec(Section):
    """The loop."""

    epochs: int = Field(EPOCHS, ge=0, description="passes over the training rows, at most")
    batch_size: or_auto(Annotated[int, Field(ge=1)]) = Field(
        "auto", description="rows in one step (≥ 1); auto: by the number of training rows"
    )
    optimizer: Optimizer = Field(OPTIMIZER, description="what a step does with the gradient")
    schedule: Schedule = Field(
        {"name": "constant"}, description="the learning rate over the epochs"
    )
    gradient_clipping: ClippingSpec = Field(
        ClippingSpec(), description="what is done with a gradient that is too large"
    )
    weight_averaging: float | None = Field(
        None,
        ge=0.0,
        lt=1.0,
        description="d of a running mean of all that is learned or measured: it is what is "
        "evaluated and kept",
    )
    early_stopping: EarlyStoppingSpec | None = Field(
        EarlyStoppingSpec(),
        description="null: train to the last epoch; the best epoch's weights are kept even so",
    )
    train_loss: Literal["running", "full"] = Field(
        "running", description="mean over the epoch's batches, or a full pass at its end"
    )
    on_divergence: Literal["stop", "reduce-lr"] = Field(
        "stop",
        description="where a number is no longer finite: stop; or go back to the last epoch's end "
        "and go on with half the learning rate, at most 5 times (`mlp sweep` always stops)",
    )
    metrics: or_auto(list[str]) = Field(
        "auto", description="columns of metrics.csv beside the loss; auto: the task's own"
    )
    calibration: Literal["temperature", "none"] = Field(
        "temperature",
        description="of a classifier's probabilities, after training: softmax(u/T) or σ(u/T), T "
        "fitted on the validation rows, kept where it lowers their log loss beyond chance",
    )


class NoiseSpec(Section):
    """Noise injection while training, anew in each step (rows: in each epoch); 0 is off."""

    input: float = Field(0.0, ge=0.0, description="σ of X + σ n, n ~ N(0, 1), X as it is scaled")
    input_multiplicative: float = Field(0.0, ge=0.0, description="σ of X (1 + σ n)")
    weights: float = Field(0.0, ge=0.0, description="σ of W + σ n where gradients are taken")
    weights_multiplicative: float = Field(0.0, ge=0.0, description="σ of W (1 + σ n)")
    gradients: float = Field(0.0, ge=0.0, description="σ of ∂J/∂θ + σ n")
    labels: float = Field(
        0.0,
        ge=0.0,
        description="probability that a class becomes another; regression: σ of y + σ n, y scaled",
    )


class RegularizationSpec(Section):
    """What keeps the network from learning the training rows by heart."""

    l2: float = Field(0.0, ge=0.0, description="α of α/2 Σ ‖W‖²; biases are not decayed")
    l1: float = Field(0.0, ge=0.0, description="β of β Σ |W|; biases are free of it")
    max_norm: float | None = Field(
        None, gt=0.0, description="longest that the weights into one unit may be after a step"
    )
    noise: NoiseSpec = Field(NoiseSpec(), description="noise injection")
    augmentation: list[Augmentation] = Field(
        [], max_length=100, description="random changes of the training rows, in this order"
    )


class EnsembleSpec(Section):
    """Several networks of this spec, trained side by side, whose predictions are averaged."""

    kind: Literal["bootstrap", "kfold", "seeds", "tabm", "tabm_mini", "batch_ensemble"] = Field(
        description="what tells the replicas apart beside their seeds: rows drawn with "
        "replacement; a fold left out of each; or nothing. Replicas of tabm, tabm_mini and "
        "batch_ensemble share weights: they are one network, with early stopping by the mean of "
        "their predictions"
    )
    replicas: int = Field(20, ge=2, le=10_000, description="how many; of kfold the folds")

    @property
    def shares_weights(self) -> bool:
        """Whether the replicas are members of one network."""
        return self.kind in SHARINGS


MOST_SHARDS = 1024  # of a step: each takes arrays of its own


class RuntimeSpec(Section):
    """How it runs; none of this changes what is learned, but for dtype."""

    dtype: Literal["float32", "float64"] = Field("float32", description="of the network")
    shards: or_auto(int) = Field(
        "auto",
        description="S, the pieces that a step is cut into: of its rows, then of its parameters. "
        "It changes the rounding of sums, and nothing else; auto: by the network's size, the batch "
        "and the cores, 1 for small networks, ensembles and sweeps",
    )
    threads: or_auto(int) = Field(
        "auto",
        description="that work at the same time, at most, on shards and evaluations, or processes "
        "on the networks of an ensemble; auto: as many as there are cores. It changes no bit. BLAS "
        "always runs on one thread",
    )
    memory: or_auto(memory_size) = Field(
        "auto",
        description="for an ensemble's networks, such as 2GB: more are trained in turns; auto: "
        "half of what is free",
    )
    checkpoint_seconds: float = Field(
        10.0,
        ge=0.0,
        description="seconds of training between two checkpoints, which a killed run has to do "
        "again; more where saving takes more than a sixtieth of them: 60 times what it takes",
    )

    @field_validator("threads", "shards")
    @classmethod
    def _positive(cls, value: int | None) -> int | None:
        if value is not None and value < 1:
            raise ValueError("must be at least 1, or auto")
        return value

    @field_validator("shards")
    @classmethod
    def _not_too_many(cls, value: int | None) -> int | None:
        if value is not None and value > MOST_SHARDS:
            raise ValueError(f"must be at most {MOST_SHARDS:,}, or auto")
        return value


class Spec(Section):
    """A whole spec."""

    seed: int = Field(0, ge=0, le=MAX_SEED, description="of everything random")
    data: DataSpec = Field(description="the table")
    model: ModelSpec = Field(ModelSpec(), description="the network")
    training: TrainingSpec = Field(TrainingSpec(), description="the loop")
    regularization: RegularizationSpec = Field(RegularizationSpec(), description="L2 and noise")
    ensemble: EnsembleSpec | None = Field(
        None,
        description="several networks in one: bootstrap, kfold, seeds; tabm, tabm_mini, "
        "batch_ensemble",
    )
    sweep: SweepSpec | None = Field(None, description="what `mlp sweep` searches")
    runtime: RuntimeSpec = Field(RuntimeSpec(), description="type and threads")

    @property
    def replicated(self) -> EnsembleSpec | None:
        """The ensemble, where its replicas are networks of their own."""
        return None if self.ensemble is None or self.ensemble.shares_weights else self.ensemble
