"""The recipient's page: its layout on each screen, and its size."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Response, expect

from tests.browser.conftest import PHONE, Windows
from tests.browser.page_checks import accessibility, layout, targets
from tests.browser.polls import give_a_clock, stop_the_clock
from tests.functional.processes import wait_until
from tests.helpers import Footage

Post = Callable[..., dict[str, Any]]

SCREENS = [PHONE, (390, 664), (320, 568), (844, 390), (667, 375), (768, 1024), (1280, 800)]
_LONG = "Franchissement de la clôture du quai de livraison par plusieurs personnes armées"
_FACTS = {
    "incident_type": _LONG,
    "risk_level": "CRITICAL",
    "site": "Entrepôt de Saint-Jean-de-la-Ruelle",
    "camera": "Quai de livraison 2, côté rue",
}
_BOX = """(element) => {
  const { left, top, right, bottom } = element.getBoundingClientRect();
  return { left, top, right, bottom };
}"""


def _box(page: Page, selector: str) -> dict[str, float]:
    found: dict[str, float] = page.locator(selector).evaluate(_BOX)
    return found


def _play(page: Page) -> None:
    page.click("#play")
    wait_until(
        lambda: page.evaluate("document.querySelector('video').currentTime > 0.1"), "it plays"
    )


@pytest.fixture(scope="module")
def clips(footage: Footage) -> dict[str, bytes]:
    """Give a clip of each shape, by its name."""
    shapes = {"wide": "640x360", "square": "480x360", "tall": "360x640"}
    return {
        name: footage.clip(f"recipient-{name}.mp4", seconds=8, size=size).read_bytes()
        for name, size in shapes.items()
    }


# In an ordinary run the usual shape is looked at on every screen, the others on every second one.
_SCREENS_OF = {"wide": SCREENS, "square": SCREENS[::2], "tall": SCREENS[1::2]}


@pytest.mark.parametrize(
    ("shape", "screens"),
    [
        *(pytest.param(shape, screens, id=shape) for shape, screens in _SCREENS_OF.items()),
        *(
            pytest.param(shape, SCREENS, id=f"{shape} on every screen", marks=pytest.mark.campaign)
            for shape in ("square", "tall")
        ),
    ],
)
def test_video_and_controls_stand_on_the_first_screen(
    window: Windows,
    post: Post,
    clips: dict[str, bytes],
    shape: str,
    screens: Sequence[tuple[int, int]],
) -> None:
    mailed = post(video=clips[shape], incident_data=_FACTS)["mailed_link"]
    for width, height in screens:
        page = window(size=(width, height))
        page.goto(mailed)
        screen, big = _box(page, ".vp-screen"), _box(page, "#play")
        seen = f"{shape}, {width}×{height}"
        assert screen["top"] <= 140, f"{seen}: the video begins at {screen['top']}"
        if width > height and height < 480:
            filled = (screen["left"], screen["top"], screen["right"], screen["bottom"])
            assert filled == (0, 0, width, height), f"{seen}: the screen is the video"
        expect(page.locator("#play")).to_be_in_viewport(ratio=1)
        assert big["right"] - big["left"] == big["bottom"] - big["top"], f"{seen}: round"
        middle = (screen["left"] + screen["right"]) / 2, (screen["top"] + screen["bottom"]) / 2
        assert big["right"] < middle[0], f"{seen}: the button covers the middle"
        assert big["top"] > middle[1], f"{seen}: the button covers the middle"
        _play(page)
        page.evaluate(
            "document.querySelector('video').pause()"
        )  # a paused player hides no controls
        for part in ("seek", "play", "speed", "full"):
            expect(page.locator(f"[data-vp={part}]")).to_be_in_viewport(ratio=1)
        assert page.evaluate("scrollY") == 0, f"{seen}: the page moved"


@pytest.mark.parametrize("size", [(844, 390), PHONE])
def test_the_page_is_accessible_before_and_while_it_plays(
    window: Windows, post: Post, clips: dict[str, bytes], size: tuple[int, int]
) -> None:
    page = window(size=size)
    page.goto(post(video=clips["wide"], incident_data=_FACTS)["mailed_link"])
    for begun in (False, True):
        if begun:
            _play(page)
        complaints = [*accessibility(page), *layout(page), *targets(page)]
        assert not complaints, "\n".join(complaints)
    assert page.locator(".whole dd").inner_text().lower() == _LONG.lower()


def test_controls_over_the_picture_go_while_it_plays_untouched_and_come_back(
    window: Windows, post: Post, clips: dict[str, bytes]
) -> None:
    page = window(size=(844, 390))
    give_a_clock(page)
    page.goto(post(video=clips["wide"])["mailed_link"])
    _play(page)
    page.evaluate("document.querySelector('video').loop = true")
    page.mouse.move(400, 200)
    stop_the_clock(page)
    page.clock.run_for(4000)
    player = page.locator("[data-player]")
    expect(player).to_contain_class("vp-idle")
    page.mouse.move(420, 210)
    expect(player).not_to_contain_class("vp-idle")


def test_the_page_weighs_less_than_60_kb_before_its_video(
    window: Windows, post: Post, footage: Footage
) -> None:
    # Noise is the largest picture of a camera.
    noise = ("-vf", "noise=alls=90:allf=t", "-c:v", "libx264", "-pix_fmt", "yuv420p")
    noisy = footage.clip("recipient-noise.mp4", *noise, seconds=2, size="1280x720").read_bytes()
    page = window(size=PHONE)
    answers: list[Response] = []

    def keep(answer: Response) -> None:
        answers.append(answer)

    page.on("response", keep)
    page.goto(post(video=noisy)["mailed_link"], wait_until="networkidle")
    kinds = {answer.request.resource_type for answer in answers}
    assert {"document", "stylesheet", "script", "image"} <= kinds
    weights = {
        urlsplit(answer.url).path: sum(
            answer.request.sizes()[part] for part in ("responseHeadersSize", "responseBodySize")
        )
        for answer in answers
    }
    assert not any("/stream/" in path for path in weights), "no video unasked"
    assert sum(weights.values()) < 60_000, f"a phone on a bad line waits for {weights}"
