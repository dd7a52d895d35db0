"""Read the facts of a stored file, from its content alone."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vigint_web.media.avi import AviHead, read_avi
from vigint_web.media.clock import Clock, read_clock
from vigint_web.media.containers import Head, read_head, short_format
from vigint_web.media.errors import MediaError, MediaErrorCode, ToolRefused
from vigint_web.media.ffprobe_answer import (
    bit_depth_of,
    cleaned,
    finite,
    frame_rate,
    is_decodable,
    is_moving_picture,
    pixel_aspect_of,
    positive,
    prominence,
    turn_of,
    whole,
)
from vigint_web.media.packets import Stream, read_packets
from vigint_web.media.runner import Runner, guarded_input

MAX_PIXELS = 8192 * 4320
PROBE_SECONDS = 60.0

_COLOURS = ("color_space", "color_transfer", "color_primaries", "color_range")
_UNKNOWN = {None, "unknown", "reserved", "unspecified"}
# Header and packets may differ by this many seconds, or this share, and both be valid.
_AGREED_SECONDS = 0.25
# A delay below this, in seconds, is not noticeable.
_START = 0.1
_CUT_SECONDS, _CUT_SHARE = 2.0, 0.05
# An AVI may announce slightly more than it contains.
_SPARE_SHARE = 0.01
# A smaller share of a file in packets means that its index is wrong.
_LEAST_COVERED = 0.9
_OTHER_RATE = 0.2
# A track of pictures with a smaller share of the packets of another is a cover or a preview.
_LEAST_PICTURES = 0.1


@dataclass(frozen=True)
class Probe:
    """The facts of one video file.

    ``container`` is ffprobe's format_name, ``format`` the usual short name; ``size`` in bytes,
    ``duration`` in seconds, ``bitrate`` in bits per second, ``width`` and ``height`` in pixels as
    displayed (after ``rotation``, degrees clockwise). ``has_b_frames`` is the depth of the
    decoder's reordering, ``video_stream`` and ``audio_stream`` are stream numbers for ffmpeg,
    ``pixel_aspect`` is the displayed ratio of a pixel's width to its height (after ``rotation``).
    ``colours`` has the available values of color_space, color_transfer, color_primaries,
    color_range. ``duration`` is that of playback: of the packets in the file, without the time
    before the first and without gaps, see `vigint_web.media.clock`; ``clock`` is None where there
    is none. ``packets`` has the packets of each stream. ``reading`` are options with which the
    input is read as far as possible. ``tracks`` are streams of further pictures, as written by a
    recorder with two cameras; ``only_picture``: no other stream has any, not even a cover.
    ``sounds`` are the streams of sound that may be decodable. ``cut_short``: the file announces
    more than it contains; ``lacks_pictures``: some of the announced ones are missing. ``raw`` is
    ffprobe's answer without the file's name. Unknown values are None.
    """

    container: str
    format: str
    size: int
    duration: float | None
    width: int
    height: int
    fps: float | None
    bitrate: int | None
    codec: str
    pixel_format: str | None
    rotation: int
    profile: str | None = None
    level: int | None = None
    bit_depth: int | None = None
    field_order: str | None = None
    has_b_frames: int = 0
    audio_codec: str | None = None
    audio_channels: int | None = None
    audio_sample_rate: int | None = None
    video_stream: int = 0
    audio_stream: int | None = None
    pixel_aspect: float = 1.0
    clock: Clock | None = field(default=None, compare=False, repr=False)
    packets: dict[int, Stream] = field(default_factory=dict, compare=False, repr=False)
    reading: dict[str, str] = field(default_factory=dict)
    avi: AviHead = field(default=AviHead(), compare=False, repr=False)
    tracks: tuple[int, ...] = ()
    only_picture: bool = True
    sounds: tuple[int, ...] = ()
    cut_short: bool = False
    lacks_pictures: bool = False
    colours: dict[str, str] = field(default_factory=dict, compare=False)
    raw: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def resolution(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def interlaced(self) -> bool:
        return self.field_order in {"tt", "bb", "tb", "bt"}

    @property
    def starts_elsewhere(self) -> bool:
        """Return whether the file's times do not begin at 0."""
        return self.clock is not None and abs(self.clock.start) > _START

    @property
    def needs_restamping(self) -> bool:
        """Return whether the file's times need more than a common shift."""
        if self.clock is None:
            return False
        begins = finite(self.raw.get("format", {}).get("start_time")) or 0.0
        return self.clock.jumps or abs(self.clock.start - begins) > _START

    def with_sound(self, stream: int | None) -> "Probe":
        """Return the facts for playback with this stream of sound, or without any."""
        streams: list[dict[str, Any]] = self.raw.get("streams", [])
        audio = next((entry for entry in streams if entry.get("index") == stream), None)
        seen = replace(
            self,
            audio_stream=stream,
            audio_codec=audio.get("codec_name") if audio else None,
            audio_channels=whole(audio.get("channels")) if audio else None,
            audio_sample_rate=whole(audio.get("sample_rate")) if audio else None,
        )
        return _timed(seen)


