"""Each report at each width, in the light, in the dark and on paper; by axe-core; without scripts.

The checks themselves are tested on a page with every fault that they look for.
"""

import pytest

WIDTHS = (360, 800, 1400)
BROKEN = """<!doctype html><html><head><title>x</title></head><body>
<img src="https://example.org/a.png"><p style="color:#aaa; width: 2000px">pale and wide</p>
<script>console.error("of the console"); null.x;</script></body></html>"""


def test_it_is_no_large_file(reports, name):
    assert reports.pages[name].stat().st_size <= 400_000


def test_nothing_leaves_the_page_and_nothing_goes_wrong(opened, name):
    visit = opened(name)
    assert visit.requests == []
    assert visit.errors == []


def test_it_fits_every_width_in_the_light_in_the_dark_and_on_paper(opened, name):
    visit = opened(name)
    found = {}
    for scheme in ("light", "dark"):
        for width in WIDTHS:
            visit.look(width, media="screen", color_scheme=scheme)
            found[width, scheme] = visit.too_wide()
    visit.look(700, media="print", color_scheme="light")  # A4 within its margins
    found["print"] = visit.too_wide()
    visit.look(1400, media="screen", color_scheme="light")
    assert {key: pixels for key, pixels in found.items() if pixels > 0} == {}


def test_axe_finds_nothing_serious(opened, name):
    visit = opened(name)
    visit.look(360, media="screen", color_scheme="light")
    assert visit.violations() == []
    visit.look(1400, media="screen", color_scheme="dark")
    assert visit.violations() == []
    visit.look(color_scheme="light")


def test_it_is_whole_without_scripts(opened, visit, reports, name):
    usual, bare = opened(name), visit(reports.pages[name], java_script_enabled=False)
    assert bare.errors == bare.requests == []
    texts = [each.page.locator("main").text_content() for each in (usual, bare)]
    assert texts[0] == texts[1]
    assert len(texts[0]) > 2000
    folded = bare.page.locator("details").all()
    assert bool(folded) == (name != "step")
    for first in folded[:1]:
        first.locator("summary").click()
        assert first.locator("td").first.is_visible()


def test_each_chart_has_a_title_a_description_and_its_numbers(opened, name):
    page = opened(name).page
    charts = page.locator("figure").all()
    assert len(charts) == page.locator("main svg").count()
    assert bool(charts) == (name != "step")
    for chart in charts:
        image = chart.locator("[role=img]")
        for attribute in ("aria-labelledby", "aria-describedby"):
            text = page.locator(f"#{image.get_attribute(attribute)}").text_content()
            assert text.strip()
        assert chart.locator("details table tbody tr").count() > 0


def test_the_dark_is_dark_and_paper_is_white(opened):
    visit = opened("binary")
    background = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    visit.look(media="screen", color_scheme="dark")
    assert max(visit.page.evaluate(background)) < 64
    visit.look(media="print", color_scheme="dark")
    assert visit.page.evaluate(background) == [255, 255, 255]
    assert not visit.page.locator("nav").is_visible()
    visit.look(media="screen", color_scheme="light")


def test_it_prints(opened):
    paper = opened("binary").page.pdf(format="A4")
    assert paper.startswith(b"%PDF")
    assert 3 <= paper.count(b"/Type /Page\n") <= 30


def test_a_click_sorts_the_trials(opened):
    page = opened("study").page
    table = page.locator("table[data-sortable]").first
    column = [head.text_content() for head in table.locator("th").all()].index("trial")
    cells = f"tbody tr td:nth-child({column + 1})"

    def numbers():  # from 0 to 11: as texts they would be in another order
        return [float(x.get_attribute("data-value")) for x in table.locator(cells).all()]

    before = numbers()
    head = table.locator("th").nth(column)
    head.locator("button").click()
    assert numbers() == sorted(before) != before
    assert head.get_attribute("aria-sort") == "ascending"
    head.locator("button").press("Enter")
    assert numbers() == sorted(before, reverse=True)


def test_a_broken_page_is_found_out(visit, tmp_path):
    (tmp_path / "broken.html").write_text(BROKEN)
    broken = visit(tmp_path / "broken.html")
    assert broken.requests == ["https://example.org/a.png"]
    assert any("of the console" in error for error in broken.errors)
    assert any("null" in error for error in broken.errors)
    assert broken.too_wide() > 500
    assert {"color-contrast", "html-has-lang", "image-alt"} <= {v[0] for v in broken.violations()}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_stand_out_from_the_surface(opened, scheme):
    visit = opened("binary")
    visit.look(media="screen", color_scheme=scheme)
    colours = visit.page.evaluate(COLOURS)
    visit.look(color_scheme="light")
    surface = luminance(colours.pop("--surface"))
    least = {name: 4.5 if name in TEXT else 3 for name in colours}
    ratios = {}
    for name, colour in colours.items():
        high, low = sorted([surface, luminance(colour)], reverse=True)
        ratios[name] = (high + 0.05) / (low + 0.05)
    assert {name: ratio for name, ratio in ratios.items() if ratio < least[name]} == {}


TEXT = ("--ink", "--muted", "--accent", "--good", "--bad")
COLOURS = """() => Object.fromEntries(
  ["--surface", "--ink", "--muted", "--accent", "--good", "--bad",
   ...Array.from({length: 8}, (_, k) => `--series-${k + 1}`)].map((name) =>
    [name, getComputedStyle(document.documentElement).getPropertyValue(name).trim()]))"""


def luminance(colour):
    """Return the relative luminance of #rrggbb. Source: WCAG 2.2."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return sum(w * x for w, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
