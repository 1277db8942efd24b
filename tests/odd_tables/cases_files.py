"""Files: encodings, headers, rows that do not fit, and files that are something else."""

import datetime as dt
import gzip
import io
import json
import zipfile
from decimal import Decimal

import numpy as np
from case import add, comma, csv_file, csv_text, houses, text_file

INPUTS = {"size", "age", "kind"}
SOUND = {"task": "regression", "columns": INPUTS, "features": {"size", "age", "kind=flat"}}
TEXT = csv_text(houses())
LINES = TEXT.splitlines()
CONTINENTAL = houses() | {name: comma(houses()[name]) for name in ("size", "price")}
FIRST = {"values": {"price": houses()["price"][:3], "size": houses()["size"][:3]}}

# Encodings and delimiters
add("plain", text_file(TEXT), **SOUND, **FIRST, n_rows=80)
add("utf_8_bom", csv_file(houses(), encoding="utf-8-sig"), **SOUND, n_rows=80)
add(
    "excel_sep_line",
    text_file("sep=;\r\n" + csv_text(CONTINENTAL, ";", "\r\n"), encoding="utf-8-sig"),
    **SOUND,
    **FIRST,
    n_rows=80,
)
add(
    "excel_unicode_text",
    csv_file(CONTINENTAL, encoding="utf-16", delimiter="\t", newline="\r\n"),
    **SOUND,
    **FIRST,
    n_rows=80,
    says=(r"utf-?16", r"tab"),
)
add(
    "utf_16_without_bom",
    csv_file(houses(), encoding="utf-16-le"),
    **SOUND,
    n_rows=80,
)
add(
    "utf_16_big_endian_tsv",
    text_file(b"\xfe\xff" + csv_text(houses(), "\t").encode("utf-16-be"), "t.tsv"),
    data="path: t.tsv, target: price",
    **SOUND,
    n_rows=80,
)
add(
    "encoding_named_by_the_spec",
    csv_file(houses(city=["Łódź", "Gdańsk"] * 40), encoding="iso-8859-2"),
    data="path: t.csv, target: price, encoding: iso-8859-2",
    columns={*INPUTS, "city"},
    features={"city=Łódź"},
)
add(
    "encoding_that_does_not_exist",
    text_file(TEXT),
    data="path: t.csv, target: price, encoding: utf-7-ish",
    code=2,
    says=(r"spec\.yaml:1:.*data\.encoding",),
)
add("tabs_in_csv", csv_file(houses(), delimiter="\t"), **SOUND, n_rows=80, says=(r"tab",))
add("bars_in_csv", csv_file(houses(), delimiter="|"), **SOUND, n_rows=80, says=(r"bar|'\|'",))
add(
    "commas_in_tsv",
    csv_file(houses(), "t.tsv"),
    data="path: t.tsv, target: price",
    **SOUND,
    n_rows=80,
    says=(r"comma",),
)
add(
    "wrong_delimiter_in_the_spec",
    text_file(TEXT),
    data="path: t.csv, target: price, delimiter: ';'",
    code=3,
    says=(r"delimiter.*comma|comma.*delimiter",),
)
add(
    "commas_within_fields",
    houses(address=lambda draw: f"{draw.choice(('Oak', 'Elm'))} street, north"),
    columns={*INPUTS, "address"},
    features={"address=Elm street, north"},
)
add("dos_lines", csv_file(houses(), newline="\r\n"), **SOUND, n_rows=80)
add(
    "mac_lines",
    csv_file(houses(), newline="\r"),
    **SOUND,
    n_rows=80,
)

