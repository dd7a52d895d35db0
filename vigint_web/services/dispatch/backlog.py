"""Group the alerts that a detector spooled during an outage: one mail lists each with its time."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.models import Incident, Notification, NotificationKind, NotificationState, RiskLevel
from vigint_web.services.core.transactions import transaction
from vigint_web.services.dispatch import digests

# A spool that has been silent for this long counts as empty.
QUIET = timedelta(seconds=30)
# The maximum delay, after which the alerts received so far are mailed.
_LONGEST = digests.DIGEST
# With this delay between detection and receipt, an alert was spooled somewhere.
_LATE = timedelta(minutes=10)
# A detector's spool keeps alerts for 29 days; an older one was not spooled but replayed.
_OLDEST = timedelta(days=30)
_FIELD = "kept_since"


def kept_since(document: Any) -> dict[str, Any]:
    """Return since when an alert was in a detector's spool, as a fact of the incident."""
    value = document.get(_FIELD) if isinstance(document, Mapping) else None
    return {_FIELD: value[:64]} if isinstance(value, str) else {}


def joins_digest(incident: Incident) -> bool:
    """Return whether an alert is mailed in a digest; in the transaction that stores it.

    HIGH and CRITICAL are mailed singly and at once. A detector marks spooled alerts. Without that
    mark one late alert may have a wrong clock or zone; several in a row come from an outage, and
    those after the first are grouped. A test alert is mailed singly, and delays no other.
    """
    if incident.api_key_id is None or RiskLevel(incident.risk_level).rank >= RiskLevel.HIGH.rank:
        return False
    if incident.is_test:
        return False
    if _was_kept(incident):
        return True
    if not _is_late(incident.detected_at, incident.created_at):
        return False
    with transaction() as session:
        recent = session.execute(
            select(Incident.detected_at, Incident.created_at).where(
                # The first two by the index; few are left.
                Incident.site_id == incident.site_id,
                Incident.created_at > incident.created_at - QUIET * 2,
                Incident.api_key_id == incident.api_key_id,
                Incident.id != incident.id,
                ~Incident.is_test,
            )
        )
        return any(_is_late(detected_at, created_at) for detected_at, created_at in recent)


def _was_kept(incident: Incident) -> bool:
    try:
        datetime.fromisoformat(str(incident.extra.get(_FIELD)))
    except ValueError:
        return False
    return True


def _is_late(detected_at: datetime, received_at: datetime) -> bool:
    return _LATE < received_at - detected_at < _OLDEST


def lock_digest(session: Session, incident: Incident) -> None:
    """Serialize the transactions that add notifications of one key to its digests."""
    key = hashlib.sha256(f"digest/{incident.api_key_id}".encode()).hexdigest()
    digests.lock(session, key, incident, 0, utcnow() + _LONGEST)


def gather(notification: Notification, incident: Incident) -> None:
    """Add a notification to a digest, in the caller's transaction.

    As with repeats the digest's row is locked until then: either it has not been sent and will
    include this one, or it was, and there will be another. Each alert postpones it a little.
    """
    now = utcnow()
    with transaction() as session, session.no_autoflush:
        lock_digest(session, incident)
        pending = session.execute(
            select(
                Notification.id,
                Notification.created_at,
                Notification.attempt,
                Notification.next_attempt_at,
            )
            .where(
                Notification.kind == NotificationKind.REPEATS,
                Notification.state == NotificationState.PENDING,
                Notification.recipient == notification.recipient,
                Notification.digest_of_id == incident.api_key_id,
                # Held notifications block no others.
                Notification.on_hold.is_(bool(notification.on_hold)),
            )
            .order_by(Notification.id.desc())
            .limit(1)
        ).one_or_none()
        joined = None
        if pending is not None:
            put_off = min(now + QUIET, pending.created_at + _LONGEST)
            joined = session.scalar(
                update(Notification)
                .where(
                    Notification.id == pending.id, Notification.state == NotificationState.PENDING
                )
                .values(
                    changed_at=now,
                    next_attempt_at=pending.next_attempt_at if pending.attempt else put_off,
                )
                .returning(Notification.id)
                .execution_options(synchronize_session=False)
            )
        notification.told_by_id = joined or digests.queue_repeats(
            incident.id,
            notification.recipient,
            now + QUIET,
            digest_of=incident.api_key_id,
            held=bool(notification.on_hold),
        )
