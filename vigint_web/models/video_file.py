"""Files of videos: which stored file is a video's original, its poster, its second picture.

Files are named twice for as long as processes of the version before may run: by a row each, and by
columns of `videos`, which are all that those know. What is about the columns stands at the end.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from vigint_web.extensions import Base


class FileKind(StrEnum):
    """Say what a file is to its video."""

    # What downloads: the file as received, or the clip encoded from the frames.
    ORIGINAL = "original"
    # The frames as received, byte for byte, in one file with their manifest; the manifest alone,
    # once the clip is made, where they are not to be kept.
    FRAMES = "frames"
    # What streams; the original itself when every browser plays that. Numbered from 1 where the
    # original has several pictures, such as of a rear camera; so are their posters.
    PLAYABLE = "playable"
    POSTER = "poster"
    # The poster as lists show it: small, so that a page of fifty weighs little.
    THUMBNAIL = "thumbnail"
    # Small pictures of the whole length in one JPEG, shown while somebody looks for a moment.
    SPRITE = "sprite"


Slot = tuple[str, int]
ORIGINAL: Slot = (FileKind.ORIGINAL, 1)
FRAMES: Slot = (FileKind.FRAMES, 1)
PLAYABLE: Slot = (FileKind.PLAYABLE, 1)


@dataclass(frozen=True)
class NamedFile:
    """A stored file as its video names it; what is not known is None."""

    key: str
    size: int | None
    sha256: str | None = None
    # Of the original it follows from the format, which is known once it was looked at.
    content_type: str | None = None


class VideoFile(Base):
    """One file of a video. Its row goes with the video's."""

    __tablename__ = "video_files"
    __table_args__ = ({"sqlite_with_rowid": False},)

    video_id: Mapped[int] = mapped_column(
        ForeignKey("videos.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(String(400))
    size: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(String(64))
    content_type: Mapped[str | None] = mapped_column(String(100))

    @property
    def slot(self) -> Slot:
        """Return what this file is to its video."""
        return (self.kind, self.number)


def files_named(columns: Any, rows: Iterable[Any]) -> dict[Slot, NamedFile]:
    """Return the files of a video, by what they are to it.

    Args:
        columns: the video, or a row of its `NAMING` columns.
        rows: its rows of `video_files`.
    """
    files = {
        (row.kind, row.number): NamedFile(row.key, row.size, row.sha256, row.content_type)
        for row in rows
        # Which further pictures there are is the list's to say.
        if row.number == 1 or columns.tracks is None
    }
    return files | files_of_columns(columns)


def keys_named(columns: Any, rows: Iterable[Any]) -> set[str]:
    """Return every key that stands in a video's columns or rows, also in one that is behind."""
    of_columns = {file.key for file in files_of_columns(columns).values()}
    return of_columns | {row.key for row in rows}


# The half that goes with the columns, but for the original's size and hash, which lists are sorted
# and searched by.

_PICTURE_TYPE = "image/jpeg"
_VIDEO_TYPE = "video/mp4"
_COLUMNS: Mapping[FileKind, tuple[str, ...]] = {
    FileKind.ORIGINAL: ("key", "size", "sha256"),
    FileKind.FRAMES: ("key", "size"),
    FileKind.PLAYABLE: ("key", "size", "sha256", "type"),
    FileKind.POSTER: ("key", "size", "sha256"),
    FileKind.THUMBNAIL: ("key", "size", "sha256"),
    FileKind.SPRITE: ("key", "size", "sha256"),
}
NAMING = (*(f"{kind}_{part}" for kind, parts in _COLUMNS.items() for part in parts), "tracks")


def columns_naming(videos: Any, kind: FileKind) -> tuple[Any, ...]:
    """Return the columns of `videos` that name a kind of file: key, size, SHA-256, Content-Type.

    For a query that needs nothing else; a file that only a row names is not found by it.
    """
    return tuple(getattr(videos, f"{kind}_{part}") for part in _COLUMNS[kind])


def files_of_columns(columns: Any) -> dict[Slot, NamedFile]:
    """Return the files that the columns of a video name.

    They win over its rows, which a process of the version before does not write.
    """
    files: dict[Slot, NamedFile] = {}
    for kind in FileKind:
        key = getattr(columns, f"{kind}_key")
        if key:
            size = getattr(columns, f"{kind}_size")
            digest = getattr(columns, f"{kind}_sha256", None)
            files[kind, 1] = NamedFile(key, size, digest, _content_type(columns, kind))
    for track in columns.tracks or []:
        files[FileKind.PLAYABLE, track["number"]] = NamedFile(
            track["key"], track["size"], track["sha256"], _VIDEO_TYPE
        )
        if poster := track.get("poster"):
            files[FileKind.POSTER, track["number"]] = NamedFile(
                poster["key"], poster["size"], poster["sha256"], _PICTURE_TYPE
            )
    return files


def _content_type(columns: Any, kind: FileKind) -> str | None:
    if kind == FileKind.PLAYABLE:
        return str(columns.playable_type) if columns.playable_type else None
    if kind == FileKind.FRAMES:
        return frames_type(columns.frames_key)
    return None if kind == FileKind.ORIGINAL else _PICTURE_TYPE


def frames_type(key: str) -> str:
    """Return what the file of an incident's frames is: all of them, or their manifest."""
    return "application/json" if key.endswith(".json") else "application/zip"


def column_values(
    files: Mapping[Slot, NamedFile], values: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return what the columns say of files; further pictures of `values` get theirs added."""
    found: dict[str, Any] = dict(values or {})
    for (kind, number), file in files.items():
        if number == 1:
            parts = dict(zip(("key", "size", "sha256", "type"), _parts(file), strict=True))
            found |= {f"{kind}_{part}": parts[part] for part in _COLUMNS[FileKind(kind)]}
    if found.get("tracks"):
        found["tracks"] = [_with_file(track, files) for track in found["tracks"]]
    return found


def _parts(file: NamedFile) -> tuple[Any, ...]:
    return (file.key, file.size, file.sha256, file.content_type)


def _with_file(track: Mapping[str, Any], files: Mapping[Slot, NamedFile]) -> dict[str, Any]:
    entry = {**track, **_of_list(files[FileKind.PLAYABLE, track["number"]])}
    poster = files.get((FileKind.POSTER, track["number"]))
    return entry if poster is None else {**entry, "poster": _of_list(poster)}


def _of_list(file: NamedFile) -> dict[str, Any]:
    return {"key": file.key, "size": file.size, "sha256": file.sha256}
