"""mlp check --augmented: the rows of epoch 1 as training sees them, and what is said of faults."""

import csv
import io
import json
import re

import numpy as np
import pytest

N_TRAIN = 12
LINES = [f"{k},{100 * k},{'no' if k % 3 else 'yes'},train" for k in range(1, N_TRAIN + 1)]
TABLE = "\n".join(["a,b,y,part", "50,5000,no,test", *LINES, "60,6000,yes,val"]) + "\n"
SPEC = """
seed: 5
data: {path: t.csv, target: y, split: {column: part}, scale: none}
training: {batch_size: 5}
"""


def stream(number, *rest):
    """Return a generator as the design has it: shuffle is stream 2, augmentation is stream 5."""
    return np.random.Generator(
        np.random.PCG64(np.random.SeedSequence(5, spawn_key=(number, *rest)))
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("augmented")
    (folder / "t.csv").write_text(TABLE, "ascii")
    (folder / "s.yaml").write_text(SPEC, "ascii")
    pixels = [f"{k},0,{k},9,{k % 2}" for k in range(1, 21)]
    (folder / "i.csv").write_text("\n".join(["p,q,r,s,digit", *pixels]) + "\n", "ascii")
    images = "data: {path: i.csv, target: digit, image: {height: 2, width: 2}}\n"
    (folder / "i.yaml").write_text(images, "ascii")
    return folder


@pytest.fixture
def check(mlp, place):
    """Return a function that runs `mlp check s.yaml`, with regularization.augmentation set."""

    def check(*arguments, augmentation=None, spec="s.yaml", **options):
        more = ["--set", f"regularization.augmentation={augmentation}"] if augmentation else []
        return mlp("check", spec, *more, *arguments, cwd=place, **options)

    return check


def rows_of(path):
    header, *lines = csv.reader(io.StringIO(path.read_text("utf-8")))
    return header, lines


def test_the_rows_are_training_s_own_by_hand(check, tmp_path):
    out = tmp_path / "rows.csv"
    found = check("--augmented", 20, "-o", out, augmentation="[{name: jitter, std: 0.5}]")
    assert found.code == 0
    header, lines = rows_of(out)
    assert header == ["source_row", "a", "b", "y"]
    # Training rows are rows 2 to 13 of the file; row k + 1 has a = k, b = 100 k.
    order = stream(2, 1).permutation(N_TRAIN)
    assert [int(line[0]) for line in lines] == (order + 2).tolist()
    rng = stream(5, 1, 0)
    rng.random(N_TRAIN)  # which rows: all
    noise = 0.5 * rng.standard_normal((N_TRAIN, 2), dtype=np.float32)
    k = order + 1
    expected = np.stack([k, 100 * k], axis=1) + noise
    np.testing.assert_allclose(np.array([line[1:3] for line in lines], float), expected, rtol=1e-5)
    assert [line[3] for line in lines] == ["no" if x % 3 else "yes" for x in k]
    assert "12 of the 12 rows of epoch 1" in found.out
    assert f"12 rows in {out}" in found.err


def test_the_table_is_in_the_file_s_units_and_n_rows_long(check):
    done = check("--augmented", 3, "--set", "data.scale=standard")
    assert done.code == 0
    assert done.err == (
        "regularization.augmentation is empty: these are the training rows as they are\n"
    )
    head, body = done.out.split("3 of the 12 rows of epoch 1, as training sees them; numbered ")
    assert head.startswith("t.csv: 12 train, 1 validation, 1 test rows")
    title, header, _, *lines = body.splitlines()
    assert title == "from 1 as in t.csv:"
    assert header.split() == ["row", "a", "b", "y"]
    for line, k in zip(lines, stream(2, 1).permutation(N_TRAIN)[:3] + 1, strict=True):
        assert line.split() == [str(k + 1), str(k), str(100 * k), "no" if k % 3 else "yes"]


def test_json_holds_what_the_csv_holds(check, tmp_path):
    out = tmp_path / "rows.csv"
    members = "[smote, {name: mixup, alpha: 1}, jitter]"
    done = check("--augmented", 16, "--json", "-o", out, augmentation=members)
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)["augmented"]
    assert told["rows_per_epoch"] == 16  # four rows are yes, eight are no
    header, lines = rows_of(out)
    assert header == ["source_row", "a", "b", "y=no", "y=yes"]
    for row, line in zip(told["rows"], lines, strict=True):
        assert row["source_row"] == int(line[0])
        assert row["features"] == {"a": float(line[1]), "b": float(line[2])}
        assert row["target"] == {"y=no": float(line[3]), "y=yes": float(line[4])}
        assert sum(row["target"].values()) == pytest.approx(1, abs=1e-5)
    assert sum(row["synthetic"] for row in told["rows"]) == 4
    assert any(0.01 < row["target"]["y=no"] < 0.99 for row in told["rows"])
    synthetic = [row["source_row"] for row in told["rows"] if row["synthetic"]]
    assert sorted(synthetic) == [4, 7, 10, 13]  # each yes once


