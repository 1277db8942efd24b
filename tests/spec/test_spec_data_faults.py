"""What the section `data` refuses: each fault's place, and its words."""

import pytest

# What `data: {` is followed by in line 1, and a fault in that line.
IN_DATA = [
    ("target: 5", "16: data.target: must be text, not 5"),
    ("target: null", "16: data.target: must be text, not null"),
    ("target: {a: 1}", "16: data.target: must be text, not a mapping"),
    ("target: []", "16: data.target: must name at least one column, and each once"),
    ("target: [a, a]", "16: data.target: must name at least one column, and each once"),
    ("target: [a, 2, null]", "20: data.target[1]: must be text, not 2"),
    ("target: [a, 2, null]", "23: data.target[2]: must be text, not null"),
    ("missing: NA", "17: data.missing: must be a list, or auto, not 'NA'"),
    ("missing: ['', -999]", "22: data.missing[1]: must be text, not -999"),
    ("exclude: id", "17: data.exclude: must be a list, not 'id'"),
    ("exclude: [x, y]", "21: data.exclude[1]: 'y' is the target"),
    ("categorical: [y]", "22: data.categorical[0]: 'y' is the target"),
    (
        "scale: robust",
        "15: data.scale: 'robust' is not allowed; allowed: auto, asinh, standard, minmax, none",
    ),
    (
        "scale: null",
        "15: data.scale: null is not allowed; allowed: auto, asinh, standard, minmax, none; did ",
    ),
    (
        "task: classification",
        "14: data.task: 'classification' is not allowed; allowed: regression,",
    ),
    ("columns: {a: money}", "21: data.columns.a: 'money' is not allowed; allowed: number, date, "),
    ("columns: {a: {name: number, unit: kg}}", "21: data.columns.a: 'kg' is not a unit: % or a "),
    ("columns: {a: {name: date, format: iso}}", "21: data.columns.a: 'iso' is not a format such "),
    ("columns: {y: date}", "21: data.columns.y: 'y' is the target: numbers or classes, no dates"),
    (
        "columns: {a: number}, categorical: [a]",
        "21: data.columns.a: data.categorical lists 'a', and a category is no number",
    ),
    (
        "columns: {w: text}, sample_weight: w",
        "21: data.columns.w: 'w' is data.sample_weight, but weights are numbers",
    ),
    ("sample_weight: 5", "23: data.sample_weight: must be text, not 5"),
    ("sample_weight: y", "23: data.sample_weight: 'y' is the target"),
    (
        "sample_weight: w, categorical: [w]",
        "23: data.sample_weight: 'w' is in data.categorical, but weights are numbers",
    ),
    (
        "sample_weight: w, split: {column: w}",
        "23: data.sample_weight: 'w' is the split's column",
    ),
    *[
        (
            f"class_weight: {text}",
            "22: data.class_weight: must be balanced, a mapping such as {label: weight}, or null",
        )
        for text in ("5", "balance", "[1, 2]", "true", "{}", "''")
    ],
    ("class_weight: {a: -1}", "26: data.class_weight.a: must be at least 0, not -1"),
    ("class_weight: {a: x}", "26: data.class_weight.a: must be a number, not 'x'"),
    ("class_weight: {a: yes, b: null}", "34: data.class_weight.b: must be a number, not null"),
    ("class_weight: {a: .inf}", "26: data.class_weight.a: must be a finite number, not inf"),
    ("class_weight: {0: true}", "26: data.class_weight.0: must be a number, not true"),
    (
        "class_weight: balanced, task: regression",
        "22: data.class_weight: the task is regression: there are no classes to weigh; null, or ",
    ),
    (
        "class_weight: {a: 2}, task: multilabel",
        "22: data.class_weight: the task is multilabel: there are no classes to weigh; null, or ",
    ),
    ("image: 8", "15: data.image: must be a mapping of keys and values, not 8"),
    ("image: {height: 8}", "15: data.image.width: this key is required"),
    ("image: {height: 0, width: 8}", "24: data.image.height: must be at least 1, not 0"),
    (
        "image: {height: 8, width: 8, channel: 1}",
        "37: data.image.channel: there is no such key; allowed here: channels, height, width; did ",
    ),
    ("split: [0.7, 0.15]", "15: data.split: must be a mapping of keys and values, not a list"),
    ("split: {stratify: no}", "26: data.split.stratify: must be true or false, or auto, not 'no'"),
    ("split: {validation: 1}", "28: data.split.validation: must be less than 1, not 1"),
    (
        "split: {validation: 0.5, test: 0.5}",
        "15: data.split: validation and test take 1 of the rows:",
    ),
    ("split: {column: y}", "24: data.split.column: 'y' is the target"),
    ("split: {group: y}", "23: data.split.group: 'y' is the target"),
    ("split: {time: y}", "22: data.split.time: 'y' is the target"),
    ("split: {group: a, time: b}", "15: data.split: group and time exclude each other"),
    ("split: {column: a, group: b}", "15: data.split: column and group exclude each other"),
    ("split: {column: a, time: b}", "15: data.split: column and time exclude each other"),
    (
        "split: {files: {train: a}, group: b}",
        "15: data.split: files and group exclude each other",
    ),
    ("split: {seed: -1}", "22: data.split.seed: must be at least 0, not -1"),
    (
        "split: {group: a, stratify: true}",
        (
            "36: data.split.stratify: whole groups are drawn, so the parts cannot keep the "
            "classes' shares; false, or auto"
        ),
    ),
    (
        "split: {time: a, stratify: true}",
        "35: data.split.stratify: rows are split in time, so the parts cannot keep the classes' ",
    ),
    (
        "split: {group: a}, categorical: [a]",
        "23: data.split.group: 'a' is in data.categorical, but the split's group is no input",
    ),
    ("split: {files: {}}", "23: data.split.files.train: this key is required"),
    (
        "split: {val: 0.1}",
        (
            "16: data.split.val: there is no such key; allowed here: column, files, "
            "group, seed, stratify, test, time, validation; did you mean validation?"
        ),
    ),
    ("task: binary, target: [a, b]", "14: data.task: binary has one target column, not several"),
    *[
        (f"delimiter: {text}", "19: data.delimiter: must be one ASCII character, no quote and no ")
        for text in ("''", ";;", "é", "'\"'", '"\\n"', '"\\0"')
    ],
]


