"""Find the usable frames of an incident."""

import logging
import time
from collections.abc import Callable
from functools import partial

from vigint_web.media.errors import MediaError, MediaErrorCode
from vigint_web.media.frames import BrokenFrame, Picture, find_picture
from vigint_web.media.incident import FrameRef
from vigint_web.services.videos.frames_archive import FramesArchive

log = logging.getLogger(__name__)

# 2,000 images of 10 MiB with any content are scanned in a quarter of this.
_INSPECTION_SECONDS = 60.0


def usable_frames(archive: FramesArchive, video: str) -> list[FrameRef]:
    """Return the frames with a complete picture, in the order of receipt.

    Args:
        video: its public id, for the log.

    Raises:
        MediaError: scanning them takes too long.
    """
    found = []
    deadline = time.monotonic() + _INSPECTION_SECONDS
    for number, entry in enumerate(archive.entries):
        if time.monotonic() > deadline:
            raise MediaError(MediaErrorCode.TIMED_OUT, "scanning its images took too long")
        load = archive.loader(entry)
        try:
            picture = find_picture(load())
        except BrokenFrame as error:
            log.warning("frame %s of %s left out: %s", entry.name, video, error)
            continue
        alone = partial(_taken_from, picture, load)
        found.append(FrameRef(entry.timestamp, picture.info, alone, number))
    return found


def _taken_from(picture: Picture, load: Callable[[], bytes]) -> bytes:
    return picture.taken_from(load())
