"""Whatever is wrong with a model file: one sentence and exit code 5, and nothing is executed."""

import contextlib
import copy
import itertools
import json
import struct

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlpcli.data.readers import read_table
from mlpcli.errors import DataError, FileError, RunError
from mlpcli.runs.evaluate import load_parts, predict
from mlpcli.runs.model_file import load_model


def refused(path, content, words=None):
    """Assert that a file of this content is refused in one line that names the file."""
    path.write_bytes(content)
    with pytest.raises(RunError, match=words) as caught:
        load_model(path)
    assert caught.value.exit_code == 5
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


class Parts:
    """A model file taken apart: its header, what it says of itself, its tensors' bytes."""

    def __init__(self, content):
        (n,) = struct.unpack("<Q", content[:8])
        self.header = json.loads(content[8 : 8 + n])
        self.told = json.loads(self.header["__metadata__"]["mlp"])
        del self.header["__metadata__"]["sha256"]  # so that what is changed can be read at all
        self.body = content[8 + n :]

    def changed(self, path, value):
        """Return the file with one thing in its description changed; REMOVE takes it out."""
        told = copy.deepcopy(self.told)
        inside = told
        for key in path[:-1]:
            inside = inside[key]
        if value is REMOVE:
            del inside[path[-1]]
        else:
            inside[path[-1]] = value
        return self.joined(metadata={"mlp": json.dumps(told)})

    def joined(self, header=None, metadata=None, body=None):
        header = dict(self.header if header is None else header)
        if metadata is not None:
            header["__metadata__"] = metadata
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        return struct.pack("<Q", len(text)) + text + (self.body if body is None else body)


REMOVE = object()


@pytest.fixture(scope="module")
def sealed(iris_run):
    return iris_run.model.read_bytes()


@pytest.fixture(scope="module")
def parts(sealed):
    return Parts(sealed)


@pytest.fixture(scope="module")
def content(parts):
    """Return a file without a seal, as earlier versions wrote it."""
    return parts.joined()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged") / "model.safetensors"


def test_taken_apart_and_joined_it_is_a_model(parts, file):
    file.write_bytes(parts.joined())
    assert load_model(file).training["epochs"] == 3


def test_any_bit_of_a_sealed_file(sealed, file):
    for at in [*range(120), *range(120, len(sealed), 29), len(sealed) - 1]:
        damaged = bytearray(sealed)
        damaged[at] ^= 1 << at % 8
        refused(file, bytes(damaged), "damaged")


@pytest.mark.parametrize("place", [200, 2000, -1])
def test_what_is_said_of_another_byte_in_a_sealed_file(place, sealed, file):
    damaged = bytearray(sealed)
    damaged[place] ^= 1
    refused(file, bytes(damaged), "the model file is damaged: its checksum does not match")


def test_a_scale_or_a_class_that_is_another_is_seen(sealed, file):
    """Each is valid, and alone would change predictions without a word."""
    for old, new in [(b"setosa", b"setosb"), (b'\\"scale\\": 0.', b'\\"scale\\": 3.')]:
        assert sealed.count(old)
        refused(file, sealed.replace(old, new), "its checksum does not match")


def test_a_seal_that_is_no_longer_one(sealed, file):
    for old, new in [(b'"sha256":"', b'"sha255":"'), (b'"sha256":"', b'"sha256" :"')]:
        refused(file, sealed.replace(old, new, 1), "damaged")


def test_a_spec_with_keys_that_only_earlier_versions_wrote_is_a_model(parts, file):
    runtime = {"dtype": "float32", "threads": "auto", "memory": "auto"}
    former = runtime | {"shards": "auto", "checkpoint_seconds": 10.0}
    file.write_bytes(parts.changed(("spec", "runtime"), former))
    assert load_model(file).spec.runtime.model_dump() == former


@pytest.mark.parametrize("kind", ["sealed", "content"])
def test_cut_off_anywhere(kind, request, file):
    content = request.getfixturevalue(kind)
    for length in [*range(16), *range(16, len(content), 37), len(content) - 1]:
        refused(file, content[:length])


@pytest.mark.parametrize("more", [b"\0", b"\0" * 1000])
def test_longer_than_it_says(more, content, file):
    refused(file, content + more, "not a model file")


