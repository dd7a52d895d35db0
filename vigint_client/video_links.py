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
from vigint_client.attributes import Setting
from vigint_client.bodies import MultipartBody, Part, json_body, json_part, text_part
from vigint_client.config import (
    ServerSettings,
    chosen_server,
    find_server_address,
    load_server_settings,
)
from vigint_client.errors import ClientError, ConfigError, RequestError
from vigint_client.frames import read_frames
from vigint_client.incidents import as_hours, follow_incident, make_posting, make_report
from vigint_client.plain import to_plain
from vigint_client.plain_facts import in_plain_facts
from vigint_client.posting import post_what_is_taken
from vigint_client.results import Result
from vigint_client.retries import STANDARD, RetryPolicy
from vigint_client.spellings import say_ignored
from vigint_client.spool import staging_folder
from vigint_client.spool_config import find_spool_settings
from vigint_client.transport import DEFAULT_TIMEOUTS, Answer, Timeouts, Transport

log = logging.getLogger("vigint_client")

UPLOAD = "/api/v1/videos/upload"
LINKS = "/api/v1/videos/link"
# The server's default.
DEFAULT_HOURS = 48
# A server verifies and stores up to 2 GiB before it answers.
UPLOAD_TIMEOUT = 300.0
UPLOAD_POLICY = RetryPolicy(budget=900.0)


class VideoLinkService:
    """Uploads videos and manages their links; every result is a dict with `success`.

    The arguments replace values that are otherwise read from the environment at each call. The
    attributes have the configured values, and may be set.
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

    def _configured(self) -> ServerSettings | None:
        try:
            return self._load_server()
        except ConfigError:
            return None

    @Setting
    def base_url(self) -> str:
        """The server's address; empty where none is configured."""
        settings = self._configured()
        return settings.url if settings is not None else find_server_address()

    @Setting
    def api_key(self) -> str:
        """The key for the server; empty where none is configured."""
        settings = self._configured()
        return settings.api_key if settings is not None else ""

    @Setting
    def default_expiration_hours(self) -> float:
        """The default validity of links in hours; the server's own default is 48."""
        settings = self._configured()
        hours = as_hours(settings.expiration_hours) if settings is not None else None
        return hours or DEFAULT_HOURS

    @Setting
    def upload_endpoint(self) -> str:
        """The address for uploads of videos."""
        return f"{self.base_url}{UPLOAD}"

    @Setting
    def link_endpoint(self) -> str:
        """The address for verifying and extending links."""
        return f"{self.base_url}{LINKS}"

    def upload_video(
        self,
        video_path: str | Path = "",
        incident_data: Mapping[str, Any] | None = None,
        expiration_hours: float | None = None,
        *,
        path: str | Path = "",
        **ignored: object,
    ) -> Result:
        """Upload a video file and return its private link; the file itself is unchanged.

        `video_id` in `incident_data` sets the video's id, else one is generated here, so that a
        repeated attempt creates no second video. `path` is another name of `video_path`.
        """
        say_ignored("upload_video", ignored)
        return _guarded(
            lambda: self._upload(Path(video_path or path), incident_data, expiration_hours)
        )

    def verify_link_access(self, video_id: str, token: str) -> Result:
        """Query whether a link works: `valid`, `expiration_time`, `remaining_hours`, `reason`."""

        def verify() -> Result:
            query = {"video_id": str(video_id), "token": str(token)}
            transport, path = self._at(self.link_endpoint, LINKS)
            answer = transport.call("GET", f"{path}/verify", query=query, policy=self._policy)
            return {"success": True, "valid": False} | answer.document

        return {"valid": False} | _guarded(verify)

    def extend_link_expiration(self, video_id: str, additional_hours: float = 24) -> Result:
        """Extend a link; returns `new_expiration` and `total_hours`."""

        def extend() -> Result:
            body = json_body({"video_id": video_id, "additional_hours": additional_hours})
            # A repeated attempt must not extend twice.
            headers = {"Idempotency-Key": uuid.uuid4().hex}
            transport, path = self._at(self.link_endpoint, LINKS)
            answer = transport.call(
                "POST", f"{path}/extend", body=body, headers=headers, policy=self._policy
            )
            return {"success": True} | answer.document

        return _guarded(extend)

    def delete_video(self, video_id: str) -> Result:
        """Delete a video and all its links."""

        def delete() -> Result:
            transport, path = self._at(self.upload_endpoint, UPLOAD)
            path = f"{path}/{quote(str(video_id), safe='')}"
            try:
                transport.call("DELETE", path, policy=self._policy)
            except RequestError as why:
                # The answer to an earlier attempt may have been lost: not found counts as deleted.
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
        **ignored: object,
    ) -> Result:
        """Let the server make a video of frames and host it, without notifying anyone."""
        say_ignored("create_and_upload_video_from_frames", ignored)

        def create() -> Result:
            batch = read_frames(frames, lambda: staging_folder(find_spool_settings()))
            if not batch.frames:
                return results.failed(
                    f"No video was made, because none of the {batch.left_out} frames can be "
                    "read: pass JPEG or PNG bytes, base64 dicts, BGR arrays, PIL images or paths."
                    + (f" {batch.trouble}" if batch.trouble else ""),
                    batch=batch,
                )
            report = make_report("", incident_data, (), expiration_hours, alert=False)
            server = self._server()
            transport = self._make_transport(server, timeouts=DEFAULT_TIMEOUTS)
            posting = make_posting(report, batch, server.expiration_hours)
            accepted = post_what_is_taken(transport, posting, self._policy, without_frames=False)
            document = accepted.document
            state, settled = follow_incident(transport, document["incident_id"], wait)
            result = results.accepted(document, state, batch, settled=settled, recipients=None)
            results.note_refusal(result, accepted, None)
            if result["state"] == "failed":
                result["success"] = False
                result["fallback_used"] = None
                result.setdefault("error", "The server could not make a video of these frames.")
            return result

        return _guarded(create)

    def _server(self) -> ServerSettings:
        """Return the configured server, or the one that a program has set; raises ConfigError."""
        own = vars(self)
        hours = own.get("default_expiration_hours")
        try:
            settings = self._load_server()
        except ConfigError:
            if not (self.base_url and self.api_key):
                raise
            return chosen_server(self.base_url, self.api_key, hours)
        if (self.base_url, self.api_key) == (settings.url, settings.api_key) and hours is None:
            return settings
        hours = settings.expiration_hours if hours is None else hours
        return chosen_server(self.base_url, self.api_key, hours)

    def _at(
        self, endpoint: str, usual: str, timeouts: Timeouts = DEFAULT_TIMEOUTS
    ) -> tuple[Transport, str]:
        """Return a transport to the host of an endpoint, and the endpoint's path there."""
        server = self._server()
        if endpoint == f"{server.url}{usual}":
            return self._make_transport(server, timeouts=timeouts), usual
        chosen = chosen_server(endpoint, server.api_key, server.expiration_hours)
        return self._make_transport(chosen, timeouts=timeouts), ""

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
        given = to_plain(incident_data or {})
        metadata: dict[str, Any] = given if isinstance(given, dict) else {"analysis": str(given)}
        video_id = str(metadata.get("video_id") or uuid.uuid4())
        metadata |= {"video_id": video_id, "file_hash": digest}
        transport, endpoint = self._at(
            self.upload_endpoint, UPLOAD, Timeouts(answer=UPLOAD_TIMEOUT)
        )
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        video = Part("video", path, size, content_type=kind, filename=path.name)
        valid = as_hours(hours) or as_hours(transport.settings.expiration_hours)

        def upload(facts: Mapping[str, Any]) -> Answer:
            parts = [json_part("metadata", facts), text_part("access_type", "private"), video]
            if valid:
                parts.insert(1, text_part("expiration_hours", str(valid)))
            return transport.call(
                "POST",
                endpoint,
                body=MultipartBody(parts),
                headers={"X-Video-ID": video_id},
                policy=self._upload_policy,
            )

        try:
            answer = upload(metadata)
        except RequestError as why:
            # An earlier version of the host refuses a video for one unsupported fact.
            plain = in_plain_facts({"incident_data": metadata})["incident_data"]
            if (
                why.status_code not in (400, 422)
                or why.code == "hash_mismatch"
                or plain == metadata
            ):
                raise
            answer = upload(plain)
        return _uploaded(answer.document, digest, size)


