"""Survey a video: derive everything needed from its pictures in one decoding."""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import ffmpeg

from vigint_web.media import pictures
from vigint_web.media.colours import correct_colours
from vigint_web.media.errors import MediaError, MediaErrorCode, ToolRefused
from vigint_web.media.opening import open_stored
from vigint_web.media.probe import Probe
from vigint_web.media.runner import Runner, file_url, threads
from vigint_web.media.timeline import (
    Sample,
    SpriteSheet,
    Timeline,
    find_scenes,
    lay_out,
    measure_motion,
    read_samples,
)

# The rate of compared pictures: enough for a cut, and motion is clearer between them than between
# neighbours.
_SAMPLES_PER_SECOND = 5.0
_MOST_SAMPLES = 10_000
_SAMPLES_PER_PICTURE = 2
# Pictures later than the file's length by this many seconds are ignored.
_LATER = 5.0
# Of this many candidates, spread over the whole length, one becomes the poster.
_CANDIDATES = 10
# This many seconds at the end may contain sound alone, or one picture that stays.
_LEFT_OUT = 2.0
# A file that can be decoded within seconds is decoded completely; of larger ones only the key
# frames. In pixels: half an hour of 1080p at 25 pictures a second is 9.3e10.
_WHOLE_PIXELS = 1.5e10
# The maximum distance of key frames; beyond it the rest is needed too.
_FURTHEST_APART = 15.0
_PARSED = "h264_metadata"
_LUMA = re.compile(r"lavfi\.signalstats\.YAVG=([0-9.]+)")
_JPEG_END = b"\xff\xd9"


