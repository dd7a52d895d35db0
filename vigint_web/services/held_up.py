"""Mails that wait because the mail server is away: tried oldest first, let go all at once."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select, update

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import Alert, AlertState
from vigint_web.services import queueing
from vigint_web.services.transactions import after_commit, change, transaction

# One mail is enough to learn that the server is back, so asking is cheap and can be frequent.
LONGEST_PAUSE = timedelta(minutes=2)
_AT_ONCE = 500
# A server that hangs costs each question a time-out.
_JUST_NOW = timedelta(seconds=10)


def is_due() -> ColumnElement[bool]:
    """Return the condition under which a pending alert may be tried now."""
    return or_(Alert.next_attempt_at.is_(None), Alert.next_attempt_at <= utcnow())


def older_than(alert_id: int) -> list[int]:
    """Return the held up mails that should go before this one; none before a call.

    Nor before one that is not due any more, because somebody has just tried.
    """
    alert = db.session.get(Alert, alert_id, populate_existing=True)
    now = utcnow()
    if alert is None or alert.is_call or alert.state != AlertState.PENDING:
        return []
    if alert.next_attempt_at is not None and alert.next_attempt_at > now:
        return []
    return list(
        db.session.scalars(
            select(Alert.id)
            .where(
                _waiting(),
                Alert.id < alert_id,
                or_(Alert.lease_until.is_(None), Alert.lease_until < now),
            )
            .order_by(Alert.id)
            .limit(_AT_ONCE)
        )
    )


def was_tried_just_now(alert_id: int) -> bool:
    """Return whether the server was found to be away a moment ago, so that nobody asks again."""
    alert = db.session.get(Alert, alert_id, populate_existing=True)
    if alert is None or alert.state != AlertState.PENDING or not alert.held_up:
        return False
    now = utcnow()
    waits = alert.next_attempt_at is not None and alert.next_attempt_at > now
    return waits and now - alert.changed_at < _JUST_NOW


def make_due(alert_id: int) -> None:
    """Let a held up mail be tried now."""
    with transaction() as session:
        change(
            session,
            update(Alert)
            .where(Alert.id == alert_id, _waiting(), Alert.next_attempt_at > utcnow())
            .values(next_attempt_at=utcnow()),
        )


def hold_back(alert_id: int, behind: int) -> None:
    """Let a mail wait with an older one that could not be sent just now."""
    older = db.session.get(Alert, behind, populate_existing=True)
    if older is None or older.state != AlertState.PENDING or older.next_attempt_at is None:
        return
    until, error = older.next_attempt_at, older.error
    with transaction() as session:
        change(
            session,
            update(Alert)
            .where(
                Alert.id == alert_id,
                Alert.state == AlertState.PENDING,
                Alert.give_up_at > utcnow(),
                or_(Alert.lease_until.is_(None), Alert.lease_until < utcnow()),
            )
            .values(held_up=True, next_attempt_at=until, error=error),
        )


def hold_all(until: datetime) -> None:
    """Let every held up mail wait, but for those whose day is over: nobody needs to try each."""
    with transaction() as session:
        change(
            session,
            update(Alert)
            .where(
                _waiting(),
                Alert.next_attempt_at < until,
                Alert.give_up_at > utcnow(),
                Alert.lease_until.is_(None),
            )
            .values(next_attempt_at=until),
        )


def let_all_go() -> None:
    """Hand every held up mail to the workers, the oldest first: the server answers again."""
    now = utcnow()
    waiting = select(Alert.id).where(_waiting(), Alert.next_attempt_at > now).limit(1)
    if db.session.scalar(waiting) is None:
        return
    with transaction() as session:
        rows = session.execute(
            update(Alert)
            .where(_waiting(), Alert.next_attempt_at > now)
            .values(next_attempt_at=now)
            .returning(Alert.id, Alert.attempt)
            .execution_options(synchronize_session=False)
        ).all()
        ordered = sorted((row.id, row.attempt) for row in rows)
        after_commit(lambda: [queueing.enqueue_alert(*one) for one in ordered])


def _waiting() -> ColumnElement[bool]:
    return (Alert.state == AlertState.PENDING) & Alert.held_up
