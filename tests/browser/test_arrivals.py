"""What arrives while the list of incidents is open is announced, and moves nothing."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PHONE, Windows
from tests.browser.polls import HIDE, open_with_a_clock_that_stands
from tests.functional.installation import Installation

Post = Callable[..., list[str]]

_PLACES = """() => [...document.querySelectorAll(
  ".inbox-row, .inbox-day, .inbox-bar, .inbox-late, .inbox-found, .pager, .detail-head, #note"
)].map((one) => {
  const { top, left, width, height } = one.getBoundingClientRect();
  return [one.dataset.part ?? one.className, top, left, width, height];
})"""


@pytest.fixture
def post_some(vigint: Installation) -> Post:
    """Provide a function that posts incidents of a type; the last one is the first listed."""

    def do(word: str, number: int, risk: str = "MEDIUM", **more: Any) -> list[str]:
        facts = {"incident_type": word, "risk_level": risk, **more}
        document: dict[str, Any] = {"message": word, "incident_data": facts, "recipients": []}
        return [
            vigint.post({**document, "camera": f"{word} {n}"})["reference"] for n in range(number)
        ][::-1]

    return do


def _button(page: Page) -> Locator:
    return page.locator("#arrived")


def _names(page: Page) -> list[str]:
    return [str(name) for name in page.locator(".inbox-row").evaluate_all(
        "all => all.map((one) => one.dataset.part)"
    )]  # fmt: skip


def test_an_arrival_is_announced_within_three_seconds(window: Windows, post_some: Post) -> None:
    post_some("Horloge", 2)
    page = window(logged_in=True)
    polls = open_with_a_clock_that_stands(page, "/incidents/?q=Horloge", "/arrivals")
    # A clock that advances by whole seconds rounds its pauses up.
    assert polls.during(60) in range(20, 36), "an open list asks every two seconds"
    post_some("Horloge", 1)
    assert polls.seconds_until(_button(page), 3) <= 3
    page.evaluate(HIDE, True)
    assert polls.during(120) in range(3, 6), "a hidden one every thirty"
    assert polls.most_at_once == 1, "a page never asks twice at once"


def test_arrivals_wait_to_be_tapped_and_move_nothing(window: Windows, post_some: Post) -> None:
    known = post_some("Attente", 3)
    page = window(logged_in=True)
    page.goto("/incidents/?q=Attente")
    before = page.evaluate(_PLACES)
    first = post_some("Attente", 1)
    expect(_button(page)).to_have_text("1 nouveau")
    expect(page.locator("#live-says")).to_have_text("1 nouvel incident")
    fresh = [*post_some("Attente", 2), *first]
    expect(_button(page)).to_have_text("3 nouveaux")
    expect(page).to_have_title("(3) Incidents – Vigint")
    # The list was asked too: its count says so.
    with page.expect_response(lambda answer: "/incidents/live" in answer.url):
        pass
    assert page.evaluate(_PLACES) == before
    _button(page).click()
    expect(page.locator(".inbox-row")).to_have_count(6)
    assert _names(page) == [*fresh, *known]
    expect(page.locator(f"[data-part='{fresh[0]}'] .inbox-type")).to_be_focused()
    expect(_button(page)).to_have_count(0)
    expect(page).to_have_title("Incidents – Vigint")
    [last] = post_some("Attente", 1)
    expect(_button(page)).to_have_text("1 nouveau")
    _button(page).press("Enter")
    expect(page.locator(f"[data-part='{last}'] .inbox-type")).to_be_focused()


def test_arrivals_wait_while_a_filter_and_a_note_are_half_written(
    window: Windows, post_some: Post
) -> None:
    [reference, *_others] = post_some("Moitié", 3)
    page = window(logged_in=True)
    page.goto(f"/incidents/{reference}/?q=Moiti%C3%A9&state=new")
    page.locator("#note").fill("Je vois une ombre")
    page.locator("#filters > summary").click()
    page.locator("#q").fill("encore")
    before = page.evaluate(_PLACES)
    post_some("Moitié", 2)
    expect(_button(page)).to_have_text("2 nouveaux")
    expect(page).to_have_title(f"(2) Moitié, {reference} – Vigint")
    expect(page.locator("#q")).to_be_focused()
    assert page.evaluate(_PLACES) == before
    page.locator("#filters > summary").click()
    _button(page).click()
    expect(page.locator(".inbox-row")).to_have_count(5)
    expect(page.locator("#note")).to_have_value("Je vois une ombre")
    expect(page.locator("#q")).to_have_value("encore")


def test_a_further_page_leads_to_the_first_one(window: Windows, post_some: Post) -> None:
    post_some("Pagination", 51)
    page = window(logged_in=True, size=PHONE, has_touch=True)
    page.goto("/incidents/?q=Pagination")
    page.get_by_role("link", name="Plus anciens").tap()
    expect(page.locator(".inbox-row")).to_have_count(1)
    before = page.evaluate(_PLACES)
    [fresh] = post_some("Pagination", 1)
    expect(_button(page)).to_have_text("1 nouveau")
    assert page.evaluate(_PLACES) == before
    _button(page).tap()
    page.wait_for_url("**/incidents/?q=Pagination")
    expect(page.locator(".inbox-row").first).to_have_attribute("data-part", fresh)


def test_what_others_decide_stays_where_it_is_and_what_they_reopen_waits(
    window: Windows, post_some: Post
) -> None:
    first, second, third = post_some("Collègue", 3)
    page, other = window(logged_in=True), window(logged_in=True)
    page.goto("/incidents/?q=Coll%C3%A8gue&state=new")
    before = page.evaluate(_PLACES)
    other.goto(f"/incidents/{second}/")
    other.locator("#confirm").click()
    row = page.locator(f".inbox-row[data-part='{second}']")
    expect(row.locator(".shape-confirmed")).to_be_visible()
    assert page.evaluate(_PLACES) == before
    page.reload()
    expect(page.locator(".inbox-row")).to_have_count(2)
    other.locator("#reopen").click()
    expect(_button(page)).to_have_text("1 nouveau")
    assert _names(page) == [first, third]
    _button(page).click()
    expect(page.locator(".inbox-row")).to_have_count(3)
    assert _names(page) == [first, second, third]


def test_what_a_page_does_not_show_of_them_is_said(window: Windows, post_some: Post) -> None:
    post_some("Plus bas", 50, "CRITICAL")
    page = window(logged_in=True)
    page.goto("/incidents/?q=Plus+bas&sort=risk")
    post_some("Plus bas", 2, "LOW")
    expect(_button(page)).to_have_text("2 nouveaux")
    _button(page).click()
    expect(page.locator("#flashes")).to_contain_text("2 d’entre eux sont plus bas")
    expect(page.locator(".inbox-row")).to_have_count(50)


def test_late_ones_wait_too(window: Windows, post_some: Post, vigint: Installation) -> None:
    post_some("Retardataire", 1)
    page = window(logged_in=True)
    page.goto("/incidents/?state=new")
    before = page.evaluate(_PLACES)
    hours_ago = vigint.sql("SELECT strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-3 hours')")[0][0]
    [late] = post_some("Retardataire", 1, detected_at=hours_ago)
    expect(_button(page)).to_have_text("1 nouveau")
    assert page.evaluate(_PLACES) == before
    _button(page).click()
    # Other tests may have left late ones too.
    expect(page.locator("#late")).to_contain_text(
        re.compile("reçus? tardivement.*Retardataire", re.DOTALL)
    )
    page.locator("#late > summary").click()
    page.locator(f"#late a[href*='{late}']").click()
    page.wait_for_url(f"**/incidents/{late}/**")
