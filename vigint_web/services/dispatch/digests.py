"""Group the repeats of an alert: the first is mailed at once, the others together."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import make_msgid
from typing import Any

from sqlalchemy import Row, delete, func, or_, select, update
from sqlalchemy.orm import Session

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import (
    Cooldown,
    CooldownSpan,
    Incident,
    Notification,
    NotificationKind,
    NotificationState,
    RiskLevel,
)
from vigint_web.services.core import addresses
from vigint_web.services.core.count_changes import note_change_of_notifications
from vigint_web.services.core.site_settings import cool_down_of
from vigint_web.services.core.transactions import change, insert_into, transaction
from vigint_web.services.dispatch.cool_down_rules import Span, choose_span, moment_of

# The additional time that a mail about several waits for unfinished clips.
_PATIENCE = timedelta(minutes=2)
# The maximum collection time of a digest (`services.dispatch.backlog`).
DIGEST = timedelta(minutes=5)
# The version of the order of risk levels that the stored ranks follow: rows of another order are
# separate.
_RANKS = "/".join(RiskLevel)
# A detector's spool keeps alerts for 29 days.
_SPANS_KEPT = timedelta(days=31)
_SINGLE_KINDS = (NotificationKind.VIDEO, NotificationKind.TEXT_ONLY)


def join_cooldown(incident: Incident) -> Span | None:
    """Put an incident under the first of its span; None: it is the first of a new one.

    The reports of one camera and type are put into spans one after the other, in all processes: the
    row of the cool-down is locked until the caller's transaction ends.
    """
    cool_down = cool_down_of(incident.site)
    if not cool_down:
        return None
    moment = moment_of(incident.detected_at, incident.created_at)
    risk, key = RiskLevel(incident.risk_level).rank, _key(incident)
    with transaction() as session:
        lock(session, key, incident, risk, moment + cool_down)
        near = select(CooldownSpan).where(
            CooldownSpan.key == key,
            CooldownSpan.latest > moment - cool_down,
            CooldownSpan.earliest < moment + cool_down,
        )
        rows = {row.incident_id: row for row in session.scalars(near)}
        spans = [Span(r.incident_id, r.risk, r.earliest, r.latest) for r in rows.values()]
        chosen = choose_span(spans, moment, risk, cool_down)
        if chosen is None:
            session.add(
                CooldownSpan(
                    key=key, incident_id=incident.id, risk=risk, earliest=moment, latest=moment
                )
            )
            return None
        wider, row = chosen.with_moment(moment), rows[chosen.first_id]
        row.earliest, row.latest = wider.earliest, wider.latest
        incident.grouped_under_id = chosen.first_id
        return chosen


def lock(session: Session, key: str, incident: Incident, risk: int, ends_at: datetime) -> None:
    """Make other transactions that lock this key wait until the open transaction ends."""
    values = {"incident_id": incident.id, "risk": risk, "ends_at": ends_at}
    session.execute(
        insert_into(session, Cooldown)
        .values(key=key, **values)
        .on_conflict_do_update(index_elements=[Cooldown.key], set_=values)
    )


def end_of_cooldown(first_id: int) -> datetime:
    """Return when an incident's repeats are mailed: a cool-down after its receipt.

    Also for an incident that is received late: others of its time may follow.
    """
    first = db.session.get_one(Incident, first_id)
    return max(utcnow(), first.created_at + cool_down_of(first.site))


def _key(incident: Incident) -> str:
    kind = " ".join(incident.incident_type.casefold().split())
    parts = f"{_RANKS}/{incident.site_id}/{incident.camera_id or '-'}/{kind}"
    if incident.is_test:
        # A test is no first of an incident's cool-down, nor its repeat.
        parts = f"test/{parts}"
    return hashlib.sha256(parts.encode()).hexdigest()


def find_notified(first_id: int) -> set[str]:
    """Return the recipients of a mail of their own about an incident or one grouped under it."""
    with transaction() as session:
        return set(
            session.scalars(
                select(Notification.recipient)
                .join(Incident, Notification.incident_id == Incident.id)
                .where(
                    or_(Incident.id == first_id, Incident.grouped_under_id == first_id),
                    Notification.kind.in_(_SINGLE_KINDS),
                    Notification.told_by_id.is_(None),
                    Notification.channel.is_distinct_from("webhook"),
                    Notification.state != NotificationState.FAILED,
                )
            )
        )


def gather(notification: Notification, first_id: int, due: datetime) -> None:
    """Add this notification to a mail about several, in the caller's transaction.

    That mail's row is locked until then: either it has not been sent and will include this one, or
    it was, and there will be another.
    """
    held = bool(notification.on_hold)  # not set yet on a new notification
    # No flush before the lock: the transaction that settles that mail locks its row before this
    # one.
    with transaction() as session, session.no_autoflush:
        pending = session.scalar(
            update(Notification)
            .where(
                Notification.id
                == select(func.max(Notification.id))
                .where(
                    Notification.incident_id == first_id,
                    Notification.recipient == notification.recipient,
                    Notification.kind == NotificationKind.REPEATS,
                    Notification.state == NotificationState.PENDING,
                    Notification.digest_of_id.is_(None),
                    # Held notifications block no others.
                    Notification.on_hold.is_(held),
                )
                .scalar_subquery(),
                Notification.state == NotificationState.PENDING,
            )
            .values(changed_at=utcnow())
            .returning(Notification.id)
            .execution_options(synchronize_session=False)
        )
        notification.told_by_id = pending or queue_repeats(
            first_id, notification.recipient, due, held=held
        )


def queue_repeats(
    first_id: int,
    recipient: str,
    due: datetime,
    digest_of: int | None = None,
    *,
    held: bool = False,
) -> int:
    """Store a mail about several, in the caller's transaction; return its number.

    Args:
        digest_of: the key whose spooled alerts it lists; None: it lists repeats.
        held: its alerts are on hold (`on_hold`), and so is it.
    """
    with transaction() as session:
        return session.scalars(
            insert_into(session, Notification)
            .values(
                incident_id=first_id,
                recipient=recipient,
                state=NotificationState.PENDING,
                kind=NotificationKind.REPEATS,
                message_id=make_msgid(domain=addresses.public_host()),
                next_attempt_at=due,
                digest_of_id=digest_of,
                on_hold=held,
            )
            .returning(Notification.id)
        ).one()


def gathered_in(alert_id: int) -> list[Notification]:
    """Return the current content of a mail about several, the first one first."""
    return list(
        db.session.scalars(
            select(Notification)
            .where(
                Notification.told_by_id == alert_id,
                Notification.state.in_([NotificationState.GATHERED, NotificationState.FAILED]),
            )
            .order_by(Notification.incident_id, Notification.id)
            .execution_options(populate_existing=True)
        )
    )


def wait_for_more(notification: Notification, ready: Sequence[Notification]) -> bool:
    """Return whether a mail about several should wait for unfinished clips."""
    waiting = db.session.scalar(
        select(func.count(Notification.id)).where(
            Notification.told_by_id == notification.id,
            Notification.state == NotificationState.WAITING,
        )
    )
    first = notification.incident
    gathers = DIGEST if notification.is_digest or first is None else cool_down_of(first.site)
    patience = notification.created_at + gathers + _PATIENCE
    return bool(waiting) and (not ready or utcnow() < patience)


def settle_gathered(
    notification: Notification, covered: Iterable[int], state: NotificationState, error: str
) -> None:
    """Settle the notifications covered by a mail about several, together with that mail.

    Later ones are covered by another mail.
    """
    ids = list(covered)
    values: dict[str, Any] = {"state": state, "error": error or None}
    if state == NotificationState.SENT:
        values["sent_at"] = utcnow()
    with transaction() as session:
        change(session, update(Notification).where(Notification.id.in_(ids)).values(**values))
        note_change_of_notifications(session, ids)
        late = select(Notification.id).where(
            Notification.told_by_id == notification.id,
            Notification.id.not_in(ids),
            Notification.state.in_([NotificationState.GATHERED, NotificationState.WAITING]),
        )
        rest = list(session.scalars(late))
        if rest and notification.incident_id is not None:
            next_one = queue_repeats(
                notification.incident_id,
                notification.recipient,
                utcnow(),
                notification.digest_of_id,
                held=notification.on_hold,
            )
            change(
                session,
                update(Notification).where(Notification.id.in_(rest)).values(told_by_id=next_one),
            )


def gather_again(alert_id: int) -> None:
    """Restore the content of a mail about several for another attempt."""
    with transaction() as session:
        change(
            session,
            update(Notification)
            .where(
                Notification.told_by_id == alert_id, Notification.state == NotificationState.FAILED
            )
            .values(state=NotificationState.GATHERED, error=None),
        )


def repeats_of(incident_id: int, limit: int = 50) -> list[Incident]:
    """Return the newest incidents grouped under one."""
    return list(
        db.session.scalars(
            select(Incident)
            .where(Incident.grouped_under_id == incident_id)
            .order_by(Incident.id.desc())
            .limit(limit)
        )
    )


def latest_repeats(counts: Mapping[int, int], most: int = 20) -> dict[int, list[Row[Any]]]:
    """Return the latest repeats of each of some incidents, with what a row shows of them.

    Args:
        counts: the number of repeats by the id of the first one.
    """
    number = func.row_number().over(
        partition_by=Incident.grouped_under_id, order_by=Incident.id.desc()
    )
    columns = (
        Incident.grouped_under_id,
        Incident.reference,
        Incident.state,
        Incident.risk_level,
        Incident.detected_at,
        Incident.created_at,
    )
    if not counts:
        return {}
    ranked = (
        select(*columns, number.label("number"))
        .where(Incident.grouped_under_id.in_(counts))
        .subquery()
    )
    query = select(ranked).where(ranked.c.number <= most).order_by(ranked.c.number)
    found: dict[int, list[Row[Any]]] = {}
    for row in db.session.execute(query):
        found.setdefault(row.grouped_under_id, []).append(row)
    return found


def count_repeats(incident_ids: Iterable[int]) -> dict[int, int]:
    """Return how many incidents are grouped under each, if any."""
    rows = db.session.execute(
        select(Incident.grouped_under_id, func.count())
        .where(Incident.grouped_under_id.in_(list(incident_ids)))
        .group_by(Incident.grouped_under_id)
    )
    return {int(row[0] or 0): row[1] for row in rows}


def forget_old_cooldowns() -> int:
    """Delete spans for which no report can arrive any more; return the number of first alerts."""
    with transaction() as session:
        limit = utcnow() - timedelta(days=1)
        change(session, delete(Cooldown).where(Cooldown.ends_at < limit))
        old = CooldownSpan.created_at < utcnow() - _SPANS_KEPT
        return change(session, delete(CooldownSpan).where(old))
