"""Splits by the command: seeds that share their test rows, groups, times, a recognized column."""

import json
import re

import numpy as np
import pytest
from safetensors.numpy import load_file

SPEC = """
data: {path: visits.csv, target: y}
model: {layers: [{units: 4}]}
training: {epochs: 3}
"""
GROUP, TIME = "data.split={group: customer}", "data.split={time: day}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with visits.csv, of 30 customers on 200 days, and a spec of it."""
    folder, rng = tmp_path_factory.mktemp("splits"), np.random.default_rng(0)
    lines, other = ["x,z,customer,day,year,split,y"], ["x,met,clock,y"]
    for row in rng.permutation(200):
        day = np.datetime64("2019-10-01") + int(row)
        customer = f"C{rng.integers(30)}" if row % 25 else ""
        part = ["train", "train", "validation", "test"][row % 4]
        x, z, noise = rng.normal(size=3)
        met = f"{row % 28 + 1}.{row % 9 + 1}.2019"
        other.append(f"{x:.3f},{met},{row // 60:02}:{row % 60:02},{x - z:.3f}")
        lines.append(f"{x:.3f},{z:.3f},{customer},{day},{str(day)[:4]},{part},{x - z + noise:.3f}")
    (folder / "visits.csv").write_text("\n".join(lines) + "\n", "ascii")
    (folder / "read.csv").write_text("\n".join(other) + "\n", "ascii")
    drop = [line.split(",") for line in lines]
    plain = [",".join(cells[:5] + cells[6:]) for cells in drop]
    (folder / "plain.csv").write_text("\n".join(plain) + "\n", "ascii")
    (folder / "spec.yaml").write_text(SPEC, "ascii")
    return folder


@pytest.fixture
def train(mlp, folder):
    """Return a function that trains, with keys set, and returns the run's folder and manifest."""

    def train(name, *keys, spec="spec.yaml", words=()):
        pairs = [word for key in keys for word in ("--set", key)]
        done = mlp("train", spec, *pairs, *words, "--run-dir", name, "--force", cwd=folder)
        assert done.code == 0, done.err
        run = folder / name
        return run, json.loads((run / "manifest.json").read_text("utf-8")), done

    return train


def rows_of(manifest):
    return manifest["data"]["split"]["indices"]


def test_runs_of_several_seeds_share_their_test_rows_and_are_compared(mlp, train, folder):
    keys = ["data.path=plain.csv", "data.exclude=[customer, day]", "data.split.seed=5"]
    found = [train(f"seed{s}", *keys, words=["--seed", str(s)]) for s in (1, 2, 3)]
    first = rows_of(found[0][1])
    assert all(rows_of(manifest) == first for _, manifest, _ in found)
    figures = [manifest["result"]["scores"]["test"]["loss"] for _, manifest, _ in found]
    assert len(set(figures)) == 3  # the networks are others
    assert [manifest["data"]["split"]["seed"] for _, manifest, _ in found] == [5, 5, 5]
    done = mlp("compare", "seed1", "seed2", "seed3", "--json", cwd=folder)
    document = json.loads(done.out)
    assert [each["same_rows"] for each in document["comparisons"]] == [True, True]
    assert all(each["interval"] is not None for each in document["comparisons"])
    assert sorted(each["seed"] for each in document["runs"]) == [1, 2, 3]
    # Without it each seed has rows of its own, and a spec that was written says which seed it was.
    _, other, _ = train("other", *keys[:2], words=["--seed", "1"])
    assert rows_of(other) != first
    assert "seed: 1, group: null" in (folder / "other" / "spec.yaml").read_text("utf-8")
    _, again, _ = train("again", spec="other/spec.yaml", words=["--seed", "9"])
    assert rows_of(again) == rows_of(other)