def test_mixed_targets_are_shares_in_words(check):
    done = check("--augmented", 12, augmentation="[{name: mixup, alpha: 2}]")
    lines = done.out.splitlines()[-12:]
    assert any(line.rstrip().endswith(" yes") and " no + " in line for line in lines)
    assert done.err == ""


def test_added_rows_are_marked(check):
    done = check("--augmented", 16, augmentation="[smote]")
    assert done.out.endswith("+: added, made from the row of this number and others\n")
    words = [line.split()[0] for line in done.out.splitlines() if line.split()]
    assert sorted(word for word in words if word.endswith("+")) == ["10+", "13+", "4+", "7+"]


def test_added_rows_are_counted_in_what_an_epoch_costs(check):
    plain, more = (
        json.loads(check("--json", augmentation=each).out) for each in ("[jitter]", "[smote]")
    )
    # 4 yes and 8 no, 12 rows in batches of 5; then 8 and 8.
    assert (plain["steps_per_epoch"], more["steps_per_epoch"]) == (3, 4)
    assert more["multiply_adds_per_epoch"] * 12 == plain["multiply_adds_per_epoch"] * 16
    assert plain["rows"] == more["rows"]
    assert "augmented" not in more


@pytest.mark.parametrize(
    ("key", "told"),
    [("input", True), ("input_multiplicative", True), ("labels", True), ("weights", False)],
)
def test_noise_on_rows_is_said_not_to_be_shown(check, key, told):
    done = check("--augmented", 2, "--set", f"regularization.noise.{key}=0.1")
    assert ("not shown: regularization.noise" in done.err) is told
    assert "not shown" not in check("--augmented", 2).err


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_command_twice_gives_the_same_rows(check, seed):
    members = "[smote, mixup, feature_swap, jitter]"
    runs = [check("--augmented", 9, "--json", "--seed", seed, augmentation=members).out]
    runs += [check("--augmented", 9, "--json", "--seed", seed, augmentation=members).out]
    same = [re.sub(r'"seconds": [^\n]*', "", run) for run in runs]  # of the baselines
    assert same[0] == same[1]
    other = check("--augmented", 9, "--json", "--seed", 3, augmentation=members).out
    assert json.loads(other)["augmented"] != json.loads(runs[0])["augmented"]


def test_regression_and_several_targets_keep_their_units(check):
    done = check("--augmented", 4, "--json", "--set", "data.target=[a, b]")
    for row in json.loads(done.out)["augmented"]["rows"]:
        k = row["source_row"] - 1
        assert row["target"] == {"a": pytest.approx(k, rel=1e-5), "b": pytest.approx(100 * k)}
        assert row["features"]["y=yes"] == float(k % 3 == 0)


# ---------------------------------------------------------------- pictures


