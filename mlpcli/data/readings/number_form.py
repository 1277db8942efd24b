"""How a number is written: its sign, its unit, and the signs between its digits.

A text's shape is the text with 9 for every digit, but 0 for a leading 0, and with one character for
each kind of blank, minus and apostrophe. Columns of a million different numbers have some hundred
shapes: so shapes are looked at, and texts only looked up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

BLANKS = "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}\N{FIGURE SPACE}"
MINUSES = "\N{MINUS SIGN}\N{EN DASH}\N{SMALL HYPHEN-MINUS}\N{FULLWIDTH HYPHEN-MINUS}"
APOSTROPHES = "\N{RIGHT SINGLE QUOTATION MARK}\N{MODIFIER LETTER APOSTROPHE}"
SHAPE = str.maketrans(
    "012345678" + BLANKS + MINUSES + APOSTROPHES,
    "999999999" + " " * len(BLANKS) + "-" * len(MINUSES) + "'" * len(APOSTROPHES),
)
LEADING_ZERO = re.compile("[^0-9]*0")

# Each spelling of a unit, and the one that stands for all; amounts without it are of the same.
CURRENCIES = {
    **dict.fromkeys(("$", "US$", "USD"), "USD"),
    **dict.fromkeys(("€", "EUR", "Euro", "euro", "euros"), "EUR"),
    **dict.fromkeys(("£", "GBP"), "GBP"),
    **dict.fromkeys(("¥", "JPY", "円"), "JPY"),
    **dict.fromkeys(("元", "RMB", "CNY", "CN¥"), "CNY"),
    **dict.fromkeys(("₹", "INR", "Rs", "Rs."), "INR"),
    **dict.fromkeys(("₽", "RUB", "руб", "руб."), "RUB"),
    **dict.fromkeys(("CHF", "Fr.", "SFr."), "CHF"),
    **dict.fromkeys(("R$", "BRL"), "BRL"),
    **dict.fromkeys(("A$", "AU$", "AUD"), "AUD"),
    **dict.fromkeys(("C$", "CA$", "CAD"), "CAD"),
    **dict.fromkeys(("NZ$", "NZD"), "NZD"),
    **dict.fromkeys(("HK$", "HKD"), "HKD"),
    **dict.fromkeys(("S$", "SGD"), "SGD"),
    **dict.fromkeys(("₩", "KRW"), "KRW"),
    **dict.fromkeys(("₺", "TRY", "TL"), "TRY"),
    **dict.fromkeys(("₴", "UAH"), "UAH"),
    **dict.fromkeys(("₪", "ILS"), "ILS"),
    **dict.fromkeys(("฿", "THB"), "THB"),
    **dict.fromkeys(("₫", "VND"), "VND"),
    **dict.fromkeys(("₱", "PHP"), "PHP"),
    **dict.fromkeys(("₦", "NGN"), "NGN"),
    **dict.fromkeys(("zł", "PLN"), "PLN"),
    **dict.fromkeys(("Kč", "CZK"), "CZK"),
    **dict.fromkeys(("Ft", "HUF"), "HUF"),
    **dict.fromkeys(("kr", "kr.", "Kr", "Kr."), "kr"),
    **{code: code for code in ("SEK", "NOK", "DKK", "ISK", "MXN", "ARS", "CLP", "COP", "PEN")},
    **{code: code for code in ("ZAR", "EGP", "KES", "MAD", "SAR", "AED", "QAR", "IDR", "MYR")},
    **{code: code for code in ("TWD", "PKR", "BDT", "LKR", "RON", "BGN", "RSD", "GEL", "KZT")},
}
CURRENCIES |= {code.lower(): unit for code, unit in CURRENCIES.items() if code.isupper()}
PER_CENT = "%"
UNITS = CURRENCIES | {PER_CENT: PER_CENT, "\N{FULLWIDTH PERCENT SIGN}": PER_CENT}
_UNIT = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))
NUMBER = (
    rf"(?P<open>\()?(?P<sign>[+-])? ?(?P<before>{_UNIT})? ?(?P<sign2>[+-])?(?P<open2>\()? ?"
    r"(?P<digits>[09.,](?:[09.,' ]*[09.,])?(?:[eE][+-]?9+)?)"
    rf" ?(?P<sign3>-)?(?: ?(?P<after>{_UNIT}))?(?P<sign4>-)? ?(?P<close>\))?"
    rf"(?: ?(?P<last>{_UNIT}))?"
)


@dataclass(frozen=True)
class Style:
    """The signs between the digits of a number.

    thousands  between groups of three digits; "": nothing
    lakh       groups of two digits before the last one of three, as in India
    """

    decimal: Literal[".", ","]
    thousands: Literal["", ".", ",", "'", " "]
    lakh: bool = False

    @property
    def pattern(self) -> str:
        """Match the digits of a shape."""
        point, separator = re.escape(self.decimal), re.escape(self.thousands)
        whole = "[09]9*"
        if self.lakh:
            whole += rf"|9{{1,2}}(?:{separator}99)*{separator}999"
        elif self.thousands:
            whole += rf"|9{{1,3}}(?:{separator}999)+"
        return rf"(?:(?:{whole})(?:{point}9*)?|{point}9+)(?:[eE][+-]?9+)?"


# In the order in which they are tried, where a column is well formed in several.
STYLES = (
    *(Style(".", thousands) for thousands in ("", ",", "'", " ")),
    Style(".", ",", lakh=True),
    *(Style(",", thousands) for thousands in ("", ".", "'", " ")),
)
PLAIN = {decimal: STYLES.index(Style(decimal, "")) for decimal in (".", ",")}
TO_FLOAT = [
    str.maketrans(
        {style.decimal: ".", **({style.thousands: None} if style.thousands else {})}
        | (dict.fromkeys(BLANKS) if style.thousands == " " else {})
        | (dict.fromkeys(APOSTROPHES) if style.thousands == "'" else {})
    )
    for style in STYLES
]


@dataclass(frozen=True)
class Form:
    """What a shape shows.

    negative    whether the number is below 0
    start, end  of the digits
    unit        as it is written; "": none
    signs       whether there is a point or a comma
    styles      the numbers of those in which the digits are well formed
    """

    negative: bool
    start: int
    end: int
    unit: str
    signs: bool
    styles: frozenset[int]


def shape_of(text: str) -> str:
    r"""Return a text's shape.

    >>> shape_of("$40,269.79"), shape_of("0,5"), shape_of("− 1\u00a0234 €")
    ('$99,999.99', '0,9', '- 9 999 €')
    """
    shape = text.translate(SHAPE)
    if "0" in text:
        zero = LEADING_ZERO.match(text)
        if zero is not None:
            shape = f"{shape[: zero.end() - 1]}0{shape[zero.end() :]}"
    return shape


@cache
def _compiled() -> tuple[re.Pattern[str], list[re.Pattern[str]]]:
    """Return NUMBER and the patterns of STYLES: 10 ms that most runs do not need."""
    return re.compile(NUMBER), [re.compile(style.pattern) for style in STYLES]


@lru_cache(maxsize=1 << 14)
def form_of(shape: str) -> Form | None:
    """Return what a shape shows; None where it is not that of a number."""
    number, patterns = _compiled()
    found = number.fullmatch(shape)
    if found is None:
        return None
    opened = [found[name] for name in ("open", "open2") if found[name]]
    signs = [found[name] for name in ("sign", "sign2", "sign3", "sign4") if found[name]]
    units = [found[name] for name in ("before", "after", "last") if found[name]]
    brackets = len(opened) + (found["close"] is not None)
    if brackets not in (0, 2) or len(opened) > 1 or len(signs) + brackets // 2 > 1:
        return None
    if len({UNITS[unit] for unit in units}) > 1 or (found["last"] and not brackets):
        return None
    digits = found["digits"]
    styles = frozenset(k for k, pattern in enumerate(patterns) if pattern.fullmatch(digits))
    if not styles:
        return None
    unit = units[0] if units else ""
    has_signs = "." in digits or "," in digits
    return Form("-" in signs or bool(brackets), *found.span("digits"), unit, has_signs, styles)


def number_in(text: str, form: Form, style: int) -> float:
    """Return the number that a text of this form says.

    >>> number_in("(1.234,5)", form_of("(9.999,9)"), STYLES.index(Style(",", ".")))
    -1234.5
    """
    value = float(text[form.start : form.end].translate(TO_FLOAT[style]))
    return -value if form.negative else value