@pytest.mark.parametrize("length", [0, 1, 10**6, 10**8 + 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_header_of_another_length(length, content, file):
    refused(file, struct.pack("<Q", length) + content[8:], "not a model file")


@pytest.mark.parametrize(
    "other",
    [b"", b"epoch,train_loss\n1,0.5\n", b"PK\x03\x04", b"\x80\x04\x95csystem\n.", b"{}" * 99],
)
def test_another_kind_of_file(other, file):
    refused(file, other, "not a model file")


@given(
    flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4),
    body_too=st.booleans(),
)
def test_flipped_bytes(flips, body_too, content, file):
    (n,) = struct.unpack("<Q", content[:8])
    damaged = bytearray(content)
    for place, byte in flips:
        damaged[place % (len(content) if body_too else 8 + n)] = byte
    usable_or_refused(file, bytes(damaged))


# In each string and base64 text of the description: zlib's own errors lie behind the split's.
@given(place=st.integers(0, 10**6), byte=st.integers(32, 126))
@example(place=0, byte=ord("A"))
@example(place=4, byte=ord("A"))
@example(place=11, byte=ord("A"))
def test_a_damaged_split(place, byte, parts, file):
    text = parts.told["data"]["split"]
    place %= len(text)
    damaged = text[:place] + chr(byte) + text[place + 1 :]
    usable_or_refused(file, parts.changed(("data", "split"), damaged))


def usable_or_refused(path, content):
    """Assert that a file is refused when it is loaded, or else evaluates and predicts.

    What it evaluates and predicts may be wrong, as when a digit of a weight was changed; that
    its data cannot be found or do not fit is said in a sentence too.
    """
    path.write_bytes(content)
    try:
        model = load_model(path)
    except RunError:
        return
    assert np.isfinite(model.network.theta).all()
    with contextlib.suppress(DataError, RunError, FileError):
        load_parts(model, None, None)
        predict(model, read_table(model.spec.data.path, model.encoding.read))


# ---------------------------------------------------------------- what it says of itself


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        (None, "not one that mlp wrote"),
        ({}, "not one that mlp wrote"),
        ({"format": "pt"}, "not one that mlp wrote"),
        ({"mlp": ""}, "damaged"),
        ({"mlp": "{"}, "damaged"),
        ({"mlp": "import os"}, "damaged"),
        ({"mlp": "[" * 100_000}, "damaged"),
        ({"mlp": "1" * 100_000}, "damaged"),
        ({"mlp": "[]"}, "format is None, not 1"),
        ({"mlp": "null"}, "format is None, not 1"),
        ({"mlp": "{}"}, "format is None, not 1"),
        ({"mlp": '{"format": 1}'}, "damaged"),
    ],
)
def test_metadata_that_is_not_ours(metadata, words, parts, file):
    header = {name: value for name, value in parts.header.items() if name != "__metadata__"}
    refused(file, parts.joined(header, metadata), words)


@pytest.mark.parametrize("number", [0, 2, -1, 1.5, "1", None, [1]])
def test_another_format_number(number, parts, file):
    refused(file, parts.changed(("format",), number), "the model's format is .*, not 1")


def paths_in(value, path=()):
    if path:
        yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from paths_in(value[key], (*path, key))


OTHERS = [None, True, -1, 1e300, 10**30, float("nan"), "text", "", "\ud800", [], [None], {}]


