"""model.safetensors: one file is one model, with all that eval and predict need.

Tensors: hidden.K.weight (fan_in, fan_out), hidden.K.bias, output.weight, output.bias. Of members
that share weights also hidden.K.input_scale and output_scale (k, units), and what each has alone
has their axis first. The
metadata has one entry, `mlp`, a JSON document: the resolved spec, the fitted encoding, the split.
Nothing in it is ever executed.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from mlpcli import __version__
from mlpcli.array_types import Array, Shape
from mlpcli.data.dataset import Dataset, Encoding
from mlpcli.data.encoders import TargetMean
from mlpcli.data.inputs import InputEncoder
from mlpcli.data.pixels import check_image
from mlpcli.data.readers import ReadOptions
from mlpcli.data.readings import READINGS, Reading
from mlpcli.data.readings.apply import columns_of_texts
from mlpcli.data.readings.reading import reading_to_plain
from mlpcli.data.splitting import LEFT_OUT, PARTS, pack_codes, unpack_codes
from mlpcli.data.targets import (
    ClassTarget,
    RegressionTarget,
    TargetEncoder,
    target_from_plain,
    target_to_plain,
    text_columns,
)
from mlpcli.data.weights import RowWeights
from mlpcli.errors import DataError, RunError
from mlpcli.memory import require
from mlpcli.nn.calibration import has_temperature
from mlpcli.nn.layout import Layout
from mlpcli.nn.network import Network
from mlpcli.runs.files import write_whole
from mlpcli.runs.seal import check_seal, seal
from mlpcli.runs.tensor_file import NotTensorsError, parse_json, parse_tensors, read_bytes
from mlpcli.spec.checks import check_spec, check_task
from mlpcli.spec.members import build
from mlpcli.spec.schema import RuntimeSpec, Spec
from mlpcli.spec.yaml_reader import dotted
from mlpcli.training.build import build_architecture, fitting_metrics

FORMAT = 1
MOST_ROWS_A_LETTER = 1032 * 3 / 4  # of a packed split: zlib's best, in base64


@dataclass(frozen=True)
class EnsembleModel:
    """What a model file says of an ensemble beside its tensors.

    seeds   of the replicas that the tensors are of
    errors  (levels, targets) quantiles of `RegressionTarget.error` on held-out rows, at levels 0
            to 1 in equal steps; of classes those of 1 − p of the true class. Empty
            where no rows were held out, or p is no probability
    """

    seeds: list[int]
    errors: list[list[float]] = field(default_factory=list)


@dataclass(frozen=True)
class Model:
    """A trained network, and how to apply it to a table.

    sha256    of the files it was trained on, by part, or `data` for one file
    codes     the part of each row of that one file, LEFT_OUT where it is in none; None where each
              part had a file of its own
    training  how it was trained: best epoch, reason, epochs
    ensemble  of the replicas, where the network is a stack of them
    changed   whether the tensors of a file without a seal are others than those that were written
    temperature  T of ŷ = g(u / T), fitted on the validation rows; 1 where there is none
    """

    spec: Spec
    encoding: Encoding
    network: Network
    sha256: dict[str, str]
    codes: Array | None
    training: dict[str, Any]
    ensemble: EnsembleModel | None = None
    changed: bool = False
    temperature: float = 1.0


def save_model(
    path: Path,
    spec: Spec,
    dataset: Dataset,
    network: Network,
    training: dict[str, Any],
    ensemble: EnsembleModel | None = None,
    temperature: float = 1.0,
) -> None:
    """Write the model file; it appears only when it is whole."""
    write_whole(path, serialize_model(spec, dataset, network, training, ensemble, temperature))


def serialize_model(
    spec: Spec,
    dataset: Dataset,
    network: Network,
    training: dict[str, Any],
    ensemble: EnsembleModel | None = None,
    temperature: float = 1.0,
) -> bytes:
    """Return the bytes of a model file."""
    from safetensors.numpy import save

    encoding = dataset.encoding
    document = {
        "format": FORMAT,
        "mlp_version": __version__,
        "spec": spec.model_dump() | {"runtime": _runtime(spec)},
        "encoding": {
            "task": encoding.task,
            "inputs": encoding.inputs.to_plain(),
            "target": target_to_plain(encoding.target),
            "missing": list(encoding.read.missing),
            **_reading(encoding.read),
            "weights": None if encoding.weights is None else asdict(encoding.weights),
            "readings": {n: reading_to_plain(each) for n, each in encoding.readings.items()},
        },
        "data": {
            "sha256": dataset.sha256,
            "rows": {part: table.n_file_rows for part, table in dataset.tables.items()},
            "split": None if dataset.codes is None else pack_codes(dataset.codes),
        },
        "training": training,
        "temperature": temperature,
    }
    if ensemble is not None:
        document["ensemble"] = asdict(ensemble)
    tensors = {name: np.ascontiguousarray(t) for name, t in network.tensors().items()}
    document["tensors_sha256"] = _sha256(tensors)
    # ASCII: a file name that is not UTF-8 is text that UTF-8 cannot write.
    metadata = {"mlp": json.dumps(document, allow_nan=False)}
    return seal(save(tensors, metadata=metadata))


def _runtime(spec: Spec) -> dict[str, Any]:
    """Return the section with defaults for the keys that do not change the numbers."""
    return RuntimeSpec(dtype=spec.runtime.dtype, shards=spec.runtime.shards).model_dump()


def _reading(read: ReadOptions) -> dict[str, str | None]:
    """Return how the training rows' file is written: others are so where they show nothing else."""
    return {
        "delimiter": read.usual_delimiter,
        "decimal": read.usual_decimal,
        "encoding": read.usual_encoding,
    }


