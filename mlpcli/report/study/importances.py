"""How much each key of a sweep has to do with its best trials."""

from __future__ import annotations

from mlpcli.report.blocks import Chart, Section, Table, Text
from mlpcli.report.drawing import SERIES, WIDTH, draw, figure, label
from mlpcli.report.numbers import number
from mlpcli.report.study.reported_study import ReportedStudy
from mlpcli.sweep.board import FEWEST

MOST_BARS = 20
METHOD = "PED-ANOVA, of what tells the best quarter of the trials from all"
FORMULA = (
    "A key's share is the Pearson divergence between its distribution among the best quarter of "
    "the trials and among all of them, divided by the sum over the keys (Watanabe, Bansal and "
    "Hutter, 2023). It says which keys decided within the ranges searched, not which value is best."
)


def importances(study: ReportedStudy) -> Section | None:
    """Return the keys' importances as bars; why there are none where trials are too few."""
    if len(study.sweep.parameters) < 2:  # noqa: PLR2004
        return None  # the only key has all of it
    title = "Which keys mattered"
    if study.importances is None:
        few = f"fewer than {FEWEST} trials are complete" * (len(study.complete) < FEWEST)
        why = few or "as many trials are as good as the best"
        return Section("importances", title, [Text(f"No importances: {why}.")])
    shares = {key: study.importances[key] for key in study.keys}
    shown = list(shares.items())[:MOST_BARS]
    with figure(WIDTH, 50 + 28 * len(shown)) as (canvas, axes):
        names = [label(study.short[key]) for key, _ in shown]
        places = range(len(shown))
        axes.barh(places, [share for _, share in shown], color=SERIES[0], height=0.6)
        for k, (_, share) in enumerate(shown):
            axes.text(share + 0.01, k, f"{share:.2f}", va="center", fontsize=11.5)
        axes.set(xlim=(0, 1.1), xlabel="importance", yticks=list(places), yticklabels=names)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        svg = draw(canvas)
    table = Table(
        f"Each key's importance: {METHOD}.", ["key", "importance"], [[*x] for x in shares.items()]
    )
    first, share = shown[0]
    description = f"{first} has {number(share)} of the importance ({METHOD})."
    rest = [f"{study.short[key]} {number(share)}" for key, share in shown[1:4]]
    chart = Chart("Importance of each key", f"{description} Next: {', '.join(rest)}.", svg, table)
    return Section("importances", title, [chart, Text(FORMULA)])
