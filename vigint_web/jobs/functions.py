"""The job functions, named by `services.queueing`."""

from vigint_web.jobs.context import job_context
from vigint_web.services import alerts, processing


def process_video(video_id: int) -> None:
    """Process one video."""
    with job_context():
        processing.process_video(video_id)


def deliver_alert(alert_id: int) -> None:
    """Send one mail."""
    with job_context():
        alerts.deliver_alert(alert_id)
