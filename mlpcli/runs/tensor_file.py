"""A safetensors file, read as bytes that nothing is believed of.

8 bytes: how long the header is, a little-endian number. The header: a JSON object of tensors, each
with dtype, shape and where its bytes begin and end, and of the texts in `__metadata__`. Then the
bytes of the tensors. Source: https://github.com/huggingface/safetensors, "Format".
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from mlpcli.array_types import Array
from mlpcli.errors import FileError
from mlpcli.memory import require

LENGTH = 8
LONGEST_HEADER = 100_000_000  # bytes, the format's own limit
# Bytes that Python takes, at most, for a value of a list or object, and for a list or object. What
# a header may take in all: a thousand columns with ten thousand categories each take as much.
PER_VALUE, PER_LIST, MOST = 64, 128, 1 << 30
MOST_AXES, MOST_NUMBERS = 8, 1 << 59  # of a tensor, so that NumPy can count its bytes
DTYPES = {
    **{f"F{8 * n}": f"<f{n}" for n in (2, 4, 8)},
    **{f"I{8 * n}": f"<i{n}" for n in (1, 2, 4, 8)},
    **{f"U{8 * n}": f"<u{n}" for n in (1, 2, 4, 8)},
    "BOOL": "|b1",
}


class NotTensorsError(ValueError):
    """It is no safetensors file, or a damaged one; why, in a few words."""


def read_bytes(path: Path) -> bytes:
    """Return what is in a file that begins as a safetensors file with a header does.

    Raises NotTensorsError where it begins otherwise, having read no more; FileError where the
    system refuses, OutOfMemoryError where the file and its tensors are more than is free.
    """
    try:
        with path.open("rb") as file:
            start = file.read(LENGTH + 1)
            if not start[LENGTH:].startswith(b"{"):
                raise NotTensorsError("it does not begin as one")
            size = file.seek(0, 2)
            require(2 * size, f"{path}: the file and its tensors", "it may be no such file")
            file.seek(0)
            return file.read()
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from None


def parse_tensors(content: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    """Return the tensors of a file and its metadata. Raises NotTensorsError.

    content  the whole file; the tensors are views of it, and nothing is allocated for them
    """
    size = int.from_bytes(content[:LENGTH], "little")
    if size > min(LONGEST_HEADER, len(content) - LENGTH):
        raise NotTensorsError(f"its header would have {size:,} bytes")
    header = parse_json(content[LENGTH : LENGTH + size])
    if not isinstance(header, dict):
        raise NotTensorsError("its header is no object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise NotTensorsError("its metadata are not texts")
    body = memoryview(content)[LENGTH + size :]
    found = [(name, *_place(name, entry)) for name, entry in header.items()]
    end = 0
    for name, _, _, first, last in sorted(found, key=lambda each: each[3:]):
        if first != end:
            raise NotTensorsError(f"the tensor {name} does not begin where another one ends")
        end = last
    if end != len(body):
        raise NotTensorsError(f"its tensors have {end:,} bytes, and {len(body):,} are there")
    tensors = {
        name: np.frombuffer(body[first:last], dtype).reshape(shape)
        for name, dtype, shape, first, last in found
    }
    return tensors, metadata


def parse_json(raw: bytes) -> Any:
    """Return the value of a JSON text. Raises NotTensorsError."""
    n_values = raw.count(b",") + raw.count(b":") + 1
    n_lists = raw.count(b"[") + raw.count(b"{")
    if PER_VALUE * n_values + PER_LIST * n_lists > MOST:
        raise NotTensorsError(f"its description of {n_values:,} values is too long to be read")
    try:
        return json.loads(raw.decode())
    except RecursionError:
        raise NotTensorsError("its description is nested too deeply") from None
    except ValueError as error:
        raise NotTensorsError(str(error)) from None


def _place(name: str, entry: Any) -> tuple[str, list[int], int, int]:
    """Return dtype, shape, and where the bytes begin and end, of a tensor's entry."""
    try:
        dtype, shape = DTYPES[entry["dtype"]], entry["shape"]
        first, last = entry["data_offsets"]
        numbers = [first, last, *shape]
    except (KeyError, TypeError, ValueError):
        raise NotTensorsError(f"the tensor {name} is of no known type or shape") from None
    are_sizes = all(type(n) is int and n >= 0 for n in numbers) and len(shape) <= MOST_AXES
    are_sizes = are_sizes and isinstance(shape, list)
    if not are_sizes or math.prod(max(n, 1) for n in numbers[2:]) >= MOST_NUMBERS:
        raise NotTensorsError(f"the tensor {name} has a shape that is not valid")
    if math.prod(shape) * np.dtype(dtype).itemsize != last - first:
        raise NotTensorsError(f"the tensor {name} has not as many bytes as its shape says")
    return dtype, shape, first, last
