"""The player: by key, touch, pointer, screen reader, and without scripts."""

import re
from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Windows
from tests.functional.installation import ADMIN, Installation
from tests.functional.processes import wait_until
from tests.helpers import START, Footage, incident_document

Post = Callable[..., dict[str, Any]]

# Reports the picture on the screen, from the browser's own data.
_TELL_PICTURE = """
(video) => {
  const presented = (_now, frame) => {
    window.pictured = frame.mediaTime;
    video.requestVideoFrameCallback(presented);
  };
  video.requestVideoFrameCallback(presented);
}
"""
_STATE = """
(video) => ({
  at: video.currentTime, paused: video.paused, speed: video.playbackRate, muted: video.muted,
  seeking: video.seeking, pictured: window.pictured ?? null,
  searching: document.querySelector(".vp-still") !== null,
})
"""
_TELL_SHIFTS = """
window.moved = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.moved += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
_GAPS = [0.03, 0.47, 0.01, 1.19, 0.04, 0.7, 0.011]
_WEIGHT = 60_000


def _part(page: Page, name: str) -> Locator:
    return page.locator(f"[data-vp={name}]")


def _state(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.locator("video").evaluate(_STATE)
    return found


def _wait(page: Page, condition: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
    def holds() -> bool:
        return condition(_state(page)) and not _state(page)["seeking"]

    wait_until(holds, f"{what}; it is {_state(page)}")
    return _state(page)


def _at(page: Page, seconds: float, *, within: float = 0.02) -> None:
    _wait(page, lambda state: abs(state["at"] - seconds) <= within, f"the video is at {seconds}")


def _plays(page: Page) -> None:
    _wait(page, lambda state: not state["paused"] and state["at"] > 0.2, "it plays")


def _runs_at(page: Page, speed: float) -> None:
    _wait(page, lambda state: state["speed"] == speed, f"its speed is {speed}")


def _paused(page: Page) -> None:
    _wait(page, lambda state: state["paused"], "it is paused")


@pytest.fixture(scope="module")
def source(vigint: Installation, footage: Footage) -> str:
    """Provide the page of a source of 20 seconds at 25 pictures per second, with sound."""
    clip = footage.clip("twenty.mp4", seconds=20)
    browser = vigint.session()
    landed = browser.upload(("twenty.mp4", clip.read_bytes()))
    address = re.sub(r"^https?://[^/]+", "", landed.url)
    wait_until(
        lambda: 'data-status="ready"' in browser.open(address).text, "the source is ready", 60
    )
    return address


def _posted(vigint: Installation, footage: Footage, times: list[Any]) -> str:
    """Post an incident of frames taken at these times; return the detector's link."""
    document = incident_document(footage.frames(len(times)), recipients=[])
    for frame, moment in zip(document["frames"], times, strict=True):
        frame["timestamp"] = moment
    accepted = vigint.post(document)
    assert vigint.finished(accepted)["state"] == "ready"
    return str(accepted["private_link"]).replace(vigint.served_url, vigint.url)


@pytest.fixture(scope="module")
def irregular(vigint: Installation, footage: Footage) -> str:
    """Provide a link to pictures at very different intervals."""
    return _posted(vigint, footage, [START.timestamp() + t for t in accumulate(_GAPS, initial=0)])


@pytest.fixture
def player(window: Windows, source: str) -> Page:
    """Give a source's page with its player, on a desktop."""
    page = window(logged_in=True)
    page.goto(source)
    expect(_part(page, "play")).to_be_visible()
    return page


