"""Alerts from a detector: by the server with video, else by mail without it."""

import logging
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from vigint_client import background, results
from vigint_client.background import BackgroundQueue, Job
from vigint_client.config import (
    MailSettings,
    ServerSettings,
    find_mail_settings,
    load_server_settings,
)
from vigint_client.delivery import Courier, is_worth_keeping, target_of
from vigint_client.errors import ClientError, ConfigError, NoServerError
from vigint_client.fallback import mail_directly
from vigint_client.frames import FrameBatch, HeldFrames, hold_frames, read_frames
from vigint_client.incidents import (
    Report,
    follow_incident,
    make_posting,
    make_report,
    post_with_or_without_frames,
)
from vigint_client.keeping import Keeping
from vigint_client.redelivery import wake_shared
from vigint_client.results import Result
from vigint_client.retries import STANDARD, RetryPolicy
from vigint_client.spool import Spool, staging_folder
from vigint_client.spool_config import SpoolSettings, find_spool_settings
from vigint_client.spool_entry import Kept
from vigint_client.transport import Transport
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
        self._load_server = load_server
        self._find_mail = find_mail
        self._find_spool = find_spool
        self._load_webhook = load_webhook
        self._make_transport = make_transport
        self._post_hook = post_hook
        self._policy = policy
        self._queue = queue
        self._wake = wake

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
                sent["email"] = self._deliver(
                    report, FrameBatch(), _seconds(wait), str(alert_type), self._policy
                )
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
            batch = read_frames(frames, self._staging_folder)
            return self._deliver(report, batch, _seconds(wait), SECURITY, self._policy)
        except Exception as why:
            return _unexpected(why)

    def _enqueue(self, report: Report, held: HeldFrames) -> Result:
        queue = self._queue or background.shared_queue()
        waiting = _Waiting(self, report, held)
        count = held.count
        if queue.held_bytes + held.size > background.RAW_BYTES:
            # Raw arrays would fill the memory: this caller pays with a moment of its time.
            waiting.encode()

        def send() -> None:
            result = waiting.send(sleep=queue.sleep)
            if result["success"]:
                log.info("The alert was accepted as incident %s.", result.get("incident_id"))
            else:
                log.error("The alert was not accepted: %s", result["error"])

        if queue.submit(Job(send, waiting.size, waiting.save)):
            return results.queued(count)
        waiting.encode()
        if waiting.save():
            self._wake(self._courier(self._spool()), reached=False)
            return results.queued(count, spooled=True)
        return results.failed(
            "The alert was not taken, because too many alerts already wait in the background: "
            "call again without background=True, or wait until the server can be reached."
        )

    def _prepare(
        self, report: Report, batch: FrameBatch, alert_type: str
    ) -> tuple[Keeping, ServerSettings | ConfigError]:
        server: ServerSettings | ConfigError
        hours = target = None
        try:
            server = self._load_server()
            hours, target = server.expiration_hours, target_of(server)
        except ConfigError as why:
            server = why
        posting = make_posting(report, batch, hours)
        kept = Kept(posting, report.called_at, alert_type, target)
        return Keeping(self._spool(), kept), server

    def _deliver(
        self,
        report: Report,
        batch: FrameBatch,
        wait: float,
        alert_type: str,
        policy: RetryPolicy,
        **transport_options: Any,
    ) -> Result:
        keeping, server = self._prepare(report, batch, alert_type)
        return self._send(keeping, server, report, wait, policy, **transport_options)

    def _send(
        self,
        keeping: Keeping,
        server: ServerSettings | ConfigError,
        report: Report,
        wait: float,
        policy: RetryPolicy,
        **transport_options: Any,
    ) -> Result:
        try:
            if isinstance(server, ConfigError):
                raise server
            transport = self._make_transport(server, **transport_options)
            accepted = post_with_or_without_frames(
                transport, keeping.kept.posting, policy, keeping.keep
            )
        except ClientError as why:
            return self._fall_back(keeping, why)
        except Exception as why:
            log.exception("The alert could not be posted.")
            return self._fall_back(keeping, ClientError(_surprise(why)))
        keeping.drop()
        self._wake(self._courier(self._spool()), reached=True)
        state, settled = follow_incident(transport, accepted.document["incident_id"], wait)
        result = results.accepted(
            accepted.document,
            state,
            accepted.batch,
            settled=settled,
            recipients=report.recipients,
        )
        if accepted.refusal is not None:
            result["fallback_used"] = results.TEXT_ONLY_MAIL
            result["status_code"] = accepted.refusal.status_code
            result.setdefault("error", str(accepted.refusal))
        return result

    def _fall_back(self, keeping: Keeping, why: ClientError) -> Result:
        log.error("%s", why)
        spooled = False
        if is_worth_keeping(why) and not isinstance(why, NoServerError):
            spooled = keeping.keep()
        else:
            keeping.drop()
        reached = mail_directly(
            keeping.kept, why, self._find_mail, follows=spooled and keeping.frames_kept > 0
        )
        if reached:
            keeping.tell(reached)
        keeping.release()
        if spooled:
            self._wake(self._courier(self._spool()), reached=False)
        return results.not_accepted(
            why,
            recipient=", ".join(reached or ()) or None,
            batch=keeping.kept.posting.batch,
            spooled=spooled,
            frames_kept=keeping.frames_kept,
            dropped=len(keeping.dropped),
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
            self._post_hook(self._load_webhook(), document, self._policy)
        except ClientError as why:
            log.error("%s", why)
            return results.failed(why)
        return results.posted()

    def _staging_folder(self) -> Path | None:
        return staging_folder(self._find_spool())

    def _spool(self) -> Spool | None:
        settings = self._find_spool()
        return Spool(settings) if settings is not None else None

    def _courier(self, spool: Spool | None) -> Courier | None:
        if spool is None:
            return None
        return Courier(spool, self._load_server, self._find_mail, self._make_transport)


class _Waiting:
    """An alert in the background: held, then encoded, then sent or saved."""

    def __init__(self, manager: AlertManager, report: Report, held: HeldFrames) -> None:
        self._manager = manager
        self._report = report
        self._held: HeldFrames | None = held
        self._batch: FrameBatch | None = None
        self._keeping: Keeping | None = None

    @property
    def size(self) -> int:
        """Memory it takes, in bytes."""
        held = self._held
        return held.size if held is not None else self._batch.size if self._batch else 0

    def encode(self) -> None:
        """Read and encode the frames now, into a file where they are many."""
        held = self._held
        if held is not None:
            self._batch = held.read(self._manager._staging_folder)
            self._held = None

    def send(self, **transport_options: Any) -> Result:
        """Send it; called by the queue's thread."""
        self.encode()
        keeping, server = self._prepared()
        return self._manager._send(
            keeping, server, self._report, 0.0, self._manager._policy, **transport_options
        )

    def save(self) -> bool:
        """Keep it on disk, for lack of time or room; return whether it is there. Never raises.

        A repeated delivery does no harm: the Idempotency-Key is the same.
        """
        try:
            held = self._held
            if held is None or held.is_read:
                self.encode()
            else:
                # To read a camera to its end is no way to end a program.
                self._batch = FrameBatch()
            keeping = self._keeping or self._prepared()[0]
            saved = keeping.keep()
            keeping.release()
        except Exception:
            log.exception("An alert could not be saved.")
            return False
        return saved

    def _prepared(self) -> tuple[Keeping, ServerSettings | ConfigError]:
        batch = self._batch if self._batch is not None else FrameBatch()
        keeping, server = self._manager._prepare(self._report, batch, SECURITY)
        self._keeping = keeping
        return keeping, server


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
    return results.failed(_surprise(why))


def _surprise(why: Exception) -> str:
    return (
        f"The alert could not be sent because of an unexpected {type(why).__name__}: "
        "the detector's log tells where."
    )