def _sha256(tensors: Mapping[str, Array]) -> str:
    """Return the SHA-256 of what the tensors hold, in the order of their names."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        found.update(tensors[name].data)
    return found.hexdigest()


def load_model(path: Path) -> Model:
    """Read a model file. Raises RunError, in a sentence, for whatever is wrong with it."""
    from mlpcli.runs.model_description import Description

    tensors, document, is_sealed = _read(path)
    version = document.get("format") if isinstance(document, dict) else None
    if version != FORMAT:
        raise RunError(f"{path}: the model's format is {version!r}, not {FORMAT}")
    damaged = f"{path}: the model's description is damaged"
    try:
        described = Description.model_validate(document)
        spec, data = described.spec, described.data
        readings = {n: build(READINGS, m) for n, m in described.encoding.readings.items()}
        encoding = _encoding(document["encoding"], spec, readings)
        architecture = build_architecture(spec, encoding)
        codes = None if data.split is None else _codes(data.split, data.rows["data"])
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise RunError(f"{damaged}: {dotted(first['loc'])}: {first['msg']}") from None
    except KeyError as error:
        raise RunError(f"{damaged}: there is no {error}") from None
    except (ValueError, OverflowError, zlib.error, DataError) as error:
        raise RunError(f"{damaged}: {error}") from None
    ensemble = (
        None if described.ensemble is None else EnsembleModel(**described.ensemble.model_dump())
    )
    if described.temperature != 1 and not has_temperature(architecture.loss):
        raise RunError(f"{damaged}: {architecture.loss.name} has no temperature")
    if not _replicas_fit(ensemble, spec, encoding):
        raise RunError(f"{damaged}: its replicas are not those of its spec")
    lane_shape = () if ensemble is None else (len(ensemble.seeds),)
    vector = _vector(path, architecture.layout, tensors, spec.runtime.dtype, lane_shape)
    network = Network(architecture, vector)
    changed = not is_sealed and described.tensors_sha256 not in (None, _sha256(tensors))
    return Model(
        spec,
        encoding,
        network,
        data.sha256,
        codes,
        described.training,
        ensemble,
        changed,
        described.temperature,
    )


def _vector(
    path: Path, layout: Layout, tensors: dict[str, Array], dtype: str, lane_shape: Shape
) -> Array:
    """Return a network's numbers. Raises RunError where the tensors are not those of the layout."""
    for tensor in layout.tensors:  # all, before memory is taken for what may not be there
        value, shape = tensors.get(tensor.name), (*lane_shape, *tensor.shape)
        if value is None or value.shape != shape or value.dtype != dtype:
            found = "missing" if value is None else f"{value.dtype} {value.shape}"
            raise RunError(f"{path}: the tensor {tensor.name} is {found}, not {dtype} {shape}")
    unknown = tensors.keys() - {tensor.name for tensor in layout.tensors}
    if unknown:
        raise RunError(f"{path}: the tensor {min(unknown)} belongs to no layer of the model")
    vector = np.empty((*lane_shape, layout.n_numbers), dtype)
    for tensor in layout.tensors:
        tensor.view(vector)[...] = tensors[tensor.name]
    if not np.isfinite(vector).all():
        raise RunError(f"{path}: the model has parameters that are not finite numbers")
    for tensor in layout.statistics:
        if tensor.name.endswith(".variance") and (tensor.view(vector) < 0).any():
            raise RunError(f"{path}: the tensor {tensor.name} has variances below 0")
        if tensor.name.endswith(".edges") and (np.diff(tensor.view(vector)) < 0).any():
            raise RunError(f"{path}: the tensor {tensor.name} has edges that do not ascend")
    return vector


