"""Drawings stand in a page: their colours, texts, ids and bytes."""

import re
import xml.etree.ElementTree as ET

import pytest

from mlpcli.report.drawing import BAD, COLOURS, SERIES, draw, figure, log_scale

pytest.importorskip("matplotlib")


def drawing(name="loss $a$ <b>", text="0.001 #f00d01"):
    with figure() as (canvas, axes):
        axes.plot([1, 2, 3], [0.1, 0.01, 0.001], marker="o", label=name)
        axes.fill_between([1, 2, 3], [0.1, 0.01, 0.001], 0.2, color=SERIES[1], alpha=0.2)
        axes.axvline(2, color=BAD)
        axes.text(2, 0.01, text)
        axes.legend()
        log_scale(axes, "y")
        return draw(canvas)


@pytest.fixture(scope="module")
def svg():
    return drawing()


def test_the_same_figure_gives_the_same_bytes(svg):
    assert drawing() == svg


def test_colours_are_variables_of_the_page(svg):
    colours = set(re.findall(r"(?:fill|stroke): ([^;\"]+)", svg)) - {"none"}
    assert {"var(--series-1)", "var(--series-2)", "var(--bad)", "var(--grid)"} <= colours
    assert colours <= {f"var({name})" for name in COLOURS.values()}


def test_texts_are_kept_letter_by_letter(svg):
    texts = [each.text for each in ET.fromstring(svg).iter("text")]
    assert "loss $a$ <b>" in texts
    assert "0.001 #f00d01" in texts
    assert {"0.1", "0.01", "0.001"} <= set(texts)  # the axis
    assert "font-family" not in svg


def test_an_axis_of_less_than_two_decades_has_ticks_within():
    with figure() as (canvas, axes):
        axes.plot([1, 2], [0.11, 0.9])
        log_scale(axes, "y")
        texts = [each.text for each in ET.fromstring(draw(canvas)).iter("text")]
    assert {"0.2", "0.5"} <= set(texts)


def test_two_drawings_share_no_id_and_refer_to_nothing_missing(svg):
    other = drawing("another")
    ids = [re.findall(r' id="([^"]*)"', each) for each in (svg, other)]
    assert len(ids[0]) >= 2
    assert not set(ids[0]) & set(ids[1])
    assert len(set(ids[0])) == len(ids[0])
    assert set(re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", svg)[0]) - {""} <= set(ids[0])


def test_nothing_asks_for_another_file_or_has_a_size(svg):
    assert "http" not in svg
    assert svg.startswith('<svg viewBox="0 0 420 260">')


def test_letters_that_the_font_lacks_and_the_users_own_style_change_nothing(svg):
    import matplotlib as mpl

    with mpl.rc_context({"text.usetex": True, "axes.facecolor": "red", "svg.fonttype": "path"}):
        assert drawing() == svg
    assert "日本" in drawing("日本")  # a warning would be an error
