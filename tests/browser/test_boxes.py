"""Boxes over the player: around what the picture shows, at every time and in every shape."""

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import page_checks
from tests.browser.conftest import PHONE, Windows
from tests.functional.installation import Installation
from tests.functional.processes import wait_until
from tests.helpers import incident_document
from tests.squares import box, square, undecodable

Incident = dict[str, Any]

COUNT = 20
# These are not in the clip: the first two, one within, and one that is no picture at all.
BROKEN = {0: undecodable(), 1: undecodable(), 9: undecodable(), 12: b"no picture"}
_LABEL = "Personne"

# The distance in pixels of the screen between the sides of the box and those of the bright square
# in the picture on the screen, and how many of the picture's pixels one is.
_DISTANCE = """
() => {
  const video = document.querySelector("video");
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0);
  const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (data[4 * (y * width + x)] < 140) continue;
      [left, top] = [Math.min(left, x), Math.min(top, y)];
      [right, bottom] = [Math.max(right, x + 1), Math.max(bottom, y + 1)];
    }
  }
  const whole = video.getBoundingClientRect();
  const scale = Math.min(whole.width / width, whole.height / height);
  const across = whole.left + (whole.width - width * scale) / 2;
  const down = whole.top + (whole.height - height * scale) / 2;
  const boxes = [...document.querySelectorAll(".vp-boxes:not([hidden]) .vp-box")];
  if (boxes.length !== 1) return { boxes: boxes.length };
  const drawn = boxes[0].getBoundingClientRect();
  return {
    boxes: 1,
    scale,
    held: document.querySelector(".vp-boxes-held") !== null,
    label: boxes[0].textContent,
    far: Math.max(
      Math.abs(drawn.left - across - left * scale), Math.abs(drawn.top - down - top * scale),
      Math.abs(drawn.right - across - right * scale),
      Math.abs(drawn.bottom - down - bottom * scale),
    ),
  };
}
"""

# The left and the top side of the bright square in the poster, on the screen: the poster is centred
# in the video's place, and as large as fits.
_BRIGHT = """
async () => {
  const picture = new Image();
  picture.src = document.querySelector("video").poster;
  await picture.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0);
  const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
  const found = [];
  for (let at = 0; at < data.length / 4; at += 1) if (data[4 * at] > 140) found.push(at);
  const left = Math.min(...found.map((at) => at % width));
  const whole = document.querySelector("video").getBoundingClientRect();
  const scale = Math.min(whole.width / width, whole.height / height);
  return {
    left: whole.left + (whole.width - width * scale) / 2 + left * scale,
    top: whole.top + (whole.height - height * scale) / 2 + Math.floor(found[0] / width) * scale,
  };
}
"""


# The middle of the bright square in a screenshot, and how much of it is bright.
_MIDDLE = """
async (png) => {
  const picture = new Image();
  picture.src = `data:image/png;base64,${png}`;
  await picture.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0);
  const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
  const found = [];
  for (let at = 0; at < data.length / 4; at += 1) if (data[4 * at] > 140) found.push(at);
  const mean = (values) => values.reduce((sum, one) => sum + one, 0) / values.length;
  return {
    across: mean(found.map((at) => at % width)) / width,
    down: mean(found.map((at) => Math.floor(at / width))) / height,
    bright: found.length / (width * height),
    size: [width, height],
  };
}
"""


