"""A short pass of the campaigns on changed inputs and on studies."""

import re

from test_campaigns import run


def test_no_changed_input_is_more_than_refused():
    lines = run("fuzz", "--cases", "180").splitlines()
    assert re.match(r"0 of 180 cases failed", lines[-2])
    kinds = [line.partition(":")[0] for line in lines[:-2]]
    assert kinds == [
        *("spec", "set", "values", "data", "predict", "model", "run", "checkpoint", "study")
    ]


def test_a_sweep_that_fails_anywhere_comes_to_the_same_trials():
    said = run("sweep_points", "--sample", "6").splitlines()[-1]
    assert said.startswith("6 of 6 points of ")
