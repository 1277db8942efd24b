"""A study's file: read by Optuna, sound to the last bit, or refused with the line."""

import contextlib
import errno
import hashlib
import json
import os
import random
from pathlib import Path

import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import load_study

from mlpcli.errors import FileError, RunError
from mlpcli.spec.load import load_spec
from mlpcli.sweep.journal import Journal
from mlpcli.sweep.locks import Locks
from mlpcli.sweep.runner import Runner
from mlpcli.sweep.study import Study
from mlpcli.training.build import load_dataset

IRIS = Path(__file__).parents[2] / "data" / "iris.csv"
SPEC = {
    "data": {"path": str(IRIS), "target": "species"},
    "model": {"layers": [{"units": 6}]},
    "training": {"epochs": 4},
    "sweep": {
        "method": "random",
        "trials": 4,
        "pruning": {"min_epochs": 1, "factor": 2},
        "parameters": {
            "training.optimizer.learning_rate": {"log_uniform": [0.001, 0.1]},
            "model.layers[0].activation": {"choice": ["relu", "tanh"]},
        },
    },
}
FORMER = r',"sha256":"[0-9a-f]{64}"}'


class Sweep:
    """A sweep of iris in this process."""

    def __init__(self, folder, spec=SPEC):
        (folder / "spec.yaml").write_text(json.dumps(spec), "ascii")
        self.loaded = load_spec(str(folder / "spec.yaml"))
        self.dataset = load_dataset(self.loaded)

    def study(self, path, trials=4):
        return Study(path, self.loaded, self.dataset, trials)

    def train(self, study, most=100):
        for _ in range(most):
            claims = study.claim()
            if not claims:
                return study
            best = lambda rung, figures: set(list(figures)[:2])  # noqa: ARG005, E731
            for result in Runner(self.loaded, self.dataset).run(claims, best):
                assert study.record(result)
        return study


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    return Sweep(tmp_path_factory.mktemp("sweep"))


@pytest.fixture(scope="module")
def content(sweep, tmp_path_factory):
    """Return what a finished sweep's file holds."""
    path = tmp_path_factory.mktemp("study") / "study.log"
    sweep.train(sweep.study(path))
    return path.read_bytes()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study.log"


def facts(trials):
    return [(t.number, t.state.name, t.params, t.value, t.intermediate_values) for t in trials]


def refused(path, content, line=None):
    """Assert that a file is refused for this line, and left alone."""
    path.write_bytes(content)
    with pytest.raises(RunError) as caught:
        list(Journal(path, contextlib.nullcontext()).read_logs(0))
    where = "" if line is None else f"damaged in line {line};"
    assert where in str(caught.value), line
    assert caught.value.exit_code == 5
    assert path.read_bytes() == content


def test_optuna_itself_reads_it(sweep, content, path):
    path.write_bytes(content)
    ours = facts(sweep.study(path).trials())
    backend = JournalFileBackend(str(path))
    theirs = load_study(study_name="mlp", storage=JournalStorage(backend)).get_trials()
    assert facts(theirs) == ours
    assert [each[1] for each in ours].count("PRUNED") == 2


def test_the_checksums_are_what_the_docstring_says(content):
    digest = b""
    for line in content.splitlines():
        text, _, told = line.rpartition(b',"sha256":"')
        digest = hashlib.sha256(digest + text).hexdigest().encode()
        assert told == digest + b'"}'


def test_a_line_that_is_missing_doubled_or_in_another_place(content, path):
    lines = content.splitlines(keepends=True)
    assert len(lines) > 15
    for k, line in enumerate(lines):
        if k < len(lines) - 1:  # without the last one it is the study as it was once
            refused(path, b"".join(lines[:k] + lines[k + 1 :]), k + 1)
            swapped = [*lines[:k], lines[k + 1], line, *lines[k + 2 :]]
            refused(path, b"".join(swapped), k + 1)
        refused(path, b"".join([*lines[: k + 1], *lines[k:]]), k + 2)


def test_every_byte_of_a_line_counts(content, path):
    dice = random.Random(0)
    lines = content.splitlines(keepends=True)
    for k, line in enumerate(lines):
        for place in {0, len(line) - 1, *dice.sample(range(len(line)), 12)}:
            flipped = bytearray(line)
            flipped[place] ^= 1 << dice.randrange(8)
            whole = b"".join([*lines[:k], bytes(flipped), *lines[k + 1 :]])
            # Of the first line alone it may look as if it were of an earlier version.
            refused(path, whole, k + 1 if k else None)


def test_other_types_or_no_checksum(content, path):
    lines = content.splitlines(keepends=True)
    for k, line in enumerate(lines[1:], 1):
        log = json.loads(line)
        for key in log:
            other = json.dumps(log | {key: [None]}, separators=(",", ":")).encode() + b"\n"
            refused(path, b"".join([*lines[:k], other, *lines[k + 1 :]]), k + 1)