def test_keys_of_the_player(player: Page) -> None:
    player.locator("main").click(position={"x": 3, "y": 3})
    player.keyboard.press("k")
    _plays(player)
    player.keyboard.press("k")
    _paused(player)
    player.keyboard.press("5")
    _at(player, 10)
    for key, there in (
        ("ArrowRight", 15), ("ArrowLeft", 10), ("l", 20), ("j", 10), ("Numpad2", 4), ("0", 0),
    ):  # fmt: skip
        player.keyboard.press(key)
        _at(player, there)
    for key, speed in ((">", 1.5), (">", 2), (">", 4), (">", 4), ("<", 2), ("<", 1.5)):
        player.keyboard.press(key)
        _runs_at(player, speed)
    expect(_part(player, "says")).to_have_text(re.compile("Vitesse 1,5×"))
    expect(_part(player, "speed")).to_have_value("1.5")
    player.keyboard.press("m")
    assert _state(player)["muted"]
    expect(_part(player, "mute")).to_have_attribute("aria-pressed", "true")
    player.keyboard.press("?")
    expect(_part(player, "panel")).to_be_visible()
    assert player.evaluate("document.activeElement.tagName") in {"BODY", "MAIN"}, "focus stays"


def test_keys_that_move_the_page_are_the_players_only_when_it_holds_the_focus(
    player: Page,
) -> None:
    _part(player, "seek").focus()
    player.keyboard.press("End")
    _at(player, 20)
    player.keyboard.press("Home")
    _at(player, 0)
    player.keyboard.press("PageUp")
    _at(player, 2)
    player.keyboard.press("ArrowRight")
    _at(player, 7)
    expect(_part(player, "seek")).to_have_attribute(
        "aria-valuetext", re.compile(r"^7\ssecondes sur 20\ssecondes$")
    )
    _part(player, "play").focus()
    player.keyboard.press("Space")
    _plays(player)
    player.keyboard.press("Space")
    _paused(player)
    player.evaluate("document.activeElement.blur(); scrollTo(0, document.body.scrollHeight)")
    before = _state(player)["at"]
    player.keyboard.press("Home")
    wait_until(lambda: player.evaluate("scrollY") == 0, "the page went to its top")
    assert _state(player)["at"] == before


def test_a_field_keeps_its_keys(player: Page) -> None:
    player.locator("input[readonly]").first.focus()
    for key in ("k", "5", "Space", ">"):
        player.keyboard.press(key)
    assert _state(player) == {**_state(player), "at": 0, "paused": True, "speed": 1}
    _part(player, "speed").focus()
    player.keyboard.press("k")
    assert _state(player)["paused"]


def test_single_keys_are_off_for_who_switched_them_off(
    player: Page, vigint: Installation, source: str
) -> None:
    vigint.sql("UPDATE users SET shortcuts = 0 WHERE email = ?", ADMIN)
    try:
        player.goto(source)
        _part(player, "play").focus()
        for key in ("k", "5", ">", "m", "ArrowRight"):
            player.keyboard.press(key)
        assert _state(player) == {
            **_state(player), "at": 0, "paused": True, "speed": 1, "muted": False,
        }  # fmt: skip
        _part(player, "help").click()
        expect(_part(player, "panel")).to_contain_text("désactivés")
        _part(player, "seek").focus()
        player.keyboard.press("ArrowRight")
        _at(player, 5)
    finally:
        vigint.sql("UPDATE users SET shortcuts = 1 WHERE email = ?", ADMIN)


def test_a_recipient_switches_single_keys_off_and_the_browser_remembers(
    window: Windows, irregular: str
) -> None:
    page = window()
    page.goto(irregular)
    for _visit in range(2):
        _part(page, "help").click()
        if _visit == 0:
            _part(page, "switch").uncheck()
        expect(_part(page, "switch")).not_to_be_checked()
        page.evaluate("document.activeElement.blur()")
        for key in ("k", "9", ">"):
            page.keyboard.press(key)
        assert _state(page) == {**_state(page), "at": 0, "paused": True, "speed": 1}
        page.reload()
    _part(page, "help").click()
    _part(page, "switch").check()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("k")
    _plays(page)


