"""mlp check: the network and its cost, counted by hand, and what is odd in the data."""

import json
import os
import shutil

import pytest


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """Return a folder with one oddity of each kind: a split column says which row is which part.

    a is constant, b is missing once in training, colour once in test, row 2 of training is
    validation's too, and no validation row has the class z.
    """
    folder = tmp_path_factory.mktemp("odd")
    rows = [
        "1,5,red,x,train",
        "1,6,blue,y,train",
        "1,NA,red,z,train",
        "1,8,red,x,train",
        "1,6,blue,y,val",
        "1,9,red,x,val",
        "1,7,NA,z,test",
        "1,1,blue,y,test",
        "1,2,red,x,test",
    ]
    (folder / "t.csv").write_text("\n".join(["a,b,colour,y,part", *rows]) + "\n", "ascii")
    spec = """
data: {path: t.csv, target: y, split: {column: part}}
model: {layers: [{units: 6, keep_prob: 0.5}, {units: 5, activation: tanh, initializer: he_normal}]}
training: {batch_size: 3}
"""
    (folder / "odd.yaml").write_text(spec, "ascii")
    return folder


@pytest.fixture(scope="module")
def told(odd, mlp, learners):
    done = mlp("check", "odd.yaml", "--json", cwd=odd, env=learners)
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def test_the_network_counted_by_hand(told):
    # a, b, colour=blue, colour=red: 4 - 6 - 5 - 3
    assert told["weights"] is None
    assert told["features"] == ["a", "b", "colour=blue", "colour=red"]
    layers = [[layer[key] for key in ("name", "fan_in", "fan_out")] for layer in told["layers"]]
    assert layers == [["hidden.1", 4, 6], ["hidden.2", 6, 5], ["output", 5, 3]]
    kinds = [
        [layer[k] for k in ("activation", "initializer", "keep_prob")] for layer in told["layers"]
    ]
    assert kinds == [
        ["relu", "glorot_uniform", 0.5],
        ["tanh", "he_normal", 1.0],
        ["softmax", "normal", 1.0],
    ]
    assert [layer["parameters"] for layer in told["layers"]] == [5 * 6, 7 * 5, 6 * 3]
    assert told["parameters"] == 83


def test_an_epoch_counted_by_hand(told):
    assert told["rows"] == {"train": 4, "validation": 2, "test": 3}
    assert told["steps_per_epoch"] == 2  # 3 rows and 1
    # Forward 24 + 30 + 15 a row; the weights' gradient as many; deltas through all but the first.
    assert told["multiply_adds_per_epoch"] == 4 * (69 + 69 + 45)
    # Parameters, gradient and best weights alone are 3 · 83 numbers of 4 bytes.
    assert 3 * 83 * 4 < told["memory_bytes"] < 16 << 20


def test_what_is_odd(told):
    assert [(o["kind"], o["columns"], o["text"]) for o in told["oddities"]] == [
        ("constant", ["a"], "constant in the training rows, so of no use: a"),
        ("missing", ["b"], "b: missing in 1 of 9 rows; set to the training median, 6"),
        (
            "missing",
            ["colour"],
            "colour: missing in 1 of 9 rows; in no category: all its columns 0",
        ),
        ("duplicate", [], "1 of the 2 validation rows are training rows too, value for value"),
        ("absent_class", [], "no validation row has the class z"),
    ]


def test_what_a_model_has_to_beat(told):
    assert told["baseline"] == {
        "what": "accuracy of always saying x",
        "train": 0.5,
        "validation": 0.5,
        "test": pytest.approx(1 / 3),
    }
    assert told["task"] == "multiclass"
    assert told["classes"] == ["x", "y", "z"]


def test_the_spec_is_shown_with_its_defaults_resolved(told):
    spec = told["spec"]
    assert spec["data"]["task"] == "multiclass"
    assert spec["data"]["categorical"] == ["colour"]
    assert spec["model"]["loss"] == {"name": "cross_entropy", "label_smoothing": 0.0}
    assert spec["training"]["metrics"] == ["accuracy"]
    assert (spec["data"]["scale"], spec["training"]["batch_size"]) == ("asinh", 3)
    assert told["scale"] == {"name": "asinh", "reason": "the numeric columns are not like pixels"}
    assert told["batch_rows"] == 3


