"""A page: what it holds is escaped, inline, whole, and readable in each of its colours."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from mlpcli.report.blocks import Chart, Facts, Notice, Points, Section, Table, Text
from mlpcli.report.page import TEMPLATES, Page, is_page, render

pytest.importorskip("jinja2")

EVIL = "<script>alert(1)</script>\"'&\x1b[31m"
SHOWN = "<script>alert(1)</script>\"'&\\x1b[31m"
TABLE = Table(EVIL, [EVIL, "n"], [[EVIL, 0.123456789], ["b", 1234567]], sortable=True)
CHART = Chart(EVIL, EVIL, '<svg viewBox="0 0 1 1"></svg>', TABLE)
BLOCKS = [
    Text(EVIL, is_lead=True),
    Text(EVIL + "\nsecond  line", code=True, folded=EVIL),
    Notice(EVIL),
    Points([EVIL]),
    Facts([(EVIL, EVIL, EVIL), ("rows", 1234, "")], are_tiles=True),
    CHART,
    CHART,
    TABLE,
    Table("folded", ["a"], [[1.5]], folded=True),
    CHART,
]
PAGE = Page(EVIL, EVIL, [Section("one", EVIL, BLOCKS), Section("two", "Two", [Text("x")])])


class Outline(HTMLParser):
    """The elements of a page with their attributes, and the texts."""

    def __init__(self, content):
        super().__init__()
        self.elements, self.texts, self.open = [], [], []
        self.feed(content)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.texts.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.fixture(scope="module")
def content():
    return render(PAGE)


@pytest.fixture(scope="module")
def outline(content):
    return Outline(content.decode())


def test_whatever_the_data_hold_is_text(outline):
    assert len(outline.all("script")) == 1
    texts = "".join(outline.texts)
    # Title, heading, subtitle, navigation, section; text, code with its summary, notice, point,
    # three facts; three charts with title, text, summary, caption, header and cell; and a table.
    assert texts.count(SHOWN) == 5 + 1 + 2 + 1 + 1 + 3 + 3 * 6 + 3
    assert "\x1b" not in texts
    labels = [attrs["aria-label"] for _, attrs in outline.elements if "aria-label" in attrs]
    assert labels.count(SHOWN) == 4


def test_the_elements_are_closed_in_their_order(outline):
    assert outline.open == []


def test_ids_are_there_once_and_what_refers_to_one_finds_it(outline):
    ids = [attrs["id"] for _, attrs in outline.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for name in ("aria-labelledby", "aria-describedby"):
        assert {attrs[name] for _, attrs in outline.elements if name in attrs} <= set(ids)
    assert {attrs["href"] for attrs in outline.all("a")} == {"#main", "#one", "#two"}
    assert {"main", "one", "two"} <= set(ids)


def test_each_chart_has_a_title_a_description_and_its_numbers(content):
    figures = re.findall(r"<figure.*?</figure>", content.decode(), re.DOTALL)
    assert len(figures) == 3
    for figure in figures:
        parts = ("<h3 id=", "<p id=", 'role="img"', "<svg", "<details>", "<summary>", "<table")
        places = [figure.index(part) for part in parts]
        assert places == sorted(places)


def test_numbers_have_four_digits_to_read_and_all_of_them_to_sort_by(outline):
    cells = [attrs.get("data-value") for attrs in outline.all("td")]
    assert cells.count("0.123456789") == cells.count("1234567") == 4
    assert outline.texts.count("0.1235") == outline.texts.count("1,234,567") == 4
    assert "1,234" in outline.texts


def test_the_browser_is_told_to_ask_for_nothing_and_to_run_one_script(content, outline):
    policy = next(attrs["content"] for attrs in outline.all("meta") if "http-equiv" in attrs)
    script = re.search("<script>(.*?)</script>", content.decode(), re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; ")
    assert f"script-src 'sha256-{digest}'" in policy
    assert not re.search(r"url\(|@import|https?:|fetch\(|XMLHttp", content.decode())
    assert [attrs["href"] for attrs in outline.all("link")] == ["data:,"]


def test_the_same_page_gives_the_same_bytes(content):
    assert render(PAGE) == content


def test_a_page_is_known_as_one_of_ours(content):
    assert is_page(content[:500])
    assert not is_page(b"<!doctype html><meta name=generator content=Pandoc>mlp report")


def test_a_name_that_is_no_utf_8_is_written():
    assert b"a\\udcff" in render(Page("a\udcff", "", []))


# ------------------------------------------------------------ colours


def contrast(one, other):
    """(L₁ + 0.05) / (L₂ + 0.05), L the relative luminance. Source: WCAG 2.2."""

    def luminance(colour):
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_lines_can_be_seen(scheme):
    css = (TEMPLATES / "page.css").read_text("utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w{6});", light if scheme == "light" else dark))
    assert len(colours) == 18
    for behind in ("surface", "raised", "notice"):
        for text in ("ink", "accent") if behind == "notice" else ("ink", "muted", "accent"):
            assert contrast(colours[text], colours[behind]) >= 4.5, (text, behind)
    for line in ("good", "bad", "muted", *(f"series-{k}" for k in range(1, 9))):
        assert contrast(colours[line], colours["surface"]) >= 3, line
