"""A link with a limit of plays: exactly that many begin, with any number of concurrent
requests.
"""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.helpers import Clock, renew
from tests.library import ACTOR, Library
from vigint_web.errors import LinkRefused
from vigint_web.extensions import db
from vigint_web.http.base.errors import STATUSES
from vigint_web.models import Access, Link, Playback
from vigint_web.services.core.actors import Visitor
from vigint_web.services.links import access, links, plays
from vigint_web.services.links.rules import Opening

pytestmark = pytest.mark.both_databases(reason="views are counted under a lock")

LIMIT, ASKED = 3, 100
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1"


@pytest.fixture
def link(library: Library) -> Link:
    """Provide a link that may be watched three times."""
    return library.person_link(library.incident(), max_views=LIMIT)


def _together(count: int, ask: Callable[[int], str]) -> Counter[str]:
    """Send concurrent requests from as many threads; return the number of each answer."""
    gate = threading.Barrier(count)

    def run(number: int) -> str:
        gate.wait(60)
        return ask(number)

    with ThreadPoolExecutor(count) as pool:
        return Counter(pool.map(run, range(count)))


def _views(link: Link) -> tuple[int, int]:
    renew()
    begun = db.session.query(Playback).filter_by(link_id=link.id).count()
    return links.get_link(ACTOR, link.id).views, begun


def _play(app: Flask, token: str, visitor: Visitor, view: str | None) -> str:
    with app.app_context():
        try:
            access.open_link(token, Opening.STREAM, visitor, statuses=STATUSES, view=view)
        except LinkRefused as refused:
            return refused.code
        finally:
            db.session.remove()
    return "plays"


@pytest.mark.parametrize("named", [True, False], ids=["with view", "without view"])
def test_of_a_hundred_at_the_same_moment_three_play(app: Flask, link: Link, named: bool) -> None:
    token, phone = links.token_of(link), Visitor("192.0.2.7", PHONE)
    views = [plays.new_view(link, phone) for _ in range(ASKED)]

    def ask(first: int, place: int) -> str:
        number = first + place
        visitor = phone if named else Visitor("192.0.2.7", f"{PHONE} {number}")
        return _play(app, token, visitor, views[number] if named else None)

    # As many as a web process has threads; the databases' own limits are not tested.
    answers: Counter[str] = Counter()
    for first in range(0, ASKED, 20):
        answers += _together(20, partial(ask, first))
    assert answers == {"plays": LIMIT, "link_used_up": ASKED - LIMIT}
    assert _views(link) == (LIMIT, LIMIT)


def test_a_hundred_ranges_of_one_play_at_the_same_moment_are_one(app: Flask, link: Link) -> None:
    token, visitor = links.token_of(link), Visitor("192.0.2.7", PHONE)

    def ask(view: str | None, _number: int) -> str:
        return _play(app, token, visitor, view)

    for view in (plays.new_view(link, visitor), None):
        answers = _together(20, partial(ask, view))
        assert answers == {"plays": 20}
    assert _views(link) == (2, 2)


def test_asking_for_the_head_is_no_play(client: FlaskClient, library: Library, link: Link) -> None:
    token = links.token_of(link)
    address = f"/stream/{token}/"
    for _ in range(5):
        for query in (f"?view={library.view(token)}", ""):
            assert client.head(address + query).status_code == 200
    assert _views(link) == (0, 0)
    for _ in range(LIMIT):
        assert client.get(f"{address}?view={library.view(token)}").status_code == 200
    assert client.head(address).status_code == 410, "used up, also for HEAD"
    assert _views(link) == (LIMIT, LIMIT)


def test_what_is_refused_for_another_reason_uses_nothing_up(
    client: FlaskClient, library: Library
) -> None:
    link = library.person_link(library.incident(status="processing"), max_views=1)
    address = f"/stream/{links.token_of(link)}/?view=one"
    assert client.get(address).status_code == 409
    assert client.get(f"/api/video/{links.token_of(link)}/download/").status_code == 403
    assert _views(link) == (0, 0)


def test_a_play_goes_on_when_no_other_may_begin(
    client: FlaskClient, library: Library, link: Link
) -> None:
    token = links.token_of(link)
    address = f"/stream/{token}/"
    views = [library.view(token) for _ in range(LIMIT)]
    for view in (*views, *views):
        part = client.get(f"{address}?view={view}", headers={"Range": "bytes=0-9"})
        assert (part.status_code, len(part.data)) == (206, 10)
    for other in ("?view=another", "", "?view=", "?view=~not-a-name", f"?view={'x' * 65}"):
        refused = client.get(address + other, headers={"Range": "bytes=0-9"})
        assert (refused.status_code, refused.get_json()["code"]) == (410, "link_used_up"), other
    for view in views:
        assert client.get(f"{address}?view={view}").status_code == 200, "it goes on all the same"
    assert _views(link) == (LIMIT, LIMIT)


@pytest.mark.parametrize("named", [True, False])
def test_half_an_hour_of_silence_ends_a_play(
    client: FlaskClient, library: Library, clock: Clock, named: bool
) -> None:
    link = library.person_link(library.incident(), max_views=2)
    token = links.token_of(link)
    view = library.view(token, user_agent=PHONE)
    address = f"/stream/{token}/" + (f"?view={view}" if named else "")

    def plays() -> int:
        return client.get(address, headers={"User-Agent": PHONE}).status_code

    assert plays() == 200
    for _ in range(4):  # a long video with pauses is one play
        clock.forward(minutes=29)
        assert plays() == 200
    assert _views(link)[0] == 1
    clock.forward(minutes=31)
    assert plays() == 200
    assert _views(link) == (2, 2)
    clock.forward(minutes=31)
    assert plays() == 410, "a third play"
    assert _views(link) == (2, 2)
    refused = db.session.query(Access).filter_by(code="link_used_up").count()
    assert refused == 1, "it is in the log"


def test_the_page_of_a_used_up_link_goes_on_while_its_play_does(
    client: FlaskClient, library: Library, clock: Clock
) -> None:
    video = library.incident()
    token = library.person_token(video, max_views=1)

    one, other = library.view(token), library.view(token)

    def code(view: str) -> str | None:
        address = f"/video/{video.public_id}/state?token={token}&view={view}"
        answer: str | None = client.get(address).get_json()["code"]
        return answer

    assert code(one) is None
    assert client.get(f"/stream/{token}/?view={one}").status_code == 200
    clock.forward(minutes=29)
    assert (code(one), code(other)) == (None, "link_used_up")
    clock.forward(minutes=2)
    assert code(one) == "link_used_up", "that play has ended"
