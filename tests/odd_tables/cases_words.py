"""Dates, booleans, names, texts and categories."""

import random
from datetime import UTC, datetime, timedelta

from case import add, answers, csv_file, csv_text, houses, text_file

INPUTS = {"size", "age", "kind"}
BEGIN = datetime(2021, 3, 1, 8, 0, tzinfo=UTC)
DATES = [BEGIN + timedelta(days=7 * row % 400, hours=row % 9) for row in range(80)]


def dates(name, form, when=DATES, **expected):
    """Add a table with a column `when`, whose dates `form` writes."""
    write = form if callable(form) else lambda day: day.strftime(form)
    expected = {
        "task": "regression",
        "columns": {*INPUTS, "when"},
        "features": {"when.number", "when.month"},
        "read": {"when": "date"},
        "says": (r"when.*date",),
    } | expected
    add(name, houses(len(when), when=[write(day) for day in when]), **expected)


dates("iso_dates", "%Y-%m-%d")
dates("iso_dates_with_gaps", lambda day: "" if day.day == 5 else day.strftime("%Y-%m-%d"))
dates("iso_with_T_and_Z", "%Y-%m-%dT%H:%M:%SZ", features={"when.number", "when.hour"})
dates("iso_with_offset", "%Y-%m-%dT%H:%M:%S+02:00", features={"when.number", "when.hour"})
dates("iso_with_blank_and_fraction", "%Y-%m-%d %H:%M:%S.000", features={"when.hour"})
dates("slashes_year_first", "%Y/%m/%d")
dates("german_dates", "%d.%m.%Y")
dates("german_dates_with_time", "%d.%m.%Y %H:%M", features={"when.hour"})
dates("slashes_day_first", "%d/%m/%Y", says=(r"when.*(day|d/m|dd/mm)",))
dates("slashes_month_first", "%m/%d/%Y", says=(r"when.*(month|m/d|mm/dd)",))
dates("american_with_pm", "%m/%d/%Y %I:%M %p", features={"when.number"})
dates(
    "slashes_that_nobody_can_tell",
    "%m/%d/%Y",
    [BEGIN.replace(month=row % 12 + 1, day=row * 5 % 12 + 1) for row in range(80)],
    says=(r"when.*(month|day|m/d|d/m).*",),
)
dates("month_names", "%d %b %Y")
dates("month_names_american", "%B %d, %Y")
dates("years_of_two_digits", "%d.%m.%y", features=set(), read={}, columns=None, says=(r"when",))
dates(
    "time_of_day",
    lambda day: f"{day.hour}:{day.day:02}",
    features=set(),
    read={},
    says=(r"when.*(time|hour|date)",),
    most=12,
)
dates(
    "seconds_since_1970",
    lambda day: int(day.timestamp()),
    features={"when"},
    read={},
    says=(),
)
dates(
    "one_day_that_does_not_exist",
    lambda day: "2021-02-30" if day == DATES[3] else day.strftime("%Y-%m-%d"),
    code=3,
    features=set(),
    read={},
    columns=None,
    most=12,
    says=(r"when.*2021-02-30",),
)
dates(
    "compact_dates_named_by_the_spec",
    "%Y%m%d",
    data="path: t.csv, target: price, columns: {when: date}",
    says=(),
)
dates("compact_dates", "%Y%m%d", features={"when"}, read={}, says=())
add(
    "date_as_target",
    houses() | {"price": [f"{day:%Y-%m-%d}" for day in DATES]},
    code=3,
    says=(r"price.*date",),
)

