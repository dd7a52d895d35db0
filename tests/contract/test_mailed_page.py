"""Contracts, section 4: the page of a mailed link, its state, and what counts as a view."""

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import Clock, renew
from tests.library import ACTOR, Library
from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.i18n.sentences import failure_sentence
from vigint_web.models import Access, Link, Video, VideoStatus
from vigint_web.services.links import access, links


@pytest.fixture
def video(library: Library) -> Video:
    return library.incident()


@pytest.fixture
def token(library: Library, video: Video) -> str:
    return library.person_token(video)


def _page(video: Video, token: str) -> str:
    return f"/video/{video.public_id}?token={token}"


def _state(client: FlaskClient, video: Video, token: str, view: str = "") -> dict[str, Any]:
    answer = client.get(f"/video/{video.public_id}/state?token={token}&view={view}")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "private, no-store"
    return dict(answer.get_json())


def _views(token: str) -> int:
    renew()
    link = access.find_link(token)
    assert link is not None
    return link.views


def test_the_page_plays_by_its_own_view_and_asks_for_its_state(
    client: FlaskClient, video: Video, token: str
) -> None:
    answer = client.get(_page(video, token))
    assert answer.status_code == 200
    assert 'lang="fr"' in answer.text, "French first"
    element = re.search(r"<video\b[^>]*>", answer.text)
    assert element, "the page has a player"
    assert "playsinline" in element.group(0)
    assert 'preload="none"' in element.group(0)
    source = re.search(r'src="([^"]+)"', element.group(0))
    assert source
    stream = unescape(source.group(1))
    assert stream.startswith(f"/stream/{token}/?view=")
    assert len(stream.partition("view=")[2]) >= 16, "a view has an unguessable name"
    assert client.get(stream, headers={"Range": "bytes=0-1"}).status_code == 206
    state = re.search(r'data-state="([^"]+)"', answer.text)
    assert state
    assert client.get(unescape(state.group(1))).get_json()["alive"] is True
    assert 'data-status="ready"' in answer.text
    for fact in ("Intrusion", "Mouvement suspect", "Quai 2", "Europe/Paris"):
        assert fact in answer.text, f"the page does not say {fact}"


def test_the_page_tells_nobody_where_it_was(client: FlaskClient, video: Video, token: str) -> None:
    headers = client.get(_page(video, token)).headers
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "private, no-store"
    assert "noindex" in headers["X-Robots-Tag"]
    assert headers["X-Frame-Options"] == "DENY"
    [cookie] = headers.getlist("Set-Cookie")
    assert cookie.startswith("vigint_visitor="), "a recipient has no session"


def test_a_token_of_another_video_opens_nothing(
    client: FlaskClient, library: Library, video: Video, token: str
) -> None:
    other = library.incident(b"another clip")
    assert client.get(_page(other, token)).status_code == 404
    assert client.get(_page(video, "forged")).status_code == 404
    assert client.get(f"/video/{video.public_id}").status_code == 404
    state = _state(client, other, token)
    assert (state["alive"], state["code"]) == (False, "not_found")
    assert "Intrusion" not in client.get(_page(other, token)).text


@pytest.mark.parametrize(
    ("values", "status", "code"),
    [
        ({"expires_at": -1}, 410, "link_expired"),
        ({"revoked_at": -1}, 410, "link_revoked"),
        ({"not_before": 3600}, 403, "link_not_yet_valid"),
        ({"max_views": 0}, 410, "link_used_up"),
    ],
)
def test_a_dead_link_is_a_page_that_says_so(
    client: FlaskClient,
    library: Library,
    video: Video,
    token: str,
    values: dict[str, int],
    status: int,
    code: str,
) -> None:
    moments: dict[str, Any] = {
        name: value if name == "max_views" else utcnow() + timedelta(seconds=value)
        for name, value in values.items()
    }
    library.change_link(token, **moments)
    page = client.get(_page(video, token))
    assert (page.status_code, page.mimetype) == (status, "text/html")
    assert "<video" not in page.text
    assert "Intrusion" not in page.text, "an ended link reveals nothing of the incident"
    state = _state(client, video, token)
    assert (state["alive"], state["code"]) == (False, code)
    # The first sentence may be the title.
    first, _, rest = state["sentence"].partition(". ")
    assert first in unescape(page.text), "the page says the same"
    if code != "link_not_yet_valid":  # that page gives the time instead
        assert unescape(page.text).count(rest or first) == 1, "once"
    assert state["page"] == page.text, "an open page can show what the address shows"