def test_the_same_in_words(odd, told, mlp):
    done = mlp("check", "odd.yaml", cwd=odd)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("t.csv: 4 train, 2 validation, 3 test rows; 4 features; multiclass")
    rows = [line.split() for line in done.out.splitlines()]
    assert ["hidden.1", "4", "→", "6", "relu", "glorot_uniform", "0.5", "30"] in rows
    assert ["total", "83"] in rows
    assert "an epoch is 2 steps of 3 rows, 732 multiply-adds\n" in done.out
    assert "numeric inputs scaled by asinh: the numeric columns are not like pixels\n" in done.out
    for oddity in told["oddities"]:
        assert f"odd: {oddity['text']}\n" in done.out
    assert sorted(path.name for path in odd.iterdir()) == ["odd.yaml", "t.csv"]


def test_weights_by_hand(odd, mlp):
    # Training rows x, y, z, x with b = 5, 6, 1, 8, of which z counts twice: 21 / 4 in the mean.
    cells = (odd / "t.csv").read_text("ascii").replace("1,NA,red,z,train", "1,1,red,z,train")
    (odd / "w.csv").write_text(cells.replace("1,7,NA", "1,7,red"), "ascii")
    given = ["data.path=w.csv", "data.sample_weight=b", "data.class_weight={z: 2}"]
    words = [word for text in given for word in ("--set", text)]
    done = mlp("check", "odd.yaml", *words, cwd=odd)
    (odd / "w.csv").unlink()
    assert (done.code, done.err) == (0, "")
    of_one, of_two = f"{1 / 5.25:.4g}", f"{2 / 5.25:.4g}"
    assert (
        f"rows weigh by column b and class (x {of_one}, y {of_one}, z {of_two}); divided by the "
        "training rows' mean, 5.25\n"
    ) in done.out


def test_nothing_odd_is_said_too(folder, mlp):
    done = mlp("check", "iris.yaml", "--set", "data.target=petal_width_cm", cwd=folder)
    assert done.code == 0
    assert "\nto beat: rmse 0." in done.out
    assert "\nnothing odd in the data\n" in done.out


def test_duplicates_across_files_in_a_column_with_a_gap(tmp_path, mlp):
    (tmp_path / "a.csv").write_text("x,y\n1,no\n2,yes\n3,no\n", "ascii")
    (tmp_path / "b.csv").write_text("x,y\n1,no\n,yes\n", "ascii")
    files = "data: {target: y, split: {files: {train: a.csv, test: b.csv}}}\n"
    (tmp_path / "s.yaml").write_text(files, "ascii")
    kinds = json.loads(mlp("check", "s.yaml", "--json", cwd=tmp_path).out)["oddities"]
    assert "duplicate" in [oddity["kind"] for oddity in kinds]


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("data.scale=minmax", None),  # as the spec says: there is nothing to explain
        ("data.image={height: 1, width: 2}", "standard: data.image says that the columns are"),
    ],
)
def test_why_numbers_are_scaled_as_they_are(odd, mlp, override, line):
    sets = ["--set", override, "--set", "data.exclude=[colour]"]
    done = mlp("check", "odd.yaml", *sets, cwd=odd)
    assert done.code == 0
    if line is None:
        assert "numeric inputs scaled" not in done.out
    else:
        assert f"numeric inputs scaled by {line}" in done.out


def test_columns_of_text_alone_have_no_scale(odd, mlp):
    done = mlp("check", "odd.yaml", "--set", "data.exclude=[a, b]", cwd=odd)
    assert done.code == 0
    assert "numeric inputs scaled" not in done.out


# What there is to beat.


def test_the_baselines_have_stable_keys(told):
    assert {tuple(one) for one in map(tuple, told["baselines"])} == {
        ("name", "metric", "part", "value", "low", "high", "seconds")
    }
    of = [(one["name"], one["metric"]) for one in told["baselines"]]
    names = ["constant", "linear", "gradient_boosting"]
    assert of == [(name, metric) for name in names for metric in ("accuracy", "balanced_accuracy")]
    constant = told["baselines"][0]
    assert {one["part"] for one in told["baselines"]} == {"test"}
    assert constant["value"] == pytest.approx(told["baseline"]["test"])
    # Wilson's of 1 of 3: by statsmodels.
    assert (constant["low"], constant["high"]) == (
        pytest.approx(0.06149, abs=1e-5),
        pytest.approx(0.79234, abs=1e-5),
    )
    assert told["baselines"][1]["low"] is None  # of a constant, balanced accuracy is what it is
    assert told["to_beat"] in told["baselines"]
    assert told["baseline_notes"] == []


