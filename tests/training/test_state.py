"""A training that is saved or interrupted anywhere goes on to the bits it has undisturbed."""

import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from mlpcli.nn import evaluation
from mlpcli.training import batches
from mlpcli.training import plan as plan_module
from mlpcli.training.events import EpochEnded, LanesAdvanced
from mlpcli.training.state import TrainingState

sys.path.insert(0, str(Path(__file__).parents[1] / "campaigns"))

from resumed_trainings import BLOCK_BYTES, SPECS, Calls, Made, resumed, run, stored


@pytest.fixture(autouse=True)
def _short_blocks(monkeypatch):
    monkeypatch.setattr(batches, "BLOCK_BYTES", BLOCK_BYTES)


@pytest.fixture
def made(tmp_path):
    return lambda name, **keys: Made(tmp_path, SPECS[name] | keys)


def some(rng, n, most):
    """Return up to `most` numbers of 1 … n, in random order."""
    return (1 + rng.permutation(n)[:most]).tolist()


# ---------------------------------------------------------------- anywhere


@pytest.mark.parametrize("name", SPECS)
def test_interrupted_anywhere_it_goes_on_to_the_same_bits(name, made):
    one, rng = made(name), np.random.default_rng(list(SPECS).index(name))
    steps, questions = Calls(None), Calls(None)
    whole = run(one.training(), steps, questions)
    for step in some(rng, steps.calls - 1, 4):
        first = run(one.training(), Calls(step))
        assert first.end.reason == "interrupted"
        assert resumed(one.training(), first.states[-1]).result == whole.result
    for question in some(rng, questions.calls, 3):
        first = run(one.training(), None, Calls(question, once=True))
        assert first.result == whole.result  # to be asked for its state disturbs nothing
        assert len(first.states) == 1
        assert resumed(one.training(), first.states[-1]).result == whole.result


@pytest.mark.parametrize("name", ["everything at once", "smote and cutmix", "tabm", "weights"])
def test_after_each_step_of_an_epoch(name, made):
    one, steps = made(name), Calls(None)
    whole = run(one.training(), steps)
    n = steps.calls // one.training().spec.training.epochs
    found = set()
    for step in range(n, 2 * n + 1):
        first = run(one.training(), Calls(step))
        state, _ = first.states[-1]
        (place,) = state.document["stacks"]
        found.add((place["epoch"], place["rows"]))
        assert resumed(one.training(), first.states[-1]).result == whole.result
    batch = one.training().spec.training.batch_size
    assert found == {(1, 0), *((1, k * batch) for k in range(1, n)), (2, 0)}


@pytest.mark.parametrize("name", ["everything at once", "early stopping", "bootstrap", "seeds"])
def test_interrupted_again_and_again(name, made):
    one, rng = made(name), np.random.default_rng(0)
    whole = run(one.training())
    session = run(one.training(), Calls(5))
    sessions = 1
    while session.end.reason == "interrupted":
        stop = Calls(int(rng.integers(1, 9)))
        session = resumed(one.training(), session.states[-1], stop)
        sessions += 1
    assert session.result == whole.result
    assert sessions > 4


def test_the_seconds_are_those_of_all_sessions(made):
    one = made("plain sgd")
    state, _ = run(one.training(), Calls(15)).states[-1]
    state.document["seconds"] += 100.0
    state.document["stacks"][0]["seconds"] += 100.0
    state.document["stacks"][0]["epoch_seconds"] += 50.0
    second = one.training()
    second.restore(state)
    *_, ended = events = list(second.run())
    first, other, *_ = [event.mean for event in events if isinstance(event, EpochEnded)]
    assert (100.0 < ended.seconds < 150.0, first["epoch"]) == (True, 2)
    assert 50.0 < first["seconds"] < 75.0
    assert other["seconds"] < 25.0


def test_what_the_specs_are_to_show(made):
    """Some lanes stop early, some diverge, some samples have stacks of their own."""
    ends = {name: run(made(name).training()).ended for name in SPECS if "ensemble" in SPECS[name]}
    assert len({ended.epochs for ended in ends["bootstrap"]}) > 1
    reasons = [ended.reason for ended in ends["one of six diverges"]]
    assert sorted(reasons) == ["diverged", *["finished"] * 5]
    assert len(made("samples of unequal length").training().stacks) > 1
    rates = {row[1][-1] for row in run(made("plateau").training()).rows}
    assert len(rates) > 2


