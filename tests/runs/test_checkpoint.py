"""checkpoint.safetensors: read back as written; damage found before it is parsed; two are kept."""

import hashlib
import json
import math
import os
import random
import shlex
import subprocess

import numpy as np
import pytest
from safetensors.numpy import save

from mlpcli.errors import FileError, OutOfMemoryError, RunError
from mlpcli.runs.checkpoint import (
    ENTRY,
    Checkpoint,
    load_checkpoint,
    parse_checkpoint,
    save_checkpoint,
    serialize_checkpoint,
    spec_digest,
)
from mlpcli.runs.checkpointing import CheckpointClock
from mlpcli.runs.files import Folder
from mlpcli.runs.names import CHECKPOINT, PREVIOUS
from mlpcli.runs.seal import seal
from mlpcli.spec.schema import Spec
from mlpcli.training.state import TrainingState

SPEC = Spec.model_validate({"data": {"path": "a.csv", "target": "y"}})
DATA = {"data": "ab" * 32}
METRICS = b"epoch\n1\n2\n"
TENSORS = {
    "theta": np.arange(6, dtype=np.float32).reshape(2, 3)[:, ::-1],
    "powers": np.array(0.1),
    "none": np.zeros((0, 3)),
    "active": np.array([True, False]),
    "rows": np.arange(4, dtype=np.uint8),
    "numbers": np.array([-5], dtype=np.int64),
}
DOCUMENT = {
    "best": math.inf,
    "generator": {"state": 2**127 + 1, "inc": 3},
    "rows": [{"val_loss": 0.1 + 0.2, "train_loss": math.nan}, None],
    "text": 'a "quoted" ü\ud800',
}


def checkpoint(length=5, **changes):
    """Return one that counts on so many bytes of the folder's metrics.csv."""
    known = {
        "lengths": {"metrics.csv": length},
        "hashes": {"metrics.csv": hashlib.sha256(METRICS[:length]).hexdigest()},
        "spec_sha256": spec_digest(SPEC),
        "data_sha256": DATA,
    }
    state = TrainingState(TENSORS, DOCUMENT)
    return Checkpoint(**{"state": state, **known, "epoch": 3, "rows": 40, **changes})


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "metrics.csv").write_bytes(METRICS)
    return tmp_path


def accept(state):
    assert state.tensors


def load(folder, spec=SPEC, data=DATA, restore=accept):
    name, found, note = load_checkpoint(Folder(folder), spec, data, restore)
    assert bool(name) == (found is not None)
    return found, note


def document_of(content):
    size = int.from_bytes(content[:8], "little")
    return json.loads(json.loads(content[8 : 8 + size])["__metadata__"][ENTRY])


def test_every_number_is_read_back_as_it_was(folder):
    save_checkpoint(Folder(folder), checkpoint())
    found, note = load(folder)
    assert note == ""
    assert (found.epoch, found.rows, found.lengths) == (3, 40, {"metrics.csv": 5})
    assert found.state.tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert found.state.tensors[name].dtype == tensor.dtype
        assert found.state.tensors[name].shape == tensor.shape
        assert found.state.tensors[name].tobytes() == np.ascontiguousarray(tensor).tobytes()
    read = found.state.document
    assert math.isnan(read["rows"][0].pop("train_loss"))
    assert read == {**DOCUMENT, "rows": [{"val_loss": 0.1 + 0.2}, None]}


def test_equal_states_are_equal_bytes():
    assert serialize_checkpoint(checkpoint()) == serialize_checkpoint(checkpoint())


def test_the_one_before_is_kept(folder):
    for epoch in range(1, 4):
        save_checkpoint(Folder(folder), checkpoint(epoch=epoch))
    assert load(folder)[0].epoch == 3
    assert parse_checkpoint((folder / PREVIOUS).read_bytes()).epoch == 2
    assert sorted(each.name for each in folder.iterdir()) == [PREVIOUS, CHECKPOINT, "metrics.csv"]