def _stepped(page: Page, part: str, expected: float) -> None:
    _part(page, part).click()
    _wait(
        page,
        lambda state: (
            not state["searching"]
            and state["pictured"] is not None
            and abs(state["pictured"] - expected) < 0.001
            and 0 <= state["at"] - expected < 0.002
        ),
        f"the picture at {expected:.3f} after “{part}”",
    )


def test_steps_of_one_picture_at_25_per_second(player: Page) -> None:
    player.locator("video").evaluate(_TELL_PICTURE)
    player.keyboard.press("2")
    _at(player, 4)
    for step in (1, 2, 3):
        _stepped(player, "next", 4 + step / 25)
    for step in (2, 1, 0, -1):
        _stepped(player, "previous", 4 + step / 25)
    player.keyboard.press(".")
    expect(_part(player, "says")).to_have_text(re.compile(r"^Image à 4\ssecondes$"))
    expect(_part(player, "at")).to_have_text("0:04,000")
    _part(player, "next").dblclick()
    _wait(player, lambda state: abs(state["pictured"] - 4.08) < 0.001, "two steps are two")


def test_steps_of_one_picture_at_an_irregular_pace(window: Windows, irregular: str) -> None:
    page = window(size=PHONE)
    page.goto(irregular)
    expect(_part(page, "play")).to_be_visible()
    page.locator("video").evaluate(_TELL_PICTURE)
    times = list(accumulate(_GAPS, initial=0.0))
    for moment in times[1:]:
        _stepped(page, "next", moment)
    _stepped(page, "next", times[-1])
    for moment in reversed(times[:-1]):
        _stepped(page, "previous", moment)
    _stepped(page, "previous", 0)
    for before, after in pairwise(times[:4]):
        _stepped(page, "next", after)
        _stepped(page, "previous", before)
        _stepped(page, "next", after)


def test_the_clock_of_the_recording_over_a_change_of_time(
    window: Windows, vigint: Installation, footage: Footage
) -> None:
    spring = START.replace(hour=0, minute=59, second=59).timestamp()
    link = _posted(vigint, footage, [spring, spring + 0.9, spring + 1, spring + 2.5])
    page = window(size=PHONE)
    page.goto(link)
    clock = _part(page, "clock")
    expect(clock).to_have_text(re.compile(r"^29 mars 2026\W+01:59:59,0 UTC\+1$"))
    for expected in (
        r"01:59:59,900 UTC\+1",
        r"03:00:00,000 UTC\+2",
        r"03:00:01,500 UTC\+2",
    ):
        _part(page, "next").click()
        expect(clock).to_have_text(re.compile(rf"^29 mars 2026\W+{expected}$"))
    assert clock.get_attribute("datetime") == "2026-03-29T01:00:01.500Z"
    _part(page, "seek").focus()
    page.keyboard.press("Home")
    expect(clock).to_have_text(re.compile(r"01:59:59,0+ UTC\+1$"))


def test_no_clock_is_invented(
    window: Windows, vigint: Installation, footage: Footage, player: Page
) -> None:
    page = window(size=PHONE)
    page.goto(_posted(vigint, footage, [None] * 5))
    expect(page.locator(".vp-clock")).to_have_text("Cadence inconnue")
    expect(player.locator(".vp-clock")).to_have_text("Heure de prise de vue inconnue")
    for shown in (page, player):
        assert shown.locator(".vp time").count() == 0


def test_buttons_do_what_they_say(player: Page) -> None:
    play = _part(player, "play")
    expect(play).to_have_attribute("aria-label", "Lire")
    _part(player, "big").click()
    _plays(player)
    expect(play).to_have_attribute("aria-label", "Pause")
    expect(play).to_be_focused()
    play.click()
    _paused(player)
    _part(player, "seek").fill("8")
    _at(player, 8)
    _part(player, "forward").click()
    _at(player, 13)
    _part(player, "back").click()
    _at(player, 8)
    _part(player, "speed").select_option("0.25")
    assert _state(player)["speed"] == 0.25
    loop = _part(player, "loop")
    loop.click()
    expect(loop).to_have_attribute("aria-pressed", "true")
    assert player.locator("video").evaluate("(video) => video.loop")
    loop.click()
    _part(player, "mute").click()
    assert _state(player)["muted"]
    _part(player, "volume").fill("0.4")
    assert _state(player)["muted"] is False
    _part(player, "speed").select_option("4")
    _part(player, "seek").fill("19.5")
    play.click()
    expect(_part(player, "big")).to_contain_text("Revoir la vidéo")
    _part(player, "big").click()
    _wait(player, lambda state: 0 < state["at"] < 15 and not state["paused"], "it plays again")


