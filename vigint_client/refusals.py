"""Record which server, under which settings, refused an alert, to retry when these change."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from vigint_client.config import ServerSettings
from vigint_client.errors import RequestError
from vigint_client.retries import ONCE
from vigint_client.transport import Transport

_HEALTH = "/healthz"
_PATIENCE = 5.0


@dataclass(frozen=True)
class Refusal:
    """The origin of a refusal: the server's version, and a digest of the detector's settings.

    The version is empty if the server reports none, None if it could not be queried.
    """

    version: str | None
    settings: str

    def to_text(self) -> str:
        """Return the note as it is stored."""
        return json.dumps(asdict(self))


def read_refusal(path: Path) -> Refusal | None:
    """Return a stored note; None if there is no readable one."""
    try:
        note = json.loads(path.read_bytes())
        return Refusal(note["version"], str(note["settings"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def current(transport: Transport) -> Refusal:
    """Return the current server's version and settings."""
    return Refusal(_version_of(transport), _digest(transport.settings))


def has_changed(then: Refusal, now: Refusal) -> bool:
    """Return whether a refused alert is worth another attempt now."""
    if now.version is None:
        # The server cannot be reached: its version is unknown, and nothing could be sent.
        return False
    return then != now


def _version_of(transport: Transport) -> str | None:
    try:
        answer = transport.call("GET", _HEALTH, policy=ONCE, answer_timeout=_PATIENCE)
    except RequestError as why:
        # Earlier versions and other hosts have no such page, or another one.
        known = why.status_code is not None and why.status_code < 500 and why.status_code != 429
        return "" if known else None
    return str(answer.document.get("version") or "")


def _digest(settings: ServerSettings) -> str:
    text = f"{settings.url}\0{settings.api_key}\0{settings.expiration_hours}"
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
