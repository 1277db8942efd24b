"""Every advice of every message: typed into the spec as it stands, what was said is gone.

Of an error, `mlp check` then ends with 0; of a line about the data, the line is said no more.
The messages are those of the odd tables and of PROVOCATIONS; that no advice of the source is
left out, another test sees.
"""

import re
from pathlib import Path

import pytest
import yaml
from case import CASES
from commands import outcome

PLACE = re.compile(r"^mlp: [^:\n]+(:\d+)*: (data(\.[\w.\[\]]+)?: )?")
KEY = re.compile(r"\bdata\.(\w+(?:\.\w+)*)(: ?| to )?")
ASKED = re.compile(r"\b(set|write|list|put|name|try)\b[^;:,]{0,30}\bdata\.\w+(?!\w|: | to |\.\w)")
CLOSING = {"{": "}", "[": "]"}
MOST_STEPS = 5  # from an error to exit code 0: one for each column that has one


def value_at(text):
    """Return the YAML value that a text begins with: a flow collection, a quoted or a bare word."""
    if text[:1] in CLOSING:
        for end in range(1, len(text) + 1):
            if text[end - 1] == CLOSING[text[0]]:
                try:
                    yaml.safe_load(text[:end])
                except yaml.YAMLError:
                    continue
                return text[:end]
    quoted = re.match(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'", text)
    return quoted[0] if quoted else re.match(r"[^\s;,.)]*", text)[0]


def advice_in(line):
    """Yield each (key, value) that a message says to write."""
    text = PLACE.sub("", line)
    for match in KEY.finditer(text):
        value = value_at(text[match.end() :]) if match[2] else ""
        if value:
            yield match[1], value


def typed(section, key, value):
    """Return a section `data`, key -> text, with `data.KEY: VALUE` typed in.

    A mapping goes into the mapping that is there, a list's items into the list.
    """
    first, _, rest = key.partition(".")
    for name in reversed(rest.split(".") if rest else []):
        value = f"{{{name}: {value}}}"
    old = section.get(first, "")
    if old[:1] in CLOSING and old[:1] == value[:1] and len(old) > 2:
        value = f"{old[:-1]}, {value[1:]}"
    return section | {first: value}


def check_section(section):
    inner = ", ".join(f"{key}: {text}" for key, text in section.items())
    Path("advised.yaml").write_text(f"data: {{{inner}}}\n", "utf-8")
    return outcome("advised.yaml")


def section_of(case):
    """Return a case's section `data` as its keys' texts."""
    found, text = {}, case.data
    while match := re.match(r"(?:, )?(\w+): ", text):
        value = value_at(text[match.end() :]) or re.match(r"[^,]*", text[match.end() :])[0]
        end = match.end() + len(value)
        if value[0] not in "\"'{[":  # a bare text runs to the comma
            value = re.match(r"[^,]*", text[match.end() :])[0]
            end = match.end() + len(value)
        found[match[1]], text = value, text[end:]
    assert not text, case.data
    return found


def follow_error(section, line):
    """Follow the first advice of an error, and of the error after it, to exit code 0."""
    for _ in range(MOST_STEPS):
        advice = next(advice_in(line), None)
        assert advice is not None, f"no advice leads on: {line}"
        section = typed(section, *advice)
        after = check_section(section)
        if after.code == 0:
            return
        assert after.lines != [line], f"{advice} changes nothing"
        [line] = after.lines
    pytest.fail(f"no advice helps: {line}")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.usefixtures("here")
def test_every_advice_helps(case, checked):
    found, section = checked(case), section_of(case)
    for line in found.lines:
        assert not ASKED.search(PLACE.sub("", line)), f"nothing to type: {line}"
        for key, value in advice_in(line):
            after = check_section(typed(section, key, value))
            if found.code and after.code:
                assert after.lines != [line]
                follow_error(typed(section, key, value), after.lines[0])
            elif line in found.guesses:  # of a right guess: what it says instead may not fit
                assert after.code in (0, 3), (key, value, after.lines)
            else:
                assert after.code == 0, (line, after.lines)
            assert line not in after.lines
