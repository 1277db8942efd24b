"""The page of an explanation: formulas set as such, and nothing of a reader's file as markup."""

import re
from html import unescape

import pytest

from mlpcli.report.blocks import Derivation, Section
from mlpcli.report.explain.explain import Shown, explain_step
from mlpcli.report.explain.markdown import markdown
from mlpcli.report.explain.source import open_step
from mlpcli.report.page import Page, render

pytest.importorskip("jinja2")
SPEC = """
data: {path: "rows.csv", target: "</b><script>", split: {validation: 0, test: 0}, scale: none}
model: {layers: [{units: 12, activation: tanh}]}
"""


@pytest.fixture(scope="module")
def explanation(tmp_path_factory):
    """Return a step on columns whose names are markup."""
    folder = tmp_path_factory.mktemp("page")
    rows = "<img src=x>,`a`,</b><script>\n1,2,no\n3,0,yes\n-1,1,no\n0,4,yes\n"
    (folder / "rows.csv").write_text(rows, encoding="utf-8")
    (folder / "a*b*.yaml").write_text(SPEC, encoding="utf-8")
    return explain_step(open_step(str(folder / "a*b*.yaml"), None), Shown(units=12))


def test_it_has_each_number_of_the_explanation_and_no_markup_of_the_file(explanation):
    from mlpcli.report.explain.web_page import web_page

    page = web_page(explanation).decode()
    assert "<img" not in page
    assert page.count("<script>") == 1  # the page's own, for tables
    lines = [
        unescape(re.sub(r"<small>.*?</small>|<[^>]+>", "", line)).strip()
        for line in re.findall(r"<li>(.*?)</li>", page, re.DOTALL)
    ]
    values = [line.value for _, line in explanation.lines()]
    assert [line.rpartition(" ")[2] for line in lines[-len(values) :]] == values
    assert "u<sup>(1)</sup><sub>1,12</sub> = x<sub>11</sub> W<sup>(1)</sup><sub>1,12</sub>" in page


def test_markdown_of_the_file_is_text(explanation):
    text = markdown(explanation)
    outside = re.sub(r"^```\n.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert "<img" not in outside
    assert "`a`" not in outside
    assert "(<img src=x>: 1)" in text
    assert r"/a\*b\*.yaml" in text.splitlines()[0]


def test_a_formula_is_text_but_for_its_scripts():
    derivation = Derivation("<b>x₁</b>", "<i>", [("<u>₁₁,₂ = ", "<s>", "<q>")], ["<p>"])
    page = render(Page("", "", [Section("a", "", [derivation])])).decode()
    assert "&lt;b&gt;x<sub>1</sub>&lt;/b&gt;" in page
    assert "&lt;u&gt;<sub>11,2</sub> = <b>&lt;s&gt;</b>" in page
    assert all(f"&lt;{letter}&gt;" in page for letter in "iqp")
