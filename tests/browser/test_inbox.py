"""The list of incidents: rows of one height, one bar, selecting and filtering by every means."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import DESKTOP, PHONE, Windows
from tests.browser.furnished import Houses
from tests.functional.installation import Installation
from tests.populated_words import STATES

_WHOLE = """() => {
  const nav = document.querySelector(".places").getBoundingClientRect();
  const bottom = nav.width > innerWidth / 2 ? nav.top : innerHeight;
  const all = [...document.querySelectorAll(".inbox-row")];
  const rows = all.map((row) => row.getBoundingClientRect());
  return [rows.filter((row) => row.top >= 0 && row.bottom <= bottom).length, rows[0].height];
}"""


@pytest.fixture
def post_some(vigint: Installation) -> Callable[[str, int], list[str]]:
    """Provide a function that posts incidents of a type; the last one is the first listed."""

    def do(word: str, number: int) -> list[str]:
        facts = {"incident_type": word, "risk_level": "HIGH"}
        document: dict[str, Any] = {"message": word, "incident_data": facts, "recipients": []}
        return [
            vigint.post({**document, "camera": f"Quai {n} " * 9})["reference"]
            for n in range(number)
        ][::-1]

    return do


@pytest.mark.parametrize(
    ("size", "number", "height"), [(DESKTOP, 10, 64), (PHONE, 9, 72)], ids=["desktop", "phone"]
)
def test_rows_have_one_height_and_enough_fit_the_window(
    chromium: Browser, houses: Houses, size: tuple[int, int], number: int, height: int
) -> None:
    house = houses.of(STATES["much"])
    windows = Windows(chromium, house.installation.url, house.logins["admin"])
    page = windows(logged_in=True, size=size)
    page.goto("/incidents/?sort=risk")  # below one heading, at any time of the day
    whole, first = page.evaluate(_WHOLE)
    assert first == height
    assert whole >= number
    heights = page.locator(".inbox-row").evaluate_all(
        "rows => rows.map((row) => row.getBoundingClientRect().height)"
    )
    assert set(heights) == {height}
    windows.close()


def test_a_slash_opens_the_search_and_escape_closes_it(window: Windows, post_some: Any) -> None:
    post_some("Barre oblique", 1)
    page = window(logged_in=True)
    page.goto("/incidents/")
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#q")).to_be_hidden()
    expect(page.locator("#filters > summary")).to_be_focused()
    page.keyboard.press("Enter")
    page.locator("#q").fill("oblique")
    page.locator("#q").press("Enter")
    page.wait_for_url("**/incidents/?q=oblique**")
    expect(page.locator(".inbox-row")).to_have_count(1)
    expect(page.locator("[data-part=found]")).to_contain_text("1 incident")


def test_j_and_k_go_from_row_to_row(window: Windows, post_some: Any) -> None:
    references = post_some("Pas à pas", 3)
    keys = (("j", 0), ("j", 1), ("j", 2), ("j", 2), ("k", 1))
    page = window(logged_in=True, size=(1000, 800))
    page.goto("/incidents/?q=Pas+%C3%A0+pas")
    for key, place in keys:
        page.keyboard.press(key)
        expect(page.locator(f"[data-part='{references[place]}'] .inbox-type")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/incidents/{references[1]}/**")
    # Beside the list each step opens the incident, which then has the focus.
    wide = window(logged_in=True)
    wide.goto("/incidents/?q=Pas+%C3%A0+pas")
    for key, place in keys:
        wide.keyboard.press(key)
        wide.wait_for_url(f"**/incidents/{references[place]}/**")
        row = wide.locator(f"[data-part='{references[place]}'] .inbox-type")
        expect(row).to_have_attribute("aria-current", "true")


def test_rows_are_selected_by_touch(window: Windows, post_some: Any) -> None:
    references = post_some("Tactile", 2)
    page = window(logged_in=True, size=PHONE, has_touch=True, is_mobile=True)
    page.goto("/incidents/?q=Tactile")
    # Before it is asked for, a touch of the picture opens the incident.
    page.locator(f"[data-part='{references[0]}'] .inbox-picture").tap(force=True)
    page.wait_for_url(f"**/incidents/{references[0]}/**")
    page.go_back()
    page.locator("#filters > summary").tap()
    page.locator(".inbox-panel [data-select-mode]").tap()
    expect(page.locator("[data-bulk]")).to_be_visible()
    expect(page.locator("[data-bulk-count]")).to_have_text("Aucun incident sélectionné")
    page.locator(f"input[value='{references[1]}']").tap()
    expect(page.locator("[data-bulk-count]")).to_have_text("1 incident sélectionné")
    page.locator("#select-page").tap()
    expect(page.locator("[data-bulk-count]")).to_have_text("2 incidents sélectionnés")


def test_the_count_in_the_bar_follows_and_the_filter_stays_open(
    window: Windows, post_some: Any
) -> None:
    post_some("Compte", 1)
    page = window(logged_in=True)
    page.goto("/incidents/?q=Compte")
    before = int(page.locator("#undecided").inner_text())
    page.locator("#filters > summary").click()
    page.locator("#q").fill("presque")
    post_some("Compte", 1)
    expect(page.locator("#undecided")).to_have_text(str(before + 1))
    expect(page.locator("#q")).to_have_value("presque")