def _encoding(plain: dict[str, Any], spec: Spec, readings: dict[str, Reading]) -> Encoding:
    """Return the encoding in a valid description. ValueError, DataError: its parts disagree."""
    inputs, target = InputEncoder.from_plain(plain["inputs"]), target_from_plain(plain["target"])
    if not inputs.n_features or list(target.names) != spec.data.targets:
        raise ValueError("its columns are not those of its spec")
    if not plain["task"] == spec.data.task == target.task or not _fits(target, spec):
        raise ValueError("its target is not that of its spec")
    means = [c for c in inputs.columns if isinstance(c, TargetMean)]
    if any(column.width != target.n_outputs for column in means):
        raise ValueError("its inputs are not those of its target")
    if spec.data.image is not None:
        check_image(inputs, spec.data.image.shape)
    metrics = [metric.name for metric in fitting_metrics(spec, plain["task"])]
    problems = [*check_spec(spec), *check_task(spec, plain["task"], metrics)]
    if problems:
        raise ValueError(f"{dotted(problems[0].path)}: {problems[0].problem}")
    "".join(plain["missing"]).encode()  # raises where no file could have such a text
    text = (*inputs.text_columns, *text_columns(target), *columns_of_texts(readings))
    read = ReadOptions(
        tuple(plain["missing"]),
        text=tuple(dict.fromkeys(text)),
        usual_delimiter=plain["delimiter"],
        usual_decimal=plain.get("decimal") or spec.data.decimal or ".",
        usual_encoding=plain.get("encoding"),
        spelt=spec.data.spelt_with_blanks,
    )
    weights = None if plain.get("weights") is None else RowWeights.from_plain(plain["weights"])
    if not _weighs(weights, spec, target):
        raise ValueError("its weights are not those of its spec")
    return Encoding(plain["task"], inputs, target, read, weights, readings)


def _weighs(weights: RowWeights | None, spec: Spec, target: TargetEncoder) -> bool:
    """Whether weights are by the column and the classes that the spec asks for."""
    column, by_class = (None, None) if weights is None else (weights.column, weights.by_class)
    if column != spec.data.sample_weight:
        return False
    if by_class is None or spec.data.class_weight is None:
        return by_class is None and spec.data.class_weight is None
    return isinstance(target, ClassTarget) and len(by_class) == len(target.classes)


def _replicas_fit(ensemble: EnsembleModel | None, spec: Spec, encoding: Encoding) -> bool:
    """Whether there are replicas where the spec asks for some, and errors of each target."""
    if ensemble is None or spec.replicated is None:
        return ensemble is None and spec.replicated is None
    widths = {len(row) for row in ensemble.errors}
    width = len(encoding.target.names) if isinstance(encoding.target, RegressionTarget) else 1
    return len(ensemble.seeds) <= spec.replicated.replicas and widths <= {width}


def _fits(target: TargetEncoder, spec: Spec) -> bool:
    """Whether a target has as many classes, or shifts and scales, as its task asks for."""
    if isinstance(target, ClassTarget):
        n = len(set(target.classes))
        enough = n == 2 if target.task == "binary" else n >= 2  # noqa: PLR2004
        return enough and n == len(target.classes) and len(target.names) == 1
    if isinstance(target, RegressionTarget):
        has_log, n = target.log_offset is not None, len(target.names)
        widths = {
            len(each) for each in (target.shift, target.scale, target.log_offset or target.shift)
        }
        is_asked = has_log == (spec.data.scale_target == "log")
        return widths == {n} and min(target.scale) > 0 and is_asked
    return True


def _codes(packed: str, n_rows: int) -> Array:
    if n_rows > MOST_ROWS_A_LETTER * len(packed):
        raise ValueError(f"the split is not of {n_rows} rows")
    require(2 * n_rows, f"a split of {n_rows:,} rows", "the file may be damaged")
    codes = unpack_codes(packed, n_rows)
    if ((codes >= len(PARTS)) & (codes != LEFT_OUT)).any():
        raise ValueError("a row is in no part of the split")
    return codes


def _read(path: Path) -> tuple[dict[str, Array], Any, bool]:
    """Return tensors, description, and whether they have a seal, which is checked before."""
    try:
        content = read_bytes(path)
        sealed = check_seal(content)
        if sealed is False:
            raise RunError(f"{path}: the model file is damaged: its checksum does not match")
        tensors, metadata = parse_tensors(content)
    except NotTensorsError as error:
        raise RunError(f"{path}: not a model file, or a damaged one ({error})") from None
    if "mlp" not in metadata:
        raise RunError(f"{path}: a safetensors file, but not one that mlp wrote")
    more = metadata.keys() - {"mlp", *["sha256"] * bool(sealed)}
    if more:  # a seal of which a byte is damaged looks so
        raise RunError(f"{path}: the model file is damaged: it has metadata that no model has")
    try:
        return tensors, parse_json(metadata["mlp"].encode()), sealed is True
    except ValueError as error:  # also: half a character
        raise RunError(f"{path}: the model's description is damaged: {error}") from None
