"""A mailed link on a phone: it plays, it stops when revoked, it shows the reason."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Response, expect

from tests.browser.conftest import PHONE, Windows
from tests.browser.polls import Polls, give_a_clock, stop_the_clock
from tests.functional.installation import Installation
from tests.functional.processes import wait_until
from tests.functional.web import Session
from tests.helpers import Footage, incident_document

Post = Callable[..., dict[str, Any]]

_CURRENT = "document.querySelector('video').currentTime"


@pytest.fixture(scope="module")
def operator(vigint: Installation) -> Session:
    """Give an administrator at another desk."""
    return vigint.session()


def _on(link: str, vigint: Installation, network: str) -> str:
    """Return a link on loopback, or as mailed: on this machine's network."""
    if network == "loopback":
        return link.replace(vigint.served_url, vigint.url)
    if vigint.served_url == vigint.url:
        pytest.skip("this machine has no address but loopback")
    assert link.startswith(vigint.served_url)
    return link


def _play(page: Page) -> None:
    page.click("#play")
    wait_until(lambda: page.evaluate(_CURRENT) > 0.3, "the video plays")
    before = page.evaluate(_CURRENT)
    wait_until(lambda: page.evaluate(_CURRENT) > before, "the video plays on")


@pytest.mark.parametrize("network", ["loopback", "lan"])
@pytest.mark.parametrize("seconds", [4, 60])
def test_a_mailed_link_plays_and_stops_when_it_is_revoked(
    vigint: Installation,
    window: Windows,
    operator: Session,
    post: Post,
    footage: Footage,
    seconds: int,
    network: str,
) -> None:
    clip = None
    if seconds == 60:
        clip = footage.clip("minute.mp4", seconds=60).read_bytes()
    ended = post(40, video=clip)
    assert ended["duration"] == pytest.approx(seconds, abs=0.1)
    link = _on(ended["mailed_link"], vigint, network)
    page = window(size=PHONE, expected=("410",))
    give_a_clock(page)
    polls = Polls(page, "/state")
    answer = page.goto(link)
    assert answer is not None
    assert answer.status == 200
    expect(page.locator("h1")).to_have_text("Vol à l'étalage")
    _play(page)
    # Even on a busy machine the clip has not ended before its link does.
    page.evaluate("document.querySelector('video').playbackRate = 0.1")
    assert not page.evaluate("document.querySelector('video').paused")
    stop_the_clock(page)
    operator.submit(f"/links/{vigint.link_id(link)}/revoke", reason="")
    took = polls.seconds_until(page.locator("#ended"), 5)
    print(f"{seconds} s, {network}: stopped after {took} s of the page's clock")
    expect(page.locator("#ended")).to_contain_text("révoqué")
    expect(page.locator("video")).to_be_hidden()
    assert not page.evaluate("document.querySelector('video').hasAttribute('src')")
    again = page.reload()
    assert again is not None
    assert again.status == 410
    expect(page.locator("h1")).to_contain_text("révoqué")


def test_a_page_opened_too_early_becomes_playable_by_itself(
    vigint: Installation, window: Windows, footage: Footage
) -> None:
    page = window(size=PHONE, expected=("409",))
    with vigint.stopped_workers():
        accepted = vigint.post(incident_document(footage.frames(12), recipients=[]))
        answer = page.goto(accepted["private_link"])
        assert answer is not None
        assert answer.status == 409
        expect(page.locator(".waiting")).to_be_visible()
        assert page.locator("video").count() == 0
    expect(page.locator("video")).to_be_visible()
    _play(page)


@pytest.mark.parametrize(
    ("death", "status", "words"),
    [
        ("expires_at = '2026-01-01 00:00:00'", 410, "expiré"),
        ("revoked_at = '2026-01-01 00:00:00'", 410, "révoqué"),
        ("not_before = '2099-01-01 00:00:00'", 403, "pas encore"),
        ("views = 1, max_views = 1", 410, "épuisé"),
        ("", 404, "ne fonctionne pas"),
    ],
    ids=["expired", "revoked", "not yet valid", "used up", "forged"],
)
def test_a_dead_link_says_so_on_a_phone(
    vigint: Installation,
    window: Windows,
    dead_link: str,
    death: str,
    status: int,
    words: str,
) -> None:
    link = dead_link
    if death:
        vigint.sql(
            "UPDATE links SET expires_at = NULL, revoked_at = NULL, not_before = NULL, views = 0,"
            " max_views = NULL WHERE id = ?",
            vigint.link_id(link),
        )
        vigint.sql(f"UPDATE links SET {death} WHERE id = ?", vigint.link_id(link))  # noqa: S608
    else:
        link = link[:-2]
    page = window(size=PHONE, expected=(str(status),))
    answer = page.goto(link)
    assert answer is not None
    assert answer.status == status
    assert words in page.locator("main").inner_text()
    assert page.locator("video").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


@pytest.fixture(scope="module")
def dead_link(vigint: Installation, footage: Footage) -> str:
    """Provide a mailed link that tests may revoke."""
    document = incident_document(footage.frames(12), recipients=["police@example.com"])
    return vigint.mailed_link(vigint.finished(vigint.post(document))["reference"])


def test_a_failed_video_says_so(vigint: Installation, window: Windows) -> None:
    accepted = vigint.post(
        {"message": "rien", "incident_data": {"incident_type": "Vol", "risk_level": "LOW"}},
        video=b"this is no video at all" * 100,
    )
    wait_until(lambda: vigint.status(accepted)["done"], "it has failed")
    page = window(size=PHONE, expected=("409",))
    answer = page.goto(accepted["private_link"])
    assert answer is not None
    assert answer.status == 409
    assert "n’est pas disponible" in page.locator("main").inner_text()


def test_the_page_is_small_and_loads_no_video_unasked(
    vigint: Installation, window: Windows, post: Post
) -> None:
    link = post()["mailed_link"]
    page = window(size=PHONE)
    answers: list[Response] = []

    def keep(answer: Response) -> None:
        answers.append(answer)

    page.on("response", keep)
    page.goto(link, wait_until="networkidle")
    kinds = {answer.request.resource_type for answer in answers}
    assert {"document", "stylesheet", "script"} <= kinds
    # The poster is loaded with the video's page, but does not count for the first view.
    weight = sum(
        answer.request.sizes()["responseBodySize"]
        for answer in answers
        if "image/jpeg" not in answer.headers["content-type"]
    )
    assert weight < 60_000, "a phone on a bad line gets the page at once"
    assert page.locator("video").get_attribute("preload") == "none"
    assert page.locator("video").get_attribute("playsinline") is not None
