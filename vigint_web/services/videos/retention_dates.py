"""Set each video's date of deletion, from its arrival and the retention in force."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute

from vigint_web.clock import utcnow
from vigint_web.extensions import db
from vigint_web.models import (
    Access,
    CameraLimits,
    Incident,
    Mail,
    Playback,
    RetentionSetting,
    Video,
    VideoKind,
)
from vigint_web.services.core.runtime import config
from vigint_web.services.core.transactions import transaction
from vigint_web.services.videos.retention_rules import NO_LIMITS, Days, Limits, Setting

_KINDS = {
    Setting.INCIDENTS: (VideoKind.FRAMES, VideoKind.CLIP),
    Setting.SOURCES: (VideoKind.SOURCE,),
    Setting.LOG: (),
}


def kinds_of(setting: Setting) -> Sequence[VideoKind]:
    """Return the kinds of videos whose dates follow a setting; none for the log of visitors."""
    return _KINDS[setting]


def configured(setting: Setting) -> Days:
    """Return the days in this process's configuration."""
    settings = config()
    return {
        Setting.INCIDENTS: settings.retention_days,
        Setting.SOURCES: settings.source_retention_days,
        Setting.LOG: settings.log_days,
    }[setting]


def in_force(setting: Setting) -> Days:
    """Return the days in force; before the first run of a scheduler, those of the configuration."""
    row = db.session.execute(
        select(RetentionSetting.days).where(RetentionSetting.name == setting)
    ).first()
    return row.days if row is not None else configured(setting)


def date_of(created_at: datetime, days: Days) -> datetime | None:
    """Return the date of deletion; None: kept until deleted by a user."""
    return None if days is None else created_at + timedelta(days=days)


def limits_in_force(camera_ids: Iterable[int]) -> dict[int, Limits]:
    """Return the limits in force of those of the cameras that have any, by their ids."""
    rows = db.session.execute(
        select(CameraLimits.camera_id, CameraLimits.least_days, CameraLimits.most_days).where(
            CameraLimits.camera_id.in_(camera_ids)
        )
    )
    return {row.camera_id: Limits(row.least_days, row.most_days) for row in rows}


def limits_of(camera_id: int | None) -> Limits:
    """Return the limits in force of a camera; none without one."""
    if camera_id is None:
        return NO_LIMITS
    return limits_in_force([camera_id]).get(camera_id, NO_LIMITS)


def date_for_new(
    kind: VideoKind, created_at: datetime, camera_id: int | None = None
) -> datetime | None:
    """Return the date of a video that is added in the caller's transaction.

    An incident's is within the limits of its camera, which are changed under the same lock.

    New footage gets the days in force, not those of this process's configuration: machines may
    differ, and a pending shorter retention may be cancelled. The row is locked until the
    transaction ends (PostgreSQL; SQLite has one writer): a transaction that changes the days waits
    for it, and includes the new video when the dates are moved.
    """
    setting = Setting.SOURCES if kind == VideoKind.SOURCE else Setting.INCIDENTS
    with transaction() as session:
        row = session.execute(
            select(RetentionSetting.days)
            .where(RetentionSetting.name == setting)
            .with_for_update(read=True, key_share=True)
        ).first()
        days = row.days if row is not None else configured(setting)
        if setting == Setting.INCIDENTS:
            days = limits_of(camera_id).kept(days)
    return date_of(created_at, days)


def longest_stored(setting: Setting) -> tuple[bool, Days]:
    """Return whether any dates are stored, and the longest retention they were made with.

    For an installation of an earlier version, which kept no record of it; it reads every row once.
    """
    if not kinds_of(setting):
        return False, None
    rows = db.session.execute(
        select(Video.created_at, Video.purge_at)
        .where(Video.kind.in_(kinds_of(setting)))
        .execution_options(yield_per=5000)
    )
    longest = 0
    for created_at, purge_at in rows:
        if purge_at is None:
            rows.close()
            return True, None
        longest = max(longest, round((purge_at - created_at) / timedelta(days=1)))
    return longest > 0, longest or None


def count_older(setting: Setting, days: int, *, within: timedelta = timedelta(0)) -> int:
    """Return how many videos, or visits for the log, a retention of that many days would delete.

    Args:
        within: also count those that it would delete within this time from now.
    """
    until = utcnow() + within
    if setting != Setting.INCIDENTS:
        return sum(
            db.session.scalar(select(func.count()).where(held, at <= until - timedelta(days=days)))
            or 0
            for held, at in _counted(setting)
        )
    limits = _limited_cameras()
    others = Incident.camera_id.not_in(limits)
    found = count_of_cameras(or_(Incident.camera_id.is_(None), others), days, until)
    for one in set(limits.values()):
        cameras = [camera_id for camera_id, its in limits.items() if its == one]
        found += count_of_cameras(Incident.camera_id.in_(cameras), one.kept(days), until)
    return found


def count_of_cameras(cameras: ColumnElement[bool], days: Days, until: datetime) -> int:
    """Return how many videos of incidents with these cameras would be deleted until a time.

    Args:
        cameras: a condition on incidents.
    """
    if days is None:
        return 0
    received = until - timedelta(days=days)
    query = (
        select(func.count(Video.id))
        .outerjoin(Incident, Incident.video_id == Video.id)
        .where(Video.kind.in_(kinds_of(Setting.INCIDENTS)), Video.created_at <= received, cameras)
    )
    return db.session.scalar(query) or 0


def _limited_cameras() -> dict[int, Limits]:
    rows = db.session.execute(
        select(CameraLimits.camera_id, CameraLimits.least_days, CameraLimits.most_days).where(
            or_(CameraLimits.least_days.is_not(None), CameraLimits.most_days.is_not(None))
        )
    )
    return {row.camera_id: Limits(row.least_days, row.most_days) for row in rows}


def is_anything_kept(setting: Setting) -> bool:
    """Return whether there is data that a shorter retention would delete earlier."""
    held = [*_counted(setting)]
    if setting == Setting.INCIDENTS:
        held.append((true(), Mail.sent_at))  # mails are deleted with their footage
    # From the newest on: in a log, old entries were deleted.
    return any(
        db.session.scalar(select(at).where(kept).order_by(at.class_.id.desc()).limit(1)) is not None
        for kept, at in held
    )


def _counted(
    setting: Setting,
) -> list[tuple[ColumnElement[bool], InstrumentedAttribute[datetime]]]:
    """Return the data of a setting, and the time from which its days count."""
    if setting != Setting.LOG:
        return [(Video.kind.in_(kinds_of(setting)), Video.created_at)]
    return [
        (or_(Access.address.is_not(None), Access.user_agent.is_not(None)), Access.at),
        (or_(Playback.address.is_not(None), Playback.user_agent.is_not(None)), Playback.last_at),
    ]
