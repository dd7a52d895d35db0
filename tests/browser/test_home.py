"""The home page in a browser: it updates automatically, and a test alert arrives."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.browser.conftest import PHONE, Windows


def test_incidents_appear_one_after_the_other_and_stay(
    window: Windows, post: Callable[..., dict[str, Any]]
) -> None:
    page = window(logged_in=True)
    seen: list[str] = [post()["reference"]]
    page.goto("/")
    tile = page.locator(".tiles > li")
    expect(page.locator(f"[data-part='{seen[0]}']")).to_be_visible()
    for _ in range(2):
        seen.insert(0, post()["reference"])
        expect(page.locator(f"[data-part='{seen[0]}'] img")).to_be_visible()
        names = tile.evaluate_all("all => all.map((one) => one.dataset.part)")
        assert names[: len(seen)] == seen
    expect(page.locator("#live-says")).to_have_text("Un nouvel incident est arrivé.")


def test_a_test_alert_by_one_press(window: Windows) -> None:
    page = window(logged_in=True, size=PHONE)
    page.goto("/")
    page.locator("#test-alert").click()
    page.wait_for_url("**/incidents/*/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Test")
    expect(page.locator("video").first).to_be_attached()
    expect(page.locator("main")).to_contain_text("Il ne s’est rien passé")


def test_a_new_key_is_shown_once_and_revoked_after_asking(window: Windows) -> None:
    page = window(logged_in=True)
    page.goto("/keys/add/")
    page.fill("#name", "Quai 3")
    page.get_by_role("button", name="Créer la clé").click()
    key = page.locator("#new-key").input_value()
    assert key.startswith("vgk_")
    assert key not in page.url
    page.get_by_role("link", name="C’est copié").click()
    row = page.get_by_role("row", name="Quai 3")
    expect(row).to_be_visible()
    assert key not in page.content()
    row.get_by_text("Révoquer").first.click()
    asked = page.get_by_role("dialog")
    expect(asked).to_contain_text("Révoquer la clé «")
    asked.get_by_role("button", name="Révoquer").click()
    expect(page.get_by_role("row", name="Quai 3")).to_contain_text("Révoquée")
