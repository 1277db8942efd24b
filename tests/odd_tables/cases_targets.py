"""Targets, columns that know too much of them, and splits."""

import math
import random

from case import add, answers, csv_file, houses

INPUTS = {"size", "age", "kind"}
SOLD = "path: t.csv, target: sold"
PRICES = houses()["price"]
draw = random.Random(7)

# Targets
add(
    "target_with_gaps",
    houses() | {"price": ["" if k % 11 == 4 else v for k, v in enumerate(PRICES)]},
    task="regression",
    columns=INPUTS,
    left_out=7,
    says=(r"7 (of (the )?80 )?rows.*price|price.*7 (of (the )?80 )?rows",),
)
add(
    "target_with_question_marks",
    houses() | {"price": ["?" if k % 11 == 4 else v for k, v in enumerate(PRICES)]},
    task="regression",
    columns=INPUTS,
    left_out=7,
    says=(r"\b7\b.*price|price.*\b7\b",),
)
add(
    "dollar_target_with_gaps",
    houses() | {"price": ["N/A" if k % 11 == 4 else f"${v:,.2f}" for k, v in enumerate(PRICES)]},
    task="regression",
    columns=INPUTS,
    left_out=7,
    values={"price": PRICES[:4]},
)
add(
    "gaps_in_the_target_are_faults",
    houses() | {"price": ["" if k % 11 == 4 else v for k, v in enumerate(PRICES)]},
    data="path: t.csv, target: price, missing_target: fail",
    code=3,
    says=(r"t\.csv:6.*price",),
)
add(
    "target_without_any_value",
    houses() | {"price": [""] * 80},
    code=3,
    says=(r"no row.*price",),
)
add(
    "several_targets_with_gaps",
    houses(rent=["" if row % 10 == 3 else row * 37 % 100 / 8 for row in range(80)]),
    data="path: t.csv, target: [price, rent]",
    task="regression",
    columns=INPUTS,
    left_out=8,
)
add(
    "400_names_as_target",
    houses(400) | {"price": [f"Person {k} Smith" for k in range(400)]},
    code=3,
    says=(r"400.*data\.task|data\.task.*400",),
)
add(
    "400_names_as_classes_when_asked",
    houses(800) | {"price": [f"Person {k % 400} Smith" for k in range(800)]},
    data="path: t.csv, target: price, task: multiclass",
    task="multiclass",
)
add(
    "30_breeds_as_target",
    houses(600) | {"price": [f"breed {k % 30}" for k in range(600)]},
    task="multiclass",
    columns=INPUTS,
)
add(
    "five_positives_in_600",
    answers(600) | {"sold": ["yes" if k % 120 == 50 else "no" for k in range(600)]},
    data=SOLD,
    task="binary",
    says=(r"yes.*\b5\b|\b5\b.*yes",),
)
add(
    "scores_from_3_to_9",
    houses(400) | {"price": [min(9, max(3, round(v / 35_000))) for v in houses(400)["price"]]},
    task="multiclass",
    says=(r"price.*class",),
)
add(
    "counts",
    houses(400) | {"price": [round(v / 5_000) for v in houses(400)["price"]]},
    task="regression",
    says=(r"price.*(amount|regression|number)",),
)
add(
    "years",
    houses(400) | {"price": [1980 + round(v / 7_000) for v in houses(400)["price"]]},
    task="regression",
)
add("constant_class", answers() | {"sold": ["yes"] * 80}, data=SOLD, code=3, says=(r"sold.*same",))
add(
    "constant_amount",
    houses() | {"price": [2.5] * 80},
    says=(r"price.*(one value|same|constant)",),
)
add(
    "incomes_by_their_logarithm",
    houses() | {"price": [0 if k % 9 == 2 else v for k, v in enumerate(PRICES)]},
    data="path: t.csv, target: price, scale_target: log",
    task="regression",
    columns=INPUTS,
)
add(
    "negative_amounts_have_no_logarithm",
    houses() | {"price": [-v if k == 5 else v for k, v in enumerate(PRICES)]},
    data="path: t.csv, target: price, scale_target: log",
    code=3,
    says=(r"t\.csv:7.*price.*(negative|-\d)",),
)
add(
    "target_in_other_capitals",
    {("Price" if name == "price" else name): values for name, values in houses().items()},
    code=3,
    says=(r"spec\.yaml:1:.*did you mean '?Price",),
)
add(
    "target_with_one_word_among_numbers",
    houses() | {"price": ["ask the owner" if k == 5 else v for k, v in enumerate(PRICES)]},
    code=3,
    says=(r"t\.csv:7.*price.*ask the owner",),
)