def test_an_image_is_a_picture(check):
    done = check("--augmented", 1, spec="i.yaml")
    lines = done.out.splitlines()
    at = next(k for k, line in enumerate(lines) if "1 of the 14 rows" in line)
    number, digit = lines[at + 1].split(": ")
    assert int(digit) == int(number) % 2
    # Pixels k, 0 / k, 9, of which the largest is the brightest, two characters each.
    k = int(number)
    level = [min(int(x / max(k, 9) * 5), 4) for x in (k, 0, k, 9)]
    shades = [2 * " ░▒▓█"[x] for x in level]
    # What is blank at a line's end is cut.
    assert lines[at + 2] == "".join(shades[:2]).rstrip()
    assert lines[at + 3] == "".join(shades[2:]).rstrip()


def test_pictures_where_only_ascii_can_be_written(check):
    done = check("--augmented", 3, spec="i.yaml", env={"PYTHONIOENCODING": "ascii:replace"})
    assert done.code == 0
    assert "##" in done.out
    assert "█" not in done.out


def test_a_large_image_is_shown_smaller(mlp, tmp_path):
    names = ",".join(f"p{j}" for j in range(3 * 200))
    rows = [",".join(["1"] * 599 + [str(k)]) + f",{k % 2}" for k in range(12)]
    (tmp_path / "t.csv").write_text("\n".join([f"{names},y", *rows]) + "\n", "ascii")
    spec = "data: {path: t.csv, target: y, image: {height: 3, width: 200}}\n"
    (tmp_path / "s.yaml").write_text(spec, "ascii")
    done = mlp("check", "s.yaml", "--augmented", 2, cwd=tmp_path)
    assert done.code == 0
    assert max(map(len, done.out.split("of epoch 1")[1].splitlines())) <= 100


def test_augmented_images(check):
    members = (
        "[{name: flip, probability: 1}, {name: shift, pixels: 1}, rotate, {name: cutout, size: 1}]"
    )
    done = check("--augmented", 14, "--json", spec="i.yaml", augmentation=members)
    assert done.code == 0, done.err
    rows = json.loads(done.out)["augmented"]["rows"]
    assert len(rows) == 14
    flipped = check(
        "--augmented", 14, "--json", spec="i.yaml", augmentation="[{name: flip, probability: 1}]"
    )
    for row in json.loads(flipped.out)["augmented"]["rows"]:
        k = row["source_row"]
        expected = {"p": 0, "q": k, "r": 9, "s": k}
        assert row["features"] == pytest.approx(expected, abs=1e-4)


# ---------------------------------------------------------------- how it is said


def test_quiet_says_nothing_and_still_saves(check, tmp_path):
    out = tmp_path / "rows.csv"
    done = check("--augmented", 2, "-q", "-o", out)
    assert (done.code, done.out, done.err) == (0, "", "")
    assert len(rows_of(out)[1]) == 2


def test_wide_tables_are_cut_and_it_is_said(mlp, tmp_path):
    names = ",".join(f"p{j}" for j in range(20))
    rows = [",".join(map(str, range(k, k + 20))) + f",{k % 2}" for k in range(12)]
    (tmp_path / "t.csv").write_text("\n".join([f"{names},y", *rows]) + "\n", "ascii")
    (tmp_path / "s.yaml").write_text("data: {path: t.csv, target: y}\n", "ascii")
    done = mlp("check", "s.yaml", "--augmented", 2, cwd=tmp_path)
    assert " p11 " in done.out
    assert " p12 " not in done.out
    assert "8 more features are in --json and --output" in done.err


