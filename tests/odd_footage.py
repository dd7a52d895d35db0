"""Files of recorders, broken copies and interrupted streams, made from one intact clip.

The clip lasts three seconds at 25 pictures a second, see `tests.format_samples`.
"""

import random
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe

from tests.format_samples import FORMATS, make

_MANY_BYTES = random.Random(7)


@dataclass(frozen=True)
class Odd:
    """One odd file: how it is made in a folder, and its expected result.

    ``seconds`` is its duration, ``pictures`` the number shown of 75 (a range where damage took
    some); ``flash`` when the middle turns white, None if that is lost; ``sound`` whether it is
    audible, at the flash; ``flaws`` the reported ones.
    """

    name: str
    make: Callable[[Path, Path], None]
    seconds: float = 3.0
    pictures: tuple[int, int] = (75, 75)
    flash: float | None = 1.0
    sound: bool = True
    flaws: set[str] = field(default_factory=set)
    size: tuple[int, int] = (320, 180)


def whole_clip(folder: Path) -> Path:
    """Write the clip from which the odd files are made; its key frames are half a second apart."""
    plain = make(next(form for form in FORMATS if form.name == "h264-aac.mp4"), folder)
    whole = folder / "whole.mp4"
    keys = ("-g", "12", "-crf", "4", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
    run("-i", plain, "-c:v", "libx264", *keys, "-c:a", "aac", "-movflags", "+faststart", whole)
    return whole


def run(*arguments: object) -> None:
    """Run the packaged ffmpeg."""
    command = [get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _copied(*options: object) -> Callable[[Path, Path], None]:
    return lambda whole, path: run("-i", whole, "-c", "copy", *options, path)


def _changed(
    change: Callable[[bytearray], bytes | bytearray], *options: object
) -> Callable[[Path, Path], None]:
    """Write a file with ffmpeg, then change its bytes."""

    def write(whole: Path, path: Path) -> None:
        run("-i", whole, *options, path)
        path.write_bytes(change(bytearray(path.read_bytes())))

    return write


def _cut(data: bytearray, share: float) -> bytearray:
    return data[: int(len(data) * share)]


def _holed(data: bytearray, share: float, length: int = 6000) -> bytearray:
    at = int(len(data) * share)
    data[at : at + length] = _MANY_BYTES.randbytes(length)
    return data


def _replaced(data: bytearray, old: bytes, new: bytes) -> bytes:
    assert old in data
    return bytes(data).replace(old, new)


def jumping(seconds: int) -> tuple[str, ...]:
    """Shift picture and sound by that many seconds from their middle on."""
    later = f"setts=ts='if(gte(N,{{}}),TS+{seconds}/TB,TS)'"
    return "-bsf:v", later.format(38), "-bsf:a", later.format(71)


def _step_back(data: bytearray) -> bytearray:
    """Restart the cluster times of a Matroska file at 0 from the second second on."""
    at = -1
    while (at := data.find(b"\x1f\x43\xb6\x75", at + 1)) >= 0:
        place = data.find(b"\xe7", at, at + 24)
        length = data[place + 1] & 0x7F
        time = int.from_bytes(data[place + 2 : place + 2 + length], "big")
        if time >= 95_442_000:
            time -= 95_442_000
        data[place + 2 : place + 2 + length] = time.to_bytes(length, "big")
    return data


def _wrong_index(data: bytearray, kind: str) -> bytearray:
    at = data.rindex(b"idx1")
    length = struct.unpack_from("<I", data, at + 4)[0]
    if kind == "noise":
        data[at + 8 : at + 8 + length] = _MANY_BYTES.randbytes(length)
    else:
        for entry in range(at + 8, at + 8 + length, 16):
            wrong = _MANY_BYTES.randrange(len(data)), _MANY_BYTES.randrange(9000)
            struct.pack_into("<II", data, entry + 8, *wrong)
    return data


def _preallocated(data: bytearray) -> bytearray:
    """Announce an hour, omit the index and end in zeros, like a recorder that lost power."""
    data = data[: data.rindex(b"idx1")]
    at = data.index(b"strh") + 8
    assert data[at : at + 4] == b"vids"
    struct.pack_into("<I", data, at + 32, 90_000)
    return data + bytes(500_000)


def _announcing(data: bytearray, seconds: float) -> bytearray:
    at = data.index(b"\x44\x89\x88")
    struct.pack_into(">d", data, at + 3, seconds * 1000)
    return data


def _late_picture(whole: Path, path: Path) -> None:
    tone = ("-f", "lavfi", "-i", "sine=duration=12:sample_rate=44100")
    run("-itsoffset", 7, "-i", whole, *tone, "-map", "0:v", "-map", "1:a", "-c:v", "copy",
        "-c:a", "aac", path)  # fmt: skip


def _cover_first(whole: Path, path: Path, size: str) -> None:
    cover = path.with_name("cover.mkv")
    run("-f", "lavfi", "-i", f"testsrc2=size={size}", "-frames:v", 1, "-c:v", "mjpeg", cover)
    run("-i", cover, "-i", whole, "-map", "0:v", "-map", "1", "-c", "copy", path)


def _unreadable_first_sound(whole: Path, path: Path) -> None:
    both = ("-map", "0:v", "-map", "0:a", "-map", "0:a")
    run("-i", whole, *both, "-c:v", "copy", "-c:a:0", "pcm_s16le", "-c:a:1", "aac", path)
    path.write_bytes(_replaced(bytearray(path.read_bytes()), b"A_PCM/INT/LIT", b"A_XYZ/INT/LIT"))


def _unusual_matrix(whole: Path, path: Path, number: int) -> None:
    plain = path.with_name(f"plain-{path.name}")
    run("-i", whole, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none",
        "-c:a", "aac", "-tag:v", "hvc1", plain)  # fmt: skip
    metadata = f"hevc_metadata=matrix_coefficients={number}:colour_primaries=22"
    run("-i", plain, "-c", "copy", "-bsf:v", f"{metadata}:transfer_characteristics=12", path)


def _two_sizes(whole: Path, path: Path) -> None:
    stream = b""
    for place, filters in enumerate(("null", "scale=640:480")):
        part = path.with_name(f"part{place}.h264")
        run("-i", whole, "-an", "-vf", filters, "-c:v", "libx264", "-preset", "ultrafast",
            "-pix_fmt", "yuv420p", part)  # fmt: skip
        stream += part.read_bytes()
    joined = path.with_name("joined.h264")
    joined.write_bytes(stream)
    run("-r", 25, "-i", joined, "-c", "copy", path)


_MJPEG = ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-c:a", "pcm_s16le")
_MPEG4 = ("-c:v", "mpeg4", "-c:a", "libmp3lame")
_PCM = ("-c:v", "copy", "-c:a", "pcm_s16le")
_COPY = ("-c", "copy")
_START = ("-movflags", "+faststart")
_SOME = (30, 74)
_DAMAGED, _CUT, _JUMPS, _MUTE = "damaged", "cut_short", "clock_jumps", "sound_unreadable"

ODD = [
    Odd("hole.mp4", _changed(partial(_holed, share=0.6), *_COPY, *_START), pictures=_SOME,
        flaws={_DAMAGED}),
    Odd("hole.mkv", _changed(partial(_holed, share=0.6), *_COPY), pictures=_SOME, flaws={_DAMAGED}),
    Odd("hole.mov", _changed(partial(_holed, share=0.6), *_COPY, *_START), pictures=_SOME,
        flaws={_DAMAGED}),
    Odd("cut.mp4", _changed(partial(_cut, share=0.6), *_COPY, *_START), seconds=1.4,
        pictures=_SOME, flaws={_DAMAGED}),
    Odd("cut.avi", _changed(partial(_cut, share=0.6), *_MPEG4, "-q:v", 2), seconds=1.8,
        pictures=_SOME, flaws={_DAMAGED}),
    Odd("late.mp4", _late_picture, seconds=12, flash=8.0),
    Odd("late.mkv", _late_picture, seconds=12, flash=8.0),
    Odd("late.flv", _late_picture, seconds=12, flash=8.0),
    Odd("unknown-sound.avi", _changed(
        partial(_replaced, old=b"\x10\0\0\0\1\0\1\0", new=b"\x10\0\0\0\x34\x12\1\0"), *_MJPEG,
        "-ac", 1), sound=False, flaws={_MUTE}),
    Odd("unknown-sound.mkv", _changed(
        partial(_replaced, old=b"A_PCM/INT/LIT", new=b"A_XYZ/INT/LIT"), *_PCM),
        sound=False, flaws={_MUTE}),
    Odd("unknown-sound.mov", _changed(partial(_replaced, old=b"sowt", new=b"xyzw"), *_PCM),
        sound=False, flaws={_MUTE}),
    Odd("second-sound.mkv", _unreadable_first_sound),
    Odd("hour.mkv", _copied("-output_ts_offset", 3600)),
    Odd("hour.mp4", _copied("-output_ts_offset", 3600)),
    Odd("hour.flv", _copied("-output_ts_offset", 3600)),
    Odd("hour-pieces.mp4", _copied("-output_ts_offset", 3600, "-movflags",
        "frag_keyframe+empty_moov+default_base_moof")),
    Odd("hour.webm", lambda whole, path: run("-i", whole, "-c:v", "libvpx", "-c:a", "libopus",
        "-output_ts_offset", 3600, path)),
    Odd("jump.mkv", _copied(*jumping(5000)), flaws={_JUMPS}),
    Odd("jump.mp4", _copied(*jumping(5000)), flaws={_JUMPS}),
    Odd("step-back.mkv", _changed(_step_back, *_COPY, "-output_ts_offset", 95_440,
        "-cluster_time_limit", 400), flaws={_JUMPS}),
    Odd("lies.mkv", _changed(partial(_announcing, seconds=7200), *_COPY), flaws={_CUT}),
    Odd("lies-short.mkv", _changed(partial(_announcing, seconds=1), *_COPY)),
    Odd("noise-index.avi", _changed(partial(_wrong_index, kind="noise"), *_MJPEG)),
    Odd("false-index.avi", _changed(partial(_wrong_index, kind="false"), *_MJPEG)),
    Odd("preallocated.avi", _changed(_preallocated, *_MJPEG), flaws={_CUT}),
    Odd("rgb-told.mp4", partial(_unusual_matrix, number=0)),
    Odd("ycgco-told.mp4", partial(_unusual_matrix, number=8)),
    Odd("ictcp-told.mp4", partial(_unusual_matrix, number=14)),
    Odd("two-sizes.mkv", _two_sizes, seconds=6, pictures=(150, 150), sound=False),
    Odd("two-sizes.mp4", _two_sizes, seconds=6, pictures=(150, 150), sound=False),
    Odd("small-cover.mp4", partial(_cover_first, size="160x90")),
    Odd("large-cover.mov", partial(_cover_first, size="1280x720")),
    Odd("large-cover.mkv", partial(_cover_first, size="1280x720")),
]  # fmt: skip
