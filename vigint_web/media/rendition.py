"""Decide whether browsers can play a file, and make what they can play of one they cannot."""

import logging
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

import ffmpeg

from vigint_web.media.colours import for_every_screen
from vigint_web.media.errors import MediaError, MediaErrorCode, ToolRefused
from vigint_web.media.geometry import playable_size
from vigint_web.media.probe import MAX_PIXELS, Probe, probe
from vigint_web.media.runner import Runner, file_url, guarded_options, threads
from vigint_web.media.survey import Survey, together

log = logging.getLogger(__name__)

KEYFRAME_SECONDS = 2
CRF = 23
PRESET = "veryfast"

_PLAYABLE_PROFILES = {"Constrained Baseline", "Baseline", "Main", "High", "Constrained High"}
_PLAYABLE_PIXEL_FORMATS = {"yuv420p", "yuvj420p"}
_PLAYABLE_AUDIO = {None, "aac", "mp3"}
_MAX_LEVEL = 52
_MAX_SIDE = 4096
_MAX_CHANNELS = 2
_MAX_SAMPLE_RATE = 48_000
# A remuxed file may differ in length by what the containers count as the last frame.
_REMUX_TOLERANCE_SECONDS = 1.0


class Plan(StrEnum):
    """How browsers get to play a file.

    ORIGINAL: as it is. REMUX: its picture copied into an MP4, its sound too where it can be.
    TRANSCODE: decoded and encoded anew.
    """

    ORIGINAL = "original"
    REMUX = "remux"
    TRANSCODE = "transcode"


def plan(probe: Probe) -> Plan:
    """Decide what a probed file needs before every browser plays it.

    A recipient has whatever phone they have, so only H.264 with 8-bit 4:2:0 up to High profile in
    MP4 counts as playable: WebM (VP8, VP9) plays in recent Safari only, and is transcoded. The
    index may be at the end (no fast start): browsers fetch it by Range. A turn told by the
    container and pixels that are not square are honoured by browsers.
    """
    if not _picture_plays(probe):
        return Plan.TRANSCODE
    if probe.format in {"mp4", "m4v"} and probe.audio_codec in _PLAYABLE_AUDIO:
        return Plan.ORIGINAL
    # AVI keeps no presentation times: with B-frames they would have to be guessed.
    if probe.format == "avi" and probe.has_b_frames:
        return Plan.TRANSCODE
    return Plan.REMUX


def playable_content_type(probe: Probe, plan: Plan) -> str:
    """Return the Content-Type of what is played: it is MP4 whatever the plan.

    Originals that are played are MP4 or M4V; browsers know the latter as video/mp4 only.
    """
    if plan is Plan.ORIGINAL and probe.format not in {"mp4", "m4v"}:
        raise ValueError(f"{probe.format} is not played as it is")
    return "video/mp4"


