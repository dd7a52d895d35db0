"""Make a clip of an incident from its detector's frames."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import ffmpeg

from vigint_web.media import exif, matroska
from vigint_web.media.errors import MediaError, MediaErrorCode, ToolRefused
from vigint_web.media.frames import FrameInfo, Kind
from vigint_web.media.geometry import playable_size
from vigint_web.media.labels import UNLABELLED, Label
from vigint_web.media.pace import Timeline, steady, timeline
from vigint_web.media.probe import Probe, probe
from vigint_web.media.runner import Runner, file_url, guarded_input, threads
from vigint_web.media.shown_frames import ShownFrame, read_times, shown_of_frames

_CODEC = {"jpeg": "mjpeg", "png": "png"}


@dataclass(frozen=True)
class FrameRef:
    """One frame: its time (epoch seconds), its facts, and a loader of its picture.

    ``load`` returns the picture alone, see `frames.Picture.taken_from`; it may be called more than
    once. ``number`` is the frame's place among those received, broken ones included.
    """

    timestamp: float | None
    info: FrameInfo
    load: Callable[[], bytes]
    number: int | None = None


@dataclass(frozen=True)
class EncodedClip:
    """The result of encoding; ``duration`` in seconds, as measured in the finished file.

    ``began``: when the first picture shown was taken, in epoch seconds; None when the pace is
    unknown. ``shown``: the frames in it.
    """

    frames_given: int
    frames_used: int
    duration: float
    pace_known: bool
    began: float | None
    probe: Probe
    shown: Sequence[ShownFrame] = ()


class _Track(NamedTuple):
    """The common properties of a stream's pictures, for a Matroska track."""

    kind: Kind
    orientation: int


def _track_of(frame: FrameRef) -> _Track:
    return _Track(frame.info.kind, frame.info.orientation)


def encode_frames(
    frames: Sequence[FrameRef],
    destination: Path,
    runner: Runner,
    *,
    crf: int = 23,
    preset: str = "veryfast",
    label_of: Callable[[float | None], Label] = lambda _began: UNLABELLED,
    on_progress: Callable[[float], None] | None = None,
) -> EncodedClip:
    """Encode frames into a fast-start H.264 MP4 at the pace at which they were taken.

    Frames are loaded one at a time, in display order, and never decoded in Python. Each is rotated
    according to its EXIF. Frames of another size than the first one shown are fitted into it.
    Frames that ffmpeg cannot decode are left out: the previous one stays visible, or at the start
    the clip begins later. The clip is decoded to its end before it is accepted. ``label_of``
    returns the clip's label for the time of its first picture, as in `EncodedClip.began`.
    ``on_progress`` gets the share done, 0 to 1.
    Raises `MediaError`: no_usable_frame, broken if the clip lacks required content, and what the
    runner raises; then no file is left at ``destination``.
    """
    if not frames:
        raise MediaError(MediaErrorCode.NO_USABLE_FRAME, "no frame was given")
    timestamps = steady([frame.timestamp for frame in frames]).times
    times = timeline(timestamps)
    shown = [frames[index] for index in times.order]
    track = Counter(_track_of(frame) for frame in shown).most_common(1)[0][0]
    first = shown[0].info.shown_size

    def pictures() -> Iterator[bytes]:
        width, height = first[::-1] if track.orientation in exif.SIDEWAYS else first
        return matroska.stream(
            _packets(shown, times, track, runner),
            kind=track.kind,
            width=width,
            height=height,
            interval_ms=times.interval_ms,
        )

    def encode(label: Label) -> EncodedClip:
        arguments = _encode_arguments(
            destination,
            first,
            exif.TURNS[track.orientation],
            pixels=max(frame.info.width * frame.info.height for frame in shown),
            seconds=times.duration_ms / 1000,
            label=label,
            crf=crf,
            preset=preset,
        )
        _encode(arguments, pictures, times, runner, on_progress)
        seen, used = _look_over(destination, runner)
        duration = _verify(seen, used, times)
        began = _began(times, timestamps, duration)
        sizes = [frame.info.shown_size for frame in frames]
        pictured = shown_of_frames(times, sizes)
        if used != len(times.order):
            found = read_times(destination, seen.video_stream, runner, {})
            pictured = shown_of_frames(times, sizes, found, _begins_with(times, duration))
        return EncodedClip(len(frames), used, duration, times.known, began, seen, pictured)

    label = label_of(_began(times, timestamps, times.duration_ms / 1000))
    try:
        clip = encode(label)
        found = label_of(clip.began)
        if found == label:
            return clip
        # The first frames could not be decoded, so the clip begins later than was written into it.
        return encode(found)
    except BaseException:
        destination.unlink(missing_ok=True)
        raise


