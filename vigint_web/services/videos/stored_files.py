"""Select the stored bytes that a video plays, downloads and shows."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from vigint_web.errors import LinkRefused, NotFound
from vigint_web.extensions import db
from vigint_web.models import Video
from vigint_web.services.core.actors import Actor
from vigint_web.services.videos.readiness import unreadiness


@dataclass(frozen=True)
class Film:
    """A playable file: its bytes, and its seconds; without these it has no parts."""

    size: int
    duration: float | None


@dataclass(frozen=True)
class StoredBytes:
    """The data needed to answer a request for a stored file without opening it."""

    key: str
    size: int
    sha256: str
    content_type: str
    stored_at: datetime
    filename: str | None = None

    @property
    def etag(self) -> str:
        """Return the strong entity tag: the bytes' SHA-256."""
        return f'"{self.sha256}"'


_TYPES = {
    "mp4": "video/mp4",
    "m4v": "video/x-m4v",
    "mov": "video/quicktime",
    "avi": "video/x-msvideo",
    "mkv": "video/x-matroska",
    "webm": "video/webm",
    "wmv": "video/x-ms-wmv",
    "flv": "video/x-flv",
}


def require_ready(video: Video) -> None:
    """Raise LinkRefused unless the video is ready."""
    refused = unreadiness(video)
    if refused is not None:
        raise LinkRefused(refused.code)


def find_visible_video(actor: Actor, public_id: str) -> Video:
    """Return a video of the actor's sites; raises NotFound."""
    video = db.session.scalar(
        select(Video).where(Video.public_id == public_id).execution_options(populate_existing=True)
    )
    if video is None or not actor.sees(video.site_id):
        raise NotFound
    return video


def playable_bytes(video: Video, track: str | None = None) -> StoredBytes:
    """Return the playable bytes; ``track`` numbers the tracks of a file with several.

    Raises LinkRefused while there are none, and NotFound for an unknown number.
    """
    require_ready(video)
    if track not in {None, "1"}:
        return _track_bytes(video, track)
    if not (video.playable_key and video.playable_sha256 and video.playable_type):
        raise NotFound
    return StoredBytes(
        key=video.playable_key,
        size=video.playable_size or 0,
        sha256=video.playable_sha256,
        content_type=video.playable_type,
        stored_at=_stored_at(video),
    )


def films_of(video: Video) -> dict[int, Film]:
    """Return the playable files, by the number of the track."""
    first = Film(video.playable_size or 0, video.duration)
    return {1: first} | {
        track["number"]: Film(track["size"], track["duration"]) for track in video.tracks or []
    }


@dataclass(frozen=True)
class Picture:
    """One track of a file with several: its size in pixels, its length in seconds."""

    number: int
    width: int | None
    height: int | None
    duration: float | None
    has_poster: bool

    @property
    def resolution(self) -> str:
        """Return the size in the usual format, such as 640x480."""
        return f"{self.width}x{self.height}" if self.width and self.height else ""


def pictures_of(video: Video) -> list[Picture]:
    """Return each track of a file with several; empty for a file with one."""
    further = [
        Picture(
            track["number"],
            track["width"],
            track["height"],
            track["duration"],
            "poster" in track,
        )
        for track in video.tracks or []
    ]
    first = Picture(1, video.width, video.height, video.duration, bool(video.poster_key))
    return [first, *further] if further else []


def _track_bytes(video: Video, number: str | None) -> StoredBytes:
    for track in video.tracks or []:
        if str(track["number"]) == number:
            return StoredBytes(
                key=track["key"],
                size=track["size"],
                sha256=track["sha256"],
                content_type="video/mp4",
                stored_at=_stored_at(video),
            )
    raise NotFound


def original_bytes(video: Video) -> StoredBytes:
    """Return the original, under its own name; raises LinkRefused while there is none."""
    require_ready(video)
    if not (video.original_key and video.original_sha256):
        raise NotFound
    return StoredBytes(
        key=video.original_key,
        size=video.original_size or 0,
        sha256=video.original_sha256,
        content_type=_TYPES.get(video.format or "", "application/octet-stream"),
        stored_at=_stored_at(video),
        filename=video.original_name,
    )


def poster_bytes(video: Video, track: str | None = None) -> StoredBytes | None:
    """Return the video's picture, or that of a further ``track``, if one was made."""
    if track not in {None, "1"}:
        posters = (
            further["poster"]
            for further in video.tracks or []
            if str(further["number"]) == track and "poster" in further
        )
        kept = next(posters, None)
        return _picture(video, kept["key"], kept["size"], kept["sha256"]) if kept else None
    return _picture(video, video.poster_key, video.poster_size, video.poster_sha256)


def thumbnail_bytes(video: Video) -> StoredBytes | None:
    """Return the video's picture for lists: a small one if it was made."""
    small = _picture(video, video.thumbnail_key, video.thumbnail_size, video.thumbnail_sha256)
    return small or poster_bytes(video)


def sprite_bytes(video: Video) -> StoredBytes | None:
    """Return the sprite sheet of a video's whole length, if it was made."""
    return _picture(video, video.sprite_key, video.sprite_size, video.sprite_sha256)


def _picture(
    video: Video, key: str | None, size: int | None, sha256: str | None
) -> StoredBytes | None:
    if not (key and sha256):
        return None
    return StoredBytes(
        key=key,
        size=size or 0,
        sha256=sha256,
        content_type="image/jpeg",
        stored_at=_stored_at(video),
    )


def _stored_at(video: Video) -> datetime:
    return video.processing_completed_at or video.created_at
