"""A file with two tracks: the switch on a recipient's page, both on an operator's."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import page_checks
from tests.browser.conftest import DESKTOP, PHONE, Windows
from tests.browser.polls import Polls, give_a_clock, stop_the_clock
from tests.functional.installation import Installation
from tests.functional.processes import wait_until
from tests.helpers import Footage
from vigint_web.media.runner import Runner
from vigint_web.media.tools import find_tools

Post = Callable[..., dict[str, Any]]
FRONT, REAR = 320, 160  # pixels: the width of each track
LANDSCAPE = (844, 390)
_VIDEO = "document.querySelector('video')"


@pytest.fixture(scope="module")
def two(footage: Footage, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Provide a file of 20 s with two tracks and sound."""
    front = footage.clip("front-20.mp4", seconds=20)
    rear = footage.clip("rear-20.mp4", seconds=20, size="160x120")
    path = tmp_path_factory.mktemp("two") / "two.mp4"
    both = ["-i", str(front), "-i", str(rear), "-map", "0", "-map", "1:v", "-c", "copy"]
    Runner(find_tools()).run([*both, str(path)])
    return path.read_bytes()


@pytest.fixture(scope="module")
def four(footage: Footage, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Give a file with four pictures of as many shapes."""
    sizes = ("320x240", "160x120", "320x180", "120x160")
    clips = [footage.clip(f"of-four-{size}.mp4", size=size) for size in sizes]
    inputs = [part for clip in clips for part in ("-i", str(clip))]
    chosen = [part for number in range(4) for part in ("-map", f"{number}:v")]
    path = tmp_path_factory.mktemp("four") / "four.mp4"
    Runner(find_tools()).run([*inputs, *chosen, "-c", "copy", str(path)])
    return path.read_bytes()


@pytest.fixture
def link(post: Post, two: bytes) -> str:
    """Give a mailed link to it."""
    return str(post(video=two)["mailed_link"])


def _opened(window: Windows, vigint: Installation, link: str, **more: Any) -> Page:
    page = window(size=PHONE, **more)
    page.goto(link.replace(vigint.served_url, vigint.url))
    return page


def _shows(page: Page, width: int) -> None:
    wait_until(lambda: page.evaluate(f"{_VIDEO}.videoWidth") == width, f"it is {width} wide")


def _at(page: Page) -> float:
    return float(page.evaluate(f"{_VIDEO}.currentTime"))


def test_choosing_the_other_picture_goes_on_at_the_same_moment(
    window: Windows, vigint: Installation, link: str
) -> None:
    page = _opened(window, vigint, link)
    choice = page.get_by_role("navigation", name="Images de cette vidéo")
    first, second = (choice.get_by_role("link", name=f"Image {n}") for n in (1, 2))
    expect(first).to_have_attribute("aria-current", "page")
    page.click("#play")
    _shows(page, FRONT)
    page.evaluate(f"{_VIDEO}.currentTime = 8; {_VIDEO}.playbackRate = 0.25")
    wait_until(lambda: _at(page) > 8, "it plays on from 8 s")
    second.focus()
    page.keyboard.press("Enter")
    _shows(page, REAR)
    wait_until(lambda: _at(page) >= 8, "the rear picture goes on there")
    before = _at(page)
    assert before < 12
    wait_until(lambda: _at(page) > before, "it plays without being asked to")
    assert page.evaluate(f"{_VIDEO}.playbackRate") == 0.25
    expect(second).to_have_attribute("aria-current", "page")
    expect(second).to_be_focused()
    expect(choice.locator("[aria-current]")).to_have_count(1)
    expect(page.locator("[data-vp=says]")).to_have_text("Image 2")
    page.locator("[data-vp=play]").click()
    stood = _at(page)
    first.click()
    _shows(page, FRONT)
    wait_until(lambda: abs(_at(page) - stood) < 0.1, "what was paused stands where it stood")
    assert page.evaluate(f"{_VIDEO}.paused")
    second.click()
    page.reload()
    expect(second).to_have_attribute("aria-current", "page")
    [(views,)] = vigint.sql("SELECT views FROM links WHERE id = ?", vigint.link_id(link))
    assert views == 1, "one visit, whatever was chosen"


def test_before_anything_plays_a_choice_fetches_nothing(
    window: Windows, vigint: Installation, link: str
) -> None:
    page = _opened(window, vigint, link)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    choice = page.locator("#tracks a")
    choice.nth(1).click()
    assert page.evaluate(f"{_VIDEO}.poster").endswith("/thumbnail/?track=2")
    choice.nth(0).click()
    assert "thumbnail" in page.evaluate(f"{_VIDEO}.poster")
    choice.nth(1).click()
    assert not [url for url in asked if "/stream/" in url]
    page.click("#play")
    _shows(page, REAR)


def test_without_scripts_each_picture_is_a_page(
    window: Windows, vigint: Installation, link: str
) -> None:
    page = _opened(window, vigint, link, java_script_enabled=False)
    page.locator("#tracks a").nth(1).click()
    expect(page.locator("#tracks a").nth(1)).to_have_attribute("aria-current", "page")
    video = page.locator("video")
    assert "track=2" in (video.get_attribute("src") or "")
    assert (video.get_attribute("width"), video.get_attribute("height")) == ("160", "120")


def test_a_link_revoked_while_the_rear_picture_plays_dies_alike(
    window: Windows, vigint: Installation, link: str
) -> None:
    page = window(size=PHONE, expected=("410",))
    give_a_clock(page)
    polls = Polls(page, "/state")
    page.goto(link.replace(vigint.served_url, vigint.url))
    page.click("#play")
    page.locator("#tracks a").nth(1).click()
    _shows(page, REAR)
    page.evaluate(f"{_VIDEO}.playbackRate = 0.1")
    stop_the_clock(page)
    vigint.session().submit(f"/links/{vigint.link_id(link)}/revoke", reason="")
    polls.seconds_until(page.locator("#ended"), 5)
    expect(page.locator("#ended")).to_contain_text("révoqué")
    expect(page.locator("#tracks")).to_be_hidden()
    expect(page.locator("video")).to_be_hidden()
    assert not page.evaluate(f"{_VIDEO}.hasAttribute('src')")


@pytest.mark.parametrize("size", [PHONE, LANDSCAPE, DESKTOP], ids=["phone", "landscape", "desk"])
def test_the_choice_fits_and_can_be_hit(
    window: Windows, vigint: Installation, link: str, size: tuple[int, int]
) -> None:
    page = window(size=size)
    page.goto(link.replace(vigint.served_url, vigint.url))
    for choice in page.locator("#tracks a").all():
        box = choice.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 24
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size[0]
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desk"])
def test_an_operator_sees_both_and_opening_the_page_plays_neither(
    window: Windows, vigint: Installation, post: Post, two: bytes, size: tuple[int, int]
) -> None:
    reference = post(video=two)["reference"]
    page = window(size=size, logged_in=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"/incidents/{reference}/", wait_until="networkidle")
    assert not [url for url in asked if "/stream" in url], "an audit trail would call it played"
    expect(page.get_by_role("group", name="Lecteur vidéo")).to_have_count(1)
    player = page.get_by_role("group", name="Image 2")
    rear = player.locator("video")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    player.get_by_role("button", name="Regarder la vidéo").click()
    wait_until(lambda: rear.evaluate("(video) => video.currentTime") > 0.2, "the rear plays")
    assert rear.evaluate("(video) => video.videoWidth") == REAR
    assert page.locator("#video").evaluate("(video) => video.paused"), "each plays by itself"


def test_nothing_is_wrong_with_the_pages_of_four_pictures(
    window: Windows, vigint: Installation, post: Post, four: bytes
) -> None:
    incident = post(video=four)
    mailed = str(incident["mailed_link"]).replace(vigint.served_url, vigint.url)
    wrong: list[str] = []
    for logged_in, address, videos in (
        (True, f"/incidents/{incident['reference']}/", 4),
        (False, mailed, 1),
    ):
        page = window(logged_in=logged_in)
        page.goto(address, wait_until="networkidle")
        expect(page.locator("video[poster]")).to_have_count(videos)
        for scheme, width in (("light", 1280), ("dark", 390), ("light", 320)):
            page_checks.look(page, scheme, width)
            found = [*page_checks.layout(page), *page_checks.accessibility(page)]
            wrong += [f"{width} {scheme} {address[:11]}: {text}" for text in found]
        wrong += page_checks.targets(page)
    assert not wrong, "\n".join(wrong)
