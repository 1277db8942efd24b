"""What benchmarks/scaling.py makes of steps on threads: a fitted model, and what it foretells."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

from performance_runs import Run
from scaling_settings import (
    CALLS,
    CUT_BATCH,
    CUT_INPUTS,
    CUT_OUTPUTS,
    CUT_WIDTHS,
    FORETOLD,
    ROOT,
    THREADS,
)

sys.path.insert(0, str(ROOT))  # the model is the one of `mlp check`

from mlpcli.training.speed_up import (
    ITEM,
    VECTOR_STREAMS,
    VECTORS_HELD,
    StepCosts,
    step_time,
)

CUTS = {"one": (1, 1), "cut": (2, 1), "two": (2, 2)}  # shards and threads, as the child has them
CACHE_BYTES = 16e6  # half of the last cache here: activations, W and data need the rest
CORES = (8, 16, 64)
MANY = (2, 4, 8, 16, 32, 64)
BATCHES = (256, 2048)
Cases = dict[tuple[int, int], dict[str, float]]  # medians, by width and batch
LOSSES = {
    "products": "cores beside each other",
    "packing": "products of few rows",
    "activations": "activations",
    "vectors": "memory",
    "gather": "gathering the batch",
    "calls": "a shard's calls",
    "hand_over": "handing over",
    "lock": "Python's lock",
}


def widths_of(width: int) -> tuple[int, ...]:
    """Return the widths of a network whose step was cut."""
    return (CUT_INPUTS, width, width, CUT_OUTPUTS)


def measured(runs: Sequence[Run]) -> Cases:
    """Return the medians over the rounds of each figure; of two threads those of the quickest.

    slow  seconds of a step on two threads in the slowest round. A virtual machine's cores are not
          always as quick beside each other; which state it is in lasts for seconds to minutes.
    """
    found: dict[tuple[int, int], list[dict[str, float]]] = {}
    for run in runs:
        if run.table == THREADS:
            found.setdefault((int(run.row), int(run.engine)), []).append(run.figures)
    cases: Cases = {}
    for where, rounds in sorted(found.items()):
        cases[where] = {name: statistics.median(f[name] for f in rounds) for name in rounds[0]}
        quick = min(rounds, key=lambda f: f["two"])
        cases[where] |= {name: quick[name] for name in quick if name.startswith("two")}
        cases[where]["slow"] = max(f["two"] for f in rounds)
    return cases


# --- the fit ----------------------------------------------------------------------------------


def solved(rows: Sequence[Sequence[float]], values: Sequence[float]) -> list[float]:
    """Return the x of least Σ ((row · x − value) / value)², no x below 0.

    >>> solved([(1, 0), (0, 1), (1, 1)], [2, 4, 6])
    [2.0, 4.0]
    """
    n, left = len(rows[0]), list(range(len(rows[0])))
    while True:
        scaled = [[row[k] / v for k in left] for row, v in zip(rows, values, strict=True)]
        matrix = [
            [sum(row[i] * row[j] for row in scaled) for j in range(len(left))]
            + [sum(row[i] for row in scaled)]
            for i in range(len(left))
        ]
        for i, pivot in enumerate(matrix):  # Gauss and Jordan; positive definite: no exchanges
            pivot[:] = [each / pivot[i] for each in pivot]
            for j, other in enumerate(matrix):
                if j != i:
                    other[:] = [a - other[i] * b for a, b in zip(other, pivot, strict=True)]
        x = [row[-1] for row in matrix]
        if min(x) >= 0:
            return [x[left.index(k)] if k in left else 0.0 for k in range(n)]
        left = [k for k, each in zip(left, x, strict=True) if each >= 0]


def fitted_costs(runs: Sequence[Run]) -> StepCosts:
    """Return the constants of the model.

    Python's part is what a tiny network takes, by its shards; vectors and gathering are measured
    alone; rate, packing and activations are fitted to the steps on one thread, uncut and cut;
    `beside` and handing over to those on two.
    """
    cases = {k: f for k, f in measured(runs).items() if k not in FORETOLD}
    tiny = [run.figures for run in runs if run.table == CALLS]
    seconds = {n: statistics.median(each[n] for each in tiny) for n in ("2", "8")}
    shard_calls = (seconds["8"] - seconds["2"]) / 6

    def passed(figures: dict[str, float]) -> float:
        return VECTOR_STREAMS * ITEM * figures["params"]

    large = [f for f in cases.values() if VECTORS_HELD * ITEM * f["params"] > CACHE_BYTES]
    small = [f for f in cases.values() if f not in large]
    costs = StepCosts(
        rate=1.0,
        packing_rows=1.0,
        unit_bytes=1.0,
        vector_bytes=statistics.median(passed(f) / f["one vectors"] for f in small),
        memory_bytes=statistics.median(passed(f) / f["one vectors"] for f in large or small),
        shared_bytes=statistics.median(passed(f) / f["two vectors"] for f in large or small),
        cache_bytes=CACHE_BYTES,
        gather_bytes=statistics.median(
            2 * ITEM * batch * CUT_INPUTS / f["gather"] for (_, batch), f in cases.items()
        ),
        step_calls=max(0.0, seconds["2"] - 2 * shard_calls),
        shard_calls=shard_calls,
        beside=1.0,
        hand_over=0.0,
    )
    costs = _with_one_thread(cases, costs)
    return _with_two_threads(cases, costs)


def _with_one_thread(cases: Cases, costs: StepCosts) -> StepCosts:
    """Fit 1 / rate, packing_rows / rate and 1 / unit_bytes."""
    rows, values = [], []
    for (width, batch), figures in cases.items():
        for name in ("one", "cut"):
            at = step_time(widths_of(width), batch, *CUTS[name], costs)
            known = at.vectors + at.gather + at.calls
            rest = figures[name] - known
            # Small and large count the same: errors are relative to the whole step.
            share = figures[name] / rest
            rows.append([each / share for each in (at.products, at.packing, at.activations)])
            values.append(rest / share)
    x = solved(rows, values)
    unit_bytes = 1 / x[2] if x[2] else float("inf")
    return replace(costs, rate=1 / x[0], packing_rows=x[1] / x[0], unit_bytes=unit_bytes)


def _with_two_threads(cases: Cases, costs: StepCosts) -> StepCosts:
    """Fit `beside` and `hand_over`."""
    rows, values = [], []
    for (width, batch), figures in cases.items():
        how = (widths_of(width), batch, *CUTS["two"])
        at = step_time(*how, replace(costs, hand_over=1.0))
        unbound = step_time(*how, replace(costs, shared_bytes=float("inf")))
        core = at.products + at.packing + at.activations
        rest = figures["two"] - at.gather - at.calls
        # Where all cores wait for memory, they do not wait longer for each other.
        if unbound.vectors < at.vectors:
            rest -= at.vectors
        else:
            core += at.vectors
        share = figures["two"] / rest
        rows.append([core / share, at.hand_over / share])
        values.append(rest / share)
    beside, hand_over = solved(rows, values)
    return replace(costs, beside=beside, hand_over=hand_over)


# --- the page ---------------------------------------------------------------------------------


def speed_up(width: int, batch: int, cores: int, costs: StepCosts) -> float:
    """Return the rows a second of as many shards and threads as cores, over those of one."""
    one = step_time(widths_of(width), batch, 1, 1, costs).total
    return one / step_time(widths_of(width), batch, cores, cores, costs).total


def loss_of(width: int, batch: int, cores: int, costs: StepCosts) -> tuple[str, float]:
    """Return what keeps a step most from taking 1/T of one thread's, and its share of the step."""
    one = asdict(step_time(widths_of(width), batch, 1, 1, costs))
    many = step_time(widths_of(width), batch, cores, cores, costs)
    excess = {name: each - one[name] / cores for name, each in asdict(many).items()}
    name = max(excess, key=lambda each: excess[each])
    return LOSSES[name], excess[name] / many.total


