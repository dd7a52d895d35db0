"""The kept counts equal a plain recount, whatever happened to the incidents."""

import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from tests.helpers import Clock
from tests.integration.reports.recounting import kept, recount
from tests.library import ACTOR, Library
from vigint_web.clock import utcnow
from vigint_web.errors import Conflict
from vigint_web.extensions import db
from vigint_web.models import (
    CountChange,
    CountedIncident,
    Incident,
    IncidentCount,
    IncidentState,
    Notification,
    RiskLevel,
)
from vigint_web.services.accounts import sites
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.count_changes import note_change
from vigint_web.services.core.moments import Moment
from vigint_web.services.core.transactions import transaction
from vigint_web.services.incidents.incidents import record_incident
from vigint_web.services.incidents.payload import IncidentFacts
from vigint_web.services.notifications.delivery import deliver_alert
from vigint_web.services.reports.counts import count_again, count_changed, is_behind
from vigint_web.services.review.decisions import decide
from vigint_web.services.videos.lifecycle import detach_and_delete_video

pytestmark = pytest.mark.both_databases(reason="a lock, upserts, JSON")

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "decide", "decide", "mail", "delete", "count"]),
        st.integers(0, 10_000),
    ),
    min_size=3,
    max_size=25,
)


def _facts(dice: int) -> IncidentFacts:
    levels = list(RiskLevel)
    return IncidentFacts(
        message="Mouvement",
        incident_type=("Intrusion", "Chute", "vol à l'étalage")[dice % 3],
        risk_level=levels[dice % len(levels)],
        confidence=None,
        frame_count=None,
        analysis="",
        site=None,
        camera=(None, "Quai 1", "Quai 2")[dice % 3],
        # Before or after the receipt.
        detected_at=Moment((utcnow() - timedelta(minutes=dice - 100)).timestamp()),
        model=None,
        model_version=None,
        boxes=None,
        recipients=None,
        expiration_hours=None,
    )


def _add(dice: int) -> None:
    site = sites.get_or_add_site(("main", "lyon")[dice % 2])
    record_incident(SYSTEM, site.id, _facts(dice), None, body_sha256=secrets.token_hex(32))


def _decide(dice: int) -> None:
    ids = list(db.session.scalars(select(Incident.id)))
    if ids:
        incident = db.session.get_one(Incident, ids[dice % len(ids)])
        wanted = list(IncidentState)[dice % 4]
        reason = "animal" if wanted == IncidentState.FALSE_ALARM else None
        with suppress(Conflict):  # it does not follow
            decide(ACTOR, incident.reference, wanted, seen=incident.state, reason=reason)


def _mail(dice: int) -> None:
    ids = list(db.session.scalars(select(Notification.id)))
    if ids:
        deliver_alert(ids[dice % len(ids)])


def _delete(dice: int) -> None:
    ids = list(db.session.scalars(select(Incident.id)))
    if ids:
        gone = ids[dice % len(ids)]
        with transaction() as session:
            session.execute(delete(Notification).where(Notification.incident_id == gone))
            session.execute(delete(Incident).where(Incident.id == gone))
            note_change(session, gone)


def _count(dice: int) -> None:
    if dice % 2:
        count_changed()
    else:
        count_again(0)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_any_sequence_leaves_the_counts_equal_to_a_recount(
    app: Flask, steps: list[tuple[str, int]]
) -> None:
    run: dict[str, Callable[[int], None]] = {
        "add": _add, "decide": _decide, "mail": _mail, "delete": _delete, "count": _count
    }  # fmt: skip
    for name, dice in steps:
        run[name](dice)
    assert kept() == recount()


def test_a_first_play_is_counted_and_stays_when_the_footage_is_deleted(
    app: Flask, library: Library, client: FlaskClient, clock: Clock
) -> None:
    video = library.incident()
    token = library.person_token(video)
    clock.forward(seconds=70)
    answer = client.get(f"/stream/{token}/?view={library.view(token)}")
    assert answer.status_code == 200
    counts = kept()
    assert counts == recount()
    [viewed] = {tuple(cell["viewed"].items()) for cell in counts.values()}
    assert len(viewed) == 1
    detach_and_delete_video(ACTOR, video)
    count_again(0)
    assert kept() == counts


def test_what_another_version_changed_without_a_note_is_found(app: Flask) -> None:
    for dice in range(5):
        _add(dice)
    kept()
    with transaction() as session:
        session.execute(update(Incident).values(state=IncidentState.CLOSED))
        session.execute(delete(Notification))
        session.execute(delete(Incident).where(Incident.id == 2))
    assert kept() != recount()
    last = 0
    while (last := count_again(last, 2)) > 0:
        pass
    assert kept() == recount()


def test_another_time_zone_is_counted_again(app: Flask) -> None:
    """The hours of a changed time zone replace those of the one before."""
    _add(0)
    before = kept()
    with transaction():
        sites.default_site().timezone = "Pacific/Auckland"
    count_again(0)
    assert len(kept()) == len(before)
    assert kept() != before


def test_counts_that_became_empty_are_deleted(app: Flask) -> None:
    _add(1)
    assert kept()
    _delete(0)
    assert kept() == {}
    assert db.session.scalar(select(CountedIncident)) is None
    assert db.session.scalar(select(CountChange)) is None


def test_changes_that_wait_are_said_after_a_minute(app: Flask, clock: Clock) -> None:
    _add(1)
    assert not is_behind()
    clock.forward(minutes=2)
    assert is_behind()
    count_changed()
    assert not is_behind()


def test_a_change_that_was_rolled_back_is_not_counted(app: Flask) -> None:
    _add(1)
    before = kept()

    def interrupted() -> None:
        with transaction():
            _add(2)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert kept() == before == recount()
    assert db.session.query(IncidentCount).count() > 0