def make_rendition(
    source: Path,
    destination: Path,
    probe: Probe,
    runner: Runner,
    *,
    survey: Survey | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> None:
    """Write a fast-start MP4 (H.264 High 4:2:0, AAC) that every browser plays.

    ``survey`` is made in the same run, from the same decoding; where that run fails the rendition
    is made without it. ``on_progress`` gets the share done, 0 to 1. A remux that fails or does
    not give a playable file is followed by a transcode. What is written is probed before it counts
    as made. Raises `MediaError`: broken if the source yields no playable picture, and what the
    runner raises; then no file is left at ``destination``.
    """
    try:
        if plan(probe) is Plan.TRANSCODE or not _remux(
            source, destination, probe, runner, survey, on_progress
        ):
            _transcode(source, destination, probe, runner, survey, on_progress)
    except BaseException:
        destination.unlink(missing_ok=True)
        raise


def _picture_plays(probe: Probe) -> bool:
    return (
        probe.codec == "h264"
        and probe.pixel_format in _PLAYABLE_PIXEL_FORMATS
        and (probe.profile is None or probe.profile in _PLAYABLE_PROFILES)
        and (probe.level is None or probe.level <= _MAX_LEVEL)
        and not probe.interlaced
        and max(probe.width, probe.height) <= _MAX_SIDE
    )


def _remux(
    source: Path,
    destination: Path,
    probe: Probe,
    runner: Runner,
    survey: Survey | None,
    on_progress: Callable[[float], None] | None,
) -> bool:
    picture = {"c:v": "copy"}
    sound = {"c:a": "copy"} if probe.audio_codec in _PLAYABLE_AUDIO else _sound_options(probe)
    try:
        _convert(
            source,
            destination,
            probe,
            runner,
            survey,
            on_progress=on_progress,
            options={**picture, **sound},
        )
        result = _probe_result(destination, runner)
    except ToolRefused:
        return False
    except MediaError as error:
        if error.code is MediaErrorCode.BROKEN:
            return False
        raise
    same_length = (
        probe.duration is None
        or result.duration is None
        or abs(result.duration - probe.duration) <= _REMUX_TOLERANCE_SECONDS
    )
    return plan(result) is Plan.ORIGINAL and same_length


def _transcode(
    source: Path,
    destination: Path,
    probe: Probe,
    runner: Runner,
    survey: Survey | None,
    on_progress: Callable[[float], None] | None,
) -> None:
    # ffmpeg turns the picture before these filters, so sizes here are as displayed, and the
    # result tells no turn.
    width, height = playable_size(probe.width, probe.height)

    def shown(video: Any) -> Any:
        if probe.format == "avi" and probe.has_b_frames:
            # AVI tells no times: what the decoder holds back for its reordering would come late.
            video = video.filter("setpts", "PTS-STARTPTS")
        if probe.interlaced:
            video = video.filter("bwdif", mode="send_frame")
        return for_every_screen(video, probe, width, height, runner.tools.ffmpeg)

    picture: dict[str, Any] = {
        "c:v": "libx264",
        "profile:v": "high",
        "preset": PRESET,
        "crf": CRF,
        # True times: the default would round them to a guessed constant rate.
        "fps_mode": "vfr",
        "enc_time_base": "1/90000",
        "video_track_timescale": 90000,
        "force_key_frames": f"expr:gte(t,n_forced*{KEYFRAME_SECONDS})",
    }
    options = {**picture, **_sound_options(probe)}
    try:
        _convert(
            source,
            destination,
            probe,
            runner,
            survey,
            on_progress=on_progress,
            options=options,
            shown=shown,
        )
        result = _probe_result(destination, runner)
    except ToolRefused as error:
        raise MediaError(MediaErrorCode.BROKEN, error.detail) from error
    if plan(result) is not Plan.ORIGINAL:
        raise MediaError(MediaErrorCode.BROKEN, f"the rendition came out as {result.codec}")


def _sound_options(probe: Probe) -> dict[str, Any]:
    if probe.audio_codec is None:
        return {}
    options: dict[str, Any] = {"c:a": "aac", "b:a": "128k", "af": "aresample=async=1"}
    if (probe.audio_channels or 0) > _MAX_CHANNELS:
        options["ac"] = _MAX_CHANNELS
    if (probe.audio_sample_rate or 0) > _MAX_SAMPLE_RATE:
        options["ar"] = _MAX_SAMPLE_RATE
    return options


def _convert(
    source: Path,
    destination: Path,
    probe: Probe,
    runner: Runner,
    survey: Survey | None,
    *,
    on_progress: Callable[[float], None] | None,
    options: dict[str, Any],
    shown: Callable[[Any], Any] | None = None,
) -> None:
    """Write the MP4 in one run, with the survey if there is one.

    ``shown`` adds the filters that the picture passes; without it the picture is copied.
    """
    opened = ffmpeg.input(
        file_url(source),
        **guarded_options(),
        max_pixels=MAX_PIXELS,
        threads=threads(probe.width * probe.height),
        max_error_rate="1",
    )
    video = looked_at = opened[str(probe.video_stream)]
    if shown is not None:
        video = shown(video)
        if survey is not None:
            branches = video.filter_multi_output("split", 2)
            video, looked_at = branches[0], branches[1]
    streams = [video]
    if probe.audio_stream is not None:
        streams.append(opened[str(probe.audio_stream)])
    written = ffmpeg.output(
        *streams,
        file_url(destination),
        **{
            "format": "mp4",
            "map_metadata": -1,
            "map_chapters": -1,
            "threads": threads(probe.width * probe.height),
            "movflags": "+faststart",
            **options,
        },
    )

    def report(seconds: float) -> None:
        if on_progress is not None and probe.duration:
            on_progress(min(1.0, seconds / probe.duration))

    if survey is not None:
        outputs = [written, *survey.outputs(looked_at)]
        try:
            runner.run(together(outputs, probe), on_progress=report)
            return
        except MediaError as error:
            if not (isinstance(error, ToolRefused) or error.code is MediaErrorCode.OUT_OF_MEMORY):
                raise
            log.info("not made in one run: %s", error.detail)
            survey.forget()
    runner.run(written.overwrite_output().get_args(), on_progress=report)


def _probe_result(destination: Path, runner: Runner) -> Probe:
    if not destination.is_file():
        raise MediaError(MediaErrorCode.BROKEN, "nothing was written")
    try:
        return probe(destination, runner)
    except MediaError as error:
        if error.code is MediaErrorCode.NOT_A_VIDEO:
            raise MediaError(MediaErrorCode.BROKEN, "no picture could be decoded") from error
        raise
