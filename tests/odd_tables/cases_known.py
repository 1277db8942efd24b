"""Tables like those that everybody meets, and oddities of theirs that nobody plans for."""

import gzip
import io
import json

from case import add, answers, csv_file, csv_text, houses, text_file

INPUTS = {"size", "age", "kind"}
SOLD = "path: t.csv, target: sold"
PRICES = houses()["price"]
LINES = csv_text(houses()).splitlines()
FIRST = ("Ann", "Bob", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hal", "Ida", "Jan")


def _title(k):
    return ("Mr", "Mrs", "Miss", "Master")[k % 4]


add(
    "passengers",
    {
        "PassengerId": range(1, 301),
        "Name": [f"{FIRST[k % 7]}sson, {_title(k)}. {FIRST[k % 10]} {k}" for k in range(300)],
        "Sex": [("male", "female")[k * k // 3 % 2] for k in range(300)],
        "Age": ["" if k % 5 == 0 else k * 37 % 70 + 0.5 for k in range(300)],
        "Ticket": [f"PC {17000 + k * 13}" for k in range(300)],
        "Fare": [round(7 + k * 91 % 80 / 3, 4) for k in range(300)],
        "Cabin": [f"C{k}" if k % 4 == 0 else "" for k in range(300)],
        "Embarked": ["SCQ"[k * 7 % 3] for k in range(300)],
        "Survived": [int((k * k // 3 % 2) != (k % 6 == 0)) for k in range(300)],
    },
    data="path: t.csv, target: Survived",
    task="binary",
    unused={"PassengerId", "Name", "Ticket", "Cabin"},
    columns={"Sex", "Age", "Fare", "Embarked"},
    says=(r"PassengerId", r"Name", r"Ticket", r"Cabin"),
)
add(
    "customers_who_leave",
    {
        "customerID": [f"{k * 7919 % 9000 + 1000}-VHV{'ABCDE'[k % 5]}G" for k in range(300)],
        "SeniorCitizen": [k // 3 % 2 for k in range(300)],
        "Partner": [("Yes", "No")[k * k // 5 % 2] for k in range(300)],
        "tenure": [k * 31 % 72 for k in range(300)],
        "TotalCharges": [
            " " if k % 60 == 0 else round(20 + k * 131 % 900 / 7, 2) for k in range(300)
        ],
        "Churn": [("Yes", "No")[int(k * 31 % 72 > 20)] for k in range(300)],
    },
    data="path: t.csv, target: Churn",
    task="binary",
    unused={"customerID"},
    columns={"SeniorCitizen", "Partner", "tenure", "TotalCharges"},
    features={"TotalCharges", "tenure"},
    says=(r"customerID", r"TotalCharges.*missing"),
)
add(
    "flats_to_rent",
    {
        "id": [k * 7919 + 2539 for k in range(300)],
        "listing_url": [f"https://example.org/rooms/{k * 7919 + 2539}" for k in range(300)],
        "host_is_superhost": ["" if k % 50 == 7 else "tf"[k * k // 3 % 2] for k in range(300)],
        "host_response_rate": ["N/A" if k % 9 == 0 else f"{k % 100}%" for k in range(300)],
        "room_type": [("Entire home/apt", "Private room")[k // 2 % 2] for k in range(300)],
        "last_review": [
            "" if k % 8 == 0 else f"2021-{k % 12 + 1:02}-{k % 27 + 1:02}" for k in range(300)
        ],
        "price": [f"${700 + k * 131 % 900:,.2f}" for k in range(300)],
    },
    task="regression",
    unused={"id", "listing_url"},
    columns={"host_is_superhost", "host_response_rate", "room_type", "last_review"},
    features={"host_response_rate", "last_review.number"},
    read={"host_response_rate": "number", "last_review": "date"},
    values={"price": [700, 831, 962, 1093]},
    says=(r"\bid\b", r"listing_url", r"price.*\$"),
)
add(
    "blank_after_each_comma",
    text_file(csv_text(houses()).replace(",", ", ")),
    task="regression",
    columns=INPUTS,
    features={"kind=flat"},
    n_rows=80,
)
add(
    "quoted_header_and_semicolons",
    csv_file(houses(), delimiter=";", quote_all=True),
    task="regression",
    columns=INPUTS,
    n_rows=80,
)
add(
    "columns_of_fixed_width",
    text_file("".join(f"{' '.join(f'{cell:>9}' for cell in line.split(','))}\n" for line in LINES)),
    code=3,
    says=(r"price.*size +age",),
)
add(
    "text_file_ending",
    csv_file(houses(), "t.txt"),
    data="path: t.txt, target: price",
    code=3,
    says=(r"t\.txt.*ends in",),
)
add(
    "line_ends_of_both_kinds",
    text_file("\r\n".join(LINES[:40]) + "\r\n" + "\n".join(LINES[40:]) + "\n"),
    columns=INPUTS,
    n_rows=80,
)
add("no_line_end_at_the_end", text_file("\n".join(LINES)), columns=INPUTS, n_rows=80)
add(
    "one_bad_byte_in_utf_8",
    text_file(
        csv_text(houses(city=[("Köln", "Málaga")[k % 2] for k in range(80)]))
        .encode()
        .replace("Köln".encode(), b"K\xffln", 1)
    ),
    code=3,
    says=(r"utf-?8|windows-1252|latin",),
)
add(
    "zip_named_csv", text_file(b"PK\x03\x04" + gzip.compress(b"t", mtime=0)), code=3, says=(r"zip",)
)
add(
    "compressed_twice",
    text_file(gzip.compress(gzip.compress(b"a,b\n1,2\n", mtime=0), mtime=0), "t.csv.gz"),
    data="path: t.csv.gz, target: price",
    code=3,
    says=(r"gzip|compressed",),
)


def _parquet(folder):
    import pandas as pd

    stream = io.BytesIO()
    pd.DataFrame(houses()).to_parquet(stream)
    (folder / "t.csv").write_bytes(stream.getvalue())


add(
    "parquet_named_csv",
    _parquet,
    code=3,
    says=(r"parquet",),
)
ROWS = [dict(zip(houses(), row, strict=True)) for row in zip(*houses().values(), strict=True)]
add(
    "json_numbers_as_texts",
    text_file(
        "".join(
            json.dumps(row | {"size": str(row["size"]), "price": str(row["price"])}) + "\n"
            for row in ROWS
        ),
        "t.jsonl",
    ),
    data="path: t.jsonl, target: price",
    task="regression",
    columns=INPUTS,
    features={"size"},
    n_rows=80,
)
add(
    "json_keys_that_are_left_out",
    text_file(
        "".join(
            json.dumps({n: v for n, v in row.items() if k % 9 != 5 or n != "age"}) + "\n"
            for k, row in enumerate(ROWS)
        ),
        "t.jsonl",
    ),
    data="path: t.jsonl, target: price",
    code=3,
    says=(r"age",),
)

# Numbers, once more
add(
    "german_thousands_without_decimals",
    csv_file(
        houses(income=[f"{round(v):,}".replace(",", ".") for v in PRICES])
        | {name: [str(v).replace(".", ",") for v in houses()[name]] for name in ("size", "price")},
        delimiter=";",
    ),
    columns={*INPUTS, "income"},
    says=(r"income.*thousand",),
    values={"income": [round(v) for v in PRICES[:5]], "size": houses()["size"][:5]},
)
add(
    "per_cent_without_blank",
    houses(rate=[f"{k * 7 % 80}.5%" for k in range(80)]),
    columns={*INPUTS, "rate"},
    read={"rate": "number"},
    values={"rate": [0.5, 7.5, 14.5]},
    says=(r"rate.*%",),
)
add(
    "dollar_before_the_minus",
    houses(change=[f"$-{v:.2f}" if k % 2 else f"${v:.2f}" for k, v in enumerate(PRICES)]),
    columns={*INPUTS, "change"},
    values={"change": [PRICES[0], -PRICES[1], PRICES[2]]},
)
add(
    "euro_code_behind",
    csv_file(
        houses(income=[f"{v:,.2f} EUR".translate(str.maketrans(",.", " ,")) for v in PRICES]),
        delimiter=";",
    ),
    columns={*INPUTS, "income"},
    values={"income": PRICES[:5]},
    says=(r"income.*EUR",),
)
add(
    "excel_errors",
    houses(
        ratio=[
            ("#DIV/0!", "#VALUE!")[k % 2] if k % 20 == 3 else v / 7 for k, v in enumerate(PRICES)
        ]
    ),
    says=(r"ratio.*#(DIV|VALUE)",),
)
add(
    "below_the_limit",
    houses(lead=["<5" if k % 9 == 0 else k * 3 % 70 + 5 for k in range(80)]),
    code=3,
    says=(r"lead.*<5",),
)
add(
    "age_groups_are_no_dates",
    houses(group=lambda draw: draw.choice(("10-19", "20-29", "30-39"))),
    columns={*INPUTS, "group"},
    features={"group=20-29"},
)
add(
    "versions_are_no_dates",
    houses(version=lambda draw: draw.choice(("1.2.3", "2.10.4", "3.0.1"))),
    columns={*INPUTS, "version"},
    features={"version=2.10.4"},
)
add(
    "fractions_are_no_dates",
    houses(part=lambda draw: draw.choice(("1/2", "1/4", "3/4"))),
    columns={*INPUTS, "part"},
    features={"part=1/2"},
)
add(
    "numbers_with_one_typing_mistake",
    houses(
        income=[f"{v:.2f}".replace(".", ".O", 1) if k == 9 else v for k, v in enumerate(PRICES)]
    ),
    code=3,
    says=(r"t\.csv:11:\d+: income: .*O",),
)

# Dates, once more
add(
    "offsets_of_summer_and_winter",
    houses(
        when=[
            f"2021-{k % 12 + 1:02}-{k % 27 + 1:02}T10:00:00+0{1 + (3 < k % 12 < 10)}:00"
            for k in range(80)
        ]
    ),
    columns={*INPUTS, "when"},
    features={"when.month", "when.number"},
)
add(
    "zero_dates",
    houses(
        when=[
            "0000-00-00" if k % 9 == 0 else f"2021-{k % 12 + 1:02}-{k % 27 + 1:02}"
            for k in range(80)
        ]
    ),
    says=(r"when.*0000-00-00",),
    most=12,
)
add(
    "dates_without_an_end",
    houses(
        until=[
            "9999-12-31" if k % 3 == 0 else f"2021-{k % 12 + 1:02}-{k % 27 + 1:02}"
            for k in range(80)
        ]
    ),
    columns={*INPUTS, "until"},
    features={"until.number"},
)
add(
    "years_before_1970",
    houses(born=[f"{1901 + k * 7 % 80}-{k % 12 + 1:02}-{k % 27 + 1:02}" for k in range(80)]),
    columns={*INPUTS, "born"},
    features={"born.number", "born.year"},
)

# Names that YAML or a shell reads otherwise
add(
    "id_whose_name_needs_quotes",
    {"no: id, {really}": range(80)} | houses(),
    columns=INPUTS,
    says=(r"no: id, \{really\}",),
)
add(
    "names_of_all_kinds",
    {
        "true": houses()["size"],
        "1": houses()["age"],
        "it's #2": houses()["kind"],
        "a=b.c[0]": [k % 5 for k in range(80)],
        "price": PRICES,
    },
    columns={"true", "1", "it's #2", "a=b.c[0]"},
    task="regression",
)
add(
    "two_names_that_differ_in_blanks",
    text_file(csv_text(houses()).replace("size,age", "age ,age", 1)),
    columns={"age ", "age", "kind"},
)
add(
    "two_names_that_differ_in_capitals",
    text_file(csv_text(houses()).replace("size,age", "Age,age", 1)),
    columns={"Age", "age", "kind"},
)

# Targets, once more
add(
    "classes_as_floats_with_gaps",
    answers(words=("0.0", "1.0"))
    | {
        "sold": [
            "" if k % 20 == 7 else w for k, w in enumerate(answers(words=("0.0", "1.0"))["sold"])
        ]
    },
    data=SOLD,
    task="binary",
    columns=INPUTS,
    left_out=4,
)
add(
    "true_false_none_target",
    answers(words=("False", "True"))
    | {
        "sold": [
            "None" if k % 20 == 7 else w
            for k, w in enumerate(answers(words=("False", "True"))["sold"])
        ]
    },
    data=SOLD,
    task="binary",
    columns=INPUTS,
    left_out=4,
    says=(r"sold.*'None'.*missing", r"4 of 80 rows"),
)
add(
    "a_class_of_one_row",
    answers() | {"sold": ["maybe" if k == 40 else w for k, w in enumerate(answers()["sold"])]},
    data=SOLD,
    task="multiclass",
    columns=INPUTS,
    says=(r"maybe",),
)
add(
    "150_classes",
    houses(600) | {"price": [f"kind {k % 150}" for k in range(600)]},
    code=3,
    says=(r"150.*data\.task|data\.task.*150",),
)
add(
    "labels_with_gaps",
    houses(wet=["" if k % 10 == 3 else k // 2 % 2 for k in range(80)])
    | {"price": [k // 3 % 2 for k in range(80)]},
    data="path: t.csv, target: [price, wet]",
    task="multilabel",
    columns=INPUTS,
    left_out=8,
)
add(
    "shares_as_target",
    houses() | {"price": [(k * 37 % 97) / 97 for k in range(80)]},
    task="regression",
    columns=INPUTS,
)
add(
    "target_listed_as_an_input_to_leave_out",
    houses(),
    data="path: t.csv, target: price, exclude: [prise]",
    code=3,
    says=(r"spec\.yaml:1:.*prise",),
)

# As a stranger met them
add(
    "a_panel_of_customers",
    answers(200, customer_id=[1000 + k // 5 for k in range(200)]),
    data=SOLD,
    task="binary",
    columns={*INPUTS, "customer_id"},
    says=(r"customer_id.*40 different.*data\.split: \{group: customer_id\}",),
)
add(
    "a_word_that_is_no_part",
    answers(200, set=["tset" if k == 7 else ("train", "test")[k % 4 == 3] for k in range(200)]),
    data=SOLD,
    says=(r"set.*tset",),
)
add(
    "no_answer_in_a_survey",
    answers(200, smokes=lambda draw: draw.choice((0, 1, 1, 0, -9))),
    data=SOLD,
    says=(r"smokes.*-9",),
)


def _closed(n=200):
    table = answers(n)
    days = [
        f"2024-03-{k % 9 + 1:02}" if word == "yes" else "" for k, word in enumerate(table["sold"])
    ]
    return {"size": table["size"], "age": table["age"], "closed": days, "sold": table["sold"]}


add(
    "a_date_that_only_some_have",
    _closed(),
    data=SOLD,
    task="binary",
    says=(r"closed.*nearly alone",),
)
add(
    "na_as_a_class",
    answers(100, words=("NA", "EU")),
    data=SOLD,
    code=3,
    says=(r"NA is a class",),
)
