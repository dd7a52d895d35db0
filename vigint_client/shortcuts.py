"""Functions that send an alert in one call, for programs written for earlier libraries."""

from collections.abc import Iterable

from vigint_client.alerts import DEFAULT_WAIT, AlertManager
from vigint_client.results import Result

_ALL = ("email", "sms", "whatsapp", "webhook")


def send_security_alert_with_video(
    message: str,
    frames: object = None,
    incident_data: object = None,
    recipients: object = None,
    wait: float = DEFAULT_WAIT,
    background: bool = False,
    expiration_hours: float | None = None,
    *,
    recipient_email: object = None,
    **ignored: object,
) -> Result:
    """Send an alert with video by the configured server; see AlertManager."""
    return AlertManager().send_security_alert_with_video(
        message,
        frames,
        incident_data,
        recipients,
        wait,
        background,
        expiration_hours,
        recipient_email=recipient_email,
        **ignored,
    )


def send_alert(
    message: str,
    alert_type: str = "info",
    channels: Iterable[str] | None = None,
    video_path: str | None = None,
    incident_data: object = None,
    **more: object,
) -> Result:
    """Send an alert by the channels, by mail if none is named; see AlertManager."""
    return AlertManager().send_alert(
        message,
        alert_type,
        channels,
        video_path=video_path,
        incident_data=incident_data,
        **more,  # type: ignore[arg-type]  # the manager checks what it takes
    )


def send_critical_alert(message: str, **more: object) -> Result:
    """Send an alert of the type `critical` by every channel; those not configured are reported."""
    return send_alert(message, "critical", _ALL, **more)  # type: ignore[arg-type]  # as above


def send_warning_alert(message: str, **more: object) -> Result:
    """Send an alert of the type `warning` by mail and by webhook."""
    return send_alert(message, "warning", ("email", "webhook"), **more)  # type: ignore[arg-type]  # as above


def send_info_alert(message: str, **more: object) -> Result:
    """Send an alert of the type `info` by mail."""
    return send_alert(message, "info", ("email",), **more)  # type: ignore[arg-type]  # as above
