"""Compare what the columns and the rows say of the files of every video."""

import json
from typing import Any

from sqlalchemy import text

from tests.helpers import renew
from vigint_web.extensions import db

_KINDS = ("original", "frames", "playable", "poster", "thumbnail", "sprite")
File = tuple[str, int | None, str | None]


def of_columns() -> dict[tuple[int, str, int], File]:
    """Return what a process of the version before knows: key, size and hash of each file."""
    renew()
    found: dict[tuple[int, str, int], File] = {}
    for row in db.session.execute(text("SELECT * FROM videos")).mappings():
        for kind in _KINDS:
            if row[f"{kind}_key"]:
                digest = row.get(f"{kind}_sha256")
                found[row["id"], kind, 1] = (row[f"{kind}_key"], row[f"{kind}_size"], digest)
        tracks: Any = row["tracks"]
        for track in (json.loads(tracks) if isinstance(tracks, str) else tracks) or []:
            found[row["id"], "playable", track["number"]] = (
                track["key"], track["size"], track["sha256"],
            )  # fmt: skip
            if poster := track.get("poster"):
                found[row["id"], "poster", track["number"]] = (
                    poster["key"], poster["size"], poster["sha256"],
                )  # fmt: skip
    db.session.rollback()
    return found


def of_rows() -> dict[tuple[int, str, int], File]:
    """Return what the rows say."""
    renew()
    rows = db.session.execute(text("SELECT * FROM video_files")).mappings().all()
    db.session.rollback()
    return {
        (row["video_id"], row["kind"], row["number"]): (row["key"], row["size"], row["sha256"])
        for row in rows
    }


def content_types() -> dict[str, str | None]:
    """Return what the rows say of each kind's type."""
    rows = db.session.execute(text("SELECT kind, number, content_type FROM video_files")).all()
    db.session.rollback()
    return {f"{row.kind} {row.number}": row.content_type for row in rows}
