"""Decide whether a video has bytes to send, and if not why. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from vigint_web.models import VideoStatus


class Readiness(Protocol):
    """What decides whether a video is ready: its row, or the columns of it."""

    @property
    def status(self) -> str:
        """Return its state."""

    @property
    def tracks(self) -> Sequence[Mapping[str, Any]] | None:
        """Return the tracks of a file with several, without the first."""


@dataclass(frozen=True)
class Refusal:
    """Why access is refused: the contract's code."""

    code: str


NOT_FOUND = Refusal("not_found")
NOT_READY = Refusal("not_ready")
FAILED = Refusal("processing_failed")


def unreadiness(video: Readiness, track: str | None = None) -> Refusal | None:
    """Return why a video has no bytes to send, or None.

    Args:
        track: the number of a track, of a file with several; default: the first.
    """
    if video.status == VideoStatus.FAILED:
        return FAILED
    if video.status != VideoStatus.READY:
        return NOT_READY
    numbers = {str(further["number"]) for further in video.tracks or []}
    return None if track is None or track in {"1", *numbers} else NOT_FOUND