def test_killed_between_two_the_one_before_is_used_without_a_word(folder):
    save_checkpoint(Folder(folder), checkpoint(epoch=1))
    (folder / CHECKPOINT).rename(folder / PREVIOUS)
    found, note = load(folder)
    assert (found.epoch, note) == (1, "")


def test_a_save_that_fails_leaves_the_one_before(folder, monkeypatch):
    save_checkpoint(Folder(folder), checkpoint(epoch=1))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for _ in range(2):
        with pytest.raises(FileError, match="No space left"):
            save_checkpoint(Folder(folder), checkpoint(epoch=2))
    assert load(folder)[0].epoch == 1


def test_where_there_is_none(tmp_path):
    assert load_checkpoint(Folder(tmp_path), SPEC, DATA, accept) == ("", None, "")


def damage(content, rng):
    """Return a file with a flipped bit, cut off, lengthened, or with a block of other bytes."""
    at, kind = rng.randrange(len(content)), rng.randrange(5)
    if kind == 0:
        return content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :]
    if kind == 1:
        return content[:at]
    if kind == 2:
        return content + rng.randbytes(rng.randrange(1, 9))
    if kind == 3:
        block = rng.randbytes(rng.randrange(1, 64))
        return content[:at] + block + content[at + len(block) :]
    return content[:at] + content[at + rng.randrange(1, 32) :]


def test_two_thousand_damaged_ones_are_all_found():
    content, rng = serialize_checkpoint(checkpoint()), random.Random(0)
    for _ in range(2000):
        damaged = damage(content, rng)
        if damaged != content:
            with pytest.raises(RunError):
                parse_checkpoint(damaged)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 1}, "its format is 1, not 2"),
        ({"format": None}, "its format is None"),
        ({"lengths": {"metrics.csv": -1}}, r"lengths\.metrics\.csv: .*greater"),
        ({"lengths": {"../../etc/passwd": 1}}, "lengths"),
        ({"lengths": {"metrics.csv": 1.5}}, "lengths"),
        ({"hashes": {"metrics.csv": "0"}}, "hashes"),
        ({"spec_sha256": "0"}, "spec_sha256"),
        ({"data_sha256": {"data": None}}, "data_sha256"),
        ({"state": []}, "state"),
        ({"epoch": "1"}, "epoch"),
        ({"more": 1}, "more"),
    ],
)
def test_a_seal_does_not_make_a_description_right(changes, words):
    document = document_of(serialize_checkpoint(checkpoint())) | changes
    forged = seal(save(TENSORS, metadata={ENTRY: json.dumps(document)}))
    with pytest.raises(RunError, match=words):
        parse_checkpoint(forged)


@pytest.mark.parametrize("text", ["[]", "nonsense", "[" * 100_000, "{}", '{"format": 2}'])
def test_a_seal_does_not_make_json_right(text):
    with pytest.raises(RunError):
        parse_checkpoint(seal(save(TENSORS, metadata={ENTRY: text})))


@pytest.mark.parametrize(
    "tensor",
    [
        {"dtype": "F64", "shape": [1 << 40], "data_offsets": [0, 8]},
        {"dtype": "F64", "shape": [-1], "data_offsets": [0, 8]},
        {"dtype": "F64", "shape": [1], "data_offsets": [0, 1 << 60]},
        {"dtype": "O", "shape": [1], "data_offsets": [0, 8]},
        {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]},
    ],
)
def test_a_header_that_lies_takes_no_memory(tensor, peak_bytes):
    known = json.dumps(document_of(serialize_checkpoint(checkpoint())))
    header = json.dumps({"__metadata__": {ENTRY: known}, "a": tensor}).replace(": ", ":").encode()
    forged = seal(len(header).to_bytes(8, "little") + header + bytes(8))

    def parse():
        with pytest.raises(RunError):
            parse_checkpoint(forged)

    assert peak_bytes(parse) < 1 << 20


