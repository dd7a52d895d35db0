"""With `--screenshots DIR`: every page in every state, language, width and scheme."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Windows
from tests.browser.furnished import Houses
from tests.browser.photographs import LANGUAGES, lay_out, photograph
from tests.browser.places import ELSEWHERE, PLACES, Place
from tests.populated_words import STATES

TAKEN = [
    (state, place)
    for state in STATES
    for place in [*PLACES.all, *ELSEWHERE]
    if place.always or STATES[state].count
]


@pytest.mark.screenshots
@pytest.mark.parametrize(
    ("state", "place"), TAKEN, ids=[f"{state}-{place.name}" for state, place in TAKEN]
)
def test_photograph(
    pytestconfig: pytest.Config, chromium: Browser, houses: Houses, state: str, place: Place
) -> None:
    house = houses.of(STATES[state])
    folder = Path(pytestconfig.getoption("--screenshots")) / state / place.name
    for language, locale in LANGUAGES.items():
        windows = Windows(chromium, house.installation.url, house.logins["admin"])
        page = house.open(windows, place, locale=locale, reduced_motion="reduce")
        photograph(page, folder, language)
        lay_out(folder, language)
        windows.close()
