"""Incidents are decided one after the other: by keyboard alone, and by thumb."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Windows
from tests.functional.installation import Installation

# Each with a word of its own, so that the list of a test contains its incidents alone.
Post = Callable[[str, int], list[str]]


@pytest.fixture
def post_many(vigint: Installation) -> Post:
    """Provide a function that posts incidents without images; the last one is the first listed."""

    def do(word: str, number: int) -> list[str]:
        facts = {"incident_type": word, "risk_level": "HIGH"}
        document: dict[str, Any] = {"message": word, "incident_data": facts, "recipients": []}
        posted = [vigint.post({**document, "camera": str(n)})["reference"] for n in range(number)]
        return posted[::-1]

    return do


def _states(page: Page, word: str) -> dict[str, int]:
    """Return how many of a word's incidents are in each state, as the list counts them."""
    counts = {}
    for state in ("new", "confirmed", "false_alarm"):
        page.goto(f"/incidents/?q={word}&state={state}")
        found = page.locator("[data-part=found]")
        counts[state] = int(found.inner_text().split()[0]) if found.count() else 0
    return counts


def _opened(page: Page, reference: str) -> None:
    page.wait_for_url(f"**/incidents/{reference}/**")
    expect(page.locator("#confirm")).to_be_visible()


@pytest.mark.parametrize("number", [8, pytest.param(100, marks=pytest.mark.campaign)])
def test_incidents_are_decided_by_keyboard_alone(
    window: Windows, post_many: Post, number: int
) -> None:
    word = f"Clavier{number}"
    references = post_many(word, number)
    page = window(logged_in=True)
    page.goto(f"/incidents/?q={word}&state=new")
    page.locator(".inbox-type").first.focus()
    page.keyboard.press("Enter")
    for place, reference in enumerate(references):
        _opened(page, reference)
        if place % 2:
            page.keyboard.press("x")
            page.keyboard.press("4")
        else:
            page.keyboard.press("c")
    expect(page.get_by_role("heading", name="Aucun incident ne correspond")).to_be_visible()
    assert _states(page, word) == {
        "new": 0,
        "confirmed": (number + 1) // 2,
        "false_alarm": number // 2,
    }


def test_keys_walk_undo_and_leave_fields_alone(window: Windows, post_many: Post) -> None:
    first, second, _third = post_many("Touches", 3)
    page = window(logged_in=True)
    page.goto(f"/incidents/{first}/?q=Touches")
    page.keyboard.press("j")
    _opened(page, second)
    page.keyboard.press("k")
    _opened(page, first)
    page.keyboard.press("n")
    page.keyboard.type("caju")  # letters of keys
    expect(page.locator("#note")).to_have_value("caju")
    page.locator("#note").fill("")
    page.locator("#note").blur()
    page.keyboard.press("c")
    _opened(page, second)
    page.keyboard.press("u")
    _opened(page, first)
    page.keyboard.press("x")
    # The reason of the camera's last false alarm, which other tests may have set.
    expect(page.locator("#false-alarm button:focus")).to_have_count(1)
    page.keyboard.press("x")
    expect(page.locator("#false-alarm button").first).to_be_hidden()
    assert _states(page, "Touches") == {"new": 3, "confirmed": 0, "false_alarm": 0}


def test_the_police_and_a_confirmation_by_sight_are_recorded_by_keys(
    window: Windows, post_many: Post
) -> None:
    [reference] = post_many("Constat", 1)
    page = window(logged_in=True)
    page.goto(f"/incidents/{reference}/?q=Constat")
    page.keyboard.press("2")
    page.keyboard.press("r")
    expect(page.locator("#police-called")).to_be_focused()
    page.keyboard.press("2")
    timeline = page.locator("[data-part=timeline]")
    expect(timeline).to_contain_text("Levée de doute")
    expect(timeline).not_to_contain_text("Appel à la police")
    page.locator("body").click(position={"x": 2, "y": 2})
    page.keyboard.press("r")
    page.keyboard.press("1")
    expect(timeline).to_contain_text("Appel à la police")


@pytest.mark.parametrize("number", [4, pytest.param(20, marks=pytest.mark.campaign)])
def test_incidents_are_decided_by_thumb(window: Windows, post_many: Post, number: int) -> None:
    word = f"Pouce{number}"
    references = post_many(word, number)
    page = window(logged_in=True, size=PHONE, has_touch=True)
    page.goto(f"/incidents/?q={word}&state=new")
    page.locator(".inbox-type").first.tap()
    for place, reference in enumerate(references):
        _opened(page, reference)
        if place % 2:
            page.locator("#false-alarm > summary").tap()
            page.get_by_role("button", name="Animal").tap()
        else:
            page.locator("#confirm").tap()
    expect(page.get_by_role("heading", name="Aucun incident ne correspond")).to_be_visible()
    assert _states(page, word)["new"] == 0


