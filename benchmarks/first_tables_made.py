"""The made tables of benchmarks/first_tables.py: what is in them is known, the noise included."""

from __future__ import annotations

import uuid

import numpy as np
import pandas as pd
from first_tables_form import BINARY, MULTICLASS, REGRESSION, Form, Table
from first_tables_real import ID, LEAK, TEXT

CITIES = ("Köln", "München", "Düsseldorf", "Saarbrücken", "Fürth", "Ulm", "Gießen", "Lübeck")


def days(rng: np.random.Generator, n: int, years: int = 3) -> pd.DatetimeIndex:
    """Return days from 2021 on."""
    since = pd.to_timedelta(rng.integers(0, 365 * years, n), "D")
    return pd.DatetimeIndex(pd.Timestamp("2021-01-01") + since)


def draw(rng: np.random.Generator, score: np.ndarray) -> np.ndarray:
    """Return 1 with probability 1 / (1 + exp(−score)), else 0."""
    return (rng.random(len(score)) < 1 / (1 + np.exp(-score))).astype(int)


def gaps(rng: np.random.Generator, values: np.ndarray, share: float) -> np.ndarray:
    """Return values, a share of them missing."""
    return np.where(rng.random(len(values)) < share, np.nan, values)


def energy() -> pd.DataFrame:
    """Heating of flats in euros: season, area, town and age of the boiler."""
    rng = np.random.default_rng(1)
    n = 5000
    day, area = days(rng, n), np.round(rng.gamma(6, 14, n) + 20, 1)
    town, age = rng.integers(0, 8, n), rng.integers(0, 40, n)
    winter = np.maximum(0, np.cos(2 * np.pi * (day.dayofyear - 20) / 365)) + 0.15
    cost = area * winter * (1.2 + 0.02 * age) * np.linspace(0.8, 1.3, 8)[town] + 80
    return pd.DataFrame(
        {
            "Ablesung": day,
            "Wohnfläche": area,
            "Ort": np.array(CITIES)[town],
            "Kesselalter": gaps(rng, age, 0.08),
            "Straße": [f"Hauptstraße {k}" for k in rng.integers(1, 4000, n)],
            "Verbrauch": np.round(cost * np.exp(rng.normal(0, 0.12, n)) * 10, 2),
        }
    )


def churn() -> pd.DataFrame:
    """Customers who leave, one in eighteen."""
    rng = np.random.default_rng(2)
    n = 12_000
    months, fee = rng.integers(0, 72, n), np.round(rng.gamma(4, 12, n) + 10, 2)
    calls, plan = rng.poisson(1.2, n), rng.integers(0, 4, n)
    discount, paperless = np.round(rng.beta(1, 6, n) * 100, 1), rng.integers(0, 2, n)
    score = -3.6 - 0.03 * months + 0.6 * calls * (plan < 2) + 0.015 * fee + 0.6 * paperless
    words = np.array(
        [
            "good",
            "slow",
            "line",
            "support",
            "asked",
            "about",
            "invoice",
            "no",
            "answer",
            "called",
            "again",
        ]
    )
    return pd.DataFrame(
        {
            "CustomerID": [str(uuid.UUID(bytes=rng.bytes(16))) for _ in range(n)],
            "email": [f"user{k}@example.org" for k in rng.permutation(n * 3)[:n]],
            "Tenure": gaps(rng, months, 0.05),
            "Monthly Fee": fee,
            "Calls": calls,
            "Plan": np.array(["basic", "plus", "family", "pro"])[plan],
            "Discount": discount,
            "Paperless": paperless,
            "Joined": days(rng, n),
            "Comment": [" ".join(rng.choice(words, 8)) for _ in range(n)],
            "Churned": draw(rng, score),
        }
    )


def sensors() -> pd.DataFrame:
    """A machine's wear by its sensors; −999 where one did not answer."""
    rng = np.random.default_rng(3)
    n = 8000
    t, p, v = rng.normal(70, 9, n), rng.normal(4, 0.6, n), rng.gamma(3, 0.7, n)
    hour = rng.integers(0, 24 * 60, n)
    wear = 0.02 * (t - 60) ** 2 + 3 * np.maximum(0, p - 4) * v + 2 * np.sin(hour / 1440 * 2 * np.pi)
    return pd.DataFrame(
        {
            "time": [f"{k // 60:02d}:{k % 60:02d}" for k in hour],
            "temperature": np.round(gaps(rng, t, 0.1), 2),
            "pressure": np.round(gaps(rng, p, 0.06), 3),
            "vibration": np.round(gaps(rng, v, 0.04), 3),
            "firmware": "2.1",
            "spare": np.nan,
            "machine": np.array(["M1", "M2", "m2", "M3"])[rng.integers(0, 4, n)],
            "wear": np.round(wear + rng.normal(0, 1, n), 3),
        }
    )