def test_a_link_that_is_not_valid_yet_says_from_when(
    client: FlaskClient, library: Library, video: Video, token: str
) -> None:
    library.change_link(token, not_before=datetime(2099, 3, 1, 7, 30, tzinfo=UTC))
    page = client.get(_page(video, token))
    assert page.status_code == 403
    assert re.search(r"1er\smars\s2099,\s08:30", page.text), "in the zone of the installation"
    assert _state(client, video, token)["page"] == page.text


def test_being_prepared_and_failed(client: FlaskClient, library: Library) -> None:
    for status, code in (
        (VideoStatus.PROCESSING, "processing"),
        (VideoStatus.FAILED, "failed"),
    ):
        video = library.incident(code.encode(), status=status, error_code="broken")
        token = library.person_token(video)
        page = client.get(_page(video, token))
        assert page.status_code == 409
        assert f'data-status="{code}"' in page.text
        assert "<video" not in page.text
        assert ("Retry-After" in page.headers) == (code == "processing")
        # Advice about exporting a file is for operators: a recipient uploads nothing.
        advice = str(failure_sentence("broken"))
        assert advice not in unescape(page.text)
        assert ("Contactez la personne" in page.text) == (code == "failed")
        assert _state(client, video, token)["status"] == code


def test_the_state_follows_a_revocation_at_once(
    client: FlaskClient, video: Video, token: str
) -> None:
    assert _state(client, video, token)["alive"] is True
    link = access.find_link(token)
    assert link is not None
    links.revoke_link(ACTOR, link.id, "wrong address")
    state = _state(client, video, token)
    assert (state["alive"], state["code"]) == (False, "link_revoked")
    assert "wrong address" not in str(state), "the reason is for operators"


def test_opening_the_page_is_logged_and_no_view_playing_is_one(
    client: FlaskClient, library: Library, video: Video, token: str
) -> None:
    one, other = library.view(token), library.view(token)
    client.get(_page(video, token), headers={"User-Agent": "a mail scanner"})
    client.delete_cookie("vigint_visitor")  # names for a browser without cookies
    client.head(f"/stream/{token}/?view={one}")
    client.get(f"/api/video/{token}/thumbnail/")
    for _ in range(3):
        _state(client, video, token, one)
    assert _views(token) == 0
    for part in ("bytes=0-1", "bytes=0-", "bytes=1048576-"):
        client.get(f"/stream/{token}/?view={one}", headers={"Range": part})
    assert _views(token) == 1, "all ranges of one playing are one view"
    client.get(f"/stream/{token}/?view={other}", headers={"Range": "bytes=0-1"})
    assert _views(token) == 2
    seen = Counter(access.what for access in db.session.query(Access))
    assert seen == {"page": 1, "stream": 5, "thumbnail": 1}, "a poll is no access"
    first = db.session.query(Access).order_by(Access.id).first()
    assert first is not None
    assert (first.user_agent, first.address) == ("a mail scanner", "127.0.0.1")


def test_a_programs_reading_counts_no_view(client: FlaskClient, library: Library) -> None:
    token = library.program_token(library.source())
    client.get(f"/stream/{token}/")
    assert _views(token) == 0


def test_a_player_without_view_is_one_visitor(
    client: FlaskClient, library: Library, video: Video
) -> None:
    token = library.person_token(video, max_views=1)
    for _ in range(3):
        assert client.get(f"/stream/{token}/", headers={"User-Agent": "VLC"}).status_code == 200
    other = client.get(f"/stream/{token}/", headers={"User-Agent": "mpv"})
    assert other.status_code == 410
    assert _views(token) == 1


