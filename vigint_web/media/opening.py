"""Open a stored file for ffmpeg with the options with which it was readable."""

from pathlib import Path
from typing import Any

import ffmpeg

from vigint_web.media.probe import MAX_PIXELS, Probe
from vigint_web.media.runner import file_url, guarded_options, threads


def open_stored(source: Path, probe: Probe, **more: Any) -> Any:
    """Return an input of ffmpeg-python's; undecodable data ends no run.

    ``more`` are further options of the input. Streams are selected by `Probe.video_stream` and
    `Probe.audio_stream`.
    """
    return ffmpeg.input(
        file_url(source),
        **guarded_options(),
        **probe.reading,
        max_pixels=MAX_PIXELS,
        threads=threads(probe.width * probe.height),
        max_error_rate="1",
        **more,
    )
