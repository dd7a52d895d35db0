"""Any track of a file that is played: it is one play, and the log has the parts sent."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.helpers import Person, mails, renew
from tests.library import ACTOR, STREAMED, Library
from vigint_web.config.config import Config
from vigint_web.extensions import db
from vigint_web.models import Access, Audience, AuditEvent, Link, Role, Video
from vigint_web.serializers.read_api import access_document
from vigint_web.services.accounts import users
from vigint_web.services.core.actors import as_user
from vigint_web.services.core.transactions import transaction
from vigint_web.services.links import links, plays
from vigint_web.services.links.rules import Opening
from vigint_web.services.sources.access_log import page_of_readings

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile Safari/604.1"


@pytest.fixture
def video(library: Library) -> Video:
    """Provide a video of 100 s with two tracks: 2 MiB, and a rear one of 1,000 bytes."""
    made = library.incident(duration=100.0)
    library.keep_track(made, STREAMED[:1000])
    return made


class Visit:
    """One visitor who opened the page of a link."""

    def __init__(self, client: FlaskClient, library: Library, link: Link) -> None:
        self._client, self._token = client, links.token_of(link)
        self.view = library.view(self._token, user_agent=PHONE)

    def opens(self, video: Video, track: int) -> TestResponse:
        """Choose a track on the page."""
        address = f"/video/{video.public_id}?token={self._token}&view={self.view}&track={track}"
        return self._client.get(address, headers={"User-Agent": PHONE})

    def plays(self, track: int | str | None = None, *, first: int = 0, last: int = 99) -> int:
        """Request bytes of a track; return the status."""
        return self.asks(track, Range=f"bytes={first}-{last}").status_code

    def asks(self, track: int | str | None = None, **headers: str) -> TestResponse:
        """Request a track like the player."""
        chosen = "" if track is None else f"&track={track}"
        address = f"/stream/{self._token}/?view={self.view}{chosen}"
        return self._client.get(address, headers={"User-Agent": PHONE, **headers})


@pytest.fixture
def visit(client: FlaskClient, library: Library) -> Callable[[Link], Visit]:
    """Provide a function that opens a link as a visitor."""
    return lambda link: Visit(client, library, link)


def _play(link: Link) -> plays.Play:
    renew()
    [play] = plays.plays_of_link(links.get_link(ACTOR, link.id))
    return play


def test_the_first_play_of_the_rear_picture_is_the_first_play(
    video: Video, visit: Callable[[Link], Visit], work: Callable[[], None], config: Config
) -> None:
    chief = users.create_user(ACTOR, "chef@example.com", "correct horse battery", Role.OPERATOR)
    link = links.mint_link(
        as_user(chief), video, Audience.PERSON, recipient="garde@example.com", hours=48
    )
    assert visit(link).plays(2) == 206
    renew()
    link = links.get_link(ACTOR, link.id)
    assert (link.views, link.first_played_at is not None) == (1, True)
    work()
    assert [mail["To"] for mail in mails(config)] == ["chef@example.com"]


def test_both_pictures_in_one_visit_are_one_play(
    video: Video, library: Library, visit: Callable[[Link], Visit]
) -> None:
    link = library.person_link(video, max_views=1)
    guest = visit(link)
    assert [guest.plays(track) for track in (None, 2, "1", 2)] == [206] * 4
    assert _play(link).sent == 400
    assert links.get_link(ACTOR, link.id).views == 1
    # The page of the other track belongs to the same play, although no other may begin.
    chosen = guest.opens(video, 2)
    assert chosen.status_code == 200
    assert f"view={guest.view}&amp;track=2" in chosen.text


def test_what_was_watched_is_counted_in_the_time_of_each_picture(
    video: Video, library: Library, visit: Callable[[Link], Visit]
) -> None:
    link = library.person_link(video)
    guest = visit(link)
    guest.plays(2, first=500, last=749)
    assert _play(link).parts == [(50.0, 75.0)], "bytes of the rear picture, of its own size"
    half = len(STREAMED) * 6 // 10
    guest.plays(1, first=0, last=half - 1)
    play = _play(link)
    assert play.parts == [(0.0, 75.0)], "the same seconds from two sides are watched once"
    assert play.read == 75.0
    assert play.sent == 250 + half


def test_the_log_names_the_picture(
    video: Video, library: Library, visit: Callable[[Link], Visit]
) -> None:
    link = library.person_link(video)
    guest = visit(link)
    guest.plays(2, first=500, last=999)
    guest.plays(1)
    renew()
    rows = db.session.query(Access).filter_by(what=Opening.STREAM).order_by(Access.id).all()
    assert [(row.track, row.first_byte, row.last_byte) for row in rows] == [
        (2, 500, 999), (None, 0, 99),
    ]  # fmt: skip
    assert [access_document(row)["track"] for row in rows] == [2, None]
    shares = [reading.share for reading in page_of_readings(video).rows]
    assert shares == [100 / len(STREAMED), 0.5], "of the bytes of its own picture"


@pytest.mark.parametrize("track", ["3", "0", "-1", "two", "2.0", ""])
def test_a_picture_that_is_not_there_is_no_play(
    video: Video, library: Library, visit: Callable[[Link], Visit], track: str
) -> None:
    link = library.person_link(video, max_views=1)
    assert visit(link).plays(track) == 404
    renew()
    link = links.get_link(ACTOR, link.id)
    assert (link.views, link.first_played_at) == (0, None)
    [row] = db.session.query(Access).all()
    assert (row.status, row.code) == (404, "not_found"), "who tried is in the log"


def test_a_picture_whose_link_is_revoked_is_refused_alike(
    video: Video, library: Library, visit: Callable[[Link], Visit]
) -> None:
    link = library.person_link(video)
    guest = visit(link)
    assert guest.plays(2) == 206
    links.revoke_link(ACTOR, link.id)
    for track in (None, 2, 3):
        answer = guest.asks(track)
        assert (answer.status_code, answer.get_json()["code"]) == (410, "link_revoked")


def test_playing_the_rear_picture_by_login_is_told(
    video: Video, people: Callable[[Role], Person]
) -> None:
    viewer = people(Role.VIEWER)
    address = f"/videos/{video.public_id}/stream"
    assert viewer.browser.get(f"{address}?track=3").status_code == 404
    assert db.session.query(AuditEvent).filter_by(action="video:played").count() == 0
    for track in (2, 1, 2):
        assert viewer.browser.get(f"{address}?track={track}").status_code == 200
    renew()
    assert db.session.query(AuditEvent).filter_by(action="video:played").count() == 1


def test_a_log_of_before_tells_what_it_told(
    video: Video, library: Library, visit: Callable[[Link], Visit]
) -> None:
    link = library.person_link(video)
    visit(link).plays(2)
    with transaction() as session:  # as the previous version wrote it
        session.query(Access).update({"track": None, "first_byte": None, "last_byte": None})
    assert (_play(link).sent, _play(link).parts) == (0, [])