@pytest.mark.parametrize(("key", "column"), [("group", "met"), ("time", "met"), ("time", "clock")])
def test_a_column_of_texts_that_are_read_splits_again_as_it_did(train, key, column):
    """A group of dates is numbered by date, 9.1.2019 before 10.1.2019, and is no input."""
    others = {"met": "clock", "clock": "met"}[column]
    keys = ["data.path=read.csv", f"data.exclude=[{others}]", f"data.split={{{key}: {column}}}"]
    run, manifest, _ = train("read", *keys)
    again, other, _ = train("reread", spec="read/spec.yaml")
    assert rows_of(other) == rows_of(manifest)
    tensors = [load_file(each / "model.safetensors") for each in (run, again)]
    assert all((tensors[0][name] == tensors[1][name]).all() for name in tensors[0])


@pytest.mark.parametrize(
    ("keys", "split"),
    [
        (
            ["data.path=plain.csv", "data.exclude=[day]", GROUP],
            "stratify: false, seed: 0, group: customer, time: null, column: null",
        ),
        (
            ["data.path=plain.csv", "data.exclude=[customer]", TIME],
            "stratify: false, seed: 0, group: null, time: day, column: null",
        ),
        (
            ["data.exclude=[customer, day]"],
            "stratify: true, seed: 0, group: null, time: null, column: split",
        ),
        (
            ["data.exclude=[customer, day]", "data.split.seed=7"],
            "stratify: true, seed: 7, group: null, time: null, column: null",
        ),
    ],
    ids=["group", "time", "column", "left out"],
)
def test_the_resolved_spec_gives_the_same_network_and_guesses_nothing(
    mlp, train, folder, keys, split
):
    run, manifest, _ = train("once", *keys)
    text = " ".join((run / "spec.yaml").read_text("utf-8").split())
    assert split in text
    assert ("split]" in text) == (split.endswith("seed: 7, group: null, time: null, column: null"))
    again, other, done = train("twice", spec="once/spec.yaml")
    assert rows_of(other) == rows_of(manifest)
    tensors = [load_file(each / "model.safetensors") for each in (run, again)]
    assert tensors[0].keys() == tensors[1].keys()
    assert all((tensors[0][name] == tensors[1][name]).all() for name in tensors[0])
    assert "column split" not in done.err
    # On its own data the model is scored on the rows that it was; others are all of one part.
    scores = json.loads(mlp("eval", "once", "--json", cwd=folder).out)["scores"]
    found = manifest["result"]["scores"]
    assert {name: part["loss"] for name, part in scores.items()} == {
        name: pytest.approx(part["loss"], rel=1e-12) for name, part in found.items()
    }
    (folder / "new.csv").write_text(
        (folder / "plain.csv").read_text() + "0.1,0.2,C1,2021-01-01,2021,0.3\n"
    )
    scores = json.loads(mlp("eval", "once", "--json", "--data", "new.csv", cwd=folder).out)[
        "scores"
    ]
    assert {name: part["rows"] for name, part in scores.items()} == {"all": 201}


def test_no_customer_is_in_two_parts_and_nobody_is_a_customer_of_one_row(train, folder):
    _, manifest, _ = train("groups", "data.path=plain.csv", "data.exclude=[day]", GROUP)
    lines = (folder / "plain.csv").read_text().splitlines()[1:]
    customers = [line.split(",")[2] for line in lines]
    part = ["train"] * 200
    for name in ("validation", "test"):
        for row in rows_of(manifest)[name]:
            part[row] = name
    for customer in set(customers) - {""}:
        assert len({p for p, c in zip(part, customers, strict=True) if c == customer}) == 1
    assert abs(part.count("test") - 30) <= 4


def test_the_last_days_are_the_test(train, folder):
    _, manifest, done = train("days", "data.path=plain.csv", "data.exclude=[customer]", TIME)
    days = [line.split(",")[3] for line in (folder / "plain.csv").read_text().splitlines()[1:]]
    assert sorted(days[row] for row in rows_of(manifest)["test"]) == sorted(days)[170:]
    assert sorted(days[row] for row in rows_of(manifest)["validation"]) == sorted(days)[140:170]
    # A column of numbers, of which the test rows have two values: the last year, as a whole.
    keys = ["data.path=plain.csv", "data.exclude=[customer, day]"]
    _, manifest, done = train("years", *keys, "data.split={time: year, validation: 0}")
    assert len(rows_of(manifest)["test"]) == 108  # 200 days from October on: 92 are of 2019
    assert "column year: rows of equal time are in one part, so there are 108 test rows" in done.err


