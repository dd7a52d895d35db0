"""The home page in an empty browser: few bytes, no layout shifts, no errors."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import DESKTOP, PHONE, Windows
from tests.browser.furnished import Furnished, Houses
from tests.populated_words import STATES

MOST_BYTES = 150 * 1024
MOST_SHIFT = 0.01

_WATCH_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const shift of list.getEntries()) {
    if (shift.hadRecentInput) continue;
    const moved = shift.sources.map((source) => source.node?.outerHTML?.slice(0, 100)).join(" | ");
    window.shifts.push([shift.value, moved]);
  }
}).observe({ type: "layout-shift", buffered: true });
"""


@pytest.fixture
def house(houses: Houses) -> Furnished:
    """Give an installation with many incidents."""
    return houses.of(STATES["much"])


@pytest.fixture
def windows(chromium: Browser, house: Furnished) -> Iterator[Windows]:
    """Provide a function that opens windows; at the end none may have errors."""
    windows = Windows(chromium, house.installation.url, house.logins["admin"])
    yield windows
    windows.close()


def _count_bytes(page: Page) -> list[tuple[str, float]]:
    """Append the bytes transferred for a page: header and body, compressed."""
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.send("Network.setCacheDisabled", {"cacheDisabled": True})
    names: dict[str, str] = {}
    carried: list[tuple[str, float]] = []

    def answered(event: dict[str, Any]) -> None:
        names[event["requestId"]] = event["response"]["url"]

    def finished(event: dict[str, Any]) -> None:
        carried.append((names[event["requestId"]], event["encodedDataLength"]))

    wire.on("Network.responseReceived", answered)
    wire.on("Network.loadingFinished", finished)
    return carried


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_home_is_light_and_nothing_jumps(windows: Windows, size: tuple[int, int]) -> None:
    page = windows(logged_in=True, size=size)
    page.add_init_script(_WATCH_SHIFTS)
    carried = _count_bytes(page)
    page.goto("/", wait_until="networkidle")
    # Content below the first view is fetched when it comes near; it must not shift the layout
    # either.
    page.evaluate("() => new Promise((done) => requestIdleCallback(done, { timeout: 2000 }))")
    # On a busy machine the first update arrives within this time too.
    carried = [(url, size) for url, size in carried if not url.endswith("/live")]
    total = sum(size for _, size in carried)
    listing = "\n".join(f"{size / 1024:8.1f} kB {url}" for url, size in carried)
    assert len(carried) > 3, "the style sheets are missing"
    assert total < MOST_BYTES, f"{total / 1024:.0f} kB:\n{listing}"
    shifts = page.evaluate("() => window.shifts")
    assert sum(value for value, _ in shifts) < MOST_SHIFT, shifts
