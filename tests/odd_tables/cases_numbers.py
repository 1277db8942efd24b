"""Numbers as spreadsheets, shops and ledgers write them, and what stands where there is none."""

from case import add, answers, comma, csv_file, csv_text, houses, text_file, thousands

INPUTS = {"size", "age", "kind"}
AMOUNTS = houses(80)["price"]


def income(name, write, sign=1, **expected):
    """Add a table with a column of amounts, which are to be read as the numbers they are."""
    columns = houses(income=[write(value) for value in AMOUNTS])
    expected = {
        "task": "regression",
        "columns": {*INPUTS, "income"},
        "features": {"income"},
        "read": {"income": "number"},
        "values": {"income": [sign * value for value in AMOUNTS[:5]]},
        "says": (r"income",),
    } | expected
    add(name, columns, **expected)


income("dollar_input", lambda v: f"${thousands(v)}")
income("usd_code", lambda v: f"USD {v:.2f}")
income("swiss_apostrophe", lambda v: thousands(v, separator="'"))
income("swiss_typographic_apostrophe", lambda v: f"CHF {thousands(v, separator='’')}")
income("accounting_parentheses", lambda v: f"({thousands(v)})", sign=-1)
income("thousands_and_point", thousands)
income("typographic_minus", lambda v: f"−{v:.2f}", sign=-1)
income("pounds_and_minus", lambda v: f"-£{thousands(v)}", sign=-1)
income(
    "yen_without_decimals",
    lambda v: f"¥{v:,.0f}",
    values={"income": [round(v) for v in AMOUNTS[:5]]},
)


def _lakh(value):
    """Return a number with its digits grouped as in India: 12,34,567.89."""
    whole, part = f"{value:.2f}".split(".")
    head, tail = whole[:-3], whole[-3:]
    groups = []
    while head:
        groups.insert(0, head[-2:])
        head = head[:-2]
    return f"{','.join([*groups, tail])}.{part}"


income("indian_lakh", lambda v: _lakh(v * 10), values={"income": [10 * v for v in AMOUNTS[:5]]})
# Nothing to say of these: they are numbers as Python's float reads them.
income("plus_signs", lambda v: f"+{v:.2f}", read={}, says=())
income("surrounding_blanks", lambda v: f"  {v:.2f} ", read={}, says=())
income("scientific", lambda v: f"{v:.8E}", read={}, says=())
add(
    "quoted_numbers",
    csv_file(houses(), quote_all=True),
    task="regression",
    columns=INPUTS,
    features={"size", "age"},
    values={"price": AMOUNTS[:5]},
)


def with_comma(columns, *names):
    return columns | {name: comma(columns[name]) for name in names}


CONTINENTAL = with_comma(houses(), "size", "price")
add(
    "semicolon_and_comma",
    csv_file(CONTINENTAL, delimiter=";"),
    task="regression",
    columns=INPUTS,
    features={"size"},
    values={"price": AMOUNTS[:5]},
    resolved={"delimiter": ";", "decimal": ","},
    says=(r"semicolon|';'", r"decimal.*(comma|',')"),
)
add(
    "comma_and_quoted_decimal_comma",
    CONTINENTAL,
    task="regression",
    columns=INPUTS,
    values={"price": AMOUNTS[:5]},
    resolved={"decimal": ","},
)
add(
    "sap_trailing_minus",
    csv_file(houses(income=[f"{thousands(v, ',', '.')}-" for v in AMOUNTS]), delimiter=";"),
    task="regression",
    columns={*INPUTS, "income"},
    values={"income": [-v for v in AMOUNTS[:5]]},
    says=(r"income",),
)
for _name, _blank in (
    ("french_no_break_space", "\N{NO-BREAK SPACE}"),
    ("french_narrow_space", "\N{NARROW NO-BREAK SPACE}"),
    ("french_space", " "),
):
    add(
        _name,
        csv_file(
            with_comma(
                houses(income=[thousands(v, ",", _blank) for v in AMOUNTS]), "size", "price"
            ),
            delimiter=";",
        ),
        task="regression",
        columns={*INPUTS, "income"},
        features={"income"},
        values={"income": AMOUNTS[:5], "price": AMOUNTS[:5]},
    )