# ---------------------------------------------------------------- within an evaluation


@pytest.mark.parametrize("name", ["plain sgd", "seeds"])
def test_a_long_evaluation_is_given_up(name, made, monkeypatch):
    monkeypatch.setattr(evaluation, "ASK_BLOCKS", 2)
    monkeypatch.setattr(evaluation.Evaluation, "LEAST", 3)
    monkeypatch.setattr(evaluation.Evaluation, "BLOCK_BYTES", 1)
    one, calls = made(name), Calls(None)
    whole = run(one.training(), calls)
    epoch = calls.calls // one.training().spec.training.epochs
    rows = set()
    for call in range(epoch + 1, 2 * epoch + 1):
        first = run(one.training(), Calls(call))
        state, _ = first.states[-1]
        rows.add(state.document["stacks"][0]["rows"])
        assert resumed(one.training(), first.states[-1]).result == whole.result
    assert one.training().prepared[0].n_rows in rows  # all steps were taken, and not evaluated


def test_a_short_one_is_not_asked_about(made):
    one, calls = made("plain sgd"), Calls(None)
    run(one.training(), calls)
    assert calls.calls == 4 * 11  # the steps: 105 rows in batches of 10


# ---------------------------------------------------------------- in any plan


@pytest.mark.parametrize("name", ["bootstrap", "seeds", "folds"])
def test_saved_in_one_plan_it_goes_on_in_another(name, made, monkeypatch):
    monkeypatch.setattr(plan_module, "WORTH_A_PROCESS", 0.0)
    one, rng = made(name), np.random.default_rng(1)
    alone = one.training("runtime.threads=1")
    n_lanes, memory = len(alone.lanes), alone.plan.memory
    each = memory // n_lanes
    plans = [
        ["runtime.threads=1"],
        ["runtime.threads=1", f"runtime.memory={2 * each}"],
        ["runtime.threads=1", f"runtime.memory={each}"],
        ["runtime.threads=2", f"runtime.memory={n_lanes * each}"],
    ]
    stacks = {str(one.training(*overrides).stacks) for overrides in plans}
    assert len(stacks) >= 3
    steps = Calls(None)
    whole = run(alone, steps)
    for k, overrides in enumerate(plans):
        calls = Calls(None)
        assert run(one.training(*overrides), calls).result == whole.result
        for step in some(rng, calls.calls - 1, 2):
            first = run(one.training(*overrides), Calls(step))
            other = plans[(k + 1 + step) % len(plans)]
            if first.end.reason == "interrupted":
                assert resumed(one.training(*other), first.states[-1]).result == whole.result


def test_lanes_that_had_ended_and_rows_that_wait_are_kept(made):
    """One network after the other: all but the last have ended, their rows wait for it."""
    one = made("bootstrap")
    each = one.training().plan.memory // 8
    slow = ("runtime.threads=1", f"runtime.memory={each}")
    steps = Calls(None)
    whole = run(one.training(*slow), steps)
    n = one.training().prepared[0].n_rows // 16 + 1  # steps of an epoch
    first = run(one.training(*slow), Calls(steps.calls - n * whole.ended[-1].epochs + 3))
    state, rows = first.states[-1]
    assert rows == []  # none has its mean yet
    assert [len(each["lanes"]) for each in state.document["stacks"]] == [1]
    assert len(state.document["ended"]) == 7
    assert len(state.tensors["waiting.rows"]) == sum(each.epochs for each in whole.ended[:7])
    assert resumed(one.training(), first.states[-1]).result == whole.result


def test_rows_of_lanes_come_with_the_mean_of_their_epoch_in_order(made):
    one = made("bootstrap")
    each = one.training().plan.memory // 8
    told = {}
    for overrides in ([], [f"runtime.memory={each}"], [f"runtime.memory={3 * each}"]):
        training = one.training("runtime.threads=1", *overrides)
        events = [e for e in training.run() if isinstance(e, EpochEnded | LanesAdvanced)]
        told[len(training.stacks)] = [
            [(e.epoch, lane) for lane in e.lanes] for e in events if isinstance(e, EpochEnded)
        ]
        ahead = [event for event in events if isinstance(event, LanesAdvanced)]
        assert bool(ahead) == (len(training.stacks) > 1)
    first, *others = told.values()
    assert len(told) == 3
    assert all(other == first for other in others)
    order = [place for epoch in first for place in epoch]
    assert order == sorted(order)


