"""Write pictures as a Matroska stream, each with the exact time at which it is shown.

ffmpeg reads such a stream from a pipe and keeps every time, unlike with its own image demuxers.
Sources: RFC 8794 (EBML), RFC 9559 (Matroska).
"""

import struct
from collections.abc import Iterable, Iterator

from vigint_web.media.frames import Kind

_TIMESTAMP_SCALE_NS = 1_000_000
_UNKNOWN_SIZE = b"\x01\xff\xff\xff\xff\xff\xff\xff"
_TRACK = 1
_VIDEO_TRACK_TYPE = 1

# Element IDs (RFC 8794, section 11.2; RFC 9559, section 5).
_EBML, _EBML_MAX_ID_LENGTH, _EBML_MAX_SIZE_LENGTH = 0x1A45DFA3, 0x42F2, 0x42F3
_DOC_TYPE, _DOC_TYPE_VERSION, _DOC_TYPE_READ_VERSION = 0x4282, 0x4287, 0x4285
_SEGMENT, _INFO, _TIMESTAMP_SCALE = 0x18538067, 0x1549A966, 0x2AD7B1
_MUXING_APP, _WRITING_APP = 0x4D80, 0x5741
_TRACKS, _TRACK_ENTRY, _TRACK_NUMBER, _TRACK_UID = 0x1654AE6B, 0xAE, 0xD7, 0x73C5
_TRACK_TYPE, _FLAG_LACING, _DEFAULT_DURATION = 0x83, 0x9C, 0x23E383
_CODEC_ID, _CODEC_PRIVATE, _VIDEO, _PIXEL_WIDTH, _PIXEL_HEIGHT = 0x86, 0x63A2, 0xE0, 0xB0, 0xBA
_CLUSTER, _TIMESTAMP, _BLOCK_GROUP, _BLOCK = 0x1F43B675, 0xE7, 0xA0, 0xA1
_BLOCK_DURATION = 0x9B


def stream(
    frames: Iterable[tuple[int, int, bytes]],
    *,
    kind: Kind,
    width: int,
    height: int,
    interval_ms: int | None = None,
) -> Iterator[bytes]:
    """Yield a Matroska stream of pictures of one kind.

    ``frames`` are (offset in ms, duration in ms, file bytes), offsets rising; they are drawn one
    at a time. ``interval_ms``, the usual time between frames, becomes the track's default
    duration. The segment's size stays unknown, as for a live stream (RFC 8794, section 6.2);
    each frame is a cluster of its own, because a block's time is relative to its cluster and
    has 16 bits only.
    """
    yield _header(kind, width, height, interval_ms)
    for offset_ms, duration_ms, data in frames:
        block = struct.pack(">BhB", 0x80 | _TRACK, 0, 0) + data
        group = _element(_BLOCK, block) + _number(_BLOCK_DURATION, duration_ms)
        yield _element(_CLUSTER, _number(_TIMESTAMP, offset_ms) + _element(_BLOCK_GROUP, group))


def _header(kind: Kind, width: int, height: int, interval_ms: int | None) -> bytes:
    ebml = (
        _number(_EBML_MAX_ID_LENGTH, 4)
        + _number(_EBML_MAX_SIZE_LENGTH, 8)
        + _element(_DOC_TYPE, b"matroska")
        + _number(_DOC_TYPE_VERSION, 4)
        + _number(_DOC_TYPE_READ_VERSION, 2)
    )
    info = (
        _number(_TIMESTAMP_SCALE, _TIMESTAMP_SCALE_NS)
        + _element(_MUXING_APP, b"Vigint")
        + _element(_WRITING_APP, b"Vigint")
    )
    track = (
        _number(_TRACK_NUMBER, _TRACK)
        + _number(_TRACK_UID, _TRACK)
        + _number(_TRACK_TYPE, _VIDEO_TRACK_TYPE)
        + _number(_FLAG_LACING, 0)
        + _codec(kind, width, height)
        + _element(_VIDEO, _number(_PIXEL_WIDTH, width) + _number(_PIXEL_HEIGHT, height))
    )
    if interval_ms:
        track += _number(_DEFAULT_DURATION, interval_ms * _TIMESTAMP_SCALE_NS)
    return (
        _element(_EBML, ebml)
        + _id(_SEGMENT)
        + _UNKNOWN_SIZE
        + _element(_INFO, info)
        + _element(_TRACKS, _element(_TRACK_ENTRY, track))
    )


def _codec(kind: Kind, width: int, height: int) -> bytes:
    if kind == "jpeg":
        return _element(_CODEC_ID, b"V_MJPEG")
    # Matroska has no codec of its own for PNG: it is a Video for Windows format, whose private data
    # is a BITMAPINFOHEADER (Matroska codec mappings, V_MS/VFW/FOURCC).
    bitmap_info = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 24, b"MPNG", 0, 0, 0, 0, 0)
    return _element(_CODEC_ID, b"V_MS/VFW/FOURCC") + _element(_CODEC_PRIVATE, bitmap_info)


def _number(name: int, value: int) -> bytes:
    return _element(name, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def _element(name: int, content: bytes) -> bytes:
    return _id(name) + _size(len(content)) + content


def _id(name: int) -> bytes:
    return name.to_bytes((name.bit_length() + 7) // 8, "big")


def _size(value: int) -> bytes:
    # A size of n bytes holds 7n bits; all ones means "unknown" (RFC 8794, sections 4 and 6.2).
    length = next(n for n in range(1, 9) if value < (1 << 7 * n) - 1)
    return ((1 << 7 * length) | value).to_bytes(length, "big")
