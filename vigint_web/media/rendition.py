"""Decide whether browsers can play a file, and make a playable version otherwise."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import ffmpeg

from vigint_web.media.colours import correct_colours, for_every_screen
from vigint_web.media.complaints import is_damage
from vigint_web.media.errors import MediaError, MediaErrorCode, ToolRefused
from vigint_web.media.geometry import playable_size
from vigint_web.media.labels import UNLABELLED, Label
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
# ffmpeg decodes any name, browsers only these (ISO/IEC 14496-14 and -15).
_PLAYABLE_TAGS = {"avc1", "avc3", "mp4a", ".mp3"}
_MAX_LEVEL = 52
_MAX_SIDE = 4096
_MAX_CHANNELS = 2
_MAX_SAMPLE_RATE = 48_000
# A remuxed file may differ in length by the containers' treatment of the last frame.
_REMUX_TOLERANCE_SECONDS = 1.0


class Plan(StrEnum):
    """The way to make a file playable.

    ORIGINAL: unchanged. REMUX: its picture copied into an MP4, its sound too where possible.
    TRANSCODE: decoded and re-encoded.
    """

    ORIGINAL = "original"
    REMUX = "remux"
    TRANSCODE = "transcode"


@dataclass(frozen=True)
class Made:
    """A rendition: the plan used, its facts, and ffmpeg's messages."""

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
    label: Label


def plan(probe: Probe) -> Plan:
    """Decide what a probed file needs before every browser plays it.

    A recipient may have any phone, so only H.264 with 8-bit 4:2:0 up to High profile in MP4 counts
    as playable: WebM (VP8, VP9) plays in recent Safari only, and is transcoded. The index may be at
    the end (no fast start): browsers fetch it by Range. Browsers apply the container's rotation and
    non-square pixels. The file must begin at 0, contain what it announces, and no other stream that
    a browser could choose to play.

    Findings that need decoding, such as damage, are handled in `vigint_web.media.playable`.
    """
    if not _picture_plays(probe) or probe.needs_restamping:
        return Plan.TRANSCODE
    if _file_plays(probe):
        return Plan.ORIGINAL
    # AVI has no presentation times: with B-frames they would have to be guessed.
    if probe.format == "avi" and probe.has_b_frames:
        return Plan.TRANSCODE
    return Plan.REMUX


def shows_damage(complaints: str, probe: Probe) -> bool:
    """Return whether ffmpeg's messages are about the played streams of a file."""
    streams: list[dict[str, Any]] = probe.raw.get("streams", [])
    played = {probe.video_stream, probe.audio_stream}
    unused = {stream.get("codec_name") for stream in streams if stream.get("index") not in played}
    return is_damage(complaints, unused=unused - {probe.codec, probe.audio_codec})


def playable_content_type(probe: Probe, plan: Plan) -> str:
    """Return the Content-Type of the playable version, which is MP4 with every plan.

    Originals that are played are MP4 or M4V; browsers know the latter as video/mp4 only.
    """
    if plan is Plan.ORIGINAL and probe.format not in {"mp4", "m4v"}:
        raise ValueError(f"{probe.format} is not playable unchanged")
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
    label: Label = UNLABELLED,
) -> Made:
    """Write a fast-start MP4 (H.264 High 4:2:0, AAC) that every browser plays.

    ``survey`` is made in the same run, from the same decoding; where that run fails the rendition
    is made without it. ``on_progress`` gets the share done, 0 to 1. A remux that fails, that is not
    playable, or during which ffmpeg reported errors about the pictures, is followed by a transcode.
    ``anew``: the picture is not copied whatever the plan; ``sound_anew``: nor is the sound.
    ``label`` is written in place of the source's metadata. The output is probed before it is
    accepted. Raises `MediaError`: broken if the source yields no
    playable picture, and what the runner raises; then no file is left at ``destination``.
    """
    job = _Job(source, destination, probe, runner, survey, on_progress, sound_anew, label)
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
    # ffmpeg rotates the picture before these filters, so sizes here are as displayed, and the
    # result has no rotation.
    probe = job.probe
    width, height = playable_size(probe.width, probe.height)

    def shown(video: Any) -> Any:
        video = correct_colours(video, probe)
        if probe.needs_restamping and probe.clock is not None:
            video = video.filter("setpts", probe.clock.expression("video", _interval(probe)))
        elif probe.format == "avi" and probe.has_b_frames:
            # AVI has no times: frames delayed by the decoder's reordering would be late.
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
        raise MediaError(MediaErrorCode.BROKEN, f"the rendition is {result.codec}")
    return Made(Plan.TRANSCODE, result, complaints)


def _interval(probe: Probe) -> float:
    video = probe.packets.get(probe.video_stream)
    return video.interval if video is not None else 1 / (probe.fps or 25)


def _exact_end(probe: Probe) -> dict[str, Any]:
    """Return options that preserve the duration of the last picture.

    The MP4 writer would use the duration of the one before, even if there is a gap between them. It
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
    """Write the MP4 in one run, with the survey if there is one; return ffmpeg's messages.

    ``shown`` adds the filters of the picture; without it the picture is copied.
    """
    probe, survey = job.probe, job.survey
    # A picture that changes its size is fitted in by the filters, which are not reconfigured.
    steady = {} if shown is None or probe.interlaced else {"reinit_filter": 0}
    opened = open_stored(job.source, probe, **steady)
    video = opened[str(probe.video_stream)]
    looked_at = video if shown is not None else correct_colours(video, probe)
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
            **job.label.options(),
            **options,
        },
    )

    # Otherwise ffmpeg corrects some jumps in its own way.
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
