"""The result dicts for detectors."""

from collections.abc import Mapping
from typing import Any

from vigint_client.errors import NOT_CONFIGURED, ClientError
from vigint_client.frames import FrameBatch
from vigint_client.incidents import deliveries_of
from vigint_client.posting import Accepted

Result = dict[str, Any]
_LINK_KEYS = ("video_id", "private_link", "expiration_time", "file_hash")
TEXT_ONLY_MAIL = "text_only_mail"
SPOOL = "spool"
_LATER = (
    "as soon as the server accepts it, by this program, by the next alert, or by "
    "`python -m vigint_client flush`"
)
_AGAIN = (
    "again when the server is of another version or this machine's settings for it have changed, "
    "or by `python -m vigint_client flush --again`"
)


def failed(
    error: ClientError | str,
    *,
    fallback_used: str | None = None,
    recipient: str | None = None,
    batch: FrameBatch | None = None,
) -> Result:
    """Return a failure: a sentence, the HTTP status where there is one, and the fallback."""
    result: Result = {
        "success": False,
        "error": str(error),
        "fallback_used": fallback_used,
        "recipient": recipient,
        "video_link_provided": False,
        "video_link_info": None,
    }
    if isinstance(error, ClientError):
        if error.status_code is not None:
            result["status_code"] = error.status_code
        if error.code is not None:
            result["code"] = error.code
    if batch is not None:
        result["frames_sent"] = len(batch.frames)
        result["frames_left_out"] = batch.left_out
    return result


def not_accepted(
    why: ClientError,
    *,
    recipient: str | None,
    batch: FrameBatch,
    spooled: bool,
    refused: bool,
    frames_kept: int,
    dropped: int,
) -> Result:
    """Return that the server did not accept an alert, and the fallback that was used."""
    used = TEXT_ONLY_MAIL if recipient else SPOOL if spooled else None
    result = failed(why, fallback_used=used, recipient=recipient, batch=batch)
    result["spooled"] = spooled
    if spooled:
        some = f", with {frames_kept} of its {len(batch.frames)} frames,"
        result["error"] += (
            f" The alert is{some if frames_kept < len(batch.frames) else ''} kept on this "
            f"machine's disk and will be sent {_AGAIN if refused else _LATER}."
        )
        result["frames_kept"] = frames_kept
    if batch.trouble:
        result["error"] += f" {batch.trouble}"
    if dropped:
        result["spool_dropped"] = dropped
        result["error"] += f" To make room, {dropped} older alert(s) were dropped."
    return result


def note_refusal(result: Result, accepted: Accepted, frames_kept: int | None) -> None:
    """Add the server's first refusal to a success; None if frames were kept for later."""
    why = accepted.refusal
    if why is None:
        return
    result["status_code"] = why.status_code
    result["spooled"] = frames_kept is not None
    if accepted.batch.frames:
        said = "The server refused some facts, which were sent to it as text."
    else:
        result["fallback_used"] = TEXT_ONLY_MAIL
        said = "The alert was sent without its frames."
        if frames_kept is not None:
            result["frames_kept"] = frames_kept
            said += f" {frames_kept} are kept on this machine's disk and will be sent {_AGAIN}."
    _add_error(result, f"{said} {why}")


def _add_error(result: Result, sentence: str) -> None:
    result["error"] = f"{result['error']} {sentence}" if result.get("error") else sentence


def of_channels(sent: Mapping[str, Result]) -> Result:
    """Return the results of an alert's channels: the first one's result, and that of each.

    A channel that is not configured is no failure if another one worked.
    """
    result: Result = {}
    for channel in sent.values():
        result = {**channel, **result}
    used = {name: item for name, item in sent.items() if item.get("code") != NOT_CONFIGURED}
    result["channels"] = {name: item["success"] for name, item in sent.items()}
    result["success"] = bool(used) and all(item["success"] for item in used.values())
    left_out = [name for name in sent if name not in used]
    if left_out:
        result["channels_left_out"] = left_out
    mistakes = [item["error"] for item in sent.values() if item.get("error")]
    if mistakes:
        result["error"] = " ".join(mistakes)
    return {**result, **sent}


