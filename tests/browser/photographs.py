"""Take screenshots of pages, and arrange them side by side."""

from html import escape
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import Page

from tests.browser.page_checks import look

LANGUAGES = {"fr": "fr-FR", "en": "en-GB"}
SCHEMES = ("light", "dark")
WIDTHS = (390, 768, 1280)
_SCALE, _GAP, _TALLEST = 0.4, 12, 1500
_TALLEST_WINDOW = 16_000  # beyond which Chromium paints nothing


def photograph(page: Page, folder: Path, language: str) -> None:
    """Take the whole page, in every width and scheme."""
    folder.mkdir(parents=True, exist_ok=True)
    for width in WIDTHS:
        for scheme in SCHEMES:
            look(page, scheme, width)
            # Load lazily loaded pictures now.
            page.evaluate(
                """async () => {
                  for (const image of document.images) image.loading = "eager";
                  await Promise.all([...document.images].map((image) => image.decode()
                    .catch(() => null)));
                  scrollTo(0, 0);
                }"""
            )
            # A window as tall as the page, so that fixed elements are at the page's end.
            height = page.evaluate("() => document.documentElement.scrollHeight")
            page.set_viewport_size({"width": width, "height": min(height, _TALLEST_WINDOW)})
            page.screenshot(path=folder / f"{language}-{width}-{scheme}.png", animations="disabled")


def lay_out(folder: Path, language: str) -> None:
    """Put the screenshots of a page in a language on one sheet beside their folder."""
    row = []
    for width in WIDTHS:
        for scheme in SCHEMES:
            with Image.open(folder / f"{language}-{width}-{scheme}.png") as taken:
                size = (int(taken.width * _SCALE), int(taken.height * _SCALE))
                small = taken.convert("RGB").resize(size, Image.Resampling.LANCZOS)
            row.append(small.crop((0, 0, small.width, min(small.height, _TALLEST))))
    width = sum(picture.width + _GAP for picture in row) + _GAP
    sheet = Image.new("RGB", (width, max(picture.height for picture in row) + 3 * _GAP), "#8a8f93")
    name = f"{folder.parent.name} / {folder.name} / {language}"
    ImageDraw.Draw(sheet).text((_GAP, 0), name, fill="black")
    left = _GAP
    for picture in row:
        sheet.paste(picture, (left, 2 * _GAP))
        left += picture.width + _GAP
    sheet.save(folder.parent / f"{folder.name}.{language}.png")


def write_index(folder: Path) -> None:
    """Write a page that shows every sheet, by state."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = ["<!doctype html><meta charset=utf-8><title>Screenshots</title>"]
    for state in sorted(path for path in folder.iterdir() if path.is_dir()):
        parts.append(f"<h1>{escape(state.name)}</h1>")
        for sheet in sorted(state.glob("*.png")):
            place = f"{state.name}/{sheet.name}"
            parts.append(f"<h2>{escape(sheet.stem)}</h2>")
            parts.append(f'<img loading="lazy" width="1600" src="{escape(place)}" alt="">')
    (folder / "index.html").write_text("\n".join(parts), encoding="utf-8")
