"""What is being written survives the way back and an ended session, and ends once it is kept."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Windows
from tests.functional.installation import Installation

NOTE = "Le portail était ouvert."


def _incident(vigint: Installation) -> str:
    document = {"message": "x", "incident_data": {"incident_type": "Brouillon"}, "recipients": []}
    return f"/incidents/{vigint.post(document)['reference']}/"


def _write(page: Page, address: str) -> None:
    page.goto(address)
    page.locator("#note").fill(NOTE)


def test_a_note_being_written_survives_the_way_back(window: Windows, vigint: Installation) -> None:
    page, address = window(logged_in=True), _incident(vigint)
    _write(page, address)
    page.goto("/incidents/")
    page.go_back()
    expect(page.locator("#note")).to_have_value(NOTE)


def test_a_note_sent_after_the_session_ended_is_not_lost(
    window: Windows, vigint: Installation
) -> None:
    page = window(logged_in=True, expected=("401",))
    address = _incident(vigint)
    _write(page, address)
    session = page.context.cookies()
    # A poll that was answered first would show the login before the press.
    page.route(re.compile("/(live|arrivals)"), lambda route: route.fulfill(status=304))
    page.context.clear_cookies()
    page.locator("[data-part=note] button[type=submit]").click()
    page.wait_for_url("**/login**")
    page.context.add_cookies(
        [{"name": c["name"], "value": c["value"], "url": vigint.url} for c in session]
    )
    page.goto(address)
    expect(page.locator("#note")).to_have_value(NOTE)


def test_a_note_that_was_added_is_no_draft(window: Windows, vigint: Installation) -> None:
    page, address = window(logged_in=True), _incident(vigint)
    _write(page, address)
    page.locator("[data-part=note] button[type=submit]").click()
    expect(page.locator(".moment-text")).to_have_text(NOTE)
    expect(page.locator("#note")).to_have_value("")
    page.reload()
    expect(page.locator("#note")).to_have_value("")
