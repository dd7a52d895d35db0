"""Watch by the link: like curl, OpenCV and ffmpeg, slowly, not at all, until it is revoked."""

import hashlib
import json
import re
import shutil
import struct
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import cv2
import imageio_ffmpeg
import pytest

from tests.functional.installation import Installation
from tests.functional.processes import SELDOM, bytes_written_by, established, wait_until
from tests.functional.web import Answer, Reader, Session, request
from tests.helpers import Footage

_BIG = 60 * 1024 * 1024
_FRAMES = 50


@dataclass(frozen=True)
class Source:
    """An uploaded source, ready, and its addresses for programs."""

    page: str
    data: bytes
    stream: str
    api: str
    download: str
    token: str


def _upload(vigint: Installation, browser: Session, name: str, data: bytes) -> Source:
    landed = browser.upload((name, data))
    assert landed.status == 200, landed.text
    page = urlsplit(landed.url).path
    found = re.search(r"/api/video/([\w.~-]+)/", landed.text)
    assert found, "the page shows the addresses for programs"
    token = found.group(1)
    vigint.secrets.add(token)
    api = f"{vigint.url}/api/video/{token}/"

    def ready() -> Answer | None:
        answer = request(api)
        assert answer.status == 200, answer.text
        assert answer.json()["status"] != "failed", answer.text
        return answer if answer.json()["status"] == "ready" else None

    links = wait_until(ready, f"{name} is ready", pause=SELDOM).json()["api_links"]
    return Source(page, data, links["stream_url"], api, links["download_url"], token)


@pytest.fixture(scope="module")
def browser(vigint: Installation) -> Session:
    """Give a logged-in administrator."""
    return vigint.session()


@pytest.fixture(scope="module")
def clip(vigint: Installation, browser: Session, footage: Footage) -> Source:
    """Give a small clip of 50 frames with sound."""
    data = footage.clip("watched.mp4", seconds=_FRAMES / 25).read_bytes()
    return _upload(vigint, browser, "watched.mp4", data)


@pytest.fixture(scope="module")
def big(vigint: Installation, browser: Session, footage: Footage) -> Source:
    """Give a video of 60 MB: a short clip, and a `free` box (ISO/IEC 14496-12, 8.1.2)."""
    data = footage.clip("watched.mp4", seconds=_FRAMES / 25).read_bytes()
    padding = _BIG - len(data)
    data += struct.pack(">I4s", padding, b"free") + bytes(padding - 8)
    return _upload(vigint, browser, "big.mp4", data)


def test_ranges_are_answered_as_rfc_9110_says(clip: Source) -> None:
    size, data = len(clip.data), clip.data
    whole = request(clip.stream)
    assert (whole.status, whole.body == data) == (200, True)
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert whole.headers["Content-Type"] == "video/mp4"
    etag = whole.headers["ETag"]
    assert etag == f'"{hashlib.sha256(data).hexdigest()}"'
    first = request(clip.stream, Range="bytes=0-99")
    assert (first.status, first.body) == (206, data[:100])
    assert first.headers["Content-Range"] == f"bytes 0-99/{size}"
    assert first.headers["Content-Length"] == "100"
    suffix = request(clip.stream, Range="bytes=-100")
    assert (suffix.status, suffix.body) == (206, data[-100:])
    assert suffix.headers["Content-Range"] == f"bytes {size - 100}-{size - 1}/{size}"
    beyond = request(clip.stream, Range=f"bytes={size}-")
    assert beyond.status == 416
    assert beyond.headers["Content-Range"] == f"bytes */{size}"
    stale = request(clip.stream, Range="bytes=0-99", If_Range='"another"')
    assert (stale.status, stale.body == data) == (200, True)
    fresh = request(clip.stream, Range="bytes=0-99", If_Range=etag)
    assert (fresh.status, fresh.body) == (206, data[:100])
    held = request(clip.stream, If_None_Match=etag)
    assert (held.status, held.body) == (304, b"")
    head = request(clip.stream, method="HEAD", Range="bytes=0-99")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(size))


def test_programs_get_what_they_ask_for_and_browsers_at_most_a_mebibyte(big: Source) -> None:
    program = request(big.stream, Range="bytes=1000-")
    assert len(program.body) == _BIG - 1000
    for address, headers in (
        (big.stream, {"Sec_Fetch_Dest": "video"}),
        (f"{big.stream}?view=one", {}),
    ):
        part = request(address, Range="bytes=1000-", **headers)
        assert (part.status, part.body) == (206, big.data[1000 : 1000 + 1024 * 1024])


def test_opencv_reads_the_stream_to_its_last_frame(clip: Source) -> None:
    capture = cv2.VideoCapture(clip.stream)
    try:
        read = 0
        while capture.read()[0]:
            read += 1
    finally:
        capture.release()
    assert read == _FRAMES


