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
KEY = re.compile(r"\bdata\.(\w+(?:\.\w+)*)(: ?)?")
CLOSING = {"{": "}", "[": "]"}


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
    """Yield each (key, value) that a message says to write; the value is None where it lacks."""
    text = PLACE.sub("", line)
    for match in KEY.finditer(text):
        value = value_at(text[match.end() :]) if match[2] else ""
        yield match[1], value or None


def typed(data, key, value):
    """Return the spec, and the further words of the command, that say `data.KEY: VALUE`."""
    first, _, rest = key.partition(".")
    if re.search(rf"(^|[, {{]){first}:", data):
        return data, ["--set", f"data.{key}={value}"]
    for name in reversed(rest.split(".") if rest else []):
        value = f"{{{name}: {value}}}"
    return f"{data}, {first}: {value}", []


def follow(data, key, value):
    """Return what `mlp check` makes of section `data` with an advice typed in."""
    data, words = typed(data, key, value)
    Path("advised.yaml").write_text(f"data: {{{data}}}\n", "utf-8")
    return outcome("advised.yaml", *words)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.usefixtures("here")
def test_every_advice_helps(case, checked):
    found = checked(case)
    for line in found.lines:
        for key, value in advice_in(line):
            assert value is not None, f"data.{key}: nothing to type: {line}"
            after = follow(case.data, key, value)
            assert after.code == 0, (line, after.lines)
            assert line not in after.lines
