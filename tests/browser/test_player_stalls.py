"""A video that stands still although its data is there is restarted; one that waits is not."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Windows
from tests.functional.processes import wait_until
from tests.helpers import Footage

Post = Callable[..., dict[str, Any]]

_COUNT = """
(video) => {
  window.restarts = 0;
  video.addEventListener("pause", () => (window.restarts += 1));
}
"""
# The sound of a clip often ends some milliseconds before or after its picture.
_ENDS_EARLY = """
(video) => Object.defineProperty(video, "buffered", {
  get: () => ({ length: 1, start: () => 0, end: () => video.duration - 0.04 }),
})
"""


@pytest.fixture
def playing(window: Windows, post: Post, footage: Footage) -> Page:
    """Show a link's video that plays and is loaded as a whole."""
    page = window()
    page.goto(post(video=footage.clip("stands.mp4", seconds=20).read_bytes())["private_link"])
    page.locator("[data-vp=big]").click()
    wait_until(lambda: _video(page, "currentTime") > 0.2, "it plays")
    wait_until(lambda: _loaded(page) > 19, "it is loaded")
    page.locator("video").evaluate(_COUNT)
    return page


def _video(page: Page, name: str) -> Any:
    return page.locator("video").evaluate(f"(video) => video.{name}")


def _loaded(page: Page) -> float:
    loaded: float = page.locator("video").evaluate(
        "({ buffered }) => buffered.length ? buffered.end(buffered.length - 1) : 0"
    )
    return loaded


def test_a_video_that_stands_still_is_restarted(playing: Page) -> None:
    # At a speed of zero a browser stands still as one does that missed the end of its download.
    playing.locator("video").evaluate("(video) => (video.playbackRate = 0)")
    stood_at = _video(playing, "currentTime")
    wait_until(lambda: playing.evaluate("window.restarts") > 0, "it is restarted")
    wait_until(lambda: not _video(playing, "paused"), "it plays again")
    assert _video(playing, "currentTime") == pytest.approx(stood_at, abs=0.1)


def test_a_buffer_that_ends_just_before_the_duration_is_whole(playing: Page) -> None:
    playing.locator("video").evaluate(_ENDS_EARLY)
    playing.locator("video").evaluate("(video) => (video.currentTime = 15)")
    playing.locator("video").evaluate("(video) => (video.playbackRate = 0)")
    wait_until(lambda: playing.evaluate("window.restarts") > 0, "it is restarted")


def test_a_video_that_plays_or_is_paused_is_left_alone(playing: Page) -> None:
    wait_until(lambda: _video(playing, "currentTime") > 6, "it plays on")
    assert playing.evaluate("window.restarts") == 0
    playing.locator("[data-vp=play]").click()
    wait_until(lambda: _video(playing, "paused"), "it is paused")
    paused_for = "performance.now() - window.pausedSince"
    playing.evaluate("window.pausedSince = performance.now()")
    wait_until(lambda: playing.evaluate(paused_for) > 4000, "it was paused for longer than a stall")
    assert (_video(playing, "paused"), playing.evaluate("window.restarts")) == (True, 1)
