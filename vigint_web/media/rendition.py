"""Decide whether browsers can play a file, and make what they can play of one they cannot."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import ffmpeg

from vigint_web.media.colours import as_told, for_every_screen
from vigint_web.media.complaints import is_damage
from vigint_web.media.errors import MediaError, MediaErrorCode, ToolRefused
from vigint_web.media.geometry import playable_size
from vigint_web.media.opening import open_stored
from vigint_web.media.probe import Probe, probe
from vigint_web.media.runner import Runner, file_url, threads
from vigint_web.media.survey import Survey, together

log = logging.getLogger(__name__)

KEYFRAME_SECONDS = 2
CRF = 23
PRESET = "veryfast"

_PLAYABLE_PROFILES = {"Constrained Baseline", "Baseline", "Main", "High", "Constrained High"}
_PLAYABLE_PIXEL_FORMATS = {"yuv420p", "yuvj420p"}
_PLAYABLE_AUDIO = {None, "aac", "mp3"}
# What ffmpeg decodes under any name browsers look for under these (ISO/IEC 14496-14 and -15).
_PLAYABLE_TAGS = {"avc1", "avc3", "mp4a", ".mp3"}
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


@dataclass(frozen=True)
class Made:
    """A rendition: how it was made, what it is, and what ffmpeg complained of meanwhile."""

    plan: Plan
    probe: Probe
    complaints: str


@dataclass(frozen=True)
class _Job:
    source: Path
    destination: Path
    probe: Probe
    runner: Runner
    survey: Survey | None
    on_progress: Callable[[float], None] | None
    sound_anew: bool


def plan(probe: Probe) -> Plan:
    """Decide what a probed file needs before every browser plays it.

    A recipient has whatever phone they have, so only H.264 with 8-bit 4:2:0 up to High profile in
    MP4 counts as playable: WebM (VP8, VP9) plays in recent Safari only, and is transcoded. The
    index may be at the end (no fast start): browsers fetch it by Range. A turn told by the
    container and pixels that are not square are honoured by browsers. It must begin at 0, hold what
    it announces, and nothing besides that a browser could choose to play.

    What is found only by decoding, such as damage, is decided in `vigint_web.media.playable`.
    """
    if not _picture_plays(probe) or probe.needs_restamping:
        return Plan.TRANSCODE
    if _file_plays(probe):
        return Plan.ORIGINAL
    # AVI keeps no presentation times: with B-frames they would have to be guessed.
    if probe.format == "avi" and probe.has_b_frames:
        return Plan.TRANSCODE
    return Plan.REMUX


def shows_damage(complaints: str, probe: Probe) -> bool:
    """Return whether ffmpeg's complaints are of what is played of a file."""
    streams: list[dict[str, Any]] = probe.raw.get("streams", [])
    played = {probe.video_stream, probe.audio_stream}
    unused = {stream.get("codec_name") for stream in streams if stream.get("index") not in played}
    return is_damage(complaints, unused=unused - {probe.codec, probe.audio_codec})


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
    anew: bool = False,
    sound_anew: bool = False,
) -> Made:
    """Write a fast-start MP4 (H.264 High 4:2:0, AAC) that every browser plays.

    ``survey`` is made in the same run, from the same decoding; where that run fails the rendition
    is made without it. ``on_progress`` gets the share done, 0 to 1. A remux that fails, that does
    not give a playable file, or in which ffmpeg complained of the pictures, is followed by a
    transcode. ``anew``: the picture is not copied whatever the plan; ``sound_anew``: nor is the
    sound. What is written is probed before it counts as made. Raises `MediaError`: broken if the
    source yields no playable picture, and what the runner raises; then no file is left at
    ``destination``.
    """
    job = _Job(source, destination, probe, runner, survey, on_progress, sound_anew)
    try:
        if not anew and plan(probe) is not Plan.TRANSCODE:
            made = _remux(job)
            if made is not None:
                return made
            if survey is not None:
                survey.forget()
        return _transcode(job)
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


def _file_plays(probe: Probe) -> bool:
    streams = probe.raw.get("streams", [])
    sounds = [stream["index"] for stream in streams if stream.get("codec_type") == "audio"]
    played = {probe.video_stream, probe.audio_stream}
    tags = {s["codec_tag_string"] for s in streams if s["index"] in played and "codec_tag" in s}
    return (
        probe.format in {"mp4", "m4v"}
        and probe.audio_codec in _PLAYABLE_AUDIO
        and tags <= _PLAYABLE_TAGS
        and (not sounds or sounds[0] == probe.audio_stream)
        and probe.only_picture
        and not probe.starts_elsewhere
        and not probe.cut_short
    )


def _remux(job: _Job) -> Made | None:
    probe = job.probe
    copied = probe.audio_codec in _PLAYABLE_AUDIO and not job.sound_anew
    sound = {"c:a": "copy"} if copied else _sound_options(probe)
    try:
        complaints = _convert(job, options={"c:v": "copy", **sound})
        result = _probe_result(job)
    except ToolRefused:
        return None
    except MediaError as error:
        if error.code is MediaErrorCode.BROKEN:
            return None
        raise
    same_length = (
        probe.duration is None
        or result.duration is None
        or abs(result.duration - probe.duration) <= _REMUX_TOLERANCE_SECONDS
    )
    if plan(result) is not Plan.ORIGINAL or not same_length or shows_damage(complaints, probe):
        return None
    return Made(Plan.REMUX, result, complaints)


