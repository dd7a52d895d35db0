"""Send alerts from a detector: through the server with video, else by mail without it."""

import logging
import math
from collections.abc import Callable, Iterable
from pathlib import Path

from vigint_client import background, results
from vigint_client.background import BackgroundQueue, Job
from vigint_client.clips import read_clip, write_video
from vigint_client.config import (
    MailSettings,
    ServerSettings,
    find_mail_settings,
    load_server_settings,
)
from vigint_client.errors import ClientError
from vigint_client.frames import FrameBatch, HeldFrames, hold_frames, read_frames
from vigint_client.incidents import Report, make_report
from vigint_client.plain import to_text
from vigint_client.recipients import read_recipients
from vigint_client.redelivery import wake_shared
from vigint_client.results import Result
from vigint_client.retries import STANDARD, RetryPolicy
from vigint_client.sending import Sender, surprise
from vigint_client.spellings import say_ignored
from vigint_client.spool_config import SpoolSettings, find_spool_settings
from vigint_client.transport import Transport
from vigint_client.waiting import Waiting
from vigint_client.webhooks import WebhookSettings, load_webhook_settings, post_webhooks

log = logging.getLogger("vigint_client")

DEFAULT_WAIT = 30.0
SECURITY = "security"

TransportFactory = Callable[..., Transport]


