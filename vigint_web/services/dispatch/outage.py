"""Mails waiting for an unavailable mail server: probed by the oldest, released all at once."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select, update

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import Notification, NotificationState, Site
from vigint_web.models.notification import WEBHOOK
from vigint_web.net import outbound_http
from vigint_web.services.core import job_queue
from vigint_web.services.core.lapsing import has_lapsed, lapsed
from vigint_web.services.core.leases import LONGEST_PAUSE as LONGEST_PAUSE_OF_ONE
from vigint_web.services.core.leases import Lease, is_free
from vigint_web.services.core.runtime import config
from vigint_web.services.core.transactions import (
    after_commit,
    change,
    release_connection,
    transaction,
)

# One mail is enough to detect that the server is back, so probing is cheap and can be frequent.
LONGEST_PAUSE = timedelta(minutes=2)
_AT_ONCE = 500
# An unresponsive server costs each probe a timeout.
_JUST_NOW = timedelta(seconds=10)
# The interval at which a mail checks whether the server has answered the probing one.
_AGAIN = timedelta(seconds=5)


def is_due() -> ColumnElement[bool]:
    """Return the condition under which a pending notification may be tried now."""
    return lapsed(Notification.next_attempt_at, longest_wait()) & Notification.on_hold.is_(False)


def longest_wait() -> timedelta:
    """Return the maximum distance of the next attempt of a mail or a call."""
    own = db.session.scalar(select(func.max(Site.cooldown_seconds))) or 0
    cool_down = timedelta(seconds=max(config().cooldown_seconds, own))
    return max(LONGEST_PAUSE_OF_ONE, timedelta(seconds=outbound_http.LONGEST_PAUSE), cool_down)


def older_than(alert_id: int) -> list[int]:
    """Return the held mails that should be sent before this one; none before a call.

    Nor before one that is no longer due, because it was just tried.
    """
    notification = db.session.get(Notification, alert_id, populate_existing=True)
    if (
        notification is None
        or notification.is_call
        or notification.state != NotificationState.PENDING
    ):
        return []
    if not has_lapsed(notification.next_attempt_at, longest_wait()):
        return []
    return list(
        db.session.scalars(
            select(Notification.id)
            .where(
                _waiting(),
                Notification.id < alert_id,
                is_free(Notification),
            )
            .order_by(Notification.id)
            .limit(_AT_ONCE)
        )
    )


def waits_for_answer(alert_id: int) -> bool:
    """Let a mail wait while another one probes the server; return whether it does.

    A held mail that a worker is sending has not had a greeting yet (`reached`).
    """
    now = utcnow()
    asking = select(Notification.id).where(
        _waiting(), Notification.id != alert_id, ~is_free(Notification), ~_is_call()
    )
    if db.session.scalar(asking.limit(1)) is None:
        return False
    with transaction() as session:
        held = change(
            session,
            update(Notification)
            .where(
                Notification.id == alert_id,
                Notification.state == NotificationState.PENDING,
                Notification.give_up_at > now,
                ~_is_call(),
                is_free(Notification),
            )
            .values(held_up=True, next_attempt_at=now + _AGAIN),
        )
    return held == 1


def reached(lease: Lease, was_held_up: bool) -> None:
    """Record that the server answers: further failures do not concern all mails."""
    if was_held_up:
        with transaction() as session:
            change(session, update(Notification).where(lease.held()).values(held_up=False))
    let_all_go()
    release_connection()


def was_tried_just_now(alert_id: int) -> bool:
    """Return whether the server was just found unavailable, so that it is not probed again."""
    notification = db.session.get(Notification, alert_id, populate_existing=True)
    if (
        notification is None
        or notification.state != NotificationState.PENDING
        or not notification.held_up
    ):
        return False
    waits = not has_lapsed(notification.next_attempt_at, longest_wait())
    return waits and utcnow() - notification.changed_at < _JUST_NOW


def make_due(alert_id: int) -> None:
    """Make a held mail due now."""
    with transaction() as session:
        change(
            session,
            update(Notification)
            .where(Notification.id == alert_id, _waiting(), Notification.next_attempt_at > utcnow())
            .values(next_attempt_at=utcnow()),
        )


def hold_back(alert_id: int, behind: int) -> None:
    """Let a mail wait with an older one that could not be sent just now."""
    older = db.session.get(Notification, behind, populate_existing=True)
    if older is None or older.state != NotificationState.PENDING or older.next_attempt_at is None:
        return
    until, error = older.next_attempt_at, older.error
    with transaction() as session:
        change(
            session,
            update(Notification)
            .where(
                Notification.id == alert_id,
                Notification.state == NotificationState.PENDING,
                Notification.give_up_at > utcnow(),
                is_free(Notification),
            )
            .values(held_up=True, next_attempt_at=until, error=error),
        )


def hold_all(until: datetime) -> None:
    """Postpone every held mail, except for expired ones, so that not each has to be tried."""
    with transaction() as session:
        change(
            session,
            update(Notification)
            .where(
                _waiting(),
                Notification.next_attempt_at < until,
                Notification.give_up_at > utcnow(),
                Notification.lease_until.is_(None),
            )
            .values(next_attempt_at=until),
        )


def let_all_go() -> None:
    """Enqueue every held mail, the oldest first: the server answers again."""
    now = utcnow()
    waiting = select(Notification.id).where(_waiting(), Notification.next_attempt_at > now).limit(1)
    if db.session.scalar(waiting) is None:
        return
    with transaction() as session:
        rows = session.execute(
            update(Notification)
            .where(_waiting(), Notification.next_attempt_at > now)
            .values(next_attempt_at=now)
            .returning(Notification.id, Notification.attempt)
            .execution_options(synchronize_session=False)
        ).all()
        ordered = sorted((row.id, row.attempt) for row in rows)
        after_commit(lambda: [job_queue.enqueue_notification(*one) for one in ordered])


def _is_call() -> ColumnElement[bool]:
    return Notification.channel.is_not_distinct_from(WEBHOOK)


def _waiting() -> ColumnElement[bool]:
    return (
        (Notification.state == NotificationState.PENDING)
        & Notification.held_up
        & Notification.on_hold.is_(False)
    )
