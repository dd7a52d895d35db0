"""Damaged files by number: the same number is the same damage."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.format_samples import FORMATS, Format, make
from tests.integration.media.media_samples import picture

# Small, fast to decode, and of every container.
CLIPS = (
    "h264-aac.mp4", "h264-pieces.mp4", "hevc-aac.mp4", "h264-pcm.mov", "mjpeg-pcm.mov",
    "h264-vorbis.mkv", "vp9-opus.mkv", "vp8-vorbis.webm", "xvid-mp3.avi", "mjpeg-pcm.avi",
    "wmv2-wma.wmv", "flv1-mp3.flv", "h264-aac.flv", "h264-aac.m4v",
)  # fmt: skip
_SUFFIXES = ("mp4", "avi", "mov", "mkv", "wmv", "flv", "webm", "m4v")


@dataclass(frozen=True)
class Damaged:
    """A file, its original name, and its damage."""

    name: str
    data: bytes
    story: str


def make_clips(folder: Path) -> list[bytes]:
    """Return the intact files to damage."""
    by_name: dict[str, Format] = {form.name: form for form in FORMATS}
    return [make(by_name[name], folder).read_bytes() for name in CLIPS]


def damage(number: int, clips: Sequence[bytes]) -> Damaged:
    """Return the damaged file of a number."""
    chance = random.Random(number)
    place = chance.randrange(len(clips))
    suffix = CLIPS[place].rpartition(".")[2]
    data, story = _STORIES[number % len(_STORIES)](chance, clips[place])
    if chance.random() < 0.3:
        suffix = chance.choice(_SUFFIXES)
    return Damaged(f"{number:03d}.{suffix}", data, f"{CLIPS[place]}: {story}")


def _truncated(chance: random.Random, data: bytes) -> tuple[bytes, str]:
    end = chance.randrange(1, len(data))
    return data[:end], f"cut at {end} of {len(data)}"


def _headless(chance: random.Random, data: bytes) -> tuple[bytes, str]:
    start = chance.randrange(1, len(data))
    return data[start:], f"begins at {start} of {len(data)}"


def _flipped(chance: random.Random, data: bytes) -> tuple[bytes, str]:
    changed = bytearray(data)
    flips = chance.choice((1, 3, 10, 100, 1000))
    for _ in range(flips):
        changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(changed), f"{flips} bits flipped"


def _flipped_in_headers(chance: random.Random, data: bytes) -> tuple[bytes, str]:
    """Where indexes and headers are: the first and the last kilobytes."""
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 30)):
        edge = chance.randrange(min(len(data), 2048))
        changed[edge if chance.random() < 0.6 else -edge - 1] = chance.randrange(256)
    return bytes(changed), "bytes changed in the headers"


def _holed(chance: random.Random, data: bytes) -> tuple[bytes, str]:
    start = chance.randrange(len(data))
    length = chance.randrange(1, max(2, len(data) // 2))
    hole = bytes(min(length, len(data) - start))
    return data[:start] + hole + data[start + len(hole) :], f"zeros at {start}, {len(hole)} bytes"


def _shuffled(chance: random.Random, data: bytes) -> tuple[bytes, str]:
    size = chance.choice((64, 512, 4096))
    blocks = [data[at : at + size] for at in range(0, len(data), size)]
    first, second = chance.randrange(len(blocks)), chance.randrange(len(blocks))
    blocks[first], blocks[second] = blocks[second], blocks[first]
    return b"".join(blocks), f"blocks {first} and {second} of {size} swapped"


def _huge_numbers(chance: random.Random, data: bytes) -> tuple[bytes, str]:
    """Sizes and counts of billions, at any position of four bytes."""
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(min(len(data) - 4, 4096))
        if chance.random() < 0.5:
            at = len(data) - 4 - at
        changed[at : at + 4] = chance.choice(
            (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x80\0\0\0")
        )
    return bytes(changed), "numbers of billions"


def _billion_pixels(chance: random.Random, data: bytes) -> tuple[bytes, str]:
    """Replace the picture size, wherever it occurs as two numbers, by a huge one."""
    width, height = chance.choice(((32_768, 32_768), (65_535, 65_535), (40_000, 25_000)))
    for order in ("big", "little"):
        for length in (2, 4):
            for pair in ((320, 180), (180, 320)):
                encoded = b"".join(side.to_bytes(length, order) for side in pair)
                huge = b"".join(
                    min(side, 256**length - 1).to_bytes(length, order) for side in (width, height)
                )
                data = data.replace(encoded, huge)
    return data, f"says {width}x{height}"


def _other(chance: random.Random, data: bytes) -> tuple[bytes, str]:
    kind = chance.choice(("nothing", "text", "jpeg", "png", "random", "zeros", "magic"))
    return {
        "nothing": b"",
        "text": b"These are notes and no video.\n" * chance.randrange(1, 500),
        "jpeg": picture(number := chance.randrange(100)),
        "png": picture(number, kind="PNG"),
        "random": chance.randbytes(chance.randrange(1, 50_000)),
        "zeros": bytes(chance.randrange(1, 50_000)),
        "magic": data[: chance.randrange(4, 64)] + chance.randbytes(5000),
    }[kind], kind


_STORIES = (
    _truncated, _flipped, _flipped_in_headers, _other, _holed, _huge_numbers, _billion_pixels,
    _headless, _shuffled, _flipped,
)  # fmt: skip
