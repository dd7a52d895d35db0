"""The job functions, named by `services.core.job_queue`."""

from rq import get_current_job

from vigint_web.jobs.context import job_context
from vigint_web.models import Hosting, Notification, Video
from vigint_web.services.hosting import remote
from vigint_web.services.notifications import account_delivery, delivery
from vigint_web.services.operations.metrics import measured_job
from vigint_web.services.processing import pipeline


def process_video(video_id: int) -> None:
    """Process one video."""
    with job_context(), measured_job(Video, video_id, _queue()):
        pipeline.process_video(video_id)


def deliver_alert(alert_id: int) -> None:
    """Send one mail."""
    with job_context(), measured_job(Notification, alert_id, _queue()):
        delivery.deliver_alert(alert_id)


def host_elsewhere(hosting_id: int) -> None:
    """Have another server host one clip."""
    with job_context(), measured_job(Hosting, hosting_id, _queue()):
        remote.host_elsewhere(hosting_id)


def deliver_account_mail(mail_id: int) -> None:
    """Send one mail about an account."""
    with job_context():
        account_delivery.deliver(mail_id)


def _queue() -> str:
    job = get_current_job()
    return job.origin if job is not None else "(none)"
