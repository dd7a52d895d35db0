"""Deliver mails: at least once always, twice only if death falls between acceptance and commit."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.errors import Conflict, LeaseLost, NotFound, StorageFull
from vigint_web.extensions import db
from vigint_web.mail import MailRefused, MailUndelivered, send
from vigint_web.models import Alert, AlertState
from vigint_web.models.alert import GIVEN_UP_AFTER
from vigint_web.services import audit, metrics, outbox, queueing
from vigint_web.services.actors import SYSTEM, Actor
from vigint_web.services.claims import Lease, claim
from vigint_web.services.letters import NothingToSay, write_letter
from vigint_web.services.runtime import config
from vigint_web.services.transactions import after_commit, change, release_connection, transaction

log = logging.getLogger(__name__)

_INSIST_SECONDS = 60.0
_FIRST_PAUSE = timedelta(seconds=10)
_LONGEST_PAUSE = timedelta(minutes=30)


def deliver_alert(alert_id: int) -> None:
    """Send one mail that is due; do nothing if somebody else does already."""
    lease = claim(Alert, alert_id, Alert.state == AlertState.PENDING)
    if lease is None:
        log.info("alert %s is settled or in other hands", alert_id)
        return
    alert = db.session.get_one(Alert, alert_id, populate_existing=True)
    with lease.kept():
        try:
            letter = write_letter(alert)
            # Made now: once the mail is accepted nothing may fail any more.
            row = outbox.row_of(alert, letter.message, letter.link)
            release_connection()
            channel = send(letter.message, config())
        except (MailRefused, NothingToSay) as error:
            _settle_failed(lease, alert, str(error))
        except Exception as error:
            # Whatever it was, the next attempt may do better; after a day somebody is told.
            if not isinstance(error, MailUndelivered):
                log.exception("alert %s could not be sent", alert_id)
            db.session.rollback()
            _postpone(lease, alert, _told(error))
        else:
            # Accepted: forgetting it now would send the mail again.
            _insist(lambda: _settle_sent(lease, alert, row, channel))


def _told(error: Exception) -> str:
    known = isinstance(error, MailUndelivered)
    return str(error) if known else f"{type(error).__name__}: {error}"[:300]


def _insist(settle: Callable[[], None]) -> None:
    """Commit what must not be forgotten, through a full disk or a locked database."""
    deadline = time.monotonic() + _INSIST_SECONDS
    while True:
        try:
            return settle()
        except LeaseLost:
            log.warning("a mail was sent by a worker that had lost it to another")
            return None
        except (OperationalError, StorageFull):
            db.session.rollback()
            if time.monotonic() > deadline:
                raise
            log.exception("a sent mail is not recorded yet; trying again")
            time.sleep(1)


def _settle_sent(lease: Lease, alert: Alert, row: dict[str, Any], channel: str) -> None:
    sent_at = utcnow()
    with transaction() as session:
        done = _let_go(
            session,
            lease,
            state=AlertState.SENT,
            sent_at=sent_at,
            channel=channel,
            error=None,
            next_attempt_at=None,
        )
        lease.require(done)
        outbox.keep_mail({**row, "channel": channel, "sent_at": sent_at})
        audit.record(
            SYSTEM,
            "alert:sent",
            f"alert:{alert.id}",
            site_id=alert.site_id,
            recipient=alert.recipient,
            channel=channel,
            **_about(alert),
        )
    born = alert.incident.created_at if alert.incident else alert.created_at
    lag = (sent_at - born).total_seconds()
    metrics.observe(metrics.DELIVERY_LAG, lag)
    log.info("alert %s sent by %s", alert.id, channel)


def pause_before(attempt: int) -> timedelta:
    """Return how long to wait after a failed attempt (counted from 1): growing, then steady."""
    doubled: int = 2 ** min(max(attempt - 1, 0), 12)
    return min(_LONGEST_PAUSE, _FIRST_PAUSE * doubled)


def due_alerts() -> list[tuple[int, int]]:
    """Return id and attempt of the mails that should be under way and are in nobody's hands."""
    now = utcnow()
    return [
        (row.id, row.attempt)
        for row in db.session.execute(
            select(Alert.id, Alert.attempt)
            .where(
                Alert.state == AlertState.PENDING,
                Alert.next_attempt_at <= now,
                (Alert.lease_until.is_(None)) | (Alert.lease_until < now),
            )
            .order_by(Alert.id)
            .limit(500)
        )
    ]


def retry_alert(actor: Actor, reference: str, alert_id: int) -> Alert:
    """Try a mail that was given up again.

    Raises:
        NotFound: there is no such mail for this actor.
        Conflict: it was not given up.
    """
    alert = db.session.get(Alert, alert_id)
    if alert is None or alert.incident is None or alert.incident.reference != reference:
        raise NotFound
    site_id = alert.incident.site_id
    if not actor.sees(site_id):
        raise NotFound
    with transaction() as session:
        attempt = session.scalar(
            update(Alert)
            .where(Alert.id == alert_id, Alert.state == AlertState.FAILED)
            .values(
                state=AlertState.PENDING,
                next_attempt_at=utcnow(),
                give_up_at=utcnow() + GIVEN_UP_AFTER,
                lease_until=None,
            )
            .returning(Alert.attempt)
            .execution_options(synchronize_session=False)
        )
        if attempt is None:
            raise Conflict
        audit.record(actor, "alert:retried", f"alert:{alert_id}", site_id=site_id)
        after_commit(lambda: queueing.enqueue_alert(alert_id, attempt))
    return alert


def _settle_failed(lease: Lease, alert: Alert, sentence: str) -> None:
    with transaction() as session:
        done = _let_go(
            session, lease, state=AlertState.FAILED, error=sentence, next_attempt_at=None
        )
        if done:
            audit.record(
                SYSTEM,
                "alert:failed",
                f"alert:{alert.id}",
                site_id=alert.site_id,
                **_about(alert),
            )
    log.error("alert %s given up: %s", alert.id, sentence)


def _postpone(lease: Lease, alert: Alert, sentence: str) -> None:
    if utcnow() > alert.give_up_at:
        _settle_failed(lease, alert, sentence)
        return
    with transaction() as session:
        next_attempt_at = utcnow() + pause_before(lease.attempt)
        _let_go(session, lease, error=sentence, next_attempt_at=next_attempt_at)
    log.warning("alert %s not delivered yet: %s", alert.id, sentence)


def _let_go(session: Session, lease: Lease, **values: Any) -> int:
    """Write an attempt's outcome if its lease still holds; return how many rows that were."""
    return change(
        session,
        update(Alert)
        .where(lease.held(), Alert.state == AlertState.PENDING)
        .values(lease_until=None, **values),
    )


def _about(alert: Alert) -> dict[str, Any]:
    if alert.incident is not None:
        return {"incident": alert.incident.reference}
    return {"link": alert.link_id, "kind": alert.kind}
