"""The numbers of a page, as the browser has them, are those of mlp eval, compare and sweep --json.

A cell's `data-value` has all its digits, its text four of them.
"""

import re

import pytest

NUMBER = re.compile(r"[−-]?\d[\d,]*(?:\.\d+)?(?:e-?\d+)?")
OF_EVAL = ("confusion", "calibration", "intervals")  # sections with nothing else in them


def values(row):
    """Return a row's numbers with all their digits, its other texts as they are."""
    return [each["text"] if each["value"] is None else float(each["value"]) for each in row]


def table(visit, section, *header):
    """Return the rows of the section's table whose header begins like that."""
    found = [t for t in visit.tables() if t.section == section]
    match = [t for t in found if t.header[: len(header)] == list(header)]
    assert match, [t.header for t in found]
    return match[0].header, [values(row) for row in match[0].rows]


def judged(document):
    return list(document["scores"])[-1]


def parsed(text):
    return float(text.replace(",", "").replace("−", "-"))


def shows(text, value):
    """Whether a number as it is written is this value, to the digits written."""
    digits, _, power = text.lstrip("−-").partition("e")
    decimals = len(digits.partition(".")[2]) - int(power or 0)
    return abs(parsed(text) - value) <= 0.500001 * 10**-decimals


def test_every_score_of_every_part(opened, reports, run):
    document = reports.documents[run]
    header, rows = table(opened(run), "verdict", "part", "rows")
    found = {row[0]: dict(zip(header[1:], row[1:], strict=True)) for row in rows}
    assert found == document["scores"]


def test_the_verdict_names_the_score_that_is_judged_by(opened, reports, run):
    document = reports.documents[run]
    scores = document["scores"][judged(document)]
    lead = opened(run).page.locator("#verdict .lead").text_content()
    first, rows = NUMBER.findall(lead)[:2]
    name = "rmse" if document["task"] == "regression" else "accuracy"
    assert shows(first, scores[name]), lead
    assert int(rows) == scores["rows"]
    _, models = table(opened(run), "verdict", "model", name)
    assert models[0][1] == scores[name]


def test_every_confusion(opened, reports, run):
    document = reports.documents[run]
    counts = document["confusion"][judged(document)]
    if counts is None:
        assert opened(run).page.locator("#confusion").count() == 0
        return
    header, rows = table(opened(run), "confusion", "actual")
    classes, n = document["classes"], len(document["classes"])
    assert header == ["actual", *classes, "rows", "recall"]
    by_class = {row[0]: row[1:] for row in rows}
    for k, name in enumerate(classes):
        assert by_class[name][:n] == counts[k]
        assert by_class[name][n] == sum(counts[k])
        assert by_class[name][n + 1] == pytest.approx(counts[k][k] / sum(counts[k]), rel=1e-12)
    called = [sum(column) for column in zip(*counts, strict=True)]
    assert by_class["rows"][: n + 1] == [*called, sum(called)]


def test_every_bin_of_the_calibration(opened, reports, run):
    document = reports.documents[run]
    bins = document["reliability"][judged(document)]
    if bins is None:
        assert opened(run).page.locator("#calibration").count() == 0
        return
    _, rows = table(opened(run), "calibration", "probability", "rows")
    expected = [[b["rows"], b["predicted"], b["observed"], *b["interval"]] for b in bins]
    assert [row[1:] for row in rows] == expected


def test_every_coverage(opened, reports, run):
    document = reports.documents[run]
    covered = document["coverage"][judged(document)]
    if not covered:
        assert opened(run).page.locator("#intervals").count() == 0
        return
    _, rows = table(opened(run), "intervals", "target", "level")
    keys = ("target", "level", "rows", "inside", "share", "low", "high")
    assert [row[: len(keys)] for row in rows] == [[each[key] for key in keys] for each in covered]


def test_a_binary_area_under_the_curve(opened, reports):
    document = reports.documents["binary"]
    text = opened("binary").page.locator("#ranking figure p").first.text_content()
    assert shows(NUMBER.findall(text)[0], document["scores"]["test"]["roc_auc"]), text