# Columns that know too much, and those that know nothing
add("copy_of_the_target", houses(value=PRICES), says=(r"value.*(copy|equal|same|target)",))
add(
    "multiple_of_the_target",
    houses(monthly=[v / 12 for v in PRICES]),
    says=(r"monthly.*(multiple|times|target|alone)",),
)
add(
    "logarithm_of_the_target",
    houses(log_value=[math.log(v) for v in PRICES]),
    says=(r"log_value.*(target|alone|order|monoton)",),
)
add(
    "one_category_for_each_class",
    answers(code=["A" if word == "yes" else "B" for word in answers()["sold"]]),
    data=SOLD,
    says=(r"code.*leak",),
)
add(
    "nearly_the_target",
    answers(
        300,
        contract=[
            "" if (word == "no") != (k % 60 == 1) else f"C{k % 7}"
            for k, word in enumerate(answers(300)["sold"])
        ],
    ),
    data=SOLD,
    says=(r"contract.*(alone|target|missing)",),
)
add(
    "number_that_gives_the_class",
    answers(
        300,
        margin=[
            round((1 if word == "yes" else -1) * (1 + draw.random()), 3)
            for word in answers(300)["sold"]
        ],
    ),
    data=SOLD,
    says=(r"margin.*(alone|target)",),
)
add(
    "duplicate_columns",
    houses(size_again=houses()["size"]),
    says=(r"size.*size_again|size_again.*size",),
)
add(
    "constant_columns",
    houses(country=["IT"] * 80, version=[3] * 80),
    says=(r"country", r"version"),
)
add(
    "leak_with_class_numbers",
    answers(words=(0, 1), label=answers(words=(0, 1))["sold"]),
    data=SOLD,
    task="binary",
    says=(r"label.*leak",),
)

# Splits
WORDS = ["train"] * 7 + ["validation", "test", "test"]
PART = [WORDS[row * 7 % 10] for row in range(80)]
SHARES = {"train": 56, "validation": 8, "test": 16}
add(
    "a_column_named_split",
    houses(split=PART),
    columns=INPUTS,
    split={"column": "split"},
    rows=SHARES,
    says=(r"split",),
)
add(
    "a_column_named_split_beside_shares",
    houses(split=PART),
    data="path: t.csv, target: price, split: {validation: 0.2, test: 0.2}",
    columns=INPUTS,
    rows={"train": 48, "validation": 16, "test": 16},
    says=(r"split",),
)
add(
    "a_column_named_Set",
    houses(Set=[{"train": "TRAIN", "validation": "Val", "test": "Test"}[word] for word in PART]),
    columns=INPUTS,
    split={"column": "Set"},
    rows=SHARES,
    says=(r"Set",),
)
add(
    "a_column_named_set_of_other_words",
    houses(set=lambda draw: draw.choice(("blue", "red"))),
    columns={*INPUTS, "set"},
    split={"column": None},
)
HALF = houses(60)
add(
    "test_rows_that_are_training_rows",
    {name: [*values, *values[:20]] for name, values in HALF.items()},
    says=(r"(test|validation) rows are training rows",),
)
add(
    "sorted_by_class",
    {
        name: list(values)
        for name, values in zip(
            answers(),
            zip(*sorted(zip(*answers().values(), strict=True), key=lambda r: r[-1]), strict=True),
            strict=True,
        )
    },
    data=SOLD,
    task="binary",
    columns=INPUTS,
    never=(r"has the class",),
)
add(
    "a_test_part_from_elsewhere",
    houses(
        400,
        income=[draw.gauss(3 if row >= 300 else 0, 1) for row in range(400)],
        part=["train"] * 250 + ["validation"] * 50 + ["test"] * 100,
    ),
    data="path: t.csv, target: price, split: {column: part}",
    columns={*INPUTS, "income"},
    says=(r"test rows.*distribut.*income",),
)
add(
    "customers_as_groups",
    houses(400, customer=lambda draw: f"C{draw.randrange(60)}"),
    data="path: t.csv, target: price, split: {group: customer}",
    columns=INPUTS,
    split={"group": "customer"},
)
add(
    "the_last_rows_are_the_test_rows",
    houses(200, day=[f"2021-{row // 28 + 1:02}-{row % 28 + 1:02}" for row in range(200)]),
    data="path: t.csv, target: price, split: {time: day}",
    columns={*INPUTS, "day"},
    features={"day.day_of_week"},
    rows={"train": 140, "validation": 30, "test": 30},
    never=(r"day\.number",),
)
add(
    "groups_and_time",
    houses(customer=[row % 9 for row in range(80)], day=range(80)),
    data="path: t.csv, target: price, split: {group: customer, time: day}",
    code=2,
    says=(r"spec\.yaml:1:\d+: .*(group.*time|time.*group)",),
)
add(
    "two_files_with_other_columns_and_marks",
    lambda folder: (
        csv_file(houses(80), "train.csv")(folder),
        csv_file(
            dict(
                reversed(
                    [
                        (name, [str(v).replace(".", ",") for v in values])
                        for name, values in houses(30, 5, more=range(30)).items()
                    ]
                )
            ),
            "test.csv",
            "latin-1",
            delimiter=";",
        )(folder),
    )[0],
    data="target: price, split: {files: {train: train.csv, test: test.csv}}",
    task="regression",
    columns=INPUTS,
    rows={"train": 80, "test": 30},
)