def test_the_report_ends_with_what_there_is_to_beat(folder, mlp, learners):
    done = mlp("check", "iris.yaml", cwd=folder, env=learners)
    lines = done.out.splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("to beat: accuracy 1 ("))
    assert lines[start].endswith(" on the 22 test rows, by logistic regression")
    names = [line.split("  ")[0] for line in lines[start + 4 :]]
    assert names == ["always setosa", "logistic regression", "gradient boosting"]


def test_without_scikit_learn_a_line_says_what_to_install(folder, mlp):
    done = mlp("check", "iris.yaml", cwd=folder)
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith(
        'no gradient boosting: pip install "mlpcli[baselines]", or lightgbm, adds it\n'
    )


# For scripts.


@pytest.mark.parametrize("flags", [[], ["--json"], ["-q"]])
def test_an_oddity_fails_a_script_that_asks(flags, odd, mlp):
    assert mlp("check", "odd.yaml", *flags, cwd=odd).code == 0
    done = mlp("check", "odd.yaml", "--fail-if-odd", *flags, cwd=odd)
    assert (done.code, done.err) == (1, "")
    assert bool(done.out) == (flags != ["-q"])
    if flags == ["--json"]:
        assert json.loads(done.out)["oddities"]


@pytest.mark.parametrize("flags", [[], ["-q"]])
def test_nothing_odd_is_no_failure(flags, folder, mlp):
    words = ["--set", "data.target=petal_width_cm", "--fail-if-odd", *flags]
    assert mlp("check", "iris.yaml", *words, cwd=folder).code == 0


def test_faults_keep_their_codes(odd, mlp):
    wrong = ["--set", "data.target=z", "--fail-if-odd", "-q"]
    assert mlp("check", "odd.yaml", *wrong, cwd=odd).code == 3
    wrong[1] = "data.targett=z"
    assert mlp("check", "odd.yaml", *wrong, cwd=odd).code == 2


def test_quiet_fits_no_baseline(odd, mlp):
    # A module that cannot be imported without a trace says so.
    (odd / "loud").mkdir()
    (odd / "loud" / "lightgbm.py").write_text("print('fitted')\nraise ImportError\n", "ascii")
    path = os.pathsep.join([str(odd / "loud"), os.environ.get("PYTHONPATH", "")])
    loud = mlp("check", "odd.yaml", cwd=odd, env={"PYTHONPATH": path})
    quiet = mlp("check", "odd.yaml", "-q", cwd=odd, env={"PYTHONPATH": path})
    shutil.rmtree(odd / "loud")
    assert "fitted" in loud.out
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


def test_the_plan_and_what_threads_are_expected_to_gain(odd, mlp, learners):
    def check(*keys, json=False):
        words = [word for key in keys for word in ("--set", key)] + ["--json"] * json
        return " ".join(mlp("check", "odd.yaml", *words, cwd=odd, env=learners).out.split())

    keys = ("runtime.shards=2", "runtime.threads=2")
    told = json.loads(check(*keys, json=True))
    assert (told["shards"], told["threads"]) == (2, 2)
    assert 0 < told["speed_up"] < 0.5  # of so small a network
    assert (
        f"a step is cut into 2 shards, for 2 threads: about {told['speed_up']:.1f} times as many "
        "rows a second as one thread takes uncut (docs/scaling.md)"
    ) in check(*keys)
    alone = check("runtime.shards=3", "runtime.threads=1")
    assert "a step is cut into 3 shards, for 1 thread" in alone
    assert "rows a second" not in alone
    assert "a step is cut" not in check()
    for each in ((), ("runtime.shards=3", "runtime.threads=1")):
        assert json.loads(check(*each, json=True))["speed_up"] == 1
