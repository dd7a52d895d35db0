"""Previews, scenes and motion in the player: by pointer, key, touch, and screen reader."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import FloatRect, Locator, Page, expect

from tests.browser import page_checks
from tests.browser.conftest import DESKTOP, PHONE, Windows
from tests.functional.installation import Installation
from tests.functional.processes import wait_until
from tests.helpers import START, Footage, incident_document

_LENGTH = 12
# Four seconds of red, four of green, then motion.
_THREE_SCENES = (
    "drawbox=color=red:t=fill:enable='lt(t,4)',drawbox=color=lime:t=fill:enable='between(t,4,7.99)'"
)
_TELL_SHIFTS = """
window.moved = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.moved += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
_COLOUR = """
(canvas) => {
  const copy = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const [red, green] = copy.getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data;
  return red > 150 && green < 100 ? "red" : green > 150 && red < 100 ? "lime" : "other";
}
"""
# An automatically updated page replaces its parts while it is used.
_RENEW = """
async () => {
  const place = document.getElementById("live");
  const text = await (await fetch(place.dataset.liveSrc)).text();
  const fresh = new DOMParser().parseFromString(text, "text/html").querySelector("[data-live]");
  fresh.querySelector("[data-part=facts] h2").textContent = "Tout autre chose";
  fresh.querySelector("[data-player]").dataset.locale = "xx";
  const scripts = document.querySelector("script[src*='js/live.js']").src;
  const { update } = await import(new URL("./morph.js", scripts).href);
  update(place.querySelector("[data-live]"), fresh);
}
"""
# As other programs write them: a byte order mark, notes, settings, numbers, no order.
_READ_CUES = """
async () => {
  const scripts = document.querySelector("script[src*='js/player.js']").src;
  const { cueAt, readCues } = await import(new URL("./player-cues.js", scripts).href);
  const text = ["\\uFEFFWEBVTT - of others", "", "NOTE", "nothing", "", "2",
    "00:05.000 --> 01:00:00.500 align:start", "../s.jpg?v=1#xywh=pixel:160,0,160,90", "",
    "00:00.000 --> 00:05.000", "../s.jpg?v=1#xywh=0,0,160,90", "",
    "00:07.000 --> 00:08.000", "no picture", ""].join("\\r\\n");
  const cues = readCues(text, "https://example.org/a/b.vtt")
    .filter((cue) => cue.source === "https://example.org/s.jpg?v=1");
  const told = cues.map((cue) => [cue.start, cue.end, cue.x]);
  return [...told, cueAt(cues, 0).x, cueAt(cues, 5).x, cueAt(cues, 9e9).x, cueAt([], 1) ?? null];
}
"""


def _part(page: Page, name: str) -> Locator:
    return page.locator(f"[data-vp={name}]")


def _at(page: Page, seconds: float, *, within: float = 0.02) -> None:
    video = page.locator("video")

    def there() -> bool:
        at: float = video.evaluate("(video) => video.seeking ? -1 : video.currentTime")
        return abs(at - seconds) <= within

    wait_until(there, f"the video is at {seconds}")


def _point(page: Page, part: str, seconds: float) -> None:
    """Move the pointer over a position; half of the handle is free at both ends of the bar."""
    bar, box = _part(page, "seek").bounding_box(), _part(page, part).bounding_box()
    assert bar
    assert box
    across = bar["x"] + 9 + seconds / _LENGTH * (bar["width"] - 18)
    page.mouse.move(across, box["y"] + min(box["height"] / 2, 10))


def _nothing_focused(page: Page) -> None:
    page.evaluate("document.activeElement.blur()")


@pytest.fixture(scope="module")
def scenes(vigint: Installation, footage: Footage) -> str:
    """Give the page of twelve seconds in three scenes."""
    coded = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac")
    clip = footage.clip("three-scenes.mp4", "-vf", _THREE_SCENES, *coded, seconds=_LENGTH)
    browser = vigint.session()
    landed = browser.upload(("three-scenes.mp4", clip.read_bytes()))
    path = re.sub(r"^https?://[^/]+", "", landed.url)
    wait_until(lambda: 'data-status="ready"' in browser.open(path).text, "the source is ready")
    return path


@pytest.fixture
def player(window: Windows, scenes: str) -> Page:
    """Give the page of three scenes, once they are shown."""
    page = window(logged_in=True, reduced_motion="reduce")
    page.add_init_script(_TELL_SHIFTS)
    page.goto(scenes)
    expect(page.locator(".vp-scene")).to_have_count(3)
    return page


@pytest.fixture
def known(vigint: Installation) -> Iterator[None]:
    """Provide a change of the videos' timeline."""
    before = vigint.sql("SELECT sprite_key, timeline, scenes, id FROM videos")
    yield
    for row in before:
        vigint.sql("UPDATE videos SET sprite_key = ?, timeline = ?, scenes = ? WHERE id = ?", *row)


