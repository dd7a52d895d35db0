"""Behaviour of all dashboard pages with scripts: messages, menus, confirmations, buttons."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Windows
from tests.functional.installation import ADMIN, Installation

_SHOW = """([text, kind]) =>
  import(document.querySelector("script[src*='js/app']").src).then((app) => app.toast(text, kind))
"""


@pytest.fixture
def page(window: Windows) -> Page:
    """Provide a page whose clock is controlled by the test."""
    page = window(logged_in=True)
    page.clock.install()
    page.goto("/incidents/")
    return page


def _tell(page: Page, text: str, kind: str) -> None:
    page.evaluate(_SHOW, [text, kind])
    expect(page.locator("[data-flash]", has_text=text)).to_be_visible()


def test_what_went_well_goes_and_what_did_not_stays(page: Page) -> None:
    _tell(page, "Le lien est envoyé.", "good")
    _tell(page, "Le serveur ne répond pas.", "bad")
    page.clock.fast_forward(5_000)
    expect(page.locator("[data-flash]")).to_have_count(2)
    page.clock.fast_forward(15_000)
    page.clock.run_for(1_000)
    expect(page.locator("[data-flash]")).to_have_text(
        ["Le serveur ne répond pas.Fermer ce message"]
    )
    page.click("[data-dismiss]")
    page.clock.run_for(1_000)
    expect(page.locator("[data-flash]")).to_have_count(0)
    assert page.evaluate("document.activeElement.id") == "main", "the focus is not lost"


def test_a_message_under_the_pointer_waits(page: Page) -> None:
    _tell(page, "Le lien est envoyé.", "good")
    page.hover("[data-flash]")
    page.clock.fast_forward(60_000)
    page.clock.run_for(1_000)
    expect(page.locator("[data-flash]")).to_be_visible()
    page.mouse.move(1, 1)
    page.clock.fast_forward(30_000)
    page.clock.run_for(1_000)
    expect(page.locator("[data-flash]")).to_have_count(0)


def test_a_message_is_text_and_nothing_else(page: Page) -> None:
    _tell(page, "<b id=injected>x</b>", "info")
    assert page.locator("#injected").count() == 0


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_without_scripts_messages_stand_in_the_page(
    vigint: Installation, window: Windows, size: tuple[int, int]
) -> None:
    page = window(size=size, java_script_enabled=False)
    page.goto("/login")
    page.fill("#email", ADMIN)
    page.fill("#password", vigint.password)
    page.press("#password", "Enter")
    page.wait_for_url("**/")
    page.click(".account > summary")
    page.click("form[action$='/logout'] button")
    page.wait_for_url("**/login")
    message, heading = page.locator("[data-flash]"), page.locator("h1")
    expect(message).to_be_visible()
    expect(page.locator("[data-dismiss]")).to_be_hidden()
    above, below = message.bounding_box(), heading.bounding_box()
    assert above is not None
    assert below is not None
    assert above["y"] + above["height"] <= below["y"], "it covers nothing"


def test_the_menu_of_the_account_closes_by_the_keyboard_and_beside_it(page: Page) -> None:
    menu = page.locator(".account")
    page.click(".account > summary")
    expect(menu).to_have_attribute("open", "")
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    expect(page.locator(".account > summary")).to_be_focused()
    page.click(".account > summary")
    page.mouse.click(1200, 600)
    expect(menu).not_to_have_attribute("open", "")


def test_a_pressed_button_says_so_and_sends_once(page: Page) -> None:
    result = page.evaluate(
        """() => {
          let sent = 0;
          addEventListener("submit", (event) => {
            if (!event.defaultPrevented) sent += 1;
            event.preventDefault();
          });
          const button = document.querySelector("button[name=locale][value=en]");
          button.click();
          button.click();
          return [sent, button.getAttribute("aria-busy")];
        }"""
    )
    assert result == [1, "true"]


def test_a_password_can_be_looked_at(window: Windows) -> None:
    page = window()
    page.goto("/login")
    field, button = page.locator("#password"), page.locator("[data-reveal=password]")
    field.fill("mot de passe")
    button.click()
    expect(field).to_have_attribute("type", "text")
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    expect(field).to_have_attribute("type", "password")