def _began(times: Timeline, timestamps: Sequence[float | None], duration: float) -> float | None:
    """Return when the clip's first picture was taken."""
    if not times.known:
        return None
    first = timestamps[times.order[0]]
    place = _begins_with(times, duration)
    return None if first is None else first + times.offsets_ms[place] / 1000


def _begins_with(times: Timeline, duration: float) -> int:
    """Return the place of the clip's first picture in the order of display.

    Where the first frames could not be decoded the clip is shorter by their time.
    """
    missing_ms = times.duration_ms - duration * 1000
    return min(range(len(times.order)), key=lambda at: abs(times.offsets_ms[at] - missing_ms))


def _encode_arguments(
    destination: Path,
    first: tuple[int, int],
    turn: str,
    *,
    pixels: int,
    seconds: float,
    label: Label,
    crf: int,
    preset: str,
) -> list[str]:
    """Compile ffmpeg's arguments for a Matroska stream of pictures on standard input.

    ``first``: width and height of the first picture as it is shown; ``turn``: filters that turn
    each one to be so.

    Why these, as measured on ffmpeg 5.1 and 9:

    - ``max_error_rate 1``: a frame that cannot be decoded is left out instead of failing the run.
    - ``fps_mode vfr`` with ``enc_time_base`` and ``video_track_timescale`` of 1/90000 s: frames
      keep their times; the default rounds them to a guessed constant rate.
    - ``bf 0``: with B-frames the last frame's duration is lost; so it is with the concat demuxer
      and with setpts, which would be the other ways to give frames their times.
    - ``setts``: the last frame stays until the clip's true end. Left alone 9 takes its duration
      from the stream, and 5.1 guesses, up to 400 ms wrong. The MP4 writer takes all other
      durations from the next frame's time, so one expression does for every packet.
    - ``avoid_negative_ts make_zero``: where the first frames are left out the clip begins with
      the first good one, not with a blank.
    """
    width, height = playable_size(*first)
    fit = (
        f"{turn},scale={width}:{height}:force_original_aspect_ratio=decrease"
        f":force_divisible_by=2:out_range=limited,"
        f"pad={width}:{height}:(ow-iw)/2:(oh-ih)/2,setsar=1,format=yuv420p"
    )
    output = _source(pixels).output(
        file_url(destination),
        **{
            "format": "mp4",
            "c:v": "libx264",
            "preset": preset,
            "crf": crf,
            "bf": 0,
            "threads": threads(width * height),
            "vf": fit,
            "fps_mode": "vfr",
            "enc_time_base": "1/90000",
            "bsf:v": f"setts=duration=max(1\\,{seconds}/TB-PTS)",
            "video_track_timescale": 90000,
            "avoid_negative_ts": "make_zero",
            "movflags": "+faststart",
            "map_metadata": -1,
            **label.options(),
        },
    )
    arguments: list[str] = output.overwrite_output().get_args()
    return arguments


def _source(pixels: int) -> Any:
    return ffmpeg.input(
        "pipe:0",
        format="matroska",
        protocol_whitelist="pipe",
        format_whitelist="matroska",
        threads=threads(pixels),
        max_error_rate="1",
    )


def _encode(
    arguments: list[str],
    pictures: Callable[[], Iterator[bytes]],
    times: Timeline,
    runner: Runner,
    on_progress: Callable[[float], None] | None,
) -> None:
    def report(seconds: float) -> None:
        if on_progress is not None:
            on_progress(min(1.0, seconds * 1000 / times.duration_ms))

    try:
        runner.run(arguments, stdin=pictures(), on_progress=report)
    except ToolRefused as error:
        if _any_decodes(pictures(), runner):
            raise
        raise MediaError(MediaErrorCode.NO_USABLE_FRAME, error.detail) from error


