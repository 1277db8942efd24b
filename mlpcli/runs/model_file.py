"""model.safetensors: one file is one model, with all that eval and predict need.

Tensors: hidden.K.weight (fan_in, fan_out), hidden.K.bias, output.weight, output.bias. The
metadata has one entry, `mlp`, a JSON document: the resolved spec, the fitted encoding, the split.
Nothing in it is ever executed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlpcli import __version__
from mlpcli.data.dataset import Dataset, Encoding
from mlpcli.data.inputs import InputEncoder
from mlpcli.data.readers import ReadOptions
from mlpcli.data.splitting import pack_codes, unpack_codes
from mlpcli.data.targets import target_from_plain, target_to_plain
from mlpcli.errors import FileError, RunError
from mlpcli.nn.arrays import Array
from mlpcli.nn.network import Network
from mlpcli.runs.files import write_whole
from mlpcli.spec.schema import Spec
from mlpcli.training.assemble import build_architecture

FORMAT = 1


@dataclass(frozen=True)
class Model:
    """A trained network, and how to apply it to a table.

    sha256    of the files it was trained on, by part, or `data` for one file
    codes     each row's part in that one file; None where each part had its own
    training  how it was trained: best epoch, reason, epochs
    """

    spec: Spec
    encoding: Encoding
    network: Network
    sha256: dict[str, str]
    codes: Array | None
    training: dict[str, Any]


def save_model(
    path: Path, spec: Spec, dataset: Dataset, network: Network, training: dict[str, Any]
) -> None:
    """Write the model file; it appears only when it is whole."""
    from safetensors.numpy import save

    encoding = dataset.encoding
    document = {
        "format": FORMAT,
        "mlp_version": __version__,
        "spec": spec.model_dump(),
        "encoding": {
            "task": encoding.task,
            "inputs": encoding.inputs.to_plain(),
            "target": target_to_plain(encoding.target),
            "missing": list(encoding.read.missing),
            "delimiter": encoding.read.delimiter,
        },
        "data": {
            "sha256": dataset.sha256,
            "rows": {part: len(table) for part, table in dataset.tables.items()},
            "split": None if dataset.codes is None else pack_codes(dataset.codes),
        },
        "training": training,
    }
    tensors = {name: np.ascontiguousarray(t) for name, t in network.tensors().items()}
    metadata = {"mlp": json.dumps(document, ensure_ascii=False, allow_nan=False)}
    write_whole(path, save(tensors, metadata=metadata))


def load_model(path: Path) -> Model:
    """Read a model file. Raises RunError, in a sentence, for whatever is wrong with it."""
    tensors, document = _read(path)
    if document.get("format") != FORMAT:
        raise RunError(f"{path}: the model's format is {document.get('format')!r}, not {FORMAT}")
    try:
        spec = Spec.model_validate(document["spec"])
        plain = document["encoding"]
        inputs = InputEncoder.from_plain(plain["inputs"])
        encoding = Encoding(
            plain["task"],
            inputs,
            target_from_plain(plain["target"]),
            ReadOptions(tuple(plain["missing"]), plain["delimiter"], tuple(inputs.text_columns)),
        )
        architecture = build_architecture(spec, encoding)
        data = document["data"]
        packed = data["split"]
        codes = None if packed is None else unpack_codes(packed, int(data["rows"]["data"]))
        training, sha256 = dict(document["training"]), dict(data["sha256"])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        problem = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RunError(f"{path}: the model's description is damaged: {problem}") from None
    layout = architecture.layout
    theta = np.empty(layout.n_params, spec.runtime.dtype)
    for tensor in layout.tensors:
        value = tensors.pop(tensor.name, None)
        if value is None or value.shape != tensor.shape or value.dtype != theta.dtype:
            found = "missing" if value is None else f"{value.dtype} {value.shape}"
            raise RunError(
                f"{path}: the tensor {tensor.name} is {found}, not {theta.dtype} {tensor.shape}"
            )
        tensor.view(theta)[...] = value
    if tensors:
        raise RunError(f"{path}: the tensor {min(tensors)} belongs to no layer of the model")
    if not np.isfinite(theta).all():
        raise RunError(f"{path}: the model has parameters that are not finite numbers")
    return Model(spec, encoding, Network(architecture, theta), sha256, codes, training)


def _read(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with path.open("rb"):  # for the operating system's own words on why it cannot be read
            pass
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            document = json.loads(metadata["mlp"])
            if not isinstance(document, dict):
                raise TypeError("its description is not a mapping")
            return {name: file.get_tensor(name) for name in file.keys()}, document  # noqa: SIM118
    except SafetensorError as error:
        raise RunError(f"{path}: not a model file: {error}") from None
    except KeyError:
        raise RunError(f"{path}: a safetensors file, but not one that mlp wrote") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise RunError(f"{path}: the model's description is damaged: {error}") from None
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from None
