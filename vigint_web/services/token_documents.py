"""Write the JSON documents of the public token API (contracts, section 3)."""

from typing import Any

from vigint_web.models import Incident, Link, Video
from vigint_web.services.incidents import find_incident_of
from vigint_web.services.links import token_of
from vigint_web.services.runtime import config
from vigint_web.services.sources import find_source_of
from vigint_web.wording import failure_sentence


def api_links(link: Link) -> dict[str, str]:
    """Return the addresses that a link's token opens."""
    base, token = config().base_url, token_of(link)
    return {
        "api_endpoint": f"{base}/api/video/{token}/",
        "stream_url": f"{base}/stream/{token}/",
        "access_token": token,
        "metadata_url": f"{base}/api/video/{token}/metadata/",
        "download_url": f"{base}/api/video/{token}/download/",
        "thumbnail_url": f"{base}/api/video/{token}/thumbnail/",
    }


def video_document(link: Link) -> dict[str, Any]:
    """Return what a video is; what is not known yet is null."""
    video = link.video
    source, incident = find_source_of(video.id), find_incident_of(video.id)
    return {
        "id": source.id if source else video.id,
        "source_id": source.source_id if source else None,
        "video_id": video.public_id,
        "name": _name(video, source.name if source else None, incident),
        "description": source.description if source else (incident.message if incident else ""),
        "status": video.status,
        "file_info": {
            "filename": _filename(video, source.source_id if source else None, incident),
            "format": video.format,
            "size": video.original_size,
            "duration": video.duration,
            "resolution": video.resolution,
            "fps": video.fps,
            "codec": video.codec,
            "audio_codec": video.audio_codec,
        },
        "api_links": api_links(link),
    }


def metadata_document(link: Link) -> dict[str, Any]:
    """Return everything probed, with the state of processing."""
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
        "scenes": None,
    }


def _iso(moment: Any) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def _name(video: Video, source_name: str | None, incident: Incident | None) -> str:
    if source_name is not None:
        return source_name
    return incident.reference if incident else video.public_id


def _filename(video: Video, source_id: str | None, incident: Incident | None) -> str:
    owner = source_id or (incident.reference if incident else video.public_id)
    return f"videos/{owner}/{video.original_name}"