def test_full_screen_holds_the_whole_player(player: Page) -> None:
    full = _part(player, "full")
    full.click()
    expect(full).to_have_attribute("aria-label", "Quitter le plein écran")
    assert player.evaluate("document.fullscreenElement.matches('[data-player]')")
    expect(_part(player, "seek")).to_be_visible()
    player.keyboard.press("k")
    _plays(player)
    player.mouse.move(5, 5)
    player.evaluate("document.activeElement.blur()")
    expect(player.locator(".vp")).to_have_class(re.compile("vp-idle"))
    player.mouse.move(50, 50)
    expect(player.locator(".vp")).not_to_have_class(re.compile("vp-idle"))
    player.keyboard.press("f")
    expect(full).to_have_attribute("aria-label", "Plein écran")


@pytest.fixture
def touched(window: Windows, vigint: Installation, post: Post, footage: Footage) -> Page:
    """Give the page of a mailed link of a minute on a phone."""
    clip = footage.clip("minute.mp4", seconds=60).read_bytes()
    page = window(size=PHONE, has_touch=True, is_mobile=True)
    page.goto(post(video=clip)["mailed_link"].replace(vigint.served_url, vigint.url))
    return page


def test_fingers_play_pause_and_jump(touched: Page) -> None:
    page, video = touched, touched.locator("video")
    _part(page, "big").tap()
    _plays(page)
    video.tap()
    _paused(page)
    box = video.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    for side, there in ((0.9, 5), (0.1, 0)):
        before = _state(page)["at"]
        for _tap in range(2):
            page.touchscreen.tap(box["x"] + side * box["width"], middle)
        expected = before + 5 if there else max(before - 5, 0)
        _at(page, expected)
        assert _state(page)["paused"], "two taps are no pause and no play"
    seek = _part(page, "seek").bounding_box()
    assert seek
    page.touchscreen.tap(seek["x"] + seek["width"] / 2, seek["y"] + seek["height"] / 2)
    _at(page, 30, within=1)


def test_what_fingers_use_is_large_enough(touched: Page) -> None:
    _part(touched, "help").tap()
    found = touched.locator(".vp :is(button, select, input, label):visible").evaluate_all(
        """(all) => all.filter((one) => !one.closest("label") || one.matches("label"))
             .map((one) => [one.dataset.vp ?? one.className, one.offsetWidth, one.offsetHeight])"""
    )
    assert len(found) >= 10, found
    small = [one for one in found if min(one[1], one[2]) < 44]
    assert not small, small
    assert touched.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


