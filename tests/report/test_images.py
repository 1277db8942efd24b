"""Rows that are images: where they matter, and which are predicted worst."""

import base64
import io
import re

import numpy as np
import pytest

from mlpcli.report.images import draw_images
from mlpcli.report.page import TEMPLATES
from mlpcli.report.reported_run import load_run
from mlpcli.report.sections.confusion import STRONGEST
from mlpcli.report.sections.importance import importance
from mlpcli.report.sections.worst_rows import worst_rows
from mlpcli.training.image_patches import image_patches

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def run(train_run, tmp_path_factory):
    """Return a run on images of 4 × 3 pixels, of which the one in row 2, column 3 decides."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 17, (200, 12))
    path = tmp_path_factory.mktemp("images") / "images.csv"
    header = [*(f"p{k}" for k in range(12)), "bright"]
    rows = [",".join(map(str, [*row, int(row[5] > 8)])) for row in X]
    path.write_text("\n".join([",".join(header), *rows]))
    spec = {
        "data": {"path": str(path), "target": "bright", "image": {"height": 4, "width": 3}},
        "model": {"layers": [{"units": 6, "activation": "tanh"}]},
        "training": {"epochs": 20, "optimizer": {"name": "sgd", "learning_rate": 0.3}},
    }
    return load_run(str(train_run("images", spec)))


def test_patches_are_squares_of_pixels_and_leave_none_out():
    found = image_patches((28, 20, 3))
    assert len(found) == 7 * 5
    assert sorted(np.concatenate([*found.values()]).tolist()) == list(range(28 * 20 * 3))
    name, features = list(found.items())[6]
    assert name == "rows 5–8, columns 5–8"
    y, x, _ = np.unravel_index(features, (28, 20, 3))
    assert ({*y}, {*x}) == ({4, 5, 6, 7}, {4, 5, 6, 7})
    edge = list(image_patches((9, 9, 1)).items())
    assert edge[4][0] == "rows 1–2, column 9"
    assert edge[-1] == ("row 9, column 9", [80])


def test_the_pixel_that_decides_has_the_strongest_colour(run):
    chart, _ = importance(run).blocks
    assert chart.table.rows[0][0] == "row 2, column 3"
    assert "With row 2, column 3 shuffled" in chart.description
    cells = re.findall(
        r'<path d="M ([\d.]+) ([\d.]+) [^"]*" clip-path="[^"]*" style="fill: ([^"]*)"', chart.svg
    )
    assert len(cells) == 12
    opaque = [(float(x), float(y)) for x, y, fill in cells if fill == "var(--series-1)"]
    assert len(opaque) == 1
    columns = sorted({float(x) for x, _, _ in cells})
    rows = sorted({float(y) for _, y, _ in cells})
    assert (rows.index(opaque[0][1]), columns.index(opaque[0][0])) == (1, 2)


def test_the_worst_images_are_drawn_with_their_own_pixels(run):
    (chart,) = worst_rows(run).blocks
    image = pytest.importorskip("PIL.Image")
    part = run.parts["test"]
    numbers = run.model.encoding.inputs.raw(part.X)
    first = int(np.flatnonzero(part.rows == chart.table.rows[0][0] - 2)[0])
    found = re.findall(r'href="data:image/png;base64,([^"]+)"', chart.svg)
    assert len(found) == 10
    with image.open(io.BytesIO(base64.b64decode(found[0]))) as drawn:
        grey = np.asarray(drawn.convert("L"), float)
    expected = numbers[first].reshape(4, 3)
    assert grey.shape == (4, 3)
    np.testing.assert_allclose(grey, expected * 255 / 16, atol=1.01)
    actual, predicted = chart.table.rows[0][1:3]
    assert f"{actual} → {predicted}" in chart.svg
    assert "p5" not in chart.table.header


def test_colours_and_large_images_are_drawn_small():
    images = np.zeros((1, 300, 200, 3))
    images[..., 0] = 255.0
    svg = draw_images(images, ["red"])
    image = pytest.importorskip("PIL.Image")
    (png,) = re.findall(r'href="data:image/png;base64,([^"]+)"', svg)
    with image.open(io.BytesIO(base64.b64decode(png))) as drawn:
        assert drawn.size == (67, 100)
        assert drawn.convert("RGB").getpixel((5, 5)) == (255, 0, 0)


def luminance(colour):
    channels = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
                for value in colour]  # fmt: skip
    return np.dot([0.2126, 0.7152, 0.0722], channels)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["good", "bad"])
def test_text_on_the_strongest_cell_has_the_contrast_of_wcag(scheme, name):
    css = (TEMPLATES / "page.css").read_text("utf-8")

    def colour(variable):
        found = re.findall(rf"--{variable}: #([0-9a-f]{{6}})", css)[scheme]
        return np.array([int(found[k : k + 2], 16) / 255 for k in (0, 2, 4)])

    cell = STRONGEST * colour(name) + (1 - STRONGEST) * colour("surface")
    light, dark = sorted([luminance(cell), luminance(colour("ink"))], reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5