def probe(
    path: Path, runner: Runner, *, filename: str | None = None, picture: int | None = None
) -> Probe:
    """Probe a stored file.

    ``filename`` is its original name and decides only between two valid short names. ``picture`` is
    the stream to use as the video; else the one that a player shows: of the moving ones the default
    one, then the largest. Raises `MediaError`: not_a_video for anything but a video of an accepted
    kind, from_recorder for a recorder's own format, broken for an unreadable one, too_many_pixels,
    and what the runner raises.
    """
    head = read_head(path)
    size = path.stat().st_size
    if size == 0 or head.is_picture:
        raise MediaError(
            MediaErrorCode.NOT_A_VIDEO, "the file is empty" if size == 0 else "a picture"
        )
    if head.from_recorder:
        raise MediaError(MediaErrorCode.FROM_RECORDER, "no container of an accepted kind")
    try:
        avi = read_avi(path) if head.family == "avi" else AviHead()
        raw, packets, reading = _read(path, head, avi, runner, size)
        found = _understand(raw, packets, head, size=size, filename=filename, picture=picture)
        return _timed(replace(found, reading=reading, avi=avi))
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise MediaError(
            MediaErrorCode.BROKEN, f"ffprobe's answer is invalid: {error!r}"
        ) from error


def _read(
    path: Path, head: Head, avi: AviHead, runner: Runner, size: int
) -> tuple[dict[str, Any], dict[int, Stream], dict[str, str]]:
    """Return ffprobe's answer, all packets, and the options with which most of them were found."""
    usual: dict[str, str] = {}
    raw = _ask(path, head, runner, usual)
    packets = read_packets(path, runner, seconds=runner.limits.seconds, reading=usual)
    if head.family != "avi":
        return raw, packets, usual
    covered = _covered(packets)
    misled = avi.index_is_right is False
    if not misled and covered >= size * _LEAST_COVERED:
        return raw, packets, usual
    # A wrong index hides part of the file; without it the chunks are found one by one.
    without_index = {"seekable": "0"}
    others = read_packets(path, runner, seconds=runner.limits.seconds, reading=without_index)
    if not others or (not misled and _covered(others) * _LEAST_COVERED <= covered):
        return raw, packets, usual
    return _ask(path, head, runner, without_index), others, without_index


def _covered(packets: dict[int, Stream]) -> int:
    return sum(stream.size for stream in packets.values())


def _ask(path: Path, head: Head, runner: Runner, reading: dict[str, str]) -> dict[str, Any]:
    more = [word for name, value in reading.items() for word in (f"-{name}", value)]
    arguments = ["-show_format", "-show_streams", "-of", "json", *more, *guarded_input(path)]
    seconds = min(PROBE_SECONDS, runner.limits.seconds)
    try:
        answer = runner.run(arguments, program="ffprobe", capture=True, seconds=seconds)
    except ToolRefused as error:
        known = MediaErrorCode.BROKEN if head.family else MediaErrorCode.NOT_A_VIDEO
        raise MediaError(known, error.detail) from error
    raw: dict[str, Any] = cleaned(json.loads(answer.stdout.decode("utf-8", "replace")))
    raw.get("format", {}).pop("filename", None)
    return raw