def test_a_line_that_is_not_finished_says_nothing_and_is_cut_by_the_next(sweep, content, path):
    *lines, last = content.splitlines(keepends=True)
    for length in (1, len(last) // 2, len(last) - 1):
        path.write_bytes(b"".join(lines) + last[:length])
        before = path.read_bytes()
        study = sweep.study(path)
        assert path.read_bytes() == before  # reading changes nothing
        assert study.n_finished == 3  # the last line is the last trial's state
        sweep.train(study)
        assert study.n_finished == 4
        assert facts(sweep.study(path).trials()) == facts(study.trials())


def test_stopped_after_any_line_it_comes_to_the_same_trials(sweep, content, path):
    path.write_bytes(content)
    whole = facts(sweep.study(path).trials())
    lines = content.splitlines(keepends=True)
    for k in range(0, len(lines), 4):
        path.write_bytes(b"".join(lines[:k]) + lines[k][: 7 * k % len(lines[k])])
        found = facts(sweep.train(sweep.study(path)).trials())
        # Which half goes on is decided anew: here the first two that come.
        assert [each[2] for each in found] == [each[2] for each in whole]
        assert sweep.study(path).n_finished == 4


def former(content):
    """Return the file as earlier versions wrote it."""
    lines = content.splitlines()
    return b"".join(line.rpartition(b',"sha256"')[0] + b"}\n" for line in lines)


def test_a_study_of_before_is_read_and_gone_on_with(sweep, content, path):
    path.write_bytes(former(content))
    study = sweep.study(path, trials=6)
    assert study.n_finished == 4
    sweep.train(study)
    assert study.n_finished == 6
    assert sweep.study(path, trials=6).n_finished == 6
    # What comes is the checksum of what was there, too.
    damaged = path.read_bytes().replace(b"COMPLETE", b"COMPLETE").replace(b"0.001", b"0.002", 1)
    assert damaged != path.read_bytes()
    refused(path, damaged, len(content.splitlines()) + 1)


def test_a_study_of_before_of_other_directions_is_refused(sweep, content, path):
    for directions in (b"[1,1]", b"[2]", b"[]", b"[0]"):
        path.write_bytes(
            former(content).replace(b'"directions":[1]', b'"directions":' + directions)
        )
        with pytest.raises(RunError):
            sweep.study(path)


@pytest.mark.parametrize("values", [[], [0.5, 0.5], ["0.5"], None])
def test_a_study_of_before_whose_trial_has_no_single_value_is_refused(values, sweep, content, path):
    lines = [json.loads(line) for line in former(content).splitlines()]
    next(line for line in lines if line.get("values"))["values"] = values
    path.write_text("".join(json.dumps(e, separators=(",", ":")) + "\n" for e in lines), "ascii")
    with pytest.raises(RunError):
        sweep.study(path)


def test_a_damaged_study_of_before_is_refused_or_a_study(sweep, content, path):
    """Lines missing, doubled, of other types: never anything but exit code 5."""
    dice = random.Random(1)
    lines = [json.loads(line) for line in former(content).splitlines()]
    others = [None, True, -1, 10**30, "text", [], {}, [None], {"a": 1}, 1e300]
    n_refused = 0
    for _ in range(120):
        changed = [dict(line) for line in lines]
        k = dice.randrange(len(lines))
        kind = dice.randrange(3)
        if kind == 0:
            del changed[k]
        elif kind == 1:
            changed.insert(k, changed[k])
        else:
            changed[k][dice.choice(list(changed[k]))] = dice.choice(others)
        path.write_text("".join(json.dumps(each, separators=(",", ":")) + "\n" for each in changed))
        try:
            study = sweep.study(path)
            study.best(), study.rungs(0), study.claim()
        except RunError:
            n_refused += 1
        path.unlink()
        Path(f"{path}.lock").unlink()
    assert n_refused > 30


@pytest.mark.parametrize("written", [0, 10])
def test_on_a_full_disk_there_is_no_half_line(sweep, content, path, monkeypatch, written):
    path.write_bytes(content)
    study = sweep.study(path, trials=5)
    real = os.write

    def full(file, what):
        if os.fstat(file).st_ino != path.stat().st_ino:
            return real(file, what)
        if len(what) > written and written and path.stat().st_size == len(content):
            return real(file, what[:written])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(FileError, match="No space left on device"):
            study.claim()
    assert path.read_bytes() == content
    sweep.train(study)  # once there is room
    assert study.n_finished == 5


def test_two_at_once_hold_the_chain(sweep, path):
    one, two = sweep.study(path, trials=6), sweep.study(path, trials=6)
    for study, other in [(one, two), (two, one)] * 3:
        trial = study.study.ask()
        other.study.set_user_attr(f"of {trial.number}", 1)
    assert len(list(Journal(path, Locks(path)).read_logs(0))) > 10


def test_trials_that_are_no_longer_asked_for_are_waited_for_by_nobody(sweep, path):
    assert len(sweep.study(path, trials=6).claim()) == 6
    fewer = sweep.study(path, trials=4)
    sweep.train(fewer)
    assert fewer.claim() is None
    assert fewer.n_finished == 4


def test_a_file_that_gets_shorter_is_told_of(content, path):
    path.write_bytes(content)
    journal = Journal(path, contextlib.nullcontext())
    n = len(list(journal.read_logs(0)))
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(RunError, match="was cut or replaced while it was in use"):
        list(journal.read_logs(n))