def _any_decodes(pictures: Iterator[bytes], runner: Runner) -> bool:
    """Return whether ffmpeg can decode at least one picture.

    Its message without any picture differs between versions, and equals that of an encoder that did
    not start.
    """
    decoded = _source(0).output("-", **{"format": "null", "frames:v": 1})
    try:
        runner.run(decoded.get_args(), stdin=pictures)
    except ToolRefused:
        return False
    return True


def _packets(
    shown: Sequence[FrameRef], times: Timeline, track: _Track, runner: Runner
) -> Iterator[tuple[int, int, bytes]]:
    for frame, offset, duration in zip(shown, times.offsets_ms, times.durations_ms, strict=True):
        data = frame.load()
        given = _track_of(frame)
        if given == track:
            yield offset, duration, data
            continue
        converted = _convert(data, given, track, runner)
        if converted:
            yield offset, duration, converted


def _convert(data: bytes, given: _Track, wanted: _Track, runner: Runner) -> bytes | None:
    """Convert one picture to another kind and orientation; None when it cannot be decoded.

    A Matroska track contains one kind only, and a run of ffmpeg rotates all its pictures alike.
    Mixed frames are rare enough for a run each.
    """
    colours = "yuvj444p" if wanted.kind == "jpeg" else "rgb24"
    turn = f"{exif.TURNS[given.orientation]},{exif.TURNS[exif.INVERSE[wanted.orientation]]}"
    arguments = [
        *("-protocol_whitelist", "pipe", "-format_whitelist", "image2pipe", "-f", "image2pipe"),
        *("-c:v", _CODEC[given.kind], "-i", "pipe:0", "-frames:v", "1"),
        *("-vf", turn, "-c:v", _CODEC[wanted.kind], "-q:v", "2"),
        *("-pix_fmt", colours, "-f", "image2pipe", "pipe:1"),
    ]
    try:
        return runner.run(arguments, stdin=[data], capture=True, seconds=60).stdout
    except ToolRefused:
        return None


def _look_over(clip: Path, runner: Runner) -> tuple[Probe, int]:
    """Decode the whole clip; return its facts and the number of frames."""
    if not clip.is_file() or clip.stat().st_size == 0:
        raise MediaError(MediaErrorCode.NO_USABLE_FRAME, "nothing was encoded")
    try:
        seen = probe(clip, runner, filename=clip.name)
    except MediaError as error:
        if error.code in {MediaErrorCode.NOT_A_VIDEO, MediaErrorCode.BROKEN}:
            raise MediaError(MediaErrorCode.NO_USABLE_FRAME, error.detail) from error
        raise
    return seen, _counted(clip, seen, runner)


def _counted(clip: Path, seen: Probe, runner: Runner) -> int:
    """Count the pictures that can be decoded, with all threads; ffprobe would use one."""
    each = "metadata=add:key=n:value=1,metadata=print:key=n:file=-"
    arguments = ["-threads", threads(seen.width * seen.height), *guarded_input(clip)]
    arguments += ["-map", "0:v:0", "-vf", each, "-fps_mode", "passthrough", "-f", "null", "-"]
    count = 0

    def read(line: bytes) -> None:
        nonlocal count
        count += line.startswith(b"frame:")

    runner.run(arguments, on_line=read)
    return count


def _verify(seen: Probe, count: int, times: Timeline) -> float:
    """Return the clip's duration in seconds; raise if the clip lacks required content."""
    if count == 0:
        raise MediaError(MediaErrorCode.NO_USABLE_FRAME, "no frame could be decoded")
    duration = seen.duration or 0.0
    if count == len(times.order):
        error_ms = abs(duration * 1000 - times.duration_ms)
        if error_ms > max(times.interval_ms, times.last_duration_ms):
            raise MediaError(
                MediaErrorCode.BROKEN,
                f"the clip lasts {duration:.3f} s instead of {times.duration_ms / 1000:.3f} s",
            )
    return duration
