"""Private video links, for detectors that run beside this checkout."""

from vigint_client import (
    VideoLinkService,
    create_and_upload_video_from_frames,
    upload_incident_video,
)

__all__ = ["VideoLinkService", "create_and_upload_video_from_frames", "upload_incident_video"]