# ------------------------------------------------------------ advice, typed


def advised(text):
    """Return what a sentence advises, as words of `--set`: KEY: VALUE."""
    return [f"{key}={value}" for key, value in re.findall(r"(data\.[a-z.]+): ({.*?}|\w+)", text)]


def test_the_advice_on_a_recognized_column_works(train, folder):
    _, _, done = train("auto", "data.exclude=[customer, day]")
    (line,) = [line for line in done.err.splitlines() if "column split holds" in line]
    same, anew = re.findall(r"data\.split\.column: \w+|data\.split\.seed: \d+", line)
    for advice, expected in ((same, 50), (anew, 30)):
        key = advice.replace(": ", "=")
        _, manifest, done = train("typed", "data.exclude=[customer, day]", key)
        assert len(rows_of(manifest)["test"]) == expected
    (line,) = [line for line in done.err.splitlines() if "column split holds" in line]
    kept = re.search(r"data\.columns: ({.*})", line).group(1)
    _, _, done = train("typed", "data.exclude=[customer, day]", key, f"data.columns={kept}")
    assert "column split" not in done.err
    text = (folder / "typed" / "spec.yaml").read_text("utf-8")
    assert "categorical: [split]" in text


def test_the_advice_on_too_few_groups_or_times_works(mlp, folder):
    table = "x,g,y\n" + "".join(f"{i},{i % 2},{i % 7}.5\n" for i in range(40))
    (folder / "two.csv").write_text(table, "ascii")
    for way in ("group", "time"):
        keys = ["--set", "data.path=two.csv", "--set", f"data.split.{way}=g"]
        done = mlp("check", "spec.yaml", *keys, cwd=folder)
        assert done.code == 3
        (advice,) = re.findall(r"do without: (data\.split\.validation): (0)", done.err)
        done = mlp("check", "spec.yaml", *keys, "--set", "=".join(advice), cwd=folder)
        assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (
            ["data.split={group: customr}"],
            (
                "mlp: --set data.split={group: customr}: data.split.group: visits.csv has no "
                "column 'customr'; its columns: x, z, customer, day, year, split, y; did you mean "
                "'customer'?"
            ),
        ),
        (["data.split={time: customer}"], "customer: 'C"),
        (
            [GROUP, "ensemble={kind: kfold, replicas: 90}"],
            "ensemble.replicas: 90 folds of ",
        ),
        (
            ["data.split={time: year, validation: 0}", "ensemble={kind: kfold, replicas: 2}"],
            (
                "ensemble.replicas: 2 folds of 92 training rows, which have 1 different time "
                "(year): each fold needs one, and the first trains"
            ),
        ),
    ],
)
def test_faults_of_the_data_are_sentences_with_exit_3(mlp, folder, keys, told):
    pairs = [word for key in ["data.exclude=[day]", *keys] for word in ("--set", key)]
    done = mlp("train", "spec.yaml", *pairs, "--run-dir", "never", cwd=folder)
    assert done.code == 3
    assert told in done.err
    assert len(done.err.splitlines()) == 1
    assert not (folder / "never").exists()


@pytest.mark.parametrize("key", [GROUP, TIME, "data.split={group: split}"])
def test_learning_rates_are_tried_on_folds_of_the_same_kind(mlp, folder, key):
    """Of three groups there are no five folds: the rate range alone decides."""
    keys = ["--set", "data.exclude=[customer, day]"] if "customer" not in key else []
    keys = ["--set", "data.exclude=[day]"] if key == GROUP else keys
    keys = ["--set", "data.exclude=[customer]"] if key == TIME else keys
    done = mlp("train", "spec.yaml", "--find-lr", "--json", *keys, "--set", key, cwd=folder)
    assert done.code == 0, done.err
    assert bool(json.loads(done.out)["trials"]) == (key != "data.split={group: split}")
