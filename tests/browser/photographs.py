"""Photograph pages, and lay the pictures side by side to look at them quickly."""

from html import escape
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import Page

from tests.browser.page_checks import look

LANGUAGES = {"fr": "fr-FR", "en": "en-GB"}
SCHEMES = ("light", "dark")
WIDTHS = (390, 768, 1280)
_SCALE, _GAP, _TALLEST = 0.4, 12, 1500


def photograph(page: Page, folder: Path, language: str) -> None:
    """Take a page whole, in every width and scheme."""
    folder.mkdir(parents=True, exist_ok=True)
    for width in WIDTHS:
        for scheme in SCHEMES:
            look(page, scheme, width)
            # Pictures that are fetched when they come near are fetched now.
            page.evaluate(
                """async () => {
                  for (const image of document.images) image.loading = "eager";
                  await Promise.all([...document.images].map((image) => image.decode()
                    .catch(() => null)));
                  scrollTo(0, 0);
                }"""
            )
            page.screenshot(
                path=folder / f"{language}-{width}-{scheme}.png",
                full_page=True,
                animations="disabled",
            )


def lay_out(folder: Path) -> None:
    """Put the photographs of a page on one sheet beside their folder."""
    rows = []
    for language in LANGUAGES:
        row = []
        for width in WIDTHS:
            for scheme in SCHEMES:
                with Image.open(folder / f"{language}-{width}-{scheme}.png") as taken:
                    size = (int(taken.width * _SCALE), int(taken.height * _SCALE))
                    small = taken.convert("RGB").resize(size, Image.Resampling.LANCZOS)
                row.append(small.crop((0, 0, small.width, min(small.height, _TALLEST))))
        rows.append(row)
    width = sum(picture.width + _GAP for picture in rows[0]) + _GAP
    heights = [max(picture.height for picture in row) + 2 * _GAP for row in rows]
    sheet = Image.new("RGB", (width, sum(heights) + 2 * _GAP), "#8a8f93")
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, 0), f"{folder.parent.name} / {folder.name}", fill="black")
    top = 2 * _GAP
    for row, height in zip(rows, heights, strict=True):
        left = _GAP
        for picture in row:
            sheet.paste(picture, (left, top))
            left += picture.width + _GAP
        top += height
    sheet.save(folder.parent / f"{folder.name}.png")


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