def test_two_operators_decide_at_once_and_the_second_reads_who_was_first(
    window: Windows, post_many: Post
) -> None:
    [reference] = post_many("Deux", 1)
    first = window(logged_in=True)
    second = window(logged_in=True, expected=("ERR_FAILED",))
    # The second page still shows the incident as undecided when its button is pressed.
    second.route("**/live**", lambda route: route.abort())
    for page in (first, second):
        page.goto(f"/incidents/{reference}/")
    first.locator("#confirm").click()
    expect(first.locator("#reopen")).to_be_visible()
    second.locator("#close").click()
    expect(second.locator("#flashes")).to_contain_text("confirmé. Rien n’a été modifié.")


def test_several_are_chosen_while_the_list_goes_on_and_decided_at_once(
    window: Windows, post_many: Post
) -> None:
    word = "Ensemble"
    references = post_many(word, 3)
    page = window(logged_in=True)
    page.goto(f"/incidents/?q={word}&state=new")
    expect(page.locator("[data-bulk]")).to_be_hidden()
    page.locator(f"input[value='{references[0]}']").check()
    page.locator(f"input[value='{references[2]}']").check()
    expect(page.locator("[data-bulk-count]")).to_contain_text("2")
    [latest] = post_many(word, 1)
    page.locator("#arrived").click()
    expect(page.locator(f"input[value='{latest}']")).to_be_attached()
    expect(page.locator(f"input[value='{references[0]}']")).to_be_checked()
    expect(page.locator(f"input[value='{latest}']")).not_to_be_checked()
    page.locator("[data-bulk] button[value=false_alarm]").click()
    expect(page.locator("h1")).to_contain_text("2 incidents")
    page.locator("#reason").select_option("animal")
    page.locator(".chosen-act button[type=submit]").click()
    page.wait_for_url(f"**/incidents/?q={word}&state=new")
    expect(page.locator(f"input[value='{references[1]}']")).to_be_attached()
    assert _states(page, word) == {"new": 2, "confirmed": 0, "false_alarm": 2}


def test_the_selection_is_there_again_on_the_way_back(window: Windows, post_many: Post) -> None:
    references = post_many("Retour", 3)
    page = window(logged_in=True)
    page.goto("/incidents/?q=Retour")
    page.locator(f"input[value='{references[1]}']").check()
    page.locator("[data-bulk] button[value=closed]").click()
    expect(page.locator("h1")).to_contain_text("1 incident")
    page.go_back()
    expect(page.locator(f"input[value='{references[1]}']")).to_be_checked()
    expect(page.locator(f"input[value='{references[0]}']")).not_to_be_checked()
    expect(page.locator("[data-bulk]")).to_be_visible()
    page.goto("/incidents/?q=Retour")  # anew, nothing is chosen
    expect(page.locator(f"input[value='{references[1]}']")).not_to_be_checked()


def test_the_last_reason_of_the_camera_is_chosen_by_enter(
    window: Windows, vigint: Installation
) -> None:
    def report(camera: str) -> str:
        facts = {"incident_type": "Même motif", "risk_level": "LOW"}
        document = {"message": "Feuilles", "incident_data": facts, "recipients": []}
        return str(vigint.post({**document, "camera": camera})["reference"])

    other, third, second, first = (report(name) for name in ("Autre", *["Motif"] * 3))
    page = window(logged_in=True)
    page.goto(f"/incidents/{first}/?q=M%C3%AAme+motif&state=new")
    page.keyboard.press("x")
    expect(page.locator("#false-alarm button").first).to_be_focused()
    page.keyboard.press("4")
    _opened(page, second)
    page.keyboard.press("x")
    expect(page.get_by_role("button", name="Animal")).to_be_focused()
    page.keyboard.press("Enter")
    _opened(page, third)
    page.keyboard.press("x")
    page.keyboard.press("5")  # a digit chooses another one
    _opened(page, other)
    page.keyboard.press("x")
    expect(page.locator("#false-alarm button").first).to_be_focused()
    given = "SELECT reason FROM incidents WHERE reference IN (?, ?, ?) ORDER BY id DESC"
    reasons = [code for (code,) in vigint.sql(given, first, second, third)]
    assert reasons == ["animal", "animal", "light_or_weather"]
