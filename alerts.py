"""Security alerts with video, for detectors that run beside this checkout."""

from vigint_client import AlertManager, drain_background, send_security_alert_with_video

__all__ = ["AlertManager", "drain_background", "send_security_alert_with_video"]