def test_a_reader_that_leaves_early(shell, place):
    line = "mlp check s.yaml --augmented 12 --set regularization.augmentation='[jitter]' | head -1"
    done = shell(line, place)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("t.csv: 12 train")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--augmented", "1", "-o", "-"], 2, "--output -: standard output has the report; name a"),
        (
            ["--augmented", "1", "-o", "t.csv"],
            2,
            "--output t.csv: that is the data; choose another",
        ),
        (["--augmented", "1", "-o", "./s.yaml"], 2, "--output ./s.yaml: that is the spec; choose"),
        (["-o", "x.csv"], 2, "--output saves augmented rows: say how many with --augmented N"),
        (["--augmented", "0"], 2, "--augmented"),
        (["--augmented", "1", "-o", "no/such/folder.csv"], 6, "no/such/folder.csv: No such file"),
        (
            ["--augmented", "1", "--set", "regularization.augmentation=[flip]"],
            2,
            "regularization.augmentation[0]: flip is for images",
        ),
        (
            ["--augmented", "1", "--set", "data.image={height: 2, width: 2}"],
            3,
            "data.image: 2 · 2 · 1 is 4 numbers, and a row has 2 numeric columns",
        ),
        (
            ["--augmented", "1", "--set", "data.class_weight={maybe: 2}"],
            3,
            "data.class_weight.maybe: 'maybe' is not a class; the classes: no, yes",
        ),
        (
            ["--set", "data.target=a", "--set", "regularization.augmentation=[mixup, smote]"],
            2,
            "regularization.augmentation[1]: smote adds rows",
        ),
        (
            [
                "--set",
                "data.target=[a, b]",
                "--set",
                "regularization.augmentation=[smote]",
            ],
            2,
            "regularization.augmentation[0]: smote does not fit the task, regression",
        ),
        (
            ["--set", "data.target=[a, b]", "--set", "data.class_weight=balanced"],
            3,
            "data.class_weight: regression has no classes to weigh",
        ),
        (["--set", "data.sample_weight=w"], 3, "data.sample_weight: t.csv has no column 'w'"),
        (["--set", "data.sample_weight=y"], 2, "data.sample_weight: 'y' is the target"),
    ],
)
def test_faults_in_a_sentence(check, arguments, code, words):
    done = check(*arguments)
    assert (done.code, done.out) == (code, "")
    assert words in done.err


@pytest.mark.parametrize("words", [["check"], ["check", "--augmented", 2], ["train"]])
def test_a_class_of_one_row_has_a_place_in_the_spec_and_leaves_no_run(mlp, tmp_path, words):
    (tmp_path / "t.csv").write_text("x,y\n1,a\n2,b\n3,b\n4,b\n", "ascii")
    spec = """\
data: {path: t.csv, target: y, split: {validation: 0, test: 0}}
regularization:
  augmentation:
    - jitter
"""
    (tmp_path / "s.yaml").write_text(spec.replace("jitter", "smote"), "ascii")
    done = mlp(*words, "s.yaml", cwd=tmp_path)
    assert (done.code, done.out) == (3, "")
    assert {path.name for path in tmp_path.iterdir()} == {"t.csv", "s.yaml"}
    assert done.err.startswith(
        "mlp: s.yaml:4:7: regularization.augmentation[0]: smote: the class 'a' has one training row"
    )


# ---------------------------------------------------------------- weights in mlp eval


def test_eval_says_where_the_column_of_weights_is_missing(mlp, tmp_path):
    lines = [f"{k},{k % 4},{'no' if k % 3 else 'yes'}" for k in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["x,w,y", *lines]) + "\n", "ascii")
    (tmp_path / "new.csv").write_text("x,y\n1,no\n2,yes\n", "ascii")
    spec = "data: {path: t.csv, target: y, sample_weight: w}\ntraining: {epochs: 1}\n"
    (tmp_path / "s.yaml").write_text(spec, "ascii")
    assert mlp("train", "s.yaml", "--run-dir", "run", cwd=tmp_path).code == 0
    note = "has no column 'w' of sample weights, as training had: the loss is not weighted"
    done = mlp("eval", "run", cwd=tmp_path)
    assert (done.code, "weights" in done.err) == (0, False)
    done = mlp("eval", "run", "--data", "new.csv", cwd=tmp_path)
    assert done.code == 0
    assert f"new.csv: {note}\n" in done.err
    done = mlp("predict", "run", "new.csv", cwd=tmp_path)  # which needs no weights
    assert (done.code, done.err) == (0, "")