add(
    "euro_target",
    csv_file(houses() | {"price": [f"{thousands(v, ',', '.')} €" for v in AMOUNTS]}, delimiter=";"),
    task="regression",
    columns=INPUTS,
    values={"price": AMOUNTS[:5]},
    says=(r"price.*€",),
)
add(
    "dollar_target",
    houses() | {"price": [f"${thousands(v)}" for v in AMOUNTS]},
    task="regression",
    columns=INPUTS,
    read={"price": "number"},
    values={"price": AMOUNTS[:5]},
    says=(r"price.*\$",),
)
add(
    "per_cent_target",
    houses() | {"price": [f"{v / 10_000:.2f} %" for v in AMOUNTS]},
    task="regression",
    columns=INPUTS,
    values={"price": [round(v / 10_000, 2) for v in AMOUNTS[:5]]},
    says=(r"price.*%",),
)
add(
    "thousands_without_decimals",
    houses(income=[f"{round(v):,}" for v in AMOUNTS]),
    task="regression",
    columns={*INPUTS, "income"},
    features={"income"},
    values={"income": [round(v) for v in AMOUNTS[:5]]},
    says=(r"income.*thousand",),
)
# Not one unit: never numbers in silence.
add(
    "mixed_currencies",
    houses(income=[f"{'$€'[k % 2]}{v:.2f}" for k, v in enumerate(AMOUNTS)]),
    task="regression",
    says=(r"income.*(currenc|unit|\$.*€|€.*\$)",),
    most=12,
)
add(
    "per_cent_on_some_rows",
    houses(rate=[f"{k}.5 %" if k % 2 else f"0.{k:02}5" for k in range(80)]),
    task="regression",
    says=(r"rate.*%",),
    most=12,
)
add(
    "weights_in_kg",
    houses(weight=[f"{v / 1000:.1f} kg" for v in AMOUNTS]),
    task="regression",
    says=(r"weight",),
    most=12,
)
add(
    "underscores",
    houses(income=[f"{round(v):_}" for v in AMOUNTS]),
    task="regression",
    says=(r"income",),
    most=12,
)
add(
    "hexadecimal",
    houses(code=[f"0x{round(v):06X}" for v in AMOUNTS]),
    task="regression",
    says=(r"code",),
    most=12,
)
add(
    "formula_cells",
    houses(total=[f"=A{k + 2}+B{k + 2}" for k in range(80)]),
    task="regression",
    says=(r"total",),
    most=12,
)
add(
    "leading_zeros",
    houses(480, zip=lambda draw: f"{draw.choice((1067, 4109, 7743, 10115)):05}"),
    task="regression",
    columns={*INPUTS, "zip"},
    features={"zip=01067", "zip=10115"},
    says=(r"zip.*leading zeros",),
)
add(
    "postal_codes_of_numbers",
    houses(480, zip=lambda draw: draw.choice((20095, 50667, 80331, 10115))),
    task="regression",
    columns={*INPUTS, "zip"},
    says=(r"zip.*postal codes",),
)
add(
    "whole_numbers_beyond_64_bits",
    houses(mass=[10**20 + 10**18 * round(v) for v in AMOUNTS]),
    task="regression",
    columns={*INPUTS, "mass"},
    features={"mass"},
)
add(
    "beyond_float64",
    houses(mass=["1e400" if k == 7 else k * 1.5 for k in range(80)]),
    code=3,
    says=(r"t\.csv:9:.*mass.*infinite|t\.csv:9:.*mass.*too large",),
)
add(
    "infinities",
    houses(ratio=["inf" if k == 7 else k * 1.5 for k in range(80)]),
    code=3,
    says=(r"t\.csv:9:.*ratio.*infinite",),
)
add(
    "postal_codes",
    houses(480, zip=lambda draw: draw.choice((90210, 10001, 60614, 33139))),
    columns={*INPUTS, "zip"},
    says=(r"zip.*postal codes",),
)
WORDS = ("?", "-", "N/A", "null", "none", ".", "", "NaN", "n/a", "unknown", "--", "#N/A")
add(
    "missing_words_in_numbers",
    houses(income=[WORDS[k // 5] if k % 5 == 0 and k < 60 else v for k, v in enumerate(AMOUNTS)]),
    task="regression",
    columns={*INPUTS, "income"},
    features={"income"},
    values={"income": [None, *AMOUNTS[1:5]]},
    says=(r"income.*missing",),
)
add(
    "a_dash_that_is_a_category",
    houses(rhesus=lambda draw: draw.choice("+-")),
    task="regression",
    columns={*INPUTS, "rhesus"},
    says=(),
    never=(r"rhesus.*missing",),
)
add(
    "none_that_is_a_category",
    houses(damage=lambda draw: draw.choice(("none", "mild", "severe"))),
    columns={*INPUTS, "damage"},
    features={"damage=none", "damage=mild"},
    never=(r"damage.*missing",),
)
add(
    "a_column_without_any_value",
    houses(notes=[""] * 80),
    task="regression",
    says=(r"notes",),
    most=6,
)
add(
    "sentinel",
    houses(income=[-999 if k % 9 == 0 else v for k, v in enumerate(AMOUNTS)]),
    task="regression",
    columns={*INPUTS, "income"},
    says=(r"income.*(-|−)999",),
)
add(
    "missing_says_something",
    answers(
        600,
        income=["" if row % 3 == 0 else row * 37 % 100 / 8 for row in range(600)],
    )
    | {"sold": ["yes" if (row % 3 == 0) != (row % 31 == 0) else "no" for row in range(600)]},
    data="path: t.csv, target: sold",
    task="binary",
    columns={*INPUTS, "income"},
    says=(r"income.*missing",),
    resolved={"missing_indicator": ["income"]},
)
add(
    "missing_says_nothing",
    houses(400, income=lambda draw: "" if draw.random() < 0.2 else round(draw.gauss(0, 1), 2)),
    columns={*INPUTS, "income"},
    resolved={"missing_indicator": []},
)
add(
    "decimal_sign_that_nobody_can_tell",
    houses(income=[f"{k % 9 + 1},{k * 37 % 900 + 100}" for k in range(80)]),
    columns={*INPUTS, "income"},
    values={"income": [1100, 2137, 3174]},
    says=(r"income.*thousand",),
)
add(
    "units_in_the_header",
    text_file(csv_text(houses()).replace("size,age", "size (m²),age [years]", 1)),
    columns={"size (m²)", "age [years]", "kind"},
)