def test_the_pointer_sees_the_picture_of_its_moment_and_the_strip_leads_there(
    player: Page,
) -> None:
    address = player.locator("[data-player]").get_attribute("data-previews")
    found = re.findall(
        r"(\d+):(\d+):([\d.]+) --> .*\n.*#xywh=([\d,]+)", player.request.get(str(address)).text()
    )
    places = {int(h) * 3600 + int(m) * 60 + float(s): area for h, m, s, area in found}
    assert len(places) > 5
    preview = _part(player, "preview")
    for moment, part, colour in ((1.5, "seek", "red"), (5.5, "strip", "lime"), (10.5, "seek", "")):
        _point(player, part, moment)
        wanted = places[max(start for start in places if start <= moment)]
        expect(preview.locator("canvas")).to_have_attribute("data-shown", wanted)
        expect(_part(player, "moment")).to_have_text(re.compile(rf"^0:{int(moment):02d},[3-7]$"))
        assert not colour or preview.locator("canvas").evaluate(_COLOUR) == colour
    expect(_part(player, "circumstance")).to_have_text("Scène 3")
    _at(player, 0)

    expect(_part(player, "strip").locator("svg")).to_have_count(3)
    _point(player, "strip", 9)
    player.mouse.down()
    _at(player, 9, within=0.1)
    _point(player, "strip", 2)
    _at(player, 2, within=0.1)
    expect(preview).to_be_visible()
    player.mouse.up()
    player.mouse.move(5, 5)
    expect(preview).to_be_hidden()
    _at(player, 2, within=0.1)

    most = _part(player, "most")
    expect(most).to_have_text(re.compile(r"^Le plus de mouvement\s: 0:(08|09|1\d)$"))
    most.click()
    video = player.locator("video")
    wait_until(lambda: video.evaluate("(video) => video.currentTime") > 7.9, "it is there")
    assert player.evaluate("window.moved") < 0.01
    assert player.evaluate(_READ_CUES) == [[0, 5, 0], [5, 3600.5, 160], 0, 160, 160, None]


def test_scenes_by_name_by_button_and_by_key(player: Page) -> None:
    third = player.get_by_role("button", name="Scène 3, à 0:08", exact=True)
    third.click()
    _at(player, 8)
    expect(third).to_have_attribute("aria-current", "true")
    _part(player, "previousScene").click()
    _at(player, 4)
    expect(_part(player, "says")).to_have_text(re.compile("^Scène 2 sur 3, à 0:04"))
    expect(player.locator(".vp-scene[aria-current]")).to_have_text("Scène 2, à 0:04")
    pictures = player.locator(".vp-scene canvas")
    for picture, colour in zip(pictures.all(), ("red", "lime"), strict=False):
        expect(picture).to_have_attribute("data-shown", re.compile(r"\d"))
        assert picture.evaluate(_COLOUR) == colour
    _nothing_focused(player)
    for key, there in (("p", 0), ("p", 0), ("n", 4), ("n", 8), ("n", 8), ("l", 12), ("p", 8)):
        player.keyboard.press(key)
        _at(player, there)
    player.locator("[data-player]").evaluate("(root) => { root.dataset.shortcuts = 'off'; }")
    player.keyboard.press("p")
    _part(player, "help").click()
    expect(_part(player, "panel")).to_contain_text("scène précédente, suivante")
    _at(player, 8)
    tracks = player.locator("video").evaluate("(video) => [...video.textTracks].map((t) => t.kind)")
    assert tracks == ["chapters"]

    # A preview follows the keys, too.
    preview = _part(player, "preview")
    player.keyboard.press("Tab")
    _part(player, "seek").focus()
    expect(preview).to_be_visible()
    player.keyboard.press("ArrowLeft")
    _at(player, 3)
    expect(_part(player, "moment")).to_have_text("0:03,0")
    expect(preview.locator("canvas")).to_have_attribute("data-shown", re.compile(r"\d"))
    assert preview.locator("canvas").evaluate(_COLOUR) == "red"
    player.keyboard.press("Escape")
    expect(preview).to_be_hidden()

    # The page updates automatically, and leaves all of this unchanged.
    player.locator("video").evaluate("(video) => { video.known = true; }")
    player.evaluate(_RENEW)
    expect(player.locator("[data-part=facts] h2")).to_have_text("Tout autre chose")
    assert player.locator("video").evaluate("(video) => video.known")
    expect(player.locator(".vp-scene")).to_have_count(3)
    third.click()
    _at(player, 8)


def test_previews_and_scenes_on_any_width(player: Page) -> None:
    wrong: list[str] = []
    for scheme, width in (("light", DESKTOP[0]), ("dark", 320)):
        page_checks.look(player, scheme, width)
        _part(player, "seek").scroll_into_view_if_needed()
        for moment in (0, _LENGTH):
            _point(player, "seek", moment)
            expect(_part(player, "preview")).to_be_visible()
            whole = player.locator(".vp").bounding_box()
            preview = _part(player, "preview").bounding_box()
            assert whole
            assert preview
            assert preview["width"] > 100, "there is a picture"
            assert preview["x"] >= whole["x"]
            assert preview["x"] + preview["width"] <= whole["x"] + whole["width"]
        wrong += [f"{scheme}: {problem}" for problem in page_checks.accessibility(player)]
        wrong += [f"{width}: {problem}" for problem in page_checks.layout(player)]
    assert not wrong, "\n".join(wrong)


