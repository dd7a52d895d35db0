"""A mailed link in WebKit, the engine of iPhones: it plays, seeks, and stops when revoked."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver

from tests.browser.conftest import PHONE, missing
from tests.browser.fonts import MissingFontError
from tests.browser.webkit import MissingWebKitError, started
from tests.functional.installation import Installation
from tests.functional.processes import wait_until
from tests.helpers import Footage
from vigint_web.media.runner import Runner
from vigint_web.media.tools import find_tools

Post = Callable[..., dict[str, Any]]

# Brightness of a few places of the picture that is on the screen.
_PICTURE = """
const video = document.querySelector("video");
const canvas = new OffscreenCanvas(8, 8);
const context = canvas.getContext("2d");
context.drawImage(video, 0, 0, 8, 8);
return [...context.getImageData(0, 0, 8, 8).data];
"""
_READ = "return [document.title, document.body.innerText];"
_STATE = """
const video = document.querySelector("video");
if (!video) return document.body.innerText;
const { error, readyState, networkState, paused, seeking, currentTime, currentSrc } = video;
const said = error && `${error.code} ${error.message}`;
return JSON.stringify({ said, readyState, networkState, paused, seeking, currentTime,
  source: Boolean(currentSrc), page: document.querySelector("main").innerText });
"""


@pytest.fixture(scope="module")
def webkit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    """Provide WebKit in a window of a phone's size."""
    try:
        with started(tmp_path_factory.mktemp("webkit"), PHONE) as driver:
            yield driver
    except (MissingWebKitError, MissingFontError) as absent:
        missing(str(absent))


@pytest.fixture(scope="module")
def minute(footage: Footage) -> bytes:
    """Provide a clip that is longer than any test, and larger than a range."""
    clip = footage.clip("webkit-minute.mp4", seconds=60, size="640x360").read_bytes()
    assert len(clip) > 1 << 20
    return clip


def _video(webkit: WebDriver, value: str) -> Any:
    return webkit.execute_script(f"return document.querySelector('video').{value};")


def _press(webkit: WebDriver, part: str) -> None:
    webkit.find_element(By.CSS_SELECTOR, f"[data-vp={part}]").click()


def _wait(webkit: WebDriver, condition: Callable[[], Any], what: str) -> None:
    """Wait for a condition; say what state the video is in when it does not come."""
    try:
        wait_until(condition, what)
    except AssertionError as late:
        raise AssertionError(f"{late}; {webkit.execute_script(_STATE)}") from None


def _plays_on(webkit: WebDriver) -> None:
    before = _video(webkit, "currentTime")
    _wait(webkit, lambda: _video(webkit, "currentTime") > before, "the video plays on")


def test_a_mailed_link_plays_and_seeks(webkit: WebDriver, post: Post, minute: bytes) -> None:
    webkit.get(post(video=minute)["mailed_link"])
    assert webkit.title == "Vol à l'étalage – Vigint"
    assert _video(webkit, "readyState") == 0, "no video unasked"
    _press(webkit, "big")
    _wait(webkit, lambda: _video(webkit, "currentTime") > 0.3, "the video plays")
    assert _video(webkit, "duration") == pytest.approx(60, abs=0.1)
    assert (_video(webkit, "videoWidth"), _video(webkit, "videoHeight")) == (640, 360)
    first = webkit.execute_script(_PICTURE)
    assert any(first), "a picture is decoded"
    _press(webkit, "forward")
    _wait(webkit, lambda: _video(webkit, "currentTime") > 5, "it jumps by five seconds")
    _plays_on(webkit)
    # Beyond the first ranges.
    webkit.execute_script(
        """const seek = document.querySelector("[data-vp=seek]");
           seek.value = 50; seek.dispatchEvent(new Event("input"));"""
    )
    _wait(webkit, lambda: _video(webkit, "currentTime") > 50, "it goes to where the bar is put")
    _plays_on(webkit)
    assert webkit.execute_script(_PICTURE) != first, "another picture is shown"
    _press(webkit, "play")
    _wait(webkit, lambda: _video(webkit, "paused"), "it is paused")


def test_a_revoked_link_stops_and_shows_what_a_reload_shows(
    vigint: Installation, webkit: WebDriver, post: Post, minute: bytes
) -> None:
    link = post(video=minute)["mailed_link"]
    webkit.get(link)
    _press(webkit, "big")
    _wait(webkit, lambda: _video(webkit, "currentTime") > 0.3, "the video plays")
    vigint.session().submit(f"/links/{vigint.link_id(link)}/revoke", reason="")
    _wait(webkit, lambda: webkit.find_elements(By.ID, "ended"), "the page says that it ended")
    assert _video(webkit, "paused")
    assert not _video(webkit, "hasAttribute('src')"), "nothing is left to play"
    shown = webkit.execute_script(_READ)
    assert "révoqué" in shown[0]
    webkit.refresh()
    assert webkit.execute_script(_READ) == shown


def test_the_other_picture_of_a_file_goes_on_at_the_same_moment(
    webkit: WebDriver, post: Post, footage: Footage, tmp_path: Path
) -> None:
    front = footage.clip("webkit-front.mp4", seconds=20)
    rear = footage.clip("webkit-rear.mp4", seconds=20, size="160x120")
    both = ["-i", str(front), "-i", str(rear), "-map", "0", "-map", "1:v", "-c", "copy"]
    Runner(find_tools()).run([*both, str(tmp_path / "two.mp4")])
    webkit.get(post(video=(tmp_path / "two.mp4").read_bytes())["mailed_link"])
    second = webkit.find_element(By.CSS_SELECTOR, "#tracks a:nth-child(2)")
    second.click()
    assert _video(webkit, "poster").endswith("track=2"), "before it plays its picture stands there"
    webkit.find_element(By.CSS_SELECTOR, "#tracks a").click()
    _press(webkit, "play")
    _wait(webkit, lambda: _video(webkit, "videoWidth") == 320, "the front plays")
    webkit.execute_script("document.querySelector('video').currentTime = 8;")
    _wait(webkit, lambda: _video(webkit, "currentTime") > 8, "it plays on from 8 s")
    second.click()
    _wait(webkit, lambda: _video(webkit, "videoWidth") == 160, "the rear is shown")
    _wait(webkit, lambda: _video(webkit, "currentTime") > 8, "it goes on there")
    _plays_on(webkit)


def test_bold_figures_are_as_large_as_their_strokes_need(
    webkit: WebDriver, post: Post, minute: bytes
) -> None:
    webkit.get(post(video=minute)["mailed_link"])
    for part in ("at", "speed"):
        size = webkit.execute_script(
            f"return getComputedStyle(document.querySelector('[data-vp={part}]')).fontSize;"
        )
        assert float(size.removesuffix("px")) >= 16, (
            f"{part}: below 16 pixels hinting takes the even strokes from bold figures"
        )
