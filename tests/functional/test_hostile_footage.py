"""A good alert among hostile footage is mailed in seconds, whichever parser is attacked."""

import base64
import os
import struct
import time
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.functional.installation import Installation
from tests.functional.processes import wait_until
from tests.functional.web import multipart, request
from tests.helpers import Footage

Document = Callable[..., dict[str, Any]]
Post = Callable[[Installation], None]

HOSTILE = 10
_MARK = b"\xff\xd8\xff\xc0\x00\x0b\x08\x00\x10\x00\x10\x01\x01\x11\x00"
_SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"


def _chunk(name: bytes, content: bytes = b"") -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + checksum


def _png(width: int, height: int, *chunks: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join([_chunk(b"IHDR", header), *chunks, _chunk(b"IEND")])


def _unpacked(width: int, height: int) -> bytes:
    packer = zlib.compressobj(9)
    lines = b"".join(packer.compress(bytes(1 + 3 * width)) for _ in range(height))
    return lines + packer.flush()


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


FRAMES: dict[str, Callable[[], bytes]] = {
    "jpeg of fill bytes": lambda: _MARK + _SCAN + b"\xff" * 1_000_000,
    "jpeg of restart markers": lambda: _MARK + _SCAN + b"\xff\xd0" * 500_000 + b"\xff\xd9",
    "jpeg of segments": lambda: _MARK + b"\xff\xfe\0\2" * 250_000,
    "jpeg of scans": lambda: _MARK + (_SCAN + b"\1") * 90_000 + b"\xff\xd9",
    "jpeg of 65,500 lines": lambda: (
        _MARK[:7] + struct.pack(">HH", 65_500, 65_500) + _MARK[11:] + _SCAN + b"\1\xff\xd9"
    ),
    "png of chunks": lambda: _png(16, 16, *[_chunk(b"tEXt")] * 80_000),
    "animated png": lambda: _png(
        16, 16, _chunk(b"acTL", struct.pack(">II", 5_000, 0)),
        *[_chunk(b"fcTL", bytes(26)) + _chunk(b"fdAT", bytes(4))] * 4_000,
    ),
    "png of 65,500 lines": lambda: _png(65_500, 65_500, _chunk(b"IDAT", _unpacked(1, 99))),
    "png that unpacks to 190 MB": lambda: (
        _png(7_990, 8_000, _chunk(b"IDAT", _unpacked(7_990, 8_000)))
    ),
}  # fmt: skip
VIDEOS: dict[str, Callable[[], bytes]] = {
    "mp4 of boxes": lambda: _box(b"ftyp", b"isom\0\0\2\0isom") + _box(b"free", b"") * 300_000,
    "mp4 of nested boxes": lambda: _box(b"ftyp", b"isom\0\0\2\0isom") + _nested(20_000),
    "avi of lists": lambda: (
        b"RIFF\xff\xff\xff\x7fAVI " + (b"LIST\xff\xff\xff\x7fhdrl" * 100_000)
    ),
    "noise": lambda: bytes(range(256)) * 20_000,
}  # fmt: skip


def _nested(depth: int) -> bytes:
    opened = [struct.pack(">I", 8 * (depth - at)) + b"moov" for at in range(depth)]
    return b"".join(opened)


def _post_frame(made: Callable[[], bytes]) -> Post:
    frame = made()
    document = {
        "message": "hostile",
        "recipients": [],
        "frames": [{"frame_data": base64.b64encode(frame).decode(), "timestamp": 1}],
    }
    return lambda vigint: _ignore(vigint.post(document))


def _post_video(made: Callable[[], bytes]) -> Post:
    video = made()
    return lambda vigint: _ignore(vigint.post({"message": "hostile", "recipients": []}, video))


def _post_body(kind: str, body: bytes) -> Post:
    """Return a function that posts a body and ignores the answer."""

    def post(vigint: Installation) -> None:
        headers = {"Content_Type": kind, "X_API_Key": vigint.api_key}
        request(f"{vigint.url}/api/v1/incidents", body, method="POST", **headers)

    return post


def _as_it_is(post: Post) -> Post:
    return post


def _ignore(_: object) -> None:
    return


def _multipart(name: bytes) -> bytes:
    body, _kind = multipart([("incident", None, b'{"message": "m"}')])
    return body.replace(b'name="incident"', name)


BODIES: dict[str, Post] = {
    "nested json": _post_body("application/json", b'{"message":' + b"[" * 1_000_000),
    "json of objects": _post_body("application/json", b'{"a":' * 500_000),
    "base64 of spaces": _post_body(
        "application/json",
        b'{"message": "m", "frames": [{"frame_data": "' + b" =" * 1_000_000 + b'"}]}',
    ),
    "marks": _post_body(
        "application/json",
        b'{"message": "m", "incident_data": {"camera": "' + b"\\u0316\\u0300" * 100_000 + b'"}}',
    ),
    "multipart of line ends": _post_body("multipart/form-data; boundary=b", b"\r\n" * 500_000),
    "multipart of dashes": _post_body("multipart/form-data; boundary=b", b"--b\r\n" * 200_000),
    "multipart of header parameters": _post_body(
        "multipart/form-data; boundary=b",
        b"--b\r\nContent-Disposition: form-data; " + b"filename*0=a; " * 4_000 + b"\r\n\r\n",
    ),
}
# The others run with --campaign: they attack parsers with tests of their own.
ORDINARY = {
    "jpeg of fill bytes",
    "png of chunks",
    "png of 65,500 lines",
    "mp4 of boxes",
    "nested json",
}
POSTS: dict[str, Callable[[], Post]] = {
    **{name: partial(_post_frame, made) for name, made in FRAMES.items()},
    **{name: partial(_post_video, made) for name, made in VIDEOS.items()},
    **{name: partial(_as_it_is, post) for name, post in BODIES.items()},
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in ORDINARY else pytest.mark.campaign) for n in POSTS],
)
def test_a_good_alert_among_hostile_footage_goes_out(
    vigint: Installation, document: Document, footage: Footage, name: str
) -> None:
    good = document()
    post = POSTS[name]()
    for _ in range(HOSTILE // 2):
        post(vigint)
    accepted = vigint.post(good)
    began = time.monotonic()
    for _ in range(HOSTILE // 2):
        post(vigint)
    # Ten seconds on an otherwise idle machine.
    allowed = 10 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    wait_until(lambda: vigint.mails(accepted["reference"]), "the good alert's mail", allowed)
    print(f"{name}: {time.monotonic() - began:.1f} s of {allowed:.0f}")
    assert vigint.status(accepted)["state"] == "ready", "it was mailed without its video"
    wait_until(lambda: not _unfinished(vigint), "the hostile ones are settled", 10 * allowed)


def _unfinished(vigint: Installation) -> int:
    [(number,)] = vigint.sql("SELECT count(*) FROM videos WHERE status = 'processing'")
    return int(number)