def _transcode(job: _Job) -> Made:
    # ffmpeg turns the picture before these filters, so sizes here are as displayed, and the
    # result tells no turn.
    probe = job.probe
    width, height = playable_size(probe.width, probe.height)

    def shown(video: Any) -> Any:
        video = as_told(video, probe)
        if probe.needs_restamping and probe.clock is not None:
            video = video.filter("setpts", probe.clock.expression("video", _interval(probe)))
        elif probe.format == "avi" and probe.has_b_frames:
            # AVI tells no times: what the decoder holds back for its reordering would come late.
            video = video.filter("setpts", "PTS-STARTPTS")
        if probe.interlaced:
            video = video.filter("bwdif", mode="send_frame")
        return for_every_screen(video, probe, width, height, job.runner.tools.ffmpeg)

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
    picture |= _exact_end(probe)
    options = {**picture, **_sound_options(probe)}
    try:
        complaints = _convert(job, options=options, shown=shown)
        result = _probe_result(job)
    except ToolRefused as error:
        raise MediaError(MediaErrorCode.BROKEN, error.detail) from error
    if plan(result) is not Plan.ORIGINAL:
        raise MediaError(MediaErrorCode.BROKEN, f"the rendition came out as {result.codec}")
    return Made(Plan.TRANSCODE, result, complaints)


def _interval(probe: Probe) -> float:
    video = probe.packets.get(probe.video_stream)
    return video.interval if video is not None else 1 / (probe.fps or 25)


def _exact_end(probe: Probe) -> dict[str, Any]:
    """Return options by which the last picture is shown for as long as it was.

    The MP4 writer would show it for as long as the one before, be there a hole between them. It
    takes all other durations from the next picture's time. With B-frames the last picture written
    is not the last one shown.
    """
    video = probe.packets.get(probe.video_stream)
    lasts = video.last if video is not None else 0.0
    return {"bf": 0, "bsf:v": f"setts=duration=max(1\\,{lasts or _interval(probe):.6f}/TB)"}


def _sound_options(probe: Probe) -> dict[str, Any]:
    if probe.audio_codec is None:
        return {}
    filters = "aresample=async=1"
    if probe.needs_restamping and probe.clock is not None:
        moved = probe.clock.expression("audio", _interval(probe)).replace(",", "\\,")
        filters = f"asetpts='{moved}',{filters}"
    options: dict[str, Any] = {"c:a": "aac", "b:a": "128k", "af": filters}
    if (probe.audio_channels or 0) > _MAX_CHANNELS:
        options["ac"] = _MAX_CHANNELS
    if (probe.audio_sample_rate or 0) > _MAX_SAMPLE_RATE:
        options["ar"] = _MAX_SAMPLE_RATE
    return options


def _convert(
    job: _Job, *, options: dict[str, Any], shown: Callable[[Any], Any] | None = None
) -> str:
    """Write the MP4 in one run, with the survey if there is one; return ffmpeg's complaints.

    ``shown`` adds the filters that the picture passes; without it the picture is copied.
    """
    probe, survey = job.probe, job.survey
    # A picture whose size changes is fitted in by the filters, which go on as they are.
    steady = {} if shown is None or probe.interlaced else {"reinit_filter": 0}
    opened = open_stored(job.source, probe, **steady)
    video = opened[str(probe.video_stream)]
    looked_at = video if shown is not None else as_told(video, probe)
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
        file_url(job.destination),
        **{
            "format": "mp4",
            "map_metadata": -1,
            "map_chapters": -1,
            "threads": threads(probe.width * probe.height),
            "movflags": "+faststart",
            **options,
        },
    )

    # Else ffmpeg corrects some jumps by itself, in its own way.
    clocked = ["-copyts"] if shown is not None and probe.needs_restamping else []

    def report(seconds: float) -> None:
        if job.on_progress is not None and probe.duration:
            job.on_progress(min(1.0, seconds / probe.duration))

    if survey is not None:
        outputs = [written, *survey.outputs(looked_at)]
        try:
            arguments = [*clocked, *together(outputs, probe)]
            return job.runner.run(arguments, on_progress=report).stderr
        except MediaError as error:
            if not (isinstance(error, ToolRefused) or error.code is MediaErrorCode.OUT_OF_MEMORY):
                raise
            log.info("not made in one run: %s", error.detail)
            survey.forget()
    arguments = [*clocked, *written.overwrite_output().get_args()]
    return job.runner.run(arguments, on_progress=report).stderr


def _probe_result(job: _Job) -> Probe:
    if not job.destination.is_file():
        raise MediaError(MediaErrorCode.BROKEN, "nothing was written")
    try:
        return probe(job.destination, job.runner)
    except MediaError as error:
        if error.code is MediaErrorCode.NOT_A_VIDEO:
            raise MediaError(MediaErrorCode.BROKEN, "no picture could be decoded") from error
        raise
