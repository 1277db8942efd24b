"""Every advice of every message: typed into the spec as it stands, what was said is gone.

Of an error, `mlp check` then ends with 0; of a line about the data, the line is said no more.
The messages are those of all odd tables; that no advice of the source is left out, another test
sees.
"""

import ast
import json
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from case import CASES
from commands import outcome

import mlpcli

PLACE = re.compile(r"^mlp: [^:\n]+(:\d+)*: (data(\.[\w.\[\]]+)?: )?")
KEY = re.compile(r"\bdata\.(\w+(?:\.\w+)*)(: ?| to )?")
ASKED = re.compile(r"\b(set|write|list|put|name|try)\b[^;:,]{0,30}\bdata\.\w+(?!\w|: | to |\.\w)")
CLOSING = {"{": "}", "[": "]"}
OFTEN = 1  # that advice of one kind is followed, with other names and numbers
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

    A mapping's keys go into the mapping that is there, a list's items into the list.
    """
    first, _, rest = key.partition(".")
    for name in reversed(rest.split(".") if rest else []):
        value = f"{{{name}: {value}}}"
    old, new = yaml.safe_load(section.get(first, "null")), yaml.safe_load(value)
    if isinstance(old, list) and isinstance(new, list):
        value = json.dumps(old + [each for each in new if each not in old])
    elif isinstance(old, dict) and isinstance(new, dict):
        value = json.dumps(old | new)
    return section | {first: value}


def taken_out(section, line):
    """Return a section without the items that a message says to take out of a list."""
    for match in re.finditer(r"take (\S+|\"[^\"]*\") out of data\.(\w+)", line):
        name, key = yaml.safe_load(match[1]), match[2]
        if key in section:
            left = [each for each in yaml.safe_load(section[key]) if each != name]
            section = section | {key: json.dumps(left)}
    return section


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
        section = typed(taken_out(section, line), *advice)
        after = check_section(section)
        if after.code == 0:
            return
        assert after.lines != [line], f"{advice} changes nothing"
        [line] = after.lines
    pytest.fail(f"no advice helps: {line}")


def template(line):
    """Return what messages of one kind have in common."""
    return re.sub(r"'[^']*'|\"[^\"]*\"|[\d.,:-]*\d", "_", line)


@pytest.fixture(scope="module")
def followed():
    """Return how often advice of each kind was followed."""
    return Counter()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.usefixtures("here")
def test_every_advice_helps(case, checked, followed):
    found, section = checked(case), section_of(case)
    for line in found.lines:
        assert not ASKED.search(PLACE.sub("", line)), f"nothing to type: {line}"
        followed[template(line)] += 1
        if followed[template(line)] > OFTEN:
            continue
        for key, value in advice_in(line):
            advised = typed(taken_out(section, line), key, value)
            after = check_section(advised)
            if found.code and after.code:
                assert after.lines != [line]
                follow_error(advised, after.lines[0])
            elif line in found.guesses:  # of a right guess: what it says instead may not fit
                assert after.code in (0, 3), (key, value, after.lines)
            else:
                assert after.code == 0, (line, after.lines)
            assert line not in after.lines


PACKAGE = Path(mlpcli.__file__).parent
SOURCES = [
    *sorted((PACKAGE / "data").rglob("*.py")),
    *(PACKAGE / "spec" / "checks" / name for name in ("columns.py", "data.py")),
]
ADVICE = re.compile(r"\bdata\.\w+(\.\w+)*: |\b(set|write|list|put|name|try)\b[^;:]{0,30}\bdata\.")
# Of augmentations, which are no part of this section: spec/checks/augmentation.py says it first.
ELSEWHERE = {" is for images: set data.image"}


def advice_of_source():
    """Yield each piece of a text in the source that says what to write."""
    for path in SOURCES:
        tree = ast.parse(path.read_text("utf-8"))
        statements = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
        docstrings = {id(value) for value in statements if isinstance(value, ast.Constant)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                is_text = id(node) not in docstrings and node.value not in ELSEWHERE
                if is_text and ADVICE.search(node.value):
                    yield f"{path.relative_to(PACKAGE)}:{node.lineno}", node.value


def test_no_advice_of_the_source_is_left_out(checked):
    said = "\n".join(line for case in CASES.values() for line in checked(case).lines)
    pieces = list(advice_of_source())
    assert len(pieces) > 30
    assert [f"{place} {piece}" for place, piece in pieces if piece not in said] == []
