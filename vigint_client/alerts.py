"""Alerts from a detector: by the server with video, else by mail without it."""

import datetime as dt
import logging
import math
import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from vigint_client import background, results
from vigint_client.background import BackgroundQueue, Job
from vigint_client.config import (
    MailSettings,
    ServerSettings,
    find_mail_settings,
    load_server_settings,
)
from vigint_client.errors import ClientError, ConfigError, RequestError
from vigint_client.frames import FrameBatch, HeldFrames, hold_frames, read_frames
from vigint_client.incidents import Report, follow_incident, make_report, post_incident
from vigint_client.results import Result
from vigint_client.text_mail import compose_text_mail, send_text_mail
from vigint_client.transport import PATIENT, STANDARD, RetryPolicy, Transport

log = logging.getLogger("vigint_client")

DEFAULT_WAIT = 30.0
SECURITY = "security"
# The server could not use the frames; without them it may still take the alert.
_FRAMES_REFUSED = (400, 413, 415, 422)

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
        make_transport: TransportFactory = Transport,
        policy: RetryPolicy = STANDARD,
        queue: BackgroundQueue | None = None,
    ) -> None:
        self._load_server = load_server
        self._find_mail = find_mail
        self._make_transport = make_transport
        self._policy = policy
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
        """Send an alert without a video; `channels` may only name `email` so far."""
        try:
            asked = (channels,) if isinstance(channels, str) else tuple(map(str, channels))
            unknown = [channel for channel in asked if channel != "email"]
            if "email" not in asked:
                return results.failed(
                    "No alert was sent, because none of its channels exists: use "
                    'channels=("email",).'
                )
            report = make_report(message, incident_data, recipients)
            report.incident_data.setdefault("incident_type", str(alert_type))
            result = self._deliver(report, FrameBatch(), _seconds(wait), str(alert_type))
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
            return self._deliver(report, read_frames(frames), _seconds(wait), SECURITY)
        except Exception as why:
            return _unexpected(why)

    def _enqueue(self, report: Report, held: HeldFrames) -> Result:
        queue = self._queue or background.shared_queue()
        read: Callable[[], FrameBatch] = held.read
        size = held.size
        count = held.count
        if queue.held_bytes + size > background.RAW_BYTES:
            # Raw arrays would fill the memory: this caller pays with a moment of its time.
            batch = held.read()
            size = batch.size
            read = _constant(batch)
        del held

        def send() -> None:
            result = self._deliver(report, read(), 0.0, SECURITY, policy=PATIENT, sleep=queue.sleep)
            if result["success"]:
                log.info("The alert was accepted as incident %s.", result.get("incident_id"))
            else:
                log.error("The alert was not accepted: %s", result["error"])

        if queue.submit(Job(send, size)):
            return results.queued(count)
        return results.failed(
            "The alert was not taken, because too many alerts already wait in the background: "
            "call again without background=True, or wait until the server can be reached."
        )

    def _deliver(
        self,
        report: Report,
        batch: FrameBatch,
        wait: float,
        alert_type: str,
        policy: RetryPolicy | None = None,
        **transport_options: Any,
    ) -> Result:
        try:
            transport = self._make_transport(self._load_server(), **transport_options)
            document, sent, refusal = _post(transport, report, batch, policy or self._policy)
        except ClientError as why:
            return self._fall_back(report, batch, why, alert_type)
        except Exception as why:
            log.exception("The alert could not be posted.")
            return self._fall_back(report, batch, ClientError(_surprise(why)), alert_type)
        state, settled = follow_incident(transport, document["incident_id"], wait)
        result = results.accepted(
            document, state, sent, settled=settled, recipients=report.recipients
        )
        if refusal is not None:
            result["fallback_used"] = results.TEXT_ONLY_MAIL
            result["status_code"] = refusal.status_code
            result.setdefault("error", str(refusal))
        return result

    def _fall_back(
        self, report: Report, batch: FrameBatch, why: ClientError, alert_type: str
    ) -> Result:
        log.error("%s", why)
        try:
            reached = self._mail_directly(report, batch, why, alert_type)
        except Exception:
            log.exception("The text-only mail could not be written.")
            reached = []
        return results.failed(
            why,
            fallback_used=results.TEXT_ONLY_MAIL if reached else None,
            recipient=", ".join(reached) or None,
            batch=batch,
        )

    def _mail_directly(
        self, report: Report, batch: FrameBatch, why: ClientError, alert_type: str
    ) -> list[str]:
        settings = self._find_mail()
        if settings is None:
            return []
        recipients = settings.recipients if report.recipients is None else report.recipients
        if not recipients:
            return []
        mail = compose_text_mail(
            report.message,
            _with_frame_count(report.incident_data, batch),
            _moment(report, batch),
            _reason(why),
            alert_type=alert_type,
            settings=settings,
            recipients=recipients,
        )
        return send_text_mail(settings, mail, recipients)


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


def _post(
    transport: Transport, report: Report, batch: FrameBatch, policy: RetryPolicy
) -> tuple[dict[str, Any], FrameBatch, RequestError | None]:
    """Post with frames, else without; return the answer, what was sent, and the refusal."""
    try:
        return post_incident(transport, report, batch, policy), batch, None
    except RequestError as why:
        if not batch.frames or why.status_code not in _FRAMES_REFUSED:
            raise
        log.warning("%s The alert is sent again without frames.", why)
        refusal = why
    bare = FrameBatch((), batch.left_out + len(batch.frames))
    # Another body needs another Idempotency-Key.
    return post_incident(transport, _with_new_key(report), bare, policy), bare, refusal


def _constant(batch: FrameBatch) -> Callable[[], FrameBatch]:
    return lambda: batch


def _with_new_key(report: Report) -> Report:
    return replace(report, idempotency_key=uuid.uuid4().hex)


def _with_frame_count(data: dict[str, Any], batch: FrameBatch) -> dict[str, Any]:
    counts = [frame.frame_count for frame in batch.frames if frame.frame_count is not None]
    if data.get("frame_count") is None and counts:
        return data | {"frame_count": counts[-1]}
    return data


def _moment(report: Report, batch: FrameBatch) -> dt.datetime:
    stamps = [frame.timestamp for frame in batch.frames if frame.timestamp is not None]
    for value in (report.incident_data.get("detected_at"), *stamps[:1]):
        try:
            if isinstance(value, dt.datetime):
                return value
            if isinstance(value, str):
                return dt.datetime.fromisoformat(value)
            if isinstance(value, (int, float)):
                return dt.datetime.fromtimestamp(value, dt.UTC)
        except (ValueError, OverflowError, OSError):
            continue
    return report.called_at


def _reason(why: ClientError) -> str:
    if isinstance(why, ConfigError):
        return "aucun serveur Vigint n'est configuré sur le détecteur."
    if why.status_code is None:
        return "le serveur Vigint ne répond pas."
    return f"le serveur Vigint n'a pas accepté l'alerte (code {why.status_code})."


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