def test_the_page_is_whole_without_scripts(window: Windows, irregular: str) -> None:
    page = window(size=PHONE, java_script_enabled=False)
    page.goto(irregular)
    for fact in ("Vol à l'étalage", "Magasin Lyon", "29 mars 2026", "Europe/Paris", "Risque élevé"):
        expect(page.locator("main")).to_contain_text(fact)
    video = page.locator("video")
    assert video.get_attribute("controls") is not None
    expect(_part(page, "deck")).to_be_hidden()
    expect(_part(page, "big")).to_be_hidden()
    text, picture = page.locator("h1").bounding_box(), video.bounding_box()
    assert text
    assert picture
    assert text["y"] < picture["y"], "the incident's text precedes its player"
    assert picture["width"] == PHONE[0]
    video.focus()
    page.keyboard.press("Space")
    wait_until(lambda: video.evaluate("(video) => video.currentTime") > 0.2, "it plays")


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_the_page_weighs_little_and_does_not_move(
    window: Windows, vigint: Installation, footage: Footage, size: tuple[int, int]
) -> None:
    times = [START.timestamp() + n / 10 for n in range(10)]
    document = incident_document(footage.frames(10, "1280x720"), recipients=[])
    for frame, moment in zip(document["frames"], times, strict=True):
        frame["timestamp"] = moment
    accepted = vigint.post(document)
    vigint.finished(accepted)
    page = window(size=size)
    asked: dict[str, str] = {}
    weights: dict[str, int] = {}
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.on(
        "Network.requestWillBeSent",
        lambda event: asked.update({event["requestId"]: event["request"]["url"]}),
    )
    devtools.on(
        "Network.loadingFinished",
        lambda event: weights.update({asked[event["requestId"]]: event["encodedDataLength"]}),
    )
    page.add_init_script(_TELL_SHIFTS)
    page.goto(accepted["private_link"].replace(vigint.served_url, vigint.url))
    expect(_part(page, "play")).to_be_visible()
    page.wait_for_load_state("networkidle")
    large = sum(size for url, size in weights.items() if url.endswith("/thumbnail/"))
    first = sum(weights.values()) - large
    print(f"{size}: {first} bytes, and {large} of a picture that nobody waits for")
    assert any("size=small" in url for url in weights), "the poster is counted"
    assert first < _WEIGHT, weights
    assert (large > 0) == (size == DESKTOP), "a phone gets the small picture only"
    assert page.evaluate("window.moved") < 0.01
    assert not any("/stream/" in url for url in asked.values()), "no video unasked"


def test_a_player_that_arrives_later_works(player: Page) -> None:
    player.evaluate(
        """async () => {
          const page = await (await fetch(location.href)).text();
          const fresh = new DOMParser().parseFromString(page, "text/html");
          const old = document.querySelector("[data-player]");
          const added = document.adoptNode(fresh.querySelector("[data-player]"));
          old.replaceWith(added);
          document.dispatchEvent(new CustomEvent("vigint:changed", { detail: added }));
        }"""
    )
    expect(_part(player, "play")).to_be_visible()
    _part(player, "play").click()
    _plays(player)
    player.evaluate("document.activeElement.blur()")
    player.keyboard.press("k")
    _paused(player)


def test_what_cannot_be_loaded_is_told_and_tried_again(
    window: Windows, source: str, vigint: Installation
) -> None:
    page = window(logged_in=True, expected=("Failed to load resource",))
    page.goto(source)
    page.route("**/stream", lambda route: route.abort())
    _part(page, "big").click()
    expect(_part(page, "fault")).to_contain_text("n’a pas pu être chargée")
    page.unroute("**/stream")
    _part(page, "retry").click()
    expect(_part(page, "fault")).to_be_hidden()
    _plays(page)


def test_the_clock_beside_the_video_jumps_where_nothing_was_filmed(
    window: Windows, vigint: Installation, post: Post, footage: Footage
) -> None:
    ended = post(video=footage.clip("gap-20.mp4", seconds=20).read_bytes())
    vigint.sql(
        "UPDATE videos SET recorded_at = '2026-11-21 13:30:05.000000',"
        """ gaps = '[{"at": 8.0, "left_out": 5000.0}]' WHERE public_id = ?""",
        ended["video_id"],
    )
    page = window(logged_in=True)
    page.goto(f"/incidents/{ended['reference']}/")
    for seconds, moment in ((7, "13:30:12.000Z"), (9, "14:53:34.000Z"), (7, "13:30:12.000Z")):
        _part(page, "seek").fill(str(seconds))
        _at(page, seconds)
        expect(_part(page, "clock")).to_have_attribute("datetime", f"2026-11-21T{moment}")