def fit_lines(cases: Cases, costs: StepCosts) -> Iterator[str]:
    """Yield the table of what was measured and how far the model is off it."""
    heads = [f"{name}, µs | model" for name in CUTS]
    yield f"| width | batch | {' | '.join(heads)} | rate of two : one | model | slowest round |"
    yield "| --- " * 11 + "|"
    for (width, batch), figures in cases.items():
        model = {n: step_time(widths_of(width), batch, *c, costs).total for n, c in CUTS.items()}
        cells = [
            f"{1e6 * figures[n]:,.0f} | {100 * (model[n] / figures[n] - 1):+.1f} %" for n in CUTS
        ]
        one = figures["one"]
        ratios = f"{one / figures['two']:.2f} | {model['one'] / model['two']:.2f}"
        ratios += f" | {one / figures['slow']:.2f}"
        yield f"| {width} | {batch} | {' | '.join(cells)} | {ratios} |"


def cost_lines(costs: StepCosts) -> Iterator[str]:
    """Yield the table of the constants."""
    yield "| constant | value | what it is | from |"
    yield "| --- | --- | --- | --- |"
    steps, tiny = "steps of one thread", "a tiny network of 2 and of 8 shards"
    vectors, two = "update and L2 alone", "steps of two threads"
    memory = "the same where θ, gradient, v and α θ take more than 16 MB"
    for name, value, what, origin in (
        ("rate", f"{costs.rate / 1e9:.1f}", "10⁹ multiply-adds a second and core", steps),
        (
            "packing_rows",
            f"{costs.packing_rows:.1f}",
            "rows that each product costs besides",
            steps,
        ),
        ("unit_bytes", f"{costs.unit_bytes / 1e9:.1f}", "10⁹ bytes/s, activations, a core", steps),
        ("vector_bytes", f"{costs.vector_bytes / 1e9:.1f}", "10⁹ bytes/s, θ, a core", vectors),
        ("memory_bytes", f"{costs.memory_bytes / 1e9:.1f}", memory, vectors),
        ("shared_bytes", f"{costs.shared_bytes / 1e9:.1f}", "that of two cores", vectors),
        ("gather_bytes", f"{costs.gather_bytes / 1e9:.1f}", "10⁹ bytes/s", "gathering alone"),
        ("step_calls", f"{1e6 * costs.step_calls:.1f}", "µs of Python a step", tiny),
        ("shard_calls", f"{1e6 * costs.shard_calls:.1f}", "µs of Python a shard", tiny),
        ("beside", f"{costs.beside:.3f}", "times as long beside a core at work", two),
        (
            "hand_over",
            f"{1e6 * costs.hand_over:.1f}",
            "µs a stage, waits for each other in it",
            two,
        ),
    ):
        yield f"| `{name}` | {value} | {what} | {origin} |"


