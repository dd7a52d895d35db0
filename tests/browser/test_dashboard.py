"""Work in the dashboard: log in, view incidents, revoke; with keyboard, phone, no script."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Windows
from tests.functional.installation import ADMIN, Installation
from tests.helpers import Footage, incident_document

Post = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def incident(vigint: Installation, footage: Footage) -> dict[str, Any]:
    """Give an incident with a mail and links."""
    document = incident_document(footage.frames(12), recipients=["chef@example.com"])
    document["incident_data"] |= {"boxes": [[1, 2, 30, 40]], "zone": "Rayon vins"}
    return vigint.finished(vigint.post(document))


def _press_until(page: Page, selector: str, key: str = "Tab", most: int = 60) -> None:
    """Move the focus by the keyboard until it is on an element."""
    for _ in range(most):
        page.keyboard.press(key)
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{key} does not lead to {selector}")


def test_one_logs_in_and_out_by_the_keyboard(vigint: Installation, window: Windows) -> None:
    page = window(expected=("401",))
    page.goto("/incidents/")
    assert urlsplit(page.url).path == "/login", "an anonymous visitor is asked to log in"
    page.fill("#email", ADMIN)
    page.fill("#password", "not the password")
    page.keyboard.press("Enter")
    wrong = page.locator("#password[aria-invalid=true]")
    expect(wrong).to_be_visible()
    expect(page.locator(".field-error")).not_to_be_empty()
    page.goto("/incidents/")
    expect(page.locator("#email")).to_be_focused()
    page.keyboard.type(ADMIN)
    page.keyboard.press("Tab")
    page.keyboard.type(vigint.password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/incidents/")
    expect(page.locator("h1")).to_have_text("Incidents")
    _press_until(page, ".account > summary")
    page.keyboard.press("Enter")
    _press_until(page, "form[action$='/logout'] button")
    page.keyboard.press("Enter")
    page.wait_for_url("**/login")
    page.goto("/incidents/")
    assert urlsplit(page.url).path == "/login", "the session is over"


def test_an_incidents_page_tells_everything(window: Windows, incident: dict[str, Any]) -> None:
    page = window(logged_in=True)
    page.goto("/")
    page.locator(f"a[href$='/incidents/{incident['reference']}/']").first.click()
    facts = page.locator("[data-part=facts]")
    for text in ("Mouvement suspect au rayon 4", "Un objet est glissé dans un sac."):
        expect(facts).to_contain_text(text)
    page.locator("#proof > summary").click()
    raw = page.locator("[data-part=raw]")
    expect(raw).to_be_visible()
    for text in (
        incident["reference"],
        "Vol à l'étalage",
        "0,92",
        "Magasin Lyon",
        "Rayon 4",
        "Rayon vins",
        "12",
    ):
        expect(raw).to_contain_text(text)
    expect(page.locator("[data-part=deliveries]")).to_contain_text("chef@example.com")
    expect(page.locator("[data-part=links]")).to_contain_text("chef@example.com")
    video = page.locator("[data-part=video] video")
    expect(video).to_be_visible()
    duration = page.evaluate(
        """() => new Promise((done) => {
          const video = document.querySelector("[data-part=video] video");
          video.addEventListener("loadedmetadata", () => done(video.duration));
          video.load(); video.preload = "metadata";
        })"""
    )
    assert duration == pytest.approx(incident["duration"], abs=0.1)


def test_a_link_is_revoked_by_the_keyboard_after_a_question(
    vigint: Installation, window: Windows, post: Post
) -> None:
    link_id = vigint.link_id(post()["mailed_link"])
    page = window(logged_in=True)
    page.goto(f"/links/{link_id}/")
    _press_until(page, "#revoke > summary")
    page.keyboard.press("Enter")
    dialog = page.locator("dialog[open]")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert vigint.sql("SELECT revoked_at FROM links WHERE id = ?", link_id) == [(None,)]
    expect(page.locator("#revoke > summary")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("garde@example.com")
    _press_until(page, "dialog[open] input[name=reason]", most=4)
    page.keyboard.type("Envoyé par erreur")
    _press_until(page, "dialog[open] button[type=submit]", most=4)
    page.keyboard.press("Enter")
    expect(page.locator("[data-flash]")).to_be_visible()
    expect(page.locator("main")).to_contain_text("Envoyé par erreur")
    [(revoked_by,)] = vigint.sql("SELECT revoked_by FROM links WHERE id = ?", link_id)
    assert ADMIN in revoked_by
    assert page.locator("#revoke").count() == 0, "a dead link cannot be revoked again"


def test_a_link_is_revoked_without_scripts(
    vigint: Installation, window: Windows, post: Post
) -> None:
    link_id = vigint.link_id(post()["mailed_link"])
    page = window(size=PHONE, logged_in=True, java_script_enabled=False)
    page.goto("/links/?q=garde")
    page.locator(f"a[href$='/links/{link_id}/']").click()
    question = page.locator("#revoke .confirm-box")
    expect(question).to_be_hidden()
    page.click("#revoke > summary")
    question.locator("button[type=submit]").click()
    page.wait_for_load_state()
    assert vigint.sql("SELECT revoked_at FROM links WHERE id = ?", link_id) != [(None,)]


def test_the_outbox_shows_the_mail_as_it_was_sent(
    window: Windows, incident: dict[str, Any]
) -> None:
    page = window(logged_in=True)
    page.goto("/outbox/")
    page.get_by_role("link", name=re.compile("Alerte Vigint")).first.click()
    expect(page.locator("main")).to_contain_text("ALERTE SYSTÈME VIGINT")
    frame = page.frame_locator("iframe")
    expect(frame.locator("body")).to_contain_text("ALERTE SYSTÈME VIGINT")


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_no_page_is_wider_than_its_window(
    vigint: Installation, window: Windows, incident: dict[str, Any], size: tuple[int, int]
) -> None:
    reference, [(link_id,)] = incident["reference"], vigint.sql("SELECT max(id) FROM links")
    page = window(size=size, logged_in=True, expected=("404",))
    paths = [
        "/", "/incidents/", f"/incidents/{reference}/", "/links/", f"/links/{link_id}/",
        "/outbox/", "/source-management/", "/source-management/add/?type=file", "/account",
        "/there-is-nothing",
    ]  # fmt: skip
    for path in paths:
        page.goto(path)
        expect(page.locator("h1")).to_be_visible()
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= size[0], f"{path} is {width} px wide"
        cut = page.evaluate(
            "[...document.querySelectorAll('.places a, .button, .badge-v')]"
            ".filter((part) => part.checkVisibility() && part.scrollWidth > part.clientWidth)"
            ".map((part) => part.innerText)"
        )
        assert not cut, f"{path}: words run over their places"


def test_the_language_is_chosen_and_kept(window: Windows) -> None:
    page = window(logged_in=True)
    page.goto("/links/")
    assert page.locator("html").get_attribute("lang") == "fr"
    page.click(".account > summary")
    page.click("button[name=locale][value=en]")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert urlsplit(page.url).path == "/links/", "one stays where one was"
    page.goto("/incidents/")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    # The preference is the user's, in every browser: the next test has the same user.
    page.goto("/account")
    page.select_option("#locale", "")
    page.locator("form", has=page.locator("#locale")).locator("[type=submit]").click()
    expect(page.locator("html")).to_have_attribute("lang", "fr")