def test_a_file_without_a_seal_or_not_mlps_is_refused():
    plain = save(TENSORS, metadata={ENTRY: json.dumps({})})
    for content in (b"", b"x", plain, seal(save(TENSORS, metadata={"mlp": "{}"}))):
        with pytest.raises(RunError):
            parse_checkpoint(content)


def test_a_damaged_newest_one_falls_back_to_the_other_and_says_so(folder):
    for epoch in (1, 2):
        save_checkpoint(Folder(folder), checkpoint(epoch=epoch))
    (folder / CHECKPOINT).write_bytes((folder / CHECKPOINT).read_bytes()[:-1])
    found, note = load(folder)
    assert found.epoch == 1
    assert note == f"{folder / CHECKPOINT}: it is damaged; {PREVIOUS} is used"


@pytest.mark.parametrize("n", [1, 2])
def test_where_none_can_be_used_it_says_what_to_do_and_that_works(n, tmp_path):
    folder = tmp_path / "it's a run"
    folder.mkdir()
    for _ in range(n):
        save_checkpoint(Folder(folder), checkpoint(lengths={}))
    names = [CHECKPOINT, PREVIOUS][:n]
    for name in names:
        (folder / name).write_bytes(b"nonsense")
    with pytest.raises(RunError) as caught:
        load(folder)
    assert caught.value.exit_code == 5
    assert all((folder / name).read_bytes() == b"nonsense" for name in names)
    before, command = str(caught.value).rsplit(": ", 1)
    assert before.endswith("to train from the beginning, remove what cannot be used")
    assert shlex.split(command)[0] == "rm"
    subprocess.run(command, shell=True, check=True)
    assert load(folder) == (None, "")


def test_one_whose_state_does_not_fit_is_not_used(folder):
    for epoch in (1, 2):
        save_checkpoint(Folder(folder), checkpoint(epoch=epoch, state=state_of(epoch)))

    def refuse(state):
        if state.document["epoch"] == 2:
            raise ValueError("the state has no tensor theta")

    found, note = load(folder, restore=refuse)
    assert found.epoch == 1
    assert note.endswith(f"the state has no tensor theta; {PREVIOUS} is used")


def state_of(epoch):
    return TrainingState(TENSORS, {"epoch": epoch})


def test_one_of_another_training_is_not_used(folder):
    save_checkpoint(Folder(folder), checkpoint())
    other = SPEC.model_copy(update={"seed": 1})
    with pytest.raises(RunError, match="it is of another run, with another spec"):
        load(folder, spec=other)
    with pytest.raises(RunError, match="it is of other data"):
        load(folder, data={"data": "00" * 32})


def test_what_does_not_decide_a_step_is_no_other_spec(folder):
    save_checkpoint(Folder(folder), checkpoint())
    plain = SPEC.model_dump()
    plain["data"]["path"] = "elsewhere.csv"
    plain["training"]["epochs"] = 900
    plain["runtime"] |= {"threads": 2, "checkpoint_seconds": 0.5}
    assert load(folder, spec=Spec.model_validate(plain))[0].epoch == 3
    plain["runtime"]["dtype"] = "float64"
    with pytest.raises(RunError, match="another spec"):
        load(folder, spec=Spec.model_validate(plain))


