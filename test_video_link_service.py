"""Check the configured server: upload, link, mail, errors.

Run by hand as `python test_video_link_service.py`; it sends one real alert and removes
what it uploaded. Importing it does nothing.
"""

import hashlib
import logging
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from vigint_client.alerts import AlertManager
from vigint_client.config import ServerSettings, load_server_settings
from vigint_client.drawing import draw_incident
from vigint_client.errors import ConfigError
from vigint_client.retries import ONCE
from vigint_client.video_links import VideoLinkService

__test__ = False  # Test runners that collect by file name must find nothing here.

WAIT = 60.0
LONGEST_CLIP = 64 * 1024 * 1024


class CheckFailed(Exception):
    """A check did not find what the contract promises."""


class Skipped(Exception):
    """The server does not offer what a check needs."""


class Checks:
    """The checks in their order; later ones use the results of earlier ones."""

    def __init__(self, server: ServerSettings) -> None:
        self._server = server
        self._links = VideoLinkService()
        self._info: dict[str, Any] = {}
        self._clip = b""
        self._hosted: dict[str, Any] = {}

    def all(self) -> list[tuple[str, Callable[[], str]]]:
        """Return each check with its description."""
        return [
            ("frames: the server makes a video of 40 frames", self.frames),
            ("link: the private link streams exactly that video", self.link),
            ("link: a forged token is refused", self.forged),
            ("upload: the video is hosted under its SHA-256", self.upload),
            ("upload: its link is valid, can be extended, and dies with it", self.manage),
            ("mail: an alert with a broken frame reaches its recipients", self.mail),
            ("errors: a wrong key is refused with a sentence", self.wrong_key),
            ("errors: a server that is not there is named", self.no_server),
        ]

    def frames(self) -> str:
        result = self._links.create_and_upload_video_from_frames(_frames(), wait=WAIT)
        _need(result["success"], result.get("error"))
        _need(not result["pending"], f"the video was not ready within {WAIT:.0f} seconds")
        self._info = result["video_link_info"] or {}
        _need(self._info.get("file_hash"), "no SHA-256 was returned")
        return f"works until {self._info['expiration_time']}"

    def link(self) -> str:
        _need(self._info, "there is no video")
        status, self._clip = self._get(f"/stream/{quote(self._token(), safe='')}/")
        _need(status == 200, f"the stream answered {status}")
        digest = hashlib.sha256(self._clip).hexdigest()
        _need(digest == self._info["file_hash"], "the SHA-256 of the stream is another")
        return f"{len(self._clip)} bytes"

    def forged(self) -> str:
        _need(self._info, "there is no video")
        token = self._token()
        forged = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
        status, _body = self._get(f"/stream/{quote(forged, safe='')}/")
        _need(status == 404, f"the stream answered {status}")
        return "404"

    def upload(self) -> str:
        _need(self._clip, "there is no video")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "check.mp4"
            path.write_bytes(self._clip)
            result = self._links.upload_video(path, {"incident_type": "check", "test": True}, 1)
        if result.get("status_code") in (404, 405):
            raise Skipped("this server has no hosting API")
        _need(result["success"], result.get("error"))
        self._hosted = result["video_link_info"]
        return f"video {self._hosted['video_id']}"

    def manage(self) -> str:
        if not self._hosted:
            raise Skipped("nothing was hosted")
        video_id = self._hosted["video_id"]
        token = _token_of(self._hosted["private_link"])
        found = self._links.verify_link_access(video_id, token)
        _need(found.get("valid") is True, found.get("error") or "the link is not valid")
        extended = self._links.extend_link_expiration(video_id, 1)
        _need(extended["success"], extended.get("error"))
        deleted = self._links.delete_video(video_id)
        _need(deleted["success"], deleted.get("error"))
        found = self._links.verify_link_access(video_id, token)
        _need(found.get("valid") is False, "the link outlived its video")
        return f"{extended.get('total_hours')} hours after extending"

    def mail(self) -> str:
        result = AlertManager(find_spool=lambda: None).send_security_alert_with_video(
            "Essai de la configuration: ceci n'est pas une alerte.",
            [*_frames(), b"broken"],
            {
                # A type of its own: the server gathers repeats of one type into one mail.
                "incident_type": f"essai {time.time():.0f}",
                "risk_level": "LOW",
                "confidence": 1.0,
                "test": True,
            },
            wait=WAIT,
        )
        _need(result["success"], result.get("error"))
        _need(not result["pending"], f"the mail did not leave within {WAIT:.0f} seconds")
        _need(result["frames_left_out"] == 1, "the broken frame was not counted")
        _need(result["video_link_provided"], result.get("error") or "the mail has no link")
        states = {delivery.get("state") for delivery in result["deliveries"]}
        _need(states == {"sent"}, "not every mail was sent")
        return f"to {result['recipient']}"

    def wrong_key(self) -> str:
        return self._failing(replace(self._server, api_key="not-a-key"), "VIGINT_API_KEY", 403)

    def no_server(self) -> str:
        # Port 9 is the discard service, which no web server uses.
        nowhere = replace(self._server, url="http://127.0.0.1:9")
        return self._failing(nowhere, "could not be reached", None)

    def _failing(self, server: ServerSettings, words: str, status: int | None) -> str:
        service = VideoLinkService(load_server=lambda: server, policy=ONCE)
        result = service.create_and_upload_video_from_frames(_frames()[:1])
        _need(not result["success"], "it was accepted")
        _need(result.get("status_code") == status, f"the status is {result.get('status_code')}")
        _need(words in result["error"], f"the sentence is: {result['error']}")
        return "refused" if status else "named"

    def _token(self) -> str:
        return _token_of(self._info["private_link"])

    def _get(self, path: str) -> tuple[int, bytes]:
        url = self._server.url + path
        try:
            with urllib.request.urlopen(  # noqa: S310 - scheme was checked # nosec B310
                url, timeout=30
            ) as answer:
                return answer.status, answer.read(LONGEST_CLIP)
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, b""
        except OSError as why:
            raise CheckFailed(f"no answer ({type(why).__name__})") from None


def main() -> int:
    """Print one line per check; return 0 only when none failed."""
    logging.getLogger("vigint_client").setLevel(logging.CRITICAL)
    try:
        server = load_server_settings()
    except ConfigError as mistake:
        print(mistake, file=sys.stderr)
        return 2
    print(f"Checking {server.url}")
    failed = 0
    for words, check in Checks(server).all():
        try:
            print(f"ok      {words} ({check()})")
        except Skipped as why:
            print(f"skipped {words}: {why}")
        except CheckFailed as why:
            failed += 1
            print(f"FAILED  {words}: {why}")
    print(f"{failed} failed" if failed else "All checks passed")
    return 1 if failed else 0


def _frames() -> list[dict[str, Any]]:
    return draw_incident(40, time.time() - 4)


def _token_of(private_link: str) -> str:
    return parse_qs(urlsplit(private_link).query)["token"][0]


def _need(condition: object, sentence: object) -> None:
    if not condition:
        raise CheckFailed(str(sentence))


if __name__ == "__main__":
    sys.exit(main())