def fraud() -> pd.DataFrame:
    """50,000 payments, one in a hundred is a fraud."""
    rng = np.random.default_rng(4)
    n = 50_000
    amount, hour = np.round(rng.lognormal(3.5, 1.2, n), 2), rng.integers(0, 24, n)
    distance, country = np.round(rng.gamma(1, 60, n), 1), rng.integers(0, 30, n)
    night, abroad = (hour < 5).astype(int), (country > 22).astype(int)
    score = -6.3 + 0.9 * np.log1p(amount / 100) + 1.4 * night * abroad + 0.006 * distance
    when = days(rng, n, 1) + pd.to_timedelta(hour * 3600 + rng.integers(0, 3600, n), "s")
    frame = pd.DataFrame(
        {
            "payment": rng.permutation(np.arange(10_000_000, 10_000_000 + n)),
            "when": when,
            "amount": amount,
            "distance_km": gaps(rng, distance, 0.1),
            "country": np.array([f"C{k:02d}" for k in range(30)])[country],
            "card": np.array(["debit", "credit", "prepaid"])[rng.integers(0, 3, n)],
        }
    )
    noise = rng.normal(0, 1, (n, 12))
    for k in range(12):
        frame[f"v{k + 1}"] = np.round(noise[:, k], 4)
    score = score + 0.8 * noise[:, 0] + 0.5 * noise[:, 1] * noise[:, 2]
    return frame.assign(fraud=draw(rng, score))


def loans() -> pd.DataFrame:
    """Loans that default; the recovered sum and the day of closing are known only afterwards."""
    rng = np.random.default_rng(5)
    n = 9000
    income, debt = rng.lognormal(10.6, 0.5, n), rng.gamma(2, 8000, n)
    rate, score = np.round(rng.normal(11, 3, n), 2), rng.normal(650, 60, n).round()
    bad = draw(rng, -2.2 + 1.4 * debt / income + 0.12 * (rate - 11) - 0.01 * (score - 650))
    return pd.DataFrame(
        {
            "loan": [f"L-{k}" for k in rng.permutation(90_000)[:n]],
            "income": np.round(income, 2),
            "debt": np.round(debt, 2),
            "rate": rate,
            "score": gaps(rng, score, 0.03),
            "purpose": np.array(["car", "home", "study", "other"])[rng.integers(0, 4, n)],
            "recovered": np.where(bad == 1, np.round(rng.gamma(2, 900, n), 2), 0.0),
            "collections": np.where(bad == 1, rng.integers(1, 6, n), 0),
            "status": np.where(bad == 1, "defaulted", "paid"),
        }
    )


def stages() -> pd.DataFrame:
    """A stage in four classes, and its code in another column: a copy of the target."""
    rng = np.random.default_rng(6)
    n, names = 3000, np.array(["none", "mild", "severe", "critical"])
    X = rng.normal(0, 1, (n, 6))
    u = X @ rng.normal(0, 1, (6, 4)) + np.tanh(X[:, :4] * X[:, 2:]) + rng.gumbel(0, 1, (n, 4))
    stage = u.argmax(1)
    frame = pd.DataFrame(np.round(X * 10 + 50, 1), columns=[f"marker {k}" for k in "ABCDEF"])
    return frame.assign(ward=rng.choice(["N", "S"], n), code=stage * 10 + 100, stage=names[stage])


def prices_by_town() -> pd.DataFrame:
    """Rents in 4,000 towns, each with a level of its own."""
    rng = np.random.default_rng(7)
    n, towns = 30_000, 4000
    level, town = rng.normal(0, 0.35, towns), rng.zipf(1.3, n * 3)
    town = town[town < towns][:n]
    n = len(town)
    rooms, area = rng.integers(1, 6, n), None
    area = np.round(rooms * 18 + rng.gamma(4, 5, n), 1)
    rent = 9 * area**0.9 * np.exp(level[town] + rng.normal(0, 0.12, n))
    return pd.DataFrame(
        {
            "town": [f"Town {k}" for k in town],
            "rooms": rooms,
            "area": area,
            "furnished": rng.choice(["yes", "no"], n),
            "rent": np.round(rent, 2),
        }
    )


