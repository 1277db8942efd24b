"""What the shell completes beside verbs and options: keys for --set, metrics, specs, runs.

The shell calls `mlp` at each press of the tab key, so nothing here imports NumPy: the keys and
metrics are in a file that `docs/make_reference.py` writes.

A shell puts a blank behind the only candidate. Where more has to be typed there, as behind
`training.` or `runs/`, the candidates are those of the next level, which have that in common.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import MutableMapping
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

WORDS = Path(__file__).with_name("completion_words.json")
SHELL = "_MLP_COMPLETE"  # by which the shell's script, which is Typer's, calls mlp
BEFORE = "_MLP_COMPLETE_BEFORE"  # what stands before the word that bash completes: `key=`
INDEX = re.compile(r"\[\d+\]")
MOST_LOOKED_AT = 1000  # entries of one directory
SPECS = (".yaml", ".yml")
MODELS = (".safetensors",)
OF_A_RUN = ("manifest.json", "model.safetensors")
OF_A_STUDY = ("study.log",)


@cache
def _words() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(WORDS.read_text("utf-8"))
    return found


def join_words(environment: MutableMapping[str, str]) -> None:
    """Mend the words that bash gives: it parts them at each `=`, and completes what is behind.

    Typer gets `--set` and the word behind `key=`; `complete_key` finds `key=` in BEFORE.
    """
    try:
        words, at = environment["COMP_WORDS"].split("\n"), int(environment["COMP_CWORD"])
    except (KeyError, ValueError):
        return
    joined: list[str] = []
    for k, word in enumerate(words[: at + 1]):
        if k and (word == "=" or words[k - 1] == "=") and not joined[-1].endswith(" "):
            joined[-1] += word
        else:
            joined.append(word)
    if joined[-1].startswith("--set="):
        joined[-1:] = joined[-1].split("=", 1)
    before, equals, last = joined[-1].rpartition("=")
    if equals and not before.startswith("-"):
        environment[BEFORE], joined[-1] = f"{before}=", last
    environment["COMP_WORDS"], environment["COMP_CWORD"] = "\n".join(joined), str(len(joined) - 1)


def complete_key(incomplete: str) -> list[str]:
    """Return what a word of --set may become: keys, and behind `=` their values."""
    before = os.environ.get(BEFORE, "")
    found = key_candidates(before + incomplete, _words()["keys"])
    return [each.removeprefix(before) for each in found]


def key_candidates(incomplete: str, keys: dict[str, list[str]]) -> list[str]:
    """Return the keys, or values of a key, that begin with a text.

    keys  the values of each key that are known; in a list it is entry 0 that stands for all

    >>> keys = {"a.b": ["7"], "a.c": [], "a.c[0].d": ["x", "y"]}
    >>> key_candidates("", keys), key_candidates("a.b", keys)
    (['a.b=', 'a.c=', 'a.c[0].'], ['a.b=', 'a.b=7'])
    >>> key_candidates("a.c[1].d=", keys)
    ['a.c[1].d=x', 'a.c[1].d=y']
    """
    key, equals, value = incomplete.partition("=")
    general = INDEX.sub("[0]", key)
    if equals:
        return [f"{key}={word}" for word in keys.get(general, []) if word.startswith(value)]
    section = general[: general.rfind(".") + 1]
    typed = key[: key.rfind(".") + 1]
    parts = [path.removeprefix(section).partition(".") for path in keys if path.startswith(general)]
    found = list(dict.fromkeys(typed + name + (dot or "=") for name, dot, _ in parts))
    if len(found) != 1:
        return found
    if found[0].endswith("."):
        return key_candidates(found[0], keys)
    words = keys[INDEX.sub("[0]", found[0][:-1])]
    return [*found, *(found[0] + word for word in words)]


def complete_metric(incomplete: str) -> list[str]:
    """Return the metrics that begin with a text."""
    return [name for name in ("loss", *_words()["metrics"]) if name.startswith(incomplete)]


def complete_spec(incomplete: str) -> list[str]:
    """Return the specs, and the directories to look into, that begin with a text."""
    return _paths(incomplete, SPECS)


def complete_run(incomplete: str) -> list[str]:
    """Return the runs and model files, and directories to look into, that begin with a text.

    With nothing typed also those in `runs`.
    """
    return _runs(incomplete, OF_A_RUN)


def complete_run_or_study(incomplete: str) -> list[str]:
    """Return what `complete_run` does, and the directories of sweeps."""
    return _runs(incomplete, OF_A_RUN + OF_A_STUDY)


def complete_spec_or_run(incomplete: str) -> list[str]:
    """Return the specs, model files and runs, and directories to look into."""
    return _paths(incomplete, SPECS + MODELS, OF_A_RUN)


def _runs(incomplete: str, of_a_run: tuple[str, ...]) -> list[str]:
    found = _paths(incomplete, MODELS, of_a_run)
    if not incomplete and Path("runs").is_dir():
        found += _paths("runs/", MODELS, of_a_run)
    return found


def _paths(incomplete: str, endings: tuple[str, ...], of_a_run: tuple[str, ...] = ()) -> list[str]:
    """Return files with one of the endings, runs, and other directories with a `/` behind.

    of_a_run  a directory with one of these files is a run, which is not looked into
    """
    folder, _, start = incomplete.rpartition("/")
    prefix = incomplete.removesuffix(start)
    found = []
    for entry in _entries(folder + "/" if prefix else "."):
        if not entry.name.startswith(start) or entry.name.startswith(".") > start.startswith("."):
            continue
        if entry.is_dir():
            is_run = any(Path(entry.path, name).exists() for name in of_a_run)
            found.append(prefix + entry.name + ("" if is_run else "/"))
        elif entry.name.endswith(endings):
            found.append(prefix + entry.name)
    if len(found) == 1 and found[0].endswith("/") and found[0] != incomplete:
        return _paths(found[0], endings, of_a_run) or found
    return sorted(found)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(islice(entries, MOST_LOOKED_AT))
    except OSError:
        return []
