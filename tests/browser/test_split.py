"""The list and an incident side by side: selecting, deciding and walking without loading a page."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Windows
from tests.functional.installation import Installation

Post = Callable[..., list[str]]


@pytest.fixture
def post_some(vigint: Installation) -> Post:
    """Provide a function that posts incidents of a type; the last one is the first listed."""

    def do(word: str, number: int, risk: str = "MEDIUM") -> list[str]:
        facts = {"incident_type": word, "risk_level": risk}
        document: dict[str, Any] = {"message": word, "incident_data": facts, "recipients": []}
        return [
            vigint.post({**document, "camera": f"Quai {n}"})["reference"] for n in range(number)
        ][::-1]

    return do


def _row(page: Page, reference: str) -> Any:
    return page.locator(f".inbox-row[data-part='{reference}']")


def _is_open(page: Page, reference: str) -> None:
    page.wait_for_url(f"**/incidents/{reference}/**")
    expect(page.locator(".detail-head h1")).to_have_attribute("title", f"Côte à côte, {reference}")
    expect(page.locator(".inbox-row:has([aria-current])")).to_have_attribute("data-part", reference)


def test_an_incident_opens_beside_the_list_and_back_and_forward_work(
    window: Windows, post_some: Post
) -> None:
    first, second, third = post_some("Côte à côte", 3)
    page = window(logged_in=True)
    page.goto("/incidents/?q=C%C3%B4te+%C3%A0+c%C3%B4te")
    page.evaluate("window.stillHere = true")
    expect(page.locator("#detail")).to_contain_text("Choisissez un incident")
    _row(page, first).locator(".inbox-type").click()
    _is_open(page, first)
    page.keyboard.press("j")
    _is_open(page, second)
    _row(page, third).click()
    _is_open(page, third)
    page.go_back()
    _is_open(page, second)
    page.go_forward()
    _is_open(page, third)
    assert page.evaluate("window.stillHere"), "the page was loaded anew"
    # The address is that of a page: it shows the same.
    page.reload()
    _is_open(page, third)
    expect(page.locator(".inbox-row")).to_have_count(3)
    page.set_viewport_size({"width": 1024, "height": 800})
    expect(page.locator(".inbox-row").first).to_be_hidden()
    expect(page.locator(".detail-back")).to_be_visible()


def test_list_and_incident_scroll_by_themselves_and_the_bar_stays(
    window: Windows, post_some: Post
) -> None:
    [reference] = post_some("Défilement", 1)
    page = window(logged_in=True)
    page.goto(f"/incidents/{reference}/?list=1")
    bar = page.locator(".review")
    before = bar.bounding_box()
    page.locator("#detail").evaluate("pane => pane.scrollTo(0, 400)")
    assert page.evaluate("scrollY") == 0
    assert page.locator(".split-list").evaluate("pane => pane.scrollTop") == 0
    after = bar.bounding_box()
    assert before is not None
    assert after is not None
    assert (after["y"], after["height"]) == (before["y"], before["height"])
    assert after["y"] + after["height"] == 800
    sizes = page.evaluate(
        """() => [".side", ".split-list", ".detail-head"].map((name) => {
          const box = document.querySelector(name).getBoundingClientRect();
          return name === ".detail-head" ? box.height : box.width;
        })"""
    )
    assert sizes == [56, 400, 56]


def test_a_decision_leads_on_and_is_undone_without_loading_a_page(
    window: Windows, post_some: Post, vigint: Installation
) -> None:
    first, second = post_some("Côte à côte", 2)
    page = window(logged_in=True)
    page.goto("/incidents/?state=new")
    page.evaluate("window.stillHere = true")
    _row(page, first).click()
    _is_open(page, first)
    page.keyboard.press("c")
    _is_open(page, second)
    expect(page.locator("#undo")).to_be_visible()
    state = "SELECT state FROM incidents WHERE reference = ?"
    assert vigint.sql(state, first) == [("confirmed",)]
    page.keyboard.press("u")
    page.wait_for_url(f"**/incidents/{first}/**")
    expect(page.locator("#confirm")).to_be_visible()
    assert vigint.sql(state, first) == [("new",)]
    page.keyboard.press("n")
    page.keyboard.type("Vu de près")
    page.get_by_role("button", name="Ajouter la note").click()
    expect(page.locator("[data-part=timeline]")).to_contain_text("Vu de près")
    expect(page.locator("#flashes")).to_contain_text("Note ajoutée.")
    assert page.evaluate("window.stillHere"), "the page was loaded anew"


def test_on_a_phone_the_decision_takes_the_place_of_the_navigation(
    window: Windows, post_some: Post
) -> None:
    [reference] = post_some("Sous le pouce", 1)
    page = window(logged_in=True, size=PHONE, has_touch=True)
    page.goto(f"/incidents/{reference}/?q=pouce")
    expect(page.locator(".places")).to_be_hidden()
    box = page.locator(".review-bar").bounding_box()
    assert box is not None
    assert (box["y"], box["height"]) == (844 - 56, 56)
    expect(page.locator("#close")).to_be_hidden()
    page.locator("#review-further > summary").tap()
    page.locator("#close-further").tap()
    page.wait_for_url("**/incidents/?q=pouce")
    page.goto(f"/incidents/{reference}/")
    expect(page.locator("#reopen")).to_be_visible()


_PLAYED = """() => {
  const video = document.querySelector("[data-player] video");
  return video.ended && video.muted && !video.loop;
}"""


def test_the_video_plays_once_without_sound_where_the_person_allows_it(
    window: Windows, vigint: Installation, post: Callable[..., dict[str, Any]]
) -> None:
    reference = post()["reference"]
    page = window(logged_in=True)
    page.goto(f"/incidents/{reference}/?list=1")
    page.wait_for_function(_PLAYED)
    page.goto(f"/incidents/{reference}/")  # not from the list
    expect(page.locator("[data-autoplay]")).to_have_count(0)
    vigint.sql("UPDATE users SET autoplay = false")
    page.goto(f"/incidents/{reference}/?list=1")
    expect(page.locator("[data-autoplay]")).to_have_count(0)
    vigint.sql("UPDATE users SET autoplay = true")


@pytest.fixture
def _heard(vigint: Installation) -> Iterator[None]:
    vigint.sql("UPDATE users SET alert_sound = true")
    yield
    vigint.sql("UPDATE users SET alert_sound = false")


@pytest.mark.usefixtures("_heard")
def test_high_risks_are_heard_and_the_title_counts(window: Windows, post_some: Post) -> None:
    post_some("Sonore", 1)
    page = window(logged_in=True)
    page.goto("/incidents/?q=Sonore")
    page.locator("#filters > summary").click()  # sound needs a gesture
    page.keyboard.press("Escape")
    inbox = page.locator("[data-inbox]")
    post_some("Sonore", 1, "LOW")
    expect(page).to_have_title("(1) Incidents – Vigint")
    expect(inbox).not_to_have_attribute("data-sounded", "1")
    post_some("Sonore", 1, "CRITICAL")
    expect(page).to_have_title("(2) Incidents – Vigint")
    expect(inbox).to_have_attribute("data-sounded", "1")
    page.locator("#arrived").click()
    expect(page).to_have_title("Incidents – Vigint")


def test_an_incident_opened_from_elsewhere_has_a_list_that_has_it(
    window: Windows, post_some: Post, vigint: Installation
) -> None:
    references = post_some("Ailleurs", 60)
    page = window(logged_in=True)
    page.goto(f"/incidents/{references[1]}/")
    current = page.locator(".inbox-row:has([aria-current])")
    expect(current).to_have_attribute("data-part", references[1])
    expect(page.locator(".chips [aria-current]")).to_contain_text("À traiter")
    expect(page.locator(".inbox-row").first).to_have_attribute("data-part", references[0])
    # Far below it is on the page that has it, in sight.
    page.goto(f"/incidents/{references[55]}/")
    expect(current).to_have_attribute("data-part", references[55])
    expect(current).to_be_in_viewport()
    page.keyboard.press("j")
    page.wait_for_url(f"**/incidents/{references[56]}/**")
    expect(page.get_by_role("link", name="Plus récents")).to_be_visible()
    # Decided ones are in the list of all.
    vigint.sql("UPDATE incidents SET state = 'closed' WHERE reference = ?", references[2])
    page.goto(f"/incidents/{references[2]}/")
    expect(page.locator(".chips [aria-current]")).to_contain_text("Tous")
    expect(current).to_have_attribute("data-part", references[2])