def large() -> pd.DataFrame:
    """400,000 rows of which the file gets 300,000: numbers and categories, a class of two."""
    rng = np.random.default_rng(8)
    n = 400_000
    X, a, b = rng.normal(0, 1, (n, 10)), rng.integers(0, 12, n), rng.integers(0, 50, n)
    effect = rng.normal(0, 0.8, 50)
    u = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + 0.5 * X[:, 3] ** 2 - 0.5 + effect[b]
    frame = pd.DataFrame(np.round(X, 4), columns=[f"x{k}" for k in range(10)])
    frame["region"] = np.char.add("R", a.astype(str))
    frame["product"] = np.char.add("P", b.astype(str))
    return frame.assign(bought=draw(rng, 1.5 * u + 0.3 * (a == 3) * X[:, 4]))


def patients() -> pd.DataFrame:
    """Six visits of each of 700 patients; what is to be learnt has to hold for others."""
    rng = np.random.default_rng(9)
    n, visits = 700, 6
    age, weight, sick = rng.integers(18, 90, n), rng.normal(78, 14, n), rng.normal(0, 1, n)
    own = 0.04 * (age - 50) + 0.03 * (weight - 78) + sick
    rows = np.repeat(np.arange(n), visits)
    pulse = rng.normal(72, 9, n * visits)
    frame = pd.DataFrame(
        {
            "patient_id": rows + 1001,
            "visit": np.tile(np.arange(1, visits + 1), n),
            "age": age[rows],
            "weight": np.round(weight[rows], 1),
            "pulse": np.round(pulse),
            "marker": np.round(np.exp(0.4 * own[rows] + rng.normal(0, 0.5, n * visits)), 3),
        }
    )
    pain = 50 + 8 * own[rows] + 0.3 * (pulse - 72) + rng.normal(0, 3, n * visits)
    return frame.assign(pain=np.round(pain, 1))


MADE = (
    Table(
        "energy",
        "made",
        energy,
        "Verbrauch",
        REGRESSION,
        "Latin-1, semicolons, 1.234,56 €, German dates, streets",
        Form(
            delimiter=";",
            decimal=",",
            thousands=".",
            encoding="latin-1",
            money={"Verbrauch": "{} EUR"},
            dates={"Ablesung": "%d.%m.%Y"},
            missing="k.A.",
        ),
        {"Straße": TEXT},
    ),
    Table(
        "churn",
        "made",
        churn,
        "Churned",
        BINARY,
        "UUIDs, e-mail addresses, comments, dollars, percent, yes and no, one in eighteen",
        Form(
            money={"Monthly Fee": "$ {}", "Discount": "{} %"},
            truths={"Paperless": ("Yes", "No"), "Churned": ("Yes", "No")},
            dates={"Joined": "%Y-%m-%d"},
        ),
        {"CustomerID": ID, "email": ID, "Comment": TEXT},
    ),
    Table(
        "sensors",
        "made",
        sensors,
        "wear",
        REGRESSION,
        "−999 for no value, times, a constant, an empty column, M2 and m2",
        Form(codes=dict.fromkeys(("temperature", "pressure", "vibration"), "-999")),
        {"firmware": "one value", "spare": "no value"},
    ),
    Table(
        "fraud",
        "made",
        fraud,
        "fraud",
        BINARY,
        "50,000 rows, one in a hundred, numbers of payments, dates with times",
        Form(dates={"when": "%Y-%m-%dT%H:%M:%S"}, missing="?"),
        {"payment": ID},
        seeds=(0,),
    ),
    Table(
        "loans",
        "made",
        loans,
        "status",
        BINARY,
        "two leaks: what was recovered, and by how many letters",
        Form(missing="n/a"),
        {"loan": ID, "recovered": LEAK, "collections": LEAK},
        ("recovered", "collections"),
    ),
    Table(
        "stages",
        "made",
        stages,
        "stage",
        MULTICLASS,
        "a copy of the target in other words",
        Form(delimiter="|"),
        {"code": LEAK},
        ("code",),
    ),
    Table(
        "rents",
        "made",
        prices_by_town,
        "rent",
        REGRESSION,
        "4,000 towns",
        Form(money={"rent": "€{}"}),
        many=("town",),
        seeds=(0, 1),
    ),
    Table(
        "large",
        "made",
        large,
        "bought",
        BINARY,
        "300,000 rows",
        seeds=(0,),
    ),
    Table(
        "patients",
        "made",
        patients,
        "pain",
        REGRESSION,
        "six rows of each patient; new rows are of other patients",
        leave_out={"patient_id": ID},
        group="patient_id",
    ),
)
