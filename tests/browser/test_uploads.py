"""Add one source and watch it become ready; without scripts, by the plain form."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Windows
from tests.browser.uploading import ADD, give, open_source, row
from tests.functional.installation import ADMIN, Installation
from tests.functional.processes import wait_until
from tests.helpers import Footage


def _upload_plainly(page: Page, *files: Path, name: str = "") -> None:
    page.goto(ADD)
    page.fill("#name", name)
    page.set_input_files("#files", [*files])
    page.click("#upload [type=submit]")


def test_a_source_becomes_ready_before_ones_eyes(
    vigint: Installation, window: Windows, footage: Footage
) -> None:
    page = window(logged_in=True, permissions=["clipboard-read", "clipboard-write"])
    with vigint.stopped_workers():
        open_source(page, footage.clip("entrée.mp4"))
        page.evaluate("window.sameDocument = true")
        expect(page.locator("h1")).to_have_text("entrée")
        current = page.locator("[aria-current=step]")
        expect(current).to_contain_text("Traitement")
        assert page.locator("video").count() == 0
    expect(page.locator("video")).to_be_visible()
    assert page.evaluate("window.sameDocument"), "nothing was loaded anew"
    expect(page.locator("#live-says")).not_to_be_empty()
    facts = page.locator("[data-part=facts]")
    for text in ("entrée.mp4", "mp4", "320 × 240", "h264", "aac", "25", "yuv420p"):
        expect(facts).to_contain_text(text)
    poster = page.locator("video").get_attribute("poster")
    assert poster
    picture = page.request.get(poster)
    assert picture.headers["content-type"] == "image/jpeg"
    page.evaluate("document.querySelector('video').play()")
    wait_until(
        lambda: page.evaluate("document.querySelector('video').currentTime") > 0.2, "it plays"
    )
    stream = page.locator("#api-stream").input_value()
    vigint.secrets.add(page.locator("#api-token").input_value())
    page.click("[data-copy=api-stream]")
    expect(page.locator("#copy-says")).not_to_be_empty()
    assert page.evaluate("navigator.clipboard.readText()") == stream


def test_copying_works_over_plain_http_too(
    vigint: Installation, window: Windows, footage: Footage
) -> None:
    page = window()
    if vigint.served_url == vigint.url:
        pytest.skip("this machine has no address but loopback")
    page.goto(f"{vigint.served_url}/login")
    page.fill("#email", ADMIN)
    page.fill("#password", vigint.password)
    page.press("#password", "Enter")
    page.wait_for_url(f"{vigint.served_url}/")
    assert not page.evaluate("isSecureContext"), "browsers give no clipboard to such a page"
    page.goto(vigint.served_url + ADD)
    give(page, footage.clip("copie.mp4"))
    page.click("[data-start]")
    row(page, "copie.mp4").locator("a").click()
    page.wait_for_url("**/source-management/file_*/")
    stream = page.locator("#api-stream").input_value()
    assert stream.startswith(f"{vigint.served_url}/stream/")
    vigint.secrets.add(page.locator("#api-token").input_value())
    page.click("[data-copy=api-stream]")
    expect(page.locator("#copy-says")).not_to_be_empty()
    page.goto(vigint.served_url + "/links/")
    page.focus("[name=q]")
    page.keyboard.press("Control+V")
    expect(page.locator("[name=q]")).to_have_value(stream)


def test_a_text_file_fails_with_a_sentence_and_is_retried_and_deleted(
    vigint: Installation, window: Windows, tmp_path: Path
) -> None:
    page = window(logged_in=True)
    text = tmp_path / "facture.mp4"
    text.write_text("Ceci n'est pas une vidéo.\n" * 200)
    source_id = open_source(page, text)
    notice = page.locator("[data-part=state] .notice-bad")
    expect(notice).to_contain_text("n’est pas une vidéo")
    page.click("#retry")
    expect(page.locator("[data-flash]")).to_be_visible()
    expect(notice).to_contain_text("n’est pas une vidéo")
    page.click("#delete > summary")
    expect(page.locator("dialog[open]")).to_contain_text("?")
    page.click("dialog[open] [data-close]")
    expect(page.locator("dialog[open]")).to_have_count(0)
    page.click("#delete > summary")
    page.click("dialog[open] button[type=submit]")
    page.wait_for_url("**/source-management/")
    assert vigint.sql("SELECT 1 FROM sources WHERE source_id = ?", source_id) == []


def test_upload_and_deletion_work_without_scripts(
    vigint: Installation, window: Windows, footage: Footage
) -> None:
    page = window(size=PHONE, logged_in=True, java_script_enabled=False)
    _upload_plainly(page, footage.clip("sans-script.mp4"))
    page.wait_for_url("**/source-management/file_*/")
    source_id = page.url.rstrip("/").rpartition("/")[2]
    # Without scripts the page reloads every few seconds.
    expect(page.locator("video")).to_be_visible()
    page.click("#delete > summary")
    page.locator("#delete .confirm-box button[type=submit]").click()
    page.wait_for_url("**/source-management/")
    assert vigint.sql("SELECT 1 FROM sources WHERE source_id = ?", source_id) == []


def test_without_scripts_one_bad_file_does_not_stop_the_others(
    vigint: Installation, window: Windows, footage: Footage, tmp_path: Path
) -> None:
    page = window(logged_in=True, java_script_enabled=False)
    empty = tmp_path / "vide.mp4"
    empty.touch()
    with vigint.stopped_workers():
        clips = footage.clip("un.mp4"), footage.clip("deux.mp4", seconds=1)
        _upload_plainly(page, clips[0], empty, clips[1], name="Premier")
        page.wait_for_url("**/source-management/")
        expect(page.locator("[data-flash]")).to_contain_text("3")
        found = vigint.sql(
            "SELECT name, status FROM sources JOIN videos ON videos.id = video_id"
            " ORDER BY sources.id DESC LIMIT 3"
        )
        assert found == [("deux", "processing"), ("vide", "failed"), ("Premier", "processing")]