def test_a_play_ends_after_half_an_hour_of_silence(
    client: FlaskClient, library: Library, video: Video, clock: Clock
) -> None:
    token = library.person_token(video, max_views=2)
    path = f"/stream/{token}/?view={library.view(token)}"
    assert client.get(path).status_code == 200
    clock.forward(minutes=20)
    assert client.get(path).status_code == 200
    clock.forward(minutes=20)
    assert client.get(path).status_code == 200, "it was silent for 20 minutes only"
    assert _views(token) == 1
    clock.forward(minutes=31)
    assert client.get(path).status_code == 200
    assert _views(token) == 2
    clock.forward(minutes=31)
    assert client.get(path).status_code == 410


def test_the_last_play_goes_on_although_no_other_may_begin(
    client: FlaskClient, library: Library, video: Video
) -> None:
    token = library.person_token(video, max_views=1)
    mine, other = library.view(token), library.view(token)
    client.get(f"/stream/{token}/?view={mine}")
    assert _state(client, video, token, mine)["alive"] is True
    assert _state(client, video, token, other)["code"] == "link_used_up"
    assert client.get(_page(video, token)).status_code == 410


def _race(app: Flask, requests: list[str]) -> Counter[int]:
    def ask(path: str) -> int:
        return app.test_client().get(path, headers={"Range": "bytes=0-1"}).status_code

    with ThreadPoolExecutor(25) as pool:
        return Counter(pool.map(ask, requests))


def test_of_a_hundred_first_requests_at_once_three_are_admitted(
    app: Flask, library: Library, video: Video
) -> None:
    token = library.person_token(video, max_views=3)
    found = _race(app, [f"/stream/{token}/?view={library.view(token)}" for _ in range(100)])
    assert found == {206: 3, 410: 97}
    assert _views(token) == 3


def test_parallel_ranges_of_one_play_are_one_view(
    app: Flask, library: Library, video: Video
) -> None:
    token = library.person_token(video, max_views=1)
    assert _race(app, [f"/stream/{token}/?view={library.view(token)}"] * 20) == {206: 20}
    assert _views(token) == 1
    assert db.session.query(Link).filter(Link.views > 1).count() == 0


# Characters that mail programs, and people who copy, append to an address or put around it.
EXTENSIONS = [
    ".", "..", ")", ").", ">", "%3E", "%20", "+", ",", ";", "%3B", "!", "?", ":", "'", "%22", "%27",
    "%E2%80%99", "%C2%BB", "%C2%A0%C2%BB", "%0D%0A", "%E2%80%8B", "%5D", "*", "&gt;",
    "&quot;", "%26gt%3B", "|", "%3C/a%3E", "%29.%20Cordialement",
]  # fmt: skip


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_an_address_that_a_mail_program_extended_leads_to_the_page(
    client: FlaskClient, video: Video, token: str, extension: str
) -> None:
    answer = client.get(_page(video, token) + extension)
    if answer.status_code == 302:
        assert answer.headers["Location"].endswith(_page(video, token))
        assert answer.headers["Cache-Control"] == "private, no-store"
        answer = client.get(answer.headers["Location"])
    assert answer.status_code == 200
    assert "<video" in answer.text
    if not extension.startswith("&"):
        assert client.get(f"/stream/{token}{extension.replace('?', '%3F')}/").status_code == 404


def test_only_the_videos_own_token_leads_to_its_page(
    client: FlaskClient, library: Library, video: Video, token: str
) -> None:
    other = library.incident()
    forged = token[:-5] + ("AAAAA" if token[-5:] != "AAAAA" else "BBBBB")
    for name, tried in ((other, token), (video, forged), (video, token + "a"), (video, "." + "a")):
        assert client.get(_page(name, tried) + ".").status_code == 404
    library.expire(token)
    answer = client.get(_page(video, token) + ")")
    assert client.get(answer.headers["Location"]).status_code == 410
