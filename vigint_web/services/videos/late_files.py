"""Bring over what processes of the version before wrote: files that only a video's columns name.

Goes with the columns. Such processes run beside this version's while an installation is upgraded,
and what they store, replace or remove is in the columns alone. Everything reads both, so that this
may take its time.
"""

import logging
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Row, Text, bindparam, cast, delete, exists, insert, or_, select
from sqlalchemy.orm import Session

from vigint_web.extensions import db
from vigint_web.models import FileKind, Video, VideoFile
from vigint_web.models.video_file import NAMING, NamedFile, Slot, files_of_columns
from vigint_web.services.core.transactions import transaction
from vigint_web.services.videos.publication import row_values

log = logging.getLogger(__name__)

_BATCH = 500
_CHOSEN = (
    select(Video.id, *(getattr(Video, name) for name in NAMING))
    .where(Video.id.in_(bindparam("ids", expanding=True)))
    .order_by(Video.id)
)
_ROWS = VideoFile.__table__
_ONE = delete(VideoFile).where(
    VideoFile.video_id == bindparam("of_video"),
    VideoFile.kind == bindparam("of_kind"),
    VideoFile.number == bindparam("of_number"),
)


def copy_late_files(after: int = 0) -> int:
    """Compare the columns of the next videos with their rows, and write the rows that differ.

    Args:
        after: the id of the last video that was compared.

    Returns:
        The id of the last one now; 0 when there are no more, and the next round begins anew.
    """
    session: Session = db.session()
    page = select(Video.id).where(Video.id > after).order_by(Video.id).limit(_BATCH)
    ids = session.scalars(page).all()
    seeming = _seemingly_unlike(session, after, ids[-1]) if ids else []
    videos = session.execute(_CHOSEN, {"ids": seeming}).all() if seeming else []
    unlike = [video_id for video_id, *_ in _differing(session, videos)]
    session.rollback()
    copied = copy_files_of(unlike) if unlike else 0
    if copied:
        log.info("files of %s videos got rows: an earlier version stored them", copied)
    return int(ids[-1]) if len(ids) == _BATCH else 0


def _seemingly_unlike(session: Session, after: int, last: int) -> list[int]:
    """Return which videos may not be alike; the database compares, as it is about all of them."""
    these = (Video.id > after) & (Video.id <= last)
    lacking = [
        getattr(Video, f"{kind}_key").is_not(None)
        & ~exists().where(
            VideoFile.video_id == Video.id,
            VideoFile.kind == str(kind),
            VideoFile.number == 1,
            VideoFile.key == getattr(Video, f"{kind}_key"),
            VideoFile.size.is_not_distinct_from(getattr(Video, f"{kind}_size")),
        )
        for kind in FileKind
    ]
    further = exists().where(VideoFile.video_id == Video.id, VideoFile.number > 1)
    has_tracks = cast(Video.tracks, Text).not_in(["[]", "null"])  # of few: looked at one by one
    return list(session.scalars(select(Video.id).where(these, or_(*lacking, further, has_tracks))))


def copy_files_of(video_ids: Sequence[int]) -> int:
    """Write the rows of some videos as their columns are; return how many that were.

    Waits for no row that another process is changing: the next round comes to it.
    """
    locked = _CHOSEN.with_for_update(skip_locked=True, key_share=True)
    with transaction() as session:
        session.flush()
        videos = session.execute(locked, {"ids": video_ids}).all()
        differing = list(_differing(session, videos))
        gone = [
            {"of_video": video_id, "of_kind": str(kind), "of_number": number}
            for video_id, named, stale in differing
            for kind, number in (*named, *stale)
        ]
        rows = [
            row_values(video_id, slot, file)
            for video_id, named, _stale in differing
            for slot, file in named.items()
        ]
        connection = session.connection()
        if gone:
            connection.execute(_ONE, gone)
        if rows:
            connection.execute(insert(VideoFile), rows)
    return len(differing)


def _differing(
    session: Session, videos: Sequence[Row[Any]]
) -> Iterable[tuple[int, dict[Slot, NamedFile], set[Slot]]]:
    """Yield each video that is not alike: its id, what its rows lack, and which rows must go.

    A row of a place that no column has stays: no version ever takes a file's name away.
    """
    rows = _rows_of(session, [video.id for video in videos])
    for video in videos:
        there = rows.get(video.id, {})
        named = files_of_columns(video)
        lacking = {slot: file for slot, file in named.items() if there.get(slot) != file}
        stale = {
            slot for slot in there if slot[1] > 1 and video.tracks is not None and slot not in named
        }
        if lacking or stale:
            yield video.id, lacking, stale


def _rows_of(session: Session, video_ids: Sequence[int]) -> dict[int, dict[Slot, NamedFile]]:
    found = session.execute(
        select(_ROWS).where(VideoFile.video_id.in_(video_ids)).order_by(VideoFile.video_id)
    )
    return {
        video_id: {
            (row.kind, row.number): NamedFile(row.key, row.size, row.sha256, row.content_type)
            for row in rows
        }
        for video_id, rows in groupby(found, lambda row: row.video_id)
    }