def _understand(
    raw: dict[str, Any],
    packets: dict[int, Stream],
    head: Head,
    *,
    size: int,
    filename: str | None,
    picture: int | None,
) -> Probe:
    streams: list[dict[str, Any]] = raw.get("streams", [])
    pictures = _pictures(streams, packets)
    video = pictures[0]
    if picture is not None:
        video = next(stream for stream in pictures if stream["index"] == picture)
    sounds = [s for s in streams if s.get("codec_type") == "audio" and is_decodable(s)]
    audio = sounds[0] if sounds else None
    codec = video["codec_name"]
    width, height = int(video["width"]), int(video["height"])
    if width * height > MAX_PIXELS:
        raise MediaError(MediaErrorCode.TOO_MANY_PIXELS, f"{width}x{height}")
    rotation = turn_of(video)
    if rotation in (90, 270):
        width, height = height, width
    container: dict[str, Any] = raw["format"]
    codecs = {str(stream["codec_name"]) for stream in (video, audio) if stream}
    return Probe(
        container=container["format_name"],
        format=short_format(container["format_name"], head, codecs, filename),
        size=size,
        duration=positive(container.get("duration")) or positive(video.get("duration")),
        width=width,
        height=height,
        fps=frame_rate(video.get("avg_frame_rate")) or frame_rate(video.get("r_frame_rate")),
        bitrate=whole(container.get("bit_rate")),
        codec=codec,
        pixel_format=video.get("pix_fmt"),
        rotation=rotation,
        profile=video.get("profile"),
        level=whole(video.get("level")),
        bit_depth=bit_depth_of(video),
        field_order=video.get("field_order"),
        has_b_frames=int(video.get("has_b_frames", 0)),
        audio_codec=audio.get("codec_name") if audio else None,
        audio_channels=whole(audio.get("channels")) if audio else None,
        audio_sample_rate=whole(audio.get("sample_rate")) if audio else None,
        video_stream=int(video["index"]),
        audio_stream=int(audio["index"]) if audio else None,
        pixel_aspect=pixel_aspect_of(video, rotation),
        packets=packets,
        tracks=tuple(int(stream["index"]) for stream in pictures if stream is not video),
        only_picture=sum(map(is_moving_picture, streams)) == 1,
        sounds=tuple(int(stream["index"]) for stream in sounds),
        colours={name: video[name] for name in _COLOURS if video.get(name) not in _UNKNOWN},
        raw=raw,
    )


def _pictures(
    streams: Sequence[dict[str, Any]], packets: dict[int, Stream]
) -> list[dict[str, Any]]:
    """Return the streams of moving pictures, the one that a player shows first.

    A cover or a preview has hardly any packets. Raises `MediaError`: not_a_video where there is no
    stream of pictures, broken where none is decodable.
    """
    moving = [stream for stream in streams if is_moving_picture(stream)]
    if not moving:
        raise MediaError(MediaErrorCode.NOT_A_VIDEO, "no video stream")
    known = [stream for stream in moving if is_decodable(stream)]
    if not known:
        raise MediaError(MediaErrorCode.BROKEN, "the video stream has no codec or size")

    def count(stream: dict[str, Any]) -> int:
        return packets[stream["index"]].count if stream["index"] in packets else 0

    most = max(map(count, known))
    real = [stream for stream in known if count(stream) >= most * _LEAST_PICTURES]
    return sorted(real, key=prominence, reverse=True)


def _timed(seen: Probe) -> Probe:
    """Return the facts with the clock and the duration of playback, computed from the packets."""
    video = seen.packets.get(seen.video_stream, Stream())
    audio = seen.packets.get(-1 if seen.audio_stream is None else seen.audio_stream, Stream())
    if not video.count:
        return replace(seen, clock=None)
    clock = read_clock([video.track, audio.track])
    announced = positive(seen.raw["format"].get("duration"))
    agreed = announced is not None and abs(announced - clock.duration) <= _AGREED_SECONDS
    fps, measured = seen.fps, video.rate
    if clock.jumps:
        fps = round(1 / video.interval, 3)
    elif measured and (fps is None or abs(fps - measured) > measured * _OTHER_RATE):
        fps = round(measured, 3)
    bitrate = seen.bitrate if agreed else int(seen.size * 8 / max(clock.duration, 0.001))
    return replace(
        seen,
        clock=clock,
        duration=announced if agreed else positive(clock.duration),
        fps=fps,
        bitrate=bitrate,
        cut_short=_is_cut_short(seen, video),
        lacks_pictures=_lacks_pictures(seen, video),
    )


def _is_cut_short(seen: Probe, video: Stream) -> bool:
    """Return whether a file contains much less than it announces."""
    streams: list[dict[str, Any]] = seen.raw["streams"]
    picture = next(stream for stream in streams if stream.get("index") == seen.video_stream)
    # ffprobe's duration of an AVI is an estimate from its content.
    announced = seen.avi.seconds or positive(picture.get("duration"))
    if announced is not None:
        held = _end({seen.video_stream: video})
    else:
        announced = positive(seen.raw["format"].get("duration")) or 0.0
        held = _end(seen.packets)
    return announced > held + max(_CUT_SECONDS, held * _CUT_SHARE)


def _lacks_pictures(seen: Probe, video: Stream) -> bool:
    held = _end({seen.video_stream: video})
    return (seen.avi.seconds or 0.0) > held + max(3 * video.interval, held * _SPARE_SHARE)


def _end(packets: dict[int, Stream]) -> float:
    """Return when the last packet ends: some count from the first, some from 0."""
    spans = [span for s in packets.values() for stretch in s.stretches for span in stretch]
    return max(end for _, end in spans) - min(0.0, *(start for start, _ in spans))
