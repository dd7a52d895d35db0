"""Fill the database and the storage of the version before: videos with all their files."""

import hashlib
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

_BATCH = 5000
# More hard links to one file than ext4 allows (65,000) are never made.
_LINKS = 20_000
_SUFFIXES = {
    "original": ".mp4", "playable": ".mp4", "poster": ".jpg", "thumbnail": ".jpg", "sprite": ".jpg",
    "frames": ".zip",
}  # fmt: skip


class _Files:
    """Give every key a file by hard links: a million files in the space of a few."""

    def __init__(self, media: Path, data: bytes) -> None:
        self._media, self._data = media, data
        self._made = 0
        self._first = Path()
        self.digest = hashlib.sha256(data).hexdigest()

    def add(self, key: str) -> None:
        path = self._media / key
        path.parent.mkdir(parents=True, exist_ok=True)
        if self._made % _LINKS:
            os.link(self._first, path)
        else:
            path.write_bytes(self._data)
            self._first = path
        self._made += 1


def fill(engine: Engine, media: Path, total: int, data: bytes) -> list[str]:
    """Add so many videos as the version before leaves them; return the keys of their files.

    Every second one is an incident's, with its link and its sent alert; the others are sources with
    their program's link. Every tenth failed, every 20th of the others has a second picture.
    """
    files = _Files(media, data)
    keys: list[str] = []
    with engine.begin() as connection:
        site_id = connection.scalar(text("SELECT min(id) FROM sites"))
    for start in range(1, total + 1, _BATCH):
        numbers = range(start, min(start + _BATCH, total + 1))
        videos = [_video(number, total, int(site_id or 0), files, keys) for number in numbers]
        with engine.begin() as connection:
            _insert(connection, "videos", videos)
            _insert(connection, "links", [_link(video) for video in videos])
            of_incidents = [video for video in videos if video["kind"] == "frames"]
            _insert(connection, "incidents", [_incident(video) for video in of_incidents])
            _insert(connection, "alerts", [_alert(video) for video in of_incidents])
            of_sources = [video for video in videos if video["kind"] == "source"]
            _insert(connection, "sources", [_source(video) for video in of_sources])
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in ("videos", "links", "incidents", "alerts", "sources"):
                sequence = f"pg_get_serial_sequence('{table}', 'id')"
                newest = f"(SELECT max(id) FROM {table})"  # noqa: S608 - names above
                connection.execute(text(f"SELECT setval({sequence}, {newest})"))
            connection.execute(text("VACUUM ANALYZE"))
    return keys


def _video(number: int, total: int, site_id: int, files: _Files, keys: list[str]) -> dict[str, Any]:
    public_id = f"vid_{number:016x}"
    is_incident, failed = number % 2 == 0, number % 10 == 3
    kinds = ["original", "playable", "poster", "thumbnail", "sprite"]
    if failed:
        kinds = kinds[:1]
    if is_incident:
        kinds[0] = "frames"
    row: dict[str, Any] = {
        "id": number, "public_id": public_id, "site_id": site_id,
        "kind": "frames" if is_incident else "source",
        "status": "failed" if failed else "ready",
        "error_code": "broken" if failed else None,
        "created_at": _at(number, total), "changed_at": _at(number, total), "purge_at": None,
        "original_name": f"camera_{number}.mp4", "format": "mp4", "duration": 10.0,
        "attempt": 1, "attempt_limit": 5, "playable_type": None if failed else "video/mp4",
        "tracks": None if failed else "[]",
        "details": '{"streams": [{"codec_type": "video", "tags": "%s"}]}' % ("x" * 900),
        "stored_size": 0,
    }  # fmt: skip
    for kind, suffix in _SUFFIXES.items():
        there = kind in kinds
        key = f"videos/{public_id}/a1/{kind}{suffix}" if there else None
        row |= {f"{kind}_key": key, f"{kind}_size": len(files._data) if there else None}
        if kind != "frames":
            row[f"{kind}_sha256"] = files.digest if there else None
        if key is not None:
            row["stored_size"] += len(files._data)
            files.add(key)
            keys.append(key)
    if not failed and number % 20 == 1:
        key = f"videos/{public_id}/a1/track2.mp4"
        files.add(key)
        keys.append(key)
        row["stored_size"] += len(files._data)
        row["tracks"] = (
            f'[{{"number": 2, "key": "{key}", "size": {len(files._data)}, "sha256":'
            f' "{files.digest}", "width": 640, "height": 480, "duration": 10.0}}]'
        )
    return row


def _at(number: int, total: int) -> str:
    """Return a time of the last 20 days, the later the larger the number."""
    ago = timedelta(days=20) * (1 - number / total) + timedelta(hours=1)
    return (datetime.now(UTC) - ago).strftime("%Y-%m-%d %H:%M:%S.%f+00:00")


def _link(video: dict[str, Any]) -> dict[str, Any]:
    at = video["created_at"]
    is_program = video["kind"] == "source"
    return {
        "id": video["id"], "video_id": video["id"], "site_id": video["site_id"],
        "audience": "program" if is_program else "person", "handle": f"earlier{video['id']}",
        "minted_at": at, "changed_at": at, "recipient": None if is_program else "p@example.com",
        "expires_at": None if is_program else at, "views": 0, "full_access": is_program,
        "created_by": "system", "note": "",
    }  # fmt: skip


def _incident(video: dict[str, Any]) -> dict[str, Any]:
    at, number = video["created_at"], video["id"]
    return {
        "id": number, "reference": f"INC-EARLIER-{number}", "site_id": video["site_id"],
        "video_id": number, "link_id": number, "body_sha256": "0" * 64, "created_at": at,
        "message": f"Somebody was seen, {number}.", "incident_type": "Intrusion",
        "risk_level": ("LOW", "HIGH", "CRITICAL")[number % 3], "analysis": "", "detected_at": at,
        "zone_assumed": False, "extra": "{}", "link_hours": 48, "frames_received": 40,
        "boxes": '[{"x": 0.1, "y": 0.1, "width": 0.2, "height": 0.2}]' if number % 4 else None,
    }  # fmt: skip


def _alert(video: dict[str, Any]) -> dict[str, Any]:
    at, number = video["created_at"], video["id"]
    return {
        "id": number, "incident_id": number, "link_id": number, "recipient": "p@example.com",
        "state": "sent", "kind": "video", "message_id": f"<earlier{number}@example.com>",
        "created_at": at, "give_up_at": at, "sent_at": at, "channel": "smtp", "attempt": 1,
        "attempt_limit": 5, "changed_at": at, "held_up": False,
    }  # fmt: skip


def _source(video: dict[str, Any]) -> dict[str, Any]:
    number = video["id"]
    return {
        "id": number, "source_id": f"file_e{number}", "site_id": video["site_id"],
        "video_id": number, "name": f"North {number}", "description": "",
        "created_at": video["created_at"], "keeps_duplicate": False,
        "sort_name": f"north {number}", "search_text": f"file_e{number} north {number}",
    }  # fmt: skip


def _insert(connection: Connection, table: str, rows: Iterable[dict[str, Any]]) -> None:
    several = list(rows)
    if several:
        names = list(several[0])
        values = ", ".join(f":{name}" for name in names)
        statement = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})"  # noqa: S608 - names above
        connection.execute(text(statement), several)
