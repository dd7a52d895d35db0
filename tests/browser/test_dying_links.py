"""An open page detects the end of its link, and shows what the link then shows."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PHONE, Windows
from tests.browser.page_checks import accessibility
from tests.browser.polls import HIDE, Polls, give_a_clock, stop_the_clock
from tests.functional.installation import Installation
from tests.functional.processes import wait_until
from tests.helpers import Footage

Post = Callable[..., dict[str, Any]]

# The visible text, and a marker of the window.
_READ = "[document.title, document.body.innerText]"
_DEATHS = {
    "revoked": "revoked_at = '2026-01-01 00:00:00'",
    "expired": "expires_at = '2026-01-01 00:00:00'",
    "not yet valid": "not_before = '2099-01-01 00:00:00'",
    "replaced": "handle = hex(randomblob(16))",
}
_PLAYS = "document.querySelector('video').currentTime > 0.1"


@pytest.mark.parametrize(
    ("locale", "death"),
    [
        # In an ordinary run each death is shown in one of the languages, in turn.
        pytest.param(locale, death, marks=() if number % 2 == turn else pytest.mark.campaign)
        for turn, locale in enumerate(("fr-FR", "en-GB"))
        for number, death in enumerate(_DEATHS)
    ],
)
def test_a_link_that_dies_while_it_plays_shows_what_a_reload_shows(
    vigint: Installation, window: Windows, post: Post, death: str, locale: str
) -> None:
    link = post(40)["mailed_link"]
    page = window(size=PHONE, expected=("410", "403", "404"), locale=locale)
    page.goto(link)
    validity = page.locator(".facts time").last.inner_text()
    page.click("#play")
    wait_until(lambda: page.evaluate(_PLAYS), "it plays")
    page.evaluate("document.querySelector('video').playbackRate = 0.1")
    vigint.sql(f"UPDATE links SET {_DEATHS[death]} WHERE id = ?", vigint.link_id(link))  # noqa: S608
    expect(page.locator("#ended")).to_be_visible()
    shown = page.evaluate(_READ)
    assert validity not in shown[1], "what the dead link promised stands no longer"
    assert page.locator("h1").evaluate("(title) => title === document.activeElement")
    assert not list(accessibility(page))
    page.reload()
    assert page.evaluate(_READ) == shown, "the page shows the same as after a reload"


def test_an_ended_clip_asks_slowly_while_it_is_looked_at(
    vigint: Installation, window: Windows, post: Post
) -> None:
    link = post(12)["mailed_link"]
    page = window(size=PHONE, expected=("410",))
    give_a_clock(page)
    polls = Polls(page, "/state")
    page.goto(link)
    page.click("#play")
    wait_until(lambda: page.evaluate("document.querySelector('video').ended"), "it has ended")
    stop_the_clock(page)
    polls.during(2)  # the last request of playback
    assert polls.during(60) in range(4, 9), "every ten seconds or so"
    page.evaluate(HIDE, True)
    assert polls.during(120) == 0, "a hidden page asks nothing"
    page.evaluate(HIDE, False)
    assert polls.during(1) == 1, "a page that is shown asks at once"
    page.evaluate(HIDE, True)
    vigint.sql("UPDATE links SET revoked_at = '2026-01-01' WHERE id = ?", vigint.link_id(link))
    assert polls.during(60) == 0, "a hidden page asks nothing"
    page.evaluate(HIDE, False)
    polls.seconds_until(page.locator("#ended"), 1)
    assert polls.during(60) == 0, "a dead link is asked about no more"
    assert polls.most_at_once == 1, "a page never asks twice at once"


def test_what_plays_unseen_asks_as_often_as_what_is_seen(window: Windows, post: Post) -> None:
    page = window(size=PHONE)
    give_a_clock(page)
    polls = Polls(page, "/state")
    page.goto(post(12)["mailed_link"])
    page.evaluate("document.querySelector('video').loop = true")
    page.click("#play")
    wait_until(lambda: page.evaluate(_PLAYS), "it plays")
    stop_the_clock(page)
    page.evaluate(HIDE, True)
    assert polls.during(20) in range(9, 13), "its sound goes on: every two seconds"
    page.evaluate("document.querySelector('video').pause()")
    polls.during(2)
    assert polls.during(60) == 0, "hidden and still: nothing"


def test_a_page_that_waits_for_its_video_asks_nothing_while_hidden(
    vigint: Installation, window: Windows, footage: Footage
) -> None:
    with vigint.stopped_workers():
        accepted = vigint.post({"message": "", "incident_data": {}}, video=b"not a video")
        page = window(size=PHONE, expected=("409",))
        give_a_clock(page)
        stop_the_clock(page)
        polls = Polls(page, "/state")
        page.goto(accepted["private_link"])
        assert polls.during(20) in range(9, 12), "every two seconds"
        page.evaluate(HIDE, True)
        assert polls.during(60) == 0, "a hidden page asks nothing"
        page.evaluate(HIDE, False)
        assert polls.during(1) == 1, "a page that is shown asks at once"
