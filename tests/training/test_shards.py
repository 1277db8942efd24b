"""Into how many shards a step is cut, where the spec leaves it open; and what that changes."""

import pytest

from mlpcli import machine
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture
from mlpcli.spec.schema import Spec
from mlpcli.training import shards
from mlpcli.training.resolve import resolve
from mlpcli.training.shards import auto_shards, shards_of, step_work

WIDE = Architecture(4096, (), 100, LOSSES["cross_entropy"]())
SPEC = {"data": {"path": "d.csv", "target": "y"}}


def test_the_work_of_a_step_by_hand():
    assert step_work(WIDE, 128) == 3 * 128 * 4096 * 100


@pytest.mark.parametrize(
    ("rows", "cores", "expected"),
    [
        (512, 1, 1),  # nobody to share with
        (512, 8, 4),  # 3 · 512 · 409,600 multiply-adds are 37 times the least: more than 4², not 8²
        (256, 8, 4),  # 18 times
        (128, 8, 2),  # nine times
        (63, 8, 1),  # of fewer than 32 rows each
        (4096, 8, 8),
        (4096, 6, 4),  # a power of two, at most the cores
        (4096, 64, 16),
    ],
)
def test_auto(rows, cores, expected):
    assert auto_shards(WIDE, rows, cores) == expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, 4),
        ({"runtime": {"shards": 3}}, 3),
        ({"runtime": {"threads": 1}}, 4),  # which is to change no bit
        ({"ensemble": {"kind": "seeds", "replicas": 2}}, 1),
        ({"ensemble": {"kind": "seeds", "replicas": 2}, "runtime": {"shards": 2}}, 2),
    ],
)
def test_of_a_spec(monkeypatch, keys, expected):
    monkeypatch.setattr(shards, "cores", lambda: 8)
    spec = Spec.model_validate(SPEC | {"training": {"batch_size": 512}} | keys)
    assert shards_of(spec, WIDE, 10_000) == expected


def test_the_resolved_spec_has_them_and_a_training_that_goes_on_keeps_them(training):
    one = training("runtime.shards=2", "training.epochs=1")
    assert (one.shards, resolve(one.spec, one.dataset).runtime.shards) == (2, 2)
    other = training("training.epochs=1")
    assert (other.shards, resolve(other.spec, other.dataset).runtime.shards) == (1, 1)
    other.set_shards(2)
    assert resolve(other.spec, other.dataset, other.shards).runtime.shards == 2
    for each in (one, other):
        assert list(each.run())[-1].reason == "finished"
    assert one.network.vector.tobytes() == other.network.vector.tobytes()


@pytest.mark.parametrize(
    ("files", "task", "expected"),
    [
        ({"cpu.max": "250000 100000"}, None, 2),
        ({"cpu.max": "max 100000"}, None, 6),
        ({"cpu.max": "50000 100000"}, None, 1),  # half a core is one
        ({"cpu.cfs_quota_us": "300000", "cpu.cfs_period_us": "100000"}, None, 3),
        ({"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"}, None, 6),
        ({}, "4", 4),
        ({}, "32", 6),
        ({}, "all", 6),
        ({"cpu.max": "300000 100000"}, "2", 2),
    ],
)
def test_cores_are_those_that_may_really_be_used(monkeypatch, tmp_path, files, task, expected):
    for name, text in files.items():
        (tmp_path / name).write_text(text + "\n", "ascii")
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    monkeypatch.setattr(machine, "OWN_CGROUPS", tmp_path / "none")
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    if task is not None:
        monkeypatch.setenv("SLURM_CPUS_PER_TASK", task)
    assert machine.cores() == expected
