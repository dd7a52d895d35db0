"""Later ranges are answered by a short way: as the whole application answers, and not less."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select

from tests.helpers import Clock, Person, renew
from tests.library import ACTOR, Library
from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import Access, Audience, Link, Playback, Role, Video, VideoStatus
from vigint_web.services.core.runtime import storage
from vigint_web.services.core.transactions import transaction
from vigint_web.services.links.access_writer import AccessWriter
from vigint_web.services.links.grants import find_grant
from vigint_web.services.links.links import mint_link, token_of

pytestmark = pytest.mark.both_databases(reason="its read is compiled for each")
ONE_DATABASE = pytest.mark.only_sqlite(reason="nothing here is asked of the database")

RANGE = {"Range": "bytes=100-299"}
MARK = "A" * 22
PAST, FUTURE = datetime(2020, 1, 1, tzinfo=UTC), datetime(2090, 1, 1, tzinfo=UTC)
_FIND = "vigint_web.http.streaming.later_ranges.find_grant"


@pytest.fixture
def short_way(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Record for each request that may take the short way whether it does."""
    taken: list[bool] = []

    def record(*given: Any) -> Any:
        found = find_grant(*given)
        taken.append(found is not None)
        return found

    monkeypatch.setattr(_FIND, record)
    return taken


