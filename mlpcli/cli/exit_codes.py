"""The exit codes: what each means, and which of them each verb has; for help and documents."""

from __future__ import annotations

MEANINGS = {
    "0": "done",
    "1": "the check ran and the answer is no",
    "2": "usage or spec",
    "3": "data",
    "4": "diverged",
    "5": "the run or model cannot be used",
    "6": "operating system",
    "70": "a bug in mlp",
    "75": "try again (busy, or stopped in time)",
    "128 + signal": "interrupted (141: nobody reads the results)",
}
ALWAYS = {"0": "", "2": "", "6": "", "70": "", "128 + signal": "interrupted"}  # of every verb
RESUMABLE = {
    "75": "stopped in time, or another process trains in it",
    "128 + signal": "interrupted, resumable",
}
READS_A_RUN = {"3": "", "5": ""}

# Beside those: the code, and what it means of this verb where that is not what it always means.
OF_VERBS: dict[str, dict[str, str]] = {
    "check": {"0": "it can be trained", "1": "something is odd, with --fail-if-odd", "3": ""},
    "compare": {
        **READS_A_RUN,
        "1": "a later run is shown to be worse, with --fail-if-worse",
        "5": "a run cannot be used, or with --fail-if-worse not compared",
    },
    "eval": READS_A_RUN,
    "explain": {**READS_A_RUN, "1": "an answer is wrong, with --quiz"},
    "gradcheck": {
        "0": "every row passed",
        "1": "a row did not pass, or rounding could hide that it should not have",
        "3": "",
    },
    "init": {"2": "usage, or a file is there already", "3": ""},
    "predict": READS_A_RUN,
    "replay": {
        **READS_A_RUN,
        "0": "the same bits",
        "1": "other bits",
        "75": "the run is training",
    },
    "report": READS_A_RUN,
    "schema": {},
    "sweep": {
        "3": "",
        "4": "no trial reached a value",
        "5": "the study is another's, or damaged",
        **RESUMABLE,
        "75": "stopped in time",
    },
    "train": {"3": "", "4": "", "5": "the run to go on with cannot be used", **RESUMABLE},
}


def sentence(codes: dict[str, str]) -> str:
    """Return codes with their meanings in one sentence."""
    return "Exit codes: " + "; ".join(f"{code} {meaning}" for code, meaning in codes.items()) + "."


def codes_of(verb: str) -> dict[str, str]:
    """Return the exit codes that a verb has, in order, each with its meaning."""
    own = {**ALWAYS, **OF_VERBS.get(verb, READS_A_RUN)}
    return {code: own[code] or meaning for code, meaning in MEANINGS.items() if code in own}
