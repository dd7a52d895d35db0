"""An open page detects changes at once, and causes no load without changes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import event, update

from tests.conftest import PASSWORD
from tests.helpers import Clock, Person, log_in, renew
from tests.library import ACTOR, Library
from vigint_web.extensions import db
from vigint_web.models import (
    Link,
    Mail,
    Notification,
    NotificationKind,
    NotificationState,
    Role,
    Video,
)
from vigint_web.services.accounts import sites, users
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.change_token import BUCKET_SECONDS, pulse
from vigint_web.services.core.transactions import transaction
from vigint_web.services.links import links
from vigint_web.services.sources import sources
from vigint_web.services.videos.lifecycle import detach_and_delete_video

pytestmark = pytest.mark.both_databases(reason="the change token")

LISTS = ("/incidents/live", "/source-management/live", "/links/live")


def _alert(incident_id: int) -> Notification:
    return Notification(
        incident_id=incident_id,
        recipient="garde@example.com",
        state=NotificationState.PENDING,
        kind=NotificationKind.VIDEO,
        message_id="<one@vigint.invalid>",
    )


def _mail(site_id: int) -> Mail:
    return Mail(
        site_id=site_id,
        recipient="garde@example.com",
        subject="Alerte",
        message_id="<mail@vigint.invalid>",
        channel="outbox",
        content=b"",
    )


class Still:
    """A clock in the middle of a bucket that moves on demand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 12, 0, BUCKET_SECONDS // 2, tzinfo=UTC)

    def move(self, **delta: float) -> None:
        """Let time pass."""
        self.now += timedelta(**delta)


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> Still:
    """Give the clock by which pages grow old."""
    clock = Still()
    monkeypatch.setattr("vigint_web.services.core.change_token.utcnow", lambda: clock.now)
    return clock


def _now() -> str:
    renew()
    return pulse(SYSTEM)


def test_nothing_happens_and_the_pulse_stays(app: Flask, library: Library, still: Still) -> None:
    library.source()
    library.incident()
    before = _now()
    still.move(seconds=1)
    assert _now() == before


def test_time_alone_is_noticed_after_half_a_minute(app: Flask, still: Still) -> None:
    before = _now()
    still.move(seconds=BUCKET_SECONDS)
    assert _now() != before, "a link that expired is shown as live for ever"


@pytest.mark.parametrize(
    "what",
    [
        "incident", "source", "status", "progress", "alert", "delivery", "link", "revocation",
        "play", "mail", "deletion", "purge",
    ],
)  # fmt: skip
def test_every_change_changes_the_pulse(
    app: Flask, library: Library, still: Still, what: str
) -> None:
    source, video = library.source(), library.incident()
    incident = library.incident_of(video)
    link = library.person_link(video)
    with transaction() as session:
        session.add(alert := _alert(incident.id))
    before = _now()

    def change(row: type, row_id: int, **values: object) -> None:
        with transaction() as session:
            session.execute(update(row).where(row.id == row_id).values(**values))  # type: ignore[attr-defined]  # every row has an id

    match what:
        case "incident":
            library.incident()
        case "source":
            sources.begin_upload(ACTOR, "new.mp4")
        case "status":
            change(Video, video.id, status="failed")
        case "progress":
            change(Video, video.id, progress=41)
        case "alert":
            with transaction() as session:
                other = _alert(incident.id)
                other.message_id = "<two@vigint.invalid>"
                session.add(other)
        case "delivery":
            change(Notification, alert.id, state=NotificationState.SENT)
        case "link":
            library.person_link(video)
        case "revocation":
            links.revoke_link(ACTOR, link.id)
        case "play":
            change(Link, link.id, views=Link.views + 1)
        case "mail":
            with transaction() as session:
                session.add(_mail(video.site_id))
        case "deletion":
            sources.delete_source(ACTOR, source.source_id)
        case "purge":
            with transaction():
                detach_and_delete_video(SYSTEM, video)
                trail.record(ACTOR, "video:purged", f"video:{video.public_id}")
    assert _now() != before


def _tag(person: Person, path: str) -> str:
    answer = person.browser.get(path)
    assert answer.status_code == 200, path
    return answer.headers["ETag"]


def _asks(person: Person, path: str, tag: str) -> int:
    return person.browser.get(path, headers={"If-None-Match": tag}).status_code


def test_what_did_not_change_is_not_sent_again(
    app: Flask, library: Library, people: Callable[[Role], Person], still: Still
) -> None:
    admin = people(Role.ADMIN)
    source, video = library.source(), library.incident()
    link = library.person_link(video)
    reference = library.incident_of(video).reference
    paths = [
        *LISTS,
        "/incidents/live?q=Quai&risk=HIGH",
        f"/incidents/{reference}/live",
        f"/source-management/{source.source_id}/live",
        f"/links/{link.id}/live",
    ]
    # Showing a source's addresses to a user is recorded, once: a change of its own.
    admin.browser.get(f"/source-management/{source.source_id}/")
    for path in paths:
        tag = _tag(admin, path)
        again = admin.browser.get(path, headers={"If-None-Match": tag})
        assert again.status_code == 304, path
        assert again.data == b""
        assert again.headers["ETag"] == tag
        assert "no-store" in again.headers["Cache-Control"], (
            "a shared browser keeps no footage list"
        )
        # A compressing proxy makes strong tags weak.
        assert _asks(admin, path, tag.removeprefix("W/")) == 304, path
        assert _asks(admin, path, '"something else"') == 200, path
    tags = {_tag(admin, path) for path in paths}
    assert len(tags) == len(paths), "the tag of one page is good for another"