# Headers
add("no_header", text_file("\n".join(LINES[1:])), code=3, says=(r"price.*header|header.*price",))
add(
    "two_columns_of_one_name",
    text_file(TEXT.replace("size,age", "size,size", 1)),
    code=3,
    says=(r"t\.csv:1:.*size",),
)
add(
    "a_column_without_a_name_in_the_middle",
    text_file(TEXT.replace("size,age", "size,", 1)),
    code=3,
    says=(r"(column )?2.*no name|no name.*2|unnamed",),
)
add(
    "comment_above_the_header",
    text_file("# exported on 2024-03-01 by the till\n" + TEXT),
    code=3,
    says=(r"t\.csv:[12]|# exported|comment",),
)
add(
    "header_once_more_in_the_middle",
    text_file("\n".join([*LINES[:40], LINES[0], *LINES[40:]]) + "\n"),
    code=3,
    says=(r"t\.csv:41:",),
)
add("trailing_delimiter", text_file(TEXT.replace("\n", ",\n")), **SOUND, n_rows=80)
add(
    "trailing_delimiter_in_rows_alone",
    text_file("\n".join([LINES[0], *(line + "," for line in LINES[1:])])),
    code=3,
    says=(r"t\.csv:2:.*too long",),
)
add("blank_lines_below", text_file(TEXT + "\n\n\n"), **SOUND, n_rows=80)
add(
    "a_line_of_spaces_below",
    text_file(TEXT + "\n\n  \n\n"),
    code=3,
    says=(r"t\.csv:84:",),
)
add("blank_lines_between", text_file(TEXT.replace("\n", "\n\n")), **SOUND, n_rows=80)

# Too little, too much
add("header_alone", text_file(LINES[0] + "\n"), code=3, says=(r"t\.csv.*(no row|needs)",))
add("empty_file", text_file(b""), code=3, says=(r"t\.csv.*empty",))
add("one_column", text_file("price\n" + "1.5\n2.5\n" * 30), code=3, says=(r"no column",))
add("one_row", text_file("\n".join(LINES[:2])), says=(r"price.*one value",))
add("three_rows", text_file("\n".join(LINES[:4])), task="regression", n_rows=3)
add(
    "wide",
    csv_file(
        {f"gene {j}": [(j * 31 + k * k * 17) % 97 / 8 for k in range(50)] for j in range(4999)}
        | {"price": houses(50)["price"]}
    ),
    task="regression",
    more="model: {layers: [{units: 4}]}\n",
    again=False,
    n_rows=50,
)
add(
    "short_row",
    text_file(TEXT.replace(LINES[9], LINES[9].rpartition(",")[0])),
    code=3,
    says=(r"t\.csv:10:.*too short",),
)
add(
    "long_row",
    text_file(TEXT.replace(LINES[9], LINES[9] + ",1")),
    code=3,
    says=(r"t\.csv:10:.*too long",),
)
add(
    "quote_never_closed",
    text_file(TEXT.replace(LINES[9], '"' + LINES[9])),
    code=3,
    says=(r"t\.csv:10.*quot",),
)
add(
    "inches_and_stray_quotes",
    text_file(TEXT.replace(",flat,", ',flat 12",')),
    features={'kind=flat 12"'},
)
add("zero_byte", text_file(TEXT.replace("villa", "vil\0la", 1)), code=3, says=(r"t\.csv:.*zero",))

# Files that are something else
add(
    "gzip_named_csv",
    text_file(gzip.compress(TEXT.encode(), mtime=0)),
    **SOUND,
    n_rows=80,
)
add(
    "csv_named_gzip",
    text_file(TEXT, "t.csv.gz"),
    data="path: t.csv.gz, target: price",
    **SOUND,
    n_rows=80,
)
add(
    "compressed",
    text_file(gzip.compress(TEXT.encode(), mtime=0), "t.csv.gz"),
    data="path: t.csv.gz, target: price",
    **SOUND,
    n_rows=80,
)


def _zip(*names):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), "<xml/>")
    return stream.getvalue()


