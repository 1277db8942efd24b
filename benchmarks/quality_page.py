"""docs/quality.md, from the runs that benchmarks/quality.py stored."""

from __future__ import annotations

import math
import statistics
import textwrap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quality_figures import DONE, Ratio, Results
from quality_settings import (
    ALONE,
    CONSTANT,
    GOALS,
    LIGHTGBM,
    MOST_CPU_SECONDS,
    MOST_ROWS,
    NAMES,
    REALMLP,
    SCIKIT,
    SPECS,
    STOPPED,
    TABM,
    Goal,
    spec_text,
)
from quality_text import GIVEN, HEAD, MACHINE, MEASURED

RANKED = (*SPECS, SCIKIT, ALONE, LIGHTGBM, STOPPED, REALMLP)  # TabM is not there on every table
SHOWN = (*RANKED, TABM, CONSTANT)
REFERENCES = (SCIKIT, LIGHTGBM, REALMLP)
COSTS = ("cpu_seconds", "fit_cpu_seconds", "seconds", "memory_mb")
WIDTH = 98
MARGIN = 1.05  # a ratio beyond it is named
UNITS = {"loss": "test loss", "fit_cpu_seconds": "processor seconds"}


def _name(tool: str) -> str:
    return NAMES.get(tool, tool)


def _number(value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def _ratio(found: Ratio, digits: int = 3) -> str:
    if math.isnan(found.value):
        return "–"
    return f"{found.value:.{digits}f} ({found.low:.{digits}f} to {found.high:.{digits}f})"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _head(*cells: str) -> Iterator[str]:
    yield _row(*cells)
    yield _row(*["---"] * len(cells))


# --- verdicts ---------------------------------------------------------------------------------


def verdict(found: Ratio, most: float) -> str:
    """Return whether a bound is reached, and whether the interval is on the same side of it."""
    if math.isnan(found.value):
        return "not measured"
    if found.value <= most:
        return "met" if found.high <= most else "met, interval beyond"
    return "**not met**" if found.low > most else "**not met**, interval reaches it"


def _what(goal: Goal) -> str:
    return f"{goal.tool} / {_name(goal.reference)}, {UNITS[goal.figure]}"


def goal_table(results: Results) -> Iterator[str]:
    """Yield the lines of the table of goals."""
    yield from _head("", "goal", "all tables", "", "held back", "")
    for goal in GOALS:
        cells = [_what(goal), f"≤ {goal.most:g}"]
        for held_back in (None, True):
            names = results.names(held_back=held_back)
            found = results.ratio(goal.tool, goal.reference, names, goal.figure)
            cells += [_ratio(found), verdict(found, goal.most)]
        yield _row(*cells)
    smallest = next(iter(SPECS))
    runs = results.runs(smallest)
    failed = [one for one in runs if one["status"] != DONE]
    held = [one for one in failed if results.tables[one["table"]]["held_back"]]
    cells = [f"{smallest}: runs that ended with another exit code than 0", "0"]
    for found in (failed, held):
        cells += [str(len(found)), "met" if not found else "**not met**"]
    yield _row(*(cells if runs else [*cells[:2], "–", "not measured", "–", "not measured"]))


def behind(results: Results) -> Iterator[str]:
    """Yield where the strong spec has the higher test loss, by more than 5 %."""
    strong = list(SPECS)[-1]
    for reference in (LIGHTGBM, REALMLP, TABM):
        found = results.ratios(strong, reference, results.names())
        if not found:
            continue
        worse = sorted((r, name) for name, r in found.items() if r > MARGIN)[::-1]
        better = sum(ratio < 1 / MARGIN for ratio in found.values())
        names = ", ".join(f"{name} ({ratio:.2f})" for ratio, name in worse) or "none"
        yield (
            f"- `{strong}` / {_name(reference)}: median {statistics.median(found.values()):.3f}; "
            f"{better} of {len(found)} tables better by more than 5 %, {len(worse)} worse: {names}."
        )


# --- tables -----------------------------------------------------------------------------------


def shown(results: Results) -> list[str]:
    """Return the tools that ran."""
    return [tool for tool in SHOWN if results.runs(tool)]


def tool_table(results: Results, *, held_back: bool | None) -> Iterator[str]:
    """Yield the lines of the table of tools."""
    names = results.names(held_back=held_back)
    ranks, counted = results.ranks(RANKED, names)
    heads = [f"/ {_name(reference)}" for reference in REFERENCES]
    yield from _head("", "tables", f"mean rank of {len(RANKED)}, {counted} tables", *heads)
    for tool in shown(results):
        tables = sum(bool(results.figure(tool, name)) for name in names)
        rank = f"{ranks[tool]:.2f}" if tool in ranks and counted else "–"
        ratios = [results.ratio(tool, reference, names) for reference in REFERENCES]
        yield _row(_name(tool), str(tables), rank, *map(_ratio, ratios))


def tabm_table(results: Results) -> Iterator[str]:
    """Yield the lines of the table of tools beside TabM, on the tables that it has."""
    yield from _head("", "tables", f"/ {_name(TABM)}", "processor seconds / its fit's")
    names = results.names()
    for tool in RANKED:
        found = results.ratio(tool, TABM, names)
        took = results.ratio(tool, TABM, names, "fit_cpu_seconds")
        yield _row(_name(tool), str(found.tables), _ratio(found), _ratio(took))


def cost_table(results: Results) -> Iterator[str]:
    """Yield the lines of the table of how runs ended, and of the seconds and memory of the done."""
    heads = ("whole command, processor s", "largest", "fit and predict alone", "wall s", "MB")
    yield from _head("medians of runs", "done", *heads, "not done")
    for tool in shown(results):
        runs = results.runs(tool)
        done = [one for one in runs if one["status"] == DONE]
        cells = ["–"] * len(heads)
        if done:
            middle = {key: statistics.median(one[key] for one in done) for key in COSTS}
            largest = max(one["cpu_seconds"] for one in done)
            alone = "–" if tool in SPECS else f"{middle['fit_cpu_seconds']:.2f}"
            cells = [f"{middle['cpu_seconds']:.2f}", f"{largest:.1f}", alone]
            cells += [f"{middle['seconds']:.2f}", f"{middle['memory_mb']:.0f}"]
        others = []
        for status in sorted({one["status"] for one in runs} - {DONE}):
            where = Counter(one["table"] for one in runs if one["status"] == status)
            names = ", ".join(f"{name} {count}" for name, count in sorted(where.items()))
            others.append(f"{status}: {where.total()} ({names})")
        yield _row(_name(tool), f"{len(done)} of {len(runs)}", *cells, "; ".join(others))


def loss_table(results: Results) -> Iterator[str]:
    """Yield the lines of the table of every table's losses; the least is bold."""
    tools = (*RANKED, TABM)
    yield from _head("", *map(_name, tools), _name(CONSTANT))
    for name in results.names():
        losses = [results.loss(tool, name) for tool in tools]
        there = [loss for loss in losses if not math.isnan(loss)]
        cells = []
        for tool, loss in zip(tools, losses, strict=True):
            runs = results.of.get(tool, {}).get(name, {}).values()
            bad = sum(one["status"] != DONE for one in runs) if tool in SPECS else 0
            text = _number(loss) + (f" ({bad} failed)" if bad else "")
            cells.append(f"**{text}**" if there and loss == min(there) else text)
        mark = "\\*" if results.tables[name]["held_back"] else ""
        yield _row(name + mark, *cells, _number(results.loss(CONSTANT, name)))


def above_constant(results: Results) -> Iterator[str]:
    """Yield on which tables a tool's predictions are worse than a constant."""
    for tool in RANKED:
        names = results.above_constant(tool)
        if names:
            yield f"- Worse than the constant on some split, {_name(tool)}: {', '.join(names)}."


def source_table(results: Results) -> Iterator[str]:
    """Yield the lines of the table of where the tables are from."""
    heads = ("from", "target", "rows", "numeric, categorical", "missing cells", "left out")
    yield from _head("", *heads)
    for name, about in results.tables.items():
        task = {"regression": "", "binary": ", 2 classes"}
        target = about["target"] + task.get(about["task"], f", {about['classes']} classes")
        rows = f"{about['rows']:,}"
        if about["rows"] < about["rows_of_package"]:
            rows += f" of {about['rows_of_package']:,}"
        columns = f"{about['numeric']}, {len(about['categorical'])}"
        reasons: dict[str, list[str]] = {}
        for column, reason in about["drop"].items():
            reasons.setdefault(reason, []).append(column)
        left = "; ".join(f"{', '.join(c)}: {reason}" for reason, c in reasons.items())
        mark = "\\*" if about["held_back"] else ""
        cells = (about["source"], target, rows, columns, f"{about['missing_cells']:,}", left)
        yield _row(name + mark, *cells)


# --- the page ---------------------------------------------------------------------------------


def spec_lines(specs: dict[str, Any]) -> Iterator[str]:
    """Yield the specs that were measured, as they are written for one table."""
    for tool, spec in specs.items():
        text = spec_text(spec, Path("diamonds.split0.csv"), "price", 0)
        yield from (f"{tool}:", "", "```yaml", text.rstrip(), "```", "")


def page(stored: dict[str, Any]) -> str:
    """Return the whole of docs/quality.md."""
    results = Results(stored)
    machine = stored["machine"]
    versions = {one["version"] for one in stored["runs"] if "version" in one}
    versions |= {about["package"].rpartition(", by ")[2] for about in results.tables.values()}
    sizes = [about["rows"] for about in results.tables.values()]
    numbers = {"tables": len(sizes), "fewest": min(sizes), "most": max(sizes)}
    numbers |= {"held": len(results.names(held_back=True))}
    where = MACHINE.format(**machine, versions=", ".join(sorted(versions)))
    given = GIVEN.format(tabm_rows=MOST_ROWS[TABM], seconds=MOST_CPU_SECONDS)
    sections = {
        "Goals": [*goal_table(results), "", *behind(results)],
        "All tables": tool_table(results, held_back=None),
        "Held-back tables": tool_table(results, held_back=True),
        "Beside TabM": tabm_table(results),
        "Cost": cost_table(results),
        "Every table": [*loss_table(results), "", *above_constant(results)],
        "How it was measured": [MEASURED.format(**numbers), *textwrap.wrap(where, WIDTH)],
        "What each tool got": [given.strip()],
        "The specs": spec_lines(stored["specs"]),
        "Where the tables are from": source_table(results),
    }
    lines = [HEAD.format(**numbers)]
    for title, body in sections.items():
        lines += [f"## {title}", "", "\n".join(body).strip(), ""]
    return "\n".join(lines).rstrip() + "\n"
