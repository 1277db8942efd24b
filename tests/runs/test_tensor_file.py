"""Nothing that a safetensors file says of itself is believed before it is checked."""

import json
import os
import struct
import tracemalloc

import numpy as np
import pytest
from safetensors.numpy import save, save_file

from mlpcli.errors import FileError
from mlpcli.runs.tensor_file import NotTensorsError, parse_json, parse_tensors, read_bytes


def file_of(header, body=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def entry(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_what_safetensors_writes_is_read_without_a_copy():
    tensors = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.array([], np.float64).reshape(0, 4),
        "c": np.array(7, np.int64),
        "d": np.array([True, False]),
        "e": np.arange(5, dtype=np.uint16),
    }
    content = save(tensors, metadata={"x": "é", "y": "1"})
    read, metadata = parse_tensors(content)
    assert metadata == {"x": "é", "y": "1"}
    assert read.keys() == tensors.keys()
    memory = np.frombuffer(content, np.uint8)
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(read[name], tensor, strict=True)
        assert not tensor.size or np.shares_memory(read[name], memory)


EIGHT = b"\0" * 8


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "would have"),
        (struct.pack("<Q", 2**63) + b"{}", "would have 9,223,372,036,854,775,808 bytes"),
        (struct.pack("<Q", 3) + b"{}", "would have 3 bytes"),
        (file_of([]), "no object"),
        (file_of(b"\xff\xfe"), "decode"),
        (file_of(b"[" * 100_000), "nested too deeply"),
        (file_of({"__metadata__": {"mlp": 1}}), "not texts"),
        (file_of({"__metadata__": []}), "not texts"),
        (file_of({"a": entry([10**17], 0, 4 * 10**17)}), "have 400,000,000,000,000,000 bytes"),
        (file_of({"a": entry([10**12], 0, 8)}, EIGHT), "not as many bytes as its shape says"),
        (file_of({"a": entry([2**62, 4], 0, 0)}), "a shape that is not valid"),
        (file_of({"a": entry({}, 0, 4)}, bytes(4)), "a shape that is not valid"),
        (file_of({"a": entry([2**63], 0, 0)}), "a shape that is not valid"),
        (file_of({"a": entry([-2], 0, -8)}), "a shape that is not valid"),
        (file_of({"a": entry([2.0], 0, 8)}, EIGHT), "a shape that is not valid"),
        (file_of({"a": entry([True, 2], 0, 8)}, EIGHT), "a shape that is not valid"),
        (file_of({"a": entry([1] * 65 + [2], 0, 8)}, EIGHT), "a shape that is not valid"),
        (file_of({"a": entry([2], 0, 8), "b": entry([2], 0, 8)}, EIGHT), "does not begin"),
        (file_of({"a": entry([1], 4, 8)}, EIGHT), "does not begin"),
        (file_of({"a": entry([1], 0, 4)}, EIGHT), "have 4 bytes, and 8 are there"),
        (file_of({"a": entry([2], 0, 8, "BF16")}, EIGHT), "no known type"),
        (file_of({"a": entry([2], 0, 8, ["F32"])}, EIGHT), "no known type"),
        (file_of({"a": entry(2, 0, 8)}, EIGHT), "no known type"),
        (file_of({"a": {"dtype": "F32"}}), "no known type"),
        (file_of({"a": 5}), "no known type"),
        (file_of({"a": "dtype"}), "no known type"),
    ],
)
def test_a_header_that_lies(content, words):
    with pytest.raises(NotTensorsError, match=words):
        parse_tensors(content)


def test_a_shape_with_a_zero_and_more_than_there_can_be():
    content = file_of({"a": entry([0, 2**62, 2**62], 0, 0)})
    with pytest.raises(NotTensorsError, match="a shape that is not valid"):
        parse_tensors(content)


def test_a_description_that_would_take_more_memory_than_a_model_has():
    with pytest.raises(NotTensorsError, match="too long"):
        parse_json(b"[" + b"[]," * (1 << 23) + b"0]")


def test_a_file_that_begins_otherwise_is_read_no_further(tmp_path):
    path = tmp_path / "m"
    path.write_bytes(b"")
    os.truncate(path, 1 << 40)  # sparse
    with pytest.raises(NotTensorsError):
        read_bytes(path)


def test_a_file_larger_than_the_free_memory_is_refused_with_the_numbers(tmp_path):
    path = tmp_path / "m"
    path.write_bytes(struct.pack("<Q", 100) + b"{")
    os.truncate(path, 1 << 42)
    with pytest.raises(FileError, match=r"about 8\.0 TiB are needed, and .* are free"):
        read_bytes(path)


def test_the_peak_of_loading_is_the_file_and_the_parameters(tmp_path):
    """The bytes of the file, and the network's vector; not a third copy."""
    n_bytes = 1 << 24
    save_file({"a": np.zeros(n_bytes // 4, np.float32)}, tmp_path / "m", metadata={"mlp": "x"})
    tracemalloc.start()
    try:
        tensors, _ = parse_tensors(read_bytes(tmp_path / "m"))
        tensors["a"].copy()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2.1 * n_bytes
