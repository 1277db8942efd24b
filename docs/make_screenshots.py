"""Write docs/report.png, the README's picture of a report: wide, and on a phone in the dark.

python docs/make_screenshots.py     needs the extras report and browser, and Debian's chromium

Not checked by CI: what Chromium and its fonts draw differs from version to version.
"""

from __future__ import annotations

import base64
import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

DOCS = Path(__file__).parent
SPEC = DOCS.parent / "configs" / "breast_cancer.yaml"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SCALE = 1.5  # pixels of the picture for one of the page
WIDE, PHONE, HEIGHT = 1060, 360, 1180
LARGEST = 200_000  # bytes
BESIDE = """<!doctype html><style>
body { margin: 0; padding: 28px; display: flex; gap: 28px; width: max-content;
  background: #d9dfe5; }
img { display: block; border-radius: 10px; height: 900px; box-shadow: 0 4px 18px #0004; }
</style><img src="data:image/png;base64,%s"><img src="data:image/png;base64,%s">"""


def main() -> None:
    """Train, report, look at the report twice, and put both pictures side by side."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        for words in (
            ["train", str(SPEC), "-q", "--run-dir", "breast_cancer"],
            ["report", "breast_cancer", "-q", "-o", "report.html"],
        ):
            command = [sys.executable, "-m", "mlpcli", *words]
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        address = (Path(folder) / "report.html").as_uri()
        wide = shoot(browser, address, WIDE, "light")
        phone = shoot(browser, f"{address}#curves", PHONE, "dark")
        page = browser.new_page(viewport={"width": 1500, "height": 956}, device_scale_factor=SCALE)
        page.set_content(BESIDE % (encoded(wide), encoded(phone)))
        width = page.evaluate("Math.ceil(document.body.getBoundingClientRect().width)")
        page.set_viewport_size({"width": width, "height": 956})
        picture = Image.open(io.BytesIO(page.screenshot()))
        browser.close()
    # 256 colours, those that the page has most of, are enough, and a third of the bytes.
    picture.convert("RGB").quantize(256, kmeans=4, dither=Image.Dither.NONE).save(
        DOCS / "report.png", optimize=True
    )
    size = (DOCS / "report.png").stat().st_size
    told = f"docs/report.png: {picture.width} × {picture.height} pixels, {size:,} bytes"
    sys.stdout.write(f"{told}\n")
    if size > LARGEST:
        sys.exit(f"more than {LARGEST:,}")


def shoot(browser: Any, address: str, width: int, scheme: str) -> bytes:
    """Return a picture of the top of a page."""
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHT}, color_scheme=scheme, device_scale_factor=SCALE
    )
    page = context.new_page()
    page.goto(address)
    picture: bytes = page.screenshot()
    context.close()
    return picture


def encoded(picture: bytes) -> str:
    """Return a picture for an address of its own."""
    return base64.b64encode(picture).decode()


if __name__ == "__main__":
    main()
