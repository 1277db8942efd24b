"""How many networks train side by side, in how many processes; and what the machine has free."""

import os
from itertools import chain

import pytest

from mlpcli import machine
from mlpcli.errors import DataError
from mlpcli.training import plan as plan_module
from mlpcli.training import shards
from mlpcli.training.cost import memory_of
from mlpcli.training.lanes import Lane, prepare_lanes
from mlpcli.training.plan import plan_stacks


@pytest.fixture
def planned(training, monkeypatch):
    """Return a function that plans lanes of a spec; four cores, 64 lanes pay, work is long."""
    monkeypatch.setattr(shards, "cores", lambda: 4)
    monkeypatch.setattr(plan_module, "best_lanes", lambda *_: 64)
    monkeypatch.setattr(plan_module, "WORTH_A_PROCESS", 0.0)
    monkeypatch.setattr(plan_module, "free_memory", lambda: 1 << 40)

    def make(n, *overrides, others=()):
        one = training(*overrides)
        lanes = [Lane(one.spec, seed) for seed in range(n)]
        lanes += [Lane(training(*overrides, more).spec, 0) for more in others]
        prepared = prepare_lanes(lanes, one.dataset)
        return plan_stacks(prepared, one.dataset), prepared, one

    return make


def each_of(prepared, one):
    spec = one.spec
    batch = spec.training.batch_size
    return memory_of(spec, prepared[0].architecture, one.dataset, batch).per_network


def test_one_process_takes_as_many_as_pay(planned):
    found, prepared, one = planned(100, "runtime.threads=1")
    assert [len(stack) for stack in found.stacks] == [50, 50]
    assert sorted(chain(*found.stacks)) == list(range(100))
    assert (found.processes, found.memory) == (1, 50 * each_of(prepared, one))


def test_every_core_has_a_stack(planned):
    found, prepared, one = planned(10)
    assert sorted(map(len, found.stacks), reverse=True) == [len(stack) for stack in found.stacks]
    assert sorted(map(len, found.stacks)) == [2, 2, 3, 3]
    assert (found.processes, found.memory) == (4, 10 * each_of(prepared, one))
    assert planned(3)[0].processes == 3
    assert planned(10, "runtime.threads=2")[0].processes == 2


def test_short_work_is_not_shared(planned, monkeypatch):
    monkeypatch.setattr(plan_module, "WORTH_A_PROCESS", 1e9)
    found = planned(10)[0]
    assert (found.processes, [len(stack) for stack in found.stacks]) == (1, [10])


@pytest.mark.parametrize(
    ("room", "processes", "most"), [(1, 1, 1), (2, 2, 1), (3, 3, 1), (8, 4, 2), (100, 4, 3)]
)
def test_a_stated_memory_is_never_exceeded(room, processes, most, planned):
    _, prepared, one = planned(12)
    memory = each_of(prepared, one) * room
    found, *_ = planned(12, f"runtime.memory={memory}")
    assert found.memory <= memory
    assert (found.processes, max(map(len, found.stacks))) == (processes, most)
    assert sorted(chain(*found.stacks)) == list(range(12))


def test_less_than_one_network_is_refused_where_it_is_stated(planned):
    _, prepared, one = planned(2)
    memory = each_of(prepared, one) - 1
    with pytest.raises(DataError, match="not enough for one network") as caught:
        planned(2, f"runtime.memory={memory}")
    assert caught.value.key == ("runtime", "memory")


def test_where_it_is_open_half_of_what_is_free_and_never_a_refusal(planned, monkeypatch):
    _, prepared, one = planned(12)
    each = each_of(prepared, one)
    monkeypatch.setattr(plan_module, "free_memory", lambda: 6 * each)
    assert planned(12, "runtime.threads=1")[0].memory == 3 * each
    for free in (each, 0):
        monkeypatch.setattr(plan_module, "free_memory", lambda free=free: free)
        found = planned(2)[0]
        assert (found.stacks, found.processes) == ([[0], [1]], 1)


def test_networks_of_other_shapes_are_in_other_stacks(planned):
    units = [f"model.layers[0].units={n}" for n in (9, 9, 5)]
    found = planned(3, "runtime.threads=1", others=units)[0]
    assert found.stacks == [[0, 1, 2], [3, 4], [5]]


