"""Move the stored dates of videos to the retention in force, a batch at a time."""

import logging
import time
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from vigint_web.extensions import db
from vigint_web.models import Audience, Incident, Link, RetentionSetting, Video
from vigint_web.services.audit import trail
from vigint_web.services.core.actors import SYSTEM
from vigint_web.services.core.transactions import transaction
from vigint_web.services.videos.retention_dates import date_of, kinds_of, limits_in_force
from vigint_web.services.videos.retention_rules import NO_LIMITS, Setting

log = logging.getLogger(__name__)

_BATCH = 500
_Table = type[Video] | type[Link]


def move_dates(seconds: float) -> int:
    """Move dates for about that many seconds; return the number of videos processed.

    Every batch is one transaction, which also records its progress: a killed process loses no more
    than its batch, and repeating a batch changes nothing.
    """
    ends, looked_at = time.monotonic() + seconds, 0
    for name in _unfinished():
        while time.monotonic() < ends and (done := _move_batch(name)):
            looked_at += done
    return looked_at


def _unfinished() -> list[str]:
    names = db.session.scalars(
        select(RetentionSetting.name).where(RetentionSetting.moved_through_id.is_not(None))
    ).all()
    db.session.rollback()
    return list(names)


def _move_batch(name: str) -> int:
    with transaction() as session:
        # New videos lock this row too, but not against a transaction that only moves dates.
        row = session.get_one(
            RetentionSetting, name, with_for_update={"key_share": True}, populate_existing=True
        )
        if row.moved_through_id is None:
            return 0
        videos = session.execute(
            select(Video.id, Video.created_at, Video.purge_at, Incident.camera_id)
            .outerjoin(Incident, Incident.video_id == Video.id)
            .where(Video.id > row.moved_through_id, Video.kind.in_(kinds_of(Setting(name))))
            .order_by(Video.id)
            .limit(_BATCH)
        ).all()
        limits = limits_in_force({video.camera_id for video in videos if video.camera_id})
        dates = {
            video.id: date_of(
                video.created_at, limits.get(video.camera_id, NO_LIMITS).kept(row.days)
            )
            for video in videos
        }
        links = _links_to_shorten(session, dates)
        if not (_lock(session, Video, dates) and _lock(session, Link, links)):
            return 0  # some are in use: the same batch is retried
        moved = {video.id: dates[video.id] for video in videos if video.purge_at != dates[video.id]}
        _write(session, Video, Video.purge_at, moved)
        _write(session, Link, Link.expires_at, links)
        row.moved_videos += len(moved)
        row.moved_links += len(links)
        row.moved_through_id = videos[-1].id if len(videos) == _BATCH else None
        if row.moved_through_id is None and (row.moved_videos or row.moved_links):
            trail.record(
                SYSTEM,
                "retention:applied",
                f"retention:{name}",
                days=row.days,
                videos=row.moved_videos,
                links=row.moved_links,
            )
            log.info("dates of %s videos follow [Retention] %s", row.moved_videos, name)
    return len(videos)


def _links_to_shorten(
    session: Session, dates: Mapping[int, datetime | None]
) -> dict[int, datetime | None]:
    """Return the links of people that would outlive their footage, with their new ends.

    A later date extends no link.
    """
    people = (Link.video_id.in_(dates), Link.audience == Audience.PERSON)
    ends = session.execute(select(Link.id, Link.video_id, Link.expires_at).where(*people)).all()
    return {
        link.id: date
        for link in ends
        if (date := dates[link.video_id]) is not None
        and (link.expires_at is None or link.expires_at > date)
    }


def _lock(session: Session, table: _Table, wanted: Mapping[int, object]) -> bool:
    """Lock rows without waiting, because another transaction that holds one may wait for one of
    ours.

    Returns False if any is locked by another transaction, or gone.
    """
    free = session.scalars(
        select(table.id)
        .where(table.id.in_(wanted))
        .with_for_update(skip_locked=True, key_share=True)
    ).all()
    return len(free) == len(wanted)


def _write(
    session: Session,
    table: _Table,
    column: InstrumentedAttribute[datetime | None],
    dates: Mapping[int, datetime | None],
) -> None:
    if dates:
        session.connection().execute(
            update(table).where(table.id == bindparam("row")).values({column: bindparam("date")}),
            [{"row": row_id, "date": date} for row_id, date in dates.items()],
        )
