"""Yes and no, in any spelling."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from mlpcli.data.columns import Coded, Column
from mlpcli.data.readings.reading import READINGS, Evidence, Fit, Reading, stripped
from mlpcli.data.readings.words import further_words
from mlpcli.data.table import BOOLEANS, Table, plain_text
from mlpcli.family import setting

# Pairs of one language or habit each, in small letters.
PAIRS = (
    ({"true", "t"}, {"false", "f"}),
    ({"yes", "y"}, {"no", "n"}),
    ({"on"}, {"off"}),
    ({"1"}, {"0"}),
    ({"ja", "j"}, {"nein", "n"}),
    ({"oui", "o"}, {"non", "n"}),
    ({"si", "sí", "sì", "s"}, {"no", "n"}),
    ({"sim", "s"}, {"não", "nao", "n"}),
    ({"да", "д"}, {"нет", "н"}),
    ({"wahr", "w"}, {"falsch", "f"}),
    ({"vrai", "v"}, {"faux", "f"}),
)
WORDS = {word: True for yes, _ in PAIRS for word in yes}
WORDS |= {word: False for _, no in PAIRS for word in no}


@READINGS.add("boolean")
class Boolean(Reading):
    """Yes and no in any spelling and case: true, t, y, on, 1, ja, oui, sí, да; their opposites."""

    noun: ClassVar[str] = "yes or no"

    true: str = setting("auto", "the spelling that stands for all of yes; auto: the commonest")
    false: str = setting("auto", "the spelling that stands for all of no; auto: the commonest")
    missing: tuple[str, ...] = setting((), "further texts that mean: no value")

    def fit(self, evidence: Evidence) -> Fit:
        spelt: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
        odd: list[Any] = []
        gone = [*self.missing, *_words_for_no_value(evidence)]
        for value, n in [*evidence.counts.items(), *evidence.others.items()]:
            meaning = self.meaning(value)
            if value in gone:
                continue
            if meaning is None:
                odd.append(value)
            else:
                spelt[meaning][_plain(value)] += n
        found = replace(
            self,
            true=_commonest(spelt[True], "True") if self.true == "auto" else self.true,
            false=_commonest(spelt[False], "False") if self.false == "auto" else self.false,
            missing=tuple(dict.fromkeys(gone)),
        )
        return Fit(found, odd, evidence.n_cells - sum(map(evidence.cells, found.missing)))

    def meaning(self, value: Any) -> bool | None:
        """Return whether a value says yes or no; None where it says neither."""
        text = _plain(value)
        if text in (self.true, self.false):
            return text == self.true
        return WORDS.get(text.casefold())

    def read(self, table: Table, name: str, missing: Collection[str] = ()) -> Column:
        codes, texts = table.coded_texts(name)
        yes, no = _boolean(self.true), _boolean(self.false)
        numbers: dict[Any, int] = {}
        new = []
        for text in map(stripped, texts):
            meaning = self.meaning(text)
            value = text if meaning is None else yes if meaning else no
            gone = text in missing or text in self.missing
            new.append(-1 if gone else numbers.setdefault((type(value), value), len(numbers)))
        return Coded(np.array([*new, -1], np.int32)[codes], [value for _, value in numbers])


def is_boolean(evidence: Evidence) -> bool:
    """Whether a column is yes and no by itself.

    It is where each word stands in one of PAIRS, on both sides of it, or in several of them and the
    words of one pair, not its letters alone, are both there; or where all are booleans.
    """
    if not evidence.counts:
        return bool(evidence.others) and all(isinstance(v, bool) for v in evidence.others)
    gone = _words_for_no_value(evidence)
    words = {_plain(v).casefold() for v in (*evidence.counts, *evidence.others) if v not in gone}
    if not words <= WORDS.keys():
        return False
    for yes, no in PAIRS:
        both = words & yes and words & no
        whole = any(len(w) > 1 for w in words & yes) and any(len(w) > 1 for w in words & no)
        if both and (whole or words <= yes | no):
            return True
    return False


def _words_for_no_value(evidence: Evidence) -> list[str]:
    """Return the texts that mean: no value, beside those that mean so in every column."""
    texts = [text for text in evidence.counts if text.casefold() not in WORDS]
    return further_words(texts) if evidence.words else []


def _plain(value: Any) -> str:
    text = plain_text(value)
    return BOOLEANS.get(text, text)


def _commonest(spelt: Counter[str], default: str) -> str:
    """Return the spelling of the most cells, the first in the alphabet of several."""
    return min(spelt, key=lambda text: (-spelt[text], text), default=default)


def _boolean(text: str) -> Any:
    """Return True and False themselves where they are what stands for yes and no."""
    return {"True": True, "False": False}.get(text, text)
