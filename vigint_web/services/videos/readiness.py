"""Decide whether a video has bytes to give, and if not why. Pure."""

from dataclasses import dataclass

from vigint_web.models import Video, VideoStatus


@dataclass(frozen=True)
class Refusal:
    """Why a link does not open: the contract's code."""

    code: str


NOT_FOUND = Refusal("not_found")
NOT_READY = Refusal("not_ready")
FAILED = Refusal("processing_failed")


def unreadiness(video: Video, track: str | None = None) -> Refusal | None:
    """Return why a video has no bytes to give, or None.

    Args:
        track: the number of a picture, of a file that has several; the first when none is given.
    """
    if video.status == VideoStatus.FAILED:
        return FAILED
    if video.status != VideoStatus.READY:
        return NOT_READY
    numbers = {str(further["number"]) for further in video.tracks or []}
    return None if track is None or track in {"1", *numbers} else NOT_FOUND
