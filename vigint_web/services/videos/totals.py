"""Read and maintain the kept numbers of videos, and of the bytes of their files.

Triggers of the table of videos add the difference that a statement makes, in its transaction; what
is read is the sum of the differences, hence exact at any time. The scheduler replaces them by their
sums, and compares these with the videos once a day.
"""

from dataclasses import dataclass

from sqlalchemy import BigInteger, Select, cast, delete, func, insert, or_, select, union_all
from sqlalchemy.orm import Session

from vigint_web.extensions import db
from vigint_web.models import ConfidentialIncident, Incident, Video, VideoKind, VideoTotal
from vigint_web.services.core.actors import Actor
from vigint_web.services.core.hidden_rows import EVERY_ROW
from vigint_web.services.core.transactions import transaction

_LOCK = 0x56494754  # any number that no other lock of this application has
# Differences that are replaced at a time, and without which nothing is replaced.
_BATCH = 5000
_FEW = 200


@dataclass(frozen=True)
class Total:
    """The number of some videos, and the bytes of all their files."""

    number: int
    size: int


def totals_of_sources(actor: Actor, site_id: int | None = None) -> dict[str, Total]:
    """Return the totals of the sources of an actor's sites, or of one of them, by status."""
    query = (
        select(VideoTotal.status, func.sum(VideoTotal.videos), func.sum(VideoTotal.size))
        .where(VideoTotal.kind == VideoKind.SOURCE, actor.scope(VideoTotal.site_id))
        .group_by(VideoTotal.status)
    )
    if site_id is not None:
        query = query.where(VideoTotal.site_id == site_id)
    rows = db.session.execute(query).all()
    return {str(status): Total(int(number), int(size)) for status, number, size in rows if number}


def numbers_by_status() -> dict[str, int]:
    """Return the number of all videos by status."""
    rows = db.session.execute(
        select(VideoTotal.status, func.sum(VideoTotal.videos)).group_by(VideoTotal.status)
    )
    return {str(status): int(number) for status, number in rows if number}


def stored_bytes() -> int:
    """Return the size of all stored footage, but for that of incidents hidden from the reader."""
    confidential = select(ConfidentialIncident.incident_id)
    apart = (
        select(func.coalesce(func.sum(Video.stored_size), 0))
        .join(Incident, Incident.video_id == Video.id)
        .where(Incident.id.in_(confidential))
    )
    total = db.session.scalar(select(func.sum(VideoTotal.size))) or 0
    hidden = db.session.scalar(apart.execution_options(**EVERY_ROW)) or 0
    shown = db.session.scalar(apart) or 0
    return int(total) - int(hidden) + int(shown)


def replace_differences() -> int:
    """Replace differences by their sums, unless they are few; return how many were replaced."""
    every = select(func.count()).select_from(VideoTotal)
    if (db.session.scalar(every) or 0) <= _FEW:
        return 0
    with transaction() as session:
        if not _lock(session):
            return 0
        # By their ids: what other transactions commit meanwhile stays for the next time.
        rows = session.scalars(select(VideoTotal).order_by(VideoTotal.id).limit(_BATCH)).all()
        sums: dict[tuple[int, str, str], Total] = {}
        for row in rows:
            key = (row.site_id, row.kind, row.status)
            before = sums.get(key, Total(0, 0))
            sums[key] = Total(before.number + row.videos, before.size + row.size)
        if len(rows) - len(sums) <= _FEW // 2:
            return 0
        ids = [row.id for row in rows]
        session.execute(delete(VideoTotal).where(VideoTotal.id.in_(ids)))
        kept = [
            {
                "site_id": site_id, "kind": kind, "status": status,
                "videos": total.number, "size": total.size,
            }
            for (site_id, kind, status), total in sums.items()
            if total != Total(0, 0)
        ]  # fmt: skip
        if kept:
            session.execute(insert(VideoTotal), kept)
    return len(rows)


def correct_totals() -> int:
    """Compare the totals with the videos and add what differs; return the number of corrections.

    In a single statement, which sees the videos and their differences at the same moment.
    """
    with transaction() as session:
        if not _lock(session):
            return 0
        before = session.scalar(select(func.max(VideoTotal.id))) or 0
        names = ["site_id", "kind", "status", "videos", "size"]
        session.execute(insert(VideoTotal).from_select(names, _differences()))
        added = select(func.count()).select_from(VideoTotal).where(VideoTotal.id > before)
        return session.scalar(added) or 0


def _differences() -> Select[int, str, str, int, int]:
    videos = select(
        Video.site_id,
        Video.kind,
        Video.status,
        func.count().label("videos"),
        cast(func.coalesce(func.sum(Video.stored_size), 0), BigInteger).label("size"),
    ).group_by(Video.site_id, Video.kind, Video.status)
    totals = select(
        VideoTotal.site_id,
        VideoTotal.kind,
        VideoTotal.status,
        -func.sum(VideoTotal.videos),
        cast(-func.sum(VideoTotal.size), BigInteger),
    ).group_by(VideoTotal.site_id, VideoTotal.kind, VideoTotal.status)
    both = union_all(videos, totals).subquery()
    number, size = func.sum(both.c.videos), cast(func.sum(both.c.size), BigInteger)
    return (
        select(both.c.site_id, both.c.kind, both.c.status, number, size)
        .group_by(both.c.site_id, both.c.kind, both.c.status)
        .having(or_(number != 0, size != 0))
    )


def _lock(session: Session) -> bool:
    """Return whether no other process does this; on SQLite the transaction is already a lock."""
    if session.get_bind().dialect.name != "postgresql":
        return True
    return bool(session.scalar(select(func.pg_try_advisory_xact_lock(_LOCK))))
