"""While the storage is away a page says so, and continues by itself afterwards."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import PHONE, Windows
from tests.functional.processes import wait_until

Post = Callable[..., dict[str, Any]]
_STREAMS, _PICTURES = "**/stream/**", "**/thumbnail*"
_PLAYS = "document.querySelector('video').currentTime > 0.1"
_SHOWN = "[...document.querySelectorAll('.inbox-picture img')].map((one) => one.naturalWidth > 16)"
_BLANK = "document.querySelectorAll('.inbox-picture img[src$=\"blank.svg\"]').length > 0"
_BROKEN = "[...document.images].filter((one) => one.complete && !one.naturalWidth).length"


def _refuse(route: Route) -> None:
    route.fulfill(status=503, headers={"Retry-After": "5"}, body="")


def test_a_video_whose_storage_is_away_plays_once_it_is_back(window: Windows, post: Post) -> None:
    link = post(40)["mailed_link"]
    page = window(size=PHONE, expected=("503",))
    page.goto(link)
    page.route(_STREAMS, _refuse)
    page.click("#play")
    expect(page.locator("#away")).to_be_visible()
    expect(page.locator("#trouble")).to_be_hidden()
    expect(page.locator("#unplayable")).to_be_hidden()
    page.unroute(_STREAMS)
    wait_until(lambda: page.evaluate(_PLAYS), "it plays by itself")
    expect(page.locator("#away")).to_be_hidden()


def test_bytes_that_no_browser_plays_are_called_so(window: Windows, post: Post) -> None:
    page = window(size=PHONE)
    page.goto(post(12)["mailed_link"])
    page.route(_STREAMS, lambda route: route.fulfill(status=200, body="no video"))
    page.click("#play")
    expect(page.locator("#unplayable")).to_be_visible()
    expect(page.locator("#away")).to_be_hidden()
    expect(page.locator("#trouble")).to_be_hidden()


def _pictures(page: Page) -> list[bool]:
    return list(page.evaluate(_SHOWN))


def test_a_picture_that_cannot_be_loaded_leaves_an_empty_frame(window: Windows, post: Post) -> None:
    post(12)
    page = window(logged_in=True, expected=("503",))
    page.goto("/incidents/")
    wait_until(lambda: any(_pictures(page)), "a picture is shown")
    page.route(_PICTURES, _refuse)
    page.reload()
    wait_until(lambda: page.evaluate(_BLANK), "the frames are empty")
    assert not any(_pictures(page))
    assert page.evaluate(_BROKEN) == 0, "no sign of a broken picture"