@pytest.mark.parametrize("origin", ["PATH", "packaged"])
def test_ffmpeg_reads_the_stream_to_its_last_frame(clip: Source, origin: str) -> None:
    program = shutil.which("ffmpeg")
    if origin == "packaged":
        program = imageio_ffmpeg.get_ffmpeg_exe()
    if program is None:
        pytest.skip("there is no ffmpeg on PATH")
    done = subprocess.run(
        [program, "-hide_banner", "-i", clip.stream, "-map", "0:v", "-f", "null", "-"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=150,
        check=True,
    )
    counts = re.findall(r"frame=\s*(\d+)", done.stderr)
    assert counts, done.stderr
    assert int(counts[-1]) == _FRAMES


def test_bytes_go_by_the_kernels_sendfile(vigint: Installation, big: Source) -> None:
    before = bytes_written_by(vigint.web_processes())
    assert len(request(big.download).body) == _BIG
    written = bytes_written_by(vigint.web_processes()) - before
    # The kernel counts sendfile() as a write, and send() not at all.
    assert written >= _BIG, f"only {written} of {_BIG} bytes went by sendfile"


def _kill_by_revocation(vigint: Installation, browser: Session, link_id: int) -> None:
    landed = browser.submit(f"/links/{link_id}/revoke", reason="test")
    assert landed.status == 200, landed.text


def _kill_by_expiry(vigint: Installation, browser: Session, link_id: int) -> None:
    now = datetime.now(UTC).replace(tzinfo=None).isoformat(" ")
    vigint.sql("UPDATE links SET expires_at = ? WHERE id = ?", now, link_id)


@pytest.mark.parametrize(
    ("kill", "code"),
    [(_kill_by_revocation, "link_revoked"), (_kill_by_expiry, "link_expired")],
    ids=["revoked", "expired"],
)
def test_a_download_under_way_is_cut_when_its_link_dies(
    vigint: Installation,
    browser: Session,
    big: Source,
    kill: Callable[[Installation, Session, int], None],
    code: str,
) -> None:
    [(link_id,)] = vigint.sql(
        "SELECT links.id FROM links JOIN videos ON videos.id = video_id"
        " WHERE original_size = ? AND audience = 'program'",
        _BIG,
    )
    reader = Reader(big.download)
    try:
        while reader.received < 1024 * 1024:
            assert reader.read(), "the download goes on while its link lives"
        kill(vigint, browser, link_id)
        began = time.monotonic()
        # At the speed of a good line; buffered bytes still arrive.
        while reader.read(128 * 1024):
            assert time.monotonic() - began < 60, "the download goes on after its link's death"
            time.sleep(0.05)
        print(f"{code}: cut after {time.monotonic() - began:.1f} s")
        assert reader.received < _BIG / 2, "it was cut, not finished"
        refused = request(big.download, Range="bytes=0-0")
        assert (refused.status, refused.json()["code"]) == (410, code)
    finally:
        reader.close()
        vigint.sql("UPDATE links SET revoked_at = NULL, expires_at = NULL WHERE id = ?", link_id)


def test_fifty_readers_that_do_not_read_hinder_nobody_and_are_cut(
    vigint: Installation, big: Source, clip: Source
) -> None:
    readers = [Reader(big.stream, asked=f"bytes=0-{_BIG - 1}") for _ in range(50)]
    # These never finish their request; others finish it, shut down, and stay connected.
    mutes = [Reader(vigint.url, end="") for _ in range(10)]
    loiterers = [
        Reader(f"{vigint.url}/healthz", end="Connection: close\r\n\r\n") for _ in range(20)
    ]
    try:
        for reader in readers:
            assert reader.read(16), "its answer has begun"
        assert established(vigint.port) >= 50, "all of them hold a connection"
        answers: dict[str, list[float]] = {}

        def all_are_cut() -> bool:
            """Send requests until the connections are closed: closing must delay no other client
            either.
            """
            for name, address in {
                "healthz": f"{vigint.url}/healthz",
                "login": f"{vigint.url}/login",
                "stream": clip.stream,
            }.items():
                began = time.monotonic()
                assert request(address).status == 200
                answers.setdefault(name, []).append(time.monotonic() - began)
            return established(vigint.port) == 0

        wait_until(all_are_cut, "those who do not read or write are cut", pause=SELDOM)
        # An otherwise busy machine may delay one request; waiting for stalled readers would delay
        # many.
        usual = {name: sorted(found)[int(len(found) * 0.95)] for name, found in answers.items()}
        print("95 of 100 answers took at most:", usual)
        assert min(map(len, answers.values())) >= 10, "too few to tell"
        assert max(usual.values()) < 1, usual
    finally:
        for reader in (*readers, *mutes, *loiterers):
            reader.close()


def test_a_view_is_counted_once_however_many_ranges_it_takes(
    vigint: Installation, footage: Footage
) -> None:
    document = {
        "message": "vue",
        "incident_data": {"incident_type": "Intrusion", "risk_level": "LOW"},
        "recipients": ["garde@example.com"],
    }
    data = footage.clip("watched.mp4", seconds=_FRAMES / 25).read_bytes()
    accepted = vigint.post(document, video=data)
    ended = vigint.finished(accepted)
    assert ended["state"] == "ready", json.dumps(ended)
    page = request(accepted["private_link"])
    assert page.status == 200
    stream = re.search(r'src="(/stream/[^"]+)"', page.text)
    assert stream, "the page has a player"
    address = vigint.url + stream.group(1).replace("&amp;", "&")
    with ThreadPoolExecutor(8) as pool:
        parts = list(
            pool.map(lambda n: request(address, Range=f"bytes={n}-{n + 9}").status, range(24))
        )
    assert parts == [206] * 24
    views = vigint.sql(
        "SELECT views FROM links JOIN videos ON videos.id = video_id"
        " WHERE public_id = ? AND recipient IS NULL AND audience = 'person'",
        accepted["video_id"],
    )
    assert views == [(1,)], views
