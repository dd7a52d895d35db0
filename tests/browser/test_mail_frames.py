"""The mail within its page: as tall as it is, and nothing runs or loads in it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import Windows
from tests.browser.furnished import Furnished, Houses
from tests.browser.places import PLACES, Place
from tests.populated_words import STATES

SHOWN = [place for place in PLACES.all if place.name in {"mail", "mail-preview"}]
_HIDDEN = """
() => {
  const frame = document.querySelector(".mail-frame");
  const mail = frame.contentDocument.documentElement;
  return [mail.scrollHeight - frame.clientHeight, mail.scrollWidth - frame.clientWidth];
}
"""


@pytest.fixture
def house(houses: Houses) -> Furnished:
    """Give the installation that other tests of pages use too."""
    return houses.of(STATES["much"])


@pytest.fixture
def windows(chromium: Browser, house: Furnished) -> Iterator[Windows]:
    """Give a function that opens windows; at the end none of them may have complained."""
    windows = Windows(chromium, house.installation.url, house.logins["admin"])
    yield windows
    windows.close()


def _shows_all(page: Page) -> None:
    page.wait_for_function(f"() => ({_HIDDEN})().every((hidden) => hidden <= 0)")


@pytest.mark.parametrize("place", SHOWN, ids=lambda place: place.name)
def test_a_mail_is_shown_whole_in_every_width(
    house: Furnished, windows: Windows, place: Place
) -> None:
    page = house.open(windows, place)
    for width in (390, 1280, 320):
        page.set_viewport_size({"width": width, "height": 700})
        _shows_all(page)


def test_nothing_runs_in_the_frame(house: Furnished, windows: Windows) -> None:
    page = house.open(windows, SHOWN[0])
    frame = page.locator(".mail-frame")
    assert frame.get_attribute("sandbox") == "allow-same-origin", "no scripts, no forms, no windows"
    answer = page.request.get(str(frame.get_attribute("src")))
    policy = answer.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "sandbox allow-same-origin"} <= set(policy)