@pytest.mark.parametrize(
    ("run", "section"),
    [
        *itertools.product(
            ["iris_run", "mixed_run"], ["mlp_version", "encoding", "data", "training", "spec"]
        ),
        ("coded_run", "encoding"),
    ],
)
def test_any_other_type_in_any_field(section, run, request, file):
    parts = Parts(request.getfixturevalue(run).model.read_bytes())
    for path in paths_in({section: parts.told[section]}):
        others = [*OTHERS, REMOVE] if section != "spec" else [None, "text", [None], REMOVE]
        for other in others:
            usable_or_refused(file, parts.changed(path, other))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("encoding", "inputs"), [], "columns are not those of its spec"),
        (("encoding", "inputs", 0, "scale"), 0.0, "scale.*greater than 0"),
        (("encoding", "inputs", 0, "shift"), None, "shift"),
        (("encoding", "inputs", 0, "name"), 5, "name"),
        (("encoding", "delimiter"), ",,", "delimiter"),
        (("encoding", "task"), "binary", "target is not that of its spec"),
        (("encoding", "target", "task"), "binary", "target is not that of its spec"),
        (("encoding", "target", "names"), ["other"], "columns are not those of its spec"),
        (("encoding", "target", "classes"), ["a", "b", "b"], "target is not that of its spec"),
        (("encoding", "target", "classes"), [], "damaged"),
        (("spec", "data", "task"), "regression", "target is not that of its spec"),
        (("spec", "model", "loss"), {"name": "binary_cross_entropy"}, "damaged: model"),
        (("spec", "model", "output"), {"name": "sigmoid"}, "damaged"),
        (("spec", "model", "layers", 0, "units"), 6, "hidden.1.weight is float32 .4, 5., not"),
        (("spec", "model", "layers", 0, "units"), 0, "units"),
        (("spec", "model", "layers"), [{"units": 10**6}] * 1000, "the tensor hidden.1.weight"),
        (("spec", "runtime", "dtype"), "float64", "is float32 .4, 5., not float64"),
        (("spec", "no_such_key"), 1, "no_such_key"),
        (("data", "rows", "data"), 149, "not of 149 rows"),
        (("data", "rows", "data"), 10**30, "damaged"),
        (("data", "rows"), {}, "damaged"),
        (("data", "split"), "", "damaged"),
        (("data", "split"), "not base64!", "damaged"),
        (("data", "split"), "AAAA", "damaged"),
    ],
)
def test_parts_that_do_not_fit_together(path, value, words, parts, file):
    refused(file, parts.changed(path, value), words)


def test_a_split_into_parts_that_there_are_not(parts, file):
    from mlpcli.data.splitting import pack_codes

    codes = np.full(150, 3, np.uint8)
    refused(file, parts.changed(("data", "split"), pack_codes(codes)), "in no part")


# ---------------------------------------------------------------- tensors


def with_tensors(parts, change):
    from safetensors.numpy import load, save

    header = {name: value for name, value in parts.header.items() if name != "__metadata__"}
    tensors = load(parts.joined(header))
    change(tensors)
    return save(tensors, metadata=parts.header["__metadata__"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop("hidden.2.bias"), "the tensor hidden.2.bias is missing"),
        (lambda t: t.clear(), "the tensor hidden.1.weight is missing"),
        (lambda t: t.update(more=t["output.bias"]), "more belongs to no layer"),
        (
            lambda t: t.update({"hidden.1.weight": t["hidden.1.weight"].T.copy()}),
            r"hidden.1.weight is float32 \(5, 4\), not float32 \(4, 5\)",
        ),
        (
            lambda t: t.update({"output.bias": t["output.bias"][np.newaxis]}),
            r"output.bias is float32 \(1, 3\), not float32 \(3,\)",
        ),
        (
            lambda t: t.update({"output.bias": t["output.bias"].astype("f8")}),
            r"output.bias is float64 \(3,\), not float32 \(3,\)",
        ),
        (
            lambda t: t.update({"output.bias": t["output.bias"].astype("i4")}),
            "output.bias is int32",
        ),
        (lambda t: t["hidden.2.weight"].__setitem__((1, 2), np.nan), "not finite"),
        (lambda t: t["output.bias"].__setitem__(0, -np.inf), "not finite"),
    ],
)
def test_tensors_that_do_not_belong(change, words, parts, file):
    refused(file, with_tensors(parts, change), words)


@pytest.mark.parametrize("dtype", ["BF16", "F8_E4M3", "F16", "I64", "BOOL", "F4", "object", ""])
def test_a_type_that_numpy_may_not_even_have(dtype, parts, file):
    header = copy.deepcopy(parts.header)
    header["output.bias"]["dtype"] = dtype
    refused(file, parts.joined(header))


def test_the_words_of_the_system_where_it_cannot_be_read(tmp_path):
    with pytest.raises(FileError, match="No such file") as caught:
        load_model(tmp_path / "missing")
    assert caught.value.exit_code == 6


def test_nothing_is_executed(parts, file, tmp_path):
    """Texts that a careless reader would run leave no trace, wherever they stand."""
    trace = tmp_path / "trace"
    evil = f"__import__('pathlib').Path({str(trace)!r}).touch()"
    yaml_evil = f"!!python/object/apply:os.system ['touch {trace}']"
    for path in paths_in(parts.told):
        for text in (evil, yaml_evil, {"__reduce__": evil}):
            usable_or_refused(file, parts.changed(path, text))
    refused(file, f"cbuiltins\neval\n(V{evil}\ntR.".encode(), "not a model file")
    assert not trace.exists()