def no_channel(name: str) -> Result:
    """Return that a channel is not configured, and what to use instead."""
    return failed(
        ClientError(
            f"The channel {name} is not configured, because Vigint sends mails and calls webhooks "
            'only: use channels=("email",), ("webhook",) or both; a webhook may pass the alert on.',
            code=NOT_CONFIGURED,
        )
    )


def posted() -> Result:
    """Return that a webhook accepted an alert."""
    return {
        "success": True,
        "recipient": None,
        "video_link_provided": False,
        "video_link_info": None,
        "fallback_used": None,
    }


def accepted(
    document: Mapping[str, Any],
    state: Mapping[str, Any] | None,
    batch: FrameBatch,
    *,
    settled: bool,
    recipients: tuple[str, ...] | None,
) -> Result:
    """Return the known facts of an incident that the server has stored.

    `document` is the answer to the POST, `state` the last state, or None.
    """
    seen = dict(document) | {key: value for key, value in (state or {}).items() if value}
    deliveries = deliveries_of(state)
    text_only = seen.get("state") == "failed" or any(
        delivery.get("kind") == "text_only" for delivery in deliveries
    )
    asked_for_video = bool(batch.frames or batch.left_out)
    has_link = bool(seen.get("private_link") and batch.frames and not text_only)
    # The server may call webhooks too: these are not recipients.
    mails = [item for item in deliveries if item.get("channel", "mail") == "mail"]
    named = [str(item["recipient"]) for item in mails if item.get("recipient")]
    counts = seen.get("frames")
    left_out = counts.get("left_out") if isinstance(counts, dict) else 0
    result: Result = {
        "success": True,
        "pending": not settled,
        "incident_id": seen.get("incident_id"),
        "reference": seen.get("reference"),
        "status_url": seen.get("status_url"),
        "state": seen.get("state"),
        "recipient": ", ".join(named or recipients or ()) or None,
        "deliveries": deliveries,
        "video_link_provided": has_link,
        "video_link_info": link_info(seen) if has_link else None,
        **dict.fromkeys(_LINK_KEYS),
        **(link_info(seen) if has_link else {}),
        "frames_sent": len(batch.frames),
        "frames_left_out": batch.left_out + (left_out if isinstance(left_out, int) else 0),
        "fallback_used": TEXT_ONLY_MAIL if text_only and asked_for_video else None,
    }
    if has_link and settled and not result["file_hash"]:
        # Guaranteed to be text for callers that do not wait.
        result["pending"] = True
    if seen.get("warnings"):
        result["warnings"] = seen["warnings"]
    if seen.get("grouped_under"):
        result["grouped_under"] = str(seen["grouped_under"])
    if seen.get("error"):
        result["error"] = str(seen["error"])
    if batch.trouble:
        _add_error(result, batch.trouble)
    if mails and all(mail.get("state") == "failed" for mail in mails):
        result["success"] = False
        why = next((item["error"] for item in mails if item.get("error")), "no reason known")
        result["error"] = (
            "The server has stored the incident, but could not deliver its mail to any recipient "
            f"({why}): check the server's mail settings and repeat the delivery there."
        )
    return result


def queued(batch_size: int | None, *, spooled: bool = False) -> Result:
    """Return the result for an alert that waits in the background, or on disk."""
    return {
        "success": True,
        "pending": True,
        "queued": not spooled,
        "spooled": spooled,
        "incident_id": None,
        "status_url": None,
        "recipient": None,
        "video_link_provided": False,
        "video_link_info": None,
        "frames_queued": batch_size,
        "fallback_used": None,
    }


def link_info(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the four essential values of a link."""
    return {key: document.get(key) for key in _LINK_KEYS}