@pytest.fixture
def whole_way(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Provide a function that closes the short way, and opens it."""

    def close(closed: bool) -> None:
        monkeypatch.setattr(_FIND, (lambda *_: None) if closed else find_grant)

    return close


def _ask(client: FlaskClient, token: str, query: str = "", **more: Any) -> Any:
    headers = {"Host": "vigint.test", **RANGE, **more.pop("headers", {})}
    method = more.pop("method", "GET")
    return client.open(f"/stream/{token}/{query}", method=method, headers=headers, **more)


class Subject:
    """A link of its own, and what a request with it changes."""

    def __init__(self, library: Library, video: Video, *, program: bool, **options: Any) -> None:
        self.link: Link = (
            library.person_link(video, **options) if not program else _program(video, **options)
        )
        self.token = token_of(self.link)
        self.view = library.view(self.token)

    def told(self, answer: Any) -> tuple[Any, ...]:
        """Return an answer and what is recorded, without what differs from link to link."""
        renew()
        headers = {k: v for k, v in answer.headers.items() if k != "X-Request-ID"}
        body = answer.data.replace(self.token.encode(), b"TOKEN")
        rows = db.session.scalars(select(Access).where(Access.link_id == self.link.id))
        accesses = [
            (
                row.what, row.status, row.code, row.view == self.view, row.view is None,
                row.first_byte, row.last_byte, row.track, row.address, row.user_agent,
            )
            for row in rows
        ]  # fmt: skip
        plays = db.session.scalars(select(Playback).where(Playback.link_id == self.link.id))
        names = sorted((play.view == self.view, play.visitor, play.automated) for play in plays)
        link = db.session.get(Link, self.link.id)
        views = None if link is None else link.views
        return answer.status, headers, body, accesses, names, views


def _program(video: Video, **options: Any) -> Link:
    return mint_link(ACTOR, video, Audience.PROGRAM, **options)


def _plays(subject: Subject) -> list[Playback]:
    asked = select(Playback).where(Playback.link_id == subject.link.id)
    return list(db.session.scalars(asked))


def _end_play(subject: Subject) -> None:
    with transaction():
        for play in _plays(subject):
            play.started_at -= timedelta(days=2)
            play.last_at -= timedelta(days=2)


def _end_play_of_used_up(subject: Subject) -> None:
    _change(max_views=1)(subject)
    _end_play(subject)


def _silence(subject: Subject) -> None:
    with transaction():
        for play in _plays(subject):
            play.last_at -= timedelta(seconds=31)


def _change(**values: Any) -> Callable[[Subject], None]:
    return _set(lambda subject: subject.link, values)


def _change_video(**values: Any) -> Callable[[Subject], None]:
    return _set(lambda subject: subject.link.video, values)


def _set(row_of: Callable[[Subject], Any], values: dict[str, Any]) -> Callable[[Subject], None]:
    def change(subject: Subject) -> None:
        row = row_of(subject)
        with transaction() as session:
            session.refresh(row)
            for name, value in values.items():
                setattr(row, name, value)

    return change


def _rotate(subject: Subject) -> None:
    _change(handle=subject.link.handle[::-1])(subject)


def _lose_file(subject: Subject) -> None:
    storage().delete(subject.link.video.playable_key or "")


def _nothing(_: Subject) -> None:
    return


# What happens between the first range and the one that is compared.
EVENTS: dict[str, Callable[[Subject], None]] = {
    "nothing": _nothing,
    "revoked": _change(revoked_at=PAST),
    "expired": _change(expires_at=PAST),
    "not yet valid": _change(not_before=FUTURE),
    "used up": _change(max_views=1),
    "play over": _end_play,
    "play over and used up": _end_play_of_used_up,
    "half a minute of silence": _silence,
    "token rotated": _rotate,
    "another signing key": _change(signing_key="0123456789ab"),
    "video failed": _change_video(status=VideoStatus.FAILED),
    "video not ready": _change_video(status=VideoStatus.PROCESSING),
    "hash not known": _change_video(playable_sha256=None),
    "file gone": _lose_file,
}


@pytest.mark.parametrize("program", [False, True], ids=["person", "program"])
@pytest.mark.parametrize("event", EVENTS)
def test_whatever_happens_both_ways_answer_and_record_alike(
    client: FlaskClient,
    library: Library,
    whole_way: Callable[[bool], None],
    event: str,
    program: bool,
) -> None:
    told = []
    for closed in (True, False):
        whole_way(closed)
        subject = Subject(library, library.incident(), program=program)
        query = "" if program else f"?view={subject.view}"
        _ask(client, subject.token, query)
        EVENTS[event](subject)
        told.append(_without_times(subject.told(_ask(client, subject.token, query))))
    assert told[0] == told[1]


def _without_times(told: tuple[Any, ...]) -> tuple[Any, ...]:
    """Leave out what differs from video to video: its time and, its bytes being alike, nothing."""
    status, headers, *rest = told
    return (status, {k: v for k, v in headers.items() if k != "Last-Modified"}, *rest)


Asking = tuple[str, dict[str, Any]]
# Requests after the first range: a query, in which VIEW is the play's name, and the rest.
REQUESTS: dict[str, Asking] = {
    "the same play": ("?view=VIEW", {}),
    "the whole file": ("?view=VIEW", {"headers": {"Range": ""}}),
    "the end": ("?view=VIEW", {"headers": {"Range": "bytes=-10"}}),
    "an open end": ("?view=VIEW", {"headers": {"Range": "bytes=0-"}}),
    "beyond the end": ("?view=VIEW", {"headers": {"Range": "bytes=99999999-"}}),
    "two ranges": ("?view=VIEW", {"headers": {"Range": "bytes=0-1,5-6"}}),
    "HEAD": ("?view=VIEW", {"method": "HEAD"}),
    "OPTIONS": ("?view=VIEW", {"method": "OPTIONS"}),
    "POST": ("?view=VIEW", {"method": "POST"}),
    "another If-Match": ("?view=VIEW", {"headers": {"If-Match": '"other"'}}),
    "If-None-Match": ("?view=VIEW", {"headers": {"If-None-Match": "*"}}),
    "If-Range of another": ("?view=VIEW", {"headers": {"If-Range": '"other"'}}),
    "no play named": ("", {}),
    "an invented play": ("?view=invented", {}),
    "another program": ("?view=VIEW", {"headers": {"User-Agent": "Mozilla/5.0 (another)"}}),
    "another address": ("?view=VIEW", {"environ_base": {"REMOTE_ADDR": "10.0.0.9"}}),
    "a track": ("?view=VIEW&track=1", {}),
    "a track that is none": ("?view=VIEW&track=7", {}),
    "an unknown parameter": ("?view=VIEW&x=1", {}),
    "two plays": ("?view=VIEW&view=other", {}),
    "a play with NUL": ("?view=VIEW%00", {}),
    "an empty play": ("?view=", {}),
    "a cookie": ("?view=VIEW", {"headers": {"Cookie": f"vigint_visitor={MARK}"}}),
    "a session": ("?view=VIEW", {"headers": {"Cookie": "vigint_session=forged"}}),
    "a request id": ("?view=VIEW", {"headers": {"X-Request-ID": "given-by-a-proxy"}}),
    "an origin": ("?view=VIEW", {"headers": {"Origin": "https://elsewhere.test"}}),
    "a host that is none": ("?view=VIEW", {"headers": {"Host": "a b"}}),
    "a language": ("?view=VIEW", {"headers": {"Accept-Language": "en"}}),
    "Safari": ("?view=VIEW", {"headers": {"User-Agent": "AppleWebKit/605", "Range": "bytes=0-"}}),
}


@pytest.mark.parametrize("program", [False, True], ids=["person", "program"])
@pytest.mark.parametrize("asked", REQUESTS)
@ONE_DATABASE
def test_whatever_is_asked_both_ways_answer_and_record_alike(
    client: FlaskClient,
    library: Library,
    whole_way: Callable[[bool], None],
    asked: str,
    program: bool,
) -> None:
    query, more = REQUESTS[asked]
    video = library.incident()
    told = []
    for closed in (True, False):
        whole_way(closed)
        subject = Subject(library, video, program=program)
        _ask(client, subject.token, "" if program else f"?view={subject.view}")
        given = query.replace("VIEW", subject.view)
        told.append(subject.told(_ask(client, subject.token, given, **_copied(more))))
    assert told[0] == told[1]


def _copied(more: dict[str, Any]) -> dict[str, Any]:
    return {name: dict(v) if isinstance(v, dict) else v for name, v in more.items()}


@pytest.mark.parametrize("program", [False, True], ids=["person", "program"])
def test_a_later_range_takes_the_short_way(
    client: FlaskClient, library: Library, short_way: list[bool], program: bool
) -> None:
    subject = Subject(library, library.incident(), program=program)
    query = "" if program else f"?view={subject.view}"
    answers = [_ask(client, subject.token, query) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [206] * 3
    assert short_way == [program, True, True], "the first range of a person's play begins it"


def test_a_play_with_a_cookie_takes_it_and_one_without_the_cookie_does_not(
    client: FlaskClient, library: Library, short_way: list[bool]
) -> None:
    video = library.incident()
    token = library.person_token(video)
    page = client.get(f"/video/{video.public_id}?token={token}", base_url="http://vigint.test")
    view = page.text.partition("view=")[2].partition('"')[0].partition("&")[0]
    _ask(client, token, f"?view={view}")
    assert _ask(client, token, f"?view={view}").status_code == 206
    assert short_way == [False, True]
    stranger = client.application.test_client()
    _ask(stranger, token, f"?view={view}")
    assert short_way == [False, True, False]


def test_a_person_who_is_logged_in_gets_no_other_answer(
    library: Library, people: Callable[[Role], Person], whole_way: Callable[[bool], None]
) -> None:
    browser = people(Role.OPERATOR).browser
    told = []
    for closed in (True, False):
        whole_way(closed)
        subject = Subject(library, library.incident(), program=True)
        _ask(browser, subject.token)
        told.append(_without_times(subject.told(_ask(browser, subject.token))))
    assert told[0] == told[1]


# How they are recorded.


@pytest.fixture
def writer(app: Flask) -> Iterator[AccessWriter]:
    """Provide the writer of an ordinary process."""
    writer = AccessWriter(app.extensions["vigint_accesses"].write)
    app.extensions["vigint_accesses"] = writer
    yield writer
    writer.flush()


def _recorded(link: Link) -> int:
    renew()
    return db.session.query(Access).filter_by(link_id=link.id).count()


def _wait_for(condition: Callable[[], bool]) -> None:
    waiting, tries = threading.Event(), 0
    while not condition():
        tries += 1
        assert tries < 600, "nothing was written within a minute"
        waiting.wait(0.1)


@pytest.mark.parametrize("program", [False, True], ids=["person", "program"])
def test_the_first_range_is_recorded_at_once_and_the_later_ones_soon(
    client: FlaskClient,
    library: Library,
    writer: AccessWriter,
    monkeypatch: pytest.MonkeyPatch,
    program: bool,
) -> None:
    opened = threading.Event()
    run = writer.write

    def write(rows: Any) -> None:
        if threading.current_thread().name == "accesses":
            opened.wait(60)
        run(rows)

    monkeypatch.setattr(writer, "write", write)
    subject = Subject(library, library.incident(), program=program)
    query = "" if program else f"?view={subject.view}"
    _ask(client, subject.token, query)
    assert _recorded(subject.link) == 1
    for _ in range(5):
        assert _ask(client, subject.token, query).status_code == 206
    assert _recorded(subject.link) == 1, "these wait for the writer"
    opened.set()
    _wait_for(lambda: _recorded(subject.link) == 6)


def test_what_the_database_refuses_is_recorded_later(
    client: FlaskClient, library: Library, writer: AccessWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = Subject(library, library.incident(), program=False)
    _ask(client, subject.token, f"?view={subject.view}")
    run = writer.write
    refused: list[int] = []

    def refuse_once(rows: Any) -> None:
        if not refused:
            refused.append(len(rows))
            raise OSError("the database is away")
        run(rows)

    monkeypatch.setattr(writer, "write", refuse_once)
    _ask(client, subject.token, f"?view={subject.view}")
    _wait_for(lambda: _recorded(subject.link) == 2)
    assert refused == [1]


def test_ranges_of_a_link_that_was_deleted_meanwhile_are_kept(
    client: FlaskClient, library: Library, writer: AccessWriter
) -> None:
    gone, there = (Subject(library, library.incident(), program=False) for _ in range(2))
    for subject in (gone, there):
        _ask(client, subject.token, f"?view={subject.view}")
    writer._thread = threading.current_thread()  # none: the rows wait for the flush below
    for subject in (gone, there):
        _ask(client, subject.token, f"?view={subject.view}")
    with transaction() as session:
        session.execute(delete(Link).where(Link.id == gone.link.id))
    writer.flush()
    assert _recorded(there.link) == 2
    renew()
    assert db.session.query(Access).filter_by(link_id=None).count() == 2
    writer._thread = None


def test_too_many_are_written_by_the_requests_themselves(
    client: FlaskClient, library: Library, writer: AccessWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vigint_web.services.links.access_writer._MOST_HELD", 3)
    subject = Subject(library, library.incident(), program=False)
    _ask(client, subject.token, f"?view={subject.view}")
    writer._thread = threading.current_thread()  # as if it did not come round
    for _ in range(3):
        _ask(client, subject.token, f"?view={subject.view}")
    assert _recorded(subject.link) == 4
    writer._thread = None


def test_half_a_minute_without_a_range_is_recorded_at_once_again(
    client: FlaskClient, library: Library, clock: Clock, writer: AccessWriter
) -> None:
    subject = Subject(library, library.incident(), program=False)
    query = f"?view={subject.view}"
    _ask(client, subject.token, query)
    clock.forward(seconds=31)
    writer._thread = threading.current_thread()
    _ask(client, subject.token, query)
    assert _recorded(subject.link) == 2
    play = db.session.query(Playback).filter_by(link_id=subject.link.id).one()
    assert utcnow() - play.last_at < timedelta(seconds=1), "and its play goes on from there"
    writer._thread = None