# Booleans
SPELLINGS = {
    "lower": ("true", "false"),
    "upper": ("TRUE", "FALSE"),
    "words": ("yes", "no"),
    "capital": ("Yes", "No"),
    "letters": ("Y", "N"),
    "short": ("t", "f"),
    "switch": ("on", "off"),
}
add(
    "booleans_in_every_spelling",
    houses(
        **{
            name: [words[(row * k + row // k) % 2] for row in range(80)]
            for k, (name, words) in enumerate(SPELLINGS.items(), start=2)
        }
    ),
    columns={*INPUTS, *SPELLINGS},
    read=dict.fromkeys(["words", "capital", "letters"], "boolean"),
    most=5 + 2 * len(SPELLINGS),
)
MIXED = ("True", "true", "TRUE", "yes", "Y", "False", "false", "FALSE", "no", "N")
add(
    "booleans_in_mixed_spellings",
    houses(garden=lambda draw: draw.choice(MIXED)),
    columns={*INPUTS, "garden"},
    read={"garden": "boolean"},
    says=(r"garden",),
    most=7,
)
add(
    "true_false_target",
    answers(words=("False", "True")),
    data="path: t.csv, target: sold",
    task="binary",
    columns=INPUTS,
)
YES_NO = answers()["sold"]
UNTIDY = {"yes": ("Yes", "yes", "YES ", " yes"), "no": ("No", "no", "NO")}
add(
    "yes_no_target_untidy",
    answers()
    | {
        "sold": [
            "" if k % 20 == 7 else UNTIDY[word][k % len(UNTIDY[word])]
            for k, word in enumerate(YES_NO)
        ]
    },
    data="path: t.csv, target: sold",
    task="binary",
    columns=INPUTS,
    left_out=4,
    says=(r"4 (of (the )?80 )?rows", r"sold"),
)

# Categories and names
add(
    "emoji",
    answers(mood=lambda draw: draw.choice(("🙂", "🙁", "👩‍👩‍👧")), words=("👍", "👎")),
    data="path: t.csv, target: sold",
    task="binary",
    columns={*INPUTS, "mood"},
    features={"mood=🙂"},
)
ARABIC = ("مدينة", "قرية", "ميناء")
add(
    "right_to_left",
    houses(מיקום=lambda draw: draw.choice(ARABIC)),
    columns={*INPUTS, "מיקום"},
    features={f"מיקום={ARABIC[0]}"},
)
add(
    "spellings_of_one_category",
    houses(city=lambda draw: draw.choice(("Rome", "rome", "Rome ", "Oslo", "Lima"))),
    columns={*INPUTS, "city"},
    says=(r"city.*(capital|case|blank|space)",),
)
BIG = ("Rome", "Oslo", "Lima", "Kyiv", "Bonn")
add(
    "rare_categories",
    houses(4000, city=[BIG[row * 7 % 5] if row % 50 else f"village {row}" for row in range(4000)]),
    columns={*INPUTS, "city"},
    features={f"city={name}" for name in BIG},
    most=16,
    says=(r"city.*rare|rare.*city",),
)
add(
    "zip_codes",
    houses(1200, zip=lambda draw: f"{draw.randrange(300) * 37 + 1000:05}"),
    columns={*INPUTS, "zip"},
    most=12,
    says=(r"zip",),
)


add(
    "4695_categories",
    houses(9400, city=[f"city {row % 4695}" for row in range(9400)]),
    columns={*INPUTS, "city"},
    most=12,
    says=(r"city.*4,?695",),
)
add(
    "many_categories_by_frequency",
    houses(1200, city=lambda draw: f"city {draw.randrange(300)}"),
    data="path: t.csv, target: price, high_cardinality: frequency",
    columns={*INPUTS, "city"},
    most=12,
)
add(
    "latin_1_names",
    csv_file(
        {
            {"size": "Größe", "kind": "Straße"}.get(name, name): values
            for name, values in houses(ort=lambda draw: draw.choice(("Köln", "Düren"))).items()
        },
        encoding="latin-1",
    ),
    columns={"Größe", "age", "Straße", "ort"},
    features={"ort=Köln"},
    says=(r"latin-?1|windows-1252|cp1252|iso-8859",),
)
add(
    "windows_1252_quotes_and_euro",
    csv_file(
        houses(name=lambda draw: draw.choice(("“Garden”", "€ Hof", "L’Oasis"))),
        encoding="cp1252",
    ),
    columns={*INPUTS, "name"},
    features={"name=€ Hof", "name=“Garden”"},
)

# Identifiers and free text
add(
    "id_that_numbers_the_rows",
    {"id": range(1, 81)} | houses(),
    columns=INPUTS,
    unused={"id"},
    says=(r"\bid\b",),
)
add(
    "id_kept_by_the_spec",
    {"id": range(1, 81)} | houses(),
    data="path: t.csv, target: price, columns: {id: number}",
    columns={*INPUTS, "id"},
)
add(
    "customer_id_of_random_numbers",
    {"customer_id": random.Random(3).sample(range(10_000, 99_999), 80)} | houses(),
    columns=INPUTS,
    says=(r"customer_id",),
)
add(
    "unnamed_0",
    {"Unnamed: 0": range(80)} | houses(),
    columns=INPUTS,
    says=(r"Unnamed: 0",),
)
add(
    "index_without_a_name",
    {"": range(80)} | houses(),
    columns=INPUTS,
    says=(r"index|no name|without a name|unnamed",),
)
add(
    "uuid",
    {"key": [f"{random.Random(k).getrandbits(128):032x}" for k in range(80)]} | houses(),
    columns=INPUTS,
    says=(r"key.*(identif|UUID)",),
)
add(
    "email",
    houses(email=[f"person.{k * 7919 % 1000}@example.org" for k in range(80)]),
    columns=INPUTS,
    says=(r"email",),
)
add(
    "numbers_the_rows_from_500",
    {"step": range(500, 580)} | houses(),
    columns={*INPUTS, "step"},
    says=(r"step.*number",),
)
PARTS = (
    "a lovely bright place near the station",
    "noisy at night but the kitchen is new",
    "needs paint",
    "the garden is large and the neighbours are kind",
    "two steps from the sea",
    "the lift was broken when we came",
    "quiet, clean, a little dark",
)


def _review(draw):
    return (
        ". ".join(draw.sample(PARTS, 3)).capitalize()
        + f"; seen by visitor {draw.randrange(10**6)}."
    )


add(
    "free_text",
    houses(200, review=_review),
    columns=INPUTS,
    says=(r"review.*text",),
)
add(
    "free_text_kept_by_the_spec",
    houses(80, review=_review),
    data="path: t.csv, target: price, columns: {review: text}",
    columns={*INPUTS, "review"},
)
add(
    "header_with_blanks",
    text_file(csv_text(houses()).replace("size,age,kind,price", " size , age,kind , price ", 1)),
    columns=INPUTS,
)