@pytest.mark.parametrize(("key", "fault"), IN_DATA)
def test_faults_of_the_data(faults, key, fault):
    rest = "path: d.csv" if "target" in key else "path: d.csv, target: y"
    found = faults(f"data: {{{key}, {rest}}}\n")
    assert any(f.startswith(f"1:{fault}") for f in found)


def test_where_the_rows_are_is_said_once(faults):
    assert faults("data: {target: y}\n") == [
        "1:7: data.path: this key is required; or give data.split.files"
    ]
    assert faults("data: {path: a, target: y, split: {column: s, files: {train: b}}}\n") == [
        "1:14: data.path: data.split.files says already where the rows are",
        "1:35: data.split: column and files exclude each other",
    ]


def test_second_inputs_of_what_are_no_numbers(faults):
    found = faults(
        "data: {path: a.csv, target: y, exclude: [b], categorical: [c],\n"
        "  missing_indicator: [a, y, b, c],\n"
        "  image: {height: 2, width: 2}}\n"
    )
    pixels = "data.image says that the columns are pixels, which have no second input"
    own = "'c' is in data.categorical, where missing is a category of its own"
    assert found == [
        f"2:22: data.missing_indicator: {pixels}; auto, or []",
        "2:26: data.missing_indicator[1]: 'y' is the target",
        "2:29: data.missing_indicator[2]: 'b' is in data.exclude, so it is no input",
        f"2:32: data.missing_indicator[3]: {own}",
    ]
