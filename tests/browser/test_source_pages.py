"""The list of sources: filtered, sorted, selected, deleted; and one of them edited."""

import re

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browser.conftest import PHONE, Windows
from tests.functional.installation import Installation
from tests.helpers import Footage

LIST = "/source-management/"


@pytest.fixture
def page(vigint: Installation, window: Windows, footage: Footage) -> Page:
    """Provide a window that lists three sources, sent by the plain form."""
    page = window(logged_in=True)
    page.goto(f"{LIST}add/?type=file")
    token = page.locator("#upload input[name=csrf_token]").get_attribute("value")
    assert token is not None
    for number in (10, 2, 1):
        clip = footage.clip(f"étagère {number}.mp4", seconds=number / 2)
        sent: FilePayload = {
            "name": clip.name,
            "mimeType": "video/mp4",
            "buffer": clip.read_bytes(),
        }
        answer = page.request.post(
            f"{LIST}add/",
            multipart={"csrf_token": token, "files": sent},
            headers={"Referer": page.url},
        )
        assert answer.ok
    page.goto(f"{LIST}?q=étagère")
    expect(page.locator(".badge-good")).to_have_count(3)
    return page


def _names(page: Page) -> list[str]:
    return page.locator("tbody .cell-title > a").all_inner_texts()


def test_a_list_is_narrowed_sorted_chosen_and_emptied(page: Page, window: Windows) -> None:
    # By words and in an order, both kept in the address.
    page.fill("#q", "ETAGERE mp4")
    page.select_option("#sort", "name")
    page.press("#q", "Enter")
    page.wait_for_url("**sort=name**")
    assert _names(page) == ["étagère 1", "étagère 2", "étagère 10"]
    page.locator("th a.sort", has_text="Durée").click()
    page.wait_for_url("**sort=-duration**")
    assert _names(page) == ["étagère 10", "étagère 2", "étagère 1"]
    assert "q=ETAGERE" in page.url
    expect(page.locator("th[aria-sort=descending]")).to_have_count(1)
    page.locator("#more-filters summary").click()
    page.select_option("#format", "mp4")
    page.locator("form.filters [type=submit]").click()
    page.wait_for_url("**format=mp4**")
    expect(page.locator("#more-filters")).to_have_attribute("open", "")
    expect(page.locator("[data-part=sum]")).to_contain_text("3 sur")
    here = page.url

    # By keyboard: one, then a range, then all, then none.
    bar, count = page.locator("[data-bulk]"), page.locator("[data-bulk-count]")
    boxes = page.locator("input[form=chosen]")
    expect(bar).to_be_hidden()
    boxes.first.focus()
    page.keyboard.press("Space")
    expect(count).to_have_text("1 source sélectionnée")
    boxes.nth(2).click(modifiers=["Shift"])
    expect(count).to_have_text("3 sources sélectionnées")
    expect(page.locator("#select-page")).to_be_checked()
    page.locator("[data-bulk-none]").click()
    expect(bar).to_be_hidden()
    expect(page.locator("#select-page")).to_be_focused()
    page.keyboard.press("Space")
    expect(count).to_have_text("3 sources sélectionnées")
    boxes.nth(1).uncheck()
    assert page.locator("#select-page").evaluate("box => box.indeterminate")

    # The affected sources are listed, and nothing is deleted before the confirmation.
    page.locator("[data-bulk] [value=delete]").click()
    expect(page.locator("h1")).to_contain_text("Supprimer 2 sources")
    expect(page.locator("tbody")).to_contain_text("étagère 10")
    expect(page.locator(".lead")).to_contain_text(re.compile(r"\d+(,\d)?\s(k|M)?o"))
    page.go_back()
    expect(page).to_have_url(here)
    expect(boxes).to_have_count(3)
    expect(count).to_have_text("2 sources sélectionnées")
    page.locator("[data-bulk] [value=delete]").click()
    page.locator("main .button-danger").click()
    expect(page.locator("#flashes")).to_contain_text("2 sources sont supprimées.")
    page.goto(here)
    expect(page.locator("tbody tr")).to_have_count(1)
    page.locator("form.filters .actions a").click()
    page.wait_for_url(lambda url: url.endswith(LIST))

    # Without scripts the same form does the same.
    plain = window(logged_in=True, java_script_enabled=False, size=PHONE)
    plain.goto(f"{LIST}?q=étagère")
    plain.locator("input[form=chosen]").first.check()
    plain.locator("[data-bulk] [value=delete]").click()
    plain.locator("main .button-danger").click()
    plain.goto(f"{LIST}?q=étagère")
    expect(plain.locator("[data-part=nothing]")).to_be_visible()


def test_a_source_is_described_and_two_do_not_overwrite_each_other(
    page: Page, window: Windows
) -> None:
    page.locator("tbody .cell-title > a", has_text="étagère 2").click()
    page.get_by_role("link", name="Modifier").click()
    other = window(logged_in=True, expected=("409",), size=PHONE)
    other.goto(page.url)
    page.get_by_label("Nom").fill("Réserve")
    page.get_by_label("Étiquettes").fill("nuit, quai")
    page.get_by_label("Caméra").fill("Caméra 7")
    page.get_by_label("Prise de vue").fill("2026-07-14T23:30:05")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Réserve")
    facts = page.locator("[data-part=facts]")
    for text in ("nuit", "quai", "Caméra 7", "14 juil. 2026, 23:30:05"):
        expect(facts).to_contain_text(text)
    expect(page.locator(".vp")).to_contain_text("23:30:05")

    other.get_by_label("Nom").fill("Autre nom")
    other.locator("main form [type=submit]").click()
    expect(other.locator("[role=alert]")).to_contain_text("Réserve")
    expect(other.get_by_label("Nom")).to_have_value("Autre nom")
    other.locator("main form [type=submit]").click()
    expect(other.locator("h1")).to_have_text("Autre nom")

    page.goto(f"{LIST}?q=étagère")
    for box in page.locator("input[form=chosen]").all():
        box.check()
    page.locator("[data-bulk] [value=delete]").click()
    page.locator("main .button-danger").click()
    expect(page.locator("#flashes")).to_contain_text("supprimées")


def test_a_date_is_asked_for_only_where_it_is_chosen(page: Page) -> None:
    page.locator("tbody .cell-title > a").first.click()
    expect(page.locator("#token-end")).to_be_visible()
    source = page.url
    page.click("#token-end > summary")
    for place in (source, page.locator("a[href$='/share']").get_attribute("href")):
        if page.url != place:
            page.goto(str(place))
        expect(page.locator("#period")).to_be_visible()
        expect(page.locator("#until")).to_be_hidden()
        page.select_option("#period", "other")
        expect(page.locator("#until")).to_be_visible()
        page.select_option("#period", "24")
        expect(page.locator("#until")).to_be_hidden()