class AlertManager:
    """Sends alerts through the configured server; no method raises for external failures.

    The arguments replace values that are otherwise read from the environment at each call.
    """

    def __init__(
        self,
        *,
        load_server: Callable[[], ServerSettings] = load_server_settings,
        find_mail: Callable[[], MailSettings | None] = find_mail_settings,
        find_spool: Callable[[], SpoolSettings | None] = find_spool_settings,
        load_webhook: Callable[[], WebhookSettings] = load_webhook_settings,
        make_transport: TransportFactory = Transport,
        post_hook: Callable[..., None] = post_webhooks,
        policy: RetryPolicy = STANDARD,
        queue: BackgroundQueue | None = None,
        wake: Callable[..., None] = wake_shared,
    ) -> None:
        self._sender = Sender(load_server, find_mail, find_spool, make_transport, policy, wake)
        self._load_webhook = load_webhook
        self._post_hook = post_hook
        self._queue = queue

    def send_alert(
        self,
        message: str,
        alert_type: str = "info",
        channels: Iterable[str] | None = None,
        *,
        video_path: str | Path | None = None,
        incident_data: object = None,
        recipients: object = None,
        recipient_email: object = None,
        wait: float = DEFAULT_WAIT,
        **ignored: object,
    ) -> Result:
        """Send an alert by `email` through the server (the default), by `webhook`, or both.

        `success` is true if every configured channel worked, `channels` has the state of each; the
        result of each channel is under its name. `sms` and `whatsapp` are reported as not
        configured.
        """
        say_ignored("send_alert", ignored)
        try:
            asked = _names_of(channels)
            report = make_report(
                message, incident_data, read_recipients(recipients, recipient_email)
            )
            report = _typed(report, alert_type)
            sent: dict[str, Result] = {}
            for channel in asked:
                if channel == "email":
                    sent[channel] = self._mail(report, _clip(video_path), alert_type, wait)
                elif channel == "webhook":
                    sent[channel] = self._post_webhook(report, str(alert_type))
                else:
                    sent[channel] = results.no_channel(channel)
            return results.of_channels(sent)
        except Exception as why:
            return _unexpected(why)

    def send_email_alert(
        self,
        message: str,
        alert_type: str = "info",
        video_path: str | Path | None = None,
        incident_data: object = None,
        recipient_email: object = None,
        *,
        recipients: object = None,
        wait: float = DEFAULT_WAIT,
        **ignored: object,
    ) -> Result:
        """Send an alert by mail through the server, with the video of a file if there is one."""
        say_ignored("send_email_alert", ignored)
        try:
            named = read_recipients(recipients, recipient_email)
            report = _typed(make_report(message, incident_data, named), alert_type)
            return self._mail(report, _clip(video_path), alert_type, wait)
        except Exception as why:
            return _unexpected(why)

    def send_webhook_alert(
        self, message: str, alert_type: str = "info", incident_data: object = None
    ) -> Result:
        """Post an alert to the configured webhooks."""
        try:
            report = _typed(make_report(message, incident_data), alert_type)
            return self._post_webhook(report, str(alert_type))
        except Exception as why:
            return _unexpected(why)

    def send_sms_alert(
        self,
        message: str,  # noqa: ARG002 - the arguments are those of every channel
        alert_type: str = "info",  # noqa: ARG002 - as above
    ) -> Result:
        """Report that text messages are not supported."""
        return results.no_channel("sms")

    def send_whatsapp_alert(
        self,
        message: str,  # noqa: ARG002 - the arguments are those of every channel
        alert_type: str = "info",  # noqa: ARG002 - as above
    ) -> Result:
        """Report that WhatsApp messages are not supported."""
        return results.no_channel("whatsapp")

    def create_video_from_frames(
        self, frames: object, output_path: str | Path | None = None, fps: float | None = None
    ) -> str | None:
        """Write the frames to a local MP4 file; return its path, None without a frame.

        The frames are stored unchanged (Motion JPEG or PNG), at the pace of their times, else at
        `fps` (25) per second. The caller removes the file. Never raises.
        """
        try:
            batch = read_frames(frames, self._sender.staging_folder)
            return write_video(batch.frames, output_path, fps)
        except Exception:
            log.exception("No video could be written.")
            return None

    def _mail(self, report: Report, batch: FrameBatch, alert_type: str, wait: object) -> Result:
        prepared = self._sender.prepare(report, batch, str(alert_type))
        return self._sender.send(prepared, _seconds(wait))

    def send_security_alert_with_video(
        self,
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
        """Send an alert whose mail has a private link to the video of the frames.

        Waits at most `wait` seconds, once the server has accepted, for the hash and the deliveries.
        With `background` it returns at once, and the outcome is logged. Never raises; the keys of
        the result are listed in docs/detectors.md.
        """
        say_ignored("send_security_alert_with_video", ignored)
        try:
            named = read_recipients(recipients, recipient_email)
            report = make_report(message, incident_data, named, expiration_hours)
            if background:
                return self._enqueue(report, hold_frames(frames))
            batch = read_frames(frames, self._sender.staging_folder)
            return self._mail(report, batch, SECURITY, wait)
        except Exception as why:
            return _unexpected(why)

    def _enqueue(self, report: Report, held: HeldFrames) -> Result:
        queue = self._queue or background.shared_queue()
        waiting = Waiting(self._sender, report, held, SECURITY)
        count = held.count
        if queue.held_bytes + held.size > background.RAW_BYTES:
            # Raw arrays would fill the memory: encode them in the caller's thread.
            waiting.encode()

        def send() -> None:
            # Alerts queued behind it would wait long: move them to the disk, where they are safe.
            result = waiting.send(queue.spill, sleep=queue.sleep)
            if result["success"]:
                log.info("The alert was accepted as incident %s.", result.get("incident_id"))
            else:
                log.error("The alert was not accepted: %s", result["error"])

        if queue.submit(Job(send, waiting.size, waiting.save)):
            return results.queued(count)
        waiting.encode()
        if waiting.save(True):
            self._sender.wake_courier(reached=False)
            return results.queued(count, spooled=True)
        return results.failed(
            "The alert was not taken, because too many alerts already wait in the background: "
            "call again without background=True, or wait until the server can be reached."
        )

    def _post_webhook(self, report: Report, alert_type: str) -> Result:
        document = {
            "event": "alert",
            "id": report.idempotency_key,
            "alert_type": alert_type,
            "message": report.message,
            "incident_data": report.incident_data,
            "called_at": report.called_at,
        }
        try:
            self._post_hook(self._load_webhook(), document, self._sender.policy)
        except ClientError as why:
            log.error("%s", why)
            return results.failed(why)
        return results.posted()


def _names_of(channels: object) -> tuple[str, ...]:
    if channels is None:
        return ("email",)
    named = (channels,) if isinstance(channels, (str, bytes)) else channels
    found = tuple(to_text(name).strip() for name in named) if isinstance(named, Iterable) else ()
    return tuple(dict.fromkeys(name for name in found if name)) or ("email",)


def _typed(report: Report, alert_type: object) -> Report:
    """Return the type of an alert, which its mail shows, also in place of an incident's type."""
    kind = to_text(alert_type)
    report.incident_data.setdefault("incident_type", kind)
    if kind.lower() != SECURITY:
        report.incident_data.setdefault("alert_type", kind)
    return report


def _clip(video_path: str | Path | None) -> FrameBatch:
    return FrameBatch() if video_path is None else read_clip(Path(video_path))


def _seconds(wait: object) -> float:
    try:
        seconds = float(wait)  # type: ignore[arg-type]  # float() is the check
    except (TypeError, ValueError):
        seconds = math.nan
    return max(0.0, seconds) if math.isfinite(seconds) else DEFAULT_WAIT


def _unexpected(why: Exception) -> Result:
    # No failure here may stop the detector.
    log.exception("The alert could not be sent.")
    return results.failed(surprise(why))
