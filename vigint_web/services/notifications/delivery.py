"""Deliver mails and calls: at least once, twice only after a crash between acceptance and
commit.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.errors import Conflict, NotFound
from vigint_web.extensions import db
from vigint_web.logs import Event, about
from vigint_web.mail.messages import OUTBOX, MailRefused, MailUndelivered, send
from vigint_web.mail.smtp import Progress
from vigint_web.models import Notification, NotificationKind, NotificationState
from vigint_web.models.notification import GIVEN_UP_AFTER
from vigint_web.net.outbound_http import CallFailed, CallRefused
from vigint_web.services.alerting import webhooks
from vigint_web.services.alerting.routing import notify_administrators
from vigint_web.services.audit import trail
from vigint_web.services.core import event_metrics, job_queue
from vigint_web.services.core.actors import SYSTEM, Actor
from vigint_web.services.core.claimed_work import (
    GivenUp,
    Outcome,
    Postponed,
    Settled,
    Work,
    run_claimed,
)
from vigint_web.services.core.count_changes import note_change
from vigint_web.services.core.leases import Lease, find_due, pause_before
from vigint_web.services.core.runtime import config
from vigint_web.services.core.transactions import after_commit, release_connection, transaction
from vigint_web.services.dispatch import digests, outage
from vigint_web.services.notifications import sent_mails
from vigint_web.services.notifications.named_readers import is_barred
from vigint_web.services.notifications.rendering import MailObsolete, NotYet, render_mail
from vigint_web.system.processes import Shield

log = logging.getLogger(__name__)

# How long one job continues with the mails that were held up before its own.
_TURN_SECONDS = 60.0
_UNTIL_CLIPS = timedelta(seconds=5)


# Their delay says nothing about the delivery time of alerts.
_NOT_AT_ONCE = {
    NotificationKind.REPEATS,
    NotificationKind.UNDELIVERABLE,
    NotificationKind.NIGHT_LOG,
}


@dataclass(frozen=True)
class _Prepared:
    """The content to send, and the rows to write afterwards."""

    hand_over: Callable[[], str]
    row: dict[str, Any] | None = None
    # The gathered notifications that it covers.
    covered: tuple[int, ...] = ()


def deliver_alert(alert_id: int) -> None:
    """Send one mail or make one call that is due, and before it the mails that were held up."""
    notification = db.session.get(Notification, alert_id, populate_existing=True)
    if notification is None or notification.on_hold or outage.waits_for_answer(alert_id):
        return
    began = time.monotonic()
    for older in outage.older_than(alert_id):
        just_asked = outage.was_tried_just_now(older)
        if not just_asked:
            outage.make_due(older)
        if just_asked or not _deliver(older):
            outage.hold_back(alert_id, older)
            return
        if time.monotonic() - began > _TURN_SECONDS:
            return  # all are due, and the reconciler enqueues them in order
    _deliver(alert_id)


def _deliver(alert_id: int) -> bool:
    """Try one mail or call that is due; return False only if the mail server was away."""
    delivery = _Delivery(orphan=_is_orphan_past_its_time(alert_id))
    run_claimed(Notification, alert_id, NotificationState.PENDING, outage.is_due(), delivery)
    return not delivery.unreached


def _is_orphan_past_its_time(alert_id: int) -> bool:
    """Return whether the last attempt never ended and there was time for many."""
    notification = db.session.get(Notification, alert_id, populate_existing=True)
    return (
        notification is not None
        and notification.lease_until is not None
        and utcnow() > notification.give_up_at
    )


class _Delivery(Work[Notification]):
    """One attempt at a mail or a call."""

    def __init__(self, *, orphan: bool) -> None:
        self._orphan = orphan
        # The mail server was away, which says nothing about this mail.
        self.unreached = False

    def attempt(self, row: Notification, lease: Lease, shield: Shield) -> Outcome:
        """Send the mail or make the call."""
        if self._orphan:
            return _given_up(row, "interrupted")
        try:
            prepared = _prepare(lease, row, shield)
            # Made now: once it is accepted nothing may fail any more.
            release_connection()
            channel = prepared.hand_over()
        except NotYet:
            return Postponed(utcnow() + _UNTIL_CLIPS)
        except (MailObsolete, webhooks.WebhookGone) as error:
            return _given_up(row, str(error), notify=False)
        except (MailRefused, CallRefused) as error:
            return _reaching(row, _given_up(row, str(error)))
        return _reaching(row, _settle_sent(row, prepared, channel))

    def failed(self, row: Notification, lease: Lease, error: Exception) -> Outcome:
        """Retry after any failure; after a day administrators are notified."""
        if not isinstance(error, MailUndelivered | CallFailed):
            log.exception("alert %s could not be sent", lease.row_id)
        if isinstance(error, MailUndelivered) and error.unreachable:
            self.unreached = True
            return _held_up(lease, row, str(error))
        return _reaching(row, _postponed(row, _reason(error), _pause(lease, error)))


def _reaching(notification: Notification, outcome: Outcome) -> Outcome:
    """Release the mails that wait for the mail server once this is written: it has answered."""
    if notification.is_call:
        return outcome
    before = outcome.afterwards

    def afterwards() -> None:
        before()
        outage.let_all_go()

    return replace(outcome, afterwards=afterwards)


def _prepare(lease: Lease, notification: Notification, shield: Shield) -> _Prepared:
    if is_barred(notification):
        raise MailObsolete("incident_confidential")
    if notification.is_call:
        call = webhooks.make_call(notification)
        return _Prepared(lambda: webhooks.send(call))
    mail = render_mail(notification)
    was_held_up = notification.held_up
    mail.message.progress = Progress(lambda: _reached(lease, was_held_up), shield.hold)
    row = sent_mails.row_of(notification, mail.message, mail.link, mail.foreign_token, mail.tokens)
    return _Prepared(lambda: send(mail.message, config()), row, mail.covered)


def _reached(lease: Lease, was_held_up: bool) -> None:
    """Release the mails that wait for the mail server, before the answer to this mail is waited
    for.
    """
    try:
        outage.reached(lease, was_held_up)
    except SQLAlchemyError as error:
        # Repeated when the mail is settled.
        db.session.rollback()
        log.warning("held mails not released yet: %s", type(error).__name__)


def _reason(error: Exception) -> str:
    known = isinstance(error, MailUndelivered | CallFailed)
    return str(error) if known else f"{type(error).__name__}: {error}"[:300]


def _pause(lease: Lease, error: Exception) -> timedelta:
    asked = error.retry_after if isinstance(error, CallFailed) else None
    return max(pause_before(lease.attempt), timedelta(seconds=asked or 0))


def _settle_sent(notification: Notification, prepared: _Prepared, channel: str) -> Outcome:
    sent_at = utcnow()

    def within(session: Session) -> None:
        note_change(session, notification.incident_id)
        if prepared.row is not None:
            sent_mails.keep_mail({**prepared.row, "channel": channel, "sent_at": sent_at})
        if notification.kind == NotificationKind.REPEATS:
            digests.settle_gathered(notification, prepared.covered, NotificationState.SENT, "")
        trail.record(
            SYSTEM,
            "alert:sent",
            f"alert:{notification.id}",
            site_id=notification.site_id,
            recipient=notification.recipient,
            channel=channel,
            **_about(notification),
        )

    def afterwards() -> None:
        if notification.kind not in _NOT_AT_ONCE and not notification.is_call:
            born = (
                notification.incident.created_at
                if notification.incident
                else notification.created_at
            )
            event_metrics.observe(event_metrics.DELIVERY_LAG, (sent_at - born).total_seconds())
        event = Event.ALERT_IN_OUTBOX if channel == OUTBOX else Event.ALERT_SENT
        fields = _log_fields(notification, event, channel=channel)
        log.info("alert %s sent by %s", notification.id, channel, extra=fields)

    columns = {
        "state": NotificationState.SENT,
        "sent_at": sent_at,
        "channel": channel,
        "error": None,
        "held_up": False,
    }
    return Settled(columns=columns, within=within, afterwards=afterwards)


def due_notifications() -> list[tuple[int, int]]:
    """Return id and attempt of unfinished notifications without a lease, oldest first."""
    return find_due(
        Notification, Notification.state == NotificationState.PENDING, outage.longest_wait()
    )


def retry_notification(actor: Actor, reference: str, alert_id: int) -> Notification:
    """Retry an incident's failed mail or call.

    Raises:
        NotFound: there is no such mail for this actor.
        Conflict: it has not failed.
    """
    notification = db.session.get(Notification, alert_id)
    if (
        notification is None
        or notification.incident is None
        or notification.incident.reference != reference
    ):
        raise NotFound
    return retry_delivery(actor, alert_id)


def retry_delivery(actor: Actor, alert_id: int) -> Notification:
    """Retry a failed mail or call; a gathered one together with all others.

    Raises:
        NotFound: there is no such mail for this actor.
        Conflict: it has not failed.
    """
    notification = db.session.get(Notification, alert_id)
    if notification is None or notification.site_id is None or not actor.sees(notification.site_id):
        raise NotFound
    if notification.told_by_id is not None:
        return retry_delivery(actor, notification.told_by_id)
    with transaction() as session:
        attempt = session.scalar(
            update(Notification)
            .where(
                Notification.id == alert_id,
                Notification.state == NotificationState.FAILED,
                Notification.refused.is_(None),  # there is no address to send to
            )
            .values(
                state=NotificationState.PENDING,
                next_attempt_at=utcnow(),
                give_up_at=utcnow() + GIVEN_UP_AFTER,
                lease_until=None,
                held_up=False,
            )
            .returning(Notification.attempt)
            .execution_options(synchronize_session=False)
        )
        if attempt is None:
            raise Conflict
        digests.gather_again(alert_id)
        trail.record(actor, "alert:retried", f"alert:{alert_id}", site_id=notification.site_id)
        after_commit(lambda: job_queue.enqueue_notification(alert_id, attempt))
    return notification


def _given_up(notification: Notification, sentence: str, *, notify: bool = True) -> Outcome:
    def within(_session: Session) -> None:
        if notification.kind == NotificationKind.REPEATS:
            covered = [one.id for one in digests.gathered_in(notification.id)]
            digests.settle_gathered(notification, covered, NotificationState.FAILED, sentence)
        if notify:
            notify_administrators(notification)
        trail.record(
            SYSTEM,
            "alert:failed",
            f"alert:{notification.id}",
            site_id=notification.site_id,
            **_about(notification),
        )

    def afterwards() -> None:
        fields = _log_fields(notification, Event.ALERT_GIVEN_UP, reason=sentence)
        log.error("alert %s given up: %s", notification.id, sentence, extra=fields)

    columns = {"state": NotificationState.FAILED, "held_up": False}
    return GivenUp(sentence, columns=columns, within=within, afterwards=afterwards)


def _postponed(notification: Notification, sentence: str, pause: timedelta) -> Outcome:
    if utcnow() > notification.give_up_at:
        return _given_up(notification, sentence)

    def afterwards() -> None:
        fields = _log_fields(notification, Event.ALERT_POSTPONED, reason=sentence)
        log.warning("alert %s not delivered yet: %s", notification.id, sentence, extra=fields)

    columns = {"error": sentence, "held_up": False}
    return Postponed(utcnow() + pause, columns=columns, afterwards=afterwards)


def _held_up(lease: Lease, notification: Notification, sentence: str) -> Outcome:
    """Let a mail wait for the server, and with it all that wait already."""
    if utcnow() > notification.give_up_at:
        return _given_up(notification, sentence)
    until = utcnow() + min(outage.LONGEST_PAUSE, pause_before(lease.attempt))

    def afterwards() -> None:
        fields = _log_fields(notification, Event.ALERT_POSTPONED, reason=sentence)
        log.warning(
            "alert %s waits for the mail server: %s", notification.id, sentence, extra=fields
        )

    return Postponed(
        until,
        columns={"error": sentence, "held_up": True},
        within=lambda _session: outage.hold_all(until),
        afterwards=afterwards,
    )


def _log_fields(
    notification: Notification, event: Event, **fields: object
) -> dict[str, dict[str, object]]:
    """Return the additional fields of a log line."""
    named = (
        {"incident": notification.incident.reference} if notification.incident is not None else {}
    )
    return about(event, **named, **fields)


def _about(notification: Notification) -> dict[str, Any]:
    if notification.incident is not None:
        return {"incident": notification.incident.reference}
    if notification.night is not None:
        return {"night": notification.night.day.isoformat(), "kind": notification.kind}
    return {"link": notification.link_id, "kind": notification.kind}