add(
    "excel_workbook_named_csv",
    text_file(_zip("[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml")),
    code=3,
    says=(r"excel|xlsx|workbook",),
)
add(
    "excel_workbook",
    text_file(_zip("[Content_Types].xml", "xl/workbook.xml"), "t.xlsx"),
    data="path: t.xlsx, target: price",
    code=3,
    says=(r"csv",),
)
ROWS = [dict(zip(houses(), row, strict=True)) for row in zip(*houses().values(), strict=True)]
JSONL = "".join(json.dumps(row) + "\n" for row in ROWS)
add(
    "json_lines",
    text_file(JSONL, "t.jsonl"),
    data="path: t.jsonl, target: price",
    **SOUND,
    **FIRST,
    n_rows=80,
)
add(
    "json_array_named_jsonl",
    text_file(json.dumps(ROWS), "t.jsonl"),
    data="path: t.jsonl, target: price",
    code=3,
    says=(r"array|list|one object|an object",),
)
add(
    "json_array_over_many_lines",
    text_file(json.dumps(ROWS, indent=1), "t.jsonl"),
    data="path: t.jsonl, target: price",
    code=3,
    says=(r"array|list|one object|an object",),
)
add(
    "json_lines_with_all_kinds",
    text_file(
        "".join(
            json.dumps(
                row
                | {
                    "when": f"2021-0{k % 9 + 1}-11T10:00:00Z",
                    "garden": k % 3 == 0,
                    "fee": None if k % 7 == 0 else f"${k}.50",
                }
            )
            + "\n"
            for k, row in enumerate(ROWS)
        ),
        "t.jsonl",
    ),
    data="path: t.jsonl, target: price",
    columns={*INPUTS, "when", "garden", "fee"},
    features={"when.month", "fee"},
    n_rows=80,
)
add("json_named_csv", text_file(JSONL), code=3, says=(r"json",))
add(
    "spec_as_data",
    lambda folder: (folder / "model.yaml").write_text("data: {path: a.csv, target: y}\n") and None,
    data="path: model.yaml, target: price",
    code=3,
    says=(r"model\.yaml.*(spec|ends in)",),
)
add(
    "no_such_file",
    text_file(TEXT, "table.csv"),
    data="path: tabel.csv, target: price",
    code=3,
    says=(r"tabel\.csv.*did you mean.*table\.csv",),
)
add("folder_as_data", lambda folder: (folder / "t.csv").mkdir(), code=3, says=(r"is a folder",))
add(
    "html_page_named_csv",
    text_file("<!DOCTYPE html>\n<html><body><p>Sign in, please</p></body></html>\n"),
    code=3,
    says=(r"web page|html",),
)


def _parquet(folder):
    import pandas as pd

    columns = houses()
    frame = pd.DataFrame(columns)
    frame["kind"] = frame["kind"].astype("category")
    frame["when"] = pd.date_range("2021-01-01", periods=80, freq="37h")
    frame["fee"] = [None if k % 7 == 0 else Decimal(k) / 4 for k in range(80)]
    frame["garden"] = pd.array([None if k % 9 == 0 else k % 2 == 0 for k in range(80)], "boolean")
    frame["day"] = [dt.date(2021, 1 + k % 12, 3) for k in range(80)]
    frame.to_parquet(folder / "t.parquet")


add(
    "parquet_with_all_kinds",
    _parquet,
    data="path: t.parquet, target: price",
    columns={*INPUTS, "when", "fee", "garden", "day"},
    features={"when.number", "when.month", "day.month", "fee"},
    n_rows=80,
)


def _npz(folder):
    columns = houses()
    X = np.column_stack([columns["size"], columns["age"]])
    day = np.datetime64("2021-01-01") + np.arange(80) * 9
    np.savez(folder / "t.npz", X=X, kind=np.array(columns["kind"]), day=day, price=columns["price"])


add(
    "npz_with_all_kinds",
    _npz,
    data="path: t.npz, target: price",
    columns={"X_0", "X_1", "kind", "day"},
    features={"X_0", "X_1", "day.number"},
    n_rows=80,
)
