"""The job functions, named by `services.queueing`."""

from rq import get_current_job

from vigint_web.jobs.context import job_context
from vigint_web.models import Alert, Hosting, Video
from vigint_web.services import account_mails, alerts, hosting_elsewhere, processing
from vigint_web.services.metrics import measured_job


def process_video(video_id: int) -> None:
    """Process one video."""
    with job_context(), measured_job(Video, video_id, _queue()):
        processing.process_video(video_id)


def deliver_alert(alert_id: int) -> None:
    """Send one mail."""
    with job_context(), measured_job(Alert, alert_id, _queue()):
        alerts.deliver_alert(alert_id)


def host_elsewhere(hosting_id: int) -> None:
    """Have another server host one clip."""
    with job_context(), measured_job(Hosting, hosting_id, _queue()):
        hosting_elsewhere.host_elsewhere(hosting_id)


def deliver_account_mail(mail_id: int) -> None:
    """Send one mail about an account."""
    with job_context():
        account_mails.deliver(mail_id)


def _queue() -> str:
    job = get_current_job()
    return job.origin if job is not None else "(none)"
