"""Select the stored bytes that a video plays, downloads and shows."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select

from vigint_web.errors import LinkRefused, NotFound
from vigint_web.extensions import db
from vigint_web.models import FileKind, NamedFile, Video
from vigint_web.models.video_file import ORIGINAL, PLAYABLE
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
    file = video.file(*PLAYABLE)
    if file is None or not file.content_type:
        raise NotFound
    return _bytes(video, file, file.content_type)


def films_of(video: Video) -> dict[int, Film]:
    """Return what plays, by the number of the picture."""
    seconds = {1: video.duration} | {
        track["number"]: track["duration"] for track in video.tracks or []
    }
    files = video.named_files
    return {
        number: Film(_size(files.get((FileKind.PLAYABLE, number))), duration)
        for number, duration in seconds.items()
    }


def _size(file: NamedFile | None) -> int:
    return (file.size or 0) if file is not None else 0


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
            video.file(FileKind.POSTER, track["number"]) is not None,
        )
        for track in video.tracks or []
    ]
    first = Picture(
        1, video.width, video.height, video.duration, video.file(FileKind.POSTER) is not None
    )
    return [first, *further] if further else []


def _track_bytes(video: Video, number: str | None) -> StoredBytes:
    for track in video.tracks or []:
        file = video.file(FileKind.PLAYABLE, track["number"])
        if str(track["number"]) == number and file is not None:
            return _bytes(video, file, file.content_type or "video/mp4")
    raise NotFound


def original_bytes(video: Video) -> StoredBytes:
    """Return the original, under its own name; raises LinkRefused while there is none."""
    require_ready(video)
    file = video.file(*ORIGINAL)
    if file is None:
        raise NotFound
    return replace(_bytes(video, file, original_type(video)), filename=video.original_name)


def original_type(video: Video) -> str:
    """Return the Content-Type of the original; that of any bytes while its format is unknown."""
    return _TYPES.get(video.format or "", "application/octet-stream")


def poster_bytes(video: Video, track: str | None = None) -> StoredBytes | None:
    """Return the video's picture, or that of a further ``track``, if one was made."""
    if track in {None, "1"}:
        return _picture(video, FileKind.POSTER)
    numbers = [
        further["number"] for further in video.tracks or [] if str(further["number"]) == track
    ]
    return _picture(video, FileKind.POSTER, numbers[0]) if numbers else None


def thumbnail_bytes(video: Video) -> StoredBytes | None:
    """Return the video's picture as lists show it: small where a small one was made."""
    return _picture(video, FileKind.THUMBNAIL) or poster_bytes(video)


def sprite_bytes(video: Video) -> StoredBytes | None:
    """Return the small pictures of a video's whole length, if they were made."""
    return _picture(video, FileKind.SPRITE)


def _picture(video: Video, kind: FileKind, number: int = 1) -> StoredBytes | None:
    file = video.file(kind, number)
    if file is None or not file.sha256:
        return None
    return _bytes(video, file, file.content_type or "image/jpeg")


def _bytes(video: Video, file: NamedFile, content_type: str) -> StoredBytes:
    """Return how a file is answered for; raises NotFound while its hash is not known."""
    if not file.sha256:
        raise NotFound
    return StoredBytes(
        key=file.key,
        size=_size(file),
        sha256=file.sha256,
        content_type=content_type,
        stored_at=_stored_at(video),
    )


def _stored_at(video: Video) -> datetime:
    return video.processing_completed_at or video.created_at
