"""Write a file again without its sound, its pictures as they are."""

import logging
from pathlib import Path

from vigint_web.media.errors import MediaError, MediaErrorCode, ToolRefused
from vigint_web.media.opening import open_stored
from vigint_web.media.probe import Probe, probe
from vigint_web.media.rendition import make_rendition
from vigint_web.media.runner import Runner, file_url

log = logging.getLogger(__name__)

# ffmpeg's names of the containers that can be written again.
_MUXERS = {
    "mp4": "mp4",
    "m4v": "mp4",
    "mov": "mov",
    "mkv": "matroska",
    "webm": "webm",
    "avi": "avi",
    "flv": "flv",
    "wmv": "asf",
}
_OF_THE_FILE = {
    MediaErrorCode.BROKEN,
    MediaErrorCode.NOT_A_VIDEO,
    MediaErrorCode.NO_USABLE_FRAME,
}
# By how many seconds, or which share, the pictures may differ in length from the file with sound.
_TOLERANCE, _SHARE = 1.0, 0.05


def has_sound(facts: Probe) -> bool:
    """Return whether a file has any stream of sound, readable or not."""
    return any(stream.get("codec_type") == "audio" for stream in facts.raw.get("streams", []))


def remove_sound(source: Path, folder: Path, facts: Probe, runner: Runner) -> Path:
    """Write a file without its sound into a folder; return its path, named by its format.

    The pictures are copied into the same container. Where that cannot be done, they are encoded
    again, as an MP4. Raises what `make_rendition` raises.
    """
    muxer = _MUXERS.get(facts.format)
    if muxer is not None:
        silent = folder / f"silent.{facts.format}"
        if _copy(source, silent, muxer, facts, runner):
            return silent
        silent.unlink(missing_ok=True)
        log.info("the pictures could not be copied without the sound: they are encoded again")
    encoded = folder / "silent.mp4"
    make_rendition(source, encoded, facts.with_sound(None), runner, anew=True)
    return encoded


def _copy(source: Path, silent: Path, muxer: str, facts: Probe, runner: Runner) -> bool:
    """Copy the pictures; return whether the result has all of them, and no sound."""
    options = {"format": muxer, "c": "copy"}
    if muxer in {"mp4", "mov"}:
        options["movflags"] = "+faststart"
    opened = open_stored(source, facts)
    written = opened["v"].output(file_url(silent), **options)
    try:
        runner.run(written.overwrite_output().get_args())
        result = probe(silent, runner)
    except ToolRefused:
        return False
    except MediaError as error:
        if error.code in _OF_THE_FILE:
            return False
        raise
    before, after = facts.duration or 0.0, result.duration or 0.0
    whole = abs(before - after) <= max(_TOLERANCE, before * _SHARE)
    return whole and not has_sound(result) and result.codec == facts.codec
