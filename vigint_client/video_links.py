"""Private, expiring links to videos, through a server's hosting API."""

import hashlib
import logging
import mimetypes
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vigint_client import results
from vigint_client.bodies import MultipartBody, Part, json_body, json_part, text_part
from vigint_client.config import ServerSettings, load_server_settings
from vigint_client.errors import ClientError, RequestError
from vigint_client.frames import read_frames
from vigint_client.incidents import (
    as_hours,
    follow_incident,
    make_posting,
    make_report,
    post_incident,
)
from vigint_client.results import Result
from vigint_client.retries import STANDARD, RetryPolicy
from vigint_client.spool import staging_folder
from vigint_client.spool_config import find_spool_settings
from vigint_client.transport import DEFAULT_TIMEOUTS, Timeouts, Transport

log = logging.getLogger("vigint_client")

UPLOAD = "/api/v1/videos/upload"
VERIFY = "/api/v1/videos/link/verify"
EXTEND = "/api/v1/videos/link/extend"
# A server checks and stores up to 2 GiB before it answers.
UPLOAD_TIMEOUT = 300.0
UPLOAD_POLICY = RetryPolicy(budget=900.0)


class VideoLinkService:
    """Uploads videos and manages their links; every result is a dict with `success`.

    The arguments replace what is otherwise read from the environment at each call.
    """

    def __init__(
        self,
        *,
        load_server: Callable[[], ServerSettings] = load_server_settings,
        make_transport: Callable[..., Transport] = Transport,
        policy: RetryPolicy = STANDARD,
        upload_policy: RetryPolicy = UPLOAD_POLICY,
    ) -> None:
        self._load_server = load_server
        self._make_transport = make_transport
        self._policy = policy
        self._upload_policy = upload_policy

    def upload_video(
        self,
        path: str | Path,
        incident_data: Mapping[str, Any] | None = None,
        expiration_hours: float | None = None,
    ) -> Result:
        """Upload a video file and get its private link; the file itself stays as it is.

        `video_id` in `incident_data` names the video, else one is made here, so that a
        repeated attempt cannot make a second video.
        """
        return _guarded(lambda: self._upload(Path(path), incident_data, expiration_hours))

    def verify_link_access(self, video_id: str, token: str) -> Result:
        """Ask whether a link works: `valid`, `expiration_time`, `remaining_hours`, `reason`."""

        def verify() -> Result:
            query = {"video_id": str(video_id), "token": str(token)}
            answer = self._transport().call("GET", VERIFY, query=query, policy=self._policy)
            return {"success": True, "valid": False} | answer.document

        return _guarded(verify)

    def extend_link_expiration(self, video_id: str, additional_hours: float = 24) -> Result:
        """Make a link live longer; returns `new_expiration` and `total_hours`."""

        def extend() -> Result:
            body = json_body({"video_id": video_id, "additional_hours": additional_hours})
            # A repeated attempt must not extend twice.
            headers = {"Idempotency-Key": uuid.uuid4().hex}
            answer = self._transport().call(
                "POST", EXTEND, body=body, headers=headers, policy=self._policy
            )
            return {"success": True} | answer.document

        return _guarded(extend)

    def delete_video(self, video_id: str) -> Result:
        """Delete a video and all its links."""

        def delete() -> Result:
            path = f"{UPLOAD}/{quote(str(video_id), safe='')}"
            try:
                self._transport().call("DELETE", path, policy=self._policy)
            except RequestError as why:
                # The answer to an earlier attempt may have been lost: gone is gone.
                if why.status_code != 404 or why.attempt == 1:
                    raise
            return {"success": True, "video_id": video_id}

        return _guarded(delete)

    def create_and_upload_video_from_frames(
        self,
        frames: object,
        incident_data: Mapping[str, Any] | None = None,
        expiration_hours: float | None = None,
        wait: float = 30.0,
    ) -> Result:
        """Have the server make a video of frames and host it, without alerting anyone."""

        def create() -> Result:
            batch = read_frames(frames, lambda: staging_folder(find_spool_settings()))
            if not batch.frames:
                return results.failed(
                    f"No video was made, because none of the {batch.left_out} frames can be "
                    "read: pass JPEG or PNG bytes, base64 dicts, BGR arrays, PIL images or paths.",
                    batch=batch,
                )
            report = make_report("", incident_data, (), expiration_hours, alert=False)
            transport = self._transport()
            posting = make_posting(report, batch, transport.settings.expiration_hours)
            document = post_incident(transport, posting, self._policy)
            state, settled = follow_incident(transport, document["incident_id"], wait)
            result = results.accepted(document, state, batch, settled=settled, recipients=None)
            if result["state"] == "failed":
                result["success"] = False
                result["fallback_used"] = None
                result.setdefault("error", "The server could not make a video of these frames.")
            return result

        return _guarded(create)

    def _transport(self, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> Transport:
        return self._make_transport(self._load_server(), timeouts=timeouts)

    def _upload(
        self, path: Path, incident_data: Mapping[str, Any] | None, hours: float | None
    ) -> Result:
        if not path.is_file():
            return results.failed(
                f"There is no file {path.name} to upload: check the path, and that this user "
                "may read it."
            )
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = path.stat().st_size
        except OSError as why:
            return results.failed(f"{path.name} cannot be read ({why.strerror}).")
        metadata: dict[str, Any] = dict(incident_data or {})
        video_id = str(metadata.get("video_id") or uuid.uuid4())
        metadata |= {"video_id": video_id, "file_hash": digest}
        transport = self._transport(Timeouts(answer=UPLOAD_TIMEOUT))
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        parts = [
            json_part("metadata", metadata),
            text_part("access_type", "private"),
            Part("video", path, size, content_type=kind, filename=path.name),
        ]
        if valid := as_hours(hours) or as_hours(transport.settings.expiration_hours):
            parts.insert(1, text_part("expiration_hours", str(valid)))
        answer = transport.call(
            "POST",
            UPLOAD,
            body=MultipartBody(parts),
            headers={"X-Video-ID": video_id},
            policy=self._upload_policy,
        )
        return _uploaded(answer.document, digest, size)


def upload_incident_video(
    path: str | Path,
    incident_data: Mapping[str, Any] | None = None,
    expiration_hours: float | None = None,
) -> Result:
    """Upload a video of an incident to the configured server."""
    return VideoLinkService().upload_video(path, incident_data, expiration_hours)


def create_and_upload_video_from_frames(
    frames: object,
    incident_data: Mapping[str, Any] | None = None,
    expiration_hours: float | None = None,
) -> Result:
    """Have the configured server make and host a video of frames, without an alert."""
    return VideoLinkService().create_and_upload_video_from_frames(
        frames, incident_data, expiration_hours
    )


def _uploaded(document: dict[str, Any], digest: str, size: int) -> Result:
    if document.get("file_hash") != digest:
        raise RequestError(
            "The server stored something else than what was sent (the SHA-256 differs): "
            "delete the video there and upload it again."
        )
    info = results.link_info(document)
    return {
        "success": True,
        "recipient": None,
        "video_link_provided": bool(info["private_link"]),
        "video_link_info": info,
        "size": document.get("size", size),
        "fallback_used": None,
        **info,
    }


def _guarded(step: Callable[[], Result]) -> Result:
    try:
        return step()
    except ClientError as why:
        return results.failed(why)
    except Exception as why:
        # A detector must go on watching whatever happens in here.
        log.exception("A request about a video failed.")
        return results.failed(
            f"The request failed because of an unexpected {type(why).__name__}: "
            "the detector's log tells where."
        )