def test_fingers_look_for_a_moment(window: Windows, scenes: str) -> None:
    page = window(logged_in=True, size=PHONE, has_touch=True, is_mobile=True)
    page.goto(scenes)
    expect(page.locator(".vp-scene")).to_have_count(3)
    _part(page, "nextScene").tap()
    _at(page, 4)
    finger = page.context.new_cdp_session(page)

    def touch(
        kind: str, box: FloatRect | None = None, *, right: float = 0, down: float = 0
    ) -> None:
        at = {"x": box["x"] + right, "y": box["y"] + 10 + down} if box else None
        touched = {"type": kind, "touchPoints": [at] if at else []}
        finger.send("Input.dispatchTouchEvent", touched)

    # Scrolling the page by the strip does not seek; a tap on it does.
    strip = _part(page, "strip").bounding_box()
    assert strip
    before = page.evaluate("scrollY")
    touch("touchStart", strip, right=100)
    for up in (10, 40, 80):
        touch("touchMove", strip, right=100, down=-up)
    touch("touchEnd")
    wait_until(lambda: page.evaluate("scrollY") > before, "the page scrolled")
    _at(page, 4)
    _part(page, "strip").tap(position={"x": strip["width"] / 6, "y": 10})
    _at(page, 2, within=0.1)

    bar = _part(page, "seek").bounding_box()
    assert bar
    touch("touchStart", bar, right=0.35 * bar["width"])
    for share in (0.4, 0.6, 0.75):
        touch("touchMove", bar, right=share * bar["width"])
    expect(_part(page, "preview")).to_be_visible()
    expect(_part(page, "circumstance")).to_have_text("Scène 3")
    touch("touchEnd")
    expect(_part(page, "preview")).to_be_hidden()
    _at(page, 9, within=0.3)


@pytest.mark.usefixtures("known")
def test_what_a_video_has_not_is_not_shown_and_pictures_wait_until_they_are_wanted(
    window: Windows, vigint: Installation, scenes: str
) -> None:
    page = window(logged_in=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    vigint.sql("""UPDATE videos SET scenes = '[{"start": 0, "score": 0}]'""")
    page.goto(scenes)
    expect(_part(page, "strip").locator("svg")).to_have_count(2)
    for part in ("scenes", "nextScene", "previousScene"):
        assert _part(page, part).count() == 0, part
    assert page.locator("track").count() == 0
    assert not re.search(r"previews\.vtt|sprite\.jpg", " ".join(asked))
    for moment in (2, 3):
        _point(page, "seek", moment)
        picture = _part(page, "preview").locator("canvas")
        expect(picture).to_have_attribute("data-shown", re.compile(r"\d"))
    assert sum("sprite.jpg" in url for url in asked) == 1
    expect(_part(page, "circumstance")).to_be_empty()

    # A video processed before this feature has the earlier player.
    vigint.sql("UPDATE videos SET sprite_key = NULL, timeline = NULL, scenes = NULL")
    vigint.sql("DELETE FROM video_files WHERE kind = 'sprite'")
    asked.clear()
    page.reload()
    expect(_part(page, "play")).to_be_visible()
    for part in ("strip", "preview", "scenes", "more", "most", "nextScene"):
        assert _part(page, part).count() == 0, part
    _point(page, "seek", 2)
    page.keyboard.press("n")
    _part(page, "seek").fill("3")
    _at(page, 3)
    assert not re.search(r"previews|timeline|sprite|player-(bar|scenes)\.js", " ".join(asked))


def test_the_time_of_recording_is_shown_in_the_picture_when_asked(
    window: Windows, vigint: Installation, footage: Footage
) -> None:
    spring = START.replace(hour=0, minute=59, second=59).timestamp()
    times = [spring, spring + 0.5, spring + 1, spring + 2.5]
    document = incident_document(footage.frames(len(times)), recipients=[])
    for frame, moment in zip(document["frames"], times, strict=True):
        frame["timestamp"] = moment
    reference = vigint.finished(vigint.post(document))["reference"]
    page = window(logged_in=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"/incidents/{reference}/")
    stamp = _part(page, "stamp")
    expect(stamp).to_be_visible()
    assert not any("clock.vtt" in address for address in asked), "not before it is wanted"
    stamp.click()
    expect(stamp).to_have_attribute("aria-pressed", "true")
    shown = page.wait_for_function(
        """() => {
          const track = [...document.querySelector("video").textTracks]
            .find((other) => other.kind === "captions");
          const cues = [...(track.cues ?? [])];
          return track.mode === "showing" && cues.length && cues.map((cue) => cue.text);
        }"""
    )
    assert shown.json_value() == [
        "2026-03-29 01:59:59+01:00",
        "2026-03-29 03:00:00+02:00",
        "2026-03-29 03:00:01+02:00",
    ], "to the median interval after the last"
    page.keyboard.press("t")
    expect(stamp).to_have_attribute("aria-pressed", "false")