def test_stacks_whose_turn_has_not_come_keep_their_place(made):
    one = made("seeds")
    state, rows = run(one.training(), Calls(20)).states[-1]
    (together,) = state.document["stacks"]
    slow = ("runtime.threads=1", f"runtime.memory={one.training().plan.memory // 3}")
    with_two_more = [{**together, "lanes": [lane]} for lane in (0, 1, 2)]
    again = one.training(*slow)
    again.restore(state)
    assert again.state().document["stacks"] == with_two_more
    second = resumed(one.training(*slow), (state, rows), Calls(3))
    apart = second.states[-1][0].document["stacks"]
    assert [each["lanes"] for each in apart] == [[0], [1], [2]]
    assert apart[1:] == with_two_more[1:]


# ---------------------------------------------------------------- in processes


@pytest.fixture
def shared(made, monkeypatch):
    """Return an ensemble in two processes, and what it ends with in one."""
    monkeypatch.setattr(plan_module, "WORTH_A_PROCESS", 0.0)

    def make(name, stacks=2):
        one = made(name)
        alone = one.training("runtime.threads=1")
        memory = 2 * (alone.plan.memory // len(alone.lanes)) * (len(alone.lanes) // stacks)
        overrides = ("runtime.threads=2", f"runtime.memory={memory}")
        assert len(one.training(*overrides).stacks) >= 2
        return one, overrides, run(alone)

    return make


@pytest.mark.parametrize(("name", "stacks"), [("bootstrap", 2), ("bootstrap", 4), ("seeds", 3)])
def test_states_of_processes_are_of_one_moment(name, stacks, shared):
    one, overrides, whole = shared(name, stacks)
    first = run(one.training(*overrides), None, lambda: True)  # as often as can be
    assert first.result == whole.result
    assert len(first.states) > 2
    for saved in first.states[:: len(first.states) // 3]:
        assert resumed(one.training("runtime.threads=1"), saved).result == whole.result
    assert resumed(one.training(*overrides), first.states[1]).result == whole.result


@pytest.mark.parametrize("often", [False, True])
def test_processes_that_are_stopped_send_their_last_state(often, shared):
    one, overrides, whole = shared("bootstrap", 4)
    interrupted = 0
    for call in (1, 2, 4, 7):
        first = run(one.training(*overrides), Calls(call), lambda: often)
        interrupted += first.end.reason == "interrupted"
        assert resumed(one.training(*overrides), first.states[-1]).result == whole.result
    assert interrupted


# ---------------------------------------------------------------- more epochs


@pytest.mark.parametrize(
    "name", ["plain sgd", "everything at once", "plateau", "bootstrap", "seeds", "early stopping"]
)
def test_with_more_epochs_it_goes_on_as_if_they_had_been_asked_for_at_once(name, made):
    one, rng = made(name), np.random.default_rng(2)
    epochs = one.training().spec.training.epochs
    whole = run(one.training(f"training.epochs={epochs + 4}"))
    first = run(one.training(), None, lambda: True)
    chosen = [first.states[-1], *(first.states[k - 1] for k in some(rng, len(first.states), 2))]
    for saved in chosen:
        longer = one.training(f"training.epochs={epochs + 4}")
        assert resumed(longer, saved).result == whole.result
    if name != "early stopping":  # the last state is that of the last epoch
        assert {each["epoch"] for each in chosen[0][0].document["stacks"]} == {epochs}


def test_lanes_that_had_finished_are_trained_again_where_their_stack_is_gone(made):
    one = made("folds")
    each = one.training().plan.memory // 3
    slow = ("runtime.threads=1", f"runtime.memory={each}")
    whole = run(one.training("training.epochs=5"))
    first = run(one.training(*slow), None, lambda: True)
    state, _ = first.states[-1]
    assert {each["reason"] for each in state.document["ended"]} == {"finished"}
    assert resumed(one.training("training.epochs=5", *slow), first.states[-1]).result == (
        whole.result
    )


# ---------------------------------------------------------------- nothing is trusted


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Return an ensemble, and a state of it, in which lanes have ended."""
    one = Made(tmp_path_factory.mktemp("saved"), SPECS["bootstrap"])
    slow = ("runtime.threads=1", f"runtime.memory={2 * (one.training().plan.memory // 8)}")
    calls = Calls(None)
    with mock.patch.object(batches, "BLOCK_BYTES", BLOCK_BYTES):
        run(one.training(*slow), calls)
        state, _ = run(one.training(*slow), Calls(calls.calls - 18)).states[-1]
    assert state.document["ended"]
    assert len(state.tensors["waiting.rows"])
    return one, state


def place(state):
    return state.document["stacks"][0]


DAMAGES = {
    "is not one of a training: seconds: Field required": lambda s: s.document.pop("seconds"),
    "is not one of a training: stacks": lambda s: s.document.update(stacks=7),
    "is not one of a training: more": lambda s: s.document.update(more=1),
    "of 9 networks": lambda s: s.document.update(n_lanes=9),
    "with the columns epoch": lambda s: s.document["columns"].pop(),
    "other networks than the 8": lambda s: place(s).update(lanes=[6, 8]),
    "has other networks": lambda s: place(s).update(lanes=[6, 6]),
    "of epoch 9": lambda s: place(s).update(epoch=9, rows=0),
    "no batch of an epoch of 105 rows ends after 17": lambda s: place(s).update(rows=17),
    "ends after 1,?000": lambda s: place(s).update(rows=1000),
    "no tensor stacks.0.losses": lambda s: s.tensors.pop("stacks.0.losses"),
    "an unexpected tensor: x": lambda s: s.tensors.update(x=np.zeros(1)),
    "stacks.0.vector has the type float64": lambda s: retyped(s, "stacks.0.vector"),
    "stacks.0.vector has the shape": lambda s: cut(s, "stacks.0.vector"),
    "ended.vectors has the shape": lambda s: cut(s, "ended.vectors"),
    "waiting.places has the type": lambda s: retyped(s, "waiting.places"),
    "that do not wait": lambda s: s.tensors["waiting.places"].fill(0),
    "rows of metrics without an epoch": lambda s: s.tensors["waiting.rows"].fill(np.nan),
    "values that are not numbers": lambda s: s.tensors["stacks.0.latest.row"].fill(np.nan),
    "its best epoch after its last": lambda s: s.tensors["stacks.0.best.epoch"].fill(99),
    "best.value": lambda s: s.tensors.update({"best.value": np.zeros(3)}),
}


def retyped(state, name):
    state.tensors[name] = state.tensors[name].astype(float)


def cut(state, name):
    state.tensors[name] = state.tensors[name][..., :-1]


@pytest.mark.parametrize("said", DAMAGES)
def test_a_state_of_another_training_is_refused_and_changes_nothing(said, saved):
    one, state = saved
    damaged = stored(state)
    DAMAGES[said](damaged)
    training = one.training()
    before = training.state()
    with pytest.raises(ValueError, match=said):
        training.restore(damaged)
    after = training.state()
    assert {**after.document, "seconds": 0} == {**before.document, "seconds": 0}
    assert all((after.tensors[name] == before.tensors[name]).all() for name in before.tensors)
    assert training.saved == {}


def test_any_document_is_refused_or_goes_on(saved):
    """Whatever stands where a number stood: a ValueError, or a training that ends."""
    one, state = saved
    rng, odd = np.random.default_rng(3), [None, -1, 0, 10**30, 1e300, "x", [], {}, [[]], True, 2]
    refused = 0
    for _ in range(50):
        damaged = stored(state)
        holder = damaged.document
        while True:
            keys = list(holder) if isinstance(holder, dict) else range(len(holder))
            key = keys[rng.integers(len(keys))]
            if not isinstance(holder[key], dict | list) or not holder[key] or rng.random() < 0.2:
                break
            holder = holder[key]
        holder[key] = odd[rng.integers(len(odd))]
        try:
            one.training().restore(damaged)
        except ValueError:
            refused += 1
    assert refused > 25


def test_of_one_network_another_is_refused(made):
    one = made("everything at once")
    state, _ = run(one.training(), Calls(9)).states[-1]
    other = made("plain sgd")
    with pytest.raises(ValueError, match="the state was saved in the middle of a batch"):
        other.training().restore(state)
    with pytest.raises(ValueError, match="its document"):
        other.training().restore(TrainingState({}, []))


# ---------------------------------------------------------------- what it costs


def test_nobody_is_asked_for_a_state_that_is_not_due(made, monkeypatch):
    from mlpcli.training import stack_training

    monkeypatch.setattr(stack_training, "stack_state", None)  # calling it would raise
    run(made("everything at once").training())
