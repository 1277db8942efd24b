"""Words that mean: no value."""

from __future__ import annotations

from collections.abc import Collection

# In every column, where the spec lists none.
MISSING = ("", "NA", "NaN", "nan", "null", "NULL", "N/A", "n/a", "#N/A")
# In columns whose other texts are numbers or dates; capitals are all the same.
NUMBER_MISSING = frozenset(
    {
        *("?", "??", "-", "--", "---", "\N{EN DASH}", "\N{EM DASH}", "\N{MINUS SIGN}"),
        *(".", "..", "...", "\N{HORIZONTAL ELLIPSIS}", "*", "/", "\\n"),
        *(
            "na",
            "nan",
            "-nan",
            "null",
            "nil",
            "none",
            "n/a",
            "n.a.",
            "n.a",
            "#n/a",
            "<na>",
            "(null)",
        ),
        *("#null!", "#value!", "#div/0!", "#ref!", "#num!", "#name?", "nat"),
        *("missing", "(missing)", "unknown", "not available", "not applicable", "undefined"),
        *("no data", "empty", "(empty)", "blank", "(blank)", "k.a.", "k. a.", "keine angabe"),
        *("0000-00-00", "0000-00-00 00:00:00", "00/00/0000", "00.00.0000"),
        *("unbekannt", "inconnu", "s/d", "n/d", "nd", "n.d."),
    }
)


def has_further_words(missing: Collection[str]) -> bool:
    """Whether the words of `NUMBER_MISSING` mean: no value, in a table read with these words.

    They do where `data.missing` lists the words of `MISSING`, or none.
    """
    return set(missing) == set(MISSING)


def further_words(texts: Collection[str]) -> list[str]:
    """Return the texts that are such a word, as they are written."""
    return [text for text in texts if text.casefold() in NUMBER_MISSING]
