"""The readers of a source: who, when and how much; and the token for programs."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select

from tests.helpers import Person, renew
from tests.library import ACTOR, STREAMED, Library
from vigint_web.clock import utcnow
from vigint_web.errors import Conflict
from vigint_web.extensions import db
from vigint_web.models import Access, AuditEvent, Link, Role, Source
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.keyset_pagination import Mark, SortedCursor
from vigint_web.services.core.transactions import transaction
from vigint_web.services.links import links
from vigint_web.services.sources import access_log, access_token, duplicates

PROGRAM = {"User-Agent": "python-requests/2.32.5"}


@pytest.fixture
def source(library: Library) -> Source:
    return library.source()


@pytest.fixture
def operator(people: Callable[[Role], Person]) -> Person:
    return people(Role.OPERATOR).speaking("en")


def _page(source: Source, after: str = "") -> str:
    return f"/source-management/{source.source_id}/{after}"


def _details(action: str) -> list[dict[str, Any]]:
    renew()
    query = select(AuditEvent).where(AuditEvent.action == action).order_by(AuditEvent.id)
    return [event.detail for event in db.session.scalars(query)]


def test_what_programs_and_people_read_is_told_with_how_much(
    client: FlaskClient, library: Library, source: Source, operator: Person
) -> None:
    token = library.program_token(source)
    half = len(STREAMED) // 2
    client.get(f"/api/video/{token}/metadata/", headers=PROGRAM)
    client.get(f"/stream/{token}/", headers={**PROGRAM, "Range": f"bytes=0-{half - 1}"})
    client.get(f"/api/video/{token}/download/", headers=PROGRAM)
    person = library.person_token(source.video, recipient="juge@example.com")
    client.get(f"/stream/{person}/?view=abc", headers={"Range": "bytes=0-0"})
    client.get(f"/api/video/{person}/download/")  # which is not granted
    rows = access_log.page_of_readings(source.video).rows
    assert [(one.access.what, one.sent, one.share) for one in rows] == [
        ("download", None, None),
        ("stream", 1, 1 / len(STREAMED)),
        ("download", len(STREAMED), 1.0),
        ("stream", half, 0.5),
        ("metadata", None, None),
    ]
    readers = {one.link.recipient: one for one in access_log.readers_of(source.video)}
    program, judge = readers[None], readers["juge@example.com"]
    assert (program.requests, program.refused, program.sent) == (3, 0, half + len(STREAMED))
    assert (judge.requests, judge.refused, judge.sent, judge.link.views) == (2, 1, 1, 1)
    page = unescape(operator.browser.get(_page(source)).text)
    for text in ("Video bytes", "(50%)", "under 1%", "requests", "juge@example.com", "not granted"):
        assert text in page, text
    whole = unescape(operator.browser.get(_page(source, "accesses")).text)
    for text in ("3.1\N{NO-BREAK SPACE}MB", "juge@example.com", "1 refused", "127.0.0.1"):
        assert text in whole, text
    operator.browser.get(f"/videos/{source.video.public_id}/stream", headers={"Range": "bytes=0-9"})
    whole = operator.browser.get(_page(source, "accesses")).text
    assert "Played after logging in" in whole
    assert operator.email in whole


def test_the_page_of_a_source_follows_what_is_read(
    client: FlaskClient,
    library: Library,
    source: Source,
    operator: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = utcnow()
    monkeypatch.setattr("vigint_web.services.core.change_token.utcnow", lambda: now)
    operator.browser.get(_page(source))  # showing the addresses to a user is recorded once
    first = operator.browser.get(_page(source, "live"))
    tag = first.headers["ETag"]
    same = operator.browser.get(_page(source, "live"), headers={"If-None-Match": tag})
    token = library.program_token(source)
    client.get(f"/api/video/{token}/metadata/", headers=PROGRAM)
    fresh = operator.browser.get(_page(source, "live"), headers={"If-None-Match": tag})
    assert (same.status_code, fresh.status_code) == (304, 200)
    assert "Metadata" in fresh.text


def test_a_long_log_is_turned_page_by_page(
    app: Flask,
    source: Source,
    library: Library,
    operator: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = links.program_link(source.video_id)
    other = library.person_link(source.video, recipient="juge@example.com")
    elsewhere = links.program_link(library.source().video_id)
    assert program is not None
    assert elsewhere is not None
    whose = [program.id, other.id, elsewhere.id]
    now = utcnow()
    with transaction() as session:
        session.execute(
            insert(Access),
            [
                {"id": n, "link_id": whose[n % 3], "what": "stream", "status": 206, "at": now}
                for n in range(1, 181)
            ],
        )
    wanted = [n for n in range(180, 0, -1) if n % 3 < 2]
    path, seen = _page(source, "accesses"), []
    while path:
        text = operator.browser.get(path).text
        seen += [int(number) for number in re.findall(r'data-part="access-(\d+)"', text)]
        following = re.search(r'rel="next" href="([^"]+)"', text)
        path = unescape(following.group(1)) if following else ""
    assert seen == wanted
    assert 'rel="prev"' in text
    place = SortedCursor(before=Mark(now, 1))
    assert access_log.page_of_readings(source.video, place).rows == []
    assert operator.browser.get(_page(source, f"accesses?before={place.before}")).status_code == 200
    # With any number of links the result is the same.
    merged = access_log.page_of_readings(source.video)
    monkeypatch.setattr(access_log, "_MOST_MERGED", 1)
    renew()
    sorted_at_once = access_log.page_of_readings(source.video)
    assert [one.access.id for one in sorted_at_once.rows] == wanted[:50]
    assert (merged.previous, merged.next) == (sorted_at_once.previous, sorted_at_once.next)


def test_whoever_may_not_manage_links_learns_nothing_of_readers(
    source: Source, library: Library, client: FlaskClient, people: Callable[[Role], Person]
) -> None:
    library.person_link(source.video, recipient="juge@example.com")
    client.get(f"/api/video/{library.program_token(source)}/", headers=PROGRAM)
    viewer = people(Role.VIEWER)
    page = viewer.browser.get(_page(source)).text
    assert 'data-part="readings"' not in page
    assert "juge@example.com" not in page
    assert viewer.browser.get(_page(source, "accesses")).status_code == 403


def _status(client: FlaskClient, token: str) -> int:
    return client.get(f"/api/video/{token}/").status_code


def test_the_token_ends_when_it_is_told_to_and_opens_again(
    client: FlaskClient, library: Library, source: Source, operator: Person
) -> None:
    token = library.program_token(source)
    page = _page(source)
    assert operator.post(f"{page}token-end", page, period="24").status_code == 302
    assert _status(client, token) == 200
    assert "Works until" in operator.browser.get(page).text
    library.expire(token)
    assert _status(client, token) == 410
    shown = operator.browser.get(page).text
    assert "has expired" in shown
    assert token not in shown, "an address that opens nothing is none"
    operator.post(f"{page}token-end", page, period="never")
    assert _status(client, token) == 200
    assert len(_details("link:expiry_changed")) == 2
    # A new token replaces an expired one too, and the old one is invalid.
    operator.post(f"{page}token-end", page, period="24")
    library.expire(token)
    operator.post(f"{page}rotate", page)
    renew()
    fresh = library.program_token(source)
    assert fresh != token
    assert (_status(client, token), _status(client, fresh)) == (404, 200)


def test_ends_that_cannot_be_are_refused(
    library: Library, operator: Person, client: FlaskClient
) -> None:
    source = library.source(purge_at=utcnow() + timedelta(hours=30))
    page = _page(source)
    for fields, message in (
        ({"period": "other", "until": ""}, "Enter the date and time"),
        ({"period": "other", "until": "2020-01-01T10:00"}, "The end date is in the past"),
        ({"period": "168"}, "The footage will be deleted before then"),
        ({"period": "nonsense"}, "Enter the date and time"),
    ):
        operator.post(f"{page}token-end", page, **fields)
        assert message in operator.browser.get(page).text, fields
    link = links.program_link(source.video_id)
    assert link is not None
    assert link.expires_at is None


def test_a_revoked_token_opens_nothing_until_there_is_a_new_one(
    client: FlaskClient, library: Library, source: Source, operator: Person
) -> None:
    token, page = library.program_token(source), _page(source)
    operator.post(f"{page}token-revoke", page, reason="Fuite")
    assert _status(client, token) == 410
    assert _details("link:revoked") == [{"reason": "Fuite"}]
    with pytest.raises(Conflict):
        access_token.set_expiry(ACTOR, source.source_id, None)
    assert operator.post(f"{page}rotate", page).status_code == 409, "an administrator may"
    shown = operator.browser.get(page).text
    assert "Program access was revoked." in shown
    admin = Actor("admin", role=Role.ADMIN, site_ids=None)
    access_token.renew(admin, source.source_id)
    renew()
    assert _status(client, library.program_token(source)) == 200
    assert db.session.query(Link).filter_by(video_id=source.video_id).count() == 1


def test_a_file_that_is_stored_already_is_said_until_somebody_keeps_both(
    library: Library, operator: Person, people: Callable[[Role], Person]
) -> None:
    first, other, second = library.source(b"same"), library.source(b"else"), library.source(b"same")
    assert duplicates.find_duplicates(ACTOR, first) == [], "the older one is no duplicate"
    assert duplicates.find_duplicates(ACTOR, other) == []
    assert duplicates.find_duplicates(ACTOR, second) == [first]
    page = operator.browser.get(_page(second)).text
    assert "This file is already stored" in page
    assert first.source_id in page
    assert "Keep both" not in people(Role.VIEWER).speaking("en").browser.get(_page(second)).text
    assert operator.post(_page(second, "keep"), _page(second)).status_code == 302
    assert operator.post(_page(second, "keep"), _page(second)).status_code == 302
    assert "This file is already stored" not in operator.browser.get(_page(second)).text
    assert len(_details("source:duplicate_kept")) == 1
