"""What `mlp explain` is given, a spec or a run, taken to the step that is to be explained."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.data.dataset import Dataset, Encoding
from mlpcli.errors import FileError, MlpError, RunError, UsageError, nearest
from mlpcli.nn.network import Network, initial_vector
from mlpcli.runs import swap
from mlpcli.runs.directory import find_model
from mlpcli.runs.evaluate import load_parts
from mlpcli.runs.model_file import Model, load_model
from mlpcli.runs.names import SPEC
from mlpcli.spec.load import LoadedSpec, load_spec
from mlpcli.spec.schema import Spec
from mlpcli.training.build import build_architecture, load_dataset
from mlpcli.training.lanes import Lane, lanes_of
from mlpcli.training.metrics import METRICS
from mlpcli.training.reach_step import ReachedStep, reach_step, require_step_memory

MEMBERS = (
    "ensemble: {kind}: its networks share weights, and a step of theirs is not one of the lecture; "
    "with --set ensemble=null the step is that of one network"
)


@dataclass(frozen=True)
class ExplainedStep:
    """A step about to be taken, and where it comes from.

    name    of the spec or the run, as it was given
    begins  with what the network stands at, in words
    file    that the rows come from
    rows    (n,) of the batch, numbered in that file from 1, its header not counted
    """

    reached: ReachedStep
    encoding: Encoding
    spec: Spec
    name: str
    begins: str
    file: str
    rows: Array


def is_run(name: str) -> bool:
    """Whether a name is that of a run directory or a model file, not of a spec."""
    try:
        return Path(name).is_dir() or Path(name).suffix == ".safetensors"
    except (OSError, ValueError):
        return False


def open_step(
    name: str,
    step: int | None,
    *,
    overrides: Sequence[str] = (),
    seed: int | None = None,
    data: str | None = None,
    weights: str | None = None,
) -> ExplainedStep:
    """Return the step that is to be explained, before it is taken.

    name     a spec, a run directory or a model file
    step     of the training, from 1; None: the first of a spec; of a run one more step, from the
             trained parameters
    data     a file for the spec's own
    weights  a JSON file of parameters by name, for the initial ones
    """
    if not is_run(name):
        loaded = load_spec(name, [*overrides, *_data_override(data)], seed, METRICS)
        return _of_spec(loaded, name, step or 1, weights)
    if step is None:
        if overrides or seed is not None or weights is not None:
            problem = "--set, --seed and --weights are for a spec, or for --step K of a run's"
            raise UsageError(f"{name}: {problem} training; without it the trained network is taken")
        return _of_model(name, data)
    if not Path(name).is_dir():
        raise UsageError(
            f"--step {step}: {name} is a model file; its training is done again from its run "
            "directory or its spec"
        )
    try:
        loaded = load_spec(
            str(swap.current(Path(name), SPEC)),
            [*overrides, *_data_override(data)],
            seed,
            METRICS,
        )
    except MlpError as error:
        raise RunError(f"{name}: the run's spec cannot be used: {error}") from None
    return _of_spec(loaded, name, step, weights)


def _data_override(data: str | None) -> list[str]:
    if data is None:
        return []
    whole = data if data == "-" else str(Path(data).absolute())
    return [f"data.path={json.dumps(whole)}"]


def _of_spec(loaded: LoadedSpec, name: str, step: int, weights: str | None) -> ExplainedStep:
    runtime = loaded.spec.runtime.model_copy(update={"dtype": "float64"})
    loaded = replace(loaded, spec=loaded.spec.model_copy(update={"runtime": runtime}))
    spec = loaded.spec
    dataset = load_dataset(loaded)
    vector = None
    with loaded.locating():
        if spec.ensemble is not None and spec.ensemble.shares_weights:
            raise UsageError(MEMBERS.format(kind=spec.ensemble.kind))
        lane = lanes_of(spec, dataset)[0]
        require_step_memory(lane, dataset)
        if weights is not None:
            vector = _given(weights, spec, dataset, lane.seed)
        reached = reach_step(lane, dataset, step, vector)
    begins = "the initial parameters" if weights is None else f"the parameters in {weights}"
    if step > 1:
        begins = f"the parameters that {step - 1:,} of its steps have reached"
    return _explained(reached, dataset, spec, name, begins)


def _of_model(name: str, data: str | None) -> ExplainedStep:
    model = load_model(find_model(name))
    if model.network.architecture.members is not None:
        assert model.spec.ensemble is not None
        raise UsageError(MEMBERS.format(kind=model.spec.ensemble.kind))
    vector = np.atleast_2d(model.network.vector)[0].astype(np.float64)
    network = Network(model.network.architecture, vector)
    model = replace(model, network=network, spec=_one_network(model.spec))
    parts, _, _ = load_parts(model, data, None)
    part = parts.get("train", next(iter(parts.values())))
    dataset = Dataset({"train": part}, {}, None, model.encoding, {})
    lane = Lane(model.spec, model.spec.seed)
    require_step_memory(lane, dataset)
    reached = reach_step(lane, dataset, 1, vector)
    which = "the trained parameters"
    if model.ensemble is not None:
        which += f" of the first of {len(model.ensemble.seeds)} networks"
    return _explained(reached, dataset, model.spec, name, which, _file(model, data))


def _one_network(spec: Spec) -> Spec:
    """Return a model's spec as that of one network in float64, which has no epochs left to end."""
    runtime = spec.runtime.model_copy(update={"dtype": "float64"})
    epochs = max(1, spec.training.epochs)
    training = spec.training.model_copy(update={"epochs": epochs})
    return spec.model_copy(update={"runtime": runtime, "training": training, "ensemble": None})


