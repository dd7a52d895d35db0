"""Write the JSON documents of the public token API (contracts, section 3)."""

from datetime import datetime
from typing import NotRequired

from typing_extensions import TypedDict

from vigint_web.i18n.sentences import failure_sentence, flaw_sentence
from vigint_web.models import Incident, Link, Source, Video, VideoStatus
from vigint_web.services.core import addresses
from vigint_web.services.incidents.incidents import find_incident_of
from vigint_web.services.links.links import token_of
from vigint_web.services.sources.sources import find_source_of
from vigint_web.services.videos.stored_files import pictures_of
from vigint_web.services.videos.timeline_tracks import SceneInfo, scenes_of


class ApiLinks(TypedDict):
    """The addresses of a token."""

    api_endpoint: str
    stream_url: str
    access_token: str
    metadata_url: str
    download_url: str
    thumbnail_url: str


class FileInfo(TypedDict):
    """The file; sizes in bytes, durations in seconds, null for what is not known yet."""

    filename: str
    format: str | None
    size: int | None
    duration: float | None
    resolution: str | None
    fps: float | None
    codec: str | None
    audio_codec: str | None


class FlawInfo(TypedDict):
    """A defect of a file that plays nevertheless: a code, and a sentence."""

    code: str
    message: str


class GapInfo(TypedDict):
    """An interruption of the recording: from `at` on, in seconds of playback, so many more have
    passed.

    The time of recording of a position is `recorded_at` + its seconds + `left_out` of the last gap.
    """

    at: float
    left_out: float


class TrackInfo(TypedDict):
    """One track of a file with several; the first is played by `stream_url`."""

    number: int
    resolution: str
    stream_url: str


class VideoDocument(TypedDict):
    """The facts of a video."""

    id: int
    source_id: str | None
    video_id: str
    name: str
    description: str
    tags: list[str]
    camera: str | None
    recorded_at: str | None
    status: VideoStatus
    file_info: FileInfo
    api_links: ApiLinks
    # Only if there are defects.
    warnings: NotRequired[list[FlawInfo]]
    # Only if there are several.
    tracks: NotRequired[list[TrackInfo]]
    # Only if there are any.
    gaps: NotRequired[list[GapInfo]]


class MetadataDocument(VideoDocument):
    """The facts of a video, all probed metadata, and the state of processing."""

    bitrate: int | None
    audio_channels: int | None
    audio_sample_rate: int | None
    container: str | None
    pixel_format: str | None
    rotation: int | None
    sha256: str | None
    processing_started_at: str | None
    processing_completed_at: str | None
    processing_error: str | None
    scenes: list[SceneInfo] | None


def api_links(link: Link) -> ApiLinks:
    """Return the addresses of a link's token."""
    token = token_of(link)
    return {
        "api_endpoint": addresses.token_document(token),
        "stream_url": addresses.stream(token),
        "access_token": token,
        "metadata_url": addresses.token_document(token, "metadata/"),
        "download_url": addresses.token_document(token, "download/"),
        "thumbnail_url": addresses.token_document(token, "thumbnail/"),
    }


def video_document(link: Link) -> VideoDocument:
    """Return the facts of a video; unknown ones are null."""
    video = link.video
    source, incident = find_source_of(video.id), find_incident_of(video.id)
    document: VideoDocument = {
        "id": source.id if source else video.id,
        "source_id": source.source_id if source else None,
        "video_id": video.public_id,
        "name": _name(video, source.name if source else None, incident),
        "description": source.description if source else (incident.message if incident else ""),
        "tags": [tag.name for tag in source.tags] if source else [],
        "camera": _camera(source or incident),
        "recorded_at": _iso(video.recorded_at),
        "status": video.status,
        "file_info": file_info(video, source.source_id if source else None, incident),
        "api_links": api_links(link),
    }
    if video.flaws:
        document["warnings"] = [
            {"code": code, "message": str(flaw_sentence(code))} for code in video.flaws
        ]
    if video.tracks:
        document["tracks"] = _tracks(link)
    if video.gaps:
        document["gaps"] = [{"at": gap["at"], "left_out": gap["left_out"]} for gap in video.gaps]
    return document


def file_info(
    video: Video, source_id: str | None = None, incident: Incident | None = None
) -> FileInfo:
    """Return the facts of a video's file, under its owner's name."""
    return {
        "filename": _filename(video, source_id, incident),
        "format": video.format,
        "size": video.original_size,
        "duration": video.duration,
        "resolution": video.resolution,
        "fps": video.fps,
        "codec": video.codec,
        "audio_codec": video.audio_codec,
    }


def metadata_document(link: Link) -> MetadataDocument:
    """Return all probed metadata, with the state of processing."""
    video = link.video
    failure = str(failure_sentence(video.error_code)) if video.error_code else None
    return {
        **video_document(link),
        "bitrate": video.bitrate,
        "audio_channels": video.audio_channels,
        "audio_sample_rate": video.audio_sample_rate,
        "container": video.container,
        "pixel_format": video.pixel_format,
        "rotation": video.rotation,
        "sha256": video.original_sha256,
        "processing_started_at": _iso(video.processing_started_at),
        "processing_completed_at": _iso(video.processing_completed_at),
        "processing_error": failure,
        "scenes": scenes_of(video),
    }


def _tracks(link: Link) -> list[TrackInfo]:
    stream = api_links(link)["stream_url"]
    return [
        {
            "number": picture.number,
            "resolution": picture.resolution,
            "stream_url": stream if picture.number == 1 else f"{stream}?track={picture.number}",
        }
        for picture in pictures_of(link.video)
    ]


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def _camera(owner: Source | Incident | None) -> str | None:
    return owner.camera.name if owner is not None and owner.camera else None


def _name(video: Video, source_name: str | None, incident: Incident | None) -> str:
    if source_name is not None:
        return source_name
    return incident.reference if incident else video.public_id


def _filename(video: Video, source_id: str | None, incident: Incident | None) -> str:
    owner = source_id or (incident.reference if incident else video.public_id)
    return f"videos/{owner}/{video.original_name}"