def test_what_changed_is_sent(
    app: Flask, library: Library, people: Callable[[Role], Person], still: Still
) -> None:
    viewer = people(Role.VIEWER)
    tag = _tag(viewer, "/incidents/live")
    reference = library.incident_of(library.incident()).reference
    answer = viewer.browser.get("/incidents/live", headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert f'data-part="{reference}"' in answer.text


def test_each_request_with_a_link_is_seen_on_its_page(
    app: Flask, library: Library, people: Callable[[Role], Person], still: Still
) -> None:
    admin = people(Role.ADMIN)
    video = library.incident()
    link = library.person_link(video)
    path = f"/links/{link.id}/live"
    tag = _tag(admin, path)
    assert _asks(admin, path, tag) == 304
    token = links.token_of(link)
    app.test_client().get(f"/video/{video.public_id}?token={token}")
    assert _asks(admin, path, tag) == 200


@pytest.mark.parametrize("changed", ["locale", "timezone", "role", "sites"])
def test_who_asks_is_part_of_the_version(
    app: Flask, library: Library, people: Callable[[Role], Person], still: Still, changed: str
) -> None:
    library.incident()
    person = people(Role.OPERATOR)
    tag = _tag(person, "/incidents/live")
    assert _asks(person, "/incidents/live", tag) == 304
    user = users.authenticate(person.email, PASSWORD)
    assert user is not None
    match changed:
        case "locale":
            values: dict[str, object] = {"locale": "en"}
        case "timezone":
            values = {"timezone": "Asia/Tokyo"}
        case "role":
            values = {"role": Role.VIEWER}
        case _:
            values = {"sites": []}
    with transaction():
        for name, value in values.items():
            setattr(user, name, value)
    assert _asks(person, "/incidents/live", tag) == 200


def test_another_sites_things_never_come_along(
    app: Flask, library: Library, people: Callable[[Role], Person], still: Still
) -> None:
    operator = people(Role.OPERATOR)
    library.incident()
    before = operator.browser.get("/incidents/live")
    there = sites.get_or_add_site("lyon")
    theirs = library.incident(site=there)
    tag = before.headers["ETag"]
    after = operator.browser.get("/incidents/live", headers={"If-None-Match": tag})
    # Rendered again or not, its content is the same.
    assert after.status_code in {200, 304}
    if after.status_code == 200:
        assert theirs.public_id not in after.text
        assert library.incident_of(theirs).reference not in after.text
        assert after.text.count('data-part="INC-') == before.text.count('data-part="INC-') == 1


@dataclass
class Statements:
    """The SQL statements of a block of code."""

    executed: list[str]


@pytest.fixture
def statements(app: Flask) -> Statements:
    """Provide the SQL statements that are executed from now on."""
    seen = Statements([])

    def note(_c: object, _k: object, statement: str, *_more: object) -> None:
        seen.executed.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    return seen


def test_a_poll_without_news_asks_little_and_writes_nothing(
    app: Flask,
    library: Library,
    people: Callable[[Role], Person],
    still: Still,
    clock: Clock,
    statements: Statements,
) -> None:
    operator = people(Role.OPERATOR)
    for _ in range(3):
        library.incident()
    tag = _tag(operator, "/incidents/live")
    clock.forward(minutes=5)  # long enough for all records of last use
    statements.executed.clear()
    assert _asks(operator, "/incidents/live", tag) == 304
    asked = [one for one in statements.executed if not one.startswith(("BEGIN", "PRAGMA"))]
    assert len(asked) <= 4, asked
    assert all(one.startswith("SELECT") for one in asked), asked


def test_polling_keeps_no_session_alive(
    app: Flask, people: Callable[[Role], Person], still: Still, clock: Clock
) -> None:
    operator = people(Role.OPERATOR)
    renewed = operator.browser.get("/incidents/")
    assert "vigint_session" in renewed.headers.get("Set-Cookie", ""), "a person's page renews it"
    tag = _tag(operator, "/incidents/live")
    for headers in ({}, {"If-None-Match": tag}):
        answer = operator.browser.get("/incidents/live", headers=headers)
        assert "Set-Cookie" not in answer.headers
    for _ in range(26):
        clock.forward(minutes=30)
        status = _asks(operator, "/incidents/live", tag)
        if status == 302:
            return
    pytest.fail("an open page keeps somebody logged in for ever")


def test_whoever_is_logged_out_is_sent_to_the_login(
    app: Flask, library: Library, people: Callable[[Role], Person], still: Still
) -> None:
    operator = people(Role.OPERATOR)
    tag = _tag(operator, "/incidents/live")
    stranger = app.test_client()
    for path in LISTS:
        answer = stranger.get(path, headers={"If-None-Match": tag})
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/login?next=")


def test_a_gone_thing_is_404_even_to_whoever_knew_it(
    app: Flask, library: Library, people: Callable[[Role], Person], still: Still
) -> None:
    operator = people(Role.OPERATOR)
    source = library.source()
    path = f"/source-management/{source.source_id}/live"
    tag = _tag(operator, path)
    sources.delete_source(ACTOR, source.source_id)
    assert _asks(operator, path, tag) == 404


def test_two_people_never_share_a_version(app: Flask, library: Library, still: Still) -> None:
    tags = set()
    for name in ("one", "two"):
        email = f"{name}@example.com"
        users.create_user(ACTOR, email, PASSWORD, Role.OPERATOR)
        browser = app.test_client()
        log_in(browser, email, PASSWORD)
        tags.add(_tag(Person(browser, email), "/incidents/live"))
    assert len(tags) == 2
