"""A seal is over every byte of a file."""

import hashlib
import json
import tracemalloc

import numpy as np
import pytest
from safetensors.numpy import load, save

from mlpcli.runs.seal import check_seal, seal

TENSORS = {"a": np.arange(3, dtype=np.float32), "b": np.arange(4, dtype=np.float64)}
SEALED = seal(save(TENSORS, metadata={"mlp": json.dumps({"sha256": "f" * 64})}))


def test_the_seal_is_the_sha256_of_the_file_with_zeros_in_its_place():
    size = int.from_bytes(SEALED[:8], "little")
    digits = json.loads(SEALED[8 : 8 + size])["__metadata__"]["sha256"]
    assert SEALED.count(digits.encode()) == 1
    blank = SEALED.replace(digits.encode(), b"0" * 64)
    assert hashlib.sha256(blank).hexdigest() == digits
    assert check_seal(SEALED) is True


def test_safetensors_reads_a_sealed_file_and_its_tensors_are_aligned():
    read = load(SEALED)
    assert all((read[name] == tensor).all() for name, tensor in TENSORS.items())
    assert int.from_bytes(SEALED[:8], "little") % 8 == 0


def test_no_flipped_bit_keeps_the_seal():
    for at in range(len(SEALED)):
        for bit in range(8):
            damaged = bytearray(SEALED)
            damaged[at] ^= 1 << bit
            assert check_seal(bytes(damaged)) is not True, (at, bit)


@pytest.mark.parametrize(
    "damaged",
    [
        SEALED[:-1],
        SEALED + b"\0",
        SEALED[:-8] + SEALED[-4:] + SEALED[-8:-4],
    ],
    ids=["shorter", "longer", "two numbers swapped"],
)
def test_other_damage_breaks_it(damaged):
    assert check_seal(damaged) is False


WORDS = np.frombuffer(b'{"__metadata__":{"sha256":"' + b"0" * 64 + b'",', np.uint8)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 7,
        save(TENSORS, metadata={"mlp": "{}"}),
        save({"words": WORDS}, metadata={"mlp": "{}"}),
    ],
)
def test_a_file_without_a_seal_has_none(content):
    assert check_seal(content) is None


def test_a_checksum_in_a_document_is_not_taken_for_the_seal():
    document = json.dumps({"sha256": "0" * 64})
    assert check_seal(save(TENSORS, metadata={"mlp": document})) is None
    assert check_seal(save(TENSORS, metadata={"mlp": '"sha256":"' + "0" * 64 + '"'})) is None


def test_the_same_tensors_are_sealed_with_the_same_bytes():
    again = [seal(save(TENSORS, metadata={"mlp": "one"})) for _ in range(20)]
    assert len(set(again)) == 1


@pytest.mark.parametrize("metadata", [None, {"mlp": "{}", "sha256": "0" * 64}])
def test_what_cannot_be_sealed_is_refused(metadata):
    with pytest.raises(ValueError, match=r"metadata"):
        seal(save(TENSORS, metadata=metadata))


def test_sealing_takes_the_memory_of_the_result_alone():
    written = save({"a": np.zeros(1 << 20, np.float64)}, metadata={"mlp": "{}"})
    tracemalloc.start()
    try:
        seal(written)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.1 * len(written)
