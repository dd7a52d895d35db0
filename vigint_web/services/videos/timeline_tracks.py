"""Provide a video's timeline in the formats of players."""

from collections.abc import Callable
from typing import Any

from typing_extensions import TypedDict

from vigint_web.errors import NotFound
from vigint_web.extensions import db
from vigint_web.media import webvtt
from vigint_web.models import FileKind, Site, Video
from vigint_web.services.core.site_settings import zone_of


class SceneInfo(TypedDict):
    """A scene: its start in seconds, and the sharpness of its cut, 0 to 1."""

    start: float
    score: float


class TimelineDocument(TypedDict):
    """Scenes and motion; `motion` is 0 to 100, one number for every `motion_interval` seconds."""

    duration: float | None
    scenes: list[SceneInfo]
    motion: list[int]
    motion_interval: float


def previews(video: Video) -> str:
    """Return WebVTT that maps positions to thumbnails; raises NotFound without any.

    The picture's address is relative to the text, with the hash of its current content.
    """
    sheet: dict[str, Any] | None = (video.timeline or {}).get("sprite")
    sprite = video.file(FileKind.SPRITE)
    if not sheet or sprite is None or not sprite.sha256:
        raise NotFound
    return webvtt.pictures(
        f"sprite.jpg?v={sprite.sha256[:12]}",
        columns=sheet["columns"],
        width=sheet["width"],
        height=sheet["height"],
        interval=sheet["interval"],
        count=sheet["count"],
        duration=video.duration,
    )


def chapters(video: Video, title: Callable[[int], str]) -> str:
    """Return WebVTT with a chapter for each scene; raises NotFound while none are known.

    Args:
        title: names a scene by its number, from 1.
    """
    scenes = scenes_of(video)
    if scenes is None:
        raise NotFound
    titles = (title(number) for number in range(1, len(scenes) + 1))
    return webvtt.chapters([scene["start"] for scene in scenes], titles, video.duration)


def clock(video: Video) -> str:
    """Return WebVTT with the time of day of each position's recording.

    In the zone of its site. Raises NotFound while it is unknown.
    """
    began = video.clock_began
    if began is None or not video.duration:
        raise NotFound
    gaps = ((gap["at"], gap["left_out"]) for gap in video.gaps or [])
    site = db.session.get_one(Site, video.site_id)
    return webvtt.clock(began.astimezone(zone_of(site)), video.duration, gaps)


def timeline_document(video: Video) -> TimelineDocument:
    """Return scenes and motion; raises NotFound while they are not known."""
    scenes = scenes_of(video)
    if scenes is None or video.timeline is None:
        raise NotFound
    return {
        "duration": video.duration,
        "scenes": scenes,
        "motion": video.timeline["motion"],
        "motion_interval": video.timeline["motion_interval"],
    }


def scenes_of(video: Video) -> list[SceneInfo] | None:
    """Return a video's scenes; None while they are not known."""
    if video.scenes is None:
        return None
    return [{"start": scene["start"], "score": scene["score"]} for scene in video.scenes]