def test_one_that_counts_on_more_than_is_there_is_not_used(folder):
    save_checkpoint(Folder(folder), checkpoint(8))
    save_checkpoint(Folder(folder), checkpoint(10, epoch=4))
    (folder / "metrics.csv").write_bytes(METRICS[:9])
    found, note = load(folder)
    assert found.epoch == 3
    assert "metrics.csv was changed since the checkpoint; " in note
    (folder / "metrics.csv").unlink()
    with pytest.raises(RunError, match=r"metrics\.csv, which it counts on, is not there"):
        load(folder)


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize(
    "content", [METRICS[:-2], METRICS.replace(b"1", b"7"), METRICS.replace(b"\n", b"\r\n"), b""]
)
def test_one_whose_metrics_were_changed_says_what_to_do_and_that_works(content, n, folder):
    for _ in range(n):
        save_checkpoint(Folder(folder), checkpoint(10))
    (folder / "metrics.csv").write_bytes(content)
    with pytest.raises(RunError, match=r"metrics\.csv was changed since the checkpoint") as caught:
        load(folder)
    assert caught.value.exit_code == 5
    before, command = str(caught.value).rsplit(": ", 1)
    assert before.endswith("; put metrics.csv back, or begin again")
    (folder / "metrics.csv").write_bytes(METRICS + b"3\n")  # what follows does not count
    assert load(folder)[0].epoch == 3
    assert len(shlex.split(command)) == 2 + n
    subprocess.run(command, shell=True, check=True)
    assert load(folder) == (None, "")


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_what_is_no_regular_file_is_not_read(kind, folder):
    path = folder / CHECKPOINT
    save_checkpoint(Folder(folder), checkpoint())
    if kind == "link":
        path.rename(folder / "elsewhere")
        path.symlink_to("elsewhere")
    else:
        path.unlink()
        os.mkfifo(path) if kind == "pipe" else path.mkdir()
    with pytest.raises(RunError, match=r"not a regular file|Too many levels|Is a directory"):
        load(folder)


def test_one_that_is_larger_than_the_memory_is_not_read(folder):
    save_checkpoint(Folder(folder), checkpoint())
    with (folder / CHECKPOINT).open("r+b") as file:
        file.truncate(1 << 40)  # a hole takes no room
    with pytest.raises(OutOfMemoryError, match=r"about 2\.0 TiB are needed, and .* are free"):
        load(folder)


class Time:
    """A clock that stands still until it is set."""

    now = 100.0

    def __call__(self):
        return self.now

    def passes(self, seconds):
        self.now += seconds


def test_a_state_is_due_so_long_after_the_start_and_the_last_save():
    time = Time()
    clock = CheckpointClock(10.0, now=time)
    time.passes(9.9)
    assert not clock.due()
    time.passes(0.1)
    assert clock.due()
    clock.measure(lambda: time.passes(0.1))  # 60 × 0.1 s are less than 10 s
    assert not clock.due()
    time.passes(9.9)
    assert not clock.due()
    time.passes(0.2)
    assert clock.due()


def test_a_save_that_takes_long_is_made_less_often():
    time = Time()
    clock = CheckpointClock(10.0, now=time)
    clock.measure(lambda: time.passes(2))
    time.passes(119.9)
    assert not clock.due()
    time.passes(0.2)
    assert clock.due()


def test_before_the_first_save_its_cost_is_guessed():
    time = Time()
    clock = CheckpointClock(10.0, 0.5, now=time)
    time.passes(29.9)
    assert not clock.due()
    time.passes(0.2)
    assert clock.due()


def test_a_save_that_fails_is_not_tried_again_at_once():
    time = Time()
    clock = CheckpointClock(10.0, now=time)

    def fail():
        time.passes(1)
        raise FileError("full")

    with pytest.raises(FileError):
        clock.measure(fail)
    time.passes(59)
    assert not clock.due()
    time.passes(2)
    assert clock.due()


@pytest.mark.parametrize("seconds", [0.0, 10.0])
def test_without_the_memory_for_it_a_save_is_left_out(monkeypatch, seconds):
    monkeypatch.setattr("mlpcli.memory.allocatable_memory", lambda: free)
    time, free = Time(), 99 << 20
    clock = CheckpointClock(seconds, now=time, n_bytes=100 << 20)
    time.passes(11)
    assert not clock.due()
    free = 100 << 20
    assert clock.due() == (seconds == 0)  # the other time begins anew
    time.passes(11)
    assert clock.due()


def test_with_0_seconds_a_state_is_due_at_every_chance():
    time = Time()
    clock = CheckpointClock(0.0, 3.0, now=time)
    clock.measure(lambda: time.passes(5))
    assert clock.due()