def foretold_lines(costs: StepCosts) -> Iterator[str]:
    """Yield the table of more cores."""
    yield "| batch | width | 8 cores | 16 cores | 64 cores | most of what is lost at 64 | best |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for batch in BATCHES:
        for width in CUT_WIDTHS:
            found = {n: speed_up(width, batch, n, costs) for n in MANY}
            cells = [f"{found[n]:.1f} ({100 * found[n] / n:.0f} %)" for n in CORES]
            why, share = loss_of(width, batch, 64, costs)
            best = max(found, key=lambda n: found[n])
            yield (
                f"| {batch} | {width} | {' | '.join(cells)} | {why}, {100 * share:.0f} % of a step "
                f"| {found[best]:.1f} with {best} |"
            )


def threads_section(
    runs: Sequence[Run], text: Any, machine: dict[str, Any], fitted: StepCosts | None = None
) -> Iterator[str]:
    """Yield the lines of the page about threads.

    text  makes a paragraph of sentences
    """
    costs, cases = fitted or fitted_costs(runs), measured(runs)
    inside = {where: f for where, f in cases.items() if where not in FORETOLD}
    outside = {where: f for where, f in cases.items() if where in FORETOLD}
    off = [
        abs(step_time(widths_of(width), batch, *cut, costs).total / figures[name] - 1)
        for (width, batch), figures in inside.items()
        for name, cut in CUTS.items()
    ]
    core = min(figures["two core"] for figures in cases.values())
    load = "" if machine["load"] is None else f" (load {machine['load']:.1f} at the end)"
    yield from ("", "## Threads", "")
    yield text(
        f"Two hidden layers of relu of the same width, {CUT_INPUTS} inputs, {CUT_OUTPUTS} classes,",
        f"momentum and L2, batches of {CUT_BATCH} rows: a step uncut on one thread (one), cut into",
        "two shards on one thread (cut), and those on two threads (two), epochs of the three in",
        f"turns in one process, by the clock, on {machine['cores']} cores of",
        f"{machine['model']}{load}; the two threads had a core for {100 * core:.0f} % of the time",
        "or more. One and cut are medians of the rounds, two is the quickest round: this virtual",
        "machine has a state, which comes and goes within minutes, in which two threads take up to",
        "half as long again, and one does not. The last column is the slowest round. `model` is",
        "how far the model is off: at",
        f"most {100 * max(off):.0f} %, in the median {100 * statistics.median(off):.1f} %.",
    )
    yield ""
    yield from fit_lines(inside, costs)
    yield ""
    yield text(*MODEL)
    yield ""
    yield from cost_lines(costs)
    if outside:
        yield ""
        yield text("Not fitted, but measured beside what the model says:")
        yield ""
        yield from fit_lines(outside, costs)
    yield ""
    yield text(*FORESEEN)
    yield ""
    yield from foretold_lines(costs)
    yield ""
    yield text(*ASSUMED)


