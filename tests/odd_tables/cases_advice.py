"""Tables for the messages that no other odd table gives rise to: each has advice to be followed."""

from case import add, csv_file, csv_text, houses, text_file

INPUTS = {"size", "age", "kind"}
PRICES = houses()["price"]
DAYS = [f"2021-{k % 12 + 1:02}-{k % 27 + 1:02}" for k in range(80)]
PART = [("train", "train", "train", "test", "validation")[k % 5] for k in range(80)]

add(
    "a_split_kept_as_an_input",
    houses(split=PART),
    data="path: t.csv, target: price, columns: {split: text}",
    columns={*INPUTS, "split"},
    says=(r"split",),
)
add(
    "300_categories_listed",
    houses(1200, city=lambda draw: f"city {draw.randrange(300)}"),
    data="path: t.csv, target: price, categorical: [kind, city]",
    columns={*INPUTS, "city"},
    says=(r"city.*categories",),
)
add(
    "dates_listed_as_categories",
    houses(when=DAYS),
    data="path: t.csv, target: price, categorical: [kind, when]",
    columns={*INPUTS, "when"},
    says=(r"when.*dates",),
)
add(
    "dates_kept_as_texts",
    houses(when=DAYS),
    data="path: t.csv, target: price, columns: {when: text}",
    columns={*INPUTS, "when"},
    says=(r"when.*dates",),
)
NUMBERS = {name: values for name, values in houses().items() if name != "kind"}
add(
    "numbers_separated_by_one_space",
    text_file(csv_text(NUMBERS, " ")),
    code=3,
    says=(r"t\.csv:1:.*spaces",),
)
add(
    "numbers_in_columns_of_fixed_width",
    text_file(
        "".join(
            f"{' '.join(f'{cell:>9}' for cell in line.split(','))}\n"
            for line in csv_text(NUMBERS).splitlines()
        )
    ),
    code=3,
    says=(r"t\.csv:1:.*spaces",),
)


def _dates_as_target(folder):
    import pandas as pd

    frame = pd.DataFrame(houses())
    frame["price"] = pd.date_range("2021-01-01", periods=80, freq="3D")
    frame.to_parquet(folder / "t.parquet")


add(
    "dates_of_parquet_as_target",
    _dates_as_target,
    data="path: t.parquet, target: price",
    code=3,
    says=(r"price.*dates",),
)
add(
    "words_as_a_regression_target",
    houses() | {"price": ["low", "high", "fair", "none at all"] * 20},
    data="path: t.csv, target: price, task: regression",
    code=3,
    says=(r"price.*not a number",),
)
add(
    "prices_as_classes",
    houses() | {"price": [f"${5 + k % 3}.00" for k in range(80)]},
    data="path: t.csv, target: price, columns: {price: text}, task: regression",
    code=3,
    says=(r"price.*\$",),
)
add(
    "text_in_one_file_and_numbers_in_another",
    lambda folder: (
        csv_file(houses() | {"price": [f"word {k % 7}" for k in range(80)]}, "test.csv")(folder),
        csv_file(houses(), "train.csv")(folder),
    )[0],
    data="target: price, split: {files: {train: train.csv, test: test.csv}}",
    code=3,
    says=(r"price",),
)
add(
    "no_logarithm_of_nothing_but_zeros",
    houses() | {"price": [0] * 80},
    data="path: t.csv, target: price, task: regression, scale_target: log",
    code=3,
    says=(r"price.*logarithm",),
)
add(
    "no_logarithm_of_classes",
    houses() | {"price": [k % 5 for k in range(80)]},
    data="path: t.csv, target: price, task: multiclass, scale_target: log",
    code=2,
    says=(r"scale_target",),
)
add(
    "a_text_column_that_the_list_leaves_out",
    houses(),
    data="path: t.csv, target: price, categorical: []",
    code=3,
    says=(r"kind",),
)
add(
    "words_in_numbers_that_the_list_leaves_out",
    houses() | {"age": ["old" if k % 9 == 0 else k for k in range(80)]},
    data="path: t.csv, target: price, categorical: [kind]",
    code=3,
    says=(r"age.*old",),
)
add(
    "an_image_with_a_category",
    houses(),
    data="path: t.csv, target: price, image: {height: 1, width: 2}",
    code=3,
    says=(r"kind.*image",),
)
add(
    "an_image_with_a_date",
    {name: values for name, values in houses(when=DAYS).items() if name != "kind"},
    data="path: t.csv, target: price, image: {height: 1, width: 2}",
    code=3,
    says=(r"when.*image",),
)
add(
    "prices_with_a_long_tail",
    houses() | {"price": [round(1.9 ** (k % 17) + k / 100, 2) for k in range(80)]},
    task="regression",
    says=(r"price.*logarithm",),
)
add(
    "a_byte_that_is_not_of_the_encoding_named",
    csv_file(houses(city=["Köln", "Bonn"] * 40), encoding="latin-1"),
    data="path: t.csv, target: price, encoding: utf-8",
    code=3,
    says=(r"t\.csv:2:\d+:.*utf-?8",),
)
add(
    "10050_categories_listed",
    houses(10_050, city=[f"city {k}" for k in range(10_050)]),
    data="path: t.csv, target: price, categorical: [kind, city], split: {validation: 0, test: 0}",
    code=3,
    says=(r"city.*10050 categories",),
)
add(
    "scores_that_are_to_be_numbers",
    houses(400) | {"price": [k % 5 for k in range(400)]},
    data="path: t.csv, target: price, task: regression",
    task="regression",
    says=(r"price: 5 different whole numbers.*data\.task",),
)