def _file(model: Model, data: str | None) -> str:
    files = model.spec.data.split.files
    if data is None and files is not None:
        return str(files.train)
    return str(data or model.spec.data.path)


def _explained(
    reached: ReachedStep, dataset: Dataset, spec: Spec, name: str, begins: str, file: str = ""
) -> ExplainedStep:
    rows = dataset.parts["train"].rows[reached.rows]
    table = dataset.tables.get("train") or dataset.tables.get("data")
    if table is not None:
        rows, file = table.file_rows(rows), table.name
    return ExplainedStep(reached, dataset.encoding, spec, name, begins, file, rows + 1)


def _given(path: str, spec: Spec, dataset: Dataset, seed: int) -> Array:
    """Return initial numbers (n_numbers,), those that a JSON file names in place of the drawn ones.

    Raises UsageError where a name or a shape is not the network's.
    """
    architecture = build_architecture(spec, dataset.encoding)
    vector = initial_vector(architecture, seed)
    tensors = architecture.layout.unpack(vector)
    for name, given in _json(path).items():
        if name not in tensors:
            near = nearest(name, tensors)
            hint = f"; did you mean {near}?" if near else ""
            raise UsageError(
                f"{path}: {name}: is no tensor of the network; it has {', '.join(tensors)}{hint}"
            )
        try:
            values = np.asarray(given, np.float64)
        except (TypeError, ValueError, OverflowError):
            raise UsageError(f"{path}: {name}: is not rows of numbers") from None
        if values.shape != tensors[name].shape:
            shapes = " x ".join(map(str, values.shape)), " x ".join(map(str, tensors[name].shape))
            raise UsageError(f"{path}: {name}: is {shapes[0] or 'one number'}, not {shapes[1]}")
        if not np.isfinite(values).all():
            raise UsageError(f"{path}: {name}: has a number that is not finite")
        tensors[name][...] = values
    return vector


def _json(path: str) -> dict[str, Any]:
    if is_run(path):
        raise UsageError(
            f"--weights {path}: is a run or a model file, not a JSON file of parameters; a run's "
            f"own are explained by: mlp explain {path}"
        )
    try:
        found = json.loads(Path(path).read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"{path}: there is no such file") from None
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise UsageError(
            f"{path}: is no object of tensors by name, as in "
            '{"hidden.1.weight": [[0.5, -0.5]], "hidden.1.bias": [0, 0.1]}'
        )
    return found
