"""Audit access by login: once per period of activity, not for every range."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Select, select

from vigint_web.clock import utcnow
from vigint_web.errors import StorageFull
from vigint_web.extensions import db
from vigint_web.models import AuditEvent, Link, Video
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.runtime import runtime
from vigint_web.services.core.transactions import transaction

log = logging.getLogger(__name__)

# After this much silence the same access is recorded again.
_IDLE_END = timedelta(minutes=30)
_MOST_REMEMBERED = 10_000


def record_own_playback(actor: Actor, video: Video) -> None:
    """Record in the audit trail that a user plays a video by login."""
    _record_if_possible(actor, "video:played", f"video:{video.public_id}", video.site_id)


def record_prefetch(actor: Actor, video: Video) -> None:
    """Record in the audit trail that a user's page loaded the beginning of a video, unplayed."""
    _record_if_possible(actor, "video:prefetched", f"video:{video.public_id}", video.site_id)


def own_playbacks(video: Video, limit: int = 20) -> list[AuditEvent]:
    """Return the playbacks by login of a video, newest first."""
    query = _newest_of(f"video:{video.public_id}", ["video:played"])
    return list(db.session.scalars(query.limit(limit)))


def record_shown_addresses(actor: Actor, link: Link) -> None:
    """Record in the audit trail that a user was shown the addresses of a program's link."""
    _record_if_possible(actor, "link:shown", f"link:{link.id}", link.site_id)


def record_download(
    actor: Actor, action: str, subject: str, site_id: int, *, continues: bool, **detail: str
) -> None:
    """Record in the audit trail that a user downloads a file.

    Args:
        continues: the request may continue a download: it is recorded if nothing was within a
            period of activity.

    Raises:
        StorageFull: nothing was recorded.
    """
    _record_once(actor, action, subject, site_id, anew=not continues, **detail)


def downloads_of(subject: str, actions: Iterable[str], limit: int = 20) -> list[AuditEvent]:
    """Return the downloads of a thing's files by login, newest first."""
    return list(db.session.scalars(_newest_of(subject, actions).limit(limit)))


def later_reasons(links: Iterable[int]) -> dict[int, AuditEvent]:
    """Return the events in which links were handed over with a reason given only then, by link."""
    subjects = {f"link:{link}": link for link in links}
    if not subjects:
        return {}
    query = select(AuditEvent).where(
        AuditEvent.action.in_(["link:sent_again", "link:shown"]),
        AuditEvent.subject.in_(list(subjects)),
    )
    events = db.session.scalars(query.order_by(AuditEvent.id))
    return {subjects[event.subject]: event for event in events if event.detail.get("reason")}


def _newest_of(subject: str, actions: Iterable[str]) -> Select[AuditEvent]:
    return (
        select(AuditEvent)
        .where(AuditEvent.action.in_(list(actions)), AuditEvent.subject == subject)
        .order_by(AuditEvent.id.desc())
    )


def _record_if_possible(actor: Actor, action: str, subject: str, site_id: int) -> None:
    try:
        _record_once(actor, action, subject, site_id)
    except StorageFull:
        # Footage is shown even on a full disk; the log says that this was not recorded.
        log.exception("%s of %s could not be recorded", action, subject)


def _record_once(
    actor: Actor, action: str, subject: str, site_id: int, *, anew: bool = False, **detail: str
) -> None:
    now, seen = utcnow(), runtime().seen
    who = (actor.label, action, subject)
    before = seen.get(who)
    # Another process may have served the previous requests: check the trail.
    if anew or before is None or now - before >= _IDLE_END:
        with transaction():
            if anew or not _is_recorded(who, now):
                trail.record(actor, action, subject, site_id=site_id, **detail)
    # Only now: what could not be recorded is not remembered as recorded.
    if len(seen) >= _MOST_REMEMBERED:
        _forget(seen, now)
    seen[who] = now


def _is_recorded(who: tuple[str, str, str], now: datetime) -> bool:
    actor, action, subject = who
    newest = db.session.scalar(
        select(AuditEvent.at)
        .where(
            AuditEvent.action == action,
            AuditEvent.subject == subject,
            AuditEvent.actor == actor,
        )
        .order_by(AuditEvent.id.desc())
        .limit(1)
    )
    return newest is not None and now - newest < _IDLE_END


def _forget(seen: dict[tuple[str, str, str], datetime], now: datetime) -> None:
    for who, at in list(seen.items()):
        if now - at >= _IDLE_END:
            seen.pop(who, None)
    if len(seen) >= _MOST_REMEMBERED:
        seen.clear()