MODEL = (
    "The model ([speed_up.py](../mlpcli/training/speed_up.py), which `mlp check` takes its",
    "figure from): a step is the time of the thread with the most shards. **Products** take",
    "their multiply-adds / rate; each product also costs as much as `packing_rows` more rows",
    "would (**packing**: BLAS copies its factors into blocks first), which is what makes",
    "products of few rows slow. **Passes** over activations (12 arrays like h a hidden layer, 4",
    "more where the step is cut) and over vectors like θ (15) take their bytes / bandwidth. All",
    "that is multiplied by `beside` where two cores work. **Not shared** are gathering a batch",
    "and a step's own calls; each stage is **handed over** once. Python's **lock** bounds a",
    "step from below: one thread at a time makes calls, `shard_calls` for each shard, so that",
    "no number of threads makes a step shorter than S times that.",
)
FORESEEN = (
    "**Extrapolated, not measured:** what the model says of as many shards and threads as",
    "cores, T = S. Speed-up over one thread with an uncut step, (efficiency: speed-up / T); of",
    "what a step of 64 takes above 1/64 of one thread's, the largest part; and the best of 2,",
    "4, 8, 16, 32 and 64. `runtime.shards: auto` stops at 16 shards, and long before in small",
    "networks.",
)
ASSUMED = (
    "It assumes that more cores slow each other no more than two do (a server lowers its clock",
    "when all work), that their caches are like these, that memory has no more bandwidth than",
    "two cores were seen to take (a server of 64 has several times that: wide networks may gain",
    "more), and that handing over takes no longer with more threads than with two, but for the",
    "lock (they queue for it; this is the least certain one). Rows and parameters are taken to",
    "be cut evenly. Optimizers with more vectors, other activations, norms and dropout make",
    "more passes than are counted here; evaluation between epochs is not in it.",
)