def _distance(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(_DISTANCE)
    return found


def _fits(page: Page) -> dict[str, Any]:
    """Wait until the box is around the square, within two pixels of the picture."""

    def does() -> bool:
        found = _distance(page)
        return bool(found["boxes"] == 1 and found["far"] <= 2 * found["scale"] + 1)

    wait_until(does, f"the box is around the square; it is {_distance(page)}")
    return _distance(page)


def _seek(page: Page, seconds: float) -> None:
    video = page.locator("video")
    if video.evaluate("(video) => video.readyState") == 0:
        video.evaluate("(video) => { video.preload = 'auto'; video.load(); }")
        wait_until(lambda: video.evaluate("(video) => video.readyState >= 1"), "it is fetched")
    video.evaluate("(video, to) => { video.currentTime = to; }", seconds)
    wait_until(lambda: not video.evaluate("(video) => video.seeking"), "it has sought")


def _posted(vigint: Installation, boxes: Any, count: int = COUNT) -> Incident:
    frames = [BROKEN.get(number, square(number)) for number in range(count)]
    document = incident_document(frames, recipients=["garde@example.com"])
    document["incident_data"]["boxes"] = boxes
    ended = vigint.finished(vigint.post(document))
    assert ended["state"] == "ready", ended
    return {**ended, "mailed_link": vigint.mailed_link(ended["reference"])}


@pytest.fixture(scope="module")
def incident(vigint: Installation) -> Incident:
    """Provide an incident whose every frame has a box, of which some frames are not in the clip."""
    boxes = [box(n, label=_LABEL, score=0.87, track=3) for n in range(COUNT) if n != 15]
    boxes[11] |= {"score": 0.95}  # the poster shows this one
    return _posted(vigint, boxes)


@pytest.fixture
def player(window: Windows, incident: Incident) -> Page:
    """Give the incident's page."""
    page = window(logged_in=True)
    page.goto(f"/incidents/{incident['reference']}/")
    expect(page.locator(".vp-box")).to_have_count(1)
    return page


def test_the_box_is_over_the_poster_before_the_video_is_fetched(player: Page) -> None:
    assert player.locator("video").evaluate("(video) => video.readyState") == 0
    expect(player.locator(".vp-box-label")).to_have_text(f"{_LABEL} 3 · 95\u202f%")
    on_poster = player.locator(".vp-box").bounding_box()
    assert on_poster is not None
    bright = player.evaluate(_BRIGHT)
    assert on_poster["x"] == pytest.approx(bright["left"], abs=6)
    assert on_poster["y"] == pytest.approx(bright["top"], abs=6)


def test_the_box_is_around_what_moves_at_any_time(player: Page) -> None:
    # 0.2 s after the first frame given the first one follows that could be decoded.
    for seconds in (0.0, 0.33, 1.05, 0.51, 1.7):
        _seek(player, seconds)
        found = _fits(player)
        assert found["label"].startswith(f"{_LABEL} 3 · ")
        assert not found["held"]
    assert player.locator("video").evaluate("(video) => video.duration") == pytest.approx(1.8)


def test_a_picture_without_a_box_shows_none(player: Page) -> None:
    _seek(player, 1.35)
    wait_until(lambda: _distance(player)["boxes"] == 0, "there is no box at frame 15")
    _seek(player, 1.45)
    _fits(player)


def test_the_box_stays_where_the_previous_picture_stays(player: Page) -> None:
    """Frame 9 is not in the clip: the picture of frame 8 stays, and so does its box."""
    _seek(player, 0.75)
    _fits(player)


def test_the_box_follows_while_the_video_plays_and_stays_at_its_end(player: Page) -> None:
    player.evaluate("document.querySelector('video').playbackRate = 0.25")
    player.keyboard.press("Space")
    places = set()

    def moves() -> bool:
        found = player.locator(".vp-box").evaluate_all("(all) => all.map((one) => one.style.left)")
        places.update(found)
        return len(places) >= 5

    wait_until(moves, "the box moves")
    player.evaluate("document.querySelector('video').playbackRate = 4")
    wait_until(lambda: player.evaluate("document.querySelector('video').ended"), "it ends")
    _fits(player)


def test_the_box_is_over_the_picture_in_full_screen_and_beside_black_bars(player: Page) -> None:
    _seek(player, 0.9)
    _fits(player)
    for size in ((844, 390), PHONE, (1280, 800)):
        player.set_viewport_size({"width": size[0], "height": size[1]})
        _fits(player)
        player.keyboard.press("f")
        wait_until(lambda: player.evaluate("document.fullscreenElement !== null"), "full screen")
        _fits(player)
        player.keyboard.press("f")
        wait_until(lambda: player.evaluate("document.fullscreenElement === null"), "the page")
        _fits(player)
    # Every step to another picture, too.
    player.keyboard.press(".")
    _fits(player)
    player.keyboard.press(",")
    _fits(player)


def test_a_switch_is_remembered(player: Page) -> None:
    button = player.get_by_role("button", name="Cadres autour de ce qui a été détecté")
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    expect(player.locator(".vp-boxes")).to_be_hidden()
    player.reload()
    expect(button).to_have_attribute("aria-pressed", "false")
    assert player.locator(".vp-box").count() == 0
    player.locator("main").click(position={"x": 3, "y": 3})
    player.keyboard.press("b")
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(player.locator(".vp-box")).to_have_count(1)
    expect(player.locator("[data-vp=says]")).to_have_text("Cadres affichés")


@pytest.mark.parametrize("size", [(320, 640), PHONE, (1280, 800)], ids=lambda size: str(size[0]))
def test_pages_with_boxes_are_right(
    window: Windows, incident: Incident, size: tuple[int, int]
) -> None:
    page = window(size=size, logged_in=True)
    page.goto(f"/incidents/{incident['reference']}/")
    expect(page.locator(".vp-box")).to_have_count(1)
    page.locator("[data-vp=help]").click()
    assert [*page_checks.layout(page), *page_checks.accessibility(page)] == []
    expect(page.locator(".vp-keys")).to_contain_text("cadres autour de ce qui a été détecté")


def test_an_incident_of_another_form_has_no_switch(window: Windows, vigint: Installation) -> None:
    posted = _posted(vigint, [[1, 2, 30, 40]], count=6)
    page = window(logged_in=True)
    page.goto(f"/incidents/{posted['reference']}/")
    expect(page.locator("[data-vp=play]")).to_be_visible()
    assert page.locator("[data-vp=boxes], .vp-boxes").count() == 0


def test_without_scripts_the_page_is_as_it_was(window: Windows, incident: Incident) -> None:
    page = window(logged_in=True, java_script_enabled=False)
    page.goto(f"/incidents/{incident['reference']}/")
    assert page.locator("video[controls]").count() == 1
    expect(page.locator("[data-vp=boxes]")).to_be_hidden()
    page.locator("#proof summary").click()
    expect(page.locator("#proof")).to_contain_text("19 cadres dans 19 images : Personne")


Post = Callable[..., dict[str, Any]]


def test_boxes_of_a_clip_are_around_what_moves(
    window: Windows, vigint: Installation, incident: Incident
) -> None:
    """A clip is received as it is: its pictures count from 0."""
    clip = vigint.session().open(f"/videos/{incident['video_id']}/download/clip").body
    numbers = [n for n in range(COUNT) if n not in BROKEN]
    boxes = [box(number, frame=place) for place, number in enumerate(numbers)]
    document = incident_document([], incident_data={"boxes": boxes, "camera": "Rayon 4"})
    ended = vigint.finished(vigint.post(document, video=clip))
    assert ended["state"] == "ready", ended
    page = window(logged_in=True)
    page.goto(f"/incidents/{ended['reference']}/")
    expect(page.locator(".vp-box")).to_have_count(1)
    for seconds in (0.0, 0.85, 1.4):
        _seek(page, seconds)
        _fits(page)


def test_the_picture_of_a_row_is_cropped_around_the_box(
    window: Windows, incident: Incident
) -> None:
    page = window(logged_in=True)
    page.goto(f"/incidents/?q={incident['reference']}")
    picture = page.locator(".inbox-crop img")
    picture.evaluate("(one) => one.decode()")
    shown = page.locator(".inbox-crop").screenshot()
    found = page.evaluate(_MIDDLE, b64encode(shown).decode())
    assert found["size"] == [96, 54]
    whole = page.evaluate(_MIDDLE, b64encode(_uncropped(page)).decode())
    assert found["bright"] > 3 * whole["bright"], "it is enlarged"
    # In the middle, unless the picture ends there.
    assert 0.2 < found["across"] < 0.8
    assert 0.2 < found["down"] < 0.8


def _uncropped(page: Page) -> bytes:
    """Return a screenshot of the same picture as a row without boxes shows it."""
    page.locator(".inbox-crop").evaluate("(one) => { one.className = ''; }")
    return page.locator(".inbox-picture img").screenshot()