def upload_incident_video(
    video_path: str | Path = "",
    incident_data: Mapping[str, Any] | None = None,
    expiration_hours: float | None = None,
    *,
    path: str | Path = "",
    **ignored: object,
) -> Result:
    """Upload a video of an incident to the configured server."""
    say_ignored("upload_incident_video", ignored)
    return VideoLinkService().upload_video(video_path or path, incident_data, expiration_hours)


def create_and_upload_video_from_frames(
    frames: object,
    incident_data: Mapping[str, Any] | None = None,
    expiration_hours: float | None = None,
    **ignored: object,
) -> Result:
    """Let the configured server make and host a video of frames, without an alert."""
    say_ignored("create_and_upload_video_from_frames", ignored)
    return VideoLinkService().create_and_upload_video_from_frames(
        frames, incident_data, expiration_hours
    )


def _uploaded(document: dict[str, Any], digest: str, size: int) -> Result:
    if document.get("file_hash") not in (None, digest):
        raise RequestError(
            "The server stored something else than what was sent (the SHA-256 differs): "
            "delete the video there and upload it again."
        )
    info = results.link_info(document) | {"file_hash": digest}
    return {
        "success": True,
        "recipient": None,
        "video_link_provided": bool(info["private_link"]),
        "video_link_info": info,
        "size": document.get("size", size),
        "fallback_used": None,
        "upload_response": document,
        **info,
    }


def _guarded(step: Callable[[], Result]) -> Result:
    try:
        return step()
    except ClientError as why:
        return results.failed(why)
    except Exception as why:
        # No failure here may stop the detector.
        log.exception("A request about a video failed.")
        return results.failed(
            f"The request failed because of an unexpected {type(why).__name__}: "
            "see the detector's log."
        )
