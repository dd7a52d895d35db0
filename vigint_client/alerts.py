"""Alerts from a detector: by the server with video, else by mail without it."""

import logging
import math
from collections.abc import Callable, Iterable

from vigint_client import background, results
from vigint_client.background import BackgroundQueue, Job
from vigint_client.config import (
    MailSettings,
    ServerSettings,
    find_mail_settings,
    load_server_settings,
)
from vigint_client.errors import ClientError
from vigint_client.frames import FrameBatch, HeldFrames, hold_frames, read_frames
from vigint_client.incidents import Report, make_report
from vigint_client.redelivery import wake_shared
from vigint_client.results import Result
from vigint_client.retries import STANDARD, RetryPolicy
from vigint_client.sending import Sender, surprise
from vigint_client.spool_config import SpoolSettings, find_spool_settings
from vigint_client.transport import Transport
from vigint_client.waiting import Waiting
from vigint_client.webhooks import WebhookSettings, load_webhook_settings, post_webhooks

log = logging.getLogger("vigint_client")

DEFAULT_WAIT = 30.0
SECURITY = "security"
CHANNELS = ("email", "webhook")

TransportFactory = Callable[..., Transport]


class AlertManager:
    """Sends alerts by the configured server; no method raises for anything outside.

    The arguments replace what is otherwise read from the environment at each call.
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
        channels: Iterable[str] = ("email",),
        *,
        incident_data: object = None,
        recipients: object = None,
        wait: float = DEFAULT_WAIT,
    ) -> Result:
        """Send an alert without a video, by `email` through the server, by `webhook`, or both.

        `success` tells that every channel worked, `channels` which did.
        """
        try:
            asked = (channels,) if isinstance(channels, str) else tuple(map(str, channels))
            unknown = [channel for channel in asked if channel not in CHANNELS]
            if len(unknown) == len(asked):
                return results.failed(
                    "No alert was sent, because none of its channels exists: use "
                    'channels=("email",), ("webhook",) or both.'
                )
            report = make_report(message, incident_data, recipients)
            report.incident_data.setdefault("incident_type", str(alert_type))
            sent = {}
            if "email" in asked:
                prepared = self._sender.prepare(report, FrameBatch(), str(alert_type))
                sent["email"] = self._sender.send(prepared, _seconds(wait))
            if "webhook" in asked:
                sent["webhook"] = self._post_webhook(report, str(alert_type))
            result = results.of_channels(sent)
        except Exception as why:
            return _unexpected(why)
        if unknown:
            result["channels_left_out"] = unknown
        return result

    def send_security_alert_with_video(
        self,
        message: str,
        frames: object = None,
        incident_data: object = None,
        recipients: object = None,
        wait: float = DEFAULT_WAIT,
        background: bool = False,
        expiration_hours: float | None = None,
    ) -> Result:
        """Send an alert whose mail carries a private link to the video of the frames.

        Waits at most `wait` seconds, once the server has accepted, for the hash and the
        deliveries. With `background` it returns at once, and the outcome is logged.
        Never raises; the keys of the result are listed in docs/detectors.md.
        """
        try:
            report = make_report(message, incident_data, recipients, expiration_hours)
            if background:
                return self._enqueue(report, hold_frames(frames))
            batch = read_frames(frames, self._sender.staging_folder)
            prepared = self._sender.prepare(report, batch, SECURITY)
            return self._sender.send(prepared, _seconds(wait))
        except Exception as why:
            return _unexpected(why)

    def _enqueue(self, report: Report, held: HeldFrames) -> Result:
        queue = self._queue or background.shared_queue()
        waiting = Waiting(self._sender, report, held, SECURITY)
        count = held.count
        if queue.held_bytes + held.size > background.RAW_BYTES:
            # Raw arrays would fill the memory: this caller pays with a moment of its time.
            waiting.encode()

        def send() -> None:
            # What waits behind it would wait long: on the disk nothing can happen to it.
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


def send_security_alert_with_video(
    message: str,
    frames: object = None,
    incident_data: object = None,
    recipients: object = None,
    wait: float = DEFAULT_WAIT,
    background: bool = False,
    expiration_hours: float | None = None,
) -> Result:
    """Send an alert with video by the configured server; see AlertManager."""
    return AlertManager().send_security_alert_with_video(
        message, frames, incident_data, recipients, wait, background, expiration_hours
    )


def _seconds(wait: object) -> float:
    try:
        seconds = float(wait)  # type: ignore[arg-type]  # float() is the check
    except (TypeError, ValueError):
        seconds = math.nan
    return max(0.0, seconds) if math.isfinite(seconds) else DEFAULT_WAIT


def _unexpected(why: Exception) -> Result:
    # A detector must go on watching whatever happens in here.
    log.exception("The alert could not be sent.")
    return results.failed(surprise(why))