def test_every_text_is_its_number_in_four_digits(opened, name):
    wrong = [
        (each.section, cell)
        for each in opened(name).tables()
        for row in each.rows
        for cell in row
        if cell["value"] not in (None, "nan")
        if not shows(cell["text"], float(cell["value"]))
        or n_digits(cell["text"]) < n_digits(f"{float(cell['value']):.4g}")
    ]
    assert wrong == []


def n_digits(text):
    """Return how many significant digits a number is written with."""
    return len(re.sub(r"\D", "", text.partition("e")[0]).lstrip("0"))


def leaves(value):
    """Return all numbers within a JSON document."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return [number for each in inner for number in leaves(each)]
    return [value] if isinstance(value, float | int) else []


def test_sentences_on_predictions_have_the_numbers_of_eval_and_of_their_tables(
    opened, reports, run
):
    visit = opened(run)
    known = leaves(reports.documents[run])
    known += [float(v) for t in visit.tables() for row in t.rows for v in row_numbers(row)]
    for section in OF_EVAL:
        for sentence in visit.page.locator(f"#{section} figure > figcaption p").all():
            text = sentence.text_content()
            for found in re.finditer(rf"({NUMBER.pattern})( %)?", text):
                scale = 100 if found[2] else 1
                if "." in found[1]:
                    assert any(shows(found[1], scale * x) for x in known), (found[0], text)


def row_numbers(row):
    return [each["value"] for each in row if each["value"] not in (None, "nan")]


def test_several_runs_have_the_figures_of_compare(opened, reports):
    document, visit = reports.documents["runs"], opened("runs")
    header, rows = table(visit, "runs", "rank", "run")
    for row, run in zip(rows, document["runs"], strict=True):
        shown = dict(zip(header, row, strict=True))
        assert shown["run"] == run["run"]
        assert {name: shown[name] for name in run["scores"]} == run["scores"]
        assert shown["rows"] == run["rows"]
        assert shown["parameters"] == run["parameters"]
    _, found = table(visit, "differences", "run", "difference")
    [against] = document["comparisons"]
    numbers = [against["difference"], *against["interval"], against["level"]]
    assert found == [[against["run"], *numbers, against["method"], against["verdict"]]]
    lead = visit.page.locator("#verdict .lead").text_content()
    best = document["runs"][0]
    begin = f"Of 2 runs, {best['run']} has the best accuracy: "
    assert lead.startswith(begin)
    assert shows(NUMBER.findall(lead.removeprefix(begin))[0], best["scores"]["accuracy"])


def test_a_sweep_has_the_figures_of_its_leaderboard(opened, reports):
    document, visit = reports.documents["study"], opened("study")
    header, rows = table(visit, "trials", "rank", "trial")
    keys = {"learning_rate": 0, "activation": 1, "units": 2}
    for row, trial in zip(sorted(rows), document["leaderboard"], strict=True):
        shown, settings = dict(zip(header, row, strict=True)), list(trial["parameters"].values())
        assert [shown["trial"], shown["state"]] == [trial["trial"], trial["state"]]
        assert [shown["log_loss"], shown["± SE"]] == [trial["value"], trial["error"]]
        assert [shown[key] for key in keys] == [settings[k] for k in keys.values()]
    _, shares = table(visit, "importances", "key", "importance")
    assert dict(shares) == document["importances"]
    lead = visit.page.locator("#verdict .lead").text_content()
    assert lead.startswith(f"Trial {document['best']['trial']} is the best of 12 complete trials: ")


def test_the_check_of_digits_is_strict():
    assert shows("0.9766", 0.97655)
    assert not shows("0.9766", 0.97654)
    assert shows("1.2e-07", 1.2e-7)
    assert not shows("1.2e-07", 1.31e-7)
    assert shows("1,025", 1025)
    assert not shows("−0.5", 0.5)
    assert [n_digits(x) for x in ("0.0972", "1,025", "1.20e-07", "0")] == [3, 4, 3, 0]
