"""A play is bound to its visitor: it cannot be joined, it ends, downloads count."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.helpers import Clock, renew
from tests.library import Library
from vigint_web.extensions import db
from vigint_web.models import Access, Playback, Video
from vigint_web.services.links import access

pytestmark = pytest.mark.both_databases(reason="views are counted by upsert")

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1"


@pytest.fixture
def video(library: Library) -> Video:
    return library.incident()


@pytest.fixture
def browsers(app: Flask) -> Callable[[], FlaskClient]:
    def browser() -> FlaskClient:
        made = app.test_client()
        made.environ_base["HTTP_USER_AGENT"] = PHONE
        return made

    return browser


def _open(browser: FlaskClient, video: Video, token: str) -> str:
    """Open the page of a link, and return its player's address."""
    page = browser.get(f"/video/{video.public_id}?token={token}")
    assert page.status_code == 200
    found = re.search(r'src="(/stream/[^"]+)"', page.text)
    assert found
    return unescape(found.group(1))


def _probe(browser: FlaskClient, address: str, **options: Any) -> int:
    return browser.get(address, headers={"Range": "bytes=0-1"}, **options).status_code


def _views(token: str) -> int:
    renew()
    link = access.find_link(token)
    assert link is not None
    return link.views


def test_a_shared_view_is_nobody_elses(
    browsers: Callable[[], FlaskClient], library: Library, video: Video
) -> None:
    token = library.person_token(video, max_views=2)
    mine, colleague, stranger = browsers(), browsers(), browsers()
    address = _open(mine, video, token)
    _open(colleague, video, token)
    assert _probe(mine, address) == 206
    assert _probe(colleague, address) == 206, "the colleague's own play, by another name"
    assert _views(token) == 2, "the colleague of the same office joined"
    assert _probe(stranger, address) == 410, "without a cookie, from the same address"
    assert _probe(stranger, address, environ_overrides={"REMOTE_ADDR": "198.51.100.9"}) == 410
    assert _probe(mine, address) == 206
    assert _views(token) == 2


def test_a_change_of_network_ends_no_play(
    browsers: Callable[[], FlaskClient], library: Library, video: Video
) -> None:
    token = library.person_token(video, max_views=1)
    browser = browsers()
    address = _open(browser, video, token)
    assert _probe(browser, address) == 206
    for place in ("198.51.100.9", "2001:db8::7"):
        assert _probe(browser, address, environ_overrides={"REMOTE_ADDR": place}) == 206, place
    assert _views(token) == 1


def test_a_browser_without_cookies_plays(
    browsers: Callable[[], FlaskClient], library: Library, video: Video
) -> None:
    token = library.person_token(video, max_views=1)
    browser = browsers()
    address = _open(browser, video, token)
    browser.delete_cookie("vigint_visitor")
    for _ in range(3):
        assert _probe(browser, address) == 206
    assert _views(token) == 1
    elsewhere = {"REMOTE_ADDR": "198.51.100.9"}
    assert _probe(browser, address, environ_overrides=elsewhere) == 410, "nothing says who it is"


def test_a_view_of_ones_own_making_is_none(
    browsers: Callable[[], FlaskClient], library: Library, video: Video
) -> None:
    token = library.person_token(video, max_views=1)
    browser = browsers()
    for made in ("one", "two", "v" + "A" * 44, "x" * 500, "~", "é"):
        assert _probe(browser, f"/stream/{token}/?view={made}") == 206, made
    assert _views(token) == 1, "all are the one play of who names none"
    assert {row.view for row in db.session.query(Access)} == {None}, "a stranger's text was kept"


def test_continued_for_ever_a_play_ends_all_the_same(
    browsers: Callable[[], FlaskClient], library: Library, video: Video, clock: Clock
) -> None:
    token = library.person_token(video, max_views=1, hours=500)
    browser = browsers()
    address = _open(browser, video, token)
    for _ in range(6):
        assert _probe(browser, address) == 206
        clock.forward(minutes=20)
    assert _probe(browser, address) == 410, "it slides on for ever"
    state = address.replace(f"/stream/{token}/?", f"/video/{video.public_id}/state?token={token}&")
    assert browser.get(state).get_json()["code"] == "link_used_up"


def test_the_page_goes_on_in_a_second_play_where_one_is_left(
    browsers: Callable[[], FlaskClient], library: Library, video: Video, clock: Clock
) -> None:
    token = library.person_token(video, max_views=2)
    browser = browsers()
    address = _open(browser, video, token)
    assert _probe(browser, address) == 206
    clock.forward(minutes=31)
    state = address.replace(f"/stream/{token}/?", f"/video/{video.public_id}/state?token={token}&")
    for _ in range(3):
        assert _probe(browser, address) == 206
        assert browser.get(state).get_json()["alive"] is True, "the page stops what plays"
    assert _views(token) == 2


def test_downloads_count_unless_made_within_a_play(
    browsers: Callable[[], FlaskClient], library: Library, video: Video, clock: Clock
) -> None:
    token = library.person_token(video, max_views=2, full_access=True)
    download = f"/api/video/{token}/download/"
    viewer, program = browsers(), browsers()
    assert viewer.head(download).status_code == 200
    assert _views(token) == 0, "asking for the head is no play"
    assert _probe(viewer, _open(viewer, video, token)) == 206
    for _ in range(3):
        assert viewer.get(download).status_code == 200
    assert _views(token) == 1, "made within the play"
    for first in (0, 100, 200):  # in parts, like programs that resume
        part = {"Range": f"bytes={first}-{first + 99}", "User-Agent": "curl/8"}
        assert program.get(download, headers=part).status_code == 206
    assert _views(token) == 2
    assert program.get(download, headers={"User-Agent": "wget"}).status_code == 410
    assert viewer.get(download).status_code == 200, "within the play, which goes on"
    assert viewer.head(download).status_code == 200
    clock.forward(minutes=31)
    assert viewer.get(download).status_code == 410, "which has ended"
    assert _views(token) == 2


def test_programs_count_nothing_and_carry_no_cookie(client: FlaskClient, library: Library) -> None:
    token = library.program_token(library.source())
    answers: list[TestResponse] = [
        client.get(f"/stream/{token}/"),
        client.get(f"/stream/{token}/?view=one"),
        client.get(f"/api/video/{token}/download/"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert not any("Set-Cookie" in answer.headers for answer in answers)
    assert _views(token) == 0


def test_a_page_of_before_the_upgrade_plays_on(
    browsers: Callable[[], FlaskClient], library: Library, video: Video
) -> None:
    token = library.person_token(video, max_views=1)
    link = access.find_link(token)
    assert link is not None
    browser = browsers()
    address = f"/stream/{token}/?view=Zx81-sixteen_let"
    row = Playback(
        link_id=link.id, view="Zx81-sixteen_let", address="127.0.0.1", user_agent=PHONE
    )  # fmt: skip
    db.session.add(row)
    link.views = 1
    db.session.commit()
    assert _probe(browser, address) == 206
    assert _views(token) == 1
    assert _probe(browser, address, environ_overrides={"REMOTE_ADDR": "198.51.100.9"}) == 410


def test_the_cookie_is_only_for_requests(
    browsers: Callable[[], FlaskClient], library: Library, video: Video
) -> None:
    page = browsers().get(f"/video/{video.public_id}?token={library.person_token(video)}")
    [cookie] = [line for line in page.headers.getlist("Set-Cookie") if "visitor" in line]
    for part in ("HttpOnly", "SameSite=Lax", "Path=/"):
        assert part in cookie