@dataclass
class Survey:
    """A survey of a video: the outputs to add to a run of ffmpeg, and their results.

    ``folder`` must be empty of files of these names and takes some megabytes. ``complaints`` has
    ffmpeg's messages about the file.
    """

    probe: Probe
    folder: Path
    sheet: SpriteSheet = field(init=False)
    complaints: str = field(init=False, default="")

    def __post_init__(self) -> None:
        seen = self.probe
        self.sheet = lay_out(self._duration, seen.width, seen.height, seen.pixel_aspect)

    @property
    def _duration(self) -> float:
        return self.probe.duration or 1.0

    def outputs(self, video: Any, *, thinned: bool = False) -> list[Any]:
        """Return outputs that extract the data from a decoded stream of ffmpeg-python's.

        ``thinned``: it contains single pictures far apart, so all of them are compared.
        """
        seconds = self._duration
        if not thinned:
            rate = min(_SAMPLES_PER_SECOND, _MOST_SAMPLES / seconds)
            rate = max(rate, _SAMPLES_PER_PICTURE / self.sheet.interval)
            video = video.filter("fps", f"{rate:.6f}", start_time=0, round="up")
        # A damaged time of hours later must not be filled with pictures.
        video = video.filter("trim", end=f"{seconds + _LATER:.3f}")
        branches = video.filter_multi_output("split", 2)
        candidates = (
            _every(branches[0], seconds / _CANDIDATES, stays=not thinned)
            .filter("scale", **pictures.poster_scale())
            .filter("setsar", "1")
            .filter("format", "yuvj420p")
            .filter("signalstats")
            .filter("metadata", "print", key="lavfi.signalstats.YAVG", file=self._path("luma"))
        )
        across, down = self.sheet.width, self.sheet.height
        small = (
            branches[1]
            .filter("scale", across, down, flags="area", out_range="full")
            .filter("setsar", "1")
            .filter("format", "yuvj420p")
            .filter_multi_output("split", 2)
        )
        compared = small[0].filter("scdet", threshold=100)
        compared = compared.filter("metadata", "print", file=self._path("samples"))
        tiles = _every(small[1], self.sheet.interval, stays=not thinned)
        # These encoders have little to do, and a thread per core would only use memory.
        alike = {"fps_mode": "passthrough", "threads": 1}
        raw = {"format": "rawvideo", "c:v": "rawvideo", **alike}
        jpegs = {"format": "mjpeg", "c:v": "mjpeg", "q:v": pictures.FINE, **alike}
        return [
            candidates.output(
                file_url(self._path("candidates")),
                **jpegs,
                **{"frames:v": _CANDIDATES},
            ),
            tiles.output(file_url(self._path("tiles")), **raw, **{"frames:v": self.sheet.count}),
            compared.output("-", format="null", **alike),
        ]

    def look(
        self, source: Path, runner: Runner, *, on_progress: Callable[[float], None] | None = None
    ) -> None:
        """Decode a file for the survey alone: completely, or of a large one the key frames.

        Raises `MediaError`: no_usable_frame when no picture can be decoded, and what the runner
        raises.
        """
        seen = self.probe
        pixels = seen.width * seen.height
        if pixels * (seen.fps or 25) * self._duration > _WHOLE_PIXELS:
            with suppress(ToolRefused):
                self._decode(source, runner, on_progress, thinned=True)
                if not self._has_holes():
                    return
        try:
            self._decode(source, runner, on_progress, thinned=False)
        except ToolRefused as error:
            raise MediaError(MediaErrorCode.NO_USABLE_FRAME, error.detail) from error
        if not self._samples():
            raise MediaError(MediaErrorCode.NO_USABLE_FRAME, "no picture could be decoded")

    def finish(self, folder: Path, runner: Runner) -> Timeline:
        """Return the timeline; write the pictures as JPEGs, in one run.

        They are ``poster.jpg`` (missing when there is no candidate), ``thumbnail.jpg`` of it, and
        ``sprite.jpg``. Raises `MediaError`: no_usable_frame when there was no picture, and what the
        runner raises.
        """
        samples = self._samples()
        if not samples:
            raise MediaError(MediaErrorCode.NO_USABLE_FRAME, "no picture could be decoded")
        sheet = pictures.write_pictures(
            self._moments(), self._path("tiles"), self.sheet, folder, runner
        )
        motion, interval = measure_motion(samples, self._duration)
        return Timeline(sheet, find_scenes(samples, self._duration), motion, interval)

    def has_seen(self, seconds: float) -> bool:
        """Return whether there are pictures up to this time, or nearly."""
        samples = self._samples()
        furthest = max(_LEFT_OUT, 2 * self.sheet.interval, seconds / 5)
        return bool(samples) and samples[-1].time >= seconds - furthest

    def forget(self) -> None:
        """Remove the intermediate files."""
        for name in ("luma", "samples", "candidates", "tiles"):
            self._path(name).unlink(missing_ok=True)

    def _decode(
        self,
        source: Path,
        runner: Runner,
        on_progress: Callable[[float], None] | None,
        *,
        thinned: bool,
    ) -> None:
        seen = self.probe
        opened = open_stored(source, seen, **({"skip_frame": "nokey"} if thinned else {}))
        picture = opened[str(seen.video_stream)]
        video = correct_colours(picture, seen)
        outputs = self.outputs(video, thinned=thinned)
        if thinned and seen.codec == "h264":
            # Frames that are not decoded are still parsed.
            outputs.append(picture.output("-", format="null", **{"c": "copy", "bsf:v": _PARSED}))

        def report(seconds: float) -> None:
            if on_progress is not None:
                on_progress(min(1.0, seconds / self._duration))

        self.complaints = runner.run(together(outputs, seen), on_progress=report).stderr

    def _samples(self) -> list[Sample]:
        try:
            return read_samples(self._path("samples").read_text("ascii", "replace"))
        except FileNotFoundError:
            return []

    def _moments(self) -> list[tuple[float, bytes]]:
        try:
            shots = self._path("candidates").read_bytes().split(_JPEG_END)[:-1]
            lumas = [float(found) for found in _LUMA.findall(self._path("luma").read_text())]
        except OSError:
            return []
        return [(luma, shot + _JPEG_END) for luma, shot in zip(lumas, shots, strict=False)]

    def _has_holes(self) -> bool:
        times = [0.0, *(sample.time for sample in self._samples()), self._duration]
        return any(after - before > _FURTHEST_APART for before, after in pairwise(times))

    def _path(self, name: str) -> Path:
        return self.folder / f"survey.{name}"


def together(outputs: list[Any], probe: Probe) -> list[str]:
    """Return the arguments of one run that writes several outputs from the same pictures."""
    # Otherwise each core has a thread for the filters, whose stacks count as memory.
    few = ["-filter_complex_threads", threads(probe.width * probe.height)]
    written: list[str] = ffmpeg.merge_outputs(*outputs).overwrite_output().get_args()
    return [*few, *written]


def _every(video: Any, interval: float, *, stays: bool) -> Any:
    """Select the picture in the middle of each interval, whatever the rate of the stream.

    ``stays``: the last picture is repeated, as there may be only one.
    """
    if stays:
        video = video.filter("tpad", stop_mode="clone", stop_duration=f"{interval:.6f}")
    # An earlier rate filter leaves its own coarse clock.
    shifted = video.filter("settb", "1/90000").filter("setpts", f"PTS-{interval / 2:.6f}/TB")
    return shifted.filter("fps", f"{1 / interval:.9f}", start_time=0, round="up")
