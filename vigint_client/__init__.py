"""Send alerts and videos from a detector to a Vigint server; standard library only."""

from vigint_client.alerts import AlertManager
from vigint_client.background import drain_background
from vigint_client.shortcuts import (
    send_alert,
    send_critical_alert,
    send_info_alert,
    send_security_alert_with_video,
    send_warning_alert,
)
from vigint_client.video_links import (
    VideoLinkService,
    create_and_upload_video_from_frames,
    upload_incident_video,
)

__all__ = [
    "AlertManager",
    "VideoLinkService",
    "create_and_upload_video_from_frames",
    "drain_background",
    "send_alert",
    "send_critical_alert",
    "send_info_alert",
    "send_security_alert_with_video",
    "send_warning_alert",
    "upload_incident_video",
]