# ---------------------------------------------------------------- the machine


@pytest.fixture
def files(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    monkeypatch.setattr(machine, "OWN_CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(os, "sysconf", lambda _: (_ for _ in ()).throw(ValueError("none")))
    return tmp_path


@pytest.mark.parametrize(
    "text", [None, "", "MemFree: 1 kB\n", "MemAvailable:\n", "MemAvailable: x kB\n", "\xff"]
)
def test_a_system_that_does_not_say(text, files, monkeypatch):
    if text is not None:
        (files / "meminfo").write_text(text, "latin-1")
    assert machine.free_memory() == machine.UNKNOWN
    monkeypatch.setattr(os, "sysconf", {"SC_AVPHYS_PAGES": 10, "SC_PAGE_SIZE": 4096}.get)
    assert machine.free_memory() == 40_960


def test_what_linux_says(files):
    (files / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:     2048 kB\n", "ascii")
    assert machine.free_memory() == 2 << 20
    (files / "memory.max").write_text("max\n", "ascii")
    (files / "memory.current").write_text("100\n", "ascii")
    assert machine.free_memory() == 2 << 20
    (files / "memory.max").write_text("1000\n", "ascii")
    assert machine.free_memory() == 900
    (files / "memory.current").write_text("2000\n", "ascii")
    assert machine.free_memory() == 0
    (files / "memory.max").write_text("what\n", "ascii")
    assert machine.free_memory() == 2 << 20


def test_swap_space_is_not_free_but_can_be_allocated(files):
    (files / "meminfo").write_text("MemAvailable: 2048 kB\nSwapFree: 1024 kB\n", "ascii")
    assert machine.free_memory() == 2 << 20
    assert machine.allocatable_memory() == 3 << 20
    (files / "memory.max").write_text("1000\n", "ascii")
    (files / "memory.current").write_text("100\n", "ascii")
    assert machine.allocatable_memory() == 900


@pytest.mark.parametrize(
    ("line", "folder", "limit", "used"),
    [
        ("0::/a/b", "a/b", "memory.max", "memory.current"),
        ("0::/a/b", "a", "memory.max", "memory.current"),
        ("4:memory:/a/b", "memory/a/b", "memory.limit_in_bytes", "memory.usage_in_bytes"),
        ("4:memory:/a/b", "memory/a", "memory.limit_in_bytes", "memory.usage_in_bytes"),
        ("4:memory:/elsewhere", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ],
)
def test_the_groups_around_a_process_limit_it(files, line, folder, limit, used):
    (files / "meminfo").write_text("MemAvailable: 2048 kB\n", "ascii")
    (files / "cgroup").write_text(f"8:cpu:/x\n{line}\n")
    (files / folder).mkdir(parents=True, exist_ok=True)
    (files / folder / limit).write_text("9000\n")
    (files / folder / used).write_text("5000\n")
    assert machine.free_memory() == 4000
    # What holds files in memory can be taken.
    (files / folder / "memory.stat").write_text("cache 9\ninactive_file 3000\n")
    assert machine.free_memory() == 7000


@pytest.mark.parametrize("line", ["0::/../a", "4:memory:/../a"])
def test_a_group_outside_the_mounted_ones_is_not_looked_at(files, line):
    (files / "cgroup").write_text(f"{line}\n")
    assert machine._cgroups("memory") == [files, files / "memory"]


def test_what_ulimit_leaves(files, monkeypatch):
    resource = pytest.importorskip("resource")
    (files / "meminfo").write_text("MemAvailable: 2048 kB\n", "ascii")
    (files / "statm").write_text("10 5 2 1 0 3 0\n")
    monkeypatch.setattr(machine, "STATM", files / "statm")
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096}.get)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (50_000, resource.RLIM_INFINITY))
    assert machine.free_memory() == 50_000 - 40_960
    monkeypatch.setattr(resource, "getrlimit", lambda _: (40_000, resource.RLIM_INFINITY))
    assert machine.free_memory() == 0


def test_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    assert machine.cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert machine.cores() == 1
