"""Security alerts with video, for detectors that run beside this checkout."""

from vigint_client import (
    AlertManager,
    drain_background,
    send_alert,
    send_critical_alert,
    send_info_alert,
    send_security_alert_with_video,
    send_warning_alert,
)

__all__ = [
    "AlertManager",
    "drain_background",
    "send_alert",
    "send_critical_alert",
    "send_info_alert",
    "send_security_alert_with_video",
    "send_warning_alert",
]
