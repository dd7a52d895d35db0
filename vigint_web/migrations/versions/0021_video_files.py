"""Files of videos: a row each, beside the columns that the version before knows.

Revision: 0021
Follows: 0020
"""

import time

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_BATCH = 500
# What each kind of file has columns for; null where there is none.
_KINDS = {
    "original": ("original_size", "original_sha256", "NULL"),
    "frames": (
        "frames_size",
        "NULL",
        "CASE WHEN frames_key LIKE '%.json' THEN 'application/json' ELSE 'application/zip' END",
    ),
    "playable": ("playable_size", "playable_sha256", "playable_type"),
    "poster": ("poster_size", "poster_sha256", "'image/jpeg'"),
    "thumbnail": ("thumbnail_size", "thumbnail_sha256", "'image/jpeg'"),
    "sprite": ("sprite_size", "sprite_sha256", "'image/jpeg'"),
}
_FILLED = ("video_id", "kind", "number", "key", "size", "sha256", "content_type")
_VIDEOS = sa.table("videos", sa.column("id", sa.Integer), sa.column("tracks", sa.JSON))


def upgrade() -> None:
    op.create_table(
        "video_files",
        sa.Column("video_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(400), nullable=False),
        sa.Column("size", sa.BigInteger()),
        sa.Column("sha256", sa.String(64)),
        sa.Column("content_type", sa.String(100)),
        sa.ForeignKeyConstraint(
            ["video_id"],
            ["videos.id"],
            name=op.f("fk_video_files_video_id_videos"),
            # A process of the version before deletes a video and knows nothing of its rows here.
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("video_id", "kind", "number", name=op.f("pk_video_files")),
        sqlite_with_rowid=False,
    )


def fill(engine: sa.Engine) -> None:
    """Add the rows of the videos that are there, a few at a time, while others write.

    Called by env.py once the table is committed. It waits for no row that somebody else changes;
    that one's files, and all of them if this is cut off, are added by the scheduler, which compares
    rows and columns for as long as processes of the version before may write.
    """
    last = 0
    while True:
        began = time.monotonic()
        with engine.begin() as connection:
            ids = _next(connection, last)
            _copy(connection, ids)
        if not ids:
            return
        last = ids[-1]
        # As long for everybody else: SQLite has one writer at a time.
        time.sleep(min(time.monotonic() - began, 0.1))


def _next(connection: sa.Connection, last: int) -> list[int]:
    # Locked, so that nobody changes or deletes them between the reading and the writing.
    page = sa.select(_VIDEOS.c.id).where(_VIDEOS.c.id > last).order_by(_VIDEOS.c.id).limit(_BATCH)
    locked = page.with_for_update(skip_locked=True, key_share=True)
    return list(connection.scalars(locked))


def _copy(connection: sa.Connection, ids: list[int]) -> None:
    of_these = sa.bindparam("ids", expanding=True)
    for kind, (size, sha256, content_type) in _KINDS.items():
        named = f"{kind}_key"
        connection.execute(
            sa.text(
                f"INSERT INTO video_files ({', '.join(_FILLED)})"  # noqa: S608 - names written above
                f" SELECT id, '{kind}', 1, {named}, {size}, {sha256}, {content_type} FROM videos"
                f" WHERE id IN :ids AND {named} <> '' ON CONFLICT DO NOTHING"
            ).bindparams(of_these),
            {"ids": ids},
        )
    several = sa.select(_VIDEOS).where(_VIDEOS.c.id.in_(ids), _VIDEOS.c.tracks.is_not(None))
    further = []
    for video in connection.execute(several):
        for track in video.tracks or []:
            files = [("playable", track, "video/mp4")]
            if "poster" in track:
                files.append(("poster", track["poster"], "image/jpeg"))
            further += [
                (video.id, kind, track["number"], file["key"], file["size"], file["sha256"], of)
                for kind, file, of in files
            ]
    if further:
        connection.execute(
            sa.text(
                f"INSERT INTO video_files ({', '.join(_FILLED)})"  # noqa: S608 - names written above
                f" VALUES ({', '.join(f':{name}' for name in _FILLED)}) ON CONFLICT DO NOTHING"
            ),
            [dict(zip(_FILLED, row, strict=True)) for row in further],
        )


def downgrade() -> None:
    op.drop_table("video_files")
